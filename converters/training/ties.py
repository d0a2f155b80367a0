"""Ids that follow one parameter: ``a=b``, ``kf[*,*]``, ``W[i,j]=W[j,i]``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from converters.training.patterns import IDENTIFIER, Patterns, index_parts, split_outside
from icrn_core.icrn import IndexSet
from icrn_io.errors import ModelIOError


@dataclass(frozen=True)
class Tie:
    """Ids of the model that have one value; ``name`` is that of their parameter.

    ``texts`` are what the user wrote.
    """

    name: str
    members: tuple[str, ...]
    texts: tuple[str, ...]


def read_ties(texts: Iterable[str], patterns: Patterns) -> tuple[Tie, ...]:
    """Return groups of ids, none in more than one; groups that share an id are joined.

    Parameters
    ----------
    texts : iterable of str
        Patterns between equality signs. Everything that they stand for follows one parameter,
        called as the first id, or as the first part where that is a new name. Where brackets
        hold index symbols, ``W[i,j]=W[j,i]``, there is a group for each of their values.
    patterns : Patterns
        Finds ids.

    Raises
    ------
    ModelIOError
        A pattern stands for nothing, or a group has a single id.
    """
    groups: dict[str, list[str]] = {}  # id -> the group it is in
    called: dict[str, str] = {}  # the first id of a group -> a name of its own
    written: dict[str, list[str]] = {}
    for text in texts:
        what = f"tie '{text}'"
        parts = split_outside(text, "=")
        own = parts[0] if patterns.is_new(parts[0]) else ""
        found = _groups(parts[1:] if own else parts, patterns, what)
        if max(map(len, found), default=0) < 2:
            raise ModelIOError(f"{what}: expected two ids or more that follow one parameter, such as a=b")
        for members in found:
            _join(members, groups)
            written.setdefault(members[0], []).append(text)
            called.update(dict.fromkeys(members[:1] if own else (), own))
    distinct = {id(group): tuple(group) for group in groups.values()}
    return tuple(
        Tie(_name(group, called, patterns), group, tuple(t for n in group for t in written.get(n, ())))
        for group in distinct.values()
        if len(group) > 1
    )


def _name(group: tuple[str, ...], called: Mapping[str, str], patterns: Patterns) -> str:
    given = [called[name] for name in group if name in called]
    return (*given, *(name for name in group if name in patterns.own), *group)[0]


def _join(members: Iterable[str], groups: dict[str, list[str]]) -> None:
    """Put ids into one group, with all that they were together with."""
    every: dict[str, None] = {}
    for name in members:
        every.update(dict.fromkeys(groups.get(name, [name])))
    group = list(every)
    groups.update(dict.fromkeys(group, group))


def _groups(parts: list[str], patterns: Patterns, what: str) -> list[list[str]]:
    symbols = _index_symbols(parts, patterns, what)
    if not symbols:
        return [[name for part in parts for name in patterns.find(part, what)]]
    found = []
    for labels in product(*(range(len(s)) for s in symbols.values())):
        at = dict(zip(symbols, labels, strict=True))
        found.append([name for part in parts for name in _entry(part, at, patterns, what)])
    return found


def _index_symbols(parts: list[str], patterns: Patterns, what: str) -> dict[str, IndexSet]:
    """Return the index symbols between brackets: names that are no labels, in every part the same."""
    every: list[dict[str, IndexSet]] = []
    for part in parts:
        base, inside = index_parts(part) or ("", "")
        sets = patterns.sets(base) if base else ()
        labels = patterns.labels(inside, base, what) if sets else []
        every.append(
            {
                label: s
                for label, s in zip(labels, sets, strict=True)
                if label not in s.labels and IDENTIFIER.fullmatch(label)
            }
        )
    first = next((symbols for symbols in every if symbols), {})
    if first and any(symbols != first for symbols in every):
        raise ModelIOError(
            f"{what}: expected the same index symbols over the same index sets on every side, "
            "such as W[i,j]=W[j,i]"
        )
    return first


def _entry(part: str, at: Mapping[str, int], patterns: Patterns, what: str) -> list[str]:
    base, inside = index_parts(part)
    sets = patterns.sets(base)
    labels = patterns.labels(inside, base, what)
    fixed = [s.labels[at[label]] if label in at else label for s, label in zip(sets, labels, strict=True)]
    if any(label not in s.labels for s, label in zip(sets, fixed, strict=True)):
        raise ModelIOError(f"{what}: expected index symbols or labels between brackets in '{part}'")
    return patterns.members(base, [[s.labels.index(label)] for s, label in zip(sets, fixed, strict=True)])
