"""The discrete adjoint: the passes of the loop run backwards, one pull-back of a step each.

Step sizes are constants of the adjoint, except that a step which ends on a breakpoint ends
where params put it, so that derivatives by switching times are right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.integrate import STEPPERS, Checkpoints, Problem, Settings, Track, replay, span_of, stride_of
from icrn_core.solution import ResultCode
from icrn_core.stepping import StepResult, interpolate
from icrn_core.tensors import entries_at


class _Back(NamedTuple):
    """Cotangents on the way back, and the last output that is not yet passed."""

    k: Array
    output: Array
    by_t: Array
    by_y: Array
    by_prepared: Prepared


def pull_back(
    settings: Settings,
    dynamics: Dynamics,
    problem: Problem,
    y: Array,
    prepared: Prepared,
    track: Track | Checkpoints,
    n_passes: Array,
    reached: Array,
    given: Array,
) -> tuple[Array, Prepared]:
    """Return the cotangents of the initial state and of what is prepared, by the steps taken.

    Parameters
    ----------
    settings, dynamics, problem, y, prepared
        As of `icrn_core.integrate.advance_stored`.
    track, n_passes, reached
        Its results; the last by run.
    given : (n_runs, n_times, n)
        Cotangents of the states at the output times.
    """
    times = problem.times
    # Outputs that a failed run never reached have no step to pass through.
    n_reached = (times <= reached + 1e-12 * jnp.abs(reached)).sum(axis=0, dtype=jnp.int32)
    zeros = jax.tree.map(jnp.zeros_like, prepared)
    start = _Back(n_passes - 1, n_reached - 1, jnp.zeros_like(problem.t0), jnp.zeros_like(y), zeros)

    def through(track: Track, c: _Back) -> _Back:
        def back(c: _Back) -> _Back:
            return _one_pass(settings, dynamics, problem, prepared, track, given, c)

        return lax.while_loop(lambda c: c.k >= 0, back, c)

    if isinstance(track, Track):
        end = through(track, start)
    else:
        end = _between_checkpoints(settings, dynamics, problem, prepared, track, reached, through, start)
    return end.by_y, end.by_prepared


def with_ends(
    problem: Problem, code: Array, given: Array, found: tuple[Array, Prepared]
) -> tuple[Array, Prepared]:
    """Return the cotangents with what outputs at the initial time and failures add to them.

    Parameters
    ----------
    problem, given
        As of `pull_back`.
    code : (n_runs,)
        Result codes.
    found : tuple
        The result of `pull_back`.
    """
    before = (problem.times <= problem.t0).T[:, :, None]
    at_start = jnp.where(before, given, 0.0).sum(axis=1).T
    # A run that failed has no derivative; zeros would pass for a stationary point.
    spoilt = jnp.where(code == ResultCode.SUCCESS, 0.0, jnp.nan)
    by_y, by_prepared = found
    return by_y + at_start + spoilt, jax.tree.map(lambda leaf: leaf + spoilt, by_prepared)


def _between_checkpoints(
    settings: Settings,
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    points: Checkpoints,
    reached: Array,
    through: Callable[[Track, _Back], _Back],
    start: _Back,
) -> _Back:
    """Go back from checkpoint to checkpoint, through the passes after each one."""
    stride, n_passes = stride_of(settings), start.k + 1

    def back(state: tuple[Array, Array, _Back]) -> tuple[Array, Array, _Back]:
        segment, last, c = state
        n = jnp.minimum(stride, n_passes - segment * stride)
        track, t = replay(settings, dynamics, problem, prepared, points, segment, n)
        # Rounding could decide about a step in another way: then there is no derivative.
        missed = jnp.where(jnp.abs(t - last) <= 1e-9 * jnp.abs(last), 0.0, jnp.nan)
        c = through(track, c._replace(k=n - 1))
        here = lax.dynamic_index_in_dim(points.t, segment, keepdims=False)
        return segment - 1, here, c._replace(by_y=c.by_y + missed)

    first = ((n_passes - 1) // stride, reached, start)
    return lax.while_loop(lambda state: state[0] >= 0, back, first)[2]


def _one_pass(
    settings: Settings,
    dynamics: Dynamics,
    problem: Problem,
    prepared: Prepared,
    track: Track,
    given: Array,
    c: _Back,
) -> _Back:
    stepper = STEPPERS[settings.stepper]
    t, h, y, landing = (lax.dynamic_index_in_dim(x, c.k, keepdims=False) for x in track)
    is_step = h > 0
    # A pass without a step goes backwards as a step that nothing depends on.
    h = jnp.where(is_step, h, 1e-3 * (problem.times[-1] - problem.t0) + 1e-30)
    span = span_of(problem, prepared, t)
    result, memory = stepper.step(dynamics, prepared, t, h, y, span)
    output, at = _collect(problem, given, c.output, t, h, y, result, is_step)
    passed = StepResult(jnp.where(is_step, c.by_y, 0.0) + at.end, jnp.zeros_like(y), at.dense)
    by_t, by_h, by_y, by_prepared = stepper.pull(dynamics, prepared, t, h, y, span, memory, passed)
    by_h = by_h + at.h
    by_t = by_t + at.t
    has_points = bool(prepared.breakpoints.shape[0])
    if has_points:
        # The end is t + h, or a breakpoint: then the end is its, and h that minus t.
        lands = (landing >= 0) & is_step
        chosen = jnp.arange(prepared.breakpoints.shape[0])[:, None] == landing
        by_point = jnp.where(chosen & lands, c.by_t + by_h, 0.0)
        by_prepared = by_prepared._replace(breakpoints=by_prepared.breakpoints + by_point)
        by_t = by_t + jnp.where(lands, -by_h, c.by_t)
    return _Back(
        c.k - 1,
        output,
        jnp.where(is_step, by_t, c.by_t) if has_points else c.by_t,
        jnp.where(is_step, by_y + at.start, c.by_y),
        jax.tree.map(lambda total, new: total + jnp.where(is_step, new, 0.0), c.by_prepared, by_prepared),
    )


class _Gathered(NamedTuple):
    """Cotangents that the outputs inside a step pass to what they are interpolated from."""

    t: Array
    h: Array
    start: Array
    end: Array
    dense: Array


def _collect(
    problem: Problem,
    given: Array,
    output: Array,
    t: Array,
    h: Array,
    y: Array,
    result: StepResult,
    is_step: Array,
) -> tuple[Array, _Gathered]:
    n_lanes = t.shape[0]
    lanes = jnp.arange(n_lanes)

    def due(output: Array) -> tuple[Array, Array]:
        at = entries_at(problem.times, jnp.maximum(output, 0), lanes)
        return at, is_step & (output >= 0) & (at > t)

    def gather(state: tuple) -> tuple:
        output, total = state
        at, ready = due(output)
        own = entries_at(given, lanes, jnp.maximum(output, 0)).T
        own = jnp.where(ready, own, 0.0)
        _, pull = jax.vjp(
            lambda t, h, *parts: interpolate((at - t) / h, *parts), t, h, y, result.end, result.dense
        )
        found = _Gathered(*pull(own))
        return output - ready, jax.tree.map(jnp.add, total, found)

    zero = _Gathered(*map(jnp.zeros_like, (t, h, y, result.end, result.dense)))
    return lax.while_loop(lambda state: due(state[0])[1].any(), gather, (output, zero))
