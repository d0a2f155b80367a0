"""Indexed reactions over large dense domains: broadcast views, axis sums, contractions."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.layout import Affine
from icrn_core.plan import DenseGroup, DenseReference


def positions(affine: Affine, shape: tuple[int, ...]) -> Array:
    """Return an affine reference's positions, of length one along axes it does not use."""
    at = jnp.full((1,) * len(shape), affine.offset, dtype=jnp.int32)
    for axis, (stride, length) in enumerate(zip(affine.strides, shape, strict=True)):
        if stride:
            steps = stride * jnp.arange(length, dtype=jnp.int32)
            at = at + jnp.reshape(steps, _along(axis, length, len(shape)))
    return at


def view(reference: DenseReference, shape: tuple[int, ...], vector: Array, shift: int = 0) -> Array:
    """Return the referenced entries of ``vector`` as a tensor that broadcasts to ``shape``.

    ``shift`` is the position in the symbol vector at which ``vector`` begins.
    """
    affine, block = reference.affine, reference.block
    if reference.axes is None:
        return vector[positions(Affine(affine.offset - shift, affine.strides), shape)]
    start = block.offset - shift
    tensor = vector[start : start + block.size].reshape(block.shape)
    tensor = tensor.transpose(np.argsort(reference.axes))
    return tensor.reshape(_kept(reference.axes, shape))


def fluxes(group: DenseGroup, slots: list[Array], mask: Array | None, t: Array) -> Array:
    """Return the flux of every entry of the domain, zero where the entry is missing."""
    if mask is None:
        return jnp.broadcast_to(group.law(slots, t), group.shape)
    return jnp.where(mask, group.law(sanitised(slots, mask), t), 0.0)


def sanitised(slots: list[Array], mask: Array) -> list[Array]:
    """Return the slots with 1 where the entry is missing: its values may be singular there."""
    return [jnp.where(mask, slot, 1.0) for slot in slots]


def add_changes(group: DenseGroup, slots: list[Array], mask: Array | None, t: Array, rate: Array) -> Array:
    """Add the reaction's contributions to the rate of change, shape ``(n_state,)``."""
    flux = None if group.contracts else fluxes(group, slots, mask, t)
    for coefficient, reference in group.terms:
        if flux is None:
            total = _contraction(group, slots, reference)
        else:
            unused = tuple(a for a, stride in enumerate(reference.affine.strides) if not stride)
            total = flux.sum(axis=unused, keepdims=True) if unused else flux
        rate = _add_at(reference, group.shape, coefficient * total, rate)
    return rate


def _contraction(group: DenseGroup, slots: list[Array], reference: DenseReference) -> Array:
    """Sum the product of the factors over the axes that the term does not use."""
    operands: list = []
    kept = [a for a, stride in enumerate(reference.affine.strides) if stride]
    scale = 1.0
    for factor in group.law.factors or ():
        used = [a for a, stride in enumerate(group.slots[factor].affine.strides) if stride]
        operands += [slots[factor].reshape([group.shape[a] for a in used]), used]
    seen = {axis for used in operands[1::2] for axis in used}
    for axis, length in enumerate(group.shape):
        if axis not in seen and axis in kept:
            operands += [jnp.ones(length), [axis]]
        elif axis not in seen:
            scale *= length
    total = jnp.einsum(*operands, kept) if operands else jnp.ones(())
    return (scale * total).reshape([group.shape[a] if a in kept else 1 for a in range(len(group.shape))])


def _add_at(reference: DenseReference, shape: tuple[int, ...], values: Array, rate: Array) -> Array:
    block = reference.block
    if reference.axes is None:
        return rate.at[positions(reference.affine, shape)].add(values)
    used = [shape[a] for a in sorted(reference.axes)]
    order = np.argsort(np.argsort(reference.axes))
    flat = values.reshape(used).transpose(order).reshape(-1)
    return rate.at[block.offset : block.offset + block.size].add(flat)


def _along(axis: int, length: int, n_axes: int) -> list[int]:
    return [length if a == axis else 1 for a in range(n_axes)]


def _kept(axes: tuple[int, ...], shape: tuple[int, ...]) -> list[int]:
    return [length if a in axes else 1 for a, length in enumerate(shape)]
