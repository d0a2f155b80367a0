"""Which variable each equation determines, and in which order they can be solved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from graphlib import TopologicalSorter


def match(
    incidence: Mapping[int, Set[str]], ranks: Mapping[str, int]
) -> tuple[dict[int, str], tuple[str, str] | None]:
    """Return equation → variable for as many equations as can have one, the best variables first.

    Variables of lower rank are preferred. As the sets of variables that can be matched are
    the independent sets of a matroid, taking them greedily by rank is best.

    Parameters
    ----------
    incidence : mapping of int to set of str
        Equation → the variables in it.
    ranks : mapping of str to int
        Variable → its rank, in the order in which to try variables of equal rank.

    Returns
    -------
    matched : dict of int to str
        Some equations may be left out: then the equations are overdetermined.
    tie : tuple of (str, str) or None
        A matched variable and another of equal rank that could have been in its place.
    """
    containing: dict[str, list[int]] = {name: [] for name in ranks}
    for equation, variables in incidence.items():
        for name in variables:
            containing[name].append(equation)
    matched: dict[int, str] = {}

    def augment(name: str, seen: set[int]) -> bool:
        for equation in containing[name]:
            if equation not in seen:
                seen.add(equation)
                if equation not in matched or augment(matched[equation], seen):
                    matched[equation] = name
                    return True
        return False

    left_out = [name for name in sorted(ranks, key=ranks.__getitem__) if not augment(name, set())]
    for name in left_out:
        for other in _replaceable(name, containing, matched):
            if ranks[other] == ranks[name]:
                return matched, (other, name)
    return matched, None


def _replaceable(name: str, containing: Mapping[str, Sequence[int]], matched: Mapping[int, str]) -> set[str]:
    """Return the matched variables in whose place another could be, along alternating paths."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for equation in containing[waiting.pop()]:
            other = matched[equation]
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def blocks(reads: Mapping[int, Set[int]]) -> list[list[int]]:
    """Return the strongly connected parts of equations that read each other, first things first."""
    reachable = {node: _closure(node, reads) for node in reads}
    part = {
        node: min(m for m in reads if m == node or (m in reachable[node] and node in reachable[m]))
        for node in reads
    }
    members: dict[int, list[int]] = {}
    for node, head in part.items():
        members.setdefault(head, []).append(node)
    order = {head: {part[n] for m in nodes for n in reads[m]} - {head} for head, nodes in members.items()}
    return [members[head] for head in TopologicalSorter(order).static_order()]


def _closure(start: int, reads: Mapping[int, Set[int]]) -> set[int]:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for node in reads[waiting.pop()]:
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found
