"""Labellings: a base and an index tuple for every element of a network.

A labelling decides everything else about a fold. Candidates come from names, from structure
or from hints; later stages refine and price them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np

from converters.fold.elements import Elements, Signature

_MIN_FILL = 1 / 16  # below this share of existing entries a base is given one index, not several
_SMALL = 4096  # but not where its tensor is as small as this anyway


def is_worth_axes(n_entries: int, n_cells: float) -> bool:
    """Whether a tensor with so many entries among its cells is not mostly holes."""
    return n_entries >= _MIN_FILL * n_cells or n_cells <= _SMALL


@dataclass(frozen=True)
class NamedSet:
    """An index set with a name of its own, from hints.

    Attributes
    ----------
    name : str
        Axes of equal name are one index set, axes of different names never are.
    labels : tuple of int
        Codes of all its labels, () where they are those that the bases have.
    """

    name: str
    labels: tuple[int, ...] = ()


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
    labels : int array, shape (n_members, n_axes)
        Index tuple of each member, as codes of ``Elements.words``.
    is_list : bool
        One axis without meaning: the elements that fit nowhere else.
    how : str
        Where its indices come from, for people.
    is_fixed : bool
        Whether it stays, under this name, even where it is of little use: it is a hint.
    sets : tuple of (NamedSet or None)
        Index set of each axis; () where none has a name.
    """

    stem: str
    signature: Signature
    members: np.ndarray
    labels: np.ndarray
    is_list: bool = False
    how: str = ""
    is_fixed: bool = False
    sets: tuple[NamedSet | None, ...] = ()

    @property
    def n_axes(self) -> int:
        """Number of indices."""
        return self.labels.shape[1]


@dataclass(frozen=True)
class Labelling:
    """Drafts that cover every element exactly once.

    The label vocabulary is shared by all drafts, so that equal labels have equal codes.
    """

    elements: Elements
    drafts: tuple[Draft, ...]

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
        width = max((d.n_axes for d in self.drafts), default=0)
        found = np.full((len(self.elements.ids), width), -1, dtype=np.int64)
        for draft in self.drafts:
            found[draft.members, : draft.n_axes] = draft.labels
        return found

    @property
    def fingerprint(self) -> bytes:
        """Digest that is equal for labellings with equal bases and labels."""
        order = np.unique(self.draft_of, return_index=True)[1]
        first = order[self.draft_of]  # draft numbers do not matter
        return blake2b(first.tobytes() + self.coordinates.tobytes()).digest()


def flat(elements: Elements) -> Labelling:
    """Return the labelling in which every signature is one list."""
    return Labelling(elements, tuple(lists(elements, range(len(elements.ids)))))


def lists(elements: Elements, codes: Iterable[int]) -> list[Draft]:
    """Return drafts that list elements, one for each signature among them."""
    by_signature: dict[Signature, list[int]] = {}
    signatures = elements.signature_of
    for code in codes:
        by_signature.setdefault(signatures[code], []).append(code)
    return [
        list_draft(elements, signature, np.array(members, dtype=np.int64))
        for signature, members in by_signature.items()
    ]


def list_draft(elements: Elements, signature: Signature, members: np.ndarray) -> Draft:
    """Return the draft that lists elements by their ids; a single one needs no index."""
    if len(members) == 1:
        return Draft(elements.ids[members[0]], signature, members, np.empty((1, 0), np.int64), is_list=True)
    return Draft(signature.kind, signature, members, elements.own_words[members][:, None], is_list=True)


def covering(elements: Elements, drafts: Sequence[Draft]) -> Labelling:
    """Return the labelling of these drafts, with everything that none of them covers in lists.

    Compartments and conversion factors, to which species refer by position, stay together.
    """
    kept = [d for d in drafts if not d.signature.is_placement or _is_whole(elements, d)]
    covered = np.zeros(len(elements.ids), dtype=bool)
    for draft in kept:
        covered[draft.members] = True
    rest = np.flatnonzero(~covered).tolist()
    return Labelling(elements, (*kept, *lists(elements, rest)))


def _is_whole(elements: Elements, draft: Draft) -> bool:
    kind = elements.kinds[draft.members[0]]
    return int(np.count_nonzero(elements.kinds == kind)) == len(draft.members)


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
            kept.append(replace(draft, members=draft.members[stays], labels=draft.labels[stays]))
    return Labelling(labelling.elements, (*kept, *new))
