"""Gradients through events: cases of the SBML semantic test suite against central differences."""

from __future__ import annotations

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from suite_cases import SuiteCase, time_courses

from converters import fold_network
from converters.engines.icrn import joined
from converters.lowering.plain import plain_folding
from icrn_core import ResultCode, compile_icrn, simulate
from icrn_io import read_model

N_FAST, N_SLOW = 4, 40
# Of the duration: a moment at which nothing happens in the suite's models.
PART = 0.977
# Relative steps of differences, and those of zeros as a part of the usual value of their kind.
STEP, LEAST = 1e-5, 1e-6
# Of the largest entry of the gradient.
AGREE = 1e-4


def sampled(data_dir) -> list[SuiteCase]:
    """Return cases with events, of which none draws lots, in an order that does not change."""
    tiers = ("events", "events with delay or priority")
    cases = [c for c in time_courses(data_dir / "sbml-test-suite") if c.tier in tiers]
    cases = [c for c in cases if "RandomEventExecution" not in c.tags]
    return random.Random(0).sample(cases, N_FAST + N_SLOW)


def _steps(values: np.ndarray) -> np.ndarray:
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    usual = np.median(sizes) if len(sizes) else 1.0
    return np.where(values == 0, LEAST * usual, STEP * np.abs(values))


class Final:
    """A weighted sum of the state near the end of a case, as a function of all its finite values."""

    def __init__(self, case: SuiteCase) -> None:
        folding = plain_folding(fold_network(read_model(case.model)))
        icrn = folding.icrn
        self.dynamics = compile_icrn(icrn)
        self.given = np.concatenate([joined(part, folding.values) for part in (icrn.species, icrn.constants)])
        self.n_state = self.dynamics.n_state
        self.free = np.flatnonzero(np.isfinite(self.given))
        self.times = jnp.array([case.times[0] + PART * (case.times[-1] - case.times[0])])
        self.weights = np.random.default_rng(int(case.number)).uniform(0.5, 1.5, self.n_state)
        self.steps = np.concatenate([_steps(self.given[: self.n_state]), _steps(self.given[self.n_state :])])

    def solution(self, theta):
        """Return the solution with ``theta`` in the place of the finite values."""
        every = jnp.asarray(self.given).at[self.free].set(theta)
        values = self.dynamics.unpack_state(every[: self.n_state])
        params = self.dynamics.unpack_params(every[self.n_state :])
        return simulate(self.dynamics, values, params, self.times, rtol=1e-10)

    def __call__(self, theta):
        """Return the sum, and how the run ended."""
        solution = self.solution(theta)
        state = self.dynamics.pack_state({name: x[-1] for name, x in solution.states.items()})
        return jnp.where(jnp.isfinite(state), state, 0.0) @ self.weights, solution.result


def differences(final: Final, point: np.ndarray, part: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the value, and differences forwards and backwards, with a part of the usual steps."""
    steps = part * final.steps[final.free]
    moved = np.concatenate([point[None], point + np.diag(steps), point - np.diag(steps)])
    found, code = jax.jit(jax.vmap(final))(moved)
    found = np.where(np.asarray(code) == ResultCode.SUCCESS, found, np.nan)
    value, after, before = np.split(found, [1, 1 + len(point)])
    return value, (after - value) / steps, (value - before) / steps


def check(case: SuiteCase) -> None:
    """Compare reverse mode with central differences where there is a derivative.

    There is none where a small change of a value makes another sequence of events: then the
    differences forwards and backwards, or those of two sizes of steps, are not the same.
    """
    final = Final(case)
    point = final.given[final.free]
    value, *both = differences(final, point, 1.0)
    assert np.isfinite(value).all(), "the run failed"
    expected, finer = (sum(pair) / 2 for pair in (both, differences(final, point, 0.25)[1:]))
    size = np.nanmax(np.abs(expected), initial=0.0) + 1e-9
    gap = np.fmax(np.abs(both[0] - both[1]), np.abs(expected - finer))
    is_smooth = np.isfinite(expected + gap) & (gap <= 1e-2 * size)
    is_smooth &= np.abs(expected - finer) <= AGREE * size
    if not is_smooth.any():
        pytest.skip("no value of it can change without changing the sequence of events")
    size = np.abs(expected[is_smooth]).max() + 1e-9
    found, code = jax.jit(jax.grad(final, has_aux=True))(point)
    assert int(code) == ResultCode.SUCCESS
    found = np.asarray(found)
    worst = np.abs(found - expected)[is_smooth] / size
    names = np.array(final.dynamics.plan.labels)[final.free][is_smooth]
    assert worst.max() <= AGREE, f"{names[worst.argmax()]}: {worst.max():.1e} of the largest entry"


@pytest.mark.parametrize("k", range(N_FAST))
def test_the_gradient_of_a_case_is_that_of_differences(data_dir, k):
    check(sampled(data_dir)[k])


@pytest.mark.slow
@pytest.mark.parametrize("k", range(N_FAST, N_FAST + N_SLOW))
def test_the_gradient_of_a_case_is_that_of_differences_slowly(data_dir, k):
    check(sampled(data_dir)[k])
