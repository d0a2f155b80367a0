"""Texture of a pattern: Gram matrices of random convolution filters (Ustyuzhaninov et al., 2016).

Gatys et al. (2015) describe a texture by correlations between the features of a trained network;
the first layers of one whose filters are random, and never trained, do nearly as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

CHANNELS = (16, 16, 16, 16)
DILATIONS = (1, 1, 2, 4)


class Filters(NamedTuple):
    """Random filters of a few convolution layers, and how an image is scaled for them.

    Attributes
    ----------
    weights : tuple of (n_out, n_in, 3, 3)
        Of each layer.
    dilations : tuple of int
        Distance between the points that a filter of each layer reads.
    mean, deviation : (n_in, 1, 1)
        Of each channel of the images that are compared.
    """

    weights: tuple[Array, ...]
    dilations: tuple[int, ...]
    mean: Array
    deviation: Array


def random_filters(
    images: Array, seed: int, channels: Sequence[int] = CHANNELS, dilations: Sequence[int] = DILATIONS
) -> Filters:
    """Return filters with normal weights of variance 2 / (9 n_in), which keeps features of one size.

    Parameters
    ----------
    images : (n_images, n_in, n, n)
        The patterns that are to be compared with, for mean and deviation of each channel.
    seed : int
        Of the weights.
    channels, dilations : sequence of int
        Of each layer.

    Returns
    -------
    Filters
    """
    rng, n_in, weights = np.random.default_rng(seed), images.shape[1], []
    for n_out in channels:
        scale = np.sqrt(2.0 / (9 * n_in))
        weights.append(jnp.asarray(scale * rng.normal(size=(n_out, n_in, 3, 3)), images.dtype))
        n_in = n_out
    mean, deviation = (f(images, axis=(0, 2, 3))[:, None, None] for f in (jnp.mean, jnp.std))
    return Filters(tuple(weights), tuple(dilations), mean, deviation)


def features(filters: Filters, image: Array) -> list[Array]:
    """Return the features of every layer, φ_l = max(W_l * φ_{l−1}, 0), each ``(n_out, n, n)``.

    The convolutions are periodic, and dilated instead of pooled, so that features of a shifted
    image are the shifted features.

    Parameters
    ----------
    filters : Filters
        From `random_filters`.
    image : (n_in, n, n)
        Such as U and V.
    """
    found = [(image - filters.mean) / filters.deviation]
    for weights, dilation in zip(filters.weights, filters.dilations, strict=True):
        padded = jnp.pad(found[-1], ((0, 0), (dilation, dilation), (dilation, dilation)), mode="wrap")
        passed = lax.conv_general_dilated(
            padded[None], weights, (1, 1), "VALID", rhs_dilation=(dilation, dilation)
        )
        found.append(jnp.maximum(passed[0], 0.0))
    return found[1:]


def grams(filters: Filters, image: Array) -> list[Array]:
    """Return the Gram matrix of every layer, G_l[a, b] = Σ_x φ_l[a, x] φ_l[b, x] / n², ``(n_out, n_out)``.

    They do not depend on where things are: an image that is shifted, periodically, has the same.
    """
    return [jnp.einsum("axy,bxy->ab", phi, phi) / phi[0].size for phi in features(filters, image)]


def distance(found: Sequence[Array], wanted: Sequence[Array]) -> Array:
    """Return the mean over layers of ‖G_l − G*_l‖² / (‖G_l‖² + ‖G*_l‖²), in Frobenius' norm, below 1."""
    each = [
        jnp.sum((a - b) ** 2) / (jnp.sum(a**2) + jnp.sum(b**2)) for a, b in zip(found, wanted, strict=True)
    ]
    return jnp.mean(jnp.stack(each))
