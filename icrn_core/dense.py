"""Indexed reactions over large dense domains: broadcast views, axis sums, contractions."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.layout import Affine, Block
from icrn_core.plan import DenseGroup, DenseReference, Plan

# Entries of the state that a reaction over a domain of this shape changes.
Target = tuple[tuple[int, ...], DenseReference]


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


def rate_of_change(
    plan: Plan, slots: list[list[Array]], masks: list[Array | None], t: Array, dtype: np.dtype
) -> Array:
    """Return what the dense groups contribute to the rate of change, shape ``(n_state,)``.

    Parameters
    ----------
    plan : Plan
        The groups are its ``dense``.
    slots, masks : list
        For each group what its law reads, and its mask or None.
    t : scalar
        Time.
    dtype : dtype
        Of the state.
    """
    parts: dict[Block, list[Array]] = {}
    scattered = []
    for (shape, reference), total in _totals(plan.dense, slots, masks, t).items():
        if reference.axes is None:
            scattered.append((positions(reference.affine, shape), total))
        else:
            parts.setdefault(reference.block, []).append(_in_block(reference, shape, total))
    blocks = [sum(parts[b]) if b in parts else jnp.zeros(b.size, dtype) for b in plan.species]
    rate = jnp.concatenate(blocks)
    for at, total in scattered:
        rate = rate.at[at].add(total)
    return rate


def _totals(
    groups: tuple[DenseGroup, ...], slots: list[list[Array]], masks: list[Array | None], t: Array
) -> dict[Target, Array]:
    """Return changes by target, of length one along the axes that the target does not use."""
    totals: dict[Target, Array] = {}
    weights: dict[Target, list[tuple[int, float]]] = {}
    for k, group in enumerate(groups):
        for coefficient, reference in group.terms:
            target = (group.shape, reference)
            if group.contracts:
                change = coefficient * _contraction(group, slots[k], reference)
                totals[target] = totals.get(target, 0.0) + change
            else:
                weights.setdefault(target, []).append((k, coefficient))
    flux = {k: fluxes(group, slots[k], masks[k], t) for k, group in enumerate(groups) if not group.contracts}
    # The net flux between the same entries is added up once and then summed over axes: what is
    # plus the net flux to the products is minus the same to the reactants.
    nets: dict[tuple, Array] = {}
    for target, given in weights.items():
        sign = math.copysign(1.0, given[0][1])
        key = tuple((k, sign * coefficient) for k, coefficient in given)
        if key not in nets:
            nets[key] = sum(coefficient * flux[k] for k, coefficient in key)
        totals[target] = totals.get(target, 0.0) + sign * axis_sum(nets[key], _unused(target[1]))
    return totals


def _unused(reference: DenseReference) -> tuple[int, ...]:
    return tuple(axis for axis, stride in enumerate(reference.affine.strides) if not stride)


def axis_sum(tensor: Array, axes: tuple[int, ...]) -> Array:
    """Return the sum over some axes, kept with length one.

    At either end of the shape it is a product with a vector of ones: XLA turns reductions of
    more than 32 entries into windowed ones, which on a CPU take several times as long.
    """
    for first, last in reversed(_runs(axes)):
        before, summed, after = tensor.shape[:first], tensor.shape[first:last], tensor.shape[last:]
        total = _middle_sum(tensor.reshape(math.prod(before), math.prod(summed), math.prod(after)))
        tensor = total.reshape(*before, *(1 for _ in summed), *after)
    return tensor


def _middle_sum(tensor: Array) -> Array:
    """Return the sum over the second of three axes."""
    n, length, m = tensor.shape
    ones = jnp.ones(length, tensor.dtype)
    if m == 1:
        return jnp.matmul(tensor.reshape(n, length), ones, precision=lax.Precision.HIGHEST)
    if n == 1:
        return jnp.matmul(ones, tensor.reshape(length, m), precision=lax.Precision.HIGHEST)
    return tensor.sum(axis=1)


def _runs(axes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return neighbouring axes as ranges (first, one past the last)."""
    runs: list[tuple[int, int]] = []
    for axis in axes:
        if runs and runs[-1][1] == axis:
            runs[-1] = (runs[-1][0], axis + 1)
        else:
            runs.append((axis, axis + 1))
    return runs


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


def _in_block(reference: DenseReference, shape: tuple[int, ...], values: Array) -> Array:
    """Return values by domain as values by entry of the block they change."""
    used = [shape[a] for a in sorted(reference.axes)]
    order = np.argsort(np.argsort(reference.axes))
    return values.reshape(used).transpose(order).reshape(-1)


def _along(axis: int, length: int, n_axes: int) -> list[int]:
    return [length if a == axis else 1 for a in range(n_axes)]


def _kept(axes: tuple[int, ...], shape: tuple[int, ...]) -> list[int]:
    return [length if a in axes else 1 for a, length in enumerate(shape)]
