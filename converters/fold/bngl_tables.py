"""Tables of labels: which columns say nothing new, and which are better joined."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations

import numpy as np

MIN_FILL = 0.25  # columns are joined until this share of the product of their labels exists
ABSENT = -1

Column = Sequence[str]


def codes_of(values: Iterable[Hashable]) -> np.ndarray:
    """Return a code for each value, counted from 0 in order of appearance; None is ``ABSENT``."""
    known: dict[Hashable, int] = {}
    found = (ABSENT if v is None else known.setdefault(v, len(known)) for v in values)
    return np.fromiter(found, dtype=np.int64)


def gives(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether the codes in ``one`` determine those in ``other`` wherever these are present."""
    present = other != ABSENT
    one, other = one[present], other[present]
    if (one == ABSENT).any():
        return False
    value = np.zeros(one.max(initial=0) + 1, dtype=np.int64)
    value[one] = other
    return bool((value[one] == other).all())


def telling(columns: Sequence[np.ndarray]) -> list[int]:
    """Return the numbers of the columns that neither say the same everywhere nor follow from another one.

    Of columns that follow from each other the first is kept.
    """
    kept = [k for k, codes in enumerate(columns) if len(np.unique(codes[codes != ABSENT])) > 1]
    for k in reversed(kept.copy()):
        if any(gives(columns[other], columns[k]) for other in kept if other != k):
            kept.remove(k)
    return kept


def join(columns: Sequence[Column]) -> Column:
    """Return one column in place of several."""
    if len(columns) == 1:
        return columns[0]
    return [" | ".join(row) for row in zip(*columns, strict=True)]


def fill_up(columns: Sequence[Column]) -> list[Column]:
    """Join columns until the product of their labels is full enough.

    First those two of whose product the smallest share exists.
    """
    columns = list(columns)
    codes = [codes_of(column) for column in columns]
    fill = {pair: _fill(codes[pair[0]], codes[pair[1]]) for pair in combinations(range(len(codes)), 2)}
    alive = list(range(len(columns)))
    while len(alive) > 1 and len(codes[0]) < MIN_FILL * np.prod([float(codes[k].max() + 1) for k in alive]):
        a, b = min((pair for pair in fill if pair[0] in alive and pair[1] in alive), key=fill.__getitem__)
        alive.remove(b)
        columns[a] = join([columns[a], columns[b]])
        codes[a] = codes_of(columns[a])
        fill |= {(min(a, k), max(a, k)): _fill(codes[a], codes[k]) for k in alive if k != a}
    return [columns[k] for k in alive]


def _fill(a: np.ndarray, b: np.ndarray) -> float:
    sizes = int(a.max()) + 1, int(b.max()) + 1
    return len(np.unique(a * sizes[1] + b)) / (sizes[0] * sizes[1])
