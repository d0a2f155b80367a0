"""Structure keys: equal whatever the names, different whatever else differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from core_registry import CASES

from icrn_core import ICRN, RateLaw, compile_icrn, simulate
from icrn_core.structure import anonymous, structure_key


@pytest.mark.parametrize("name", CASES)
def test_the_key_knows_no_names(name) -> None:
    icrn = CASES[name]().icrn
    assert structure_key(anonymous(icrn)) == structure_key(icrn)
    assert anonymous(anonymous(icrn)) == anonymous(icrn)


def test_different_structures_have_different_keys() -> None:
    keys = {name: structure_key(make().icrn) for name, make in CASES.items()}
    assert len(set(keys.values())) == len(keys)


def other_law(icrn: ICRN) -> ICRN:
    first, *rest = icrn.reactions
    return replace(icrn, reactions=(replace(first, law=RateLaw(("times", 2.0, first.law.template))), *rest))


def other_stoichiometry(icrn: ICRN) -> ICRN:
    first, *rest = icrn.reactions
    sides = {
        side: tuple(replace(t, stoichiometry=3.0 * t.stoichiometry) for t in getattr(first, side))
        for side in ("reactants", "products")
    }
    return replace(icrn, reactions=(replace(first, **sides), *rest))


def other_boundary(icrn: ICRN) -> ICRN:
    first, *rest = icrn.species
    return replace(icrn, species=(replace(first, is_boundary=not first.is_boundary), *rest))


def other_domain(icrn: ICRN) -> ICRN | None:
    first, *rest = icrn.reactions
    domain = first.domain
    if not domain.symbols or domain.relation is not None:
        return None
    mask = np.ones(domain.shape, dtype=bool) if domain.mask is None else domain.mask.copy()
    mask.flat[0] = not mask.flat[0]
    return replace(icrn, reactions=(replace(first, domain=replace(domain, mask=mask)), *rest))


def other_relation(icrn: ICRN) -> ICRN | None:
    for k, reaction in enumerate(icrn.reactions):
        relation = reaction.domain.relation
        if relation is not None and len(relation) > 1:
            changed = replace(reaction, domain=replace(reaction.domain, relation=relation[:-1]))
            return replace(icrn, reactions=(*icrn.reactions[:k], changed, *icrn.reactions[k + 1 :]))
    return None


def one_reaction_less(icrn: ICRN) -> ICRN:
    return replace(icrn, reactions=icrn.reactions[:-1])


CHANGES = (other_law, other_stoichiometry, other_boundary, other_domain, other_relation, one_reaction_less)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_structure_changes_the_key(change) -> None:
    changed = {}
    for name, make in CASES.items():
        icrn = make().icrn
        other = change(icrn) if icrn.reactions else None
        if other is not None:
            changed[name] = (structure_key(icrn), structure_key(other))
    assert changed, "no network of the registry can be changed so"
    assert all(before != after for before, after in changed.values())


@pytest.mark.parametrize("name", sorted(CASES)[1::5])
def test_networks_without_names_have_the_same_trajectories(name) -> None:
    case = CASES[name]()
    plain = anonymous(case.icrn)
    values = {b.name: case.values[a.name] for a, b in zip(case.icrn.species, plain.species, strict=True)}
    params = {b.name: case.params[a.name] for a, b in zip(case.icrn.constants, plain.constants, strict=True)}
    times = np.linspace(0.0, case.end, 5)
    named = simulate(compile_icrn(case.icrn), case.values, case.params, times)
    found = simulate(compile_icrn(plain), values, params, times)
    for a, b in zip(case.icrn.species, plain.species, strict=True):
        np.testing.assert_array_equal(found.states[b.name], named.states[a.name])
