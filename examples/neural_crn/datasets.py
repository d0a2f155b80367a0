"""Samples to learn from, drawn with a seed. Inputs end with a 1, for the intercept."""

from __future__ import annotations

import numpy as np


def plane(n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``(n_samples, 3)``, uniform in the unit square, and y = 0.7 + 1.5 x1 - 2 x2."""
    x = np.random.default_rng(seed).random((n_samples, 2))
    return _with_one(x), 0.7 + x @ [1.5, -2.0]


def _with_one(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)
