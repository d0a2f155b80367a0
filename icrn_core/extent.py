"""Extents: the entries of the state that a rate of change and a Jacobian cover.

A state tensor holds entries that nothing changes: boundary species, and entries of a sparse
base that no reaction touches. The solvers integrate only the others, the *moving* entries; all
positions among them are found here, once, so that a Jacobian is assembled at the moving size.
"""

from __future__ import annotations

import numpy as np

from icrn_core.groups import Reaction
from icrn_core.layout import Affine, Layout
from icrn_core.plan import Arrays, DenseExtent, DenseGroup, Extent, FlatGroup, Incidence, Slopes, Step


def moving_entries(incidence: Incidence, wide: list[Reaction], layout: Layout, arrays: Arrays) -> np.ndarray:
    """Return the positions of the entries that some reaction changes, ascending.

    Parameters
    ----------
    incidence : Incidence
        The net stoichiometry of the flat groups.
    wide : list of Reaction
        The reactions of the dense groups.
    layout, arrays
        Where entries stand, and the arrays of the plan.
    """
    is_moving = np.zeros(layout.n_state, dtype=bool)
    parts = (incidence.entries, incidence.fluxes, incidence.coefficients)
    is_moving[_changed(*(arrays.items[k] for k in parts))] = True
    for reaction in wide:
        if reaction.terms:
            at = [layout.positions(reference, reaction.domain) for _, reference in reaction.terms]
            fluxes = np.tile(np.arange(reaction.domain.size), len(at))
            coefficients = np.repeat([c for c, _ in reaction.terms], reaction.domain.size)
            is_moving[_changed(np.concatenate(at), fluxes, coefficients)] = True
    return np.flatnonzero(is_moving)


