"""When modes change: they are decided between steps, and a step ends where one of them would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.stepping import StepResult, clamp, interpolate

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics, Prepared
    from icrn_core.integrate import Attempt

# Points of a step at which changes are looked for, its end among them.
_LOOKS = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
_HALVINGS = 55


class Decisions(NamedTuple):
    """What a pass decided: whether its step counted, the part of it taken, the mode that ended it."""

    accepted: Array
    theta: Array
    which: Array


def differences(dynamics: Dynamics, prepared: Prepared, t: Array, y: Array) -> Array:
    """Return what decides each mode by being positive or not, ``(n_modes, n_lanes)``."""
    symbols = dynamics.seen(t, y, prepared)[1]
    found = [
        jnp.broadcast_to(law([symbols[dynamics.arrays[k]] for k in slots], t[None, :]), (size, t.shape[0]))
        for law, slots, size in dynamics.plan.hybrid.modes.steps
    ]
    return jnp.concatenate(found)


def decided(dynamics: Dynamics, prepared: Prepared, t: Array, y: Array) -> Prepared:
    """Return what is prepared with the modes as they are at a time and state of moving entries."""
    hybrid = dynamics.plan.hybrid
    if hybrid is None or hybrid.modes is None:
        return prepared
    prepared = prepared._replace(modes=jnp.zeros((hybrid.modes.n, t.shape[0]), y.dtype))
    for _ in range(hybrid.modes.depth):
        found = differences(dynamics, prepared, t, y) > 0
        prepared = prepared._replace(modes=lax.stop_gradient(found.astype(y.dtype)))
    return prepared


def locate(
    dynamics: Dynamics,
    prepared: Prepared,
    t: Array,
    h: Array,
    y: Array,
    result: StepResult,
    span: tuple,
    looking: Array,
) -> tuple[Array, Array]:
    """Return the part of a step after which the first mode would change, 1 where none does.

    Also the number of a mode that would change there. Arguments as of a stepper; ``looking``
    are the lanes that look.
    """
    before = prepared.modes > 0

    def changed(theta: Array) -> Array:
        at = interpolate(theta, y, result.end, result.dense)
        return (differences(dynamics, prepared, clamp(t + theta * h, span), at) > 0) != before

    looks = jnp.asarray((0.0, *_LOOKS), t.dtype)
    found = lax.map(lambda theta: changed(jnp.broadcast_to(theta, t.shape)).any(axis=0), looks[1:])
    some = found.any(axis=0) & looking
    first = jnp.argmax(found, axis=0)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        is_behind = changed(middle).any(axis=0)
        return jnp.where(is_behind, low, middle), jnp.where(is_behind, middle, high)

    def bisected() -> tuple[Array, Array]:
        _, high = lax.fori_loop(0, _HALVINGS, halve, (looks[first], looks[first + 1]))
        return jnp.where(some, high, 1.0), jnp.argmax(changed(high), axis=0)

    return lax.cond(some.any(), bisected, lambda: (jnp.ones_like(t), jnp.zeros(t.shape, first.dtype)))


def landed(
    dynamics: Dynamics,
    prepared: Prepared,
    t: Array,
    attempt: Attempt,
    y: Array,
    result: tuple[Array, Array],
    decisions: Decisions,
) -> tuple[Array, Array]:
    """Return time and state where a step ends: at its end, or where a mode changes.

    The part θ of the step solves ``d(t + θh, y(θ)) = 0`` for what decides the mode, so that
    its derivative is that of the implicit function: one step of Newton's method whose value
    vanishes.

    Parameters
    ----------
    dynamics, prepared, t, y
        As of a stepper.
    attempt : Attempt
        The step.
    result : tuple
        State at its end and coefficients of the dense output.
    decisions : Decisions
        The part of it that is taken, and the mode that ends it.
    """
    state, dense = result
    if dynamics.plan.hybrid.modes is None:
        return attempt.end, state
    theta, is_inside = decisions.theta, decisions.theta < 1.0

    def inside() -> tuple[Array, Array]:
        def difference(x: Array) -> Array:
            at = interpolate(x, y, state, dense)
            every = differences(dynamics, prepared, clamp(t + x * attempt.h, attempt.span), at)
            return jnp.take_along_axis(every, decisions.which[None], axis=0)[0]

        value, slope = jax.jvp(difference, (theta,), (jnp.ones_like(theta),))
        slope = lax.stop_gradient(slope)
        correction = (value - lax.stop_gradient(value)) / jnp.where(slope == 0, 1.0, slope)
        x = theta - jnp.where(is_inside, correction, 0.0)
        return t + x * attempt.h, interpolate(x, y, state, dense)

    at, inner = lax.cond(is_inside.any(), inside, lambda: (attempt.end, state))
    return jnp.where(is_inside, at, attempt.end), jnp.where(is_inside, inner, state)
