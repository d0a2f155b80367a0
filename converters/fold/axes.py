"""Index sets shared between bases: which axes of which drafts are one index set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from converters.fold.facts import Group
from converters.fold.keys import row_keys
from converters.fold.labelling import Labelling, NamedSet, is_worth_axes
from converters.fold.orient import Oriented

Axis = tuple[int, int]  # (draft number, axis number)


@dataclass(frozen=True)
class Block:
    """The items of a group whose columns all lie in the same drafts.

    Attributes
    ----------
    rows : int array, shape (n_rows,)
        Items of the group.
    elements : int array, shape (n_rows, n_columns)
        Element codes, commuting operands in the order of their drafts.
    order : int array of that shape, or None
        Which column of the group each cell comes from; None where nothing was moved.
    """

    group: Group
    rows: np.ndarray
    drafts: tuple[int, ...]
    elements: np.ndarray
    order: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Block:
        """Return the block of some rows, given by number or by mask."""
        order = None if self.order is None else self.order[rows]
        return replace(self, rows=self.rows[rows], elements=self.elements[rows], order=order)


def split_blocks(groups: Iterable[Group], draft_of: np.ndarray) -> list[Block]:
    """Return the blocks of all groups, in order of first appearance.

    Parameters
    ----------
    groups : iterable of Group
        Groups of items.
    draft_of : int array, shape (n_elements,)
        Number of the draft (or other class) of each element.
    """
    blocks = []
    for group in groups:
        table = Oriented(group.elements, group.symmetries, group.n_terms)
        table.by_class(draft_of)
        drafts = draft_of[table.table]
        kind = row_keys(drafts)
        _, first, inverse = np.unique(kind, return_index=True, return_inverse=True)
        by_kind = np.split(
            np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse, minlength=len(first)))[:-1]
        )
        for number in np.argsort(first).tolist():
            rows = by_kind[number]
            order = None if table.order is None else table.order[rows]
            key = tuple(drafts[first[number]].tolist())
            blocks.append(Block(group, rows, key, table.table[rows], order))
    return blocks


@dataclass(frozen=True)
class AxisClasses:
    """Axes grouped into index sets.

    Attributes
    ----------
    class_of : dict of Axis to int
        Index set number of each axis.
    labels : tuple of int array
        Label codes of each index set, in natural order.
    ranks : int array
        Natural rank of every label code.
    names : dict of int to str
        Names of the index sets that hints name.
    """

    class_of: dict[Axis, int]
    labels: tuple[np.ndarray, ...]
    ranks: np.ndarray
    names: dict[int, str] = field(default_factory=dict)

    def position(self, class_number: int, codes: np.ndarray) -> np.ndarray:
        """Return the positions of label codes in an index set."""
        return np.searchsorted(self._sorted_ranks[class_number], self.ranks[codes])

    @cached_property
    def _sorted_ranks(self) -> list[np.ndarray]:
        return [self.ranks[codes] for codes in self.labels]

    def size(self, class_number: int) -> int:
        """Return the number of labels of an index set."""
        return len(self.labels[class_number])


def axis_columns(block: Block, labelling: Labelling) -> Iterator[tuple[int, Axis, np.ndarray]]:
    """Yield (column, axis, label codes) for every index of every column of a block."""
    for column, draft in enumerate(block.drafts):
        for axis in range(labelling.drafts[draft].n_axes):
            yield column, (draft, axis), labelling.coordinates[block.elements[:, column], axis]


def classify_axes(blocks: Iterable[Block], labelling: Labelling) -> AxisClasses:
    """Unite axes that some block always indexes alike, as long as no base becomes mostly holes.

    Axes over one named index set are always united, those over differently named ones never.
    """
    merger = _Merger(labelling)
    for a, b in _agreements(blocks, labelling):
        merger.unite(a, b)
    roots = list(dict.fromkeys(merger.find(axis) for axis in merger.labels_of))
    number = {root: k for k, root in enumerate(roots)}
    ranks = labelling.elements.words.ranks
    return AxisClasses(
        {axis: number[merger.find(axis)] for axis in merger.parent},
        tuple(codes[np.argsort(ranks[codes])] for codes in (merger.labels_of[root] for root in roots)),
        ranks,
        {number[root]: named.name for root, named in merger.named.items()},
    )


def _agreements(blocks: Iterable[Block], labelling: Labelling) -> list[tuple[Axis, Axis]]:
    """Pairs of axes whose label columns are equal and vary in some block, most rows first."""
    found: dict[tuple[Axis, Axis], int] = {}
    for block in blocks:
        first: dict[bytes, list[Axis]] = {}
        for _, axis, codes in axis_columns(block, labelling):
            if (codes == codes[0]).all():
                continue
            same = first.setdefault(codes.tobytes(), [])
            for other in same:
                if other != axis:
                    pair = (other, axis) if other < axis else (axis, other)
                    found[pair] = max(found.get(pair, 0), len(codes))
            if axis not in same:
                same.append(axis)
    return sorted(found, key=lambda pair: -found[pair])


class _Merger:
    """Union–find over axes that watches how full the bases stay."""

    def __init__(self, labelling: Labelling) -> None:
        self.labelling = labelling
        self.parent: dict[Axis, Axis] = {}
        self.labels_of: dict[Axis, np.ndarray] = {}
        for number, draft in enumerate(labelling.drafts):
            for axis in range(draft.n_axes):
                self.parent[number, axis] = (number, axis)
                self.labels_of[number, axis] = np.unique(draft.labels[:, axis])
        self.named: dict[Axis, NamedSet] = {}
        for number, draft in enumerate(labelling.drafts):
            for axis, named in enumerate(draft.sets):
                if named is not None:
                    self._name((number, axis), named)

    @cached_property
    def _axes_of(self) -> dict[Axis, list[Axis]]:
        return {axis: [axis] for axis in self.parent}

    def find(self, axis: Axis) -> Axis:
        while self.parent[axis] != axis:
            self.parent[axis] = self.parent[self.parent[axis]]
            axis = self.parent[axis]
        return axis

    def unite(self, a: Axis, b: Axis) -> None:
        a, b = self.find(a), self.find(b)
        if b in self.named:
            a, b = b, a
        if a == b or b in self.named:
            return
        union = np.union1d(self.labels_of[a], self.labels_of[b])
        if a in self.named and self.named[a].labels and len(union) > len(self.labels_of[a]):
            return
        members = {*self._axes_of[a], *self._axes_of[b]}
        growing = [side for side in (a, b) if len(union) > len(self.labels_of[side])]
        drafts = {draft for side in growing for draft, _ in self._axes_of[side]}
        if all(self._stays_full(draft, members, len(union)) for draft in drafts):
            self._join(a, b, union)

    def _join(self, a: Axis, b: Axis, union: np.ndarray) -> None:
        self.parent[b] = a
        self.labels_of[a] = union
        self._axes_of[a] = self._axes_of[a] + self._axes_of[b]
        del self.labels_of[b]

    def _name(self, axis: Axis, named: NamedSet) -> None:
        """Put an axis over a named index set."""
        own = self.labels_of[axis]
        for root, other in self.named.items():
            if other.name == named.name:
                self._join(root, axis, np.union1d(self.labels_of[root], own))
                return
        self.named[axis] = named
        self.labels_of[axis] = np.union1d(own, np.array(named.labels, dtype=np.int64))

    def _stays_full(self, draft: int, members: set[Axis], size: int) -> bool:
        """Whether a draft is not mostly holes if the axes in ``members`` had ``size`` labels."""
        base = self.labelling.drafts[draft]
        cells = 1.0
        for axis in range(base.n_axes):
            cells *= size if (draft, axis) in members else len(self.labels_of[self.find((draft, axis))])
        return is_worth_axes(len(base.members), cells)
