"""Runs as lanes: how a solve and its adjoint are mapped over batches and laid out in kernels.

`solve` takes runs in the last axis of every array. ``vmap`` of it does not map the loop but
adds runs to it, so that every run keeps its own step control and the loop is compiled once for
any nesting of batches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_batching import custom_vmap

from icrn_core import hybrid_adjoint
from icrn_core.adjoint import pull_back, with_ends
from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.errors import IcrnError
from icrn_core.hybrid import integrate_hybrid
from icrn_core.integrate import (
    Outcome,
    Problem,
    Settings,
    advance,
    advance_between_checkpoints,
    advance_stored,
    first_runs,
    outcome_of,
)
from icrn_core.kernel import MOST_ENTRIES, MOST_REDUCED, one_kernel

# Runs side by side in one loop: enough to fill vector registers, few enough for the caches.
_LANES = 32
# Passes of the loop that reverse mode can hold.
_STORED = 4096
# Of a network with events, which take passes too: so many if they hold no more numbers than these.
_STORED_HYBRID, _MOST_STORED = 32_768, 1 << 24


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def solve(settings: Settings, dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared) -> Outcome:
    """Integrate every run; reverse mode is the discrete adjoint of the steps that were taken.

    Parameters
    ----------
    settings : Settings
        Static choices.
    dynamics, problem, y, prepared
        What is integrated: ``y`` of shape ``(n_moving, n_runs)``. What does not move is part of
        what is prepared, and so are the derivatives by it.
    """
    return _forward(settings)(dynamics, problem, y, prepared)


def _solve_forward(
    settings: Settings, dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared
) -> tuple[Outcome, tuple]:
    _check_reverse(settings, dynamics)
    outcome, *stored = _stored(settings)(dynamics, problem, y, prepared)
    return outcome, (dynamics, problem, y, prepared, stored, outcome.code, outcome.reached)


def _solve_backward(settings: Settings, saved: tuple, cotangent: Outcome) -> tuple:
    by_y, by_prepared = _backward(settings)(*saved, cotangent.states)
    return None, None, by_y, by_prepared


def _check_reverse(settings: Settings, dynamics: Dynamics) -> None:
    hybrid = dynamics.plan.hybrid
    if hybrid is not None and hybrid.delays is not None:
        raise IcrnError("reverse mode does not go through delays: use differentiate='forward'")
    if hybrid is not None and settings.differentiate == "checkpointed":
        raise IcrnError(
            "differentiate='checkpointed' does not go through events and comparisons of the state: use "
            "'reverse' or 'forward'"
        )


solve.defvjp(_solve_forward, _solve_backward)


def _check_forward(dynamics: Dynamics) -> None:
    plan = dynamics.plan
    if plan.hybrid is None or plan.hybrid.delays is None:
        return
    if plan.hybrid.events or plan.hybrid.modes or plan.jumps:
        raise IcrnError(
            "derivatives through delays beside events or switches are not known: what these do comes back "
            "later, at moments that shift with the parameters"
        )


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def forward(
    settings: Settings, dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared
) -> Outcome:
    """Integrate every run as `solve` does; forward mode goes through the loop.

    Every direction of every run is a lane of its own, which integrates the run once more.
    """
    return _forward(settings)(dynamics, problem, y, prepared)


@forward.defjvp
def _forward_tangent(settings: Settings, given: tuple, along: tuple) -> tuple[Outcome, Outcome]:
    _check_forward(given[0])
    outcome = forward(settings, *given)
    _, *directions = along
    states, reached = _tangents(settings)(*given, *directions)
    none = jax.tree.map(lambda x: np.zeros(x.shape, jax.dtypes.float0), outcome)
    return outcome, none._replace(states=states, reached=reached)


@lru_cache
def _tangents(settings: Settings) -> Callable:
    def run(
        dynamics: Dynamics,
        problem: Problem,
        y: Array,
        prepared: Prepared,
        by_problem: Problem,
        by_y: Array,
        by_prepared: Prepared,
    ) -> tuple[Array, Array]:
        n_lanes = min(y.shape[1], _LANES)

        def states(problem: Problem, y: Array, prepared: Prepared) -> tuple[Array, Array]:
            if dynamics.plan.hybrid is not None:
                outcome, *_ = integrate_hybrid(settings, dynamics, problem, y, prepared)
                return outcome.states, outcome.reached
            every = first_runs(dynamics, problem, y, prepared)
            ended = advance(settings, n_lanes, dynamics, problem, prepared, every)
            outcome = outcome_of(settings, problem, y, ended)
            return outcome.states, outcome.reached

        def pushed(dynamics: Dynamics, given: tuple, along: tuple) -> tuple[Array, Array]:
            return jax.jvp(states, given, along)[1]

        return _kernel(
            dynamics, n_lanes, pushed, dynamics, (problem, y, prepared), (by_problem, by_y, by_prepared)
        )

    return _over_runs(run)


def _advance(
    settings: Settings, dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared
) -> Outcome:
    """Integrate every run in one loop."""
    if dynamics.plan.hybrid is not None:
        return integrate_hybrid(settings, dynamics, problem, y, prepared)[0]
    n_lanes = min(y.shape[1], _LANES)
    every = first_runs(dynamics, problem, y, prepared)
    run = partial(advance, settings, n_lanes)
    ended = _kernel(dynamics, n_lanes, run, dynamics, problem, prepared, every)
    return outcome_of(settings, problem, y, ended)


def _kernel(dynamics: Dynamics, n_lanes: int, function: Callable, *args: object) -> object:
    """Call a function of lanes as one kernel, unless it has calls of libraries or large arrays."""
    plan = dynamics.plan
    if (
        plan.hybrid is not None
        or plan.dense
        or plan.elimination is None
        or plan.widest * n_lanes > MOST_ENTRIES
    ):
        return function(*args)
    return one_kernel(function, *args)


@lru_cache
def _forward(settings: Settings) -> Callable:
    return _over_runs(partial(_advance, settings))


@lru_cache
def _stored(settings: Settings) -> Callable:
    n_stored = min(settings.max_steps, _STORED)
    stored = partial(advance_stored, settings, n_stored)
    if settings.differentiate == "checkpointed":
        stored = partial(advance_between_checkpoints, settings)

    def run(dynamics: Dynamics, problem: Problem, y: Array, prepared: Prepared) -> tuple:
        if dynamics.plan.hybrid is not None:
            most = _hybrid_stored(settings, dynamics, y)
            outcome, track, n_passes = integrate_hybrid(settings, dynamics, problem, y, prepared, most)
        else:
            every = first_runs(dynamics, problem, y, prepared)
            ended, track, n_passes = _kernel(dynamics, y.shape[1], stored, dynamics, problem, prepared, every)
            outcome = outcome_of(settings, problem, y, ended)
        track = jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), track)
        return outcome, track, jnp.broadcast_to(n_passes, (y.shape[1],))

    return _over_runs(run)


def _hybrid_stored(settings: Settings, dynamics: Dynamics, y: Array) -> int:
    """Return how many passes of a network with events are kept."""
    events = dynamics.plan.hybrid.events
    n = y.shape[0] + (0 if events is None else events.capacity * (events.n_assignments + 3))
    fits = _MOST_STORED // max(1, n * y.shape[1])
    return min(settings.max_steps, int(np.clip(fits, _STORED, _STORED_HYBRID)))


@lru_cache
def _backward(settings: Settings) -> Callable:
    def run(
        dynamics: Dynamics,
        problem: Problem,
        y: Array,
        prepared: Prepared,
        stored: list,
        code: Array,
        reached: Array,
        given: Array,
    ):
        track, n_passes = stored
        track = jax.tree.map(lambda x: jnp.moveaxis(x, 0, -1), track)
        n = n_passes.max()
        if dynamics.plan.hybrid is not None:
            back = hybrid_adjoint.pull_back(
                settings, dynamics, problem, y, prepared, track, n, reached, given
            )
            back = with_ends(problem, code, jnp.zeros_like(given), back)
            return jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), back)
        pull = partial(pull_back, settings)
        if dynamics.plan.most_timed * y.shape[1] < MOST_REDUCED:
            pull = partial(_kernel, dynamics, y.shape[1], pull)
        back = pull(dynamics, problem, y, prepared, track, n, reached, given)
        back = with_ends(problem, code, given, back)
        return jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), back)

    mapped = _over_runs(run, first_axis=(4, 5, 6, 7))
    return lambda *args: jax.tree.map(lambda x: jnp.moveaxis(x, 0, -1), mapped(*args))


def _over_runs(run: Callable, first_axis: tuple[int, ...] = ()) -> Callable:
    """Return a function of dynamics and runs of which ``vmap`` gives more runs.

    Runs are the last axis of the arguments, but the first axis of those in ``first_axis`` and of
    the results.
    """
    mapped = custom_vmap(run)

    @mapped.def_vmap
    def rule(size: int, in_batched: list, dynamics: Dynamics, *args: object) -> tuple:
        def merged(k: int) -> Callable:
            def merge(x: Array, is_batched: bool) -> Array:
                x = x if is_batched else jnp.broadcast_to(x, (size, *x.shape))
                if k in first_axis:
                    return x.reshape(size * x.shape[1], *x.shape[2:])
                return jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], size * x.shape[-1])

            return merge

        given = [
            jax.tree.map(merged(k), arg, batched)
            for k, (arg, batched) in enumerate(zip(args, in_batched[1:], strict=True), start=1)
        ]
        found = mapped(dynamics, *given)
        split = jax.tree.map(lambda x: x.reshape(size, x.shape[0] // size, *x.shape[1:]), found)
        return split, jax.tree.map(lambda _: True, found)

    return mapped
