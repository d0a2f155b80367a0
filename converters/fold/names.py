"""Indices from names: ``P_1_2`` is entry (1, 2) of ``P``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import permutations

import numpy as np

from converters.fold.elements import Elements, Signature
from converters.fold.labelling import Draft, Labelling, covering, is_worth_axes

_HOW = "numbers in ids"


def by_numbers(elements: Elements) -> Labelling:
    """Return the labelling by the numbers in ids.

    Ids that differ in their numbers only form a base. Numbers that all of them share stay in
    its name; a base whose entries would mostly be holes gets one index instead of several.
    """
    buckets: dict[tuple, list[tuple[int, tuple[str, ...]]]] = {}
    for code, element_id in enumerate(elements.ids):
        pieces = re.split(r"(\d+)", element_id)
        key = (elements.signatures[element_id], tuple(pieces[0::2]))
        buckets.setdefault(key, []).append((code, tuple(pieces[1::2])))
    tables = {key: found for key, found in buckets.items() if len(key[1]) > 1 and len(found) > 1}
    single = {frozenset(row[0] for _, row in found) for (_, p), found in tables.items() if len(p) == 2}
    drafts = [
        _draft(elements, signature, *_with_digits_apart(pattern, found, single))
        for (signature, pattern), found in tables.items()
    ]
    return covering(elements, drafts)


def _with_digits_apart(pattern: Sequence[str], found: list, vocabularies: Collection[frozenset[str]]):
    """Split numbers such as the 112 of ``W112`` where other bases tell how: 11 of ``X`` and 2 of ``S``."""
    if len(pattern) == 2:
        for first, second in permutations(sorted(vocabularies, key=sorted), 2):
            if len(first) * len(second) == len(found):
                rows = [_split_number(row[0], first, second) for _, row in found]
                if None not in rows:
                    codes = (code for code, _ in found)
                    return (pattern[0], "_", pattern[1]), list(zip(codes, rows, strict=True))
    return pattern, found


def _split_number(digits: str, first: frozenset[str], second: frozenset[str]) -> tuple[str, str] | None:
    """Return the one way in which a number is a label of each vocabulary, None if not one."""
    ways = [(digits[:k], digits[k:]) for k in range(1, len(digits))]
    ways = [way for way in ways if way[0] in first and way[1] in second]
    return ways[0] if len(ways) == 1 else None


def by_labels(elements: Elements, labels: Mapping[str, tuple[str, tuple[str, ...]]], how: str) -> Labelling:
    """Return the labelling by given bases and index tuples; what has none stays in lists.

    Parameters
    ----------
    elements : Elements
        The elements of the network.
    labels : mapping of str to (str, tuple of str)
        Id → base and index tuple; no two ids have the same.
    how : str
        Where the labels come from.
    """
    buckets: dict[tuple, list[tuple[int, tuple[str, ...]]]] = {}
    for element_id, (base, label) in labels.items():
        key = (elements.signatures[element_id], base, len(label))
        buckets.setdefault(key, []).append((elements.code[element_id], label))
    drafts = []
    for (signature, base, _), found in buckets.items():
        codes = np.stack([elements.words.codes(label) for _, label in found])
        varies = (codes != codes[0]).any(axis=0)
        if varies.any():
            members = np.array([code for code, _ in found])
            drafts.append(Draft(base, signature, members, codes[:, varies], how=how))
    return covering(elements, drafts)


def _draft(elements: Elements, signature: Signature, pattern: Sequence[str], found: list) -> Draft:
    columns = list(zip(*(labels for _, labels in found), strict=True))
    shared = [len(set(column)) == 1 for column in columns]
    stem = pattern[0]
    for column, is_shared, piece in zip(columns, shared, pattern[1:], strict=True):
        stem += (column[0] if is_shared else "") + piece
    kept = [column for column, is_shared in zip(columns, shared, strict=True) if not is_shared]
    cells = np.prod([float(len(set(column))) for column in kept])
    if not is_worth_axes(len(found), cells):
        kept = [tuple("_".join(row) for row in zip(*kept, strict=True))]
    labels = np.stack([elements.words.codes(column) for column in kept], axis=1)
    return Draft(stem, signature, np.array([code for code, _ in found]), labels, how=_HOW)
