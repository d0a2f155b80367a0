"""Patterns of ids: ``D_{p}_{q:I}`` finds the labels in ``D_3_EGF``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FIELD = re.compile(r"([A-Za-z_]\w*)(?::([A-Za-z_]\w*))?", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9]+", re.ASCII)

Labels = tuple[str, ...]


class AmbiguousIdError(ValueError):
    """An id fits a pattern in more than one way."""

    def __init__(self, first: Labels, second: Labels) -> None:
        super().__init__(f"({', '.join(first)}) and ({', '.join(second)})")


@dataclass(frozen=True)
class IdPattern:
    """A pattern with a placeholder for each index.

    Attributes
    ----------
    text : str
        As given.
    fixed : tuple of str
        The text before, between and after the placeholders.
    index_sets : tuple of str
        Index set of each placeholder, "" where it is bound to none.
    known : tuple of tuple of str
        Labels of these, () where they are not known.
    """

    text: str
    fixed: tuple[str, ...]
    index_sets: tuple[str, ...]
    known: tuple[Labels, ...]

    @property
    def n_axes(self) -> int:
        """Number of placeholders."""
        return len(self.index_sets)

    def labels(self, element_id: str) -> Labels | None:
        """Return the labels in an id, or None where it does not fit.

        Raises
        ------
        AmbiguousIdError
            It fits in more than one way.
        """
        if self._regex is not None:
            found = self._regex.fullmatch(element_id)
            return None if found is None else found.groups()
        if not element_id.startswith(self.fixed[0]) or not element_id.endswith(self.fixed[-1]):
            return None
        readings = self._readings(element_id)
        if len(readings) > 1:
            raise AmbiguousIdError(*readings[:2])
        return readings[0] if readings else None

    @cached_property
    def _regex(self) -> re.Pattern | None:
        """A regular expression, where the text between placeholders tells where each ends."""
        is_told = all(piece and not _PLAIN.match(piece) for piece in self.fixed[1:-1])
        if not is_told or not all(_PLAIN.fullmatch(label) for labels in self.known for label in labels):
            return None
        return re.compile("([A-Za-z0-9]+)".join(map(re.escape, self.fixed)))

    @cached_property
    def _by_length(self) -> list[dict[int, set[str]]]:
        """Known labels of each placeholder by their length."""
        found: list[dict[int, set[str]]] = []
        for labels in self.known:
            found.append({})
            for label in labels:
                found[-1].setdefault(len(label), set()).add(label)
        return found

    def _readings(self, text: str) -> list[Labels]:
        """Return up to two ways to read a text, found from its end."""
        end = len(text) - len(self.fixed[-1])
        after: dict[int, list[Labels]] = {end: [()]}  # readings of the rest, by where it begins
        for number in reversed(range(self.n_axes)):
            before: dict[int, list[Labels]] = {}
            head = self.fixed[number]
            for start in range(end + 1):
                if not text.endswith(head, 0, start) or start < len(head):
                    continue
                ways = [
                    (text[start:stop], *rest)
                    for stop in self._stops(number, text, start, end)
                    for rest in after.get(stop, ())
                ]
                if ways:
                    before.setdefault(start - len(head), []).extend(ways[:2])
            after = before
        return after.get(0, [])

    def _stops(self, number: int, text: str, start: int, end: int) -> Iterator[int]:
        """Where a label that begins at ``start`` can end."""
        if self.known[number]:
            for length, labels in self._by_length[number].items():
                if start + length <= end and text[start : start + length] in labels:
                    yield start + length
            return
        run = _PLAIN.match(text, start, end)
        if run:
            yield from range(start + 1, run.end() + 1)


def read_pattern(text: str, index_sets: Mapping[str, Labels], fail: Callable[[str], Exception]) -> IdPattern:
    """Return the pattern that a text such as ``D_{p}_{q:I}`` stands for.

    A placeholder takes letters and digits. Where these, or the text around placeholders, do
    not tell where it ends, it takes exactly the labels of its index set, if it has one.

    Parameters
    ----------
    text : str
        The pattern.
    index_sets : mapping of str to tuple of str
        The index sets whose labels are known.
    fail : callable
        Makes the exception for a message.
    """
    pieces = _PLACEHOLDER.split(text)
    fixed, fields = pieces[0::2], pieces[1::2]
    if not fields or any(set("{}") & set(piece) for piece in fixed):
        raise fail(f"expected a pattern with an index in braces, such as D_{{p}}_{{q}}; found '{text}'")
    names: list[str] = []
    sets: list[str] = []
    for inside in fields:
        found = _FIELD.fullmatch(inside.strip())
        if not found:
            raise fail(f"expected {{index}} or {{index:INDEX_SET}} in '{text}', found '{{{inside}}}'")
        if found[1] in names:
            raise fail(f"the index '{found[1]}' stands twice in '{text}': give each its own name")
        names.append(found[1])
        sets.append(found[2] or "")
    return IdPattern(text, tuple(fixed), tuple(sets), tuple(index_sets.get(n, ()) for n in sets))
