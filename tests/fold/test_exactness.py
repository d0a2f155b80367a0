"""Enumerating a fold gives the network back, whatever the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from network_registry import NETWORKS, dimerization, random_network

from converters import enumerate_network, fold_network
from icrn_io import read_model


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("flat_only", [False, True])
def test_registry_round_trip(name, flat_only):
    network = NETWORKS[name]()
    assert enumerate_network(fold_network(network, flat_only=flat_only)) == network


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
