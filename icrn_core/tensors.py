"""Tensors by base as one vector, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.errors import IcrnError
from icrn_core.layout import Block


def entries_at(x: Array, *index: Array) -> Array:
    """Return ``x[index]`` for positions that are in bounds and not negative, without checks of either."""
    return x.at[index].get(mode="promise_in_bounds", wrap_negative_indices=False)


def pack(blocks: tuple[Block, ...], tensors: Mapping[str, Array], kind: str) -> Array:
    """Return tensors by base as one vector, in the order of the blocks.

    Raises
    ------
    IcrnError
        A base is missing, unknown, or has another shape.
    """
    check_names(blocks, tensors, kind)
    parts = []
    for block in blocks:
        if block.name not in tensors:
            raise IcrnError(f"no values for {kind} '{block.name}': give an array of shape {block.shape}")
        tensor = tensors[block.name]
        if np.shape(tensor) != block.shape:
            raise IcrnError(f"{kind} '{block.name}' has shape {block.shape}, its values {np.shape(tensor)}")
        parts.append(tensor)
    # What is known is joined without JAX, whose every operation costs more than a small solve.
    if any(isinstance(part, jax.core.Tracer) for part in parts):
        return jnp.concatenate([jnp.ravel(jnp.asarray(part, dtype=float)) for part in parts])
    kind = jax.dtypes.canonicalize_dtype(float)
    return np.concatenate([np.zeros(0, kind), *(np.ravel(np.asarray(part, kind)) for part in parts)])


def check_names(blocks: Sequence[Block], tensors: Mapping[str, Array], kind: str) -> None:
    """Raise `IcrnError` if a tensor has the name of no block."""
    names = [block.name for block in blocks]
    unknown = [name for name in tensors if name not in names]
    if unknown:
        raise IcrnError(f"no {kind} is called '{unknown[0]}' (there are: {', '.join(names) or 'none'})")


def check_finite(blocks: Sequence[Block], vector: Array, kind: str) -> None:
    """Raise `IcrnError` if a value ``(n, ...)`` of a base is not finite, unless JAX traces it."""
    if isinstance(vector, jax.core.Tracer):
        return
    start = blocks[0].offset if blocks else 0
    for block in blocks:
        own = np.asarray(vector[block.offset - start : block.offset - start + block.size])
        if not np.isfinite(own).all():
            found = own[~np.isfinite(own)].flat[0]
            raise IcrnError(f"{kind} '{block.name}' has a value that is not finite: {found}")


def unpack(blocks: tuple[Block, ...], vector: Array, start: int) -> dict[str, Array]:
    """Return ``(..., n)`` as tensors by base; ``start`` is the position at which it begins."""
    return {
        block.name: vector[..., block.offset - start : block.offset - start + block.size].reshape(
            vector.shape[:-1] + block.shape
        )
        for block in blocks
    }
