"""Gaussian elimination on a fixed sparse pattern, as short loops over rows.

The matrix is the one of every implicit step, M = I/(γh) − J. Order and fill-in are found once,
from the pattern alone (minimum degree, by SuperLU), so that a network whose complexes couple
only to a few monomers is eliminated complex by complex, a chain of cells cell by cell, and what
is left of winner-take-all are its few hubs. Pivots are taken from the diagonal, which is safe
for small steps, where 1/(γh) dominates; where one comes out as zero the step is not finite, and
is tried again with a smaller size.

Factors of each run (lane) stand in the last axis, so that one pass eliminates all lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from scipy import sparse
from scipy.sparse.linalg import splu

from icrn_core.kernel import MOST_ENTRIES, one_kernel
from icrn_core.tensors import entries_at

# A library's dense factorisation does about this many multiplications in the time of one update.
DENSE_SPEED = 5
# Smaller systems are always eliminated: a call of a library costs more.
_SMALL = 100


class Elimination(NamedTuple):
    """Positions of a sparse elimination; entries of L + U are numbered row by row.

    Attributes
    ----------
    source : (n_factors,)
        Where each entry comes from among the non-zeros of J, their number for fill-in.
    is_diagonal : (n_factors,)
        Whether it is a pivot.
    columns : (n_factors,)
        Its column.
    first : (n + 1,)
        Where each row begins.
    diagonal : (n,)
        The entry of each pivot.
    order, place : (n,)
        Which equation is eliminated k-th, and the inverse.
    """

    source: Array
    is_diagonal: Array
    columns: Array
    first: Array
    diagonal: Array
    order: Array
    place: Array


class Factors(NamedTuple):
    """Entries of L and U, which both hold the pivots (M = L D⁻¹ U), and the pivots' reciprocals."""

    entries: Array
    reciprocal: Array


def plan_elimination(rows: np.ndarray, columns: np.ndarray, n: int) -> tuple[Elimination | None, int]:
    """Return the elimination of ``I/(γh) − J`` for a J with the given non-zeros, and its cost.

    Parameters
    ----------
    rows, columns : (n_nonzeros,) int
        Places of the non-zeros of J.
    n : int
        Its size.

    Returns
    -------
    Elimination or None
        None where so much fills in that a dense factorisation is faster.
    int
        Number of updates ``m_ij -= m_ik m_kj / m_kk``, or what takes as long.
    """
    rows, columns = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
    dense_cost = n**3 // (3 * DENSE_SPEED)
    if n > _SMALL and len(rows) > n * n // DENSE_SPEED:
        return None, dense_cost
    order, pattern = _order_and_fill(rows, columns, n)
    first, at = pattern.indptr.astype(np.int64), pattern.indices
    owner = np.repeat(np.arange(n), np.diff(first))
    cost = int(np.bincount(at[owner > at], minlength=n) @ np.bincount(owner[owner < at], minlength=n))
    if n > _SMALL and cost > dense_cost:
        return None, dense_cost
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    keys = owner * n + at
    source = np.full(len(at), len(rows), np.int64)
    source[np.searchsorted(keys, place[rows] * n + place[columns])] = np.arange(len(rows))
    diagonal = np.searchsorted(keys, np.arange(n) * (n + 1))
    plan = Elimination(source, owner == at, at, first, diagonal, order, place)
    return jax.tree.map(lambda a: a if a.dtype == bool else a.astype(np.int32), plan), cost


