"""The analytic Jacobian: derivatives of each template by its slots, summed into non-zeros.

Each template is differentiated by each slot with JAX's forward mode, elementwise over all its
reactions, so that the derivative shares subexpressions with the rate law, needs no symbolic
form and is finite wherever the law is (see `icrn_core.functions`). The non-zeros of ∂f/∂s are
summed over the places s on the tape; the chain rule through assigned quantities and variable
compartment sizes then runs backwards over their levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array

from icrn_core import dense
from icrn_core.law import Law

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics, Prepared
    from icrn_core.plan import DenseGroup, Level


def partials(law: Law, slots: list[Array], t: Array, wanted: tuple[int, ...]) -> list[Array]:
    """Return the elementwise derivative of a law by each wanted slot."""

    def by(k: int) -> Array:
        def alone(value: Array) -> Array:
            return law([*slots[:k], value, *slots[k + 1 :]], t)

        return jax.jvp(alone, (slots[k],), (jnp.ones_like(slots[k]),))[1]

    return [by(k) for k in wanted]


def jacobian_values(dynamics: Dynamics, t: Array, y: Array, prepared: Prepared) -> Array:
    """Return the non-zeros of ∂f/∂y among the moving entries, ``(n_nonzeros, n_lanes)``."""
    plan = dynamics.plan.jacobian
    tape = dynamics.tape(t, y, prepared)
    sources = _law_slopes(dynamics, t, tape, prepared)
    for level, base, chain in zip(
        reversed(dynamics.plan.dynamic_levels), plan.base[:-1], plan.chains, strict=True
    ):
        values = dynamics.apply(base, _joined(sources, tape))
        slopes = _level_slopes(dynamics, level, t, tape)
        sources.append(dynamics.apply(chain.slopes, slopes) * dynamics.apply(chain.values, values))
    result = dynamics.apply(plan.base[-1], _joined(sources, tape))
    if prepared.scale is not None:
        result = result * dynamics.apply(plan.by_column, prepared.scale)
    if prepared.factor is not None:
        result = result * dynamics.apply(plan.by_row, prepared.factor)
    return result


def _joined(parts: list[Array], like: Array) -> Array:
    return jnp.concatenate(parts) if parts else jnp.zeros((0, like.shape[1]), like.dtype)


def _law_slopes(dynamics: Dynamics, t: Array, tape: Array, prepared: Prepared) -> list[Array]:
    """Return the derivatives of every rate law by the slots that depend on the state."""
    found: list[Array] = []
    for group, slots in zip(dynamics.plan.flat, dynamics.flat_slots(tape, prepared), strict=True):
        shape = (group.size, tape.shape[1])
        found += [jnp.broadcast_to(p, shape) for p in partials(group.law, slots, t[None, :], group.wanted)]
    for group, slots in zip(dynamics.plan.dense, dynamics.dense_slots(tape, prepared), strict=True):
        found += _dense_slopes(dynamics, group, slots, t)
    return found


def _dense_slopes(dynamics: Dynamics, group: DenseGroup, slots: list[Array], t: Array) -> list[Array]:
    """Return for each wanted slot and term the derivatives summed over axes that neither uses."""
    mask, n_axes = dynamics.mask(group), len(group.shape)
    if mask is not None:
        slots = dense.sanitised(slots, mask)
    time = t.reshape(*(1,) * n_axes, -1)
    found = []
    for k, slope in zip(group.wanted, partials(group.law, slots, time, group.wanted), strict=True):
        slope = jnp.broadcast_to(slope, (*group.shape, t.shape[0]))
        if mask is not None:
            slope = jnp.where(mask, slope, 0.0)
        own = {a for a in range(n_axes) if group.slots[k].shape[a] == 1}
        for term in group.terms:
            unused = tuple(sorted(own.intersection(dense.unused_axes(term.affine))))
            found.append(dense.axis_sum(slope, unused).reshape(-1, t.shape[0]))
    return found


def _level_slopes(dynamics: Dynamics, level: Level, t: Array, tape: Array) -> Array:
    found = []
    # A level reads the tape as it was before it.
    for step, slots in dynamics.level_slots(level, tape[: level.slots.columns.n_rows]):
        shape = (step.size, tape.shape[1])
        found += [jnp.broadcast_to(p, shape) for p in partials(step.law, slots, t[None, :], step.wanted)]
    return _joined(found, tape)
