"""Events: triggers that are looked at between steps, and the queue of what they will change.

One look puts the events whose trigger has become true into the queue, takes out those that do
not persist, and executes the one that comes first of those that are due (SBML L3V2, section
4.11.6). After an execution the triggers are looked at again, so that events set off others.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.dynamics import Dynamics, Prepared


class Queue(NamedTuple):
    """Executions that wait; the last axis is that of the lanes.

    Attributes
    ----------
    was : (n_events, n_lanes) bool
        What the triggers were at the last look.
    times : (capacity, n_lanes)
        When each execution is due; infinity in a free place.
    event, order : (capacity, n_lanes) int
        Number of the event, and of its entry into the queue.
    values : (capacity, n_assignments, n_lanes)
        Values at the trigger.
    n_entered : (n_lanes,) int
        Entries so far.
    """

    was: Array
    times: Array
    event: Array
    order: Array
    values: Array
    n_entered: Array


class Looked(NamedTuple):
    """State and queue after a look, and the lanes that executed an event or ran out of places."""

    y: Array
    queue: Queue
    executed: Array
    is_full: Array


def first_queue(dynamics: Dynamics, n_lanes: int, dtype: jnp.dtype) -> Queue:
    """Return the empty queue before the initial time."""
    plan = dynamics.plan.hybrid.events
    none = jnp.zeros((plan.capacity, n_lanes), jnp.int32)
    was = jnp.broadcast_to(dynamics.arrays[plan.initial_value][:, None], (plan.n_events, n_lanes))
    times = jnp.full((plan.capacity, n_lanes), jnp.inf, dtype)
    values = jnp.zeros((plan.capacity, plan.n_assignments, n_lanes), dtype)
    return Queue(was, times, none, none, values, jnp.zeros(n_lanes, jnp.int32))


def look(
    dynamics: Dynamics,
    prepared: Prepared,
    t: Array,
    at: Array,
    y: Array,
    queue: Queue,
    looking: Array,
    key: Array,
) -> Looked:
    """Return what one look at the triggers does.

    Parameters
    ----------
    dynamics, prepared
        What is integrated.
    t, at : (n_lanes,)
        Present time, and the time at which triggers are evaluated: it, or just after.
    y : (n, n_lanes)
        Moving entries.
    queue : Queue
        What waits.
    looking : (n_lanes,) bool
        Lanes that look; nothing happens in the others.
    key : array
        Of the random order of events of equal priority.
    """
    plan, arrays = dynamics.plan.hybrid.events, dynamics.arrays
    symbols = dynamics.seen(at, y, prepared)[1]
    values = symbols[arrays[plan.values]]
    now = _is_true(symbols[arrays[plan.triggers]])
    falls = looking & queue.was & ~now & ~arrays[plan.is_persistent][:, None]
    times = jnp.where(jnp.take_along_axis(falls, queue.event, axis=0), jnp.inf, queue.times)
    rises = looking & now & ~queue.was
    queue = queue._replace(was=jnp.where(looking, now, queue.was), times=times)
    due = t + jnp.maximum(_read(dynamics, plan.delays, symbols, 0.0), 0.0)
    queue, is_full = lax.cond(
        rises.any(), _entered, lambda q, *_: (q, ~looking & looking), queue, rises, due, values
    )
    executed = looking & (queue.times <= t).any(axis=0)
    slot = _first(dynamics, symbols, queue, t, key)
    event = jnp.take_along_axis(queue.event, slot[None], axis=0)[0]
    stored = jnp.take_along_axis(queue.values, slot[None, None], axis=0)[0]
    present = jnp.take_along_axis(values, event[None, None], axis=0)[0]
    chosen = jnp.where(arrays[plan.uses_trigger_values][event], stored, present)
    is_slot = (jnp.arange(plan.capacity)[:, None] == slot) & executed
    queue = queue._replace(times=jnp.where(is_slot, jnp.inf, queue.times))
    y = _assigned(dynamics, prepared, t, y, symbols, event, chosen, executed)
    return Looked(y, queue, executed, is_full)


def _is_true(x: Array) -> Array:
    return (x != 0) & ~jnp.isnan(x)


def _read(dynamics: Dynamics, positions: int, symbols: Array, otherwise: float) -> Array:
    at = dynamics.arrays[positions]
    return jnp.where(at[:, None] < 0, otherwise, symbols[jnp.maximum(at, 0)])


def _entered(queue: Queue, rises: Array, due: Array, values: Array) -> tuple[Queue, Array]:
    """Return the queue with the events that rise, and the lanes where there was no place."""
    places = jnp.arange(queue.times.shape[0])[:, None]

    def enter(e: Array, state: tuple[Queue, Array]) -> tuple[Queue, Array]:
        queue, is_full = state
        free = jnp.isinf(queue.times)
        enters = lax.dynamic_index_in_dim(rises, e, keepdims=False)
        here = (places == jnp.argmax(free, axis=0)) & free & enters
        own = lax.dynamic_index_in_dim(values, e, keepdims=False)
        queue = queue._replace(
            times=jnp.where(here, lax.dynamic_index_in_dim(due, e, keepdims=False), queue.times),
            event=jnp.where(here, e.astype(jnp.int32), queue.event),
            order=jnp.where(here, queue.n_entered, queue.order),
            values=jnp.where(here[:, None], own[None], queue.values),
            n_entered=queue.n_entered + enters,
        )
        return queue, is_full | (enters & ~free.any(axis=0))

    nobody = jnp.zeros(rises.shape[1], bool)
    return lax.fori_loop(0, rises.shape[0], enter, (queue, nobody))


def _first(dynamics: Dynamics, symbols: Array, queue: Queue, t: Array, key: Array) -> Array:
    """Return the place of the execution that comes first of those that are due."""
    plan = dynamics.plan.hybrid.events
    waits = queue.times <= t
    earlier = -queue.order.astype(symbols.dtype)
    if not plan.has_priorities:
        return jnp.argmax(jnp.where(waits, earlier, -jnp.inf), axis=0)
    priority = _read(dynamics, plan.priorities, symbols, -jnp.inf)
    priority = jnp.where(jnp.isnan(priority), -jnp.inf, priority)
    own = jnp.where(waits, jnp.take_along_axis(priority, queue.event, axis=0), -jnp.inf)
    highest = own.max(axis=0)
    lot = jax.random.uniform(key, own.shape, own.dtype)
    score = jnp.where(highest == -jnp.inf, earlier, lot)
    return jnp.argmax(jnp.where(waits & (own == highest), score, -jnp.inf), axis=0)


def _assigned(
    dynamics: Dynamics,
    prepared: Prepared,
    t: Array,
    y: Array,
    before: Array,
    event: Array,
    values: Array,
    executed: Array,
) -> Array:
    """Return the state after an event's assignments.

    A concentration sets the amount by the size of the compartment before, whatever the event
    does to that; and a compartment that changes leaves the amounts in it as they are.
    """
    plan, arrays = dynamics.plan.hybrid.events, dynamics.arrays
    targets = arrays[plan.targets][event].T
    if plan.sizes is not None:
        sizes = arrays[plan.sizes][event].T
        size = jnp.take_along_axis(before, jnp.maximum(sizes, 0), axis=0)
        values = jnp.where(sizes < 0, values, values * size)
    rows = jnp.arange(y.shape[0])[None, :, None]
    hit = (rows == targets[:, None]) & executed
    y = jnp.where(hit.any(axis=0), jnp.where(hit, values[:, None], 0.0).sum(axis=0), y)
    if plan.densities is None:
        return y
    after = dynamics.seen(t, y, prepared)[1]
    at = arrays[plan.densities]
    old, new = before[jnp.maximum(at, 0)], after[jnp.maximum(at, 0)]
    kept = executed & (at >= 0)[:, None] & (old != new)
    return jnp.where(kept, y * jnp.where(kept, old / new, 1.0), y)
