"""Folding is exact on whatever a network can hold."""

from __future__ import annotations

import pytest
from random_networks import random_network

from converters import enumerate_network, fold_network

CHUNK, N_FAST, N = 25, 100, 500


def wrong_seeds(first):
    """Return seeds of a chunk whose networks do not come back as they were."""
    networks = {seed: random_network(seed) for seed in range(first, first + CHUNK)}
    return [seed for seed, network in networks.items() if enumerate_network(fold_network(network)) != network]


@pytest.mark.parametrize("first", range(0, N_FAST, CHUNK))
def test_random_networks_fold_exactly(first):
    assert not wrong_seeds(first)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(N_FAST, N, CHUNK))
def test_more_random_networks_fold_exactly(first):
    assert not wrong_seeds(first)


def test_random_networks_hold_every_construct():
    """The generator does what it is for: every construct is in several of its networks."""
    networks = [random_network(seed) for seed in range(100)]
    held = {
        "two equal reactions": lambda n: (
            len(n.reactions) > len({(r.reactants, r.kinetic_law) for r in n.reactions})
        ),
        "repeated species": lambda n: any(
            len({x.species for x in r.reactants}) < len(r.reactants) for r in n.reactions
        ),
        "rules": lambda n: len({type(r) for r in n.rules}) > 1,
        "initial assignments": lambda n: n.initial_assignments,
        "events": lambda n: n.events,
        "local parameters": lambda n: any(p.local_to for p in n.parameters),
        "stoichiometries": lambda n: any(x.stoichiometry != 1 for r in n.reactions for x in r.products),
        "boundary species": lambda n: any(s.is_boundary for s in n.species),
        "several compartments": lambda n: len({s.compartment for s in n.species}) > 1,
        "missing laws": lambda n: any(r.kinetic_law is None for r in n.reactions),
    }
    counts = {what: sum(bool(holds(n)) for n in networks) for what, holds in held.items()}
    assert min(counts.values()) >= 3, counts
