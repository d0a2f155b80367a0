"""A folded network with holes moves as the flat one does: trajectory, steps, gradients."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from network_registry import random_network

from converters import fold_network
from icrn_core import compile_icrn, simulate

SEEDS = (2, 7, 10)
TIMES = np.array([0.5, 2.0])


def runs(seed: int):
    """Yield the folding, its dynamics, and values and params, folded and flat."""
    for flat_only in (False, True):
        folding = fold_network(random_network(seed), flat_only=flat_only)
        values = {base.name: folding.values[base.name] for base in folding.icrn.species}
        params = {base.name: folding.values[base.name] for base in folding.icrn.constants}
        yield folding, compile_icrn(folding.icrn), values, params


def by_id(folding, tensors) -> dict[str, np.ndarray]:
    """Return entries of tensors by original id; times, if any, come first."""
    found = {}
    for base, tensor in tensors.items():
        ids = folding.identity.entries[base]
        columns = np.asarray(tensor).reshape(-1, len(ids))
        found |= {i: columns[:, k] for k, i in enumerate(ids) if i}
    return found


def test_there_are_holes():
    sizes = [[dynamics.n_state for _, dynamics, _, _ in runs(seed)] for seed in SEEDS]
    assert all(folded > flat for folded, flat in sizes), sizes


@pytest.mark.parametrize("seed", SEEDS)
def test_folded_and_flat_take_the_same_steps(seed):
    moving, solutions, series = [], [], []
    for folding, dynamics, values, params in runs(seed):
        solution = simulate(dynamics, values, params, TIMES).check()
        moving.append(dynamics.n_moving)
        solutions.append(solution)
        series.append(by_id(folding, solution.states))
    assert moving[0] == moving[1]
    assert solutions[0].statistics == solutions[1].statistics
    assert series[0].keys() == series[1].keys()
    for name, states in series[1].items():
        np.testing.assert_allclose(series[0][name], states, rtol=1e-10, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_folded_and_flat_have_the_same_gradients(seed):
    gradients = []
    for folding, dynamics, values, params in runs(seed):
        ids = {base: folding.identity.entries[base] for base in values}

        def total(values, params, dynamics=dynamics, ids=ids):
            states = simulate(dynamics, values, params, TIMES).states
            weights = {
                base: np.array([np.cos(sum(map(ord, i))) if i else 0.0 for i in names])
                for base, names in ids.items()
            }
            return sum((weights[base] * x.reshape(len(TIMES), -1)[-1]).sum() for base, x in states.items())

        by_values, by_params = jax.jit(jax.grad(total, argnums=(0, 1)))(values, params)
        gradients.append(by_id(folding, {**by_values, **by_params}))
    assert gradients[0].keys() == gradients[1].keys()
    for name, slope in gradients[1].items():
        np.testing.assert_allclose(gradients[0][name], slope, rtol=1e-8, atol=1e-11, err_msg=name)
