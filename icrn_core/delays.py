"""Delayed entries: the past of what they follow, kept step by step.

Every step leaves the values of the arguments at five points; between them the quartic through
these is read. No step is longer than the shortest lag, so that what is read is always past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics, Prepared

# Steps that are remembered.
_REMEMBERED = 2048
NODES = np.linspace(0.0, 1.0, 5)


class History(NamedTuple):
    """Steps in a ring; the last axis is that of the lanes.

    Attributes
    ----------
    starts, ends : (n_remembered, n_lanes)
        Times between which a step leads; NaN where there is none yet.
    values : (n_remembered, 5, n_delays, n_lanes)
        Values of the arguments at `NODES` of the step.
    y0 : (n, n_lanes)
        Moving entries at the initial time.
    t0 : (n_lanes,)
        Initial time.
    lags : (n_delays, n_lanes)
        Lags.
    count : (n_lanes,)
        Steps so far.
    """

    starts: Array
    ends: Array
    values: Array
    y0: Array
    t0: Array
    lags: Array
    count: Array


def begun(dynamics: Dynamics, prepared: Prepared, t0: Array, y: Array) -> Prepared:
    """Return what is prepared with the history at the initial time."""
    plan = dynamics.plan.hybrid.delays
    n, n_lanes = len(plan.reads), t0.shape[0]
    lags = prepared.static[dynamics.arrays[plan.lags]]
    none = jnp.full((_REMEMBERED, n_lanes), jnp.nan, y.dtype)
    values = jnp.zeros((_REMEMBERED, len(NODES), n, n_lanes), y.dtype)
    history = History(
        none, none, values, y, jnp.broadcast_to(t0, (n_lanes,)), lags, jnp.zeros(n_lanes, jnp.int32)
    )
    return prepared._replace(history=history)


def arguments(dynamics: Dynamics, prepared: Prepared, t: Array, y: Array) -> Array:
    """Return the values that delayed entries will take a lag later, ``(n_delays, n_lanes)``."""
    return dynamics.seen(t, y, prepared)[1][dynamics.arrays[dynamics.plan.hybrid.delays.arguments]]


def with_delayed(dynamics: Dynamics, prepared: Prepared, t: Array, y: Array) -> Array:
    """Return moving entries with the delayed ones as they are at the time."""
    past = _past(dynamics, prepared, t - prepared.history.lags)
    variables = dynamics.arrays[dynamics.plan.hybrid.delays.variables]
    return y.at[variables].set(past, unique_indices=True)


def _past(dynamics: Dynamics, prepared: Prepared, t: Array) -> Array:
    """Return the arguments at times ``(n_delays, n_lanes)``, each its own."""
    history = prepared.history
    at = _step_at(history, t)
    start = jnp.take_along_axis(history.starts, at, axis=0)
    end = jnp.take_along_axis(history.ends, at, axis=0)
    values = jnp.take_along_axis(history.values, at[None, None], axis=0)[0]
    theta = jnp.minimum((t - start) / (end - start), 1.0)
    total = jnp.zeros_like(t)
    for k, node in enumerate(NODES):
        others = np.delete(NODES, k)
        total = total + values[k] * jnp.prod(jnp.stack([(theta - o) / (node - o) for o in others]), axis=0)
    # What the ring has forgotten is not known.
    known = jnp.where(t >= start, total, jnp.nan)
    is_before = (t < history.t0) | (history.count == 0)
    first = lax.cond(is_before.any(), lambda: _before(dynamics, prepared, t), lambda: jnp.zeros_like(t))
    return jnp.where(is_before, first, known)


def _step_at(history: History, t: Array) -> Array:
    """Return the place of the last step that starts at or before times ``(n_delays, n_lanes)``."""
    oldest = jnp.where(history.count > _REMEMBERED, history.count % _REMEMBERED, 0)
    n = jnp.minimum(history.count, _REMEMBERED)
    found = jnp.zeros(t.shape, jnp.int32)
    part = _REMEMBERED // 2
    while part:
        further = found + part
        start = jnp.take_along_axis(history.starts, (oldest + further) % _REMEMBERED, axis=0)
        found = jnp.where((further < n) & (start <= t), further, found)
        part //= 2
    return (oldest + found) % _REMEMBERED


def _before(dynamics: Dynamics, prepared: Prepared, t: Array) -> Array:
    """Return the arguments at times up to the initial one: what is integrated stood still until then."""
    plan, history = dynamics.plan.hybrid.delays, prepared.history
    bare = prepared._replace(history=None)
    variables, positions = dynamics.arrays[plan.variables], dynamics.arrays[plan.arguments]

    def value(k: int, t: Array) -> Array:
        y = history.y0
        for other in plan.reads[k]:
            y = y.at[variables[other]].set(value(other, t - history.lags[other]))
        return dynamics.seen(t, y, bare)[1][positions[k]]

    return jnp.stack([value(k, t[k]) for k in range(len(plan.reads))])


def remembered(
    dynamics: Dynamics, prepared: Prepared, t: Array, end: Array, nodes: list[Array], accepted: Array
) -> Prepared:
    """Return what is prepared with a step added to the history of the lanes that accepted it.

    ``nodes`` are the states at `NODES` of the step from ``t`` to ``end``.
    """
    history = prepared.history
    values = jnp.stack(
        [arguments(dynamics, prepared, t + x * (end - t), y) for x, y in zip(NODES, nodes, strict=True)]
    )
    lanes = jnp.arange(t.shape[0])
    # A place outside of the ring takes what is not remembered.
    place = jnp.where(accepted, history.count % _REMEMBERED, _REMEMBERED)
    return prepared._replace(
        history=history._replace(
            starts=history.starts.at[place, lanes].set(lax.stop_gradient(t), mode="drop"),
            ends=history.ends.at[place, lanes].set(lax.stop_gradient(end), mode="drop"),
            values=history.values.at[place, :, :, lanes].set(jnp.moveaxis(values, -1, 0), mode="drop"),
            count=history.count + accepted,
        )
    )


def latest_end(prepared: Prepared, t: Array, t0: Array) -> Array:
    """Return the latest time to which a step from t may lead: the next multiple of a lag.

    What is not smooth at the initial time comes back after every lag.
    """
    lags = lax.stop_gradient(prepared.history.lags)
    passed = jnp.floor((t - t0) / lags * (1 + 1e-12))
    return jnp.min(t0 + (passed + 1) * lags, axis=0)
