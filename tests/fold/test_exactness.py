"""Enumerating a fold gives the network back, whatever the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from network_registry import NETWORKS, dimerization, random_network

from converters import enumerate_network, fold_network
from icrn_io import (
    AssignmentRule,
    Compartment,
    Expression,
    Network,
    Parameter,
    Reaction,
    Species,
    SpeciesReference,
    apply,
    number,
    read_model,
    symbol,
)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("flat_only", [False, True])
def test_registry_round_trip(name, flat_only):
    network = NETWORKS[name]()
    assert enumerate_network(fold_network(network, flat_only=flat_only)) == network


def _odd(laws: list[Expression], **others) -> Network:
    """Return a network whose reactions, ``A -> `` all, have the given laws."""
    return Network(
        compartments=(Compartment("cell", 1.0),),
        species=tuple(Species(name, "cell", initial_concentration=1.0) for name in "ABCD"),
        parameters=(Parameter("x", None, is_constant=False), Parameter("y", None, is_constant=False)),
        reactions=tuple(
            Reaction(f"J{k}", (SpeciesReference("A"),), kinetic_law=law) for k, law in enumerate(laws)
        ),
        **others,
    )


def _following(first: Expression | None) -> tuple[AssignmentRule, ...]:
    """Return the rules ``x = first`` and ``y = x``."""
    return AssignmentRule("x", first), AssignmentRule("y", symbol("x"))


_DELAYED = apply("delay", (symbol("A"), number(1.0)))
_SINK = Reaction("sink", kinetic_law=number(1.0))
_ODD = {
    "zeros of both signs as exponents": _odd(
        [apply("power", (symbol("A"), number(exponent))) for exponent in (0.0, -0.0)]
    ),
    "a reaction of nothing but a number": replace(_odd([symbol("A")]), reactions=(_SINK,)),
    "and others beside it": replace(_odd([]), reactions=(*_odd([symbol("A")]).reactions, _SINK)),
    "a law of what a held rule assigns": _odd([symbol("x"), symbol("A")], rules=_following(_DELAYED)),
    "a law of what a rule of a held rule assigns": _odd([symbol("y")], rules=_following(_DELAYED)),
    "a law of what a rule without math assigns": _odd([symbol("x")], rules=_following(None)),
    "a rule of the flux of a held reaction": replace(
        _odd([], rules=_following(symbol("fast"))),
        reactions=(Reaction("fast", (SpeciesReference("A"),), kinetic_law=symbol("A"), is_fast=True),),
    ),
    "a missing stoichiometry": replace(
        _odd([]), reactions=(Reaction("J", (SpeciesReference("A", float("nan")),), kinetic_law=symbol("A")),)
    ),
}


@pytest.mark.parametrize("name", _ODD)
def test_odd_round_trip(name):
    assert enumerate_network(fold_network(_ODD[name])) == _ODD[name]


def test_what_reads_something_held_is_held_by_name():
    folding = fold_network(_odd([symbol("A"), symbol("y")], rules=_following(_DELAYED)))
    held = {(u.feature, u.element_id) for u in folding.unsupported}
    assert ("delay", "x") in held
    assert ("rule that reads what is held", "y") in held
    assert ("reaction that reads what is held", "J1") in held
    assert [ids for ids in folding.identity.tuples.values() if "J0" in ids] == [("J0",)]


@pytest.mark.parametrize("seed", range(100))
def test_random_round_trip(seed):
    network = random_network(seed)
    assert enumerate_network(fold_network(network)) == network


def test_shared_models_round_trip(data_dir):
    files = sorted(data_dir.glob("biomodels/*.xml"))[::4] + sorted(data_dir.glob("rule-based/*toy*.xml"))
    assert files
    for path in files:
        network = read_model(path)
        assert enumerate_network(fold_network(network)) == network, path.name


@pytest.mark.slow
def test_all_shared_models_round_trip(data_dir):
    for pattern in ("biomodels/*.xml", "rule-based/*.xml", "petab-benchmarks/*/model*.xml"):
        for path in sorted(data_dir.glob(pattern)):
            network = read_model(path)
            assert enumerate_network(fold_network(network)) == network, path.name


def test_folding_is_deterministic():
    assert fold_network(random_network(3)) == fold_network(random_network(3))


def test_changed_values_come_back_in_place():
    network = dimerization()
    folding = fold_network(network)
    base, position = folding.identity.positions["kf_2_3"]
    values = {name: np.array(tensor) for name, tensor in folding.values.items()}
    values[base].flat[position] = 0.1 + 0.2
    changed = enumerate_network(replace(folding, values=values))
    expected = tuple(replace(p, value=0.1 + 0.2) if p.id == "kf_2_3" else p for p in network.parameters)
    assert changed == replace(network, parameters=expected)


def test_a_wrong_fold_is_noticed():
    """The equality the fold is proved by tells a swapped tuple, id or value."""
    network = dimerization()
    folding = fold_network(network)
    entries = dict(folding.identity.entries)
    base, _ = folding.identity.positions["M_1"]
    first, second, *rest = entries[base]
    swapped = replace(folding.identity, entries={**entries, base: (second, first, *rest)})
    assert enumerate_network(replace(folding, identity=swapped)) != network
    name = folding.icrn.reactions[0].name
    ids = folding.identity.tuples[name]
    turned = replace(folding.identity, tuples={**folding.identity.tuples, name: (*ids[1:], ids[0])})
    assert enumerate_network(replace(folding, identity=turned)) != network
