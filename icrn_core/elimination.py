"""Gaussian elimination on a fixed sparse pattern, as short loops over lists of positions.

The matrix is the one of every implicit step, M = I/(γh) − J. Order and fill-in are found once,
from the pattern alone (minimum degree, by SuperLU), so that a network whose complexes couple
only to a few monomers is eliminated complex by complex, a chain of cells cell by cell, and what
is left of winner-take-all are its few hubs. Pivots are taken from the diagonal, which is safe
for small steps, where 1/(γh) dominates; `Elimination.residual` tells where it was not.

Factors of each run (lane) stand in the last axis, so that one pass eliminates all lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from scipy import sparse
from scipy.sparse.linalg import splu


class Elimination(NamedTuple):
    """Positions of a sparse elimination; entries of factors are numbered row by row.

    Attributes
    ----------
    source : (n_factors,)
        Where each entry comes from among the non-zeros of J, their number for fill-in.
    is_diagonal : (n_factors,)
        Whether it is a pivot.
    diagonal : (n,)
        The entry of each pivot.
    order, place : (n,)
        Which equation is eliminated k-th, and the inverse.
    updates : three (n_updates,)
        Entries ``m[a] -= m[b] m[c] / pivot``; those of pivot k begin at ``first_update[k]``.
    lower, upper : two (n_lower,), two (n_upper,)
        Entry and row of the k-th column of L, entry and column of the k-th row of U; they begin
        at ``first_lower[k]`` and ``first_upper[k]``.
    """

    source: Array
    is_diagonal: Array
    diagonal: Array
    order: Array
    place: Array
    updates: tuple[Array, Array, Array]
    first_update: Array
    lower: tuple[Array, Array]
    first_lower: Array
    upper: tuple[Array, Array]
    first_upper: Array


# How an `Elimination` is made of its arrays.
STRUCTURE = jax.tree.structure(Elimination(0, 0, 0, 0, 0, (0, 0, 0), 0, (0, 0), 0, (0, 0), 0))
N_TABLES = STRUCTURE.num_leaves


class Factors(NamedTuple):
    """Entries of L and U, and the reciprocal pivots."""

    entries: Array
    reciprocal: Array


def plan_elimination(rows: np.ndarray, columns: np.ndarray, n: int) -> Elimination:
    """Return the elimination of ``I/(γh) − J`` for a J with the given non-zeros.

    Parameters
    ----------
    rows, columns : (n_nonzeros,) int
        Places of the non-zeros of J.
    n : int
        Its size.
    """
    rows, columns = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
    order, pattern = _order_and_fill(rows, columns, n)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    starts, at = pattern.indptr, pattern.indices
    owner = np.repeat(np.arange(n), np.diff(starts))
    keys = owner * n + at
    source = np.full(len(at), len(rows), np.int64)
    source[np.searchsorted(keys, place[rows] * n + place[columns])] = np.arange(len(rows))
    diagonal = np.searchsorted(keys, np.arange(n) * (n + 1))
    is_lower, is_upper = owner > at, owner < at
    by_column = np.flatnonzero(is_lower)[np.argsort(at[is_lower], kind="stable")]
    lower = (by_column, owner[by_column])
    first_lower = np.searchsorted(at[by_column], np.arange(n + 1))
    chosen = np.flatnonzero(is_upper)
    upper = (chosen, at[chosen])
    first_upper = np.searchsorted(owner[chosen], np.arange(n + 1))
    updates, first_update = _updates(lower, first_lower, upper, first_upper, keys, n)
    plan = Elimination(
        source, owner == at, diagonal, order, place,
        updates, first_update, lower, first_lower, upper, first_upper,
    )  # fmt: skip
    # Lists may be empty, but what a loop that never runs would read must have a place.
    lists = ("updates", "lower", "upper")
    padded = {name: tuple(a if a.size else np.zeros(1, int) for a in getattr(plan, name)) for name in lists}
    return jax.tree.map(lambda a: a if a.dtype == bool else a.astype(np.int32), plan._replace(**padded))


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


def _updates(
    lower: tuple[np.ndarray, np.ndarray],
    first_lower: np.ndarray,
    upper: tuple[np.ndarray, np.ndarray],
    first_upper: np.ndarray,
    keys: np.ndarray,
    n: int,
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Return for every pivot the entries of the rest that its row and column change."""
    n_lower, n_upper = np.diff(first_lower), np.diff(first_upper)
    counts = n_lower * n_upper
    pivot = np.repeat(np.arange(n), counts)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    below = first_lower[pivot] + number // np.maximum(n_upper[pivot], 1)
    right = first_upper[pivot] + number % np.maximum(n_upper[pivot], 1)
    target = np.searchsorted(keys, lower[1][below] * n + upper[1][right])
    return (target, lower[0][below], upper[0][right]), np.concatenate([[0], np.cumsum(counts)])


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
    entries = padded.at[plan.source].get(mode="promise_in_bounds")
    entries = entries + jnp.where(plan.is_diagonal[:, None], shift[None, :], 0.0)

    def eliminate(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        entries, reciprocal = carry
        one_over = 1.0 / _at(entries, _at(plan.diagonal, k))

        def update(q: Array, entries: Array) -> Array:
            target, left, right = (_at(column, q) for column in plan.updates)
            change = _at(entries, left) * one_over * _at(entries, right)
            return _put(entries, _at(entries, target) - change, target)

        first, end = _at(plan.first_update, k), _at(plan.first_update, k + 1)
        return lax.fori_loop(first, end, update, entries), _put(reciprocal, one_over, k)

    n = plan.diagonal.shape[0]
    if not n:
        return Factors(entries, entries)
    start = (entries, jnp.zeros((n, n_lanes), entries.dtype))
    return Factors(*lax.fori_loop(0, n, eliminate, start))


def solve(plan: Elimination, factors: Factors, right: Array) -> Array:
    """Return x with M x = right, both ``(n, n_lanes)``."""
    return _substitutions(
        plan, factors, right, (plan.lower, plan.first_lower), (plan.upper, plan.first_upper)
    )


def solve_transposed(plan: Elimination, factors: Factors, right: Array) -> Array:
    """Return x with Mᵀ x = right, both ``(n, n_lanes)``."""
    return _substitutions(
        plan, factors, right, (plan.upper, plan.first_upper), (plan.lower, plan.first_lower)
    )


def _substitutions(plan: Elimination, factors: Factors, right: Array, forward: tuple, back: tuple) -> Array:
    """Substitute forwards by columns and backwards by rows.

    With L and U as they are left by `factor`, M = L D⁻¹ U, D the diagonal of both.
    """
    n = plan.diagonal.shape[0]
    if not n:
        return right
    (lists, first), (back_lists, back_first) = forward, back

    def down(k: Array, x: Array) -> Array:
        scaled = _at(x, k) * _at(factors.reciprocal, k)

        def take(q: Array, x: Array) -> Array:
            entry, row = (_at(column, q) for column in lists)
            return _put(x, _at(x, row) - _at(factors.entries, entry) * scaled, row)

        return lax.fori_loop(_at(first, k), _at(first, k + 1), take, x)

    def up(i: Array, x: Array) -> Array:
        k = n - 1 - i

        def add(q: Array, total: Array) -> Array:
            entry, column = (_at(part, q) for part in back_lists)
            return total - _at(factors.entries, entry) * _at(x, column)

        total = lax.fori_loop(_at(back_first, k), _at(back_first, k + 1), add, _at(x, k))
        return _put(x, total * _at(factors.reciprocal, k), k)

    x = right.at[plan.order].get(mode="promise_in_bounds")
    x = lax.fori_loop(0, n, up, lax.fori_loop(0, n, down, x))
    return x.at[plan.place].get(mode="promise_in_bounds")
