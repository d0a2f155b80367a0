"""The analytic Jacobian: derivatives of each template by its slots, gathered and scattered.

Each template is differentiated by each slot with JAX's forward mode, elementwise over all its
reactions, so that the derivative shares subexpressions with the rate law, needs no symbolic
form and is finite wherever the law is (see `icrn_core.functions`). The transpose of ∂f/∂s is
assembled over the symbols s that depend on the state; the chain rule through assigned
quantities and variable compartment sizes then runs backwards over their levels, row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array

from icrn_core import dense
from icrn_core.law import Law
from icrn_core.layout import Affine

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics, Prepared
    from icrn_core.plan import DenseGroup, Step


def partials(law: Law, slots: list[Array], t: Array, wanted: list[int]) -> list[Array]:
    """Return the elementwise derivative of a law by each wanted slot."""

    def by(k: int) -> Array:
        def alone(value: Array) -> Array:
            return law([*slots[:k], value, *slots[k + 1 :]], t)

        return jax.jvp(alone, (slots[k],), (jnp.ones_like(slots[k]),))[1]

    return [by(k) for k in wanted]


def prepared_jacobian(dynamics: Dynamics, t: Array, y: Array, prepared: Prepared) -> Array:
    """Return ∂f/∂y, square, of the entries that the prepared params cover."""
    plan, extent = dynamics.plan, dynamics.extent(prepared)
    state = dynamics.whole(y, prepared)
    symbols = dynamics.symbols(t, state, prepared)
    transpose = jnp.zeros(extent.n_rows * extent.size, y.dtype)
    transpose = _add_flat(dynamics, t, symbols, prepared, transpose)
    for k in range(len(plan.dense)):
        transpose = _add_dense(dynamics, k, t, symbols, prepared, transpose)
    transpose = transpose.reshape(extent.n_rows, extent.size)
    rows = dynamics.arrays[extent.rows]
    scale = prepared.scale
    for level in reversed(plan.dynamic_levels):
        for step in level:
            if step.law is not None:
                transpose = _through_law(dynamics, step, t, symbols, rows, transpose)
            else:
                scale = jnp.ones_like(state) if scale is None else scale
                transpose, scale = _through_size(dynamics, step, state, symbols, rows, transpose, scale)
    result = transpose[: extent.size].T
    if scale is not None:
        result = result * dynamics.covered(scale, prepared)[None, :]
    if prepared.factor is not None:
        result = result * dynamics.covered(prepared.factor, prepared)[:, None]
    return result


def _add_flat(dynamics: Dynamics, t: Array, symbols: Array, prepared: Prepared, transpose: Array) -> Array:
    extent = dynamics.extent(prepared)
    found: list[Array] = []
    for k, group in enumerate(dynamics.plan.flat):
        slots = dynamics.flat_slots(k, symbols, prepared)
        found += partials(group.law, slots, t, list(extent.flat[k]))
    if not found:
        return transpose
    slopes = extent.slopes
    values = jnp.concatenate(found)[dynamics.arrays[slopes.partials]] * dynamics.arrays[slopes.coefficients]
    return transpose.at[dynamics.arrays[slopes.flat]].add(values, indices_are_sorted=True)


def _add_dense(
    dynamics: Dynamics, k: int, t: Array, symbols: Array, prepared: Prepared, transpose: Array
) -> Array:
    group, mask = dynamics.plan.dense[k], dynamics.mask(k)
    extent = dynamics.extent(prepared).dense[k]
    slots = dynamics.dense_slots(k, symbols, prepared)
    if mask is not None:
        slots = dense.sanitised(slots, mask)
    found = partials(group.law, slots, t, list(extent.slots))
    for a, slope in enumerate(found):
        slope = jnp.broadcast_to(slope, group.shape)
        if mask is not None:
            slope = jnp.where(mask, slope, 0.0)
        for b, term in enumerate(extent.terms):
            affine = _affine(dynamics, group, extent.slots[a], term)
            unused = tuple(axis for axis, stride in enumerate(affine.strides) if not stride)
            total = dense.axis_sum(slope, unused)
            if extent.rows:
                at = dynamics.arrays[extent.rows[a]] + dynamics.arrays[extent.columns[b]]
            else:
                at = dense.positions(affine, group.shape)
            transpose = transpose.at[at].add(group.terms[term][0] * total, mode="drop")
    return transpose


def _affine(dynamics: Dynamics, group: DenseGroup, slot: int, term: int) -> Affine:
    """Return the positions of a slot's derivatives in the transpose of the whole state's Jacobian."""
    n = dynamics.n_state
    source, target = group.slots[slot].affine, group.terms[term][1].affine
    row = source.offset if source.offset < n else source.offset - dynamics.n_params
    strides = tuple(a * n + b for a, b in zip(source.strides, target.strides, strict=True))
    return Affine(row * n + target.offset, strides)


def _through_law(
    dynamics: Dynamics, step: Step, t: Array, symbols: Array, rows: Array, transpose: Array
) -> Array:
    """Pass the rows of assigned quantities on to the rows of what their laws read."""
    positions = [dynamics.arrays[k] for k in step.slots]
    given = transpose[rows[dynamics.arrays[step.targets]]]
    slopes = partials(step.law, [symbols[at] for at in positions], t, list(step.wanted))
    for k, slope in zip(step.wanted, slopes, strict=True):
        transpose = transpose.at[rows[positions[k]]].add(slope[:, None] * given, mode="drop")
    return transpose


def _through_size(
    dynamics: Dynamics, step: Step, y: Array, symbols: Array, rows: Array, transpose: Array, scale: Array
) -> tuple[Array, Array]:
    """Pass the rows of converted entries on to their compartments' sizes; note their scales."""
    targets, at = dynamics.arrays[step.targets], dynamics.arrays[step.slots[0]]
    size = symbols[at]
    factor = size if step.multiply else 1.0 / size
    slope = y[targets] if step.multiply else -y[targets] / size**2
    transpose = transpose.at[rows[at]].add(slope[:, None] * transpose[rows[targets]], mode="drop")
    return transpose, scale.at[targets].set(factor)
