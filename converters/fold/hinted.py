"""Hints as labellings: drafts that stay, and candidates built around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from converters.errors import HintsError
from converters.fold.candidates import NAMES, Candidate, with_settled
from converters.fold.elements import Elements, Signature
from converters.fold.facts import Group
from converters.fold.labelling import Draft, Labelling, NamedSet, covering, is_worth_axes, relabel
from converters.fold.names import by_numbers
from converters.hint_patterns import AmbiguousIdError
from converters.hints import BaseHint, Hints

_HOW = "hints"


def hinted_drafts(hints: Hints, elements: Elements) -> tuple[list[Draft], list[str]]:
    """Return the drafts that hints stand for, and what became of hints that do not fit.

    Parameters
    ----------
    hints : Hints
        The hints.
    elements : Elements
        The elements of the network; labels are added to their words.

    Raises
    ------
    HintsError
        Hints that are binding do not fit.
    """
    maker = _Maker(hints, elements)
    drafts: list[Draft] = []
    notes = list(hints.notes)
    for base in hints.bases:
        try:
            drafts.append(maker.draft(base))
        except HintsError as error:
            if hints.is_binding:
                raise
            notes.append(f"{hints.source}: the base '{base.name}' is left out: {error.message}")
    return drafts, notes


class _Maker:
    """Makes drafts, one base at a time; each must leave the ones before it as they are."""

    def __init__(self, hints: Hints, elements: Elements) -> None:
        self.hints = hints
        self.elements = elements
        self.base_of: dict[str, str] = {}
        self.filled: list[tuple[tuple[str, ...], int, tuple[int, ...]]] = []
        self.labels_of = {name: set(labels) for name, labels in hints.index_sets.items()}
        self.known = {name: set(labels) for name, labels in hints.index_sets.items()}
        self.codes = {
            name: tuple(elements.words.codes(labels).tolist()) for name, labels in hints.index_sets.items()
        }
        for name, labels in hints.index_sets.items():
            if not elements.words.give_order(labels) and hints.is_binding:
                raise HintsError(
                    hints.source,
                    f"index_sets.{name}",
                    "its labels stand in another order in an index set before it: use one order in both",
                )

    def draft(self, base: BaseHint) -> Draft:
        def fail(message: str) -> HintsError:
            return HintsError(self.hints.source, f"bases.{base.name}", message)

        members = self._members(base, fail)
        signature = self._signature(members, fail)
        ids = list(members)
        codes = np.array([self.elements.code[i] for i in ids], dtype=np.int64)
        order = np.argsort(codes)
        labels = np.stack([self.elements.words.codes(c) for c in zip(*members.values(), strict=True)], axis=1)
        if signature.is_placement and len(ids) < sum(s == signature for s in self.elements.signature_of):
            raise fail(f"expected every {signature.kind} of the model or none: name all of them")
        self._check_labels(base, members, fail)
        for element_id in ids:
            self.base_of[element_id] = base.name
        sets = tuple(NamedSet(n, self.codes.get(n, ())) if n else None for n in base.index_sets)
        return Draft(base.name, signature, codes[order], labels[order], how=_HOW, is_fixed=True, sets=sets)

    def _members(self, base: BaseHint, fail) -> dict[str, tuple[str, ...]]:
        """Return id → labels."""
        found: dict[str, tuple[str, ...]] = {}
        if base.pattern is not None:
            for element_id in self.elements.ids:
                try:
                    labels = base.pattern.labels(element_id)
                except AmbiguousIdError as error:
                    raise fail(
                        f"'{element_id}' fits '{base.pattern.text}' in more than one way, {error}: "
                        "give its indices index sets with labels, or list it under members"
                    ) from None
                if labels is not None:
                    found[element_id] = labels
            if not found:
                raise fail(f"no id fits the pattern '{base.pattern.text}'{self._nearest(base)}")
        for element_id, labels in base.members.items():
            if element_id not in self.elements.code:
                raise fail(
                    f"the model has no species, parameter or compartment '{element_id}': correct the id"
                )
            found[element_id] = labels
        for element_id in found:
            if element_id in self.base_of:
                raise fail(
                    f"'{element_id}' belongs to base '{self.base_of[element_id]}' already: "
                    "make the patterns exclude each other"
                )
        return found

    def _nearest(self, base: BaseHint) -> str:
        """Return ids that start like the pattern, for the message."""
        start = base.pattern.text.partition("{")[0]
        likely = [i for i in self.elements.ids if start and i.startswith(start)]
        return f"; ids that start so: {', '.join(likely[:3])}" if likely else "; correct it"

    def _signature(self, members: Mapping[str, tuple[str, ...]], fail) -> Signature:
        """Return what all members are."""
        signatures = self.elements.signatures
        first, *others = members
        for other in others:
            if signatures[other] != signatures[first]:
                raise fail(
                    f"expected elements of one kind, found '{first}' ({_in_words(signatures[first])}) and "
                    f"'{other}' ({_in_words(signatures[other])}): give them bases of their own"
                )
        return signatures[first]

    def _check_labels(self, base: BaseHint, members: Mapping[str, tuple[str, ...]], fail) -> None:
        """Check that labels are in their index sets, that no tuple comes twice, and few are missing."""
        holder: dict[tuple[str, ...], str] = {}
        for element_id, labels in members.items():
            for name, label in zip(base.index_sets, labels, strict=True):
                if name in self.known and label not in self.known[name]:
                    raise fail(
                        f"the label '{label}' of '{element_id}' is not in the index set {name}: "
                        "add it there or correct the pattern"
                    )
            other = holder.setdefault(labels, element_id)
            if other != element_id:
                raise fail(
                    f"'{other}' and '{element_id}' both have the index tuple ({', '.join(labels)}): "
                    "tell them apart by one more index"
                )
        self._check_fill(base, members, fail)

    def _check_fill(self, base: BaseHint, members: Mapping[str, tuple[str, ...]], fail) -> None:
        """Check that no base so far is mostly holes over the index sets as this one makes them."""
        grown = {}
        own = [{labels[axis] for labels in members.values()} for axis in range(len(base.index_sets))]
        for name, labels in zip(base.index_sets, own, strict=True):
            if name:
                grown[name] = grown.get(name, self.labels_of.get(name, set())) | labels
        sizes = {name: len(labels) for name, labels in (self.labels_of | grown).items()}
        lengths = tuple(len(labels) for labels in own)
        for sets, n_members, n_own in [*self.filled, (base.index_sets, len(members), lengths)]:
            cells = prod(float(sizes[n]) if n else k for n, k in zip(sets, n_own, strict=True))
            if not is_worth_axes(n_members, cells):
                raise fail(
                    f"with it a base has only {n_members} of {cells:,.0f} index tuples: use fewer "
                    "indices, or index sets without what is missing"
                )
        self.labels_of |= grown
        self.filled.append((base.index_sets, len(members), lengths))


def _in_words(signature: Signature) -> str:
    """Return a signature for people."""
    form = {"state": "", "constant": "constant ", "assigned": "assigned by a rule, "}[signature.form]
    if signature.kind != "species" or signature.form == "assigned":
        return f"{form}{signature.kind}"
    is_boundary, _, law, initial, compartment, has_factor = signature.flags
    details = f"in formulas {law}, initially {initial}, compartment {compartment}"
    factor = ", with conversion factor" if has_factor else ""
    return f"{'boundary' if is_boundary else 'floating'} species, {details}{factor}"


def overlaid(labelling: Labelling, fixed: Sequence[Draft]) -> Labelling:
    """Return the labelling with hinted drafts in place of what it says about their members."""
    changed = relabel(labelling, fixed)
    return covering(labelling.elements, [d for d in changed.drafts if not d.is_list])


def hinted_candidates(
    groups: Sequence[Group], elements: Elements, fixed: Sequence[Draft]
) -> Iterator[Candidate]:
    """Yield labellings around hinted drafts: the rest in lists, by names, and by structure."""
    yield Candidate(covering(elements, fixed), NAMES)
    named = overlaid(by_numbers(elements), fixed)
    yield Candidate(named, NAMES)
    others = [d for d in named.drafts if not d.is_list and not d.is_fixed and d.signature.form == "state"]
    for settled in ([*fixed, *others], fixed) if others else (fixed,):
        for labelling in with_settled(groups, elements, settled):
            yield Candidate(overlaid(labelling, fixed), NAMES)


def without_hint(labelling: Labelling, hint: Draft, other: Labelling) -> Labelling:
    """Return the labelling with the members of a hint labelled as in another one."""
    pieces = []
    for draft in other.drafts:
        inside = np.isin(draft.members, hint.members)
        if inside.any() and not draft.is_list:
            members, labels = draft.members[inside], draft.labels[inside]
            pieces.append(replace(draft, members=members, labels=labels))
    named = [d for d in labelling.drafts if not d.is_list and d is not hint]
    return covering(labelling.elements, [*named, *pieces])
