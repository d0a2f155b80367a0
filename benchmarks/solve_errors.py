"""How far a time course is from another, and what is taken for the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from peer_processes import CellError, Process
from peer_registry import OURS

# Below this amount the absolute tolerance rules: it is atol / rtol in all rows.
FLOOR = 1e-3
RTOL, ATOL = 1e-12, 1e-15


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return ``max over species of (max over t |a - b| / max(max over t |b|, floor))``."""
    size = np.maximum(np.max(np.abs(expected), axis=0), FLOOR)
    return float(np.max(np.max(np.abs(found - expected), axis=0) / size))


@dataclass(frozen=True)
class Reference:
    """A solution at rtol 1e-12, who made it, and how far a second simulator's is from it."""

    table: np.ndarray
    by: str
    second: str
    doubt: float

    def error(self, table: np.ndarray) -> float:
        """Return the difference of a table from the reference."""
        return difference(table, self.table)


def make_reference(loaded: dict[str, Process], path: str) -> Reference | None:
    """Solve at rtol 1e-12 with two simulators; None where none can."""
    tables: dict[str, np.ndarray] = {}
    for peer in ("bngsim", "libroadrunner", OURS, "amici"):
        if peer in loaded and len(tables) < 2:
            save = str(Path(path).with_suffix(f".{peer}.npy"))
            try:
                loaded[peer].ask("solve", rtol=RTOL, atol=ATOL, repeats=1, save=save)
            except CellError:
                continue
            tables[peer] = np.load(save)
    if not tables:
        return None
    first, *others = tables
    doubt = difference(tables[others[0]], tables[first]) if others else float("nan")
    return Reference(tables[first], first, others[0] if others else "", doubt)
