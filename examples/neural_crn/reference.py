"""The same models in NumPy and JAX: what the chemistry is compared with."""

from __future__ import annotations

import jax
import jax.numpy as jnp
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


def ode_output(theta: jax.Array, w: jax.Array, x: jax.Array, n_steps: int = 200) -> jax.Array:
    """Return w · z(1) of z' = θ x - z |z| from z(0) = x, ``(..., n_inputs)``, by Runge–Kutta of order 4."""
    h = 1.0 / n_steps

    def slope(z: jax.Array) -> jax.Array:
        return theta * x - z * jnp.abs(z)

    def step(z: jax.Array, _: None) -> tuple[jax.Array, None]:
        k1 = slope(z)
        k2 = slope(z + h / 2 * k1)
        k3 = slope(z + h / 2 * k2)
        k4 = slope(z + h * k3)
        return z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    return jax.lax.scan(step, x, None, length=n_steps)[0] @ w


@jax.jit
def ode_gradient(theta: jax.Array, w: jax.Array, x: jax.Array, y: float) -> tuple[jax.Array, jax.Array]:
    """Return the gradients of (w · z(1) - y)² / 2 by θ and w for one sample, by autodiff through the ODE."""
    return jax.grad(lambda theta, w: (ode_output(theta, w, x) - y) ** 2 / 2, (0, 1))(theta, w)
