"""Tensors by base as one vector, and back."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.errors import IcrnError
from icrn_core.layout import Block


def pack(blocks: tuple[Block, ...], tensors: Mapping[str, Array], kind: str) -> Array:
    """Return tensors by base as one vector, in the order of the blocks.

    Raises
    ------
    IcrnError
        A base is missing, unknown, or has another shape.
    """
    names = [block.name for block in blocks]
    unknown = [name for name in tensors if name not in names]
    if unknown:
        raise IcrnError(f"no {kind} is called '{unknown[0]}' (there are: {', '.join(names) or 'none'})")
    parts = []
    for block in blocks:
        if block.name not in tensors:
            raise IcrnError(f"no values for {kind} '{block.name}': give an array of shape {block.shape}")
        tensor = tensors[block.name]
        if np.shape(tensor) != block.shape:
            raise IcrnError(f"{kind} '{block.name}' has shape {block.shape}, its values {np.shape(tensor)}")
        parts.append(jnp.ravel(jnp.asarray(tensor, dtype=float)))
    return jnp.concatenate(parts) if parts else jnp.zeros(0)


def unpack(blocks: tuple[Block, ...], vector: Array, start: int) -> dict[str, Array]:
    """Return ``(..., n)`` as tensors by base; ``start`` is the position at which it begins."""
    return {
        block.name: vector[..., block.offset - start : block.offset - start + block.size].reshape(
            vector.shape[:-1] + block.shape
        )
        for block in blocks
    }
