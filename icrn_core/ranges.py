"""Which index set each index symbol and each axis of a base ranges over, told by their uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from icrn_core.errors import IcrnError
from icrn_core.icrn import IndexSet, Reference
from icrn_core.notation import Base, Entry, Index, shown

# An index symbol, or a base and the number of one of its axes.
Node = Index | tuple[Base, int]
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


class Ranges:
    """Index sets of the symbols and axes of one network.

    Every entry that is used says that its axes range over what its symbols range over
    (`use`); `settle` then names the sets.
    """

    def __init__(self) -> None:
        self._parents: dict[Node, Node] = {}
        self._labels: dict[Node, tuple[str, ...]] = {}
        self._literals: dict[tuple[Base, int], list[str]] = {}
        self._ranks: dict[Base, int] = {}
        self._sets: dict[Node, IndexSet] = {}

    def meet(self, symbol: Index) -> Node:
        """Take note of a symbol."""
        if symbol not in self._parents:
            self._parents[symbol] = symbol
            if symbol.labels is not None:
                self._labels[symbol] = symbol.labels
        return symbol

    def use(self, entry: Entry, where: str) -> None:
        """Take note of an entry; ``where`` is for messages."""
        base, indices = entry
        self._meet_base(base, len(indices), where, str(entry))
        for axis, index in enumerate(indices):
            if isinstance(index, Index):
                self._join(self.meet(index), (base, axis), f"{where}, '{entry}'")
            else:
                self._literals.setdefault((base, axis), []).append(index)

    def _meet_base(self, base: Base, rank: int, where: str, text: str) -> None:
        expected = self._ranks.get(base, rank if base.axes is None else len(base.axes))
        if rank != expected:
            raise IcrnError(f"{where}: '{base}' has {expected} indices elsewhere, found {rank} in '{text}'")
        if base in self._ranks:
            return
        self._ranks[base] = rank
        for axis in range(rank):
            self._parents[base, axis] = (base, axis)
            if base.axes is not None:
                self._join(self.meet(base.axes[axis]), (base, axis), f"base '{base}'")
        if base.is_symmetric:
            if rank != 2:
                raise IcrnError(
                    f"{where}: '{base}' is symmetric and has two indices, found {rank} in '{text}'"
                )
            self._join((base, 0), (base, 1), f"base '{base}', which is symmetric")

    def _root(self, node: Node) -> Node:
        while self._parents[node] is not node:
            node = self._parents[node]
        return node

    def _join(self, a: Node, b: Node, where: str) -> None:
        first, second = self._root(a), self._root(b)
        if first is second:
            return
        labels, others = self._labels.get(first), self._labels.get(second)
        if labels is not None and others is not None and labels != others:
            raise IcrnError(
                f"{where}: {_described(a)} ranges over {shown(labels)}, "
                f"but {_described(b)} over {shown(others)}"
            )
        self._parents[second] = first
        if others is not None:
            self._labels[first] = others

    def settle(self, bases: Iterable[Base], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Name the index sets; where no symbol tells one, the shape of a value or literals do.

        Raises
        ------
        IcrnError
            A symbol without a range, or a literal that is no label.
        """
        bases = list(bases)
        for base in bases:
            if base not in self._ranks:
                self._meet_base(base, len(base.axes or ()), f"base '{base}'", str(base))
            shape = shapes.get(base.name, ())
            for axis in range(self._ranks[base]):
                root = self._root((base, axis))
                if root not in self._labels and len(shape) == self._ranks[base]:
                    self._labels[root] = tuple(map(str, range(shape[axis])))
        for node, literals in self._literals.items():
            self._check_literals(node, literals)
        taken = {base.name for base in bases}
        # Sets that are given one name and the same labels are one.
        named: dict[str, IndexSet] = {}
        for node in self._parents:
            root = self._root(node)
            if root in self._sets:
                continue
            if root not in self._labels:
                raise IcrnError(
                    f"{_described(node)} has no range: give its symbol a size or labels, "
                    "as in index_symbols('i', 10)"
                )
            given = next((s.set_name for s in self._symbols_of(root) if s.set_name), "")
            known = named.get(given) if given else None
            if known is None or known.labels != self._labels[root]:
                name = self._name(root, given, taken)
                taken.add(name)
                known = IndexSet(name, self._labels[root])
                named.setdefault(given, known)
            self._sets[root] = known

    def _check_literals(self, node: tuple[Base, int], literals: list[str]) -> None:
        root = self._root(node)
        labels = self._labels.get(root)
        if labels is None:
            self._labels[root] = tuple(dict.fromkeys(literals))
            return
        for literal in literals:
            if literal not in labels:
                raise IcrnError(
                    f"{_described(node)} has no label '{literal}': it ranges over {shown(labels)}"
                )

    def _symbols_of(self, root: Node) -> list[Index]:
        return [node for node in self._parents if isinstance(node, Index) and self._root(node) is root]

    def _name(self, root: Node, given: str, taken: set[str]) -> str:
        symbols = self._symbols_of(root)
        name = given or (symbols[0].name.upper() if symbols else f"{root[0].name}_labels")
        while name in taken:
            name += "_"
        return name

    def of(self, symbol: Index) -> IndexSet:
        """Return what a symbol ranges over."""
        return self._sets[self._root(symbol)]

    def of_base(self, base: Base) -> tuple[IndexSet, ...]:
        """Return what the axes of a base range over."""
        return tuple(self._sets[self._root((base, axis))] for axis in range(self._ranks[base]))

    def reference(self, entry: Entry) -> Reference:
        """Return an entry with names of symbols and positions of labels."""
        sets = self.of_base(entry.base)
        indices = (
            index.name if isinstance(index, Index) else index_set.labels.index(index)
            for index, index_set in zip(entry.indices, sets, strict=True)
        )
        return Reference(entry.base.name, tuple(indices))


def _described(node: Node) -> str:
    if isinstance(node, Index):
        return f"index symbol '{node.name}'"
    base, axis = node
    ordinal = _ORDINALS[axis] if axis < len(_ORDINALS) else f"{axis + 1}th"
    return f"the {ordinal} index of '{base}'"
