"""The discrete adjoint of `icrn_core.hybrid`: its passes run backwards.

A pass is a look, then a step, of which a part is taken. Given its decisions each of the three
is a differentiable function; the derivative by the moment at which a comparison switches, an
execution is due or params put a breakpoint goes with the end of the step.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.crossings import Decisions, landed
from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.events import Queue
from icrn_core.hybrid import Record, bounded, key_of, looked
from icrn_core.integrate import STEPPERS, Attempt, Problem, Settings
from icrn_core.stepping import StepResult, interpolate
from icrn_core.tensors import entries_at


class _Back(NamedTuple):
    """Cotangents on the way back, and the last output that is not yet passed."""

    k: Array
    output: Array
    by_t: Array
    by_y: Array
    by_times: Array | None
    by_values: Array | None
    by_prepared: Prepared


def pull_back(
    settings: Settings,
    dynamics: Dynamics,
    problem: Problem,
    y: Array,
    prepared: Prepared,
    track: Record,
    n_passes: Array,
    reached: Array,
    given: Array,
) -> tuple[Array, Prepared]:
    """Return the cotangents of the initial state and of what is prepared; as `icrn_core.adjoint`."""
    n_reached = (problem.times <= reached + 1e-12 * jnp.abs(reached)).sum(axis=0, dtype=jnp.int32)
    # The last state of a run is an output of its own pass.
    zeros = jax.tree.map(jnp.zeros_like, prepared)
    by_times = by_values = None
    if track.queue is not None:
        by_times = jnp.zeros_like(track.queue.times[0])
        by_values = jnp.zeros_like(track.queue.values[0])
    start = _Back(
        n_passes - 1, n_reached - 1, jnp.zeros_like(problem.t0), jnp.zeros_like(y), by_times, by_values, zeros
    )

    def back(c: _Back) -> _Back:
        return _one_pass(settings, dynamics, problem, prepared, track, given, c)

    end = lax.while_loop(lambda c: c.k >= 0, back, start)
    return end.by_y, end.by_prepared


def _one_pass(
    settings: Settings,
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    track: Record,
    given: Array,
    c: _Back,
) -> _Back:
    record = jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, c.k, keepdims=False), track)
    decisions, t = record.decisions, record.t
    prepared = prepared._replace(modes=record.modes)
    y, queue, pull_look = _look(dynamics, problem, prepared, record, key_of(settings, c.k))
    accepted = decisions.accepted
    (attempt, _), pull_bounds = jax.vjp(
        lambda t, times, p: _bounds(dynamics, problem, p, queue, times, t, record.h),
        t,
        None if queue is None else queue.times,
        prepared,
    )
    ends, h, span = attempt
    h = jnp.where(accepted, h, 1e-3 * (problem.times[-1] - problem.t0) + 1e-30)
    stepper = STEPPERS[settings.stepper]
    result, memory = stepper.step(dynamics, prepared, t, h, y, span)
    step = StepResult(result.end, result.error, result.dense)
    _, pull_landing = jax.vjp(
        lambda *x: _landing(dynamics, span, decisions, *x), prepared, t, ends, h, y, step.end, step.dense
    )
    output, at_present, inside = _outputs(
        problem, given, record.next_output, c.output, t, h, y, step, accepted
    )
    by_t = jnp.where(accepted, c.by_t, 0.0)
    by_y = jnp.where(accepted, c.by_y, 0.0)
    landing = pull_landing((by_t, by_y))
    by_prepared, by_start, by_ends, by_h, by_y0, by_end, by_dense = landing
    by_end, by_dense = by_end + inside.end, by_dense + inside.dense
    passed = StepResult(by_end, jnp.zeros_like(y), by_dense)
    own_t, own_h, own_y, own_prepared = stepper.pull(dynamics, prepared, t, h, y, span, memory, passed)
    zero_span = jax.tree.map(jnp.zeros_like, span)
    total_h = by_h + own_h + inside.h
    bound_t, bound_times, bound_prepared = pull_bounds(((by_ends, total_h, zero_span), jnp.zeros_like(t)))
    step_t = by_start + own_t + inside.t + bound_t
    step_y = by_y0 + own_y + inside.start
    by_t = jnp.where(accepted, step_t, c.by_t)
    by_y = jnp.where(accepted, step_y, c.by_y) + at_present
    found = [
        jax.tree.map(lambda x: jnp.where(accepted, x, 0.0), part)
        for part in (by_prepared, own_prepared, bound_prepared)
    ]
    by_times, by_values = c.by_times, c.by_values
    if queue is not None:
        by_times = by_times + jnp.where(accepted, bound_times, 0.0)
        look_t, by_y, by_times, by_values, by_look = pull_look((by_y, by_times, by_values))
        by_t = by_t + look_t
        found.append(by_look)
    by_prepared = c.by_prepared
    for part in found:
        by_prepared = jax.tree.map(jnp.add, by_prepared, part._replace(modes=None))
    return _Back(c.k - 1, output, by_t, by_y, by_times, by_values, by_prepared)


def _look(dynamics: Dynamics, problem: Problem, prepared: Prepared, record: Record, key: Array) -> tuple:
    """Return state and queue after the look of a pass, and what pulls their cotangents back."""
    queue = record.queue
    if queue is None:
        return record.y, None, None
    everywhere = jnp.ones(record.t.shape, bool)

    def after(t: Array, y: Array, times: Array, values: Array, prepared: Prepared) -> tuple:
        before = queue._replace(times=times, values=values)
        y, found, *_ = looked(dynamics, problem, prepared, t, y, before, record.looks, everywhere, key)
        return (y, found.times, found.values), found

    (y, *_), pull, found = jax.vjp(
        after, record.t, record.y, queue.times, queue.values, prepared, has_aux=True
    )
    return y, found, pull


def _bounds(
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    queue: Queue | None,
    times: Array | None,
    t: Array,
    h: Array,
) -> tuple:
    queue = None if queue is None else queue._replace(times=times)
    attempt, is_point = bounded(dynamics, problem, prepared, queue, t, h)
    return (attempt.end, attempt.h, attempt.span), is_point.astype(t.dtype)


def _landing(
    dynamics: Dynamics,
    span: tuple,
    decisions: Decisions,
    prepared: Prepared,
    t: Array,
    ends: Array,
    h: Array,
    y: Array,
    end: Array,
    dense: Array,
) -> tuple[Array, Array]:
    attempt = Attempt(ends, h, span, decisions.accepted)
    return landed(dynamics, prepared, t, attempt, y, (end, dense), decisions)


class _Gathered(NamedTuple):
    """Cotangents that the outputs inside a step pass to what they are interpolated from."""

    t: Array
    h: Array
    start: Array
    end: Array
    dense: Array


def _outputs(
    problem: Problem,
    given: Array,
    first: Array,
    output: Array,
    t: Array,
    h: Array,
    y: Array,
    result: StepResult,
    accepted: Array,
) -> tuple[Array, Array, _Gathered]:
    """Return the last output before the pass, and what its outputs pass back.

    ``first`` is the first output of the pass. Those of a pass without a step show the state itself.
    """
    lanes = jnp.arange(t.shape[0])

    def due(output: Array) -> Array:
        return output >= first

    def gather(state: tuple) -> tuple:
        output, at_present, total = state
        ready = due(output)
        at = entries_at(problem.times, jnp.maximum(output, 0), lanes)
        own = jnp.where(ready, entries_at(given, lanes, jnp.maximum(output, 0)).T, 0.0)
        _, pull = jax.vjp(
            lambda t, h, *parts: interpolate((at - t) / h, *parts), t, h, y, result.end, result.dense
        )
        found = _Gathered(*pull(jnp.where(accepted, own, 0.0)))
        at_present = at_present + jnp.where(accepted, 0.0, own)
        return output - ready, at_present, jax.tree.map(jnp.add, total, found)

    zero = _Gathered(*map(jnp.zeros_like, (t, h, y, result.end, result.dense)))
    start = (output, jnp.zeros_like(y), zero)
    return lax.while_loop(lambda state: due(state[0]).any(), gather, start)
