"""Rodas5P: one step of a stiffly accurate Rosenbrock–Wanner method of order 5(4).

Coefficients: G. Steinebach, "Construction of Rosenbrock–Wanner method Rodas5P and numerical
benchmarks within the Julia Differential Equations package", BIT Numerical Mathematics 63, 27
(2023), in the transformed form that needs no product with the Jacobian::

    (I/(γh) − J) u_i = f(t + c_i h, y + Σ_j a_ij u_j) + Σ_j (C_ij/h) u_j + h d_i ∂f/∂t
    y₁ = y + Σ_i b_i u_i,   error = u_8
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.stepping import StepResult, clamp, square

GAMMA = 0.21193756319429014
_A = (
    (),
    (3.0,),
    (2.849394379747939, 0.45842242204463923),
    (-6.954028509809101, 2.489845061869568, -10.358996098473584),
    (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
    (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946),
)
_A += (_A[5] + (1.0,), _A[5] + (1.0, 1.0))
_C = (
    (),
    (-14.155112264123755,),
    (-17.97296035885952, -2.859693295451294),
    (147.12150275711716, -1.41221402718213, 71.68940251302358),
    (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
    (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
    (30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623,
     -28.087943162872662),
    (37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002,
     -54.66780262877968, -9.48861652309627),
)  # fmt: skip
_TIMES = (0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0)
_D = (0.21193756319429014, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069,
      0.0, 0.0, 0.0)  # fmt: skip
_DENSE = np.array(
    [
        [25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204,
         0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493],
        [-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796,
         20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372],
        [11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643,
         -52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722],
    ]
)  # fmt: skip
N_STAGES = 8
_SQUARE_A, _SQUARE_C = square(_A, N_STAGES), square(_C, N_STAGES)
_END = np.array([*_A[7], 1.0])
# An explicit inverse costs more to form than LU factors and less per stage: better when small.
_INVERSE_UP_TO = 48


def step(dynamics: Dynamics, prepared: Prepared, t: Array, h: Array, y: Array, span: tuple) -> StepResult:
    """Take one step from t to t + h; `StepResult` says what comes back.

    Parameters
    ----------
    dynamics, prepared
        What is integrated.
    t, h : scalar
        Time and step size.
    y : (n,)
        State at t, of the entries that are integrated.
    span : tuple of scalar
        First and last time at which the rate of change may be evaluated.
    """
    start = clamp(t, span)
    matrix = jnp.eye(y.shape[0], dtype=y.dtype) / (GAMMA * h) - dynamics.prepared_jacobian(start, y, prepared)
    solve = _solver(matrix)
    drift = dynamics.prepared_time_derivative(start, y, prepared) if dynamics.plan.reads_time else None

    def stage(stages: Array, row: tuple) -> tuple[Array, None]:
        i, a, c, offset, weight = row
        right = (
            dynamics.prepared_field(clamp(t + offset * h, span), y + a @ stages, prepared) + (c @ stages) / h
        )
        if drift is not None:
            right = right + (h * weight) * drift
        return stages.at[i].set(solve(right)), None

    rows = (
        jnp.arange(N_STAGES),
        *(jnp.asarray(table, y.dtype) for table in (_SQUARE_A, _SQUARE_C, _TIMES, _D)),
    )
    stages, _ = lax.scan(stage, jnp.zeros((N_STAGES, *y.shape), y.dtype), rows)
    end = y + jnp.asarray(_END, y.dtype) @ stages
    dense = jnp.asarray(_DENSE, y.dtype) @ stages
    return StepResult(end, stages[7], dense)


def _solver(matrix: Array):
    """Return x ↦ matrix⁻¹ x; its derivative by the matrix is an outer product, not a factorisation's."""
    fixed = lax.stop_gradient(matrix)
    if matrix.shape[0] <= _INVERSE_UP_TO:
        inverse = jnp.linalg.inv(fixed) if matrix.shape[0] else fixed

        def solve(_, x: Array) -> Array:
            return inverse @ x

        def solve_transposed(_, x: Array) -> Array:
            return x @ inverse

    else:
        factors = jax.scipy.linalg.lu_factor(fixed)

        def solve(_, x: Array) -> Array:
            return jax.scipy.linalg.lu_solve(factors, x)

        def solve_transposed(_, x: Array) -> Array:
            return jax.scipy.linalg.lu_solve(factors, x, trans=1)

    return lambda x: lax.custom_linear_solve(lambda v: matrix @ v, x, solve, solve_transposed)
