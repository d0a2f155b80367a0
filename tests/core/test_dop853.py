"""Laws of the stepper of order 8: its table, its order, its dense output, its error estimate."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_registry import CASES
from scipy.integrate import DOP853
from scipy.integrate._ivp import dop853_coefficients as published

from icrn_core import compile_icrn, dop853, simulate
from icrn_core.stepping import interpolate

NO_SPAN = (None, None)


def field_of(rate):
    """Return what the stepper asks of dynamics, for a plain function of time and state."""
    return SimpleNamespace(prepared_field=lambda t, y, _: rate(t, y))


# x' = −x² (1 + t) has a closed form, is not linear and depends on the time.
RICCATI = field_of(lambda t, x: -x * x * jnp.broadcast_to(1 + t, x.shape))
# An error coefficient can vanish at one state: orders are those of the mean over many.
STARTS = np.random.default_rng(2).uniform([[0.3], [0.0]], [[0.6], [1.0]], (2, 40))


def riccati(t, x0, t0):
    return 1 / (1 / x0 + (t + t * t / 2) - (t0 + t0 * t0 / 2))


def mean(error):
    return float(np.sqrt(np.mean(np.square(error))))


def once(t, h, y):
    return taken(RICCATI, t, h, y)


def taken(field, t, h, y, span=NO_SPAN):
    """Take a step of runs side by side: t, h of shape (n_lanes,), y of shape (n, n_lanes)."""
    t, h = (jnp.broadcast_to(jnp.asarray(x, float), y.shape[1:]) for x in (t, h))
    return dop853.step(field, None, t, h, jnp.asarray(y), span)[0]


def test_the_table_is_the_published_one():
    n = published.N_STAGES
    np.testing.assert_allclose(dop853._NODES, published.A, rtol=1e-15, atol=0)
    np.testing.assert_allclose(dop853._C, published.C, rtol=1e-15, atol=0)
    np.testing.assert_allclose(dop853._NODES[n, :n], published.B, rtol=1e-15, atol=0)
    for own, other in ((dop853._ERROR_5, published.E5), (dop853._ERROR_3, published.E3)):
        np.testing.assert_allclose(dop853._row(own)[: n + 1], other, rtol=1e-14, atol=1e-17)
    dense = np.array([dop853._row(weights) for weights in dop853._DENSE])
    np.testing.assert_allclose(dense, published.D, rtol=1e-15, atol=0)


def test_rows_sum_to_their_times():
    for stage, weights in dop853._A.items():
        assert sum(weights.values()) == pytest.approx(dop853._TIMES[stage], abs=1e-14)
    assert sum(dop853._ERROR_5.values()) == pytest.approx(0.0, abs=1e-14)
    assert sum(dop853._ERROR_3.values()) == pytest.approx(0.0, abs=1e-14)


def test_it_converges_with_order_eight():
    """Twice as many steps over a given time leave a 256th of the error."""
    x0, t0 = STARTS
    errors = []
    step = jax.jit(once)
    for n in (8, 16, 32):
        h = np.full(len(t0), 3.0 / n)
        y = jnp.asarray(x0[None, :])
        for k in range(n):
            y = step(t0 + k * h, h, y).end
        errors.append(mean(y[0] - riccati(t0 + 3.0, x0, t0)))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > 7.3).all() and orders[-1] > 7.7, (errors, orders)


@pytest.mark.parametrize("theta", [0.25, 0.6, 0.9])
def test_dense_output_has_order_seven(theta):
    """The local error of an interpolant of order 7 falls with the eighth power of the step."""
    x0, t0 = STARTS
    errors = []
    for size in (0.2, 0.1, 0.05):
        given = once(t0, np.full(len(t0), size), x0[None, :])
        found = interpolate(theta, jnp.asarray(x0[None, :]), given.end, given.dense)[0]
        errors.append(mean(found - riccati(t0 + theta * size, x0, t0)))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > 7.3).all(), (errors, orders)


def test_dense_output_meets_the_step_and_its_slopes():
    y, t, h = jnp.array([[0.3, 0.7]]), 0.2, 0.9
    given = once(t, h, y)
    inside = lambda theta: interpolate(theta, y, given.end, given.dense)  # noqa: E731
    np.testing.assert_allclose(inside(0.0), y, rtol=1e-15)
    np.testing.assert_allclose(inside(1.0), given.end, rtol=1e-15)
    for theta, state in ((0.0, y), (1.0, given.end)):
        slope = jax.jvp(inside, (theta,), (1.0,))[1]
        np.testing.assert_allclose(slope, h * RICCATI.prepared_field(t + theta * h, state, None), rtol=1e-12)


def test_the_error_estimate_is_above_the_error_and_of_order_eight():
    x0, t0 = STARTS
    actual, estimated = [], []
    for size in (0.2, 0.1, 0.05):
        given = once(t0, np.full(len(t0), size), x0[None, :])
        actual.append(mean(given.end[0] - riccati(t0 + size, x0, t0)))
        estimated.append(mean(given.error))
    assert (np.array(estimated) > actual).all(), (estimated, actual)
    orders = np.log2(np.divide(estimated[:-1], estimated[1:]))
    assert (orders > 6.8).all() and orders[-1] > 7.7, orders


def test_nothing_moves_where_the_rate_is_zero():
    given = taken(field_of(lambda t, y: 0.0 * y), 0.0, 1.0, np.ones((3, 1)))
    for part in (given.end - 1.0, given.error, given.dense):
        np.testing.assert_array_equal(part, 0.0)


def test_members_of_a_batch_are_independent():
    """A trailing axis of members, each with its own time and step, equals one step each."""
    rng = np.random.default_rng(0)
    y, t, h = rng.random((3, 5)), rng.random(5), rng.random(5)
    batch = once(t, h, y)
    for k in range(5):
        single = once(t[k], h[k], y[:, k : k + 1])
        for many, one in zip(
            (batch.end, batch.error, batch.dense), (single.end, single.error, single.dense), strict=True
        ):
            np.testing.assert_allclose(many[..., k], one[..., 0], rtol=1e-12, atol=1e-17)


def test_times_stay_in_the_span():
    bounded = field_of(lambda t, y: jnp.where((t < 1.1) | (t > 1.9), jnp.nan, y))
    assert np.isfinite(taken(bounded, 1.0, 1.0, np.ones((1, 1)), (1.1, 1.9)).end).all()
    assert np.isnan(taken(bounded, 1.0, 1.0, np.ones((1, 1)), (1.0, 2.0)).end).all()


def test_a_step_is_that_of_another_program():
    """SciPy takes the same step of a nonlinear system, inside and at its end."""

    def rate(t, y):
        return np.array([-2 * y[0] + y[1] * y[2] + np.sin(t), y[0] - y[1] * y[1], 0.3 * y[0] * y[1] - y[2]])

    start = np.array([1.0, 0.4, 0.8])
    other = DOP853(rate, 0.0, start, 10.0, first_step=0.35, max_step=0.35, rtol=1e-3, atol=1e-3)
    other.step()
    assert other.t == 0.35
    field = field_of(lambda t, y: jnp.stack([
        -2 * y[0] + y[1] * y[2] + jnp.sin(t), y[0] - y[1] * y[1], 0.3 * y[0] * y[1] - y[2]
    ]))  # fmt: skip
    given = taken(field, 0.0, 0.35, start[:, None])
    np.testing.assert_allclose(given.end[:, 0], other.y, rtol=1e-14)
    inside = other.dense_output()
    for theta in (0.1, 0.5, 0.77):
        found = interpolate(theta, start[:, None], given.end, given.dense)
        np.testing.assert_allclose(found[:, 0], inside(0.35 * theta), rtol=1e-13)


def test_a_step_can_be_differentiated():
    """By the state and by the step size."""
    y = jnp.array([[0.3], [0.6]])
    jacobian = jax.jacrev(lambda y: once(0.1, 0.5, y).end[:, 0])(y)[..., 0]
    for k in range(2):
        move = 1e-6 * jnp.eye(2)[:, k : k + 1]
        ahead, behind = once(0.1, 0.5, y + move).end, once(0.1, 0.5, y - move).end
        np.testing.assert_allclose(jacobian[:, k], (ahead - behind)[:, 0] / 2e-6, rtol=1e-8, atol=1e-9)
    slope = jax.jacrev(lambda h: once(0.1, h, y).end)(0.5)
    ahead, behind = once(0.1, 0.5 + 1e-6, y).end, once(0.1, 0.5 - 1e-6, y).end
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-8)


def test_gradients_are_finite_where_the_error_is_zero():
    """An entry that stays zero until something changes it."""
    case = CASES["pulse"]()
    dynamics = compile_icrn(case.icrn)

    def end(params, solver):
        solution = simulate(dynamics, case.values, params, [2.0], solver=solver, rtol=1e-9)
        return sum(x[-1].sum() for x in solution.states.values())

    found, expected = (jax.grad(lambda p, s=s: end(p, s))(case.params) for s in ("dop853", "dopri5"))
    for name, slope in expected.items():
        np.testing.assert_allclose(found[name], slope, rtol=1e-6, atol=1e-9, err_msg=name)
