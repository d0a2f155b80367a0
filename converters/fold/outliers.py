"""Near misses: the few rows of a block that keep it from being regular.

One reaction with a wrong partner, another constant, or written down twice would turn a product
into a list. It is set aside, so that what remains is the fold and the odd one its exception.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from converters.fold.axes import Block, axis_columns
from converters.fold.keys import row_keys
from converters.fold.labelling import Labelling

_MAX_SHARE = 0.1  # of the rows of a block that can be exceptions
_MOST_COLUMNS = 24  # columns that are compared pair by pair


def set_aside(block: Block, labelling: Labelling) -> list[Block]:
    """Return the block without its exceptions, and a block of these; the block itself if it has none."""
    n = len(block.rows)
    if n * _MAX_SHARE < 1:
        return [block]
    columns = [codes for _, _, codes in axis_columns(block, labelling)]
    odd = np.zeros(n, dtype=bool)
    for rows in (*_repeated(columns, n), *_disagreeing(columns), *_unusual(block, labelling)):
        if 0 < np.count_nonzero(rows | odd) <= _MAX_SHARE * n:
            odd |= rows
    return [block.take(~odd), block.take(odd)] if odd.any() else [block]


def _repeated(columns: list[np.ndarray], n: int) -> list[np.ndarray]:
    """Rows whose index tuple stands in an earlier row."""
    if not columns:
        return []
    rows = np.ones(n, dtype=bool)
    rows[np.unique(row_keys(np.stack(columns, axis=1)), return_index=True)[1]] = False
    return [rows]


def _disagreeing(columns: list[np.ndarray]) -> list[np.ndarray]:
    """For each pair of indices that are nearly always equal: the rows in which they are not."""
    distinct = list({codes.tobytes(): codes for codes in columns}.values())
    if len(distinct) > _MOST_COLUMNS:
        return []
    return [a != b for a, b in combinations(distinct, 2) if (a == b).mean() >= 1 - _MAX_SHARE]


def _unusual(block: Block, labelling: Labelling) -> list[np.ndarray]:
    """For each column of listed elements that nearly always holds one: the rows of the others."""
    found = []
    for column, draft in enumerate(block.drafts):
        if labelling.drafts[draft].is_list and labelling.drafts[draft].n_axes:
            codes, counts = np.unique(block.elements[:, column], return_counts=True)
            if len(codes) > 1:
                found.append(block.elements[:, column] != codes[counts.argmax()])
    return found
