"""Index labels as integers."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np


class Words:
    """The labels of a network's indices, each with a code in order of first use."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}
        self._ranks = np.empty(0, dtype=np.int64)

    def code(self, text: str) -> int:
        """Return the code of a label."""
        found = self._codes.get(text)
        if found is None:
            found = self._codes[text] = len(self.texts)
            self.texts.append(text)
        return found

    def codes(self, texts: Iterable[str]) -> np.ndarray:
        """Return the codes of labels, shape (n_labels,)."""
        return np.array([self.code(text) for text in texts], dtype=np.int64)

    @property
    def ranks(self) -> np.ndarray:
        """Position of each code in the natural order of all labels, shape (n_words,)."""
        if len(self._ranks) < len(self.texts):
            order = sorted(range(len(self.texts)), key=lambda k: natural(self.texts[k]))
            self._ranks = np.empty(len(order), dtype=np.int64)
            self._ranks[order] = np.arange(len(order))
        return self._ranks


def natural(label: str) -> tuple:
    """Sort key that puts ``2`` before ``10`` and ``a2`` before ``a10``."""
    parts = re.split(r"(\d+)", label)
    return tuple((int(p), p) if k % 2 else (-1, p) for k, p in enumerate(parts) if p or k == 0)
