"""Symmetric species, D[p, q] and D[q, p] being one: which reactions happen once for each unordered pair.

A reaction whose sides the exchange of p and q leaves what they are is one reaction for both orders
(Lee, Buse and Winfree, DNA 31, 2025, Appendix A). Its rate has to be the same for both, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.notation import Entry, Formula, Index


def symmetric_pairs(
    left: list[tuple[Entry, float]], right: list[tuple[Entry, float]]
) -> set[tuple[Index, Index]]:
    """Return the pairs of symbols of symmetric species whose exchange leaves both sides what they are."""

    def sides(exchanged: Mapping[Index, Index]) -> list[Counter]:
        return [Counter((_key(entry, exchanged), count) for entry, count in side) for side in (left, right)]

    found = set()
    for entry, _ in left + right:
        if entry.base.is_symmetric and all(isinstance(i, Index) for i in entry.indices):
            a, b = entry.indices
            if a is not b and sides({}) == sides({a: b, b: a}):
                found.add((a, b) if a.name <= b.name else (b, a))
    return found


def _key(entry: Entry, exchanged: Mapping[Index, Index]) -> tuple:
    """Return what tells an entry from others after an exchange of symbols."""
    indices = [exchanged.get(i, i) if isinstance(i, Index) else i for i in entry.indices]
    places = [id(i) if isinstance(i, Index) else i for i in indices]
    return entry.base.name, *(sorted(places, key=str) if entry.base.is_symmetric else places)


def read_in_order(what: str, formula: Formula, a: Index, b: Index) -> list[tuple[str, str, tuple[int, int]]]:
    """Return the constants ``k[a, b]`` that a rate reads for one order of two symbols: title, name, axes.

    Raises
    ------
    IcrnError
        The exchange of the symbols changes the rate in another way.
    """
    found = []

    def key(formula: Formula, exchanged: Mapping[Index, Index]) -> tuple:
        if formula.op == "number":
            return "number", repr(formula.value)
        if formula.op != "entry":
            parts = [key(arg, exchanged) for arg in formula.args]
            return formula.op, *(sorted(parts, key=repr) if formula.op in ("plus", "times") else parts)
        entry = formula.value
        axes = tuple(k for k, i in enumerate(entry.indices) if i is a or i is b)
        if (
            entry.base.kind == "constant"
            and len(axes) == 2
            and entry.indices[axes[0]] is not entry.indices[axes[1]]
        ):
            # Whether k[a, b] is k[b, a] is a question of its values.
            found.append((what, entry.base.name, axes))
            return _key(entry, {})
        return _key(entry, exchanged)

    if key(formula, {}) != key(formula, {a: b, b: a}):
        raise IcrnError(
            f"{what}: the exchange of '{a}' and '{b}' leaves its sides what they are, but "
            f"not its rate '{formula}': say for which of the two it stands, such as where={a} <= {b}"
        )
    return list(dict.fromkeys(found))


def refuse_exchanged(what: str, name: str, axes: tuple[int, int], tensor: np.ndarray) -> None:
    """Refuse values that differ between k[p, q] and k[q, p] where one of them stands for both."""
    first = np.moveaxis(tensor, axes, (0, 1))
    other = np.swapaxes(first, 0, 1)
    upper = np.triu(np.ones(first.shape[:2], bool), 1)
    differs = (first != other) & ~np.isnan(first) & ~np.isnan(other)
    differs &= upper.reshape(*upper.shape, *(1,) * (first.ndim - 2))
    # One triangle alone may be given.
    if differs.any() and (other[upper] != 0).any():
        place = tuple(int(k) for k in np.argwhere(differs)[0])
        raise IcrnError(
            f"{what} happens once for each unordered pair, but '{name}' is {first[place]:g} at {place} and "
            f"{other[place]:g} with the two exchanged: give equal values, or those of one order and 0"
        )


def upper_values(name: str, tensor: np.ndarray, is_one: bool) -> np.ndarray:
    """Return the values of a symmetric species with those of D[q, p] at D[p, q], p ≤ q."""
    upper, other = np.triu(tensor), np.tril(tensor, -1).T
    differs = (other != 0) & (upper != 0) & (other != upper)
    if differs.any() and not is_one:
        p, q = (int(k) for k in np.argwhere(differs)[0])
        raise IcrnError(
            f"'{name}' is symmetric, but its values at ({p}, {q}) and ({q}, {p}) are {upper[p, q]:g} and "
            f"{other[p, q]:g}: give one of them, or equal ones"
        )
    return np.where(upper != 0, upper, other)
