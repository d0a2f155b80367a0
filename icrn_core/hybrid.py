"""Integration of networks with events, comparisons of the state and delays.

All runs go side by side in one loop. Each pass first looks at the triggers where a lane has
just moved: what is due changes the state and costs a pass, after which they are looked at
again. Then it takes a step, which ends early where a comparison switches. An output at the
moment of an event shows the state after it, unless what sets the event off holds only after
that moment, as ``time > 4`` does.

The pass is a differentiable function of time, state and queue once its decisions (whether the
step was accepted, which part of it, which comparison) are known: forward mode goes through the
loop, reverse mode backwards through the recorded passes (`icrn_core.hybrid_adjoint`).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core import delays
from icrn_core.cells import next_edge
from icrn_core.crossings import Decisions, decided, landed, locate
from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.events import Queue, first_queue, look
from icrn_core.integrate import (
    STEPPERS,
    Attempt,
    Ended,
    Outcome,
    Problem,
    Run,
    Settings,
    first_runs,
    first_step,
    next_size,
    outcome_of,
    span_of,
)
from icrn_core.solution import ResultCode
from icrn_core.stepping import StepResult, interpolate, norm
from icrn_core.tensors import entries_at

# Of the duration: a step that follows a change of mode is at least this long.
_APART = 1e-11


class Lanes(NamedTuple):
    """Present state of every run.

    Attributes
    ----------
    run : Run
        Time, step size, state and counts.
    queue : Queue or None
        Events that wait.
    looks : (n_lanes,) int
        2 where triggers have to be looked at, 1 where just after the present time, else 0.
    at_point : (n_lanes,) bool
        Whether the present time is one at which a comparison of the time switches.
    crossed : (n_lanes,)
        Time of the last change of mode that ended a step.
    n_looks : (n_lanes,) int
        Passes that executed an event.
    is_done : (n_lanes,) bool
        Whether the run is at its end and nothing is due.
    """

    run: Run
    queue: Queue | None
    looks: Array
    at_point: Array
    crossed: Array
    n_looks: Array
    is_done: Array


class Record(NamedTuple):
    """A pass as the adjoint needs it: how it began and what it decided."""

    t: Array
    h: Array
    y: Array
    queue: Queue | None
    looks: Array
    next_output: Array
    modes: Array | None
    decisions: Decisions


class _Carry(NamedTuple):
    lanes: Lanes
    prepared: Prepared
    outputs: Array
    track: Record | None
    n_passes: Array


def integrate_hybrid(
    settings: Settings, dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared, n_stored: int = 0
) -> tuple[Outcome, Record | None, Array]:
    """Integrate every run; with ``n_stored`` keep every pass too.

    Parameters
    ----------
    settings, dynamics, problem, y, prepared
        As of `icrn_core.batches.solve`.
    n_stored : int
        Most passes that are kept; none if 0.

    Returns
    -------
    Outcome, Record or None, int array
        The passes, first axis, and their number.
    """
    if dynamics.plan.hybrid.delays is not None:
        prepared = delays.begun(dynamics, prepared, problem.t0, y)
        y = delays.with_delayed(dynamics, prepared, problem.t0, y)
    prepared = decided(dynamics, prepared, problem.t0, y)
    lanes = _first(dynamics, problem, y, prepared)
    n_times, n_runs = problem.times.shape
    outputs = jnp.full((n_runs, n_times + 1, y.shape[0]), jnp.nan, y.dtype)
    zero = jnp.zeros((), jnp.int32)
    track = _empty_track(lanes, prepared, n_stored) if n_stored else None
    carry = _Carry(lanes, prepared, outputs, track, zero)

    def works(c: _Carry) -> Array:
        return working(c.lanes).any()

    carry = lax.while_loop(works, lambda c: _pass(settings, dynamics, problem, n_stored, c), carry)
    ended = Ended(carry.outputs, carry.lanes.run)
    outcome = outcome_of(settings, problem, y, ended)
    # Nothing is known before the loop: events may happen at the initial time.
    states = carry.outputs[:, :n_times]
    return outcome._replace(states=states), carry.track, carry.n_passes


def _first(dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared) -> Lanes:
    run = first_runs(dynamics, problem, y, prepared)
    before = (problem.times < problem.t0).sum(axis=0, dtype=jnp.int32)
    nobody = jnp.zeros(y.shape[1], bool)
    has_events = dynamics.plan.hybrid.events is not None
    queue = first_queue(dynamics, y.shape[1], y.dtype) if has_events else None
    looks = jnp.full(y.shape[1], 2 if has_events else 0, jnp.int32)
    never = jnp.full(y.shape[1], -jnp.inf, y.dtype)
    return Lanes(run._replace(next_output=before), queue, looks, ~nobody, never, run.n_steps, nobody)


def _empty_track(lanes: Lanes, prepared: Prepared, n_stored: int) -> Record:
    run = lanes.run
    one = Record(
        run.t,
        run.h,
        run.y,
        lanes.queue,
        lanes.looks,
        run.next_output,
        prepared.modes,
        Decisions(lanes.is_done, run.t, run.n_steps.astype(jnp.int32)),
    )
    return jax.tree.map(lambda x: jnp.zeros((n_stored, *x.shape), x.dtype), one)


def working(lanes: Lanes) -> Array:
    """Return the lanes whose run goes on."""
    return (lanes.run.code == ResultCode.SUCCESS) & ~lanes.is_done


def just_after(problem: Problem, t: Array, n: int = 8) -> Array:
    """Return a time after t, nearer to it than anything that happens."""
    scale = jnp.maximum(jnp.abs(t), 1e-6 * (problem.times[-1] - problem.t0))
    return t + n * jnp.finfo(t.dtype).eps * scale


def looked(
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    t: Array,
    y: Array,
    queue: Queue,
    looks: Array,
    is_working: Array,
    key: Array,
) -> tuple[Array, Queue, Array, Array]:
    """Return state and queue after the look of a pass, and where it executed an event or overflowed."""
    looking = (looks > 0) & is_working
    at = jnp.where(looks == 1, just_after(problem, t), t)
    nobody = jnp.zeros(t.shape, bool)

    def do() -> tuple[Array, Queue, Array, Array]:
        return tuple(look(dynamics, prepared, t, at, y, queue, looking, key))

    return lax.cond(looking.any(), do, lambda: (y, queue, nobody, nobody))


def key_of(settings: Settings, k: Array) -> Array:
    """Return the random key of a pass."""
    return jax.random.fold_in(jax.random.key(settings.seed), k)


def bounded(
    dynamics: Dynamics, problem: Problem, prepared: Prepared, queue: Queue | None, t: Array, h: Array
) -> tuple[Attempt, Array]:
    """Return the step from t of about the size h, and whether it ends on a breakpoint.

    It ends before, or on, the next breakpoint, the next execution that waits, and the end.
    """
    h = lax.stop_gradient(h)
    limit = problem.times[-1]
    is_point = jnp.zeros(t.shape, bool)
    if queue is not None:
        limit = jnp.minimum(limit, jnp.where(queue.times > t, queue.times, jnp.inf).min(axis=0))
    if prepared.history is not None:
        limit = jnp.minimum(limit, delays.latest_end(prepared, t, problem.t0))
    if prepared.breakpoints.shape[0]:
        ahead = jnp.where(prepared.breakpoints > t, prepared.breakpoints, jnp.inf).min(axis=0)
        is_point = ahead <= limit
        limit = jnp.where(is_point, ahead, limit)
    if dynamics.plan.edges:
        boundary, turned = next_edge(dynamics, prepared, t, just_after(problem, t, 64))
        is_point, limit = is_point | (boundary <= limit), jnp.minimum(limit, boundary)
        is_point, limit = is_point & (limit <= turned), jnp.minimum(limit, turned)
    lands = t + 1.0001 * h >= limit
    end = jnp.where(lands, limit, t + h)
    span = span_of(problem, prepared, t)
    if dynamics.plan.edges:
        margin = 8 * jnp.finfo(t.dtype).eps * jnp.where(jnp.isfinite(boundary), jnp.abs(boundary), 0.0)
        first, last = just_after(problem, t), boundary - margin
        last = last if span[1] is None else jnp.minimum(last, span[1])
        span = lax.stop_gradient((first, jnp.maximum(first, last)))
    attempt = Attempt(end, jnp.where(lands, limit - t, h), span, lands)
    return attempt, is_point & lands


def _pass(settings: Settings, dynamics: Dynamics, problem: Problem, n_stored: int, c: _Carry) -> _Carry:
    lanes, prepared = c.lanes, c.prepared
    is_working = working(lanes)
    if lanes.queue is not None:
        lanes = _after_look(dynamics, problem, prepared, lanes, is_working, key_of(settings, c.n_passes))
    run = lanes.run
    is_free = is_working & (lanes.looks == 0) & (run.code == ResultCode.SUCCESS)
    ends = is_free & (run.t >= problem.times[-1])
    step = _tried(settings, dynamics, problem, prepared, lanes, is_free & ~ends)
    attempt, result, accepted = step.attempt, step.result, step.accepted
    decisions = _decided(dynamics, problem, prepared, lanes, step)
    t, y = landed(dynamics, prepared, run.t, attempt, run.y, (result.end, result.dense), decisions)
    t, y = jnp.where(accepted, t, run.t), jnp.where(accepted, y, run.y)
    crossed = accepted & (decisions.theta < 1.0)
    is_point = accepted & step.is_point & ~crossed
    if prepared.history is not None:
        y = jnp.where(accepted, delays.with_delayed(dynamics, prepared, t, y), y)
        prepared = _remembered(dynamics, prepared, run, t, attempt, result, accepted)
    # What happens just after the present time is not seen at it.
    shows = ends | (is_working & (c.lanes.looks == 2) & (lanes.looks == 1))
    next_output, outputs = _write_outputs(dynamics, problem, prepared, c.outputs, run, step, t, shows)
    n_tried = run.n_steps + run.n_rejected + lanes.n_looks
    goes_on = is_working & ~ends & (step.code == ResultCode.SUCCESS)
    code = jnp.where(goes_on & (n_tried >= settings.max_steps), ResultCode.MAX_STEPS, step.code)
    if n_stored:
        code = jnp.where(goes_on & (c.n_passes + 1 >= n_stored), ResultCode.TOO_MANY_TO_STORE, code)
    moved = run._replace(
        t=t,
        h=lax.stop_gradient(jnp.where(step.is_tried, step.next_h, run.h)),
        y=y,
        error=jnp.where(accepted, jnp.maximum(step.error, 1e-4), run.error),
        n_steps=run.n_steps + accepted,
        n_rejected=run.n_rejected + (step.is_tried & ~accepted),
        next_output=next_output,
        code=code.astype(jnp.int32),
    )
    has_jumped = crossed | is_point | (lanes.n_looks > c.lanes.n_looks)
    lanes = lanes._replace(
        run=moved,
        looks=jnp.where(accepted & (lanes.queue is not None), 2, lanes.looks),
        at_point=jnp.where(accepted, is_point, lanes.at_point),
        crossed=jnp.where(crossed, t, lanes.crossed),
        is_done=lanes.is_done | ends,
    )
    if prepared.modes is not None:
        prepared = _redecided(dynamics, problem, prepared, lanes, has_jumped)
    track = _recorded(c, run.h, is_working, decisions) if n_stored else None
    return _Carry(lanes, prepared, outputs, track, c.n_passes + 1)


class _Tried(NamedTuple):
    """A step that the lanes in ``is_tried`` took; the others took one that is forgotten."""

    is_tried: Array
    attempt: Attempt
    is_point: Array
    result: StepResult
    error: Array
    accepted: Array
    next_h: Array
    code: Array


def _tried(
    settings: Settings,
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    lanes: Lanes,
    is_tried: Array,
) -> _Tried:
    run, final = lanes.run, problem.times[-1]
    attempt, is_point = bounded(dynamics, problem, prepared, lanes.queue, run.t, run.h)
    attempt = attempt._replace(h=jnp.where(is_tried, attempt.h, 1e-3 * (final - problem.t0) + 1e-30))
    stepper = STEPPERS[settings.stepper]
    result, _ = stepper.step(dynamics, prepared, run.t, attempt.h, run.y, attempt.span)
    scale = problem.atol + problem.rtol * jnp.maximum(jnp.abs(run.y), jnp.abs(result.end))
    error = lax.stop_gradient(norm(result.error, scale)) * stepper.ERROR_FACTOR
    finite = jnp.isfinite(error)
    accepted = is_tried & finite & (error <= 1.0)
    h = next_size(stepper.ERROR_ORDER + 1, run, attempt, error, accepted)
    tiny = 16 * jnp.finfo(run.y.dtype).eps
    too_small = ~accepted & (h <= tiny * jnp.maximum(jnp.abs(run.t), jnp.abs(final) * 1e-6))
    broken = jnp.where(finite, ResultCode.STEP_TOO_SMALL, ResultCode.NON_FINITE)
    code = jnp.where(too_small & is_tried, broken, run.code)
    return _Tried(is_tried, attempt, is_point, result, error, accepted, h, code)


def _recorded(c: _Carry, h: Array, is_working: Array, decisions: Decisions) -> Record:
    """Return the track with a pass; its step size is the one after the look, which may shorten it."""
    began = c.lanes
    looks = jnp.where(is_working, began.looks, 0)
    run = began.run
    record = Record(run.t, h, run.y, began.queue, looks, run.next_output, c.prepared.modes, decisions)
    return jax.tree.map(
        lambda x, value: lax.dynamic_update_index_in_dim(x, value, c.n_passes, 0), c.track, record
    )


def _redecided(
    dynamics: Dynamics, problem: Problem, prepared: Prepared, lanes: Lanes, is_open: Array
) -> Prepared:
    """Return what is prepared with modes decided anew where the state, or what decides, has jumped."""
    t = jnp.where(lanes.at_point, just_after(problem, lanes.run.t), lanes.run.t)

    def again() -> Array:
        return jnp.where(is_open, decided(dynamics, prepared, t, lanes.run.y).modes, prepared.modes)

    return prepared._replace(modes=lax.cond(is_open.any(), again, lambda: prepared.modes))


def _after_look(
    dynamics: Dynamics, problem: Problem, prepared: Prepared, lanes: Lanes, is_working: Array, key: Array
) -> Lanes:
    run = lanes.run
    y, queue, executed, is_full = looked(
        dynamics, problem, prepared, run.t, run.y, lanes.queue, lanes.looks, is_working, key
    )

    def shortened() -> Array:
        # After a jump the old step says little.
        first = first_step(dynamics, problem, y, prepared, run.t)
        return jnp.where(executed, jnp.minimum(run.h, jnp.where(jnp.isfinite(first), first, run.h)), run.h)

    h = lax.cond(executed.any(), shortened, lambda: run.h)
    has_points = bool(prepared.breakpoints.shape[0] or dynamics.plan.edges)
    again = jnp.where((lanes.looks == 2) & lanes.at_point & has_points, 1, 0)
    looks = jnp.where(executed | ~is_working, lanes.looks, again)
    code = jnp.where(is_full, ResultCode.TOO_MANY_EVENTS, run.code).astype(jnp.int32)
    return lanes._replace(
        run=run._replace(y=y, h=lax.stop_gradient(h), code=code),
        queue=queue,
        looks=looks.astype(jnp.int32),
        n_looks=lanes.n_looks + executed,
    )


def _decided(
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    lanes: Lanes,
    step: _Tried,
) -> Decisions:
    run, accepted = lanes.run, step.accepted
    ones = jnp.ones_like(run.t)
    if dynamics.plan.hybrid.modes is None:
        return Decisions(accepted, ones, run.n_steps)
    given = lax.stop_gradient((prepared, run.t, step.attempt.h, run.y, step.result, step.attempt.span))
    prepared, t, h, y, result, span = given
    theta, which = locate(dynamics, prepared, t, h, y, result, span, accepted)
    apart = _APART * (problem.times[-1] - problem.t0)
    theta = jnp.where(lanes.crossed == t, jnp.maximum(theta, jnp.minimum(apart / h, 1.0)), theta)
    return Decisions(accepted, theta, which.astype(jnp.int32))


def _remembered(
    dynamics: Dynamics,
    prepared: Prepared,
    run: Run,
    t: Array,
    attempt: Attempt,
    result: StepResult,
    accepted: Array,
) -> Prepared:
    part = (t - run.t) / attempt.h
    nodes = [interpolate(part * x, run.y, result.end, result.dense) for x in delays.NODES]
    return delays.remembered(dynamics, prepared, run.t, t, nodes, accepted)


def _write_outputs(
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    outputs: Array,
    run: Run,
    step: _Tried,
    t: Array,
    shows: Array,
) -> tuple[Array, Array]:
    """Write the outputs before the new time; in the lanes that show their state those at the present."""
    n_times, n_lanes = problem.times.shape
    lanes = jnp.arange(n_lanes)
    attempt, result = step.attempt, step.result

    def due(next_output: Array) -> tuple[Array, Array]:
        at = entries_at(problem.times, jnp.minimum(next_output, n_times - 1), lanes)
        return at, (next_output < n_times) & ((step.accepted & (at < t)) | (shows & (at <= run.t)))

    def write(state: tuple[Array, Array]) -> tuple[Array, Array]:
        next_output, outputs = state
        at, ready = due(next_output)
        inner = interpolate((at - run.t) / attempt.h, run.y, result.end, result.dense)
        values = jnp.where(shows, run.y, inner)
        if prepared.history is not None:
            values = delays.with_delayed(dynamics, prepared, at, values)
        rows = jnp.where(ready, next_output, n_times)
        return next_output + ready, outputs.at[lanes, rows].set(values.T)

    return lax.while_loop(lambda state: due(state[0])[1].any(), write, (run.next_output, outputs))
