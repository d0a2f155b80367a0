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
        self._orders: list[list[int]] = []

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
        """Position of each code in the natural order of all labels, shape (n_words,).

        Labels whose order was given change places among themselves.
        """
        if len(self._ranks) < len(self.texts):
            order = sorted(range(len(self.texts)), key=lambda k: natural(self.texts[k]))
            ranks = np.empty(len(order), dtype=np.int64)
            ranks[order] = np.arange(len(order))
            for given in self._orders:
                ranks[given] = np.sort(ranks[given])
            self._ranks = ranks
        return self._ranks

    def give_order(self, texts: Iterable[str]) -> bool:
        """Let labels have this order; return False, and do nothing, where an earlier order contradicts."""
        given = self.codes(texts).tolist()
        self._orders.append(given)
        self._ranks = np.empty(0, dtype=np.int64)
        ranks = self.ranks
        if all((np.diff(ranks[order]) > 0).all() for order in self._orders):
            return True
        self._orders.pop()
        self._ranks = np.empty(0, dtype=np.int64)
        return False


def natural(label: str) -> tuple:
    """Sort key that puts ``2`` before ``10`` and ``a2`` before ``a10``."""
    parts = re.split(r"(\d+)", label)
    return tuple((int(p), p) if k % 2 else (-1, p) for k, p in enumerate(parts) if p or k == 0)
