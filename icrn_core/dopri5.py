"""One step of the explicit Runge–Kutta method of Dormand and Prince, order 5(4).

J. R. Dormand, P. J. Prince, J. Comp. Appl. Math. 6, 19 (1980); dense output of order 4 after
L. F. Shampine, as in E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential
Equations I, section II.6.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.explicit import pull_of, stages, stiffness
from icrn_core.stepping import StepResult, square, weighted

_A = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_TIMES = np.array([0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0])
_ERROR = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
_DENSE = np.array(
    [-12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072,
     701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423]
)  # fmt: skip
N_STAGES = 7
N_JACOBIANS = 0
ERROR_ORDER = 4
ERROR_FACTOR = 1.0
STABLE = 3.25
_NODES = square(_A, N_STAGES)


def step(
    dynamics: Dynamics, prepared: Prepared, t: Array, h: Array, y: Array, span: tuple
) -> tuple[StepResult, tuple]:
    """Take one step from t to t + h; arguments and results as in `icrn_core.rodas5p.step`."""
    slopes = stages(dynamics, prepared, t, h, y, span, _NODES, _TIMES)
    before, gained = (h * weighted(jnp.asarray(_NODES[i], y.dtype), slopes) for i in (5, 6))
    error = h * weighted(jnp.asarray(_ERROR, y.dtype), slopes)
    # Hairer's r3, r4, r5 rewritten in the form that `StepResult` describes.
    r3 = h * slopes[0] - gained
    r4 = gained - h * slopes[6] - r3
    r5 = h * weighted(jnp.asarray(_DENSE, y.dtype), slopes)
    limit = stiffness(h, (slopes[5], slopes[6]), (before, gained))
    return StepResult(y + gained, error, jnp.stack([r3, r4 + r5, -r5]), limit), ()


pull = pull_of(step)
