"""Coordinates from structure alone: what determines what in the reactions.

Given a partition of the elements into classes, each block of reactions is a table whose columns
lie in one class each. Where column A determines column B, there is a map from class A to class
B. Maps that are one to one carry coordinates from class to class; maps onto smaller classes give
the coordinates of the larger ones: a dimer projects onto its two monomers, a rate constant onto
the species of its reaction. What no map explains becomes an index of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush

import numpy as np

from converters.fold.axes import Block, split_blocks
from converters.fold.elements import Elements, Signature
from converters.fold.facts import Group
from converters.fold.keys import dense_codes, row_keys
from converters.fold.labelling import Draft, Labelling, covering, is_worth_axes
from converters.fold.maps import Map, find_maps
from converters.fold.orient import Oriented, follows_term, sorted_terms
from converters.fold.stems import common_stem

_MIN_COVER = 0.5  # a class leads others of at least this share of its size
_MIN_OWN = 0.9  # share of a class that must have index tuples of their own
_MIN_CLASS = 3  # two things that play one part are not yet a pattern
_HOW = "structure"


class Classes:
    """A partition of the elements, and the latent classes found beside it.

    A latent class has no elements of its own: its members are an index that several classes
    share, such as the gate i in ``w[j, i] + G[i, k]``.
    """

    def __init__(self, elements: Elements, class_of: np.ndarray) -> None:
        order = np.argsort(class_of, kind="stable")
        self.members = [c for c in np.split(order, np.cumsum(np.bincount(class_of))[:-1]) if len(c)]
        self.words = [elements.own_words[codes] for codes in self.members]
        self.place = np.empty(len(class_of), dtype=np.int64)
        for codes in self.members:
            self.place[codes] = np.arange(len(codes))
        self.n_real = len(self.members)
        self.signatures = [elements.signature_of[codes[0]] for codes in self.members]

    def is_constant(self, number: int) -> bool:
        """Whether a class holds parameters that nothing changes."""
        return number < self.n_real and self.signatures[number] == Signature("parameter", "constant")

    def size(self, number: int) -> int:
        """Return the number of members of a class."""
        return len(self.words[number])

    def add_latent(self, words: np.ndarray) -> int:
        """Add a latent class with these labels and return its number."""
        self.words.append(words)
        return len(self.words) - 1


def by_structure(
    groups: Sequence[Group],
    elements: Elements,
    class_of: np.ndarray,
    settled: Mapping[int, Draft] | None = None,
    copy_of: np.ndarray | None = None,
) -> Labelling:
    """Return the labelling of a partition whose indices come from functional dependencies.

    Parameters
    ----------
    groups : sequence of Group
        Groups of items.
    elements : Elements
        The elements of the network.
    class_of : int array, shape (n_elements,)
        Class of each element; the members of a class have one signature.
    settled : mapping of int to Draft
        Classes whose indices are known, from names say.
    copy_of : int array, shape (n_elements,), or None
        Which of several separate copies of one network each element belongs to, -1 for those
        that the copies share: an index of its own.
    """
    classes = Classes(elements, class_of)
    settled = dict(settled or {})
    blocks = [block for block in split_blocks(groups, class_of) if len(block.rows) >= _MIN_CLASS]
    tables = [(block.drafts, _in_one_order(block)) for block in blocks]
    maps = find_maps(tables, classes, settled)
    if copy_of is not None:
        maps += _maps_to_copies(classes, elements, copy_of)
    coordinates = {c: _in_order(draft, classes, c) for c, draft in settled.items()}
    _settle(coordinates, maps, classes)
    drafts = list(settled.values())
    drafts += [
        _draft(elements, classes.members[c], labels)
        for c, labels in sorted(coordinates.items())
        if c not in settled and c < classes.n_real and len(labels) >= _MIN_CLASS
    ]
    return covering(elements, [d for d in drafts if d is not None])


def _maps_to_copies(classes: Classes, elements: Elements, copy_of: np.ndarray) -> list[Map]:
    """Return a map to the copies, a latent class, from each class that all have equal shares of."""
    first = np.unique(copy_of[copy_of >= 0], return_index=True)[1]
    words = elements.own_words[first]
    copies = classes.add_latent(words)
    maps = []
    for number, members in enumerate(classes.members):
        counts = np.bincount(copy_of[members] + 1, minlength=len(words) + 1)
        if counts[0] == 0 and len(set(counts[1:].tolist())) == 1:
            maps.append(Map(number, copies, copy_of[members]))
    return maps


def _in_order(draft: Draft, classes: Classes, number: int) -> np.ndarray:
    """Labels of a settled class in the order of its members."""
    labels = np.full((classes.size(number), draft.n_axes), -1, dtype=np.int64)
    labels[classes.place[draft.members]] = draft.labels
    return labels


def _draft(elements: Elements, members: np.ndarray, labels: np.ndarray) -> Draft | None:
    """Return the draft of a class without the members that have no coordinates of their own."""
    known = (labels >= 0).all(axis=1)
    members, labels = members[known], labels[known]
    own = np.sort(np.unique(row_keys(labels), return_index=True)[1])
    if len(own) < max(_MIN_CLASS, _MIN_OWN * len(members)):
        return None
    members, labels = members[own], labels[own]
    stem = common_stem([elements.ids[code] for code in members.tolist()])
    varies = (labels != labels[0]).any(axis=0)
    return Draft(stem, elements.signature_of[members[0]], members, labels[:, varies], how=_HOW)


def _in_one_order(block: Block) -> np.ndarray:
    """Elements of a block, reactants and products of one class sorted where they are symmetric."""
    oriented = Oriented(block.elements, block.group.symmetries, block.group.n_terms)
    for symmetry in oriented.of_terms:
        columns = [operand[0] for operand in symmetry]
        if len({block.drafts[c] for c in columns}) == 1 and not follows_term(oriented, symmetry):
            sorted_terms(oriented, symmetry, oriented.table[:, columns])
    return oriented.table


def _settle(coordinates: dict[int, np.ndarray], maps: list[Map], classes: Classes) -> None:
    """Fill in the coordinates of all classes.

    Followers take over those of their root; roots are put together from the smaller classes
    that they or their followers project on.
    """
    roots = _roots(maps, classes, coordinates)
    projections: dict[int, list[Map]] = {}
    for found in maps:
        own = found if found.source not in roots else _carried(found, roots[found.source], classes)
        if own.source not in coordinates and own.target != own.source:
            projections.setdefault(own.source, []).append(own)
    waiting = [
        c
        for c in range(len(classes.words))
        if c not in coordinates and (classes.size(c) >= _MIN_CLASS or c >= classes.n_real)
    ]
    followers = [c for c in waiting if c in roots]
    led = {roots[c].target for c in followers if not classes.is_constant(c)}
    led |= {
        found.target
        for c, known in projections.items()
        for found in known
        if not classes.is_constant(c) and found.shares_evenly(classes.size(found.target))
    }
    for c in sorted((c for c in waiting if c not in roots), key=lambda c: (classes.size(c), c)):
        _follow(coordinates, followers, roots)
        known = [m for m in projections.get(c, ()) if m.target in coordinates]
        columns = [column for m in known for column in _pulled_back(m, coordinates)]
        if columns or c in led or not classes.is_constant(c):  # constants have no index of their own
            coordinates[c] = _completed(_key(columns, classes.size(c), classes.words[c]))
    _follow(coordinates, followers, roots)


def _completed(labels: np.ndarray) -> np.ndarray:
    """Give the few members without coordinates the cells that are left, where these are as many."""
    unknown = (labels < 0).any(axis=1)
    n_unknown = int(unknown.sum())
    if not 0 < n_unknown <= (1 - _MIN_OWN) * len(labels):
        return labels
    axes = [np.unique(column) for column in labels[~unknown].T]
    cells = np.prod([float(len(axis)) for axis in axes])
    if cells != len(labels):
        return labels
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(len(labels), -1)
    keys = row_keys(np.concatenate([labels[~unknown], grid]))
    free = grid[~np.isin(keys[len(labels) - n_unknown :], keys[: len(labels) - n_unknown])]
    if len(free) != n_unknown:
        return labels
    labels = labels.copy()
    labels[unknown] = free
    return labels


def _carried(found: Map, to_root: Map, classes: Classes) -> Map:
    """Return the map of a follower as one of its root."""
    image = np.full(classes.size(to_root.target), -1)
    known = to_root.image >= 0
    image[to_root.image[known]] = found.image[known]
    return Map(to_root.target, found.target, image)


def _follow(coordinates: dict[int, np.ndarray], followers: list[int], roots: Mapping[int, Map]) -> None:
    """Give the classes whose root has coordinates the same ones."""
    for c in followers:
        if c not in coordinates and roots[c].target in coordinates:
            coordinates[c] = _completed(np.stack(_pulled_back(roots[c], coordinates), axis=1))


def _pulled_back(found: Map, coordinates: Mapping[int, np.ndarray]) -> list[np.ndarray]:
    """Coordinates that a map gives its source, one column per axis; -1 where it is not known."""
    known = found.image >= 0
    labels = coordinates[found.target][np.where(known, found.image, 0)]
    return [np.where(known, labels[:, axis], -1) for axis in range(labels.shape[1])]


def _roots(maps: list[Map], classes: Classes, settled) -> dict[int, Map]:
    """For each class that one-to-one maps carry into another: the map to the last of them.

    Larger classes lead smaller ones, and settled ones lead all: a forest, grown from its roots
    along the maps that are known best.
    """
    followers: dict[int, list[tuple[int, Map]]] = {}
    for number, found in enumerate(maps):
        n_source, n_target = classes.size(found.source), classes.size(found.target)
        is_small = found.source not in settled and (n_source <= n_target or found.target in settled)
        if is_small and n_source >= _MIN_COVER * n_target and found.is_injective:
            followers.setdefault(found.target, []).append((number, found))
    roots: dict[int, Map] = {}
    n_known = Counter(m.source for m in maps if m.cover == 1 and classes.size(m.target) < len(m.image))
    by_size = sorted(
        range(len(classes.words)),
        key=lambda c: (c not in settled, -classes.size(c), classes.is_constant(c), -n_known[c]),
    )
    for root in by_size:
        if root in roots:
            continue
        edges: list[tuple[float, int, int, Map]] = []
        _push(edges, followers.get(root, ()), 1)
        while edges:
            _, depth, _, found = heappop(edges)
            c = found.source
            if c in roots or c in settled or c == root:
                continue
            roots[c] = found if found.target == root else _composed(found, roots[found.target])
            _push(edges, followers.get(c, ()), depth + 1)
    return roots


def _composed(first: Map, then: Map) -> Map:
    known = first.image >= 0
    return Map(first.source, then.target, np.where(known, then.image[np.where(known, first.image, 0)], -1))


def _push(edges: list[tuple[float, int, int, Map]], maps: Iterable[tuple[int, Map]], depth: int) -> None:
    for number, found in maps:
        heappush(edges, (-found.cover, depth, number, found))


def _key(columns: list[np.ndarray], n: int, own: np.ndarray) -> np.ndarray:
    """Return the fewest columns that tell the members of a class apart, shape (n, n_axes).

    What they leave together becomes one more index; a class that they would leave mostly
    holes is indexed by its own members.
    """
    chosen: list[np.ndarray] = []
    cells = np.zeros(n, dtype=np.int64)
    for is_known in (True, False):  # columns that are known throughout go first
        left = [column for column in columns if (column >= 0).all() == is_known]
        while left and cells.max() + 1 < n:
            finer = [dense_codes(row_keys(np.stack([cells, column], axis=1))) for column in left]
            best = max(range(len(left)), key=lambda k: finer[k].max())
            if finer[best].max() == cells.max():
                break
            cells = finer[best]
            chosen.append(left.pop(best))
    chosen = _needed(chosen)
    if not chosen:
        return own[:, None]
    if cells.max() + 1 < n:
        chosen.append(_rank_within(cells, own))
    full = np.prod([float(len(np.unique(column))) for column in chosen])
    return np.stack(chosen, axis=1) if is_worth_axes(n, full) else own[:, None]


def _needed(columns: list[np.ndarray]) -> list[np.ndarray]:
    """Leave out columns that the others determine."""
    kept = list(columns)
    for column in columns:
        rest = [c for c in kept if c is not column]
        if rest and _n_cells(rest) == _n_cells(kept):
            kept = rest
    return kept


def _n_cells(columns: list[np.ndarray]) -> int:
    return int(dense_codes(row_keys(np.stack(columns, axis=1))).max()) + 1


def _rank_within(cells: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the number of each member in its cell; the labels are the words of the first members."""
    order = np.argsort(cells, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(cells))[:-1]])
    rank = np.empty(len(cells), dtype=np.int64)
    rank[order] = np.arange(len(cells)) - start[cells[order]]
    return own[rank]
