"""The pattern of the Jacobian: which entries can differ from zero, and of what they are sums.

Derivatives of rate laws by their slots are summed into non-zeros ∂f_e/∂s, one per entry e of
the rate of change and place s on the tape. Places that levels of assignments set are taken out
level by level, from the last to the first, by the chain rule.
"""

from __future__ import annotations

import numpy as np

from icrn_core.groups import FlatPlan, Reaction, grid
from icrn_core.layout import Layout
from icrn_core.plan import Arrays, Chain, DenseGroup, JacobianPlan, Level
from icrn_core.sparse_map import SparseMap, gather, sparse_map
from icrn_core.tape import Tape

# Contributions to non-zeros: place on the tape, entry, source, coefficient.
_Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def plan_jacobian(
    flat: FlatPlan,
    dense: list[tuple[Reaction, DenseGroup]],
    levels: tuple[Level, ...],
    layout: Layout,
    columns: np.ndarray,
    tape: Tape,
    arrays: Arrays,
) -> JacobianPlan:
    """Return how the Jacobian among the moving entries is assembled.

    Parameters
    ----------
    flat, dense
        The groups of reactions.
    levels : tuple of Level
        Assignments that rates of change read.
    layout, columns, tape, arrays
        Symbols, numbers of the moving entries, the tape after all levels, and the arrays.
    """
    n = int((columns >= 0).sum())
    parts, n_sources = _flat_parts(flat)
    wide, n_sources = _dense_parts(dense, layout, columns, tape, n_sources)
    at, entries, sources, coefficients = _moving(_concatenated([*parts, *wide]), tape)
    base, chains = [], []
    for level, start, slots in zip(
        reversed(levels), reversed(tape.starts), reversed(tape.reads), strict=True
    ):
        chosen = at >= start
        inside = (at[chosen], entries[chosen], sources[chosen], coefficients[chosen])
        here, summed = _summed(inside, n, n_sources, arrays)
        base.append(summed)
        more, chain = _through(level, start, slots, here, n, n_sources, tape, arrays)
        chains.append(chain)
        rest = [(at[~chosen], entries[~chosen], sources[~chosen], coefficients[~chosen]), more]
        n_sources += len(more[0])
        at, entries, sources, coefficients = _moving(_concatenated(rest), tape)
    # Column by column of ∂f/∂y: the place on the tape of a moving entry is its number.
    keys, summed = _summed((at, entries, sources, coefficients), n, n_sources, arrays)
    column, row = np.divmod(keys, max(n, 1))
    base.append(summed)
    return JacobianPlan(
        arrays.add(row),
        arrays.add(column),
        gather(row, n, arrays),
        gather(column, n, arrays),
        len(keys),
        tuple(base),
        tuple(chains),
    )


def _flat_parts(flat: FlatPlan) -> tuple[list[_Parts], int]:
    """Return the contributions of flat groups: per group and wanted slot, one source per flux."""
    found: list[_Parts] = []
    order = np.argsort(flat.fluxes, kind="stable")
    entries, fluxes, coefficients = flat.entries[order], flat.fluxes[order], flat.coefficients[order]
    start = n_sources = 0
    for group, places in zip(flat.groups, flat.places, strict=True):
        low, high = np.searchsorted(fluxes, [start, start + group.size])
        within = fluxes[low:high] - start
        for at in places:
            found.append((at[within], entries[low:high], n_sources + within, coefficients[low:high]))
            n_sources += group.size
        start += group.size
    return found, n_sources


def _dense_parts(
    dense: list[tuple[Reaction, DenseGroup]], layout: Layout, columns: np.ndarray, tape: Tape, n_sources: int
) -> tuple[list[_Parts], int]:
    """Return the contributions of dense groups: per wanted slot and term, totals over unused axes."""
    found: list[_Parts] = []
    for reaction, group in dense:
        for k in group.reads:
            rows = tape.place[grid(layout.affine(reaction.slots[k], reaction.domain), group.shape)]
            for term in group.terms:
                entries = columns[grid(term.affine, group.shape)]
                shape = np.broadcast_shapes(rows.shape, entries.shape)
                at, to = (np.broadcast_to(x, shape).reshape(-1) for x in (rows, entries))
                kept = np.flatnonzero(to >= 0)
                found.append((at[kept], to[kept], n_sources + kept, np.full(len(kept), term.coefficient)))
                n_sources += len(to)
    return found, n_sources


def _concatenated(parts: list[_Parts]) -> _Parts:
    kinds = (np.int64, np.int64, np.int64, float)
    return tuple(  # type: ignore[return-value]
        np.concatenate([part[k] for part in parts]).astype(kind) if parts else np.zeros(0, kind)
        for k, kind in enumerate(kinds)
    )


def _moving(parts: _Parts, tape: Tape) -> _Parts:
    """Return the contributions by places that depend on the state."""
    kept = tape.is_moving[parts[0]]
    return tuple(part[kept] for part in parts)  # type: ignore[return-value]


def _summed(parts: _Parts, n: int, n_sources: int, arrays: Arrays) -> tuple[np.ndarray, SparseMap]:
    """Return the sorted keys ``place · n + entry`` of distinct non-zeros, and the map that sums them."""
    at, entries, sources, coefficients = parts
    keys, rows = np.unique(at * max(n, 1) + entries, return_inverse=True)
    return keys, sparse_map(rows.reshape(-1), sources, coefficients, len(keys), n_sources, arrays)


def _through(
    level: Level,
    start: int,
    slots: np.ndarray,
    keys: np.ndarray,
    n: int,
    n_sources: int,
    tape: Tape,
    arrays: Arrays,
) -> tuple[_Parts, Chain]:
    """Pass the non-zeros by what a level sets on to what it reads; the products are new sources."""
    place, entries = np.divmod(keys, max(n, 1))
    firsts = np.searchsorted(place, np.arange(start, start + sum(step.size for step in level.steps) + 1))
    at, to, slopes, values = [], [], [], []
    offset = output = n_slopes = 0
    for step in level.steps:
        outputs = np.arange(output, output + step.size)
        counts = firsts[outputs + 1] - firsts[outputs]
        which = np.repeat(np.arange(step.size), counts)
        number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        taken = firsts[outputs][which] + number
        for k in range(step.law.n_slots):
            if k in step.wanted:
                at.append(slots[offset : offset + step.size][which])
                to.append(entries[taken])
                slopes.append(n_slopes + which)
                values.append(taken)
                n_slopes += step.size
            offset += step.size
        output += step.size
    at, to, slopes, values = (
        np.concatenate(x) if x else np.zeros(0, np.int64) for x in (at, to, slopes, values)
    )
    kept = tape.is_moving[at]
    at, to, slopes, values = (x[kept] for x in (at, to, slopes, values))
    more = (at, to, n_sources + np.arange(len(at)), np.ones(len(at)))
    return more, Chain(gather(slopes, n_slopes, arrays), gather(values, len(keys), arrays))
