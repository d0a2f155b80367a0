"""Folding finds the structure that is there, and says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from network_registry import (
    CELL,
    NETWORKS,
    dimerization,
    parameters,
    product,
    random_network,
    reaction,
    repeated,
    species,
)

from converters import describe, fold_network
from converters.fold.components import components
from converters.show import reaction_lines
from icrn_core.icrn import is_slot, walk
from icrn_io import ModelIOError, read_model
from icrn_io.expression import symbol
from icrn_io.network import AssignmentRule, Event, Network, Parameter

# name: (indexed reactions with directions joined, form of the first, sizes of its symbols)
STRUCTURES = {
    "dimerization": (1, "dense", (5, 5)),
    "dimerization, one way": (1, "dense", (4, 4)),
    "decay": (1, "dense", (6,)),
    "opaque constants": (1, "dense", (3, 4)),
    "exclusion": (1, "dense with missing entries", (6, 6)),
    "ring": (1, "relation", (7, 7)),
    "repeated": (1, "relation", ()),
}

MODELS = {"winner_take_all": 5, "dimerization": 1, "hopfield": 7}


@pytest.mark.parametrize("name", STRUCTURES)
def test_known_structure(name):
    n_indexed, form, sizes = STRUCTURES[name]
    folding = fold_network(NETWORKS[name]())
    assert len(folding.icrn.reactions) - len(folding.joins) == n_indexed
    assert folding.report.groups[0].form == form
    assert folding.icrn.reactions[0].domain.shape == sizes


@pytest.mark.parametrize("name", MODELS)
def test_shipped_models(name, models_dir):
    folding = fold_network(read_model(models_dir / f"{name}.xml"))
    assert len(folding.icrn.reactions) - len(folding.joins) <= MODELS[name]


def test_opaque_constants_become_a_tensor():
    folding = fold_network(NETWORKS["opaque constants"]())
    assert any(constant.shape == (3, 4) for constant in folding.icrn.constants)


@pytest.mark.parametrize("seed", range(10))
def test_groups_do_not_depend_on_file_order(seed):
    network = random_network(seed)
    rng = np.random.default_rng(seed)
    shuffled = replace(
        network,
        species=tuple(network.species[k] for k in rng.permutation(len(network.species))),
        reactions=tuple(network.reactions[k] for k in rng.permutation(len(network.reactions))),
    )

    def sizes(n):
        return sorted(group.n_reactions for group in fold_network(n).report.groups)

    assert sizes(shuffled) == sizes(network)


@pytest.mark.parametrize("seed", range(20))
def test_every_reaction_is_in_exactly_one_group(seed):
    network = random_network(seed)
    folding = fold_network(network)
    listed = [
        i
        for name, ids in folding.identity.tuples.items()
        for i in ids
        if folding.identity.roles[name] == "reaction"
    ]
    assert sorted(listed) == sorted(r.id for r in network.reactions)


def test_one_odd_reaction_stays_an_exception():
    network = dimerization(4, reversible=False)
    odd = replace(network.reactions[5], kinetic_law=product("cell", "kf_2_2", "M_2", "M_2", 2.0))
    folding = fold_network(replace(network, reactions=(*network.reactions[:5], odd, *network.reactions[6:])))
    assert sorted(group.n_reactions for group in folding.report.groups) == [1, 15]


def test_reversible_laws_are_split_into_mass_action():
    folding = fold_network(dimerization(3))
    (join,) = folding.joins
    forward, backward = (
        next(r for r in folding.icrn.reactions if r.name == n) for n in (join.forward, join.backward)
    )
    assert forward.reactants == backward.products and forward.products == backward.reactants
    assert not any(node[0] == "minus" for node in walk(forward.law.template) if isinstance(node, tuple))


def test_slots_are_numbered_without_gaps():
    for make in NETWORKS.values():
        icrn = fold_network(make()).icrn
        for item in (*icrn.reactions, *icrn.assignments, *icrn.initial_assignments):
            slots = {node[1] for node in walk(item.law.template) if is_slot(node)}
            assert slots == set(range(len(item.slots)))


def test_compression_is_reported():
    report = fold_network(dimerization(6)).report
    assert report.folded_bits < report.flat_bits
    assert report.n_reactions == 36


def test_circular_rules_are_named():
    rules = (AssignmentRule("a", symbol("b")), AssignmentRule("b", symbol("a")))
    network = Network(
        "circle", parameters=(Parameter("a", None, False), Parameter("b", None, False)), rules=rules
    )
    with pytest.raises(ModelIOError, match=r"circle: (a → b → a|b → a → b)"):
        fold_network(network)


def test_missing_values_are_named_and_never_zero():
    network = Network(
        "missing",
        compartments=(CELL,),
        species=species("A"),
        parameters=(Parameter("k", None),),
        reactions=(reaction("J", ["A"], [], product("k", "A")),),
    )
    folding = fold_network(network)
    assert [(u.feature, u.element_id) for u in folding.unsupported] == [("missing value", "k")]
    base, position = folding.identity.positions["k"]
    assert np.isnan(folding.values[base].flat[position])


def test_held_constructs_are_named():
    network = replace(repeated(), events=(Event("e1", symbol("A")),), parameters=parameters("k"))
    assert ("event", "e1") in [(u.feature, u.element_id) for u in fold_network(network).unsupported]


def test_description_names_index_sets_reactions_and_rates():
    text = describe(fold_network(dimerization(3)))
    assert "M[i] + M[j] ⇌ D[i,j]" in text
    assert "cell*kf[i,j]" in text
    assert "I (3): 1, 2, 3" in text


def test_symbols_are_told_from_ids_of_the_model():
    """Names of symbols, index sets and lists are no ids of the model."""
    network = dimerization(3)
    taken = parameters("i", "j", "J", "species1", "parameter1")
    icrn = fold_network(replace(network, parameters=(*network.parameters, *taken))).icrn
    symbols = {s.name for r in icrn.reactions for s in r.domain.symbols}
    assert symbols and not symbols & {p.id for p in taken}
    assert not {s.name for s in icrn.index_sets()} & {"I", "J"}


def test_mass_action_is_told_from_a_constant_flux():
    network = Network(
        "both",
        compartments=(CELL,),
        species=species("A", "B"),
        parameters=parameters("k1", "k2"),
        reactions=(
            reaction("mass", ["A"], ["B"], product("k1", "A")),
            reaction("constant", ["B"], ["A"], symbol("k2")),
        ),
    )
    rates = {rate for _, _, rate, _ in reaction_lines(fold_network(network))}
    assert rates == {"k1", "v = k2"}


@pytest.mark.parametrize("seed", range(20))
def test_components_are_those_of_the_graph(seed):
    """The short way for few edges gives what the long way does."""
    rng = np.random.default_rng(seed)
    n_nodes, n_edges = (int(rng.integers(1, most)) for most in (40, 60))
    edges = rng.integers(0, n_nodes, size=(n_edges, 2))
    many = np.concatenate([edges] * 64)
    assert np.array_equal(components(edges, n_nodes), components(many, n_nodes))
