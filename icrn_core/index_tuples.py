"""The index tuples of a reaction, and how they become an index domain."""

from __future__ import annotations

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.icrn import IndexDomain, IndexSet, IndexSymbol, Reference
from icrn_core.notation import Condition, Index

# Of a condition that fewer index tuples fulfil than this part, the tuples are listed.
_SPARSE = 0.25


class IndexTuples:
    """Index tuples of a reaction: of the full product, those that fulfil its conditions."""

    def __init__(
        self,
        where: str,
        symbols: tuple[IndexSymbol, ...],
        indices: tuple[Index, ...],
        condition: Condition | np.ndarray | None,
    ) -> None:
        self.symbols = symbols
        shape = tuple(len(symbol.index_set) for symbol in symbols)
        self.grid = dict(zip(indices, np.indices(shape, sparse=True), strict=True))
        self.mask = np.ones(shape, bool)
        self.added: list[tuple[str, IndexSet, np.ndarray]] = []
        if isinstance(condition, Condition):
            self.mask &= condition.value(self.grid)
        elif condition is not None:
            given = np.asarray(condition)
            if given.shape != shape or given.dtype != bool:
                order = ", ".join(symbol.name for symbol in symbols)
                raise IcrnError(
                    f"{where}: which tuples react is a bool array of shape {shape} for ({order}), "
                    f"found {given.dtype} of shape {given.shape}"
                )
            self.mask &= given

    def order(self, a: Index, b: Index) -> bool:
        """Keep one of each two tuples that differ by the exchange of two symbols; return if there are two."""
        axes = [next(k for k, index in enumerate(self.grid) if index is symbol) for symbol in (a, b)]
        both = self.mask & np.swapaxes(self.mask, *axes) & (self.grid[a] != self.grid[b])
        self.mask &= ~(both & (self.grid[a] > self.grid[b]))
        return bool(both.any())

    def sorted(self, reference: Reference) -> Reference:
        """Return the entry of a symmetric species with the smaller index first."""
        columns = {s.name: column for s, column in zip(self.symbols, np.nonzero(self.mask), strict=True)}
        first, second = (columns[i] if isinstance(i, str) else i for i in reference.indices)
        if np.all(first <= second):
            return reference
        if np.all(first >= second):
            return Reference(reference.base, reference.indices[::-1])
        title = "_".join(str(i) for i in reference.indices)
        names = tuple(f"{end}_{title}" for end in ("least", "most"))
        if names[0] not in [name for name, *_ in self.added]:
            symbol = next(i for i in reference.indices if isinstance(i, str))
            index_set = next(s.index_set for s in self.symbols if s.name == symbol)
            for name, choose in zip(names, (np.minimum, np.maximum), strict=True):
                self.added.append((name, index_set, choose(first, second)))
        return Reference(reference.base, names)

    def domain(self) -> IndexDomain:
        """Return the product, or a mask, or the tuples themselves where they are few."""
        if self.added:
            columns = [*np.nonzero(self.mask), *(column for *_, column in self.added)]
            symbols = (*self.symbols, *(IndexSymbol(name, index_set) for name, index_set, _ in self.added))
            return IndexDomain(symbols, relation=np.stack(columns, axis=1).astype(np.int64))
        if self.mask.all():
            return IndexDomain(self.symbols)
        if self.mask.mean() < _SPARSE:
            return IndexDomain(self.symbols, relation=np.argwhere(self.mask).astype(np.int64))
        return IndexDomain(self.symbols, mask=self.mask)
