"""Where a comparison of the state switches inside a step."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.functions import as_number
from icrn_core.integrate import Attempt
from icrn_core.stepping import StepResult, clamp, interpolate

# Points of a step at which switches are looked for, its end among them.
_LOOKS = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
_HALVINGS = 55


class Decisions(NamedTuple):
    """What a pass decided: whether its step counted, the part of it taken, the switch that ended it."""

    accepted: Array
    theta: Array
    which: Array


def differences(dynamics: Dynamics, prepared: Prepared, t: Array, y: Array) -> Array:
    """Return for each comparison what decides it by being positive or not, ``(n, n_lanes)``."""
    symbols = dynamics.seen(t, y, prepared)[1]
    found = []
    for switch in dynamics.plan.hybrid.switches:
        steps = switch.law.steps([symbols[dynamics.arrays[k]] for k in switch.slots], t[None, :])
        for left, right in switch.nodes:
            difference = as_number(steps[left]) - as_number(steps[right])
            found.append(jnp.broadcast_to(difference, (switch.size, t.shape[0])))
    return jnp.concatenate(found)


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
    """Return the part of a step after which the first comparison has switched, 1 where none does.

    Also the number of a comparison that has switched there. Arguments as of a stepper;
    ``looking`` are the lanes that look.
    """
    before = differences(dynamics, prepared, clamp(t, span), y) > 0

    def switched(theta: Array) -> Array:
        at = interpolate(theta, y, result.end, result.dense)
        return (differences(dynamics, prepared, clamp(t + theta * h, span), at) > 0) != before

    looks = jnp.asarray((0.0, *_LOOKS), t.dtype)
    found = lax.map(lambda theta: switched(jnp.broadcast_to(theta, t.shape)).any(axis=0), looks[1:])
    some = found.any(axis=0) & looking
    first = jnp.argmax(found, axis=0)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        is_behind = switched(middle).any(axis=0)
        return jnp.where(is_behind, low, middle), jnp.where(is_behind, middle, high)

    def bisected() -> tuple[Array, Array]:
        _, high = lax.fori_loop(0, _HALVINGS, halve, (looks[first], looks[first + 1]))
        return jnp.where(some, high, 1.0), jnp.argmax(switched(high), axis=0)

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
    """Return time and state where a step ends: at its end, or where the comparison switches.

    The part θ of the step solves ``d(t + θh, y(θ)) = 0`` for the difference d of the comparison,
    so that its derivative is that of the implicit function: one step of Newton's method whose
    value vanishes.

    Parameters
    ----------
    dynamics, prepared, t, y
        As of a stepper.
    attempt : Attempt
        The step.
    result : tuple
        State at its end and coefficients of the dense output.
    decisions : Decisions
        The part of it that is taken, and the comparison that ends it.
    """
    state, dense = result
    if not dynamics.plan.hybrid.switches:
        return attempt.end, state
    is_inside = decisions.theta < 1.0

    def inside() -> tuple[Array, Array]:
        def difference(x: Array) -> Array:
            at = interpolate(x, y, state, dense)
            every = differences(dynamics, prepared, clamp(t + x * attempt.h, attempt.span), at)
            return jnp.take_along_axis(every, decisions.which[None], axis=0)[0]

        theta = decisions.theta
        value, slope = jax.jvp(difference, (theta,), (jnp.ones_like(theta),))
        slope = lax.stop_gradient(slope)
        correction = (value - lax.stop_gradient(value)) / jnp.where(slope == 0, 1.0, slope)
        x = theta - jnp.where(is_inside, correction, 0.0)
        return t + x * attempt.h, interpolate(x, y, state, dense)

    at, inner = lax.cond(is_inside.any(), inside, lambda: (attempt.end, state))
    return jnp.where(is_inside, at, attempt.end), jnp.where(is_inside, inner, state)
