"""Rodas5P: one step of a stiffly accurate Rosenbrock–Wanner method of order 5(4).

Coefficients: G. Steinebach, "Construction of Rosenbrock–Wanner method Rodas5P and numerical
benchmarks within the Julia Differential Equations package", BIT Numerical Mathematics 63, 27
(2023), in the transformed form that needs no product with the Jacobian::

    (I/(γh) − J) u_i = f(t + c_i h, y + Σ_j a_ij u_j) + Σ_j (C_ij/h) u_j + h d_i ∂f/∂t
    y₁ = y + Σ_i b_i u_i,   error = u_8
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.kernel import reduced
from icrn_core.linear import factorised, linear_solver, solved
from icrn_core.stepping import StepResult, clamp, row, square, weighted

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
# The estimate is that of the embedded order 4, several times the error of what is kept: with
# this factor errors of whole runs are about the tolerance (docs/numerics.md).
ERROR_FACTOR = 0.25
N_JACOBIANS = 1
ERROR_ORDER = 4
STABLE = np.inf
_SQUARE_A, _SQUARE_C = square(_A, N_STAGES), square(_C, N_STAGES)
_END = np.array([*_A[7], 1.0])


class Memory(NamedTuple):
    """What the adjoint of a step needs of it: its stages and the factors of its matrix."""

    stages: Array
    factors: tuple


def step(
    dynamics: Dynamics, prepared: Prepared, t: Array, h: Array, y: Array, span: tuple
) -> tuple[StepResult, Memory]:
    """Take one step from t to t + h; `StepResult` says what comes back.

    Parameters
    ----------
    dynamics, prepared
        What is integrated.
    t, h : (n_lanes,)
        Time and step size.
    y : (n, n_lanes)
        State at t, of the entries that are integrated.
    span : tuple of (n_lanes,)
        First and last time at which the rate of change may be evaluated.
    """
    start = clamp(t, span)
    system = factorised(dynamics, dynamics.prepared_jacobian(start, y, prepared), 1.0 / (GAMMA * h))
    drift = dynamics.prepared_time_derivative(start, y, prepared) if dynamics.plan.reads_time else None
    tables = _tables(y.dtype)

    def stage(i: Array, stages: Array) -> Array:
        a, c, offset, weight = (row(table, i) for table in tables)
        at = y + weighted(a, stages)
        right = dynamics.prepared_field(clamp(t + offset * h, span), at, prepared)
        right = right + weighted(c, stages) / h
        if drift is not None:
            right = right + (h * weight) * drift
        return lax.dynamic_update_index_in_dim(stages, solved(dynamics, system, right), i, 0)

    stages = lax.fori_loop(0, N_STAGES, stage, jnp.zeros((N_STAGES, *y.shape), y.dtype))
    end = y + weighted(jnp.asarray(_END, y.dtype), stages)
    dense = jnp.stack([weighted(jnp.asarray(d, y.dtype), stages) for d in _DENSE])
    return StepResult(end, stages[7], dense), Memory(stages, system.factors)


def _tables(dtype: np.dtype) -> tuple[Array, ...]:
    return tuple(jnp.asarray(table, dtype) for table in (_SQUARE_A, _SQUARE_C, _TIMES, _D))


def pull(
    dynamics: Dynamics,
    prepared: Prepared,
    t: Array,
    h: Array,
    y: Array,
    span: tuple,
    memory: Memory,
    given: StepResult,
) -> tuple[Array, Array, Array, Prepared]:
    """Return the cotangents of t, h, y and what is prepared, from those of the step's results.

    The stages are solved backwards with the same factors, transposed. The matrix W of the step
    contributes ``∂(Σ_i v_iᵀ J u_i)``, where v_i are the cotangents of the right-hand sides: one
    derivative of the Jacobian's non-zeros, with weights summed over the stages.

    Parameters
    ----------
    dynamics, prepared, t, h, y, span
        As of the step.
    memory : Memory
        From the step.
    given : StepResult
        Cotangents of its results; that of the error is not used.
    """
    linear, stages = linear_solver(dynamics), memory.stages
    dynamics = replace(dynamics, transposable=True)
    reads_time = dynamics.plan.reads_time
    tables = _tables(y.dtype)
    results = (_END, *_DENSE), (given.end, *given.dense)
    by_stage = sum(jnp.asarray(w, y.dtype)[:, None, None] * by for w, by in zip(*results, strict=True))

    def back(k: Array, carry: tuple) -> tuple:
        by_stage, right, by_t, by_h, by_y, by_prepared = carry
        i = N_STAGES - 1 - k
        a, c, offset = (row(table, i) for table in tables[:3])
        v = linear.solve_transposed(memory.factors, row(by_stage, i))
        at = y + weighted(a, stages)
        _, pulled = jax.vjp(
            lambda s, x, p: dynamics.prepared_field(clamp(s, span), x, p), t + offset * h, at, prepared
        )
        dt, dx, dp = pulled(v)
        by_stage = by_stage + a[:, None, None] * dx + c[:, None, None] * (v / h)
        # Of W u_i = right: the explicit dependence on h of both sides.
        own = row(stages, i) / (GAMMA * h * h) - weighted(c, stages) / (h * h)
        by_h = by_h + offset * dt + reduced(v * own)
        right = lax.dynamic_update_index_in_dim(right, v, i, 0)
        return by_stage, right, by_t + dt, by_h, by_y + dx, jax.tree.map(jnp.add, by_prepared, dp)

    zero = jnp.zeros_like(t)
    none = jax.tree.map(jnp.zeros_like, prepared)
    carry = (by_stage, jnp.zeros_like(stages), zero, zero, given.end, none)
    _, right, by_t, by_h, by_y, by_prepared = lax.fori_loop(0, N_STAGES, back, carry)
    rows, columns = dynamics.jacobian_pattern
    weights = sum(right[i][rows] * stages[i][columns] for i in range(N_STAGES))
    _, pulled = jax.vjp(lambda s, x, p: dynamics.prepared_jacobian(clamp(s, span), x, p), t, y, prepared)
    found = [pulled(weights)]
    if reads_time:
        d = jnp.asarray(_D, y.dtype)
        total = weighted(d, right)
        drift, pulled = jax.vjp(
            lambda s, x, p: dynamics.prepared_time_derivative(clamp(s, span), x, p), t, y, prepared
        )
        found.append(pulled(h * total))
        by_h = by_h + reduced(total * drift)
    for dt, dy, dp in found:
        by_t, by_y = by_t + dt, by_y + dy
        by_prepared = jax.tree.map(jnp.add, by_prepared, dp)
    return by_t, by_h, by_y, by_prepared
