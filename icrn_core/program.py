"""Scheduling of assignments: which can be evaluated together, as few array operations.

Assignments and unit conversions form a directed graph over entries of the symbol vector. It
is cut into levels; within a level, assignments with the same law are one vectorised step, so
the compiled size depends on the depth and the number of laws, not on the number of entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.icrn import IndexedAssignment
from icrn_core.law import Law, canonical_law
from icrn_core.layout import Layout


@dataclass
class Item:
    """Entries that are set together: by a law, or (law None) by a compartment size.

    For a conversion ``slots`` is the one array of the sizes' positions, ``targets`` are
    converted in place, and ``multiply`` says whether by the size or by its reciprocal.
    """

    name: str
    targets: np.ndarray
    slots: list[np.ndarray]
    law: Law | None = None
    multiply: bool = False

    @property
    def reads_time(self) -> bool:
        """Whether the value depends on the time explicitly."""
        return self.law is not None and self.law.reads_time

    def only(self, kept: np.ndarray) -> Item:
        """Return the item for some of its entries."""
        return Item(self.name, self.targets[kept], [at[kept] for at in self.slots], self.law, self.multiply)


def assignment_item(assignment: IndexedAssignment, layout: Layout) -> Item:
    """Return an indexed assignment as positions in the symbol vector."""
    law, order = canonical_law(assignment.law.template)
    slots = [layout.positions(assignment.slots[k], assignment.domain) for k in order]
    return Item(assignment.name, layout.positions(assignment.target, assignment.domain), slots, law)


def conversion_items(targets: np.ndarray, sizes: np.ndarray, multiply: np.ndarray) -> list[Item]:
    """Return conversions of entries by sizes, one item per distinct size and direction."""
    items = []
    for forward in (False, True):
        chosen = np.flatnonzero(multiply == forward)
        for size in np.unique(sizes[chosen]):
            at = chosen[sizes[chosen] == size]
            items.append(Item("", targets[at], [sizes[at]], None, forward))
    return items


def schedule(items: Sequence[Item], n_symbols: int) -> list[list[Item]]:
    """Return the items in levels, merged by law: a level reads only what earlier levels set.

    Raises
    ------
    IcrnError
        Some assignments wait for each other; the message names them.
    """
    pending = [item for item in items if len(item.targets)]
    unsettled = np.zeros(n_symbols, dtype=np.int64)
    for item in pending:
        np.add.at(unsettled, item.targets, 1)
    levels = []
    while pending:
        ready = [item for item in pending if _is_ready(item, unsettled)]
        if not ready:
            names = ", ".join(f"'{item.name}'" for item in pending if item.law is not None)
            raise IcrnError(f"assignments {names} wait for each other: no order can evaluate them")
        chosen = set(map(id, ready))
        pending = [item for item in pending if id(item) not in chosen]
        for item in ready:
            np.subtract.at(unsettled, item.targets, 1)
        levels.append(_merge(ready))
    return levels


def _is_ready(item: Item, unsettled: np.ndarray) -> bool:
    # An entry that is assigned in its law's unit is not waiting for its own conversion.
    return all(not unsettled[at].any() for at in item.slots)


def _merge(items: Sequence[Item]) -> list[Item]:
    groups: dict[object, list[Item]] = {}
    for item in items:
        groups.setdefault((item.law, item.multiply), []).append(item)
    return [_concatenate(group) for group in groups.values()]


def _concatenate(items: Sequence[Item]) -> Item:
    first = items[0]
    if len(items) == 1:
        return first
    slots = [np.concatenate([item.slots[k] for item in items]) for k in range(len(first.slots))]
    return Item(first.name, np.concatenate([i.targets for i in items]), slots, first.law, first.multiply)
