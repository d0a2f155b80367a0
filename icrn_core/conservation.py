"""Conservation laws of a compiled network, found from its rates of change.

A law is a row w with w · f(t, y, p) = 0 for all states and params: the weighted sum w · y keeps
its initial value (the total of a moiety, an entry that nothing changes). The rates of change at
random states and params span the space of all net changes, and the laws are what is orthogonal
to it. Params that are zero stay zero, since a reaction that does not run keeps totals apart.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.dynamics import Dynamics

# Singular values below this, relative to the largest, count as zero.
_RANK = 1e-12
# Weights below this, relative to the largest of the law, are rounding.
_WEIGHT = 1e-9
# The least weight, relative to the law's largest, that a dependent entry may have.
_PIVOT = 1e-2
# Samples beyond the number of entries, for safety, and samples evaluated at once.
_SPARE, _BATCH = 8, 64
_EARLIEST = np.log(1e-14)


class Laws(NamedTuple):
    """Conservation laws, solved for one dependent entry each.

    Attributes
    ----------
    weights : (n_state, n_state)
        Row i is the law of the dependent entry i, with weight 1 there and 0 at all other
        dependent entries; rows of independent entries are 0.
    dependent : (n_state,) bool
        Entries that a law gives from the others and its total.
    """

    weights: Array
    dependent: Array


@jax.jit
def conservation_laws(dynamics: Dynamics, y: Array, params: Array, t: Array) -> Laws:
    """Return the conservation laws of a network.

    Parameters
    ----------
    dynamics : Dynamics
        From `compile_icrn`.
    y : (n_state,)
        A state of the usual size: among the entries of a law a large one becomes dependent, so
        that no total is the small difference of large numbers.
    params : (n_params,)
        Rate constants, packed.
    t : scalar
        Time up to which totals are kept: what a pulse adds to is no total.

    Returns
    -------
    Laws
    """
    n = dynamics.n_state
    if not n:
        return Laws(jnp.zeros((0, 0), y.dtype), jnp.zeros(0, bool))
    usual = _nonzero(jnp.max(jnp.abs(y)))
    near = jnp.where(y == 0, 1e-3 * usual, y)
    changes, near = _sample(
        dynamics, jnp.stack([jnp.ones_like(y), near]), jnp.stack([jnp.sign(params), params]), t
    )
    # Half of the samples are of order one, where no reaction is slow and no total is small ...
    rows = _nonzero(jnp.max(jnp.abs(changes), axis=1))
    left, sizes = _column_space(changes / rows[:, None])
    is_null = sizes <= _RANK * sizes[0]
    projector = (left * is_null[None, :]) @ left.T
    projector = jnp.where(jnp.abs(projector) > _WEIGHT, projector, 0.0)
    # ... and half about what is given, for thresholds and exponentials: what moves there is no total.
    near = near / rows[:, None]
    moved, most = projector @ near, jnp.abs(projector) @ jnp.abs(near)
    left, sizes = _column_space(jnp.where(jnp.abs(moved) > _WEIGHT * most, moved, 0.0))
    is_moved = sizes > _WEIGHT
    projector = projector - (left * is_moved[None, :]) @ left.T
    return _reduce(projector, rows, jnp.abs(y), jnp.sum(is_null) - jnp.sum(is_moved))


def _column_space(matrix: Array) -> tuple[Array, Array]:
    """Return left singular vectors and singular values of a matrix with columns brought to one size."""
    left, sizes, _ = jnp.linalg.svd(
        matrix / _nonzero(jnp.max(jnp.abs(matrix), axis=0))[None, :], full_matrices=False
    )
    return left, sizes


def _nonzero(sizes: Array) -> Array:
    return jnp.where(sizes == 0, 1.0, sizes)


def _sample(dynamics: Dynamics, centres: Array, params: Array, t: Array) -> Array:
    """Return rates of change at random states and params about each of the centres, one per column."""
    n_centres, n = centres.shape
    n_params = params.shape[1]
    count = n + _SPARE

    def change(k: Array) -> Array:
        random = _spread(k, n + n_params + 1).astype(centres.dtype)
        factors = jnp.exp(2 * random - 1)
        # All scales of time, since a pulse may have been short.
        time = t * jnp.exp(_EARLIEST * random[-1])
        which = k // count
        found = dynamics.vector_field(time, factors[:n] * centres[which], factors[n:-1] * params[which])
        return jnp.where(jnp.isfinite(found).all(), found, 0.0)

    found = lax.map(change, jnp.arange(n_centres * count), batch_size=_BATCH)
    return found.reshape(n_centres, count, n).transpose(0, 2, 1)


def _spread(k: Array, n: int) -> Array:
    """Return n numbers in [0, 1) that look random, for sample k (hashed counters compile fast)."""
    bits = jnp.arange(n, dtype=jnp.uint32) * np.uint32(0x9E3779B9) + k.astype(jnp.uint32) * np.uint32(
        0x85EBCA6B
    )
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = (bits ^ (bits >> shift)) * np.uint32(factor)
    return (bits ^ (bits >> 16)) / 2.0**32


def _reduce(projector: Array, rows: Array, size: Array, count: Array) -> Laws:
    """Return the rows of a projector solved for one entry each (Gauss–Jordan).

    ``rows`` are the scales in which the projector is given, ``size`` those of the state.
    """
    n = projector.shape[0]
    weight = size * rows  # a law's part in y of an entry whose scaled weight is one
    weight = weight / _nonzero(jnp.max(weight, initial=0.0)) + 1e-30

    def unfinished(carry: tuple) -> Array:
        return carry[0] < count

    def eliminate(carry: tuple) -> tuple:
        k, matrix, free, pivots = carry
        left = jnp.where(free, jnp.max(jnp.abs(matrix), axis=1), -1.0)
        row = jnp.argmax(left)
        law = matrix[row]
        eligible = jnp.abs(law) >= _PIVOT * left[row]
        pivot = jnp.argmax(jnp.where(eligible, jnp.abs(law) * weight, -1.0))
        law = law / law[pivot]
        matrix = matrix - matrix[:, pivot][:, None] * law[None, :]
        matrix = matrix.at[row].set(law)
        return k + 1, matrix, free.at[row].set(False), pivots.at[row].set(pivot)

    start = (jnp.zeros((), count.dtype), projector, jnp.ones(n, bool), jnp.full(n, n))
    _, matrix, _, pivots = lax.while_loop(unfinished, eliminate, start)
    matrix = jnp.where(jnp.abs(matrix) < _WEIGHT * jnp.max(jnp.abs(matrix), axis=1)[:, None], 0.0, matrix)
    scales = jnp.append(rows, 1.0)[pivots]
    weights = matrix / rows[None, :] * scales[:, None]
    placed = jnp.zeros((n + 1, n), projector.dtype).at[pivots].set(weights)[:n]
    dependent = jnp.zeros(n + 1, bool).at[pivots].set(True)[:n]
    placed = jnp.where(dependent[None, :], jnp.eye(n), placed)  # what elimination left to rounding
    return Laws(jnp.where(dependent[:, None], placed, 0.0), dependent)
