"""Colour refinement: which elements play the same part, whatever they are called.

Starting from the kinds of the elements, each round tells apart what takes part in reactions of
another form, in another place, or with partners of another colour (Weisfeiler and Leman's
algorithm on the hypergraph of elements and items). The rounds form a sequence of partitions
from coarse to fine; each is a candidate for the bases of a network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from converters.fold.facts import Group
from converters.fold.keys import dense_codes, row_keys

_MAX_ROUNDS = 8
_MIN_PLAYERS = 3


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


def _connected(groups: Sequence[Group], colours: np.ndarray) -> np.ndarray:
    """Return the component of each element in the graph of elements and the parts they play."""
    codes, parts, n_parts = [], [], 0
    for group in groups:
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
    graph = coo_array((np.ones(len(code), dtype=bool), (code, n + part)), shape=(n + n_parts,) * 2)
    return connected_components(graph, directed=False)[1][:n]


def _round(groups: Sequence[Group], colours: np.ndarray, counted: bool) -> np.ndarray:
    """Return a hash of the parts each element plays, shape (n_elements,)."""
    total = np.zeros(len(colours), dtype=np.uint64)
    for number, group in enumerate(groups):
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
