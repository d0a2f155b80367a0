"""Noise models and priors: negative logarithms of densities, elementwise.

A measurement m of an observable y with noise parameter σ on a transformation T (identity, natural
or decimal logarithm) has, for the normal and the Laplace distribution,

    −log p = ½ log 2π + log σ + ½ ((T(m) − T(y)) / σ)² − log |T′(m)|,
    −log p = log 2 + log σ + |T(m) − T(y)| / σ − log |T′(m)|

(PEtab 1, noise distributions and observable transformations).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import gammaln

NOISES = ("normal", "laplace")
PRIORS = (
    "uniform",
    "normal",
    "laplace",
    "log-normal",
    "log-laplace",
    "log-uniform",
    "cauchy",
    "chisquare",
    "exponential",
    "gamma",
    "rayleigh",
)
_LOG_2PI = float(np.log(2 * np.pi))
_LN10 = float(np.log(10.0))


class Transformed(NamedTuple):
    """Measurements as the noise model sees them.

    Attributes
    ----------
    values : (n,) float
        T(m).
    offsets : (n,) float
        −log |T′(m)| and the constant of the distribution.
    scale, noise : (n,) int
        Positions in `icrn_core.scales.SCALES` and `NOISES`.
    """

    values: np.ndarray
    offsets: np.ndarray
    scale: np.ndarray
    noise: np.ndarray


def transformed(measured: np.ndarray, scale: np.ndarray, noise: np.ndarray) -> Transformed:
    """Return measurements on the scale of their noise; NaN where that does not exist."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(measured)
    values = np.select([scale == 0, scale == 1], [measured, logs], logs / _LN10)
    offsets = np.select([scale == 0, scale == 1], [np.zeros_like(logs), logs], logs + np.log(_LN10))
    constants = np.where(noise == 0, 0.5 * _LOG_2PI, np.log(2.0))
    return Transformed(values, offsets + constants, scale, noise)


def on_scale(scale: np.ndarray, y: Array) -> Array:
    """Return T(y), shape ``(n, ...)``; NaN where y is not positive and T a logarithm."""
    kind = scale.reshape(-1, *[1] * (y.ndim - 1))
    logs = jnp.log(jnp.where((kind > 0) & (y > 0), y, 1.0))
    logs = jnp.where(y > 0, jnp.where(kind == 2, logs / _LN10, logs), jnp.nan)
    return jnp.where(kind == 0, y, logs)


def noise_terms(data: Transformed, z: Array, log_sigma: Array) -> Array:
    """Return −log p of every measurement, ``(n, ...)``, at transformed observables and log σ."""
    shape = (-1, *[1] * (z.ndim - 1))
    residual = (data.values.reshape(shape) - z) * jnp.exp(-log_sigma)
    spread = jnp.where(data.noise.reshape(shape) == 0, 0.5 * residual**2, jnp.abs(residual))
    return spread + log_sigma + data.offsets.reshape(shape)


def log_prior(kind: str, a: float, b: float, x: Array) -> Array:
    """Return −log p of a prior at x.

    Parameters
    ----------
    kind : str
        One of `PRIORS`.
    a, b : float
        Its parameters in the order of PEtab: location (of the logarithm) and scale, bounds of
        uniform ones, degrees of freedom, scale, or shape and scale.
    x : array
        The parameter, or its logarithm on the scale of the prior.
    """
    if kind == "uniform":
        return jnp.where((x >= a) & (x <= b), np.log(b - a), jnp.inf)
    if kind == "log-uniform":
        return jnp.where((x >= a) & (x <= b), jnp.log(x) + np.log(np.log(b / a)), jnp.inf)
    if kind == "normal":
        return 0.5 * _LOG_2PI + np.log(b) + 0.5 * ((x - a) / b) ** 2
    if kind == "laplace":
        return np.log(2 * b) + jnp.abs(x - a) / b
    if kind in ("log-normal", "log-laplace"):
        return log_prior(kind.removeprefix("log-"), a, b, jnp.log(x)) + jnp.log(x)
    if kind == "cauchy":
        return np.log(np.pi * b) + jnp.log1p(((x - a) / b) ** 2)
    if kind == "chisquare":
        return 0.5 * a * np.log(2.0) + gammaln(0.5 * a) - (0.5 * a - 1) * jnp.log(x) + 0.5 * x
    if kind == "exponential":
        return np.log(a) + x / a
    if kind == "gamma":
        return gammaln(a) + a * np.log(b) - (a - 1) * jnp.log(x) + x / b
    if kind == "rayleigh":
        return 2 * np.log(a) - jnp.log(x) + 0.5 * (x / a) ** 2
    raise ValueError(kind)
