"""Index sets shared between bases: which axes of which drafts are one index set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from converters.fold.facts import Group
from converters.fold.labelling import MIN_FILL, Labelling

Axis = tuple[int, int]  # (draft number, axis number)


@dataclass(frozen=True)
class Block:
    """The items of a group whose columns all lie in the same drafts."""

    group: Group
    rows: np.ndarray
    drafts: tuple[int, ...]

    @property
    def elements(self) -> np.ndarray:
        """Element codes, shape (n_rows, n_columns)."""
        return self.group.elements[self.rows]


def split_blocks(groups: Iterable[Group], labelling: Labelling) -> list[Block]:
    """Return the blocks of all groups, in order of first appearance."""
    blocks = []
    for group in groups:
        drafts = labelling.draft_of[group.elements]
        kinds, first, inverse = np.unique(drafts, axis=0, return_index=True, return_inverse=True)
        inverse = inverse.reshape(-1)
        for kind in np.argsort(first):
            rows = np.flatnonzero(inverse == kind)
            blocks.append(Block(group, rows, tuple(int(d) for d in kinds[kind])))
    return blocks


@dataclass(frozen=True)
class AxisClasses:
    """Axes grouped into index sets.

    Attributes
    ----------
    class_of : dict of Axis to int
        Index set number of each axis.
    labels : tuple of int array
        Sorted label codes of each index set.
    """

    class_of: dict[Axis, int]
    labels: tuple[np.ndarray, ...]

    def position(self, class_number: int, codes: np.ndarray) -> np.ndarray:
        """Return the positions of label codes in an index set."""
        return np.searchsorted(self.labels[class_number], codes)

    def size(self, class_number: int) -> int:
        """Return the number of labels of an index set."""
        return len(self.labels[class_number])


def axis_columns(block: Block, labelling: Labelling) -> Iterator[tuple[int, Axis, np.ndarray]]:
    """Yield (column, axis, label codes) for every index of every column of a block."""
    elements = block.elements
    for column, draft in enumerate(block.drafts):
        for axis in range(labelling.drafts[draft].n_axes):
            yield column, (draft, axis), labelling.coordinates[elements[:, column], axis]


def classify_axes(blocks: Iterable[Block], labelling: Labelling) -> AxisClasses:
    """Unite axes that some block always indexes alike, as long as no base becomes mostly holes."""
    merger = _Merger(labelling)
    for a, b in _agreements(blocks, labelling):
        merger.unite(a, b)
    roots = list(dict.fromkeys(merger.find(axis) for axis in merger.labels_of))
    number = {root: k for k, root in enumerate(roots)}
    return AxisClasses(
        {axis: number[merger.find(axis)] for axis in merger.parent},
        tuple(np.array(sorted(merger.labels_of[root]), dtype=np.int64) for root in roots),
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
        self.labels_of: dict[Axis, frozenset[int]] = {}
        for number, draft in enumerate(labelling.drafts):
            for axis in range(draft.n_axes):
                codes = labelling.coordinates[draft.members, axis]
                self.parent[number, axis] = (number, axis)
                self.labels_of[number, axis] = frozenset(codes.tolist())

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
        if a == b:
            return
        union = self.labels_of[a] | self.labels_of[b]
        members = self._axes_of[a] + self._axes_of[b]
        if any(self._fill(draft, set(members), len(union)) < MIN_FILL for draft, _ in members):
            return
        self.parent[b] = a
        self.labels_of[a] = union
        del self.labels_of[b]
        self._axes_of[a] = members

    def _fill(self, draft: int, members: set[Axis], size: int) -> float:
        """Share of existing entries of a draft if the axes in ``members`` had ``size`` labels."""
        base = self.labelling.drafts[draft]
        cells = 1.0
        for axis in range(base.n_axes):
            cells *= size if (draft, axis) in members else len(self.labels_of[self.find((draft, axis))])
        return len(base.members) / cells
