"""Samples to learn from, drawn with a seed. Inputs end with a 1, for the intercept."""

from __future__ import annotations

import numpy as np


def plane(n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``(n_samples, 3)``, uniform in the unit square, and y = 0.7 + 1.5 x1 - 2 x2."""
    x = np.random.default_rng(seed).random((n_samples, 2))
    return _with_one(x), 0.7 + x @ [1.5, -2.0]


def _with_one(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def xor(n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``(n_samples, 3)``, uniform in the square [-1, 1]², and y = 1 where x1 x2 < 0, else 0."""
    x = np.random.default_rng(seed).uniform(-1.0, 1.0, (n_samples, 2))
    return _with_one(x), (x.prod(axis=1) < 0).astype(float)


def rings(n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``(n_samples, 3)`` on rings of radius about 1 and 0.4, and y = 1 on the inner one."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n_samples)
    radius = np.where(y, 0.4, 1.0) + rng.normal(0.0, 0.08, n_samples)
    angle = rng.uniform(0.0, 2 * np.pi, n_samples)
    return _with_one(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)), y.astype(float)


def bilinear(n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``(n_samples, 3)``, uniform in the unit square, and y = x1 x2 + x2²."""
    x = np.random.default_rng(seed).random((n_samples, 2))
    return _with_one(x), x[:, 0] * x[:, 1] + x[:, 1] ** 2


def noisy_plane(n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``(n_samples, 3)``, uniform in the unit square, and y = x1 + 2 x2 + 1 + noise, SD 0.4."""
    rng = np.random.default_rng(seed)
    x = rng.random((n_samples, 2))
    return _with_one(x), 1.0 + x @ [1.0, 2.0] + rng.normal(0.0, 0.4, n_samples)
