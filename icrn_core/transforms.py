"""Transforms in which the Laplacian of a grid is diagonal.

Along a periodic axis these are Fourier modes, of real fields; along one without flux cosines
(DCT-II), and along a fixed one sines (DST-II) of the deviation from the boundary value. All are
orthonormal or, with the inverse, unitary up to scale, and act on the last axes of an array.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.grid import Grid

Laplacian = Literal["spectral", "stencil"]
LAPLACIANS = ("spectral", "stencil")
# Points of an axis up to which a matrix product is faster than a Fourier transform of twice the length.
_MATRIX_UP_TO = 128


@lru_cache(maxsize=32)
def _matrix(kind: str, n: int) -> np.ndarray:
    """Return the orthonormal matrix of a transform, mode by point."""
    first = 1 if kind == "fixed" else 0
    modes, points = np.arange(first, first + n)[:, None], np.arange(n) + 0.5
    matrix = (np.sin if kind == "fixed" else np.cos)(np.pi * modes * points / n) * np.sqrt(2 / n)
    # The mode of alternating signs, or the constant one, has twice the square of the others.
    matrix[-1 if kind == "fixed" else 0] *= np.sqrt(0.5)
    return matrix


def _along(x: Array, axis: int, matrix: np.ndarray) -> Array:
    """Return the product of a matrix with one axis of an array."""
    moved = lax.dot_general(
        jnp.asarray(matrix, x.dtype), x, (((1,), (axis % x.ndim,)), ((), ())), precision=lax.Precision.HIGHEST
    )
    return jnp.moveaxis(moved, 0, axis)


def _fast(x: Array, axis: int, kind: str) -> Array:
    """Return the cosine or sine transform by a Fourier transform of the even or odd extension."""
    n = x.shape[axis]
    x = jnp.moveaxis(x, axis, -1)
    sign = -1.0 if kind == "fixed" else 1.0
    modes = jnp.fft.rfft(jnp.concatenate([x, sign * x[..., ::-1]], axis=-1))
    phase = np.exp(-0.5j * np.pi * np.arange(n + 1) / n) * np.sqrt(0.5 / n)
    turned = modes * jnp.asarray(phase, modes.dtype)
    if kind == "fixed":
        result = (-turned.imag[..., 1:]).at[..., -1].multiply(np.sqrt(0.5))
    else:
        result = turned.real[..., :-1].at[..., 0].multiply(np.sqrt(0.5))
    return jnp.moveaxis(result, -1, axis)


def _fast_inverse(x: Array, axis: int, kind: str) -> Array:
    """Return the inverse of `_fast`."""
    n = x.shape[axis]
    x = jnp.moveaxis(x, axis, -1)
    zero = jnp.zeros((*x.shape[:-1], 1), x.dtype)
    if kind == "fixed":
        x = jnp.concatenate([zero, x.at[..., -1].multiply(np.sqrt(2.0))], axis=-1)
        phase = -1j * np.exp(0.5j * np.pi * np.arange(n + 1) / n) * np.sqrt(2 * n)
    else:
        x = jnp.concatenate([x.at[..., 0].multiply(np.sqrt(2.0)), zero], axis=-1)
        phase = np.exp(0.5j * np.pi * np.arange(n + 1) / n) * np.sqrt(2 * n)
    modes = x * jnp.asarray(phase, jnp.result_type(x.dtype, jnp.complex64))
    return jnp.moveaxis(jnp.fft.irfft(modes, 2 * n)[..., :n], -1, axis)


def _periodic(grid: Grid) -> tuple[int, ...]:
    """Return the periodic axes, counted from the last."""
    d = len(grid.shape)
    return tuple(a - d for a, kind in enumerate(grid.boundary) if kind == "periodic")


def to_modes(grid: Grid, x: Array) -> Array:
    """Return fields ``(..., *grid.shape)`` by modes, complex where an axis is periodic."""
    for a, kind in enumerate(grid.boundary):
        n, axis = grid.shape[a], a - len(grid.shape)
        if kind != "periodic":
            x = _along(x, axis, _matrix(kind, n)) if n <= _MATRIX_UP_TO else _fast(x, axis, kind)
    periodic = _periodic(grid)
    return jnp.fft.rfftn(x, axes=periodic) if periodic else x


def to_points(grid: Grid, modes: Array) -> Array:
    """Return the fields ``(..., *grid.shape)`` of modes; the inverse of `to_modes`."""
    periodic = _periodic(grid)
    x = modes
    if periodic:
        x = jnp.fft.irfftn(modes, s=[grid.shape[a] for a in periodic], axes=periodic)
    for a, kind in enumerate(grid.boundary):
        n, axis = grid.shape[a], a - len(grid.shape)
        if kind != "periodic":
            x = _along(x, axis, _matrix(kind, n).T) if n <= _MATRIX_UP_TO else _fast_inverse(x, axis, kind)
    return x


def eigenvalues(grid: Grid, laplacian: Laplacian) -> np.ndarray:
    """Return the eigenvalue of the Laplacian for each mode, none positive.

    Spectral: −Σ k² with the wave numbers k of the modes. Stencil: those of the second-order
    finite difference, −Σ (2 sin(k h / 2) / h)².
    """
    total = np.zeros(())
    periodic = _periodic(grid)
    for a, (n, h, kind) in enumerate(zip(grid.shape, grid.spacing, grid.boundary, strict=True)):
        axis = a - len(grid.shape)
        if kind == "periodic":
            halved = axis == periodic[-1]
            k = 2 * np.pi * (np.fft.rfftfreq(n, h) if halved else np.fft.fftfreq(n, h))
        else:
            first = 1 if kind == "fixed" else 0
            k = np.pi * np.arange(first, first + n) / (n * h)
        own = -(k**2) if laplacian == "spectral" else -((2 * np.sin(k * h / 2) / h) ** 2)
        total = np.add.outer(total, own)
    return total
