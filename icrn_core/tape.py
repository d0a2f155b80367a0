"""Tapes: vectors of values to which each level of assignments appends, planned at compile time.

Appending instead of writing in place keeps scatters out of the compiled program. A `Tape`
knows where each symbol's present value stands.
"""

from __future__ import annotations

import numpy as np

from icrn_core.law import Law, canonical_law
from icrn_core.plan import Arrays, Level, Step
from icrn_core.program import Item
from icrn_core.sparse_map import gather

_MULTIPLY, _ = canonical_law(("times", ("slot", 0), ("slot", 1)))
_DIVIDE, _ = canonical_law(("divide", ("slot", 0), ("slot", 1)))


class Tape:
    """Places of symbols on a tape.

    Parameters
    ----------
    place : (n_symbols,) int
        Position of each symbol's value, -1 where it is not on the tape.
    length : int
        Length of the tape at its beginning.
    is_moving : (length,) bool
        Which positions depend on the state.

    Attributes
    ----------
    starts, reads : list
        For each level the length of the tape before it, and the positions of all its slots.
    """

    def __init__(self, place: np.ndarray, length: int, is_moving: np.ndarray | None = None) -> None:
        self.place = np.array(place, dtype=np.int64)
        self.length = length
        self.is_moving = np.zeros(length, bool) if is_moving is None else np.asarray(is_moving)
        self.starts: list[int] = []
        self.reads: list[np.ndarray] = []

    def add(self, items: list[Item], arrays: Arrays) -> Level:
        """Append one level of assignments and conversions."""
        steps, positions, targets, moving = [], [], [], []
        for item in items:
            law, slots = self._slots(item)
            wanted = tuple(k for k, at in enumerate(slots) if self.is_moving[at].any())
            reads = np.zeros(item.targets.size, bool)
            for at in slots:
                reads |= self.is_moving[at]
            steps.append(Step(law, item.targets.size, wanted))
            positions += slots
            targets.append(item.targets)
            moving.append(reads)
        at = np.concatenate(positions) if positions else np.zeros(0, np.int64)
        level = Level(gather(at, self.length, arrays), tuple(steps))
        self.starts.append(self.length)
        self.reads.append(at)
        every = np.concatenate(targets)
        self.place[every] = self.length + np.arange(len(every))
        self.length += len(every)
        self.is_moving = np.concatenate([self.is_moving, *moving])
        return level

    def _slots(self, item: Item) -> tuple[Law, list[np.ndarray]]:
        if item.law is not None:
            return item.law, [self.place[at] for at in item.slots]
        law = _MULTIPLY if item.multiply else _DIVIDE
        return law, [self.place[item.targets], self.place[item.slots[0]]]
