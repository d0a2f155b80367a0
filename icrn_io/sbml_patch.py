"""Set changed values in the text of an original SBML document; every other byte stays.

The document is edited as text, not through libsbml: libsbml writes numbers with 15 digits,
reorders attributes and drops what it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from xml.parsers import expat

from icrn_io.errors import ModelIOError
from icrn_io.network import Network, Reaction
from icrn_io.sbml_document import xml_encoding
from icrn_io.sbml_format import format_real

FRESH = (
    "write it afresh (--fresh, in Python fresh=True), which keeps no notes, annotations or layout and "
    "writes submodels flat"
)

_CORE = re.compile(r"http://www\.sbml\.org/sbml/level\d(/version\d+)?(/core)?")

Key = tuple
"""Which element: ("species", id), ("local", reaction id, local id), ("products", reaction id, 0)..."""


@dataclass
class Changes:
    """What to change: values by element and attribute, and initial assignments to take out."""

    values: dict[Key, dict[str, float | None]] = field(default_factory=dict)
    removed_assignments: set[str] = field(default_factory=set)

    def set(self, key: Key, **attributes: tuple[float | None, float | None]) -> None:
        """Note the attributes whose (old, new) values differ."""
        changed = {name: new for name, (old, new) in attributes.items() if not _same(old, new)}
        if changed:
            self.values[key] = changed


def _same(a: float | None, b: float | None) -> bool:
    # By representation: NaN is NaN, and zero is not minus zero.
    return repr(a) == repr(b)


def find_changes(old: Network, new: Network) -> Changes:
    """Return the values that differ between two networks of the same structure.

    Raises
    ------
    ModelIOError
        Anything else differs; the message names the first difference.
    """
    _same_structure(old, new)
    changes = Changes()
    for a, b in zip(old.compartments, new.compartments, strict=True):
        changes.set(("compartment", a.id), size=(a.size, b.size))
    for a, b in zip(old.species, new.species, strict=True):
        changes.set(
            ("species", a.id),
            initialAmount=(a.initial_amount, b.initial_amount),
            initialConcentration=(a.initial_concentration, b.initial_concentration),
        )
    for a, b in zip(old.parameters, new.parameters, strict=True):
        key = ("local", *a.local_to) if a.local_to else ("parameter", a.id)
        changes.set(key, value=(a.value, b.value))
    for a, b in zip(old.reactions, new.reactions, strict=True):
        for side in ("reactants", "products"):
            for i, (p, q) in enumerate(zip(getattr(a, side), getattr(b, side), strict=True)):
                changes.set((side, a.id, i), stoichiometry=(p.stoichiometry, q.stoichiometry))
    kept = {a.variable for a in new.initial_assignments}
    changes.removed_assignments = {a.variable for a in old.initial_assignments} - kept
    return changes


def _same_structure(old: Network, new: Network) -> None:
    # Initial assignments can be taken out, nothing more.
    kept = {a.variable for a in new.initial_assignments}
    old = replace(old, initial_assignments=tuple(a for a in old.initial_assignments if a.variable in kept))
    a, b = _without_values(old), _without_values(new)
    for item in fields(Network):
        ours, theirs = getattr(b, item.name), getattr(a, item.name)
        if item.compare and ours != theirs:
            what = item.name.replace("_", " ")
            raise ModelIOError(
                f"the original document cannot be patched, because the {what} differ"
                f"{first_difference(theirs, ours)}: only values can be set in it; {FRESH}"
            )


def first_difference(old: object, new: object) -> str:
    """Return in parentheses where two fields of a network differ first."""
    if not isinstance(old, tuple) or not isinstance(new, tuple):
        return f" ('{old}' became '{new}')"
    if len(old) != len(new):
        return f" ({len(old)} became {len(new)})"
    first = next(b for a, b in zip(old, new, strict=True) if a != b)
    return f" (first: '{getattr(first, 'id', None) or getattr(first, 'variable', '')}')"


def _without_values(network: Network) -> Network:
    def bare(refs):
        return tuple(replace(ref, stoichiometry=None) for ref in refs)

    def bare_reaction(r: Reaction) -> Reaction:
        return replace(r, reactants=bare(r.reactants), products=bare(r.products))

    return replace(
        network,
        compartments=tuple(replace(c, size=None) for c in network.compartments),
        species=tuple(replace(s, initial_amount=None, initial_concentration=None) for s in network.species),
        parameters=tuple(replace(p, value=None) for p in network.parameters),
        reactions=tuple(bare_reaction(r) for r in network.reactions),
    )


def patch_sbml(source: bytes, changes: Changes) -> bytes:
    """Return the document with the changes made, in its own encoding, level and layout.

    Raises
    ------
    ModelIOError
        A changed element is not where it can be set (inside a submodel, or given by a
        stoichiometry formula), or the value has no place in that level of SBML.
    """
    declared = re.match(rb"\s*<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)", source)
    encoding = xml_encoding(source, declared[1].decode() if declared else None)
    data = source.decode(encoding).encode("utf-8")
    finder = _Finder(data, changes)
    missing = [key for key in changes.values if key not in finder.done]
    if missing:
        raise ModelIOError(
            f"the value of {_spoken(missing[0])} cannot be set in the original document "
            f"(it comes from a submodel or a formula); {FRESH}"
        )
    pieces, position = [], 0
    for start, end, replacement in sorted(finder.edits):
        pieces += (data[position:start], replacement)
        position = end
    text = b"".join((*pieces, data[position:])).decode("utf-8")
    if encoding == "utf-16":
        order = "be" if source.startswith(b"\xfe\xff") else "le"
        return source[:2] + text.encode(f"utf-16-{order}")
    return text.encode(encoding)


def _spoken(key: Key) -> str:
    kind, *ids = key
    if kind in ("reactants", "products"):
        return f"the stoichiometry of number {ids[1] + 1} of the {kind} of reaction '{ids[0]}'"
    if kind == "local":
        return f"the local parameter '{ids[1]}' of reaction '{ids[0]}'"
    return f"{kind} '{ids[0]}'"


class _Finder:
    """Finds the elements to change by one expat pass, and the bytes to put in their place."""

    def __init__(self, data: bytes, changes: Changes) -> None:
        self.data = data
        self.changes = changes
        self.edits: list[tuple[int, int, bytes]] = []
        self.done: set[Key] = set()
        self._path: list[str] = []
        self._reaction = ""
        self._position = 0
        self._reference: Key | None = None
        self._n_assignments = 0
        self._removals: list[tuple[int, int, bytes]] = []
        self._removed_from: int | None = None
        self._list_start = 0
        self._level = 3
        self._parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.Parse(data, True)

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        self._path.append(name if _CORE.fullmatch(namespace) else tag)
        path = self._path
        if len(path) == 1:
            self._level = int(attributes.get("level", 3))
        elif path[1] != "model":
            return
        elif len(path) == 4 and path[3] == "reaction":
            self._reaction = self._id(attributes)
        elif len(path) == 5 and path[3] == "reaction":
            self._position = 0
        elif path[2:] == ["listOfInitialAssignments"]:
            self._list_start = self._parser.CurrentByteIndex
        elif path[2:] == ["listOfInitialAssignments", "initialAssignment"]:
            self._n_assignments += 1
            if attributes.get("symbol") in self.changes.removed_assignments:
                self._removed_from = self._parser.CurrentByteIndex
        elif path[-1] == "stoichiometryMath" and self._reference in self.done:
            # An attribute beside the formula would be ignored: leave it to the caller to refuse.
            self.done.remove(self._reference)
        key = self._key(path, attributes)
        if key in self.changes.values:
            self._set(key)

    def _id(self, attributes: Mapping[str, str]) -> str:
        return attributes.get("name" if self._level == 1 else "id", "")

    def _key(self, path: list[str], attributes: Mapping[str, str]) -> Key | None:
        tail = path[-1]
        if len(path) == 4:
            kinds = {"compartment": "compartment", "species": "species", "specie": "species"}
            kind = {**kinds, "parameter": "parameter"}.get(tail)
            return (kind, self._id(attributes)) if kind else None
        if len(path) == 6 and tail in ("speciesReference", "specieReference"):
            key = (path[4].removeprefix("listOf").lower(), self._reaction, self._position)
            self._position += 1
            self._reference = key
            return key
        if len(path) == 7 and path[4] == "kineticLaw" and tail in ("parameter", "localParameter"):
            return ("local", self._reaction, self._id(attributes))
        return None

    def _set(self, key: Key) -> None:
        start = self._parser.CurrentByteIndex
        end = _tag_end(self.data, start)
        tag = self.data[start:end]
        for name, value in self.changes.values[key].items():
            tag = _set_attribute(tag, self._attribute(key, name, value), value)
            if self._level == 1 and name == "stoichiometry":
                tag = _set_attribute(tag, "denominator", None)
        self.edits.append((start, end, tag))
        self.done.add(key)

    def _attribute(self, key: Key, name: str, value: float | None) -> str:
        if self._level > 1:
            return name
        whole = name != "stoichiometry" or (value is not None and value == int(value))
        if name == "initialConcentration" or not whole:
            raise ModelIOError(f"SBML Level 1 cannot hold the {name} {value} of {_spoken(key)}; {FRESH}")
        return {"size": "volume"}.get(name, name)

    def _end(self, tag: str) -> None:
        index = self._parser.CurrentByteIndex
        path = self._path
        if path[2:] == ["listOfInitialAssignments", "initialAssignment"] and self._removed_from is not None:
            self._removals.append(self._removal(self._removed_from, index))
            self._removed_from = None
        elif path[2:] == ["listOfInitialAssignments"]:
            # An empty list is not valid before L3V2: where all go, the list goes.
            if self._removals and len(self._removals) == self._n_assignments:
                self._removals = [self._removal(self._list_start, index)]
            self.edits += self._removals
        self._path.pop()

    def _removal(self, start: int, end_index: int) -> tuple[int, int, bytes]:
        end = _tag_end(self.data, end_index)
        while start > 0 and self.data[start - 1 : start] in (b" ", b"\t", b"\n", b"\r"):
            start -= 1
        return start, end, b""


def _tag_end(data: bytes, start: int) -> int:
    """Return the position after the ``>`` that closes the tag at ``start``."""
    quote = b""
    for i in range(start, len(data)):
        char = data[i : i + 1]
        if quote:
            quote = b"" if char == quote else quote
        elif char in (b'"', b"'"):
            quote = char
        elif char == b">":
            return i + 1
    return len(data)


_ATTRIBUTE = re.compile(rb"(\s+)([^\s=/>]+)(\s*=\s*)(\"[^\"]*\"|'[^']*')")


def _set_attribute(tag: bytes, name: str, value: float | None) -> bytes:
    """Return a start tag with one attribute set, or removed where the value is None."""
    key = name.encode()
    text = None if value is None else format_real(value).encode()
    head = re.match(rb"<[^\s/>]+", tag)[0]
    # One attribute after the other: the text of one may look like another.
    for match in _ATTRIBUTE.finditer(tag, len(head)):
        if match[2] == key:
            new = b"" if text is None else match[1] + key + match[3] + b'"' + text + b'"'
            return tag[: match.start()] + new + tag[match.end() :]
    return tag if text is None else head + b" " + key + b'="' + text + b'"' + tag[len(head) :]
