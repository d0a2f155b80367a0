"""Folding recovers the structure that is there, whatever the names, and is exact."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from acceptance_naming import NAMINGS, ids_under, rename, renamed, shuffled
from acceptance_networks import CASES
from acceptance_structure import structure_of

from converters import enumerate_network, fold_network

# Share of the cases whose ground truth must be recovered, by naming.
REQUIRED = {"A": 1.0, "B": 0.95, "C": 0.90}
SEED = {name: number for number, name in enumerate(CASES)}

generated = cache(lambda name: CASES[name]())


@cache
def folded(name: str, naming: str, seed: int):
    """Network and fold of a case; indexed ids come in four spellings, by the seed."""
    network = rename(generated(name), naming, seed)
    return network, fold_network(network)


def in_order(network):
    """Lists of the network sorted by id."""
    parts = ("compartments", "species", "parameters", "reactions")
    return [sorted(getattr(network, part), key=lambda element: element.id) for part in parts]


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("name", CASES)
def test_naming_changes_nothing_but_ids_and_order(name, naming):
    ids = ids_under(generated(name), naming, SEED[name])
    back = renamed(rename(generated(name), naming, SEED[name]), {new: old for old, new in ids.items()})
    assert in_order(back) == in_order(generated(name).network)


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("name", CASES)
def test_fold_is_exact(name, naming):
    network, folding = folded(name, naming, SEED[name])
    assert enumerate_network(folding) == network


@pytest.mark.parametrize("naming", NAMINGS)
def test_ground_truth_is_recovered(naming):
    missed = {}
    for name in CASES:
        found = structure_of(folded(name, naming, SEED[name])[1])
        if not found.is_true(generated(name).truth, naming):
            missed[name] = (found, generated(name).truth.accepted(naming))
    lines = [f"{name}: {found}, expected {expected}" for name, (found, expected) in missed.items()]
    assert len(missed) <= (1 - REQUIRED[naming]) * len(CASES), "\n".join(lines)


@pytest.mark.parametrize("name", CASES)
def test_structure_does_not_depend_on_opaque_ids(name):
    first, second = (structure_of(folded(name, "C", SEED[name] + k)[1]) for k in range(2))
    assert first == second


@pytest.mark.parametrize("name", CASES)
def test_structure_does_not_depend_on_order(name):
    network, folding = folded(name, "A", SEED[name])
    mixed = shuffled(network, np.random.default_rng(SEED[name]))
    assert structure_of(fold_network(mixed)) == structure_of(folding)
