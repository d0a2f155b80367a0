"""Adaptive integration of many runs in one loop.

The state is ``(n, n_lanes)``: each lane integrates one run with its own time, step size and
acceptance, and when the run is finished it takes the next one from the queue, so that no run
waits for a slower one. A single run is one lane. `advance` is the loop, `advance_stored` keeps
every pass of it for the adjoint (`icrn_core.adjoint`), `advance_between_checkpoints` only some,
from which `replay` finds the others again.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core import dop853, dopri5, rodas5p
from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.solution import ResultCode, Statistics
from icrn_core.stepping import StepResult, interpolate, norm
from icrn_core.tensors import entries_at

STEPPERS = {"rodas5p": rodas5p, "dopri5": dopri5, "dop853": dop853}

_SAFETY = 0.9
_SHRINK, _GROW = 0.2, 6.0
# Proportional-integral control (Gustafsson): exponents, times the order of the error of a step.
_NOW, _BEFORE = 0.7, 0.3
# Steps at the border of stability after which a system counts as stiff.
_STIFF_STEPS = 15


class Settings(NamedTuple):
    """Static choices of a solve.

    ``ends_if_stiff`` gives up explicit steps that stability limits; ``differentiate`` is as of
    `icrn_core.simulate`; ``has_kernels`` is what `icrn_core.kernel.is_available` said, on which
    the traced program depends; ``seed`` decides between events of equal priority.
    """

    stepper: str
    max_steps: int
    ends_if_stiff: bool
    differentiate: str
    has_kernels: bool
    seed: int = 0


class Problem(NamedTuple):
    """Arrays that are not differentiated; the last axis is that of the runs.

    Output times ``(n_times, n_runs)``, initial time and relative tolerance ``(n_runs,)``,
    absolute tolerance ``(n, n_runs)``.
    """

    times: Array
    t0: Array
    rtol: Array
    atol: Array


class Outcome(NamedTuple):
    """States at the output times, statistics, result code and time reached; runs in the first axis."""

    states: Array
    statistics: Statistics
    code: Array
    reached: Array


class Track(NamedTuple):
    """Every pass of the loop: start, size (0 where no step was accepted), state, and landing.

    The landing is the number of the breakpoint that the step ends on, -1 for none.
    """

    t: Array
    h: Array
    y: Array
    landing: Array


class Checkpoints(NamedTuple):
    """What every so many passes begin with (`stride_of`)."""

    t: Array
    h: Array
    y: Array
    error: Array


def stride_of(settings: Settings) -> int:
    """Return the number of passes between checkpoints, and of checkpoints: √max_steps, rounded up."""
    return math.isqrt(max(settings.max_steps - 1, 0)) + 1


class Run(NamedTuple):
    """Present state of every lane; ``member`` is the run it integrates, ``n_runs`` when idle."""

    member: Array
    t: Array
    h: Array
    y: Array
    error: Array
    n_steps: Array
    n_rejected: Array
    n_stiff: Array
    next_output: Array
    code: Array


class Ended(NamedTuple):
    """What the loop leaves: states at the output times and every run as it ended, runs first.

    Both have one row and one time more, for what is to be forgotten.
    """

    outputs: Array
    runs: Run


class _Carry(NamedTuple):
    run: Run
    prepared: Prepared
    problem: Problem
    next_member: Array
    outputs: Array
    ended: Run
    track: Track | Checkpoints | None
    n_passes: Array


class Attempt(NamedTuple):
    """A step about to be taken: where it ends, how long it is, and what bounds it."""

    end: Array
    h: Array
    span: tuple
    landing: Array


def first_runs(dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared) -> Run:
    """Return every run at its beginning."""
    n_runs = y.shape[1]
    h = first_step(dynamics, problem, y, prepared, problem.t0)
    zero = jnp.zeros(n_runs, jnp.int32)
    code = jnp.where(jnp.isfinite(h), ResultCode.SUCCESS, ResultCode.NON_FINITE).astype(jnp.int32)
    before = (problem.times <= problem.t0).sum(axis=0, dtype=jnp.int32)
    member = jnp.arange(n_runs, dtype=jnp.int32)
    return Run(member, problem.t0, h, y, jnp.ones(n_runs, y.dtype), zero, zero, zero, before, code)


def advance(
    settings: Settings, n_lanes: int, dynamics: Dynamics, problem: Problem, prepared: Prepared, every: Run
) -> Ended:
    """Integrate all runs, ``n_lanes`` at a time, from where `first_runs` puts them."""
    carry = _loop(settings, n_lanes, dynamics, problem, prepared, every, None)
    return Ended(carry.outputs, carry.ended)


def advance_stored(
    settings: Settings, n_stored: int, dynamics: Dynamics, problem: Problem, prepared: Prepared, every: Run
) -> tuple[Ended, Track, Array]:
    """Integrate all runs side by side; return every pass of the loop too, and their number."""
    track = _empty_track(n_stored, every.y)
    carry = _loop(settings, every.y.shape[1], dynamics, problem, prepared, every, track)
    return Ended(carry.outputs, carry.ended), carry.track, carry.n_passes


def _empty_track(n_stored: int, y: Array) -> Track:
    by_run = jnp.zeros((n_stored, y.shape[1]), y.dtype)
    return Track(by_run, by_run, jnp.zeros((n_stored, *y.shape), y.dtype), by_run.astype(jnp.int32))


def advance_between_checkpoints(
    settings: Settings, dynamics: Dynamics, problem: Problem, prepared: Prepared, every: Run
) -> tuple[Ended, Checkpoints, Array]:
    """Integrate all runs side by side; return checkpoints, and the number of passes."""
    empty = _empty_track(stride_of(settings), every.y)
    points = Checkpoints(empty.t, empty.h, empty.y, empty.h)
    carry = _loop(settings, every.y.shape[1], dynamics, problem, prepared, every, points)
    return Ended(carry.outputs, carry.ended), carry.track, carry.n_passes


def replay(
    settings: Settings,
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    points: Checkpoints,
    k: Array,
    n_passes: Array,
) -> tuple[Track, Array]:
    """Return so many passes from the k-th checkpoint on, and the times at which they end."""
    t, h, y, error = (lax.dynamic_index_in_dim(x, k, keepdims=False) for x in points)
    n_runs = y.shape[1]
    zero = jnp.zeros(n_runs, jnp.int32)
    n_times = jnp.full(n_runs, problem.times.shape[0], jnp.int32)
    run = Run(jnp.arange(n_runs, dtype=jnp.int32), t, h, y, error, zero, zero, zero, n_times, zero)
    outputs = jnp.zeros((1, 1, y.shape[0]), y.dtype)
    nothing = jnp.zeros((), jnp.int32)
    track = _empty_track(stride_of(settings), y)
    carry = _Carry(run, prepared, problem, nothing, outputs, run, track, nothing)
    carry = lax.fori_loop(0, n_passes, lambda _, c: _advance_once(settings, dynamics, c), carry)
    return carry.track, carry.run.t


def _loop(
    settings: Settings,
    n_lanes: int,
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    every: Run,
    track: Track | Checkpoints | None,
) -> _Carry:
    n_times, n_runs = problem.times.shape
    queue = (every, prepared, problem)
    lanes = queue if n_lanes >= n_runs else _taken(queue, jnp.arange(n_lanes))
    outputs = jnp.full((n_runs + 1, n_times + 1, every.y.shape[0]), jnp.nan, every.y.dtype)
    # A place of its own takes what lanes without a result write.
    ended = jax.tree.map(lambda x: jnp.zeros((n_runs + 1,), x.dtype), every._replace(y=every.t))
    zero = jnp.zeros((), jnp.int32)
    carry = _Carry(*lanes, zero + min(n_lanes, n_runs), outputs, ended, track, zero)
    carry = _turn_over(settings, queue, n_lanes, carry)

    def unfinished(c: _Carry) -> Array:
        return (c.run.member < n_runs).any()

    def once(c: _Carry) -> _Carry:
        c = _advance_once(settings, dynamics, c)
        return _turn_over(settings, queue, n_lanes, c)

    return lax.while_loop(unfinished, once, carry)


def outcome_of(settings: Settings, problem: Problem, y: Array, found: Ended) -> Outcome:
    """Return the outcome of runs that began at ``y`` and have ended."""
    n_runs, n_times = y.shape[1], problem.times.shape[0]
    ended = jax.tree.map(lambda x: x[:n_runs], found.runs)
    before = problem.times.T[:, :, None] <= problem.t0[:, None, None]
    states = jnp.where(before, y.T[:, None, :], found.outputs[:n_runs, :n_times])
    tried = ended.n_steps + ended.n_rejected
    stepper = STEPPERS[settings.stepper]
    statistics = Statistics(
        ended.n_steps, ended.n_rejected, stepper.N_STAGES * tried + 1, stepper.N_JACOBIANS * tried
    )
    return Outcome(states, statistics, ended.code, ended.t)


def first_step(dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared, t: Array) -> Array:
    """Return a step size from t that changes the state by a hundredth; NaN where f is not finite.

    One evaluation of f and no more: each copy of f in the program costs compile time, and the
    controller corrects a poor guess in a few steps.
    """
    y, prepared = lax.stop_gradient((y, prepared))
    scale = problem.atol + problem.rtol * jnp.abs(y)
    slope = dynamics.prepared_field(_just_after(t), y, prepared)
    size, speed = norm(y, scale), norm(slope, scale)
    duration = problem.times[-1] - problem.t0
    h = jnp.where(
        (size < 1e-5) | (speed < 1e-5), 1e-6 * duration, 0.01 * size / jnp.where(speed == 0, 1.0, speed)
    )
    # From a state of zero the size says nothing: then an error of one is reached after 1 / speed.
    h = jnp.where(
        (size < 1e-5) & (speed >= 1e-5), jnp.minimum(1.0 / jnp.maximum(speed, 1e-5), 1e-3 * duration), h
    )
    return jnp.where(jnp.isfinite(speed), jnp.minimum(h, duration), jnp.nan)


def _just_after(t: Array) -> Array:
    return t + 8 * jnp.finfo(t.dtype).eps * jnp.abs(t)


def plan_step(problem: Problem, prepared: Prepared, t: Array, h: Array) -> Attempt:
    """Return the step from t of about the size h that ends before, or on, what bounds it."""
    h = lax.stop_gradient(h)
    final = problem.times[-1]
    points = prepared.breakpoints
    if not points.shape[0]:
        ends = t + 1.0001 * h >= final
        end = jnp.where(ends, final, t + h)
        return Attempt(
            end, jnp.where(ends, final - t, h), span_of(problem, prepared, t), -jnp.ones(t.shape, jnp.int32)
        )
    ahead, limit = _limit(problem, prepared, t)
    lands = t + 1.0001 * h >= limit
    which = (points <= t).sum(axis=0, dtype=jnp.int32)
    landing = jnp.where(lands & (ahead <= final), which, -1)
    end = jnp.where(lands, limit, t + h)
    return Attempt(end, jnp.where(lands, limit - t, h), span_of(problem, prepared, t), landing)


def _limit(problem: Problem, prepared: Prepared, t: Array) -> tuple[Array, Array]:
    """Return the next breakpoint after t, and what comes first, that or the end."""
    ahead = jnp.where(prepared.breakpoints > t, prepared.breakpoints, jnp.inf).min(axis=0)
    return ahead, jnp.minimum(ahead, problem.times[-1])


def span_of(problem: Problem, prepared: Prepared, t: Array) -> tuple:
    """Return the times between which the rate of change may be evaluated in a step from t.

    They lie just inside: on a breakpoint itself either side could be meant. None if there is none.
    """
    if not prepared.breakpoints.shape[0]:
        return None, None
    _, limit = _limit(problem, prepared, t)
    eps = 8 * jnp.finfo(t.dtype).eps
    first, last = t + eps * jnp.abs(t), limit - eps * jnp.abs(limit)
    return lax.stop_gradient((first, jnp.maximum(first, last)))


def _advance_once(settings: Settings, dynamics: Dynamics, c: _Carry) -> _Carry:
    run, problem = c.run, c.problem
    attempt = plan_step(problem, c.prepared, run.t, run.h)
    stepper = STEPPERS[settings.stepper]
    result, _ = stepper.step(dynamics, c.prepared, run.t, attempt.h, run.y, attempt.span)
    scale = problem.atol + problem.rtol * jnp.maximum(jnp.abs(run.y), jnp.abs(result.end))
    error = lax.stop_gradient(norm(result.error, scale)) * stepper.ERROR_FACTOR
    finite = jnp.isfinite(error)
    works = run.code == ResultCode.SUCCESS
    accepted = finite & (error <= 1.0) & works & (run.t < problem.times[-1])
    h = next_size(stepper.ERROR_ORDER + 1, run, attempt, error, accepted)
    tiny = 16 * jnp.finfo(run.y.dtype).eps
    too_small = ~accepted & (h <= tiny * jnp.maximum(jnp.abs(run.t), jnp.abs(problem.times[-1]) * 1e-6))
    broken = jnp.where(finite, ResultCode.STEP_TOO_SMALL, ResultCode.NON_FINITE)
    code = jnp.where(too_small & works, broken, run.code)
    n_stiff = run.n_stiff
    if settings.ends_if_stiff and result.stiffness is not None:
        limited = result.stiffness > stepper.STABLE
        n_stiff = jnp.where(accepted, jnp.where(limited, n_stiff + 1, jnp.maximum(n_stiff - 1, 0)), n_stiff)
        code = jnp.where(works & (n_stiff >= _STIFF_STEPS), ResultCode.STIFF, code)
    track = _remember(c, attempt, accepted, stride_of(settings))
    next_output, outputs = _write_outputs(c, attempt, result, accepted)
    moved = Run(
        member=run.member,
        t=jnp.where(accepted, attempt.end, run.t),
        h=lax.stop_gradient(h),
        y=jnp.where(accepted, result.end, run.y),
        error=jnp.where(accepted, jnp.maximum(error, 1e-4), run.error),
        n_steps=run.n_steps + accepted,
        n_rejected=run.n_rejected + ~accepted,
        n_stiff=n_stiff,
        next_output=next_output,
        code=code.astype(jnp.int32),
    )
    return c._replace(run=moved, outputs=outputs, track=track, n_passes=c.n_passes + 1)


def next_size(order: int, run: Run, attempt: Attempt, error: Array, accepted: Array) -> Array:
    """Return the size of the next step after one with this error, which was accepted or not."""
    small = jnp.maximum(error, 1e-8)
    grown = jnp.clip(_SAFETY * small ** (-_NOW / order) * run.error ** (_BEFORE / order), _SHRINK, _GROW)
    shrunk = jnp.where(jnp.isfinite(error), jnp.clip(_SAFETY * small ** (-1 / order), 0.1, 0.9), 0.1)
    h = attempt.h * jnp.where(accepted, grown, shrunk)
    # A step cut short by an end or a breakpoint says little about the next one.
    return jnp.where(accepted & (attempt.h < run.h), jnp.maximum(h, run.h), h)


def _remember(c: _Carry, attempt: Attempt, accepted: Array, stride: int) -> Track | Checkpoints | None:
    if c.track is None:
        return None
    if isinstance(c.track, Checkpoints):
        return _checkpoint(c.track, c, stride)
    new = Track(c.run.t, jnp.where(accepted, attempt.h, 0.0), c.run.y, attempt.landing)
    return jax.tree.map(
        lambda x, value: lax.dynamic_update_index_in_dim(x, value, c.n_passes, 0), c.track, new
    )


def _checkpoint(points: Checkpoints, c: _Carry, stride: int) -> Checkpoints:
    k = c.n_passes // stride
    is_due = c.n_passes % stride == 0

    def put(x: Array, value: Array) -> Array:
        value = jnp.where(is_due, value, lax.dynamic_index_in_dim(x, k, keepdims=False))
        return lax.dynamic_update_index_in_dim(x, value, k, 0)

    return Checkpoints(*map(put, points, (c.run.t, c.run.h, c.run.y, c.run.error)))


def _write_outputs(c: _Carry, attempt: Attempt, result: StepResult, accepted: Array) -> tuple[Array, Array]:
    times = c.problem.times
    n_times, n_lanes = times.shape
    nowhere = jnp.asarray(c.outputs.shape[0] - 1, jnp.int32)
    lanes = jnp.arange(n_lanes)

    def due(next_output: Array) -> tuple[Array, Array]:
        at = entries_at(times, jnp.minimum(next_output, n_times - 1), lanes)
        return at, accepted & (next_output < n_times) & (at <= attempt.end)

    def inside(state: tuple[Array, Array]) -> Array:
        return due(state[0])[1].any()

    def write(state: tuple[Array, Array]) -> tuple[Array, Array]:
        next_output, outputs = state
        at, ready = due(next_output)
        theta = (at - c.run.t) / jnp.where(ready, attempt.h, 1.0)
        values = interpolate(theta, c.run.y, result.end, result.dense)
        rows = jnp.where(ready, c.run.member, nowhere)

        def put(lane: Array, outputs: Array) -> Array:
            value = lax.dynamic_index_in_dim(values, lane, axis=1, keepdims=False)
            return lax.dynamic_update_slice(
                outputs, value[None, None, :], (rows[lane], next_output[lane], jnp.zeros((), jnp.int32))
            )

        return next_output + ready, lax.fori_loop(0, n_lanes, put, outputs)

    return lax.while_loop(inside, write, (c.run.next_output, c.outputs))


def _turn_over(settings: Settings, queue: tuple, n_lanes: int, c: _Carry) -> _Carry:
    """Note the results of lanes whose run has ended, and give them the next ones."""
    every: Run = queue[0]
    n_runs = every.member.shape[0]
    run = c.run
    out_of_steps = run.n_steps + run.n_rejected >= settings.max_steps
    short = run.t < c.problem.times[-1]
    code = jnp.where((run.code == ResultCode.SUCCESS) & out_of_steps & short, ResultCode.MAX_STEPS, run.code)
    if isinstance(c.track, Track):
        full = c.n_passes >= c.track.t.shape[0]
        code = jnp.where((code == ResultCode.SUCCESS) & full & short, ResultCode.TOO_MANY_TO_STORE, code)
    run = run._replace(code=code.astype(jnp.int32))
    working = run.member < n_runs
    finished = working & ((run.code != ResultCode.SUCCESS) | ~short)
    n_turns = jnp.where(finished.any(), min(n_lanes, n_runs), 0)

    def note(lane: Array, state: tuple) -> tuple:
        ended, member, next_member = state
        to = jnp.where(finished[lane], run.member[lane], n_runs)
        ended = jax.tree.map(
            lambda x, value: lax.dynamic_update_index_in_dim(x, value[lane], to, 0),
            ended,
            run._replace(y=run.t),
        )
        following = jnp.where(finished[lane], jnp.minimum(next_member, n_runs), run.member[lane])
        member = lax.dynamic_update_index_in_dim(member, following, lane, 0)
        return ended, member, next_member + finished[lane]

    ended, member, next_member = lax.fori_loop(0, n_turns, note, (c.ended, run.member, c.next_member))
    c = c._replace(run=run._replace(member=member), ended=ended, next_member=next_member)
    if n_lanes >= n_runs:
        return c
    starting = finished & (member < n_runs)

    def start(_: Array, lanes: tuple) -> tuple:
        fresh = _taken(queue, jnp.minimum(member, n_runs - 1))
        fresh = (fresh[0]._replace(member=member), *fresh[1:])
        return jax.tree.map(lambda new, old: jnp.where(starting, new, old), fresh, lanes)

    lanes = (c.run, c.prepared, c.problem)
    run, prepared, problem = lax.fori_loop(0, starting.any().astype(jnp.int32), start, lanes)
    return c._replace(run=run, prepared=prepared, problem=problem)


def _taken(queue: tuple, members: Array) -> tuple:
    """Return the lanes of some runs."""
    return jax.tree.map(lambda x: entries_at(x, ..., members), queue)
