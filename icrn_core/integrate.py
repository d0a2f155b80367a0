"""Adaptive integration as one while loop, and its discrete adjoint.

The forward loop is `advance`. Reverse mode stores the accepted steps and runs them backwards,
one vector–Jacobian product of a single step each. Step sizes are constants of the adjoint,
except that a step which ends on a breakpoint ends where params put it, so that derivatives by
switching times are right.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core import dopri5, rodas5p
from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.solution import ResultCode, Statistics
from icrn_core.stepping import StepResult, interpolate, norm

STEPPERS = {"rodas5p": rodas5p, "dopri5": dopri5}

_SAFETY = 0.9
_SHRINK, _GROW = 0.2, 6.0
# Proportional-integral control (Gustafsson) for error estimates of order 4.
_NOW, _BEFORE = 0.7 / 5, 0.3 / 5
# Accepted steps that reverse mode can hold.
_STORED_STEPS = 8192


class Settings(NamedTuple):
    """Static choices of a solve."""

    stepper: str
    max_steps: int


class Problem(NamedTuple):
    """Arrays that are not differentiated: output times, initial time, tolerances."""

    times: Array
    t0: Array
    rtol: Array
    atol: Array


class _Track(NamedTuple):
    """Accepted steps: start, size, state, and the breakpoint it ends on (−1 for none)."""

    t: Array
    h: Array
    y: Array
    landing: Array


class _Carry(NamedTuple):
    t: Array
    h: Array
    y: Array
    error: Array
    n_steps: Array
    n_rejected: Array
    next_output: Array
    outputs: Array
    code: Array
    track: _Track | None


class Outcome(NamedTuple):
    """States at the output times, statistics, result code, and the time that was reached."""

    states: Array
    statistics: Statistics
    code: Array
    reached: Array


def advance(
    settings: Settings,
    dynamics: Dynamics,
    problem: Problem,
    y: Array,
    prepared: Prepared,
    store: bool = False,
) -> tuple[Outcome, _Carry]:
    """Integrate over the output times; ``store`` keeps the accepted steps."""
    carry = _start(settings, dynamics, problem, y, prepared, store)
    end = problem.times[-1]

    def unfinished(c: _Carry) -> Array:
        tried = c.n_steps + c.n_rejected
        return (c.code == ResultCode.SUCCESS) & (c.t < end) & (tried < settings.max_steps)

    body = partial(_advance_once, settings, dynamics, problem, prepared)
    carry = lax.while_loop(unfinished, body, carry)
    stopped = (carry.code == ResultCode.SUCCESS) & (carry.t < end)
    code = jnp.where(stopped, ResultCode.MAX_STEPS, carry.code)
    n_tried = carry.n_steps + carry.n_rejected
    stages = STEPPERS[settings.stepper].N_STAGES
    n_jac = n_tried if settings.stepper == "rodas5p" else jnp.zeros_like(n_tried)
    statistics = Statistics(carry.n_steps, carry.n_rejected, stages * n_tried + 1, n_jac)
    return Outcome(carry.outputs, statistics, code, carry.t), carry


def _start(
    settings: Settings, dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared, store: bool
) -> _Carry:
    times, zero = problem.times, jnp.zeros((), jnp.int32)
    before = times <= problem.t0
    outputs = jnp.where(before[:, None], y, jnp.full((len(times), len(y)), jnp.nan, y.dtype))
    track = None
    if store:
        n = min(settings.max_steps, _STORED_STEPS)
        track = _Track(
            jnp.zeros(n, y.dtype),
            jnp.zeros(n, y.dtype),
            jnp.zeros((n, len(y)), y.dtype),
            jnp.zeros(n, jnp.int32),
        )
    h = _first_step(dynamics, problem, y, prepared)
    code = jnp.where(jnp.isfinite(h), ResultCode.SUCCESS, ResultCode.NON_FINITE).astype(jnp.int32)
    return _Carry(
        problem.t0, h, y, jnp.ones((), y.dtype), zero, zero, before.sum(dtype=jnp.int32), outputs, code, track
    )


def _first_step(dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared) -> Array:
    """Return a first step size that changes the state by a hundredth; NaN where f is not finite.

    One evaluation of f and no more: each copy of f in the program costs compile time, and the
    controller corrects a poor guess in a few steps.
    """
    y, prepared = lax.stop_gradient((y, prepared))
    scale = problem.atol + problem.rtol * jnp.abs(y)
    slope = dynamics.prepared_field(_just_after(problem.t0), y, prepared)
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


class _Try(NamedTuple):
    """A step about to be taken: where it ends, how long it is, and what bounds it."""

    end: Array
    h: Array
    span: tuple
    landing: Array


def _plan_step(problem: Problem, prepared: Prepared, t: Array, h: Array) -> _Try:
    h = lax.stop_gradient(h)
    final = problem.times[-1]
    points = prepared.breakpoints
    if not points.size:
        ends = t + 1.0001 * h >= final
        return _Try(
            jnp.where(ends, final, t + h),
            jnp.where(ends, final - t, h),
            (None, None),
            -jnp.ones((), jnp.int32),
        )
    ahead = jnp.where(points > t, points, jnp.inf)
    which = jnp.argmin(ahead)
    limit = jnp.minimum(ahead[which], final)
    lands = t + 1.0001 * h >= limit
    on_point = lands & (ahead[which] <= final)
    end = jnp.where(lands, limit, t + h)
    return _Try(
        end, jnp.where(lands, limit - t, h), _span(t, limit), jnp.where(on_point, which, -1).astype(jnp.int32)
    )


def _span(t: Array, limit: Array) -> tuple[Array, Array]:
    """Return the times just inside (t, limit): on a breakpoint itself either side could be meant."""
    eps = 8 * jnp.finfo(t.dtype).eps
    first, last = t + eps * jnp.abs(t), limit - eps * jnp.abs(limit)
    return lax.stop_gradient((first, jnp.maximum(first, last)))


def _advance_once(
    settings: Settings, dynamics: Dynamics, problem: Problem, prepared: Prepared, c: _Carry
) -> _Carry:
    stepper = STEPPERS[settings.stepper]
    attempt = _plan_step(problem, prepared, c.t, c.h)
    result = stepper.step(dynamics, prepared, c.t, attempt.h, c.y, attempt.span)
    scale = problem.atol + problem.rtol * jnp.maximum(jnp.abs(c.y), jnp.abs(result.end))
    error = lax.stop_gradient(norm(result.error, scale))
    finite = jnp.isfinite(error)
    accepted = finite & (error <= 1.0)
    small = jnp.maximum(error, 1e-8)
    grown = jnp.clip(_SAFETY * small**-_NOW * c.error**_BEFORE, _SHRINK, _GROW)
    shrunk = jnp.where(finite, jnp.clip(_SAFETY * small**-0.2, 0.1, 0.9), 0.1)
    h = attempt.h * jnp.where(accepted, grown, shrunk)
    # A step cut short by an end or a breakpoint says little about the next one.
    h = jnp.where(accepted & (attempt.h < c.h), jnp.maximum(h, c.h), h)
    too_small = ~accepted & (
        h <= 16 * jnp.finfo(c.y.dtype).eps * jnp.maximum(jnp.abs(c.t), jnp.abs(problem.times[-1]) * 1e-6)
    )
    code = jnp.where(
        too_small, jnp.where(finite, ResultCode.STEP_TOO_SMALL, ResultCode.NON_FINITE), c.code
    ).astype(jnp.int32)
    track, code = _remember(c, attempt, accepted, code)
    next_output, outputs = _write_outputs(problem, c, attempt, result, accepted)
    return _Carry(
        t=jnp.where(accepted, attempt.end, c.t),
        h=lax.stop_gradient(h),
        y=jnp.where(accepted, result.end, c.y),
        error=jnp.where(accepted, jnp.maximum(small, 1e-4), c.error),
        n_steps=c.n_steps + accepted,
        n_rejected=c.n_rejected + ~accepted,
        next_output=next_output,
        outputs=outputs,
        code=code,
        track=track,
    )


def _remember(c: _Carry, attempt: _Try, accepted: Array, code: Array) -> tuple[_Track | None, Array]:
    """Store the step; a rejected one is overwritten by the next."""
    if c.track is None:
        return None, code
    k = c.n_steps
    track = _Track(
        c.track.t.at[k].set(c.t),
        c.track.h.at[k].set(attempt.h),
        c.track.y.at[k].set(c.y),
        c.track.landing.at[k].set(attempt.landing),
    )
    full = accepted & (k + 1 >= len(c.track.t))
    return track, jnp.where(full, ResultCode.TOO_MANY_TO_STORE, code).astype(jnp.int32)


def _write_outputs(
    problem: Problem, c: _Carry, attempt: _Try, result: StepResult, accepted: Array
) -> tuple[Array, Array]:
    times, last = problem.times, len(problem.times) - 1

    def inside(state: tuple[Array, Array]) -> Array:
        return accepted & (state[0] <= last) & (times[jnp.minimum(state[0], last)] <= attempt.end)

    def write(state: tuple[Array, Array]) -> tuple[Array, Array]:
        k, outputs = state
        theta = (times[k] - c.t) / attempt.h
        return k + 1, outputs.at[k].set(interpolate(theta, c.y, result.end, result.dense))

    return lax.while_loop(inside, write, (c.next_output, c.outputs))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def solve(settings: Settings, dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared) -> Outcome:
    """Integrate; reverse mode is the discrete adjoint of the steps that were taken.

    ``y`` are the entries that move; the others are part of what is prepared, and so are the
    derivatives by them.
    """
    return advance(settings, dynamics, problem, y, prepared)[0]


def _solve_forward(
    settings: Settings, dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared
) -> tuple[Outcome, tuple]:
    outcome, carry = advance(settings, dynamics, problem, y, prepared, store=True)
    return outcome, (dynamics, problem, y, prepared, carry.track, carry.n_steps, outcome.code)


def _solve_backward(settings: Settings, saved: tuple, cotangent: Outcome) -> tuple:
    dynamics, problem, y, prepared, track, n_steps, code = saved
    given = cotangent.states
    times = problem.times
    zero_time = jnp.zeros((), y.dtype)
    has_jumps = bool(prepared.breakpoints.size)

    def one_step(t: Array, state: Array, prep: Prepared, h: Array, landing: Array) -> tuple:
        if has_jumps:
            point = prep.breakpoints[jnp.maximum(landing, 0)]
            end = jnp.where(landing >= 0, point, t + h)
            ahead = jnp.where(prep.breakpoints > t, prep.breakpoints, jnp.inf).min()
            span = _span(t, jnp.minimum(ahead, times[-1]))
            h = jnp.where(landing >= 0, point - t, h)
        else:
            end, span = t + h, (None, None)
        result = STEPPERS[settings.stepper].step(dynamics, prep, t, h, state, span)
        return end, h, result.end, result.dense

    def back(carry: tuple) -> tuple:
        k, output, by_t, by_y, by_prepared = carry
        t, h, state = track.t[k], track.h[k], track.y[k]
        landing = track.landing[k]
        (_, h, end, dense), pull = jax.vjp(lambda t, s, p: one_step(t, s, p, h, landing), t, state, prepared)
        output, at = _collect(times, given, output, t, h, state, end, dense, has_jumps)
        dt, dy, dp = pull((by_t, at.h, by_y + at.end, at.dense))
        total = jax.tree.map(jnp.add, by_prepared, dp)
        return k - 1, output, dt + at.t if has_jumps else by_t, dy + at.start, total

    zeros = jax.tree.map(jnp.zeros_like, prepared)
    start = (n_steps - 1, jnp.asarray(len(times) - 1, jnp.int32), zero_time, jnp.zeros_like(y), zeros)
    # Outputs that a failed run never reached have no step to pass through.
    reached = track.t[n_steps - 1] + track.h[n_steps - 1]
    start = (start[0], jnp.sum(times <= reached + 1e-12 * jnp.abs(reached), dtype=jnp.int32) - 1, *start[2:])
    _, _, _, by_y, by_prepared = lax.while_loop(lambda c: c[0] >= 0, back, start)
    at_start = jnp.where((times <= problem.t0)[:, None], given, 0.0).sum(axis=0)
    # A run that failed has no derivative; zeros would pass for a stationary point.
    spoilt = jnp.where(code == ResultCode.SUCCESS, 0.0, jnp.nan)
    return None, None, by_y + at_start + spoilt, jax.tree.map(lambda leaf: leaf + spoilt, by_prepared)


class _Gathered(NamedTuple):
    """Cotangents that the outputs inside a step pass to what they are interpolated from."""

    t: Array
    h: Array
    start: Array
    end: Array
    dense: Array


def _collect(
    times: Array, given: Array, output: Array, t: Array, h: Array, start: Array, end: Array, dense: Array,
    has_jumps: bool,
) -> tuple[Array, _Gathered]:  # fmt: skip
    def inside(state: tuple) -> Array:
        return (state[0] >= 0) & (times[jnp.maximum(state[0], 0)] > t)

    def gather(state: tuple) -> tuple:
        k, total = state
        if has_jumps:
            _, pull = jax.vjp(lambda t, h, *ys: interpolate((times[k] - t) / h, *ys), t, h, start, end, dense)
            found = _Gathered(*pull(given[k]))
        else:
            _, pull = jax.vjp(lambda *ys: interpolate((times[k] - t) / h, *ys), start, end, dense)
            found = _Gathered(total.t, total.h, *pull(given[k]))
        return k - 1, jax.tree.map(jnp.add, total, found)

    zero = _Gathered(*map(jnp.zeros_like, (t, h, start, end, dense)))
    return lax.while_loop(inside, gather, (output, zero))


solve.defvjp(_solve_forward, _solve_backward)
