"""One step of the explicit Runge–Kutta method of Dormand and Prince, order 5(4).

J. R. Dormand, P. J. Prince, J. Comp. Appl. Math. 6, 19 (1980); dense output of order 4 after
L. F. Shampine, as in E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential
Equations I, section II.6.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.stepping import StepResult, clamp, row, square, weighted

_A = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_TIMES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_ERROR = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
_DENSE = np.array(
    [-12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072,
     701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423]
)  # fmt: skip
N_STAGES = 7
ERROR_FACTOR = 1.0
N_JACOBIANS = 0
_SQUARE_A = square(_A, N_STAGES)


def step(
    dynamics: Dynamics, prepared: Prepared, t: Array, h: Array, y: Array, span: tuple
) -> tuple[StepResult, tuple]:
    """Take one step from t to t + h; arguments and results as in `icrn_core.rodas5p.step`."""
    nodes, times = jnp.asarray(_SQUARE_A, y.dtype), jnp.asarray(_TIMES, y.dtype)

    def stage(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        slopes, _ = carry
        at = y + h * weighted(row(nodes, i), slopes)
        slope = dynamics.prepared_field(clamp(t + row(times, i) * h, span), at, prepared)
        return lax.dynamic_update_index_in_dim(slopes, slope, i, 0), at

    slopes, at = lax.fori_loop(0, N_STAGES, stage, (jnp.zeros((N_STAGES, *y.shape), y.dtype), y))
    error = h * weighted(jnp.asarray(_ERROR, y.dtype), slopes)
    # Hairer's r3, r4, r5 rewritten in the form that `StepResult` describes.
    gained = at - y
    r3 = h * slopes[0] - gained
    r4 = gained - h * slopes[-1] - r3
    r5 = h * weighted(jnp.asarray(_DENSE, y.dtype), slopes)
    # Two evaluations at the end of the step, as in Hairer and Wanner, section IV.2.
    apart = at - (y + h * weighted(nodes[5], slopes))
    speed, distance = (jnp.abs(x).max(axis=0, initial=0.0) for x in (slopes[6] - slopes[5], apart))
    stiffness = lax.stop_gradient(h * speed / jnp.where(distance > 0, distance, jnp.inf))
    return StepResult(at, error, jnp.stack([r3, r4 + r5, -r5]), stiffness), ()


def pull(
    dynamics: Dynamics,
    prepared: Prepared,
    t: Array,
    h: Array,
    y: Array,
    span: tuple,
    memory: tuple,
    given: StepResult,
) -> tuple[Array, Array, Array, Prepared]:
    """Return the cotangents of t, h, y and what is prepared; as in `icrn_core.rodas5p.pull`."""
    dynamics = replace(dynamics, transposable=True)
    _, pulled = jax.vjp(lambda *at: step(dynamics, at[3], *at[:3], span)[0], t, h, y, prepared)
    return pulled(given._replace(error=jnp.zeros_like(given.end), stiffness=jnp.zeros_like(t)))