def _changed(entries: np.ndarray, fluxes: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the entries with non-zero net stoichiometry in some flux: in ``A[i] → A[j]``, not i = j."""
    order = np.lexsort((entries, fluxes))
    entries, fluxes, coefficients = entries[order], fluxes[order], coefficients[order]
    if not len(entries):
        return entries
    is_first = np.ones(len(entries), dtype=bool)
    is_first[1:] = (np.diff(entries) != 0) | (np.diff(fluxes) != 0)
    starts = np.flatnonzero(is_first)
    return entries[starts[np.add.reduceat(coefficients, starts) != 0]]


def whole_extent(
    flat: tuple[FlatGroup, ...],
    dense: tuple[DenseGroup, ...],
    incidence: Incidence,
    slopes: Slopes,
    needs_symbols: bool,
    layout: Layout,
    arrays: Arrays,
) -> Extent:
    """Return the extent of every entry of the state."""
    n, m = layout.n_state, layout.n_params
    n_rows = n + layout.n_assigned if needs_symbols else n
    at = np.arange(layout.n_symbols)
    rows = np.where(at < n, at, np.where(at < n + m, n_rows, at - m))
    return Extent(
        entries=None,
        size=n,
        rows=arrays.add(rows),
        n_rows=n_rows,
        incidence=incidence,
        slopes=slopes,
        flat=tuple(_not_static(group) for group in flat),
        dense=tuple(DenseExtent(_not_static(group), tuple(range(len(group.terms)))) for group in dense),
    )


def moving_extent(
    whole: Extent,
    entries: np.ndarray,
    flat: tuple[FlatGroup, ...],
    dense: tuple[DenseGroup, ...],
    levels: tuple[tuple[Step, ...], ...],
    layout: Layout,
    arrays: Arrays,
) -> Extent:
    """Return the extent of the moving entries; ``levels`` are what rates of change read."""
    columns = np.full(layout.n_state, -1, dtype=np.int64)
    columns[entries] = np.arange(len(entries))
    rows, n_rows = _rows(entries, levels, layout, arrays)
    slopes, wanted = _slopes(whole, rows, columns, n_rows, flat, layout, arrays)
    return Extent(
        entries=arrays.add(entries),
        size=len(entries),
        rows=arrays.add(rows),
        n_rows=n_rows,
        incidence=_incidence(whole.incidence, columns, arrays),
        slopes=slopes,
        flat=wanted,
        dense=tuple(_dense(group, rows, columns, n_rows, arrays) for group in dense),
    )


def _not_static(group: FlatGroup | DenseGroup) -> tuple[int, ...]:
    return tuple(j for j, slot in enumerate(group.slots) if slot.source != "static")


def _rows(
    entries: np.ndarray, levels: tuple[tuple[Step, ...], ...], layout: Layout, arrays: Arrays
) -> tuple[np.ndarray, int]:
    """Return the row of each symbol, and their number: moving entries, then what levels set.

    An entry that does not move is set by a level where its compartment's size moves.
    """
    is_row = np.zeros(layout.n_symbols, dtype=bool)
    for level in levels:
        for step in level:
            is_row[arrays.items[step.targets]] = True
    is_row[entries] = False
    passed = np.flatnonzero(is_row)
    n_rows = len(entries) + len(passed)
    rows = np.full(layout.n_symbols, n_rows, dtype=np.int64)
    rows[entries] = np.arange(len(entries))
    rows[passed] = np.arange(len(entries), n_rows)
    return rows, n_rows


def _incidence(whole: Incidence, columns: np.ndarray, arrays: Arrays) -> Incidence:
    at = columns[arrays.items[whole.entries]]
    kept = at >= 0
    return Incidence(
        arrays.add(at[kept]),
        arrays.add(arrays.items[whole.fluxes][kept]),
        arrays.add(arrays.items[whole.coefficients][kept]),
    )


def _slopes(
    whole: Extent,
    rows: np.ndarray,
    columns: np.ndarray,
    n_rows: int,
    flat: tuple[FlatGroup, ...],
    layout: Layout,
    arrays: Arrays,
) -> tuple[Slopes, tuple[tuple[int, ...], ...]]:
    """Return the Jacobian's non-zeros among the moving entries, and the slots they are taken by."""
    n = layout.n_state
    given = whole.slopes
    row, column = np.divmod(arrays.items[given.flat].astype(np.int64), max(n, 1))
    row = rows[np.where(row < n, row, row + layout.n_params)]
    at = row * max((columns >= 0).sum(), 1) + columns[column]
    kept = (row < n_rows) & (columns[column] >= 0)
    order = np.flatnonzero(kept)[np.argsort(at[kept], kind="stable")]
    partials = arrays.items[given.partials][order].astype(np.int64)
    # A slot that reads nothing that moves is not differentiated, and later ones move up.
    sizes = [group.size for group, slots in zip(flat, whole.flat, strict=True) for _ in slots]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    block = np.searchsorted(starts, partials, side="right") - 1
    is_used = np.zeros(len(sizes), dtype=bool)
    is_used[block] = True
    moved = np.concatenate([[0], np.cumsum(np.where(is_used, sizes, 0), dtype=np.int64)])
    partials += moved[block] - starts[block]
    used = iter(is_used)
    wanted = tuple(tuple(j for j in slots if next(used)) for slots in whole.flat)
    coefficients = arrays.items[given.coefficients][order]
    return Slopes(arrays.add(at[order]), arrays.add(partials), arrays.add(coefficients)), wanted


def _dense(
    group: DenseGroup, rows: np.ndarray, columns: np.ndarray, n_rows: int, arrays: Arrays
) -> DenseExtent:
    """Return the slots that read what moves and the terms that change what moves."""
    size = int((columns >= 0).sum())
    row = {j: rows[_grid(group.slots[j].affine, group.shape)] for j in _not_static(group)}
    row = {j: at for j, at in row.items() if (at < n_rows).any()}
    column = {k: columns[_grid(r.affine, group.shape)] for k, (_, r) in enumerate(group.terms)}
    column = {k: at for k, at in column.items() if (at >= 0).any()}
    return DenseExtent(
        tuple(row),
        tuple(column),
        tuple(arrays.add(at * size) for at in row.values()),
        tuple(arrays.add(np.where(at < 0, n_rows * size, at)) for at in column.values()),
    )


def _grid(affine: Affine, shape: tuple[int, ...]) -> np.ndarray:
    """Return an affine reference's positions, of length one along axes it does not use."""
    at = np.full((1,) * len(shape), affine.offset, dtype=np.int64)
    for axis, (stride, length) in enumerate(zip(affine.strides, shape, strict=True)):
        if stride:
            along = [length if a == axis else 1 for a in range(len(shape))]
            at = at + (stride * np.arange(length, dtype=np.int64)).reshape(along)
    return at
