"""What the steppers share: the result of a step, its dense output, the error norm."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.kernel import reduced


class StepResult(NamedTuple):
    """State at the end of a step, error estimate, and coefficients of the dense output.

    ``stiffness`` estimates the step size times the largest eigenvalue, where the method is
    limited by that. The state is ``(n, n_lanes)``, one column per run; the coefficients are
    ``(n_coefficients, n, n_lanes)``. With θ in [0, 1] the solution inside the step is
    ``(1−θ) y₀ + θ y₁ + θ (1−θ) Σ_i k_i θ^i``.
    """

    end: Array
    error: Array
    dense: Array
    stiffness: Array | None = None


def interpolate(theta: Array, start: Array, end: Array, dense: Array) -> Array:
    """Return the solution inside a step, in the shape of ``start``.

    From the nearer end, so that both ends are met exactly, and so is what stands still: a count
    or a flag that an event set must not be rounded.
    """
    inner = dense[-1]
    for k in range(dense.shape[0] - 2, -1, -1):
        inner = dense[k] + theta * inner
    from_start = start + theta * ((end - start) + (1 - theta) * inner)
    from_end = end + (1 - theta) * ((start - end) + theta * inner)
    return jnp.where(theta < 0.5, from_start, from_end)


def clamp(t: Array, span: tuple) -> Array:
    """Return the time moved into the span between two breakpoints; None bounds nothing."""
    first, last = span
    return t if first is None else jnp.clip(t, first, last)


def norm(error: Array, scale: Array) -> Array:
    """Return by lane the root mean square of error over scale; 0 for an empty state."""
    if not error.shape[0]:
        return jnp.zeros(error.shape[1], error.dtype)
    ratio = error / scale
    squares = jnp.where(jnp.isfinite(ratio), ratio * ratio, jnp.inf)
    return jnp.sqrt(reduced(squares) / error.shape[0])


def weighted(weights: Array, stages: Array) -> Array:
    """Return Σ_i weights_i stages_i, term by term: a matrix product could not be part of a kernel."""
    return sum(weights[i] * stages[i] for i in range(1, stages.shape[0])) + weights[0] * stages[0]


def row(table: Array, k: Array) -> Array:
    """Return the k-th row of a table."""
    return lax.dynamic_index_in_dim(table, k, keepdims=False)


def square(rows: tuple[tuple[float, ...], ...], n: int) -> np.ndarray:
    """Return the rows of a triangular tableau padded with zeros, shape ``(n, n)``."""
    return np.array([[*row, *[0.0] * (n - len(row))] for row in rows])
