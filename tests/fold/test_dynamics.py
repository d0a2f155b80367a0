"""The folded network moves as the flat one does: against a plain Python oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from network_registry import NETWORKS, random_network
from oracle import rates_of_change

from converters import fold_network
from icrn_core import compile_icrn

RTOL = 1e-12


def random_state(folding, rng):
    """Return a random positive state as tensors, and the same by concrete id."""
    tensors, flat = {}, {}
    for base in folding.icrn.species:
        tensors[base.name] = rng.uniform(0.2, 2.0, size=base.shape)
        ids = folding.identity.entries[base.name]
        flat |= {i: float(v) for i, v in zip(ids, tensors[base.name].ravel(), strict=True) if i}
    return tensors, flat


def assert_same_rates(network, seed):
    rng = np.random.default_rng(seed)
    folding = fold_network(network)
    assert not folding.unsupported
    dynamics = compile_icrn(folding.icrn)
    tensors, flat = random_state(folding, rng)
    params = {base.name: folding.values[base.name] for base in folding.icrn.constants}
    if network.initial_assignments:
        _, params = dynamics.initialise(
            {base.name: folding.values[base.name] for base in folding.icrn.species}, params
        )
        places = folding.identity.positions.items()
        network = with_values(
            network, {i: float(np.ravel(params[b])[p]) for i, (b, p) in places if b in params}
        )
    found = dynamics.unpack_state(
        dynamics.vector_field(0.7, dynamics.pack_state(tensors), dynamics.pack_params(params))
    )
    expected = rates_of_change(network, flat, 0.7)
    for element_id, rate in expected.items():
        base, position = folding.identity.positions[element_id]
        np.testing.assert_allclose(
            np.ravel(found[base])[position], rate, rtol=RTOL, atol=1e-14, err_msg=element_id
        )


def with_values(network, values):
    """Return the network with the values of constants replaced."""
    return replace(
        network,
        parameters=tuple(replace(p, value=values.get(p.id, p.value)) for p in network.parameters),
        compartments=tuple(replace(c, size=values.get(c.id, c.size)) for c in network.compartments),
    )


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "empty"])
def test_registry_moves_as_the_flat_network(name):
    assert_same_rates(NETWORKS[name](), seed=1)


@pytest.mark.parametrize("seed", range(8))
def test_random_networks_move_as_the_flat_network(seed):
    assert_same_rates(random_network(seed), seed)
