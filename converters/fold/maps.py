"""Maps between classes of elements: which column of a block determines which.

In ``M_p + M_q -> D_pq`` each dimer stands beside one first and one second monomer: two maps
from dimers to monomers. In ``w_ji + G_ik`` neither determines the other, but the pairs fall
apart into complete blocks, one for each gate i: an index that both share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from converters.fold.components import components
from converters.fold.keys import n_distinct

_MIN_COVER = 0.5  # a map must be known for this share of a class to say anything about it
_MIN_SHARE = 0.05  # and in each block for this share of it
_MIN_MEMBERS = 3
_MIN_AGREEMENT = 0.9  # share of the reactions that follow a map; the others are exceptions
_WORTH_COUNTING = 0.6
_MOST_COMPARED = 12  # distinct columns of a table among which common indices are looked for
_MOST_PAIRS = 1000  # of columns that are looked at for common indices
_MIN_BLOCK_FILL = 0.5  # share of the pairs within connected blocks that must occur

Table = tuple[tuple[int, ...], np.ndarray]  # class of each column, elements


class _Classes(Protocol):
    words: list[np.ndarray]
    place: np.ndarray

    def size(self, number: int) -> int: ...

    def add_latent(self, words: np.ndarray) -> int: ...


@dataclass(frozen=True)
class Map:
    """A function between classes: member k of the source leads to member ``image[k]``, or -1."""

    source: int
    target: int
    image: np.ndarray

    @property
    def cover(self) -> float:
        """Share of the source for which it is known."""
        return float((self.image >= 0).mean())

    @property
    def is_injective(self) -> bool:
        """Whether it never leads to one member twice."""
        known = self.image[self.image >= 0]
        return len(np.unique(known)) == len(known)

    def shares_evenly(self, n_targets: int) -> bool:
        """Whether it leads to each of so many members equally often."""
        counts = np.unique(self.image, return_counts=True)[1]
        return len(counts) == n_targets and bool((counts == counts[0]).all())


def find_maps(tables: Iterable[Table], classes: _Classes, settled: Collection[int]) -> list[Map]:
    """Return the maps between different classes, those that agree joined, best known first.

    Parameters
    ----------
    tables : iterable of (tuple of int, int array)
        Blocks: the class of each column, and the elements, shape (n_rows, n_columns).
    classes : Classes
        The partition; latent classes are added to it.
    settled : collection of int
        Classes that need no maps.
    """
    finder = _Finder(classes, settled)
    for drafts, table in tables:
        finder.read(drafts, classes.place[table])
    finder.share_indices()
    finder.read_members()
    maps = [Map(s, t, image) for (s, t), images in finder.found.items() for image in images]
    return sorted((m for m in maps if m.cover >= _MIN_COVER), key=lambda m: -m.cover)


class _Finder:
    """Collects maps from tables of members: blocks of reactions, and what maps lead to."""

    def __init__(self, classes: _Classes, settled: Collection[int]) -> None:
        self.classes = classes
        self.settled = settled
        self.found: dict[tuple[int, int], list[np.ndarray]] = {}
        self.open_pairs: list[tuple[int, int, np.ndarray]] = []

    def read(self, drafts: tuple[int, ...], table: np.ndarray) -> None:
        """Add the maps between the columns of a table of member numbers, shape (n_rows, n_columns)."""
        columns = [c for c in _distinct_columns(drafts, table) if self.classes.size(drafts[c]) > 1]
        determined = set()
        for a in columns:
            first = np.full(self.classes.size(drafts[a]), -1)
            first[table[::-1, a]] = np.arange(len(table))[::-1]
            if np.count_nonzero(first >= 0) < max(_MIN_MEMBERS, _MIN_SHARE * len(first)):
                continue
            agreements = (table == table[first[table[:, a]]]).mean(axis=0).tolist()
            for b in columns:
                if a == b:
                    continue
                agreement = agreements[b]
                if agreement == 1:
                    image = np.where(first >= 0, table[first, b], -1)
                elif agreement >= _WORTH_COUNTING:
                    image = _commonest(table[:, a], table[:, b], len(first))
                    if (image[table[:, a]] == table[:, b]).mean() < _MIN_AGREEMENT:
                        continue
                else:
                    continue
                determined.add((a, b))
                if drafts[a] != drafts[b] and drafts[a] not in self.settled:
                    _join(self.found.setdefault((drafts[a], drafts[b]), []), image)
        if len(columns) > _MOST_COMPARED or len(table) < 2:
            return
        self.open_pairs += [
            (drafts[a], drafts[b], table[:, [a, b]])
            for a, b in combinations(columns, 2)
            if drafts[a] != drafts[b]
            and not {(a, b), (b, a)} & determined
            and not (drafts[a] in self.settled and drafts[b] in self.settled)
        ]

    def share_indices(self) -> None:
        """Look for common indices of the pairs of columns that do not determine each other."""
        for a, b, pair in self.open_pairs[:_MOST_PAIRS]:
            _share_index(a, b, pair, self.found, self.classes)
        self.open_pairs = []

    def read_members(self) -> None:
        """Add the maps between the images of each class: ``C[i, j]`` joins ``k[i]`` with ``L[i]``."""
        for source in sorted({source for source, _ in self.found}):
            maps = [
                (t, image) for (s, t), images in list(self.found.items()) if s == source for image in images
            ]
            maps = sorted(maps, key=lambda entry: -np.count_nonzero(entry[1] >= 0))[:_MOST_COMPARED]
            if len(maps) > 1:
                table = np.stack([image for _, image in maps], axis=1)
                known = (table >= 0).all(axis=1)
                if known.any():
                    self.read(tuple(t for t, _ in maps), table[known])
        self.share_indices()


def _distinct_columns(drafts: tuple[int, ...], table: np.ndarray) -> list[int]:
    first: dict[tuple[int, bytes], int] = {}
    for column, draft in enumerate(drafts):
        first.setdefault((draft, table[:, column].tobytes()), column)
    return list(first.values())


def _commonest(a: np.ndarray, b: np.ndarray, size: int) -> np.ndarray:
    """Return for each member in ``a`` what stands most often, or else first, beside it in ``b``."""
    pairs, first, counts = np.unique(np.stack([a, b], axis=1), axis=0, return_index=True, return_counts=True)
    order = np.lexsort((-first, counts))
    image = np.full(size, -1)
    image[pairs[order, 0]] = pairs[order, 1]
    return image


def _join(images: list[np.ndarray], new: np.ndarray) -> None:
    """Add a map to those between two classes, or to one of them that it agrees with."""
    for number, image in enumerate(images):
        both = (image >= 0) & (new >= 0)
        if both.any() and (image[both] == new[both]).all():
            images[number] = np.where(image >= 0, image, new)
            return
    images.append(new)


def _share_index(a: int, b: int, pair: np.ndarray, found: dict, classes: _Classes) -> None:
    """Map two classes to the blocks that their pairs fall apart into, if they are blocks.

    Where one of them has a map with these very blocks already, the other gets it too.
    """
    n_a, n_b = classes.size(a), classes.size(b)
    component = components(pair + np.array([0, n_a]), n_a + n_b)
    if (component[pair[:, 0]] == component[pair[0, 0]]).all():
        return
    used_a, used_b = np.unique(pair[:, 0]), np.unique(pair[:, 1])
    blocks = np.unique(component[used_a])
    sizes_a = np.bincount(np.searchsorted(blocks, component[used_a]))
    sizes_b = np.bincount(np.searchsorted(blocks, component[n_a + used_b]))
    if n_distinct(pair) < _MIN_BLOCK_FILL * float(sizes_a @ sizes_b):
        return
    image_a, image_b = np.full(n_a, -1), np.full(n_b, -1)
    image_a[used_a] = np.searchsorted(blocks, component[used_a])
    image_b[used_b] = np.searchsorted(blocks, component[n_a + used_b])
    for one, own, other, theirs in ((a, image_a, b, image_b), (b, image_b, a, image_a)):
        for (source, target), images in list(found.items()):
            if source != one or target == other or classes.size(target) < len(blocks):
                continue
            for image in images:
                of_block = _same_blocks(own, image, len(blocks))
                if of_block is not None:
                    _join(found.setdefault((other, target), []), np.where(theirs >= 0, of_block[theirs], -1))
                    return
    first = used_a[np.unique(component[used_a], return_index=True)[1]]
    latent = classes.add_latent(classes.words[a][first])
    found[a, latent] = [image_a]
    found[b, latent] = [image_b]


def _same_blocks(own: np.ndarray, image: np.ndarray, n_blocks: int) -> np.ndarray | None:
    """Return the image of each block if a map is one to one on the blocks, else None."""
    known = (own >= 0) & (image >= 0)
    of_block = np.full(n_blocks, -1)
    of_block[own[known]] = image[known]
    fits = (of_block[own[known]] == image[known]).all() and (of_block >= 0).all()
    return of_block if fits and len(np.unique(of_block)) == n_blocks else None
