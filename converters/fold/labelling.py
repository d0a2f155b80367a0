"""Labellings: a base and an index tuple for every element of a network.

A labelling decides everything else about a fold. Candidates come from names (`by_names`) or
put all elements of a signature into one list (`flat`); later stages refine and price them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from converters.fold.elements import Elements, Signature

MIN_FILL = 0.25  # below this share of existing entries a base or domain is listed, not tabulated


@dataclass(frozen=True)
class Draft:
    """A base in the making.

    Attributes
    ----------
    stem : str
        Name it would like to have.
    signature : Signature
        What all its members are.
    members : int array, shape (n_members,)
        Element codes.
    labels : tuple of tuple of str, one per member
        Index tuple of each member.
    is_list : bool
        One axis without meaning: the elements that fit nowhere else.
    """

    stem: str
    signature: Signature
    members: np.ndarray
    labels: tuple[tuple[str, ...], ...]
    is_list: bool = False

    @property
    def n_axes(self) -> int:
        """Number of indices."""
        return len(self.labels[0])


@dataclass(frozen=True)
class Labelling:
    """Drafts that cover every element exactly once.

    The label vocabulary is shared by all drafts, so that equal labels have equal codes.
    """

    elements: Elements
    drafts: tuple[Draft, ...]

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """All labels in natural order; a label's code is its position."""
        return tuple(sorted({label for d in self.drafts for row in d.labels for label in row}, key=natural))

    @cached_property
    def draft_of(self) -> np.ndarray:
        """Draft number of each element, shape (n_elements,)."""
        found = np.full(len(self.elements.ids), -1, dtype=np.int64)
        for number, draft in enumerate(self.drafts):
            found[draft.members] = number
        return found

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Label codes of each element, shape (n_elements, most axes), padded with -1."""
        code = {label: k for k, label in enumerate(self.vocabulary)}
        width = max((d.n_axes for d in self.drafts), default=0)
        found = np.full((len(self.elements.ids), width), -1, dtype=np.int64)
        for draft in self.drafts:
            if draft.n_axes:
                rows = [[code[label] for label in row] for row in draft.labels]
                found[draft.members, : draft.n_axes] = rows
        return found


def natural(label: str) -> tuple:
    """Sort key that puts ``2`` before ``10`` and ``a2`` before ``a10``."""
    parts = re.split(r"(\d+)", label)
    return tuple((int(p), p) if k % 2 else (-1, p) for k, p in enumerate(parts) if p or k == 0)


def flat(elements: Elements) -> Labelling:
    """Return the labelling in which every signature is one list."""
    return Labelling(elements, tuple(_lists(elements, range(len(elements.ids)))))


def by_names(elements: Elements) -> Labelling:
    """Return the labelling by the numbers in ids: ``P_1_2`` is entry (1, 2) of ``P__``.

    Ids that differ in their numbers only form a base. Numbers that all of them share stay in
    its name; a base whose entries would mostly be holes gets one index instead of several.
    """
    buckets: dict[tuple, list[tuple[int, tuple[str, ...]]]] = {}
    for code, element_id in enumerate(elements.ids):
        pieces = re.split(r"(\d+)", element_id)
        key = (elements.signatures[element_id], tuple(pieces[0::2]))
        buckets.setdefault(key, []).append((code, tuple(pieces[1::2])))
    n_buckets = Counter(signature for signature, _ in buckets)
    drafts, rest = [], []
    for (signature, pattern), found in buckets.items():
        is_torn = signature.is_placement and n_buckets[signature] > 1
        if len(pattern) == 1 or len(found) == 1 or is_torn:
            rest += [code for code, _ in found]
        else:
            drafts.append(_draft(signature, pattern, found))
    return Labelling(elements, tuple(drafts) + tuple(_lists(elements, sorted(rest))))


def _draft(signature: Signature, pattern: Sequence[str], found: list) -> Draft:
    columns = list(zip(*(labels for _, labels in found), strict=True))
    shared = [len(set(column)) == 1 for column in columns]
    stem = pattern[0]
    for column, is_shared, piece in zip(columns, shared, pattern[1:], strict=True):
        stem += (column[0] if is_shared else "") + piece
    kept = [column for column, is_shared in zip(columns, shared, strict=True) if not is_shared]
    cells = np.prod([float(len(set(column))) for column in kept])
    labels = tuple(zip(*kept, strict=True))
    if len(found) < MIN_FILL * cells:
        labels = tuple(("_".join(row),) for row in labels)
    return Draft(stem, signature, np.array([code for code, _ in found]), labels)


def _lists(elements: Elements, codes: Iterable[int]) -> list[Draft]:
    by_signature: dict[Signature, list[int]] = {}
    for code in codes:
        by_signature.setdefault(elements.signatures[elements.ids[code]], []).append(code)
    return [
        list_draft(elements, signature, np.array(members, dtype=np.int64))
        for signature, members in by_signature.items()
    ]


def list_draft(elements: Elements, signature: Signature, members: np.ndarray) -> Draft:
    """Return the draft that lists elements by their ids; a single one needs no index."""
    if len(members) == 1:
        return Draft(elements.ids[members[0]], signature, members, ((),), is_list=True)
    labels = tuple((elements.ids[code],) for code in members)
    return Draft(signature.kind, signature, members, labels, is_list=True)


def relabel(labelling: Labelling, new: Sequence[Draft]) -> Labelling:
    """Return the labelling with some elements moved into new drafts."""
    moved = np.zeros(len(labelling.elements.ids), dtype=bool)
    for draft in new:
        moved[draft.members] = True
    kept = []
    for draft in labelling.drafts:
        stays = ~moved[draft.members]
        if stays.all():
            kept.append(draft)
        elif stays.any():
            labels = tuple(row for row, keep in zip(draft.labels, stays, strict=True) if keep)
            kept.append(Draft(draft.stem, draft.signature, draft.members[stays], labels, draft.is_list))
    return Labelling(labelling.elements, (*kept, *new))
