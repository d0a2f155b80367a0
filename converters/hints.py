"""Hints for folding: which ids form a base, and which part of an id is an index.

A hints file is TOML::

    [index_sets]
    I = ["EGF", "HRG"]          # labels in order; or a range: "1..12"

    [bases]
    D = "D_{p}_{q}"             # ids of the base; placeholders are its indices
    R = "R_{l:I}"               # an index over the index set I
    M = { pattern = "M_{p}", members = { s17 = ["7"] } }
    S = { members = { s1 = ["1"], s2 = ["2"] }, indices = ["I"] }
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from converters.errors import HintsError
from converters.hint_patterns import IdPattern, read_pattern

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RANGE = re.compile(r"(\d+)\.\.(\d+)", re.ASCII)
_MOST_LABELS = 1_000_000
_BASE_KEYS = ("pattern", "members", "indices")


@dataclass(frozen=True)
class BaseHint:
    """A base: which elements belong to it, and their index tuples.

    Attributes
    ----------
    name : str
        Name of the base.
    pattern : IdPattern or None
        Finds members, and their labels, by their ids.
    members : mapping of str to tuple of str
        Further members: id → labels.
    index_sets : tuple of str
        Name of each axis' index set, "" where it has none.
    """

    name: str
    pattern: IdPattern | None
    members: Mapping[str, tuple[str, ...]]
    index_sets: tuple[str, ...]


@dataclass(frozen=True)
class Hints:
    """What a user, or the exporter that wrote a model, says about its index structure.

    Attributes
    ----------
    bases : tuple of BaseHint
        In the order given.
    index_sets : mapping of str to tuple of str
        Name → labels in order, for the index sets whose labels are given.
    source : str
        Where the hints are from, for messages.
    is_binding : bool
        Whether hints that do not fit are an error; others are explained and left out.
    n_elements : int
        How many elements the network has if the hints cover all that is indexed; else 0.
    notes : tuple of str
        What was wrong with hints that are not binding.
    """

    bases: tuple[BaseHint, ...] = ()
    index_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = "hints"
    is_binding: bool = True
    n_elements: int = 0
    notes: tuple[str, ...] = ()


def load_hints(path: str | PathLike[str]) -> Hints:
    """Read a hints file.

    Parameters
    ----------
    path : path
        A TOML file as in the head of this module.

    Returns
    -------
    Hints
        Whether they fit a network is checked by `converters.fold_network`.

    Raises
    ------
    HintsError
        The file cannot be read or has another form; the message names file and key.
    """
    name = str(path)
    try:
        tree = tomllib.loads(Path(path).read_bytes().decode("utf-8"))
    except OSError as error:
        raise HintsError(name, "", f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise HintsError(name, "", f"is no UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise HintsError(name, "", f"is no valid TOML: {error}") from None
    return _Reader(name).hints(tree)


class _Reader:
    """Reads the tree of a hints file strictly."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, key: str, message: str) -> HintsError:
        return HintsError(self.source, key, message)

    def hints(self, tree: Mapping[str, Any]) -> Hints:
        self._known_keys("", tree, ("index_sets", "bases"))
        index_sets = {
            self._name(f"index_sets.{name}", name): self._labels(f"index_sets.{name}", value)
            for name, value in self._table("index_sets", tree.get("index_sets", {})).items()
        }
        listed = self._table("bases", tree.get("bases", {}))
        bases = tuple(self._base(name, value, index_sets) for name, value in listed.items())
        if not bases:
            raise self.fail("bases", 'names no base: add one, such as D = "D_{p}_{q}"')
        hints = Hints(bases, index_sets, self.source)
        check_names(hints)
        return hints

    def _known_keys(self, key: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
        for name in table:
            if name not in known:
                where = f"{key}.{name}" if key else name
                raise self.fail(where, f"unknown key; expected {_either(known)}")

    def _table(self, key: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(key, f"expected a table [{key}], found {_shown(value)}")
        return value

    def _name(self, key: str, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise self.fail(key, f"expected a name of letters, digits and _, found {_shown(name)}")
        return name

    def _labels(self, key: str, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):
            return self._range(key, value)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
            raise self.fail(
                key, f'expected labels such as ["EGF", "HRG"] or a range "1..12", found {_shown(value)}'
            )
        for position, label in enumerate(value):
            if label in value[:position]:
                raise self.fail(key, f"the label '{label}' stands twice: leave one out")
        return tuple(value)

    def _range(self, key: str, text: str) -> tuple[str, ...]:
        found = _RANGE.fullmatch(text.strip())
        if not found:
            raise self.fail(
                key, f'expected a range such as "1..12" or a list of labels, found {_shown(text)}'
            )
        first, last = found.groups()
        n = int(last) - int(first) + 1
        if not 0 < n <= _MOST_LABELS:
            raise self.fail(key, f"the range {text} has {max(n, 0):,} labels; expected 1 to {_MOST_LABELS:,}")
        width = len(first) if first.startswith("0") and len(first) > 1 else 0
        return tuple(str(k).zfill(width) for k in range(int(first), int(last) + 1))

    def _base(self, name: str, value: Any, index_sets: Mapping[str, tuple[str, ...]]) -> BaseHint:
        key = f"bases.{name}"
        self._name(key, name)
        table = {"pattern": value} if isinstance(value, str) else value
        if not isinstance(table, dict):
            raise self.fail(
                key, f'expected a pattern such as "D_{{p}}_{{q}}" or a table, found {_shown(value)}'
            )
        self._known_keys(key, table, _BASE_KEYS)
        if not table.keys() & {"pattern", "members"}:
            raise self.fail(key, "expected a pattern, members, or both; found neither")
        pattern = None
        if "pattern" in table:
            if not isinstance(table["pattern"], str):
                raise self.fail(f"{key}.pattern", f"expected a string, found {_shown(table['pattern'])}")
            pattern = read_pattern(table["pattern"], index_sets, lambda text: self.fail(key, text))
        members = self._members(f"{key}.members", table.get("members", {}))
        n_axes = {len(labels) for labels in members.values()} | ({pattern.n_axes} if pattern else set())
        if not n_axes:
            raise self.fail(f"{key}.members", "expected ids with their labels, found none")
        if len(n_axes) != 1:
            raise self.fail(
                key, f"expected as many labels for each member, found {_either(map(str, sorted(n_axes)))}"
            )
        return BaseHint(name, pattern, members, self._axes(key, table, pattern, n_axes.pop()))

    def _members(self, key: str, value: Any) -> dict[str, tuple[str, ...]]:
        members = self._table(key, value)
        for element_id, labels in members.items():
            if (
                not isinstance(labels, list)
                or not labels
                or not all(isinstance(v, str) and v for v in labels)
            ):
                raise self.fail(
                    f"{key}.{element_id}", f'expected a list of labels such as ["1"], found {_shown(labels)}'
                )
        return {element_id: tuple(labels) for element_id, labels in members.items()}

    def _axes(self, key: str, table: Mapping, pattern: IdPattern | None, n_axes: int) -> tuple[str, ...]:
        found = pattern.index_sets if pattern else ("",) * n_axes
        if "indices" not in table:
            return found
        named = table["indices"]
        is_list = isinstance(named, list) and all(isinstance(n, str) for n in named)
        if not is_list or len(named) != n_axes:
            raise self.fail(
                f"{key}.indices",
                f"expected a list of {n_axes} names of index sets, one per index, found {_shown(named)}",
            )
        for name, bound in zip(named, found, strict=True):
            self._name(f"{key}.indices", name)
            if bound not in ("", name):
                raise self.fail(f"{key}.indices", f"the pattern says '{bound}' where this says '{name}'")
        return tuple(named)


def check_names(hints: Hints) -> None:
    """Check that the names of bases and index sets can be told apart.

    Raises
    ------
    HintsError
        Two names are equal, or differ only in capitals.
    """
    sets = dict.fromkeys([*hints.index_sets, *(n for base in hints.bases for n in base.index_sets if n)])
    lower: dict[str, str] = {}
    for name in sets:
        other = lower.setdefault(name.lower(), name)
        if other != name:
            raise HintsError(
                hints.source,
                f"index_sets.{name}",
                f"differs from '{other}' in capitals only, and index symbols are small: rename one",
            )
    for base in hints.bases:
        if base.name in sets:
            raise HintsError(
                hints.source, f"bases.{base.name}", "an index set has this name too: rename one of them"
            )


def _either(names) -> str:
    *most, last = [f"'{name}'" for name in names]
    return f"{', '.join(most)} or {last}" if most else last


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
