"""Blocks of several rules are split, and patterns in names become indices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from network_registry import CELL, parameters, product, random_network, reaction, species

from converters import enumerate_network, fold_network
from converters.fold.bits import plan_bits
from converters.fold.candidates import candidates
from converters.fold.domains import plan_domains
from converters.fold.facts import group_items
from converters.fold.items import take_inventory
from converters.fold.patterns import find_pattern, subset_bits
from converters.fold.search import element_values
from converters.fold.splitting import cheaper_when_split, split_plan
from icrn_io.network import Network

SITES = ("Y", "pY", "pY!1")  # states of two sites; "pY!1" has an adaptor bound


def receptor(n_first: int = 5, n_second: int = 6) -> Network:
    """Return two rules over one base, each moving one index and leaving the other alone."""
    ids = [f"X_{i}_{j}" for i in range(n_first) for j in range(n_second)]
    up = [(f"X_0_{j}", f"X_1_{j}", "k1") for j in range(n_second)] + [
        (f"X_{i}_2", f"X_{i}_4", "k2") for i in range(n_first)
    ]
    return Network(
        "receptor",
        compartments=(CELL,),
        species=species(*ids),
        parameters=parameters("k1", "k2"),
        reactions=tuple(reaction(f"r{n}", [a], [b], product("cell", k, a)) for n, (a, b, k) in enumerate(up)),
    )


def two_sites() -> Network:
    """Return a receptor with two sites whose species are numbered and named by patterns."""
    states = [(a, b) for a in range(3) for b in range(3)]
    ids = {state: f"S{n + 1}" for n, state in enumerate(states)}
    reactions = []
    for a, b in states:
        for new, k in (((a + 1, b), f"k{a}"), ((a, b + 1), f"q{b}")):
            if new in ids:
                source, target = ids[a, b], ids[new]
                law = product("cell", k, source)
                reactions.append(reaction(f"r{len(reactions)}", [source], [target], law))
    names = {ids[a, b]: _pattern(a, b) for a, b in states}
    return Network(
        "sites",
        compartments=(CELL,),
        species=tuple(replace(s, name=names[s.id]) for s in species(*names)),
        parameters=parameters("k0", "k1", "q0", "q1"),
        reactions=tuple(reactions),
    )


def _pattern(a: int, b: int) -> str:
    bound = [f"G(s!{bond})" for bond, state in ((1, a), (2, b)) if state == 2]
    return ".".join([f"R(x~{SITES[a]},y~{SITES[b].replace('1', '2')})", *bound])


def plans(network: Network):
    """Yield the plan of each candidate labelling of a network, and the values of its elements."""
    inventory = take_inventory(network)
    elements = inventory.elements
    stages = [
        group_items(items, elements)
        for items in (inventory.reactions, inventory.assignments, inventory.initial)
    ]
    values = element_values(elements)
    for candidate in candidates([group for stage in stages for group in stage], elements):
        yield plan_domains(stages, candidate.labelling), values


def items(plan):
    """Return the items of a plan in order, by group."""
    return sorted(i for domain in plan.domains for i in domain.block.group.ids[domain.block.rows])


@pytest.mark.parametrize("make", [receptor, two_sites, *(lambda s=s: random_network(s) for s in range(5))])
def test_splitting_keeps_every_item_and_never_costs(make):
    for plan, values in plans(make()):
        assert items(split_plan(plan, {})) == items(plan)
        price = plan_bits(plan, values)
        found, bits = cheaper_when_split(plan, price, values, {})
        assert bits == pytest.approx(plan_bits(found, values))
        assert bits <= price


def test_rules_become_products_of_their_own():
    two_axes = [
        plan
        for plan, _ in plans(receptor(12, 14))
        if any(draft.n_axes == 2 and not draft.is_list for draft in plan.labelling.drafts)
    ]
    assert two_axes
    for plan in two_axes[:1]:
        forms = [(domain.form, domain.n_rows) for domain in split_plan(plan, {}).stages[0]]
        assert sorted(forms) == [("dense", 12), ("dense", 14)]


def test_splits_are_the_same_every_time():
    for plan, _ in plans(receptor(12, 14)):
        first, second = split_plan(plan, {}), split_plan(plan, {})
        assert len(first.domains) == len(second.domains)
        for a, b in zip(first.domains, second.domains, strict=True):
            assert np.array_equal(a.block.rows, b.block.rows)


def test_patterns_in_names_are_indices():
    network = two_sites()
    assert enumerate_network(fold_network(network)) == network
    hows = {draft.how for plan, _ in plans(network) for draft in plan.labelling.drafts}
    assert "BioNetGen patterns" in hows
    nameless = replace(network, species=tuple(replace(s, name="") for s in network.species))
    hows = {draft.how for plan, _ in plans(nameless) for draft in plan.labelling.drafts}
    assert "BioNetGen patterns" not in hows


def test_states_of_many_sites_in_digits_are_an_index_each():
    """Which site a reaction changes, its constant alone tells: ``S_0_1_1 -> S_1_1_1; k0``."""
    n = 6
    states = [np.binary_repr(k, n) for k in range(2**n)]

    def name(state: str) -> str:
        return "_".join(("S", *state))

    reactions = [
        reaction(
            f"J{state}x{site}",
            [name(state)],
            [name(f"{state[:site]}1{state[site + 1 :]}")],
            product(f"k{site}", name(state)),
        )
        for state in states
        for site in range(n)
        if state[site] == "0"
    ]
    network = Network(
        compartments=(CELL,),
        species=species(*map(name, states)),
        parameters=parameters(*(f"k{site}" for site in range(n))),
        reactions=tuple(reactions),
    )
    folding = fold_network(network)
    assert enumerate_network(folding) == network
    assert max(len(base.shape) for base in folding.icrn.species) == n
    assert folding.report.n_strict < len(reactions) / 8


def test_tuples_of_very_many_symbols_have_a_price():
    """The product of their index sets is beyond what a float holds."""
    table = np.random.default_rng(0).integers(0, 40, size=(40, 250))
    pattern = find_pattern(table, [40] * 250, [0] * 250)
    assert pattern.parts and np.isfinite(pattern.bits)
    assert subset_bits(2, 10**400) == pytest.approx(800 * np.log2(10) - 1)
