"""The pattern of a set of index tuples: a product, a triangle, a ring, a map, or a list.

A set of tuples over index symbols is taken apart into factors, each described in the fewest
bits. How much a pattern costs, and how many exceptions to a rule it holds, follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import lgamma, log, prod

import numpy as np

from converters.fold.keys import n_distinct, row_keys

SYMBOL_BITS = 16.0
NUMBER_BITS = 64.0  # float64
_MOST_SPLIT = 6  # factors of more than one column are looked for among at most so many columns


@dataclass(frozen=True)
class Part:
    """One factor of a pattern.

    Attributes
    ----------
    kind : str
        ``"all"``, ``"some"``, ``"<"``, ``"<="``, ``">"``, ``">="``, ``"!="``, ``"shift"``,
        ``"ring"``, ``"map"``, ``"holes"``, ``"list"`` or ``"repeated"``.
    columns : tuple of int
        The symbols it is about; the last one is the value of a map.
    number : int
        Labels of ``some``, step of ``shift`` and ``ring``, missing tuples of ``holes``, tuples
        of ``list``, extra tuples of ``repeated``.
    bits : float
        What it costs.
    exceptions : int
        Tuples that follow no rule and count as one more each.
    """

    kind: str
    columns: tuple[int, ...]
    number: int = 0
    bits: float = 0.0
    exceptions: int = 0


@dataclass(frozen=True)
class Pattern:
    """A set (or multiset) of index tuples as a product of factors."""

    parts: tuple[Part, ...] = ()

    @property
    def bits(self) -> float:
        """Description length."""
        return sum(part.bits for part in self.parts)

    @property
    def exceptions(self) -> int:
        """Number of tuples that are exceptions to the rule."""
        return sum(part.exceptions for part in self.parts)

    @property
    def is_product(self) -> bool:
        """Whether every tuple of the index sets occurs once."""
        return all(part.kind == "all" for part in self.parts)


def find_pattern(table: np.ndarray, sizes: Sequence[int], sets: Sequence[int]) -> Pattern:
    """Return the pattern of index tuples.

    Parameters
    ----------
    table : int array, shape (n_tuples, n_symbols)
        Positions in the index sets.
    sizes : sequence of int
        Length of each symbol's index set.
    sets : sequence of int
        Number of each symbol's index set: symbols over one set can be compared.
    """
    distinct = np.sort(np.unique(row_keys(table), return_index=True)[1])
    repeated = len(table) - len(distinct)
    parts = _Finder(table[distinct], sizes, sets).factors(tuple(range(table.shape[1])))
    if repeated:
        cost = repeated * sum(choice(s) for s in sizes) + SYMBOL_BITS
        parts = (*parts, Part("repeated", (), repeated, cost, repeated))
    return Pattern(parts)


class _Finder:
    """Takes distinct tuples apart."""

    def __init__(self, table: np.ndarray, sizes: Sequence[int], sets: Sequence[int]) -> None:
        self.table = table
        self.sizes = sizes
        self.sets = sets
        self._counts: dict[tuple[int, ...], int] = {(): 1}

    def count(self, columns: tuple[int, ...]) -> int:
        """Return the number of distinct tuples in some columns."""
        if columns not in self._counts:
            self._counts[columns] = n_distinct(self.table[:, columns])
        return self._counts[columns]

    def rows(self, columns: tuple[int, ...]) -> np.ndarray:
        """Return the distinct tuples of some columns."""
        part = self.table[:, columns]
        return part[np.unique(row_keys(part), return_index=True)[1]]

    def factors(self, columns: tuple[int, ...]) -> tuple[Part, ...]:
        """Return the parts of the projection on some columns."""
        if not columns:
            return ()
        split = self._split(columns)
        if split is not None:
            return self.factors(split[0]) + self.factors(split[1])
        if len(columns) == 1:
            return (self._single(columns[0]),)
        options = [(part,) for part in (*self._pairs(columns), self._sparse(columns))]
        options += filter(None, (self._without_images(columns), self._without_value(columns)))
        return min(options, key=_bits)

    def _split(self, columns: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Two sets of columns whose product the tuples are, or None."""
        n = self.count(columns)
        widths = range(1, len(columns) // 2 + 1) if len(columns) <= _MOST_SPLIT else (1,)
        for width in widths:
            for part in combinations(columns, width):
                rest = tuple(c for c in columns if c not in part)
                if rest and n % self.count(part) == 0 and self.count(part) * self.count(rest) == n:
                    return part, rest
        return None

    def _single(self, column: int) -> Part:
        n, size = self.count((column,)), self.sizes[column]
        if n == size:
            return Part("all", (column,))
        return Part("some", (column,), n, SYMBOL_BITS + subset_bits(n, size))

    def _pairs(self, columns: tuple[int, ...]) -> list[Part]:
        """Rules between two symbols over one index set."""
        if len(columns) != 2 or self.sets[columns[0]] != self.sets[columns[1]]:
            return []
        rows, size = self.rows(columns), self.sizes[columns[0]]
        step = rows[:, 1] - rows[:, 0]
        found = []
        for kind, holds, cells in (
            ("<", step > 0, size * (size - 1) // 2),
            ("<=", step >= 0, size * (size + 1) // 2),
            (">", step < 0, size * (size - 1) // 2),
            (">=", step <= 0, size * (size + 1) // 2),
            ("!=", step != 0, size * (size - 1)),
        ):
            if holds.all():
                missing = cells - len(rows)
                bits = SYMBOL_BITS + subset_bits(len(rows), cells)
                found.append(Part(kind, columns, missing, bits, min(missing, len(rows))))
        if (step == step[0]).all() and len(rows) == size - abs(step[0]):
            found.append(Part("shift", columns, int(step[0]), SYMBOL_BITS + choice(size)))
        elif (step % size == step[0] % size).all() and len(rows) == size:
            around = int(step[0] % size)
            step_from_middle = around - size if around > size // 2 else around
            found.append(Part("ring", columns, step_from_middle, SYMBOL_BITS + choice(size)))
        return found

    def _without_images(self, columns: tuple[int, ...]) -> tuple[Part, ...] | None:
        """Parts where every column that one other column determines is a map of that one."""
        kept, maps = list(columns), []
        for column in reversed(columns):
            sources = [c for c in kept if c != column and self.count((c, column)) == self.count((c,))]
            if sources:
                kept.remove(column)
                source = min(sources, key=lambda c: self.count((c,)))
                maps.append(min((self._map((source, column)), *self._pairs((source, column))), key=_cost))
        return (*self.factors(tuple(kept)), *maps) if maps else None

    def _without_value(self, columns: tuple[int, ...]) -> tuple[Part, ...] | None:
        """Parts where one column is a map of all the others."""
        if not 2 < len(columns) <= _MOST_SPLIT:
            return None
        n = self.count(columns)
        for column in columns:
            rest = tuple(c for c in columns if c != column)
            if self.count(rest) == n:
                return (*self.factors(rest), self._map((*rest, column)))
        return None

    def _map(self, columns: tuple[int, ...]) -> Part:
        n = self.count(columns[:-1])
        return Part("map", columns, n, SYMBOL_BITS + n * choice(self.sizes[columns[-1]]), n)

    def _sparse(self, columns: tuple[int, ...]) -> Part:
        n = self.count(columns)
        cells = prod(int(self.sizes[column]) for column in columns)  # may be beyond what a float holds
        bits = SYMBOL_BITS + subset_bits(n, cells)
        missing = cells - n
        if missing < n:
            return Part("holes", columns, missing, bits, missing)
        return Part("list", columns, n, bits, n)


def _bits(parts: Sequence[Part]) -> float:
    return sum(part.bits for part in parts)


def _cost(part: Part) -> float:
    return part.bits


def choice(n: float) -> float:
    """Bits to name one of n things: log2 n."""
    return log(n, 2) if n > 1 else 0.0


def subset_bits(n: float, cells: float) -> float:
    """Bits to say which n of some cells there are: log2 of the binomial coefficient."""
    if n <= 0 or n >= cells:
        return 0.0
    if n * 1_000_000 < cells:  # the difference of the large terms would lose all digits
        return n * log(cells, 2) - lgamma(n + 1) / log(2)
    return max(0.0, (lgamma(cells + 1) - lgamma(n + 1) - lgamma(cells - n + 1)) / log(2))


def pattern_words(pattern: Pattern, names: Sequence[str]) -> str:
    """Return a pattern in words, with the names of its symbols."""
    return ", ".join(_PHRASES[part.kind](part, [names[c] for c in part.columns]) for part in pattern.parts)


def _compared(sign: str):
    def phrase(part: Part, names: list[str]) -> str:
        pair = f"{names[0]} {sign} {names[1]}"
        if part.exceptions < part.number:  # there are fewer than are missing
            return f"{part.exceptions} of {pair}"
        return f"{pair} but {part.number}" if part.number else pair

    return phrase


def _stepped(part: Part, names: list[str]) -> str:
    sign = "+" if part.number > 0 else "−"
    around = " (ring)" if part.kind == "ring" else ""
    return f"{names[1]} = {names[0]} {sign} {abs(part.number)}{around}"


_PHRASES = {
    "all": lambda part, names: f"every {names[0]}",
    "some": lambda part, names: f"{part.number} of {names[0]}",
    "<": _compared("<"),
    "<=": _compared("≤"),
    ">": _compared(">"),
    ">=": _compared("≥"),
    "!=": _compared("≠"),
    "shift": _stepped,
    "ring": _stepped,
    "map": lambda part, names: f"{names[-1]} by {' and '.join(names[:-1])}",
    "holes": lambda part, names: f"({', '.join(names)}) but {part.number}",
    "list": lambda part, names: f"{part.number} of ({', '.join(names)})",
    "repeated": lambda part, names: f"{part.number} repeated",
}
