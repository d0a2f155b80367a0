"""Batches by `simulate_batch`: equal to single runs, one program for many sizes, on several devices."""

from __future__ import annotations

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_registry import CASES

from icrn_core import IcrnError, compile_icrn, ensemble, simulate, simulate_batch

TIMES = np.array([0.0, 0.4, 1.0])


@pytest.fixture(scope="module")
def case():
    return CASES["relation_with_repeats"]()


@pytest.fixture(scope="module")
def dynamics(case):
    return compile_icrn(case.icrn)


def drawn(params, n):
    """Params that differ from run to run, but for the first of them."""
    rng = np.random.default_rng(n)
    first, *others = params
    own = {name: params[name] * rng.uniform(0.5, 2.0, (n, *np.shape(params[name]))) for name in others}
    return {first: params[first], **own}


def of_run(params, own, k):
    return {name: x[k] if np.ndim(x) > np.ndim(params[name]) else x for name, x in own.items()}


@pytest.mark.parametrize("n", [1, 5])
def test_a_batch_is_its_runs(case, dynamics, n):
    own = drawn(case.params, n)
    times = np.linspace(0.5, 1.5, n)[:, None] * TIMES
    batch = simulate_batch(dynamics, case.values, own, times, rtol=1e-8).check()
    assert batch.result.shape == (n,)
    for k in range(n):
        single = simulate(dynamics, case.values, of_run(case.params, own, k), times[k], rtol=1e-8)
        np.testing.assert_allclose(batch.times[k], times[k])
        for name, states in single.states.items():
            np.testing.assert_allclose(batch.states[name][k], states, rtol=1e-9, atol=1e-12)


def test_the_gradient_is_that_of_the_runs(case, dynamics):
    own = drawn(case.params, 3)

    def end(solution):
        return sum(jnp.sum(x[..., -1, :] ** 2) for x in solution.states.values() if x.ndim > 2)

    together = jax.grad(lambda p: end(simulate_batch(dynamics, case.values, p, TIMES, rtol=1e-8)))(own)

    def one_by_one(p):
        def run(k):
            return jax.tree.map(
                lambda x: x[None],
                simulate(dynamics, case.values, of_run(case.params, p, k), TIMES, rtol=1e-8),
            )

        return sum(end(run(k)) for k in range(3))

    apart = jax.grad(one_by_one)(jax.tree.map(jnp.asarray, own))
    for name, slope in apart.items():
        np.testing.assert_allclose(together[name], slope, rtol=1e-8, atol=1e-10, err_msg=name)


def test_one_program_serves_every_number_of_runs_up_to_the_padding(case, dynamics, monkeypatch):
    programs, jit = [], jax.jit
    monkeypatch.setattr(ensemble.jax, "jit", lambda run: programs.append(jit(run)) or programs[-1])
    ensemble._program.cache_clear()
    for n in (2, 7, 32):
        simulate_batch(dynamics, case.values, drawn(case.params, n), TIMES, rtol=1e-4 / n).check()
    assert ensemble._program.cache_info().misses == 1
    assert len(programs) == 1
    assert programs[0]._cache_size() == 1


def test_runs_are_shared_out_over_devices():
    """In a process of its own, where one CPU counts as two devices."""
    code = """
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
from core_registry import CASES
from icrn_core import compile_icrn, simulate, simulate_batch
assert len(jax.devices()) == 2
case = CASES["dimerization_small"]()
dynamics = compile_icrn(case.icrn)
scales = np.linspace(0.5, 2.0, 5)
own = {name: scales.reshape(-1, *[1] * np.ndim(x)) * x for name, x in case.params.items()}
batch = simulate_batch(dynamics, case.values, own, [0.0, 1.0], rtol=1e-8).check()
alone = simulate_batch(dynamics, case.values, own, [0.0, 1.0], rtol=1e-8, devices=jax.devices()[1:]).check()
for k, scale in enumerate(scales):
    params = {name: scale * x for name, x in case.params.items()}
    single = simulate(dynamics, case.values, params, [0.0, 1.0], rtol=1e-8)
    for name, states in single.states.items():
        for found in (batch, alone):
            np.testing.assert_allclose(found.states[name][k], states, rtol=1e-9, atol=1e-12)
print("shared out")
"""
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.stdout == "shared out\n", done.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "at least one tensor with a leading axis of runs"),
        ({"Km": np.ones(2), "V": np.ones((3, 6))}, "different numbers of runs: 3 of 'V', 2 of 'Km'"),
        ({"Km": np.ones(0)}, "no runs"),
        ({"V": np.ones((2, 7))}, r"'V' has shape \(6,\), .* its values have \(2, 7\)"),
        ({"n": np.ones((2, 1))}, r"'n' has shape \(\), .* its values have \(2, 1\)"),
        ({"W": np.ones(2)}, "no rate constant is called 'W'"),
    ],
)
def test_bad_batches_are_refused(case, dynamics, change, says):
    with pytest.raises(IcrnError, match=says):
        simulate_batch(dynamics, case.values, {**case.params, **change}, TIMES)
