"""Observables and noise parameters that an objective predicts; runs of all starts are lanes of one solve."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.batches import forward, solve
from icrn_core.dynamics import Dynamics
from icrn_core.integrate import Problem, Settings
from icrn_core.noise import on_scale
from icrn_core.objective import Accuracy, Formulas, Objective, Stage
from icrn_core.scales import to_linear
from icrn_core.settling import Followed, settle, stands_still
from icrn_core.simulation import choices, scaled_tolerance
from icrn_core.solution import ResultCode


class Predicted(NamedTuple):
    """Observables and noise of every measurement and start.

    ``z`` (n_data, n_starts) on the scale of the noise, ``log_sigma`` likewise, and whether all
    runs of a start succeeded, ``(n_starts,)``.
    """

    z: Array
    log_sigma: Array
    works: Array


def predict(objective: Objective, theta: Array, accuracy: Accuracy, differentiate: str) -> Predicted:
    """Return what is predicted for the measurements at θ, ``(n_fitted, n_starts)``."""
    settings = choices(
        objective.dynamics, accuracy.rtol, accuracy.solver, accuracy.max_steps, False, differentiate
    )
    pool = pool_of(objective, theta)
    dynamics, n_starts = objective.dynamics, theta.shape[1]
    ends = jnp.zeros((dynamics.n_state, 0, n_starts), theta.dtype)
    every, works = [], jnp.ones(n_starts, bool)
    for stage in objective.stages:
        states, params, is_good = _run_stage(dynamics, stage, pool, ends, accuracy, settings)
        every.append((states, params))
        ends = jnp.concatenate([ends, states[:, -1]], axis=1)
        works = works & is_good
    symbols = _sampled(objective, every)
    at = objective.sample
    times = _moments(objective)[at]
    y = _evaluated(objective.observables, objective.n_data, symbols, at, pool, times)
    sigma = _evaluated(objective.noises, objective.n_data, symbols, at, pool, times)
    works = works & (sigma > 0).all(axis=0)
    return Predicted(on_scale(objective.data.scale, y), jnp.log(jnp.where(sigma > 0, sigma, 1.0)), works)


def pool_of(objective: Objective, theta: Array) -> Array:
    """Return every number that can be named, ``(n_pool, n_starts)``."""
    numbers = jnp.broadcast_to(objective.numbers[:, None], (len(objective.numbers), theta.shape[1]))
    given = jnp.concatenate([to_linear(objective.scales, theta), numbers])
    if not objective.n_derived:
        return given
    nothing = np.zeros(objective.n_derived, dtype=int)
    none = jnp.zeros((0, 1, theta.shape[1]), theta.dtype)
    found = _evaluated(objective.derived, objective.n_derived, none, nothing, given, np.zeros(len(nothing)))
    return jnp.concatenate([given, found])


def _evaluated(
    formulas: tuple[Formulas, ...], n: int, symbols: Array, sample: np.ndarray, pool: Array, times: np.ndarray
) -> Array:
    """Return all formulas, ``(n, n_starts)``, of symbols ``(n_symbols, n_samples, n_starts)``."""
    parts, rows = [], []
    for group in formulas:
        here = sample[group.rows]
        slots = [
            symbols[at, here] if is_symbol else pool[at]
            for is_symbol, at in zip(group.is_symbol, group.at, strict=True)
        ]
        value = group.law(slots, times[group.rows][:, None])
        parts.append(jnp.broadcast_to(value, (len(group.rows), pool.shape[1])))
        rows.append(group.rows)
    order = np.argsort(np.concatenate(rows), kind="stable") if rows else np.zeros(0, dtype=int)
    assert len(order) == n
    return jnp.concatenate([*parts, jnp.zeros((0, pool.shape[1]), pool.dtype)]).astype(pool.dtype)[order]


def _run_stage(
    dynamics: Dynamics, stage: Stage, pool: Array, ends: Array, accuracy: Accuracy, settings: Settings
) -> tuple[Array, Array, Array]:
    """Integrate a stage; return states (n_state, n_times, n_runs, n_starts), params, and what works."""
    n_times, n_runs = stage.times.shape
    n_starts = pool.shape[1]

    def lanes(x: np.ndarray) -> Array:
        return jnp.repeat(x, n_starts, axis=-1)

    def merged(x: Array) -> Array:
        return x.reshape(x.shape[0], n_runs * n_starts)

    t0 = lanes(stage.t0)
    initial = jax.vmap(dynamics.initial_vectors, in_axes=(1, 1, 0), out_axes=1)
    y, params = initial(merged(pool[stage.values]), merged(pool[stage.params]), t0)
    if (stage.previous >= 0).any():
        y = jnp.where(lanes(stage.is_set), y, merged(ends[:, stage.previous]))
    shape = (n_runs, n_starts)
    if not stage.is_steady:
        found = _followed(dynamics, stage.times, t0, accuracy, settings, y, params)
        states, works = found.states, found.code == ResultCode.SUCCESS
    else:
        states, works = _settled(dynamics, stage, t0, accuracy, settings, y, params)
    return (
        states.reshape(dynamics.n_state, n_times, *shape),
        params.reshape(dynamics.n_params, *shape),
        works.reshape(shape).all(axis=0),
    )


def _followed(
    dynamics: Dynamics,
    times: np.ndarray,
    t0: Array,
    accuracy: Accuracy,
    settings: Settings,
    y: Array,
    params: Array,
) -> Followed:
    """Integrate lanes; return states (n_state, n_times, n_lanes) and result codes."""
    moving = dynamics.moving(y)
    times = jnp.repeat(times, y.shape[1] // times.shape[1], axis=1)
    problem = _problem(times, t0, accuracy, moving)
    run = forward if settings.differentiate == "forward" else solve
    outcome = run(settings, dynamics, problem, moving, dynamics.prepare(params, y))
    states = jax.vmap(lambda m: dynamics.whole(m.T, y), in_axes=1, out_axes=1)(outcome.states)
    return Followed(states, outcome.code)


def _problem(times: Array, t0: Array, accuracy: Accuracy, y: Array) -> Problem:
    unscaled = jnp.full(y.shape, jnp.nan if accuracy.atol is None else accuracy.atol)
    problem = Problem(times, t0, jnp.full(t0.shape, accuracy.rtol), unscaled)
    return problem._replace(atol=scaled_tolerance(problem, y, unscaled))


def _settled(
    dynamics: Dynamics,
    stage: Stage,
    t0: Array,
    accuracy: Accuracy,
    settings: Settings,
    y: Array,
    params: Array,
) -> tuple[Array, Array]:
    """Find steady states; return them at both times of the stage, and what works."""
    n_runs = stage.times.shape[1]

    def apart(x: Array) -> Array:
        return x.reshape(*x.shape[:-1], n_runs, -1)

    def follow(y: Array, params: Array) -> Followed:
        y, params = (x.reshape(x.shape[0], -1) for x in (y, params))
        found = _followed(dynamics, stage.times, t0, accuracy, settings, y, params)
        return Followed(*map(apart, found))

    atol = _problem(jnp.repeat(stage.times, y.shape[1] // n_runs, axis=1), t0, accuracy, y).atol
    atol = lax.stop_gradient(apart(atol))
    y, params = apart(y), apart(params)
    if stage.laws is None:
        run = follow(y, params)
        works = (run.code == ResultCode.SUCCESS) & stands_still(run.states, atol)
        return run.states, works
    found = settle(dynamics, stage.laws, follow, y, params, stage.times[-1, 0], accuracy.rtol, atol)
    state = found.state.reshape(dynamics.n_state, 1, -1)
    return jnp.repeat(state, stage.times.shape[0], axis=1), found.works


def _moments(objective: Objective) -> np.ndarray:
    """Return the time of every sample."""
    times = [stage.times[:, k] for stage in objective.stages for k in range(stage.times.shape[1])]
    return np.array([times[r][m] for r, m in zip(objective.run, objective.moment, strict=True)])


def _sampled(objective: Objective, every: list[tuple[Array, Array]]) -> Array:
    """Return every symbol at the sampled states, ``(n_symbols, n_samples, n_starts)``."""
    states, params, order, first = [], [], [], 0
    for (stage_states, stage_params), stage in zip(every, objective.stages, strict=True):
        n_runs = len(stage.previous)
        chosen = np.flatnonzero((objective.run >= first) & (objective.run < first + n_runs))
        at = objective.run[chosen] - first
        states.append(stage_states[:, objective.moment[chosen], at])
        params.append(stage_params[:, at])
        order.append(chosen)
        first += n_runs
    back = np.argsort(np.concatenate(order))
    states, params = (jnp.concatenate(x, axis=1)[:, back] for x in (states, params))
    n_samples, n_starts = states.shape[1:]
    times = jnp.repeat(_moments(objective), n_starts)
    symbols = objective.dynamics.symbols(
        times, states.reshape(-1, n_samples * n_starts), params.reshape(-1, n_samples * n_starts)
    )
    return symbols.reshape(-1, n_samples, n_starts)
