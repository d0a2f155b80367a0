"""Steps inside bounds and trust regions, against SciPy's constrained minimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from icrn_core.trust_region import bounded_step, model_change

WIDE = np.full(4, -100.0), np.full(4, 100.0)


def problem(seed: int, rank: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return a random gradient and semidefinite Hessian."""
    random = np.random.default_rng(seed)
    a = random.normal(size=(rank, 4)) * 10.0 ** random.uniform(-1, 1, size=4)
    return random.normal(size=4), a.T @ a


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rank", [4, 2])
@pytest.mark.parametrize("radius", [0.01, 0.3, 3.0])
def test_unbounded_step_is_the_best_in_the_ball(seed, rank, radius):
    g, h = problem(seed, rank)
    step = bounded_step(g, h, WIDE, radius)
    assert np.linalg.norm(step) <= radius * (1 + 1e-5)
    best = min(
        minimize(
            lambda s: model_change(g, h, s),
            start,
            jac=lambda s: g + h @ s,
            constraints={"type": "ineq", "fun": lambda s: radius**2 - s @ s, "jac": lambda s: -2 * s},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        ).fun
        for start in (np.zeros(4), -radius * g / np.linalg.norm(g), step)
    )
    assert model_change(g, h, step) <= best + 1e-5 * abs(best)


@pytest.mark.parametrize("seed", range(20))
def test_bounded_step_keeps_bounds_and_lowers_the_model(seed):
    g, h = problem(seed)
    random = np.random.default_rng(seed)
    room = -random.uniform(0, 0.2, 4), random.uniform(0, 0.2, 4)
    room[0][0] = room[1][1] = 0.0
    step = bounded_step(g, h, room, 0.5)
    assert (step >= room[0]).all() and (step <= room[1]).all()
    cauchy = min(model_change(g, h, np.clip(-a * g, *room)) for a in np.geomspace(1e-4, 1, 50))
    assert model_change(g, h, step) <= 0.9 * cauchy


def test_there_is_no_step_where_bounds_leave_no_way_down():
    g = np.array([1.0, -1.0])
    room = np.array([0.0, -1.0]), np.array([1.0, 0.0])
    np.testing.assert_array_equal(bounded_step(g, np.eye(2), room, 1.0), 0.0)
