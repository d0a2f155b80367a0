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


def partials(law: Law, slots: list[Array], t: Array, wanted: list[int]) -> list[Array]:
    """Return the elementwise derivative of a law by each wanted slot."""

    def by(k: int) -> Array:
        def alone(value: Array) -> Array:
            return law([*slots[:k], value, *slots[k + 1 :]], t)

        return jax.jvp(alone, (slots[k],), (jnp.ones_like(slots[k]),))[1]

    return [by(k) for k in wanted]


def prepared_jacobian(dynamics: Dynamics, t: Array, y: Array, prepared: Prepared) -> Array:
    """Return ∂f/∂y, shape ``(n_state, n_state)``."""
    plan, n = dynamics.plan, dynamics.n_state
    symbols = dynamics.symbols(t, y, prepared)
    n_rows = n + plan.n_assigned if plan.needs_symbols else n
    transpose = jnp.zeros(n_rows * n, y.dtype)
    transpose = _add_flat(dynamics, t, symbols, prepared, transpose)
    for k in range(len(plan.dense)):
        transpose = _add_dense(dynamics, k, t, symbols, prepared, transpose)
    transpose = transpose.reshape(n_rows, n)
    scale = prepared.scale
    for level in reversed(plan.dynamic_levels):
        for step in level:
            if step.law is not None:
                transpose = _through_law(dynamics, step, t, symbols, transpose)
            else:
                scale = jnp.ones_like(y) if scale is None else scale
                transpose, scale = _through_size(dynamics, step, y, symbols, transpose, scale)
    result = transpose[:n].T
    if scale is not None:
        result = result * scale[None, :]
    return result if prepared.factor is None else result * prepared.factor[:, None]


def _add_flat(dynamics: Dynamics, t: Array, symbols: Array, prepared: Prepared, transpose: Array) -> Array:
    plan = dynamics.plan
    found: list[Array] = []
    for k, group in enumerate(plan.flat):
        wanted = [j for j, slot in enumerate(group.slots) if slot.source != "static"]
        slots = dynamics.flat_slots(k, symbols, prepared)
        found += partials(group.law, slots, t, wanted)
    if not found:
        return transpose
    slopes = plan.slopes
    values = jnp.concatenate(found)[dynamics.arrays[slopes.partials]] * dynamics.arrays[slopes.coefficients]
    return transpose.at[dynamics.arrays[slopes.flat]].add(values, indices_are_sorted=True)


def _add_dense(
    dynamics: Dynamics, k: int, t: Array, symbols: Array, prepared: Prepared, transpose: Array
) -> Array:
    group, mask, n = dynamics.plan.dense[k], dynamics.mask(k), dynamics.n_state
    slots = dynamics.dense_slots(k, symbols, prepared)
    if mask is not None:
        slots = dense.sanitised(slots, mask)
    wanted = [j for j, slot in enumerate(group.slots) if slot.source != "static"]
    for j, slope in zip(wanted, partials(group.law, slots, t, wanted), strict=True):
        slope = jnp.broadcast_to(slope, group.shape)
        if mask is not None:
            slope = jnp.where(mask, slope, 0.0)
        source = group.slots[j].affine
        row = source.offset if source.offset < n else source.offset - dynamics.n_params
        for coefficient, reference in group.terms:
            target = reference.affine
            strides = tuple(a * n + b for a, b in zip(source.strides, target.strides, strict=True))
            unused = tuple(axis for axis, stride in enumerate(strides) if not stride)
            total = dense.axis_sum(slope, unused)
            at = dense.positions(Affine(row * n + target.offset, strides), group.shape)
            transpose = transpose.at[at].add(coefficient * total)
    return transpose


def _through_law(dynamics: Dynamics, step, t: Array, symbols: Array, transpose: Array) -> Array:
    """Pass the rows of assigned quantities on to the rows of what their laws read."""
    positions = [dynamics.arrays[k] for k in step.slots]
    rows = transpose[_rows(dynamics, dynamics.arrays[step.targets])]
    slopes = partials(step.law, [symbols[at] for at in positions], t, list(step.wanted))
    for k, slope in zip(step.wanted, slopes, strict=True):
        transpose = transpose.at[_rows(dynamics, positions[k])].add(slope[:, None] * rows, mode="drop")
    return transpose


def _through_size(
    dynamics: Dynamics, step, y: Array, symbols: Array, transpose: Array, scale: Array
) -> tuple[Array, Array]:
    """Pass the rows of converted entries on to their compartments' sizes; note their scales."""
    targets, at = dynamics.arrays[step.targets], dynamics.arrays[step.slots[0]]
    size = symbols[at]
    factor = size if step.multiply else 1.0 / size
    slope = y[targets] if step.multiply else -y[targets] / size**2
    transpose = transpose.at[_rows(dynamics, at)].add(slope[:, None] * transpose[targets])
    return transpose, scale.at[targets].set(factor)


def _rows(dynamics: Dynamics, positions: Array) -> Array:
    """Return the rows of symbols: state, then assigned; past the end for params."""
    n, m = dynamics.n_state, dynamics.n_params
    outside = n + dynamics.plan.n_assigned
    return jnp.where(positions < n, positions, jnp.where(positions < n + m, outside, positions - m))
