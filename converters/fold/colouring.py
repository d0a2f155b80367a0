"""Colour refinement: which elements play the same part, whatever they are called.

Starting from the kinds of the elements, each round tells apart what takes part in reactions of
another form, in another place, or with partners of another colour (Weisfeiler and Leman's
algorithm on the hypergraph of elements and items). The rounds form a sequence of partitions
from coarse to fine; each is a candidate for the bases of a network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converters.fold.components import components
from converters.fold.facts import Group
from converters.fold.keys import dense_codes, first_rows, row_keys

_MAX_ROUNDS = 8
_MIN_PLAYERS = 3
_DENSE_CELLS = 1 << 20  # the product of smaller matrices is taken densely
_MOST_COMPARED = 16  # columns of a form of reaction that are looked at in pairs


def colour_rounds(
    groups: Sequence[Group],
    kinds: np.ndarray,
    counted: bool = False,
    fixed: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return the partition after each round, coarse to fine, until it no longer changes.

    The order in which reactants and factors are written tells them apart (``L_i + R_j``) as
    long as hardly any element stands in both places; ``S_j + S_k`` is a set.

    Parameters
    ----------
    groups : sequence of Group
        Groups of items.
    kinds : int array, shape (n_elements,)
        Colours to start from.
    counted : bool
        Whether elements that take part in a form of reaction more often have another colour.
    fixed : bool array, shape (n_elements,), or None
        Elements that keep the colour they start with.
    """
    colours = dense_codes(kinds)
    rounds: list[np.ndarray] = []
    for _ in range(_MAX_ROUNDS):
        hashes = _round(groups, colours, counted)
        if fixed is not None:
            hashes[fixed] = 0
        finer = dense_codes(row_keys(np.stack([colours, dense_codes(hashes)], axis=1)))
        if finer.max(initial=0) == colours.max(initial=0):
            break
        rounds.append(finer)
        colours = finer
    return rounds


def loose_rounds(groups: Sequence[Group], kinds: np.ndarray) -> list[np.ndarray]:
    """Return partitions in which elements are of one colour if they ever play the same part.

    They are coarser than those of refinement: the first and last of a chain, which lack a
    partner, stay with the others. Parts that fewer than three elements play do not count.
    """
    colours = dense_codes(kinds)
    rounds: list[np.ndarray] = []
    for _ in range(_MAX_ROUNDS):
        finer = dense_codes(row_keys(np.stack([colours, _connected(groups, colours)], axis=1)))
        if finer.max(initial=0) == colours.max(initial=0):
            break
        rounds.append(finer)
        colours = finer
    return rounds


def separate_copies(groups: Sequence[Group], is_state: np.ndarray) -> np.ndarray | None:
    """Return the connected component of each variable, numbered in order of first appearance.

    Constants do not connect; they belong to the component that alone uses them, or to none
    (-1). None where all is connected, or where the components are not of one size.
    """
    n = len(is_state)
    rows, codes = [], []
    n_rows = 0
    for group in groups:
        row = np.broadcast_to(n + n_rows + np.arange(len(group.ids))[:, None], group.elements.shape)
        n_rows += len(group.ids)
        rows.append(row.ravel())
        codes.append(group.elements.ravel())
    none = np.empty(0, np.int64)
    row, code = np.concatenate([none, *rows]), np.concatenate([none, *codes])
    joins = is_state[code]
    component = components(np.stack([code[joins], row[joins]], axis=1), n + n_rows)
    used, first, counts = np.unique(component[np.unique(code[joins])], return_index=True, return_counts=True)
    if len(used) < 2 or counts.min() != counts.max() or counts.min() < _MIN_PLAYERS:
        return None
    number = np.full(component.max() + 1, -1)
    number[used[np.argsort(first)]] = np.arange(len(used))
    low, high = np.full(n, len(used)), np.full(n, -1)
    np.minimum.at(low, code, number[component[row]])
    np.maximum.at(high, code, number[component[row]])
    return np.where(low == high, low, -1)


def _connected(groups: Sequence[Group], colours: np.ndarray) -> np.ndarray:
    """Return the component of each element in the graph of elements and the parts they play."""
    codes, parts, n_parts = [], [], 0
    for group in (group for group in groups if group.n_items >= _MIN_PLAYERS):
        row = dense_codes(row_keys(colours[group.elements]))
        place = np.arange(group.elements.shape[1])
        for columns in group.unordered:
            place[columns] = columns[0]
        for column, members in enumerate(group.elements.T):
            codes.append(members)
            parts.append(n_parts + row * len(place) + place[column])
        n_parts += (int(row.max()) + 1) * len(place)
    if not codes:
        return np.zeros(len(colours), dtype=np.int64)
    code, part = np.concatenate(codes), np.concatenate(parts)
    pairs = np.unique(np.stack([part, code], axis=1), axis=0)
    is_common = np.bincount(pairs[:, 0], minlength=n_parts)[pairs[:, 0]] >= _MIN_PLAYERS
    part, code = pairs[is_common].T
    n = len(colours)
    return components(np.stack([code, n + part], axis=1), n + n_parts)[:n]


