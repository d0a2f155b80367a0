"""Sparse linear maps as gathers and short sums, with their transposes.

A map ``out = A x`` over the leading axis of ``x`` is stored by rows: rows with similar numbers
of non-zeros share one padded table of positions, so that applying it is a gather and a sum per
table, without a scatter. The transpose is stored the same way: reverse mode stays free of
scatters too, where `transposable` maps are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import linear_call

from icrn_core.kernel import reduced
from icrn_core.tensors import entries_at

# Rows are padded to the next of these numbers of non-zeros, or share a table of their own.
_WIDTHS = (0, 1, 2, 4, 8)


@dataclass(frozen=True)
class Bucket:
    """Rows of one padded width: positions ``(n_rows, width)`` and coefficients, None for all one."""

    positions: int
    coefficients: int | None
    width: int


@dataclass(frozen=True)
class Table:
    """Rows of a map, by bucket; ``order`` puts them in their places, None if they are.

    ``wide_entries`` is the largest number of entries of a bucket that is summed by a reduction.
    """

    buckets: tuple[Bucket, ...]
    order: int | None
    n_empty: int
    n_rows: int
    wide_entries: int


@dataclass(frozen=True)
class SparseMap:
    """A sparse linear map and its transpose, in terms of the numbers of a plan's arrays."""

    rows: Table
    columns: Table

    @property
    def widest(self) -> int:
        """Most entries that are reduced at once."""
        return max(self.rows.wide_entries, self.columns.wide_entries)

    def __call__(self, arrays: Sequence[Array], x: Array, transposable: bool = False) -> Array:
        """Return ``A x`` for ``x`` of shape ``(n_columns, ...)``.

        ``transposable`` says that reverse mode will be taken; forward mode and ``vmap`` of such
        a map are not available.
        """
        if not transposable:
            return _apply(self.rows, arrays, x)
        return linear_call(
            lambda arrays, x: _apply(self.rows, arrays, x),
            lambda arrays, given: _apply(self.columns, arrays, given),
            arrays,
            x,
        )

    def transposed(self, arrays: Sequence[Array], x: Array) -> Array:
        """Return ``Aᵀ x`` for ``x`` of shape ``(n_rows, ...)``."""
        return _apply(self.columns, arrays, x)


def sparse_map(
    rows: np.ndarray, columns: np.ndarray, coefficients: np.ndarray, n_rows: int, n_columns: int, arrays
) -> SparseMap:
    """Return the map with the given non-zeros; equal places add up.

    Parameters
    ----------
    rows, columns : (n_nonzeros,) int
        Places of the non-zeros.
    coefficients : (n_nonzeros,) float
        Their values.
    n_rows, n_columns : int
        Shape of the map.
    arrays : Arrays
        Where index arrays are stored.
    """
    rows, columns = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
    coefficients = np.asarray(coefficients, float)
    return SparseMap(
        _table(rows, columns, coefficients, n_rows, arrays),
        _table(columns, rows, coefficients, n_columns, arrays),
    )


def gather(at: np.ndarray, n_columns: int, arrays) -> SparseMap:
    """Return the map that takes the entries at the given positions."""
    at = np.asarray(at, np.int64).reshape(-1)
    return sparse_map(np.arange(len(at)), at, np.ones(len(at)), len(at), n_columns, arrays)


def _table(rows: np.ndarray, columns: np.ndarray, coefficients: np.ndarray, n_rows: int, arrays) -> Table:
    order = np.argsort(rows, kind="stable")
    rows, columns, coefficients = rows[order], columns[order], coefficients[order]
    counts = np.bincount(rows, minlength=n_rows)
    starts = np.concatenate([[0], np.cumsum(counts)])
    buckets, placed, wide = [], [], 0
    for chosen in _by_width(counts):
        width = int(counts[chosen].max())
        offsets = np.arange(width)
        # A padded place repeats the row's last one with coefficient zero.
        within = np.minimum(offsets, counts[chosen][:, None] - 1)
        at = starts[chosen][:, None] + within
        values = np.where(offsets < counts[chosen][:, None], coefficients[at], 0.0)
        number = None if (values == 1.0).all() else arrays.add(values)
        buckets.append(Bucket(arrays.add(columns[at]), number, width))
        placed.append(chosen)
        wide = max(wide, at.size if width > _WIDTHS[-1] else 0)
    empty = np.flatnonzero(counts == 0)
    every = np.concatenate([*placed, empty]).astype(np.int64)
    in_order = np.array_equal(every, np.arange(n_rows))
    place = np.empty(n_rows, np.int64)
    place[every] = np.arange(n_rows)
    return Table(tuple(buckets), None if in_order else arrays.add(place), len(empty), n_rows, wide)


def _by_width(counts: np.ndarray) -> list[np.ndarray]:
    """Return rows in groups of similar numbers of non-zeros: padding at most doubles the work."""
    found = []
    for low, high in pairwise(_WIDTHS):
        found.append(np.flatnonzero((counts > low) & (counts <= high)))
    low, most = _WIDTHS[-1], int(counts.max(initial=0))
    while low < most:
        found.append(np.flatnonzero((counts > low) & (counts <= 2 * low)))
        low *= 2
    return [rows for rows in found if len(rows)]


def _apply(table: Table, arrays: Sequence[Array], x: Array) -> Array:
    parts = []
    for bucket in table.buckets:
        taken = entries_at(x, arrays[bucket.positions])
        if bucket.coefficients is not None:
            weights = arrays[bucket.coefficients].astype(x.dtype)
            taken = taken * weights.reshape(weights.shape + (1,) * (x.ndim - 1))
        parts.append(_row_sum(taken, bucket.width))
    if table.n_empty or not parts:
        parts.append(jnp.zeros((table.n_empty, *x.shape[1:]), x.dtype))
    total = parts[0] if len(parts) == 1 else jnp.concatenate(parts)
    return total if table.order is None else entries_at(total, arrays[table.order])


def _row_sum(taken: Array, width: int) -> Array:
    """Return the sum over the second axis."""
    if width <= _WIDTHS[-1]:
        return sum(taken[:, k] for k in range(1, width)) + taken[:, 0] if width > 1 else taken[:, 0]
    return reduced(taken, axis=1)
