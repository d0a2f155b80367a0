"""Candidate labellings: from names, from structure, and from both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from converters.fold.bngl_labels import pattern_candidates
from converters.fold.colouring import colour_rounds, loose_rounds
from converters.fold.elements import Elements
from converters.fold.facts import Group
from converters.fold.keys import dense_codes
from converters.fold.labelling import Labelling, flat
from converters.fold.names import by_labels, by_numbers
from converters.fold.structure import by_structure


@dataclass(frozen=True)
class Candidate:
    """A labelling, and how readily it is taken among nearly equal ones: lower is better."""

    labelling: Labelling
    preference: int


_FEW = 3  # patterns among the names
NAMES, STRUCTURE, NUMBERS, FLAT = range(4)


def candidates(groups: Sequence[Group], elements: Elements) -> Iterator[Candidate]:
    """Yield different labellings to choose from, the most promising first."""
    seen: set[bytes] = set()
    for candidate in _all_candidates(groups, elements):
        key = candidate.labelling.fingerprint
        if key not in seen:
            seen.add(key)
            yield candidate


def _all_candidates(groups: Sequence[Group], elements: Elements) -> Iterator[Candidate]:
    yield Candidate(flat(elements), FLAT)
    yield from by_names(groups, elements, by_numbers(elements))
    yield from by_patterns(groups, elements)
    yield from by_colours(groups, elements)


def by_names(
    groups: Sequence[Group], elements: Elements, named: Labelling, most_rounds: int | None = None
) -> Iterator[Candidate]:
    """Yield a labelling by names, and what it is like with all but its bases of species by structure.

    Names that only number the species (``s1``, ``s2``, ...) are no better than a list.
    """
    settled = [d for d in named.drafts if not d.is_list and d.signature.form == "state"]
    if not settled or (len(settled) == 1 and settled[0].n_axes == 1):
        yield Candidate(named, NUMBERS)
        return
    yield Candidate(named, NAMES)
    start = elements.kinds + len(settled)
    is_settled = np.zeros(len(start), dtype=bool)
    for number, draft in enumerate(settled):
        start[draft.members] = number
        is_settled[draft.members] = True
    for classes in colour_rounds(groups, start, fixed=is_settled)[:most_rounds]:
        of_class = {int(classes[draft.members[0]]): draft for draft in settled}
        yield Candidate(by_structure(groups, elements, classes, of_class), NAMES)


def by_patterns(groups: Sequence[Group], elements: Elements) -> Iterator[Candidate]:
    """Yield the labellings whose species have their names, if these are patterns, as indices."""
    names = {i: species.name for i, species in elements.species.items() if species.name}
    for labels in pattern_candidates(names):
        if len(labels) >= _FEW:
            named = by_labels(elements, labels, "BioNetGen patterns")
            yield from by_names(groups, elements, named, most_rounds=1)


def by_colours(groups: Sequence[Group], elements: Elements) -> Iterator[Candidate]:
    """Yield the labellings of all rounds of colour refinement, without repeats.

    Each round's classes of species are tried with the constants as fine as they are then, and
    as fine as these species make them.
    """
    seen: set[bytes] = set()
    is_state = np.array([s.form != "constant" for s in elements.signature_of], dtype=bool)
    sequences = (
        [elements.kinds],
        colour_rounds(groups, elements.kinds),
        loose_rounds(groups, elements.kinds),
        colour_rounds(groups, elements.kinds, counted=True),
    )
    for classes in (classes for rounds in sequences for classes in rounds):
        for finer in (classes, *colour_rounds(groups, classes, fixed=is_state)):
            key = dense_codes(finer).tobytes()
            if key not in seen:
                seen.add(key)
                yield Candidate(by_structure(groups, elements, dense_codes(finer)), STRUCTURE)
