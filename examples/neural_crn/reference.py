"""The same models in NumPy and JAX: what the chemistry is compared with."""

from __future__ import annotations

import numpy as np


def relu_output(W: np.ndarray, V: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return V · relu(W x), ``(n_samples,)``, for W ``(n_hidden, n_inputs)`` and V ``(n_hidden,)``."""
    return np.maximum(x @ W.T, 0.0) @ V


def relu_gradient(W: np.ndarray, V: np.ndarray, x: np.ndarray, y: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of (V · relu(W x) - y)² / 2 by W and V for one sample, by backpropagation."""
    hidden = W @ x
    error = V @ np.maximum(hidden, 0.0) - y
    return np.outer(error * V * (hidden > 0), x), error * np.maximum(hidden, 0.0)


def relu_descent(
    W: np.ndarray, V: np.ndarray, x: np.ndarray, y: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights after an epoch of stochastic gradient descent over the samples in order."""
    for one, target in zip(x, y, strict=True):
        by_W, by_V = relu_gradient(W, V, one, target)
        W, V = W - rate * by_W, V - rate * by_V
    return W, V