def _order_and_fill(rows: np.ndarray, columns: np.ndarray, n: int) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Return an order of elimination with little fill-in, and the pattern of L + U in that order."""
    if not n:
        return np.zeros(0, np.int64), sparse.csr_matrix((0, 0))
    # Values without cancellation and with every pivot on the diagonal: only the pattern matters.
    values = np.random.default_rng(0).uniform(0.5, 1.0, len(rows))
    matrix = sparse.csc_matrix((values, (rows, columns)), shape=(n, n))
    sums = np.bincount(rows, values, n) + np.bincount(columns, values, n)
    matrix = matrix + sparse.diags(2.0 + 2.0 * sums)
    options = {"SymmetricMode": True, "Equil": False}
    factors = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    order = np.empty(n, np.int64)
    order[factors.perm_c] = np.arange(n)
    pattern = (abs(factors.L) + abs(factors.U)).tocsr()
    pattern.sort_indices()
    return order, pattern


def _at(x: Array, k: Array) -> Array:
    return lax.dynamic_index_in_dim(x, k, keepdims=False, allow_negative_indices=False)


def _put(x: Array, value: Array, k: Array) -> Array:
    return lax.dynamic_update_index_in_dim(x, value, k, 0, allow_negative_indices=False)


def factor(plan: Elimination, jacobian: Array, shift: Array) -> Factors:
    """Return the factors of ``diag(shift) − J``.

    Parameters
    ----------
    plan : Elimination
        From `plan_elimination`.
    jacobian : (n_nonzeros, n_lanes)
        Non-zeros of J.
    shift : (n_lanes,)
        1/(γh).
    """
    n_lanes = jacobian.shape[1]
    padded = jnp.concatenate([-jacobian, jnp.zeros((1, n_lanes), jacobian.dtype)])
    entries = entries_at(padded, plan.source)
    entries = entries + jnp.where(plan.is_diagonal[:, None], shift[None, :], 0.0)
    zeros = jnp.zeros((plan.diagonal.shape[0], n_lanes), entries.dtype)
    return _kernel(_eliminated, plan, entries, zeros)


def _kernel(function: Callable, plan: Elimination, *args: Array) -> Factors | Array:
    """Call a function as one kernel, unless it has nothing to do or arrays that XLA cuts into parts."""
    if not plan.diagonal.shape[0] or any(x.size > MOST_ENTRIES for x in jax.tree.leaves(args)):
        return function(plan, *args)
    return one_kernel(function, plan, *args)


def _eliminated(plan: Elimination, entries: Array, zeros: Array) -> Factors:
    """Return the factors of the matrix whose entries stand where those of the factors will."""

    def eliminate(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        """Take what is above the i-th row out of it; it is spread out in ``wide`` meanwhile."""
        entries, reciprocal, wide = carry
        first, pivot, end = _at(plan.first, i), _at(plan.diagonal, i), _at(plan.first, i + 1)

        def spread(q: Array, wide: Array) -> Array:
            return _put(wide, _at(entries, q), _at(plan.columns, q))

        def take_out(q: Array, wide: Array) -> Array:
            k = _at(plan.columns, q)
            ratio = _at(wide, k) * _at(reciprocal, k)

            def update(p: Array, wide: Array) -> Array:
                j = _at(plan.columns, p)
                return _put(wide, _at(wide, j) - ratio * _at(entries, p), j)

            return lax.fori_loop(_at(plan.diagonal, k) + 1, _at(plan.first, k + 1), update, wide)

        def collect(q: Array, entries: Array) -> Array:
            return _put(entries, _at(wide, _at(plan.columns, q)), q)

        wide = lax.fori_loop(first, end, spread, wide)
        wide = lax.fori_loop(first, pivot, take_out, wide)
        entries = lax.fori_loop(first, end, collect, entries)
        return entries, _put(reciprocal, 1.0 / _at(wide, i), i), wide

    n = plan.diagonal.shape[0]
    if not n:
        return Factors(entries, zeros)
    return Factors(*lax.fori_loop(0, n, eliminate, (entries, zeros, zeros))[:2])


def solve(plan: Elimination, factors: Factors, right: Array) -> Array:
    """Return x with M x = right, both ``(n, n_lanes)``."""
    return _in_order(_substituted, plan, factors, right)


def solve_transposed(plan: Elimination, factors: Factors, right: Array) -> Array:
    """Return x with Mᵀ x = right, both ``(n, n_lanes)``."""
    return _in_order(_substituted_transposed, plan, factors, right)


def _in_order(substituted: Callable, plan: Elimination, factors: Factors, right: Array) -> Array:
    x = _kernel(substituted, plan, factors, entries_at(right, plan.order))
    return entries_at(x, plan.place)


def _substituted(plan: Elimination, factors: Factors, x: Array) -> Array:
    n = plan.diagonal.shape[0]
    if not n:
        return x

    def dot(x: Array, first: Array, end: Array) -> Array:
        def add(q: Array, total: Array) -> Array:
            return total + _at(factors.entries, q) * _at(x, _at(plan.columns, q))

        return lax.fori_loop(first, end, add, jnp.zeros_like(x[0]))

    def down(i: Array, x: Array) -> Array:
        rest = _at(x, i) - dot(x, _at(plan.first, i), _at(plan.diagonal, i))
        return _put(x, rest * _at(factors.reciprocal, i), i)

    def up(k: Array, x: Array) -> Array:
        i = n - 1 - k
        beyond = dot(x, _at(plan.diagonal, i) + 1, _at(plan.first, i + 1))
        return _put(x, _at(x, i) - beyond * _at(factors.reciprocal, i), i)

    return lax.fori_loop(0, n, up, lax.fori_loop(0, n, down, x))


def _substituted_transposed(plan: Elimination, factors: Factors, x: Array) -> Array:
    n = plan.diagonal.shape[0]
    if not n:
        return x

    def take(x: Array, first: Array, end: Array, value: Array) -> Array:
        def one(q: Array, x: Array) -> Array:
            j = _at(plan.columns, q)
            return _put(x, _at(x, j) - _at(factors.entries, q) * value, j)

        return lax.fori_loop(first, end, one, x)

    def down(i: Array, x: Array) -> Array:
        value = _at(x, i) * _at(factors.reciprocal, i)
        return take(x, _at(plan.diagonal, i) + 1, _at(plan.first, i + 1), value)

    def up(k: Array, x: Array) -> Array:
        i = n - 1 - k
        value = _at(x, i) * _at(factors.reciprocal, i)
        return _put(take(x, _at(plan.first, i), _at(plan.diagonal, i), value), value, i)

    return lax.fori_loop(0, n, up, lax.fori_loop(0, n, down, x))
