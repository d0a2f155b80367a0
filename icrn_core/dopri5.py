"""One step of the explicit Runge–Kutta method of Dormand and Prince, order 5(4).

J. R. Dormand, P. J. Prince, J. Comp. Appl. Math. 6, 19 (1980); dense output of order 4 after
L. F. Shampine, as in E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential
Equations I, section II.6.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.stepping import StepResult, clamp, square

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
_SQUARE_A = square(_A, N_STAGES)


def step(dynamics: Dynamics, prepared: Prepared, t: Array, h: Array, y: Array, span: tuple) -> StepResult:
    """Take one step from t to t + h; arguments as in `icrn_core.rodas5p.step`."""

    def stage(carry: tuple[Array, Array], row: tuple) -> tuple[tuple[Array, Array], None]:
        slopes, _ = carry
        i, a, offset = row
        at = y + h * (a @ slopes)
        slope = dynamics.prepared_field(clamp(t + offset * h, span), at, prepared)
        return (slopes.at[i].set(slope), at), None

    rows = (jnp.arange(N_STAGES), jnp.asarray(_SQUARE_A, y.dtype), jnp.asarray(_TIMES, y.dtype))
    (slopes, at), _ = lax.scan(stage, (jnp.zeros((N_STAGES, *y.shape), y.dtype), y), rows)
    error = h * (jnp.asarray(_ERROR, y.dtype) @ slopes)
    # Hairer's r3, r4, r5 rewritten in the form that `StepResult` describes.
    gained = at - y
    r3 = h * slopes[0] - gained
    r4 = gained - h * slopes[-1] - r3
    r5 = h * (jnp.asarray(_DENSE, y.dtype) @ slopes)
    return StepResult(at, error, jnp.stack([r3, r4 + r5, -r5]))