def absorb(groups: Sequence[Group], classes: np.ndarray, kinds: np.ndarray, share: float) -> np.ndarray:
    """Return the partition with small classes put to the larger ones they are most like.

    What lacks a reaction, or has one of another form, is told apart by refinement; it still
    plays other parts, with the same partners, as the rest of its family.

    Parameters
    ----------
    groups : sequence of Group
        Groups of items.
    classes : int array, shape (n_elements,)
        The partition.
    kinds : int array, shape (n_elements,)
        Kinds of elements, which stay apart.
    share : float
        A class goes to one of which it is at most this share.
    """
    for _ in range(_MAX_ROUNDS):
        target = _likest(groups, classes, kinds, share)
        if (target == np.arange(len(target))).all():
            break
        for _ in range(len(target).bit_length()):
            target = target[target]
        classes = dense_codes(target[classes])
    return classes


def _likest(groups: Sequence[Group], classes: np.ndarray, kinds: np.ndarray, share: float) -> np.ndarray:
    """Return for each class the larger one it is most like, or itself where none or several are."""
    n = int(classes.max(initial=-1)) + 1
    found = [
        _parts_played(number, group, classes) for number, group in enumerate(groups) if group.n_items > 1
    ]
    parts = dense_codes(np.concatenate([np.empty(0, np.uint64), *(part for part, _ in found)]))
    players = np.concatenate([np.empty(0, np.int64), *(player for _, player in found)])
    sizes = np.bincount(classes, minlength=n)
    kind_of = np.zeros(n, dtype=np.int64)
    kind_of[classes] = kinds
    large = np.flatnonzero(sizes >= _MIN_PLAYERS)
    small, big, n_shared = _shared_parts(players, parts, large, n)
    fits = (kind_of[small] == kind_of[big]) & (sizes[small] <= share * sizes[big])
    fits &= (sizes[small] < sizes[big]) | ((sizes[small] == sizes[big]) & (small > big))
    small, big, n_shared = small[fits], big[fits], n_shared[fits]
    order = np.lexsort((-n_shared, small))
    small, big, n_shared = small[order], big[order], n_shared[order]
    first = np.flatnonzero(np.diff(small, prepend=-1))
    second = np.minimum(first + 1, max(len(small) - 1, 0))
    is_tie = (second != first) & (small[second] == small[first]) & (n_shared[second] == n_shared[first])
    target = np.arange(n)
    target[small[first[~is_tie]]] = big[first[~is_tie]]
    return target


def _shared_parts(
    players: np.ndarray, parts: np.ndarray, large: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return classes and large classes that play the same parts, and how many."""
    n_parts = int(parts.max(initial=0)) + 1
    if n * n_parts <= _DENSE_CELLS:
        plays = np.zeros((n, n_parts))
        plays[players, parts] = 1.0
        shared = plays @ plays[large].T
        small, column = np.nonzero(shared)
        return small, large[column], shared[small, column]
    # Imported where a network is large: it costs more time than folding a small one.
    from scipy.sparse import coo_array, csr_array

    plays = csr_array((np.ones(len(parts)), (players, parts)), shape=(n, n_parts))
    plays.data[:] = 1.0
    product = coo_array(plays @ plays[large].T)
    return product.row, large[product.col], product.data


def _parts_played(number: int, group: Group, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return hashes of the places in a form of reaction, and the classes that stand there.

    A place is told apart by itself, and by itself and the class that stands in another.
    """
    elements = group.elements
    n_columns = elements.shape[1]
    if not n_columns:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    same = np.stack([(elements == elements[:, [c]]).argmax(axis=1) for c in range(n_columns)], axis=1)
    rows = first_rows(np.concatenate([classes[elements], same], axis=1))
    cells, same = classes[elements[rows]], same[rows]
    parts, players = [], []
    for column in range(n_columns):
        parts.append(_mix(np.full(len(cells), column), number + 1))
        players.append(cells[:, column])
        for other in range(n_columns) if n_columns <= _MOST_COMPARED else ():
            differs = same[:, column] != same[:, other]
            parts.append(_mix(cells[differs, other], number + 1, column + 1, other + 1))
            players.append(cells[differs, column])
    return np.concatenate(parts), np.concatenate(players)


def _round(groups: Sequence[Group], colours: np.ndarray, counted: bool) -> np.ndarray:
    """Return a hash of the parts each element plays, shape (n_elements,)."""
    total = np.zeros(len(colours), dtype=np.uint64)
    single = [k for k, group in enumerate(groups) if group.n_items == 1]
    if single:  # nothing else is of their form: their place in it says all
        codes = np.concatenate([groups[k].elements[0] for k in single])
        width = [groups[k].elements.shape[1] for k in single]
        place = np.concatenate([np.arange(n) for n in width])
        np.add.at(total, codes, _mix(np.zeros(len(codes)), np.repeat(single, width) + 1, place + 1))
    for number, group in enumerate(groups):
        if group.n_items == 1:
            continue
        cells = colours[group.elements]
        place = np.arange(cells.shape[1])
        for columns in group.unordered:
            cells[:, columns] = np.sort(cells[:, columns], axis=1)
            place[columns] = columns[0]
        row = dense_codes(row_keys(cells))
        for column, codes in enumerate(group.elements.T):
            token = _mix(row, number + 1, int(place[column]) + 1, colours[codes] + 1)
            if not counted:
                pair = np.stack([codes, dense_codes(token)], axis=1)
                first = np.unique(row_keys(pair), return_index=True)[1]
                codes, token = codes[first], token[first]
            np.add.at(total, codes, token)
    return total


def _mix(row: np.ndarray, *salts: int | np.ndarray) -> np.ndarray:
    """Return a 64-bit hash of integers (the finalizer of SplitMix64, Steele et al. 2014)."""
    mixed = row.astype(np.uint64)
    for salt in salts:
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + np.asarray(salt).astype(np.uint64)
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed
