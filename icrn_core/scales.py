"""Scales on which parameters are fitted: ``lin``, ``log`` (natural) and ``log10``."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

SCALES = ("lin", "log", "log10")
_LN10 = float(np.log(10.0))


def to_linear(codes: np.ndarray, x: Array) -> Array:
    """Return values of scaled ones, ``(n, ...)``; ``codes`` are positions in `SCALES` by row."""
    factor = np.array([0.0, 1.0, _LN10])[codes].reshape(-1, *[1] * (x.ndim - 1))
    is_linear = factor == 0
    return jnp.where(is_linear, x, jnp.exp(jnp.where(is_linear, 0.0, x) * factor))


def from_linear(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return scaled values, the inverse of `to_linear`; ``-inf`` for a zero on a logarithmic scale."""
    values = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.select([codes == 0, codes == 1], [values, np.log(values)], np.log10(values))
