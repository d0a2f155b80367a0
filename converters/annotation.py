"""The index structure of a folding as an SBML annotation, and back as hints.

A document that is written afresh carries, as annotation of its model, the bases and index sets
of the folding it was enumerated from::

    <fold xmlns="urn:icrn-sbml:fold:1" elements="421">
    <set id="I">1 2 3</set>
    <base id="M" sets="I" pattern="M_{i0:I}"/>
    <base id="x" sets="I">s17 - s4</base>
    </fold>

A base without a pattern lists the ids of its entries in C order, ``-`` for a hole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from urllib.parse import quote, unquote
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from converters.errors import HintsError
from converters.folding import Folding
from converters.hint_patterns import AmbiguousIdError, IdPattern, read_pattern
from converters.hints import BaseHint, Hints, check_names
from icrn_io.network import Network

NAMESPACE = "urn:icrn-sbml:fold:1"
SOURCE = "annotation"

_HOLE = "-"
_ELEMENT = re.compile(rb"<fold\s[^<>]*urn:icrn-sbml:fold:1[^<>]*>.*?</fold\s*>", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def fold_annotation(folding: Folding) -> str:
    """Return the annotation of a folding, "" where it has no index structure.

    Bases that only list elements are left out: the rest of a network always ends in such.
    """
    bases = [base for base in folding.icrn.bases if base.index_sets and base.name not in _names(base)]
    bases = [base for base in bases if any(folding.identity.entries[base.name])]
    if not bases:
        return ""
    ids = list(folding.identity.positions)
    sets = {s.name: s.labels for base in bases for s in base.index_sets}
    lines = [f'<fold xmlns="{NAMESPACE}" elements="{len(ids)}">']
    lines += [
        f"<set id={quoteattr(n)}>{escape(' '.join(map(_quoted, labels)))}</set>" for n, labels in sets.items()
    ]
    for base in bases:
        entries = folding.identity.entries[base.name]
        head = f'<base id={quoteattr(base.name)} sets="{" ".join(_names(base))}"'
        pattern = _pattern(_names(base), entries, sets, ids)
        if pattern:
            lines.append(f"{head} pattern={quoteattr(pattern)}/>")
        else:
            listed = " ".join(element_id or _HOLE for element_id in entries)
            lines.append(f"{head}>{escape(listed)}</base>")
    return "\n".join([*lines, "</fold>"])


def _names(base) -> list[str]:
    return [index_set.name for index_set in base.index_sets]


def _quoted(label: str) -> str:
    return quote(label, safe="!$&'()*+,/:;=?@[]~|^#") or "%"


def _unquoted(text: str) -> str:
    return "" if text == "%" else unquote(text)


def _pattern(
    names: Sequence[str], entries: Sequence[str], sets: Mapping[str, tuple[str, ...]], ids: Sequence[str]
) -> str:
    """Return a pattern that finds exactly the entries among all ids, "" where there is none."""
    tuples = dict(zip(entries, product(*(sets[name] for name in names)), strict=True))
    tuples.pop("", None)
    present = list(tuples)
    for text in _guesses([(i, tuples[i]) for i in (present[0], present[-1])], names):
        if _found(read_pattern(text, sets, _broken), ids) == tuples:
            return text
    return ""


def _guesses(examples: Sequence[tuple[str, tuple[str, ...]]], names: Sequence[str]) -> Iterator[str]:
    """Yield patterns in which the labels of an example stand one after the other."""
    for element_id, labels in examples:
        for from_left in (True, False):
            text, rest = "", element_id
            order = list(enumerate(labels)) if from_left else list(enumerate(labels))[::-1]
            for axis, label in order:
                place = rest.find(label) if from_left else rest.rfind(label)
                if place < 0:
                    break
                field = f"{{i{axis}:{names[axis]}}}"
                if from_left:
                    text, rest = text + rest[:place] + field, rest[place + len(label) :]
                else:
                    text, rest = field + rest[place + len(label) :] + text, rest[:place]
            else:
                yield text + rest if from_left else rest + text


def _found(pattern: IdPattern, ids: Sequence[str]) -> dict[str, tuple[str, ...]] | None:
    try:
        read = {element_id: pattern.labels(element_id) for element_id in ids}
    except AmbiguousIdError:
        return None
    return {element_id: labels for element_id, labels in read.items() if labels is not None}


def hints_of(network: Network) -> Hints | None:
    """Return the hints that a network's document carries, None where it has none.

    They are not binding: what does not fit the network, because the document was changed since,
    is left out.
    """
    if network.source is None or NAMESPACE.encode() not in network.source.sbml:
        return None
    found = _ELEMENT.search(network.source.sbml)
    try:
        hints = _Reader().hints(found[0] if found else b"")
        check_names(hints)
    except HintsError as error:
        return _nothing(error.message)
    except (expat.ExpatError, ValueError) as error:
        return _nothing(f"it is damaged ({error})")
    return hints


def _nothing(why: str) -> Hints:
    return Hints(source=SOURCE, is_binding=False, notes=(f"{SOURCE}: left out: {why}",))


def _broken(message: str) -> HintsError:
    return HintsError(SOURCE, "", message)


class _Reader:
    """Collects the index sets and bases of an annotation."""

    def __init__(self) -> None:
        self.sets: dict[str, tuple[str, ...]] = {}
        self.bases: list[BaseHint] = []
        self.n_elements = 0
        self.attributes: dict[str, str] = {}
        self.text: list[str] = []

    def hints(self, xml: bytes) -> Hints:
        """Return what an annotation says."""
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = lambda text: self.text.append(text)
        parser.Parse(xml, True)
        return Hints(tuple(self.bases), self.sets, SOURCE, False, self.n_elements)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.attributes, self.text = attributes, []
        if tag == "fold":
            self.n_elements = int(attributes.get("elements", 0))

    def _end(self, tag: str) -> None:
        words = "".join(self.text).split()
        if tag == "set":
            labels = tuple(map(_unquoted, words))
            if not labels or len(set(labels)) < len(labels):
                raise _broken(f"the index set {self._get('id')} has no labels, or one of them twice")
            self.sets[self._name("id")] = labels
        elif tag == "base":
            self.bases.append(self._base(words))

    def _base(self, ids: list[str]) -> BaseHint:
        name, sets = self._name("id"), tuple(self._get("sets").split())
        if not sets or not self.sets.keys() >= set(sets):
            raise _broken(f"the base {name} has no index sets, or unknown ones")
        if "pattern" in self.attributes:
            pattern = read_pattern(self.attributes["pattern"], self.sets, _broken)
            if pattern.index_sets != sets:
                raise _broken(f"the base {name} has other index sets than its pattern")
            return BaseHint(name, pattern, {}, sets)
        if prod(len(self.sets[s]) for s in sets) != len(ids) or set(ids) == {_HOLE}:
            raise _broken(f"the base {name} lists {len(ids)} entries, which are not those of its index sets")
        tuples = product(*(self.sets[s] for s in sets))
        members = {i: labels for i, labels in zip(ids, tuples, strict=True) if i != _HOLE}
        if len(members) < sum(element_id != _HOLE for element_id in ids):
            raise _broken(f"the base {name} lists an id twice")
        return BaseHint(name, None, members, sets)

    def _get(self, attribute: str) -> str:
        if attribute not in self.attributes:
            raise _broken(f"an element lacks the attribute '{attribute}'")
        return self.attributes[attribute]

    def _name(self, attribute: str) -> str:
        name = self._get(attribute)
        if not _NAME.fullmatch(name):
            raise _broken(f"'{name}' is no name")
        return name
