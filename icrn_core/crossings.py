"""When modes change: they are decided between steps, and a step ends where one of them would change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.stepping import StepResult, clamp, interpolate

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics, Prepared
    from icrn_core.integrate import Attempt

# Points of a step at which changes are looked for, evenly spaced.
_LOOKS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
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

    @jax.jit  # traced once, and called in several places
    def margin(theta: Array) -> Array:
        """Return how far each mode is from changing, negative where it has."""
        at = interpolate(theta, y, result.end, result.dense)
        found = differences(dynamics, prepared, clamp(t + theta * h, span), at)
        return jnp.where(before, found, -found)

    def has_changed(margins: Array) -> Array:
        # A mode is 1 where its difference is positive: at zero it is not.
        return jnp.where(before, margins <= 0, margins < 0)

    def sampled(theta: Array) -> tuple[Array, Array, Array]:
        theta = jnp.broadcast_to(theta, t.shape)
        values, slopes = jax.jvp(margin, (theta,), (jnp.ones_like(theta),))
        return has_changed(values).any(axis=0), values, slopes

    looks = jnp.asarray(_LOOKS, t.dtype)
    found, values, slopes = lax.map(sampled, looks)
    # Some mode has changed at the end of one of the intervals between looks, or would inside of it.
    behind = found[1:] & looking
    dips = _dips(values, slopes, looks[1]) & looking
    first = jnp.argmax(behind, axis=0)

    def bracketed() -> tuple[Array, Array, Array]:
        low, high = looks[first], looks[first + 1]
        return low, high, behind.any(axis=0)

    def with_dip() -> tuple[Array, Array, Array]:
        low, high, some = bracketed()
        is_dip = dips.any(axis=1)
        here = jnp.argmax(is_dip, axis=0)
        row = jnp.argmax(jnp.take_along_axis(dips, here[None, None], axis=0)[0], axis=0)
        bottom = _bottom(margin, looks[here], looks[here + 1], row)
        counts = is_dip.any(axis=0) & ~(some & (first < here)) & has_changed(margin(bottom)).any(axis=0)
        return jnp.where(counts, looks[here], low), jnp.where(counts, bottom, high), some | counts

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        is_behind = has_changed(margin(middle)).any(axis=0)
        return jnp.where(is_behind, low, middle), jnp.where(is_behind, middle, high)

    def bisected() -> tuple[Array, Array]:
        low, high, some = lax.cond(dips.any(), with_dip, bracketed)
        _, high = lax.fori_loop(0, _HALVINGS, halve, (low, high))
        return jnp.where(some, high, 1.0), jnp.argmax(has_changed(margin(high)), axis=0)

    nothing = jnp.ones_like(t), jnp.zeros(t.shape, first.dtype)
    return lax.cond(behind.any() | dips.any(), bisected, lambda: nothing)


def _dips(values: Array, slopes: Array, width: Array) -> Array:
    """Return in which intervals a margin, positive at both ends, may be negative between.

    So it may where the tangents at the ends meet below zero; all ``(n_looks, n_modes, n_lanes)``.
    """
    falls, rises = slopes[:-1], slopes[1:]
    is_dip = (values[:-1] > 0) & (values[1:] > 0) & (falls < 0) & (rises > 0)
    bend = jnp.where(is_dip, rises - falls, 1.0)
    # Where the tangents meet, as a part of a step; slopes are by that part.
    at = (values[:-1] - values[1:] + rises * width) / bend
    return is_dip & (values[:-1] + falls * at < 0)


def _bottom(margin: Callable[[Array], Array], low: Array, high: Array, row: Array) -> Array:
    """Return where one margin per lane stops falling."""

    def slope(theta: Array) -> Array:
        every = jax.jvp(margin, (theta,), (jnp.ones_like(theta),))[1]
        return jnp.take_along_axis(every, row[None], axis=0)[0]

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        falls = slope(middle) < 0
        return jnp.where(falls, middle, low), jnp.where(falls, high, middle)

    return lax.fori_loop(0, _HALVINGS, halve, (low, high))[1]


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
