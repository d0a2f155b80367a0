"""Indexed reactions over large dense domains: broadcast views, axis sums, contractions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.layout import Affine, Block
from icrn_core.plan import DenseGroup, DenseSlot, DenseTerm, Plan
from icrn_core.tables import Tables

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics

# Entries of the state that a reaction over a domain of this shape changes.
Target = tuple[tuple[int, ...], Affine, Block, tuple[int, ...] | None]


def static_slot(slot: DenseSlot, arrays: Tables, static: Array) -> Array | None:
    """Return a slot that is known before a solve, ``(*shape, n_lanes)``; None for the others."""
    if slot.static is None:
        return None
    read = [static[arrays[k]] for k in slot.static.positions]
    time = jnp.zeros((1,) * (len(slot.shape) + 1), static.dtype)
    if slot.mask is None:
        return jnp.broadcast_to(slot.static.law(read, time), (*slot.shape, static.shape[1]))
    mask = arrays[slot.mask][..., None]
    return jnp.where(mask, slot.static.law(sanitised(read, mask), time), 0.0)


def slot(dynamics: Dynamics, slot: DenseSlot, tape: Array) -> Array:
    """Return a slot's values on the tape, broadcastable to the domain, lanes last."""
    if slot.gather is not None:
        return dynamics.apply(slot.gather, tape).reshape(*slot.shape, tape.shape[1])
    block = tape[slot.start : slot.start + math.prod(slot.block)].reshape(*slot.block, tape.shape[1])
    return block.transpose(*np.argsort(slot.axes), len(slot.axes)).reshape(*slot.shape, tape.shape[1])


def positions(affine: Affine, shape: tuple[int, ...]) -> Array:
    """Return an affine reference's positions, of length one along axes it does not use."""
    at = jnp.full((1,) * len(shape), affine.offset, dtype=jnp.int32)
    for axis, (stride, length) in enumerate(zip(affine.strides, shape, strict=True)):
        if stride:
            along = [length if a == axis else 1 for a in range(len(shape))]
            at = at + jnp.reshape(stride * jnp.arange(length, dtype=jnp.int32), along)
    return at


def fluxes(group: DenseGroup, slots: list[Array], mask: Array | None, t: Array) -> Array:
    """Return the flux of every entry of the domain, zero where the entry is missing."""
    shape, time = (*group.shape, t.shape[0]), t.reshape(*(1,) * len(group.shape), -1)
    if mask is None:
        return jnp.broadcast_to(group.law(slots, time), shape)
    return jnp.where(mask, group.law(sanitised(slots, mask), time), 0.0)


def sanitised(slots: list[Array], mask: Array) -> list[Array]:
    """Return the slots with 1 where the entry is missing: its values may be singular there."""
    return [jnp.where(mask, slot, 1.0) for slot in slots]


def rate_of_change(
    plan: Plan, slots: list[list[Array]], masks: list[Array | None], t: Array, y: Array
) -> Array:
    """Return what the dense groups contribute to the rate of change, ``(n_state, n_lanes)``.

    Parameters
    ----------
    plan : Plan
        The groups are its ``dense``.
    slots, masks : list
        For each group what its law reads, and its mask or None.
    t : (n_lanes,)
        Time.
    y : (n_moving, n_lanes)
        The state, of which only the kind and the number of lanes are used.
    """
    n_lanes = y.shape[1]
    parts: dict[Block, list[Array]] = {}
    scattered = []
    for (shape, affine, block, axes), total in _totals(plan.dense, slots, masks, t).items():
        if axes is None:
            scattered.append((positions(affine, shape), total))
        else:
            parts.setdefault(block, []).append(_in_block(axes, shape, total))
    blocks = [sum(parts[b]) if b in parts else jnp.zeros((b.size, n_lanes), y.dtype) for b in plan.species]
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
        for term in group.terms:
            target = (group.shape, term.affine, term.block, term.axes)
            if group.contracts:
                change = term.coefficient * _contraction(group, slots[k], term, t.shape[0])
                totals[target] = totals.get(target, 0.0) + change
            else:
                weights.setdefault(target, []).append((k, term.coefficient))
    flux = {k: fluxes(group, slots[k], masks[k], t) for k, group in enumerate(groups) if not group.contracts}
    # The net flux between the same entries is added up once and then summed over axes: what is
    # plus the net flux to the products is minus the same to the reactants.
    nets: dict[tuple, Array] = {}
    for target, given in weights.items():
        sign = math.copysign(1.0, given[0][1])
        key = tuple((k, sign * coefficient) for k, coefficient in given)
        if key not in nets:
            nets[key] = sum(coefficient * flux[k] for k, coefficient in key)
        totals[target] = totals.get(target, 0.0) + sign * axis_sum(nets[key], unused_axes(target[1]))
    return totals


def unused_axes(affine: Affine) -> tuple[int, ...]:
    """Return the axes of a domain that a reference does not use."""
    return tuple(axis for axis, stride in enumerate(affine.strides) if not stride)


def axis_sum(tensor: Array, axes: tuple[int, ...]) -> Array:
    """Return the sum over some axes, kept with length one; the last axis is that of the lanes.

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


def _contraction(group: DenseGroup, slots: list[Array], term: DenseTerm, n_lanes: int) -> Array:
    """Sum the product of the factors over the axes that the term does not use.

    A factor that is the same in all lanes has no axis of lanes: then the sum is a matrix product.
    """
    operands: list = []
    lane = len(group.shape)
    kept = [a for a, stride in enumerate(term.affine.strides) if stride]
    scale = 1.0
    seen: set[int] = set()
    for factor in group.law.factors or ():
        given = slots[factor]
        used = [a for a, length in enumerate(given.shape) if length > 1]
        operands += [given.reshape([given.shape[a] for a in used]), used]
        seen.update(used)
    for axis, length in enumerate(group.shape):
        if axis not in seen and axis in kept:
            operands += [jnp.ones(length, slots[0].dtype), [axis]]
        elif axis not in seen:
            scale *= length
    lanes = [lane] if lane in seen else []
    total = scale * jnp.einsum(*operands, [*kept, *lanes])
    total = total.reshape([group.shape[a] if a in kept else 1 for a in range(lane)] + [-1])
    return jnp.broadcast_to(total, (*total.shape[:-1], n_lanes))


def _in_block(axes: tuple[int, ...], shape: tuple[int, ...], values: Array) -> Array:
    """Return values by domain as values by entry of the block they change."""
    used = [shape[a] for a in sorted(axes)]
    order = np.argsort(np.argsort(axes))
    n_lanes = values.shape[-1]
    return values.reshape(*used, n_lanes).transpose(*order, len(used)).reshape(-1, n_lanes)
