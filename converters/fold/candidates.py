"""Candidate labellings: from names, from structure, and from both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from converters.fold.axes import classify_axes, split_blocks
from converters.fold.bngl_labels import pattern_candidates
from converters.fold.colouring import absorb, colour_rounds, loose_rounds, separate_copies
from converters.fold.elements import Elements
from converters.fold.facts import Group
from converters.fold.keys import dense_codes
from converters.fold.labelling import Draft, Labelling, flat
from converters.fold.names import by_labels, by_numbers
from converters.fold.structure import by_structure
from converters.fold.words_in_names import by_words


@dataclass(frozen=True)
class Candidate:
    """A labelling, and how readily it is taken among nearly equal ones: lower is better."""

    labelling: Labelling
    preference: int


_FEW = 3  # patterns among the names
_ABSORBED = (0.25, 1.0)  # share of a class that another may be to become part of it

NAMES, WORDS, STRUCTURE, NUMBERS, FLAT = range(5)


def candidates(groups: Sequence[Group], elements: Elements) -> Iterator[Candidate]:
    """Yield different labellings to choose from, the most promising first."""
    seen: set[tuple[bytes, int]] = set()
    for candidate in _all_candidates(groups, elements):
        key = (candidate.labelling.fingerprint, candidate.preference)
        if key not in seen:
            seen.add(key)
            yield candidate


def _all_candidates(groups: Sequence[Group], elements: Elements) -> Iterator[Candidate]:
    yield Candidate(flat(elements), FLAT)
    yield from by_patterns(groups, elements)
    yield from by_names(groups, elements, by_numbers(elements), NAMES)
    for named in by_words(elements):
        yield from by_names(groups, elements, named, WORDS)
    yield from by_colours(groups, elements)


def by_names(
    groups: Sequence[Group], elements: Elements, named: Labelling, preference: int
) -> Iterator[Candidate]:
    """Yield a labelling by names, and what it is like with other elements by structure.

    Names are trusted where the reactions agree with them: where an index of one base goes
    along with that of another. Names that only number the species (``s1``, ``s2``, ...), or
    number them at random, are no better than a list.
    """
    trusted = _agreeing(groups, named)
    yield Candidate(named, preference if trusted else NUMBERS)
    given = [d for d in named.drafts if not d.is_list and d.signature.form == "state"]
    for settled in (given, trusted) if len(trusted) < len(given) else (given,):
        if trusted:
            for labelling in with_settled(groups, elements, settled):
                yield Candidate(labelling, preference)


def _agreeing(groups: Sequence[Group], named: Labelling) -> list[Draft]:
    """Drafts of variables all of whose indices are shared with another draft of variables."""
    axes = classify_axes(split_blocks(groups, named.draft_of), named)
    numbers = [
        number
        for number, draft in enumerate(named.drafts)
        if not draft.is_list and draft.signature.form == "state"
    ]
    users: dict[int, set[int]] = {}
    for number in numbers:
        for axis in range(named.drafts[number].n_axes):
            users.setdefault(axes.class_of[number, axis], set()).add(number)
    return [
        named.drafts[number]
        for number in numbers
        if all(len(users[axes.class_of[number, axis]]) > 1 for axis in range(named.drafts[number].n_axes))
    ]


def with_settled(groups: Sequence[Group], elements: Elements, settled: list[Draft]) -> Iterator[Labelling]:
    """Yield labellings with these drafts of some elements, and all else by structure."""
    start = elements.kinds + len(settled)
    is_settled = np.zeros(len(start), dtype=bool)
    for number, draft in enumerate(settled):
        start[draft.members] = number
        is_settled[draft.members] = True
    for classes in (dense_codes(start), *colour_rounds(groups, start, fixed=is_settled)):
        of_class = {int(classes[draft.members[0]]): draft for draft in settled}
        yield by_structure(groups, elements, classes, of_class)


def by_patterns(groups: Sequence[Group], elements: Elements) -> Iterator[Candidate]:
    """Yield the labellings whose species have their names, if these are patterns, as indices."""
    names = {i: species.name for i, species in elements.species.items() if species.name}
    labellings = [
        by_labels(elements, labels, "BioNetGen patterns")
        for labels in pattern_candidates(names)
        if len(labels) >= _FEW
    ]
    for named in labellings:
        yield Candidate(named, NAMES)
    for named in labellings:
        settled = [draft for draft in named.drafts if not draft.is_list]
        for labelling in islice(with_settled(groups, elements, settled), 1):
            yield Candidate(labelling, NAMES)


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
    absorbed = (
        absorb(groups, classes, elements.kinds, share) for share in _ABSORBED for classes in sequences[1]
    )
    partitions = chain(*sequences, absorbed)  # one by one: each takes long in a large network
    copies = separate_copies(groups, is_state)
    for classes in partitions:
        for finer in (classes, *colour_rounds(groups, classes, fixed=is_state)):
            numbered = dense_codes(finer)
            if numbered.tobytes() in seen:
                continue
            seen.add(numbered.tobytes())
            yield Candidate(by_structure(groups, elements, numbered), STRUCTURE)
            if copies is not None:
                yield Candidate(by_structure(groups, elements, numbered, copy_of=copies), STRUCTURE)
