"""The likelihood of measured time series, and its derivatives, for many starts at once.

What is fitted is a vector θ on the scales of its parameters. All numbers that a run, an
observable or a noise formula can name stand in one *pool*: the parameters θ stands for, fixed
numbers, and formulas of these. Runs come in *stages*: a run may begin where one of an earlier
stage ended. Runs of all starts are lanes of one solve.

    L(θ) = Σ −log p(mᵢ | yᵢ(θ), σᵢ(θ)) + Σ −log prior(θ)

For Gauss–Newton steps the Hessian is approximated by the expected Fisher information,
Σ (∂z ∂zᵀ/σ² + c ∂logσ ∂logσᵀ), with z = T(y), c = 2 for normal noise and 1 for Laplace noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.batches import forward, solve
from icrn_core.conservation import Laws
from icrn_core.dynamics import Dynamics
from icrn_core.integrate import Problem, Settings
from icrn_core.law import Law
from icrn_core.noise import Transformed, log_prior, noise_terms, on_scale
from icrn_core.scales import to_linear
from icrn_core.settling import Followed, settle, stands_still
from icrn_core.simulation import choices, scaled_tolerance
from icrn_core.solution import ResultCode


class Formulas(NamedTuple):
    """Formulas of one law, one for each row.

    Attributes
    ----------
    law : Law
        The common law.
    is_symbol : tuple of bool
        For each slot whether it reads a symbol of the model, else an entry of the pool.
    at : tuple of (n_rows,) int arrays
        For each slot, the symbol or the entry of the pool.
    rows : (n_rows,) int
        Which results these are.
    """

    law: Law
    is_symbol: tuple[bool, ...]
    at: tuple[np.ndarray, ...]
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Stage:
    """Runs that can be integrated together.

    Attributes
    ----------
    params : (n_params, n_runs) int
        Entries of the pool.
    values : (n_state, n_runs) int
        Initial values, entries of the pool, in ``initial_unit``.
    is_set : (n_state, n_runs) bool
        Whether a run begins with the initial value, not with what it goes on from.
    previous : (n_runs,) int
        The run, counted through all stages, at whose end each one begins; -1 for none.
    times : (n_times, n_runs) float
        Output times, ascending; the last is the end.
    t0 : (n_runs,) float
        Initial times.
    is_steady : bool
        Whether the runs are to the steady state: ``times`` are then a tenth of the longest time
        and that, the same for all, and the state at both is the steady one.
    laws : Laws or None
        Conservation laws of each of these runs, ``(n_runs, ...)`` (`icrn_core.steady_laws`); None
        where derivatives are to be taken through the steps.
    """

    params: np.ndarray
    values: np.ndarray
    is_set: np.ndarray
    previous: np.ndarray
    times: np.ndarray
    t0: np.ndarray
    is_steady: bool = False
    laws: Laws | None = None


class Prior(NamedTuple):
    """A prior of one parameter; ``on_scale``: of its scaled value."""

    parameter: int
    kind: str
    a: float
    b: float
    on_scale: bool


@dataclass(frozen=True, eq=False)
class Objective:
    """What is minimised; made by a binding of data to a model.

    Attributes
    ----------
    dynamics : Dynamics
        From `compile_icrn`.
    scales : (n_fitted,) int
        Positions in `icrn_core.scales.SCALES`.
    numbers : (n_numbers,) float
        Fixed entries of the pool; they follow the parameters that are fitted.
    derived : tuple of Formulas
        Entries of the pool after these, by formulas over the entries before.
    n_derived : int
        Their number.
    stages : tuple of Stage
        Runs.
    run, moment : (n_samples,) int
        Run and output time of each sampled state.
    sample : (n_data,) int
        Sample of each measurement.
    observables, noises : tuple of Formulas
        Formulas of the observables and noise parameters of the measurements.
    data : Transformed
        Measurements.
    priors : tuple of Prior
        Priors.
    """

    dynamics: Dynamics
    scales: np.ndarray
    numbers: np.ndarray
    derived: tuple[Formulas, ...]
    n_derived: int
    stages: tuple[Stage, ...]
    run: np.ndarray
    moment: np.ndarray
    sample: np.ndarray
    observables: tuple[Formulas, ...]
    noises: tuple[Formulas, ...]
    data: Transformed
    priors: tuple[Prior, ...] = ()

    @property
    def n_fitted(self) -> int:
        """Number of parameters that are fitted."""
        return len(self.scales)

    @property
    def n_data(self) -> int:
        """Number of measurements."""
        return len(self.sample)

    @property
    def n_runs(self) -> int:
        """Number of runs for one θ."""
        return sum(len(stage.previous) for stage in self.stages)


@dataclass(frozen=True)
class Accuracy:
    """How an objective's runs are integrated; as of `icrn_core.simulate`."""

    rtol: float = 1e-6
    atol: float | None = None
    max_steps: int = 10_000
    solver: str = "auto"

    def tightened(self, factor: float = 10.0) -> Accuracy:
        """Return tolerances smaller by a factor."""
        atol = None if self.atol is None else self.atol / factor
        return replace(self, rtol=self.rtol / factor, atol=atol, max_steps=10 * self.max_steps)


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


def prior_terms(objective: Objective, theta: Array) -> Array:
    """Return −log of the priors at θ, ``(n_fitted, n_starts)``, shape ``(n_starts,)``."""
    linear = to_linear(objective.scales, theta)
    total = jnp.zeros(theta.shape[1], theta.dtype)
    for prior in objective.priors:
        x = (theta if prior.on_scale else linear)[prior.parameter]
        total = total + log_prior(prior.kind, prior.a, prior.b, x)
    return total


def losses(
    objective: Objective, theta: Array, accuracy: Accuracy, differentiate: str = "reverse"
) -> tuple[Array, Array]:
    """Return the negative logarithm of the likelihood times the prior, and of the likelihood alone.

    Parameters
    ----------
    theta : (n_fitted, n_starts)
        Scaled parameters.

    Returns
    -------
    (n_starts,) arrays; ``inf`` where a run failed.
    """
    found = predict(objective, theta, accuracy, differentiate)
    likelihood = noise_terms(objective.data, found.z, found.log_sigma).sum(axis=0)
    likelihood = jnp.where(found.works & jnp.isfinite(likelihood), likelihood, jnp.inf)
    return likelihood + prior_terms(objective, theta), likelihood


class Curvature(NamedTuple):
    """Loss ``(n_starts,)``, gradient ``(n_starts, n)`` and Fisher information ``(n_starts, n, n)``."""

    loss: Array
    gradient: Array
    hessian: Array


def curvature(objective: Objective, theta: Array, accuracy: Accuracy) -> Curvature:
    """Return losses with gradients and expected Fisher information, by forward sensitivities.

    Arguments as of `losses`.
    """
    n, n_starts = theta.shape

    def predicted(theta: Array) -> tuple[tuple[Array, Array], Predicted]:
        found = predict(objective, theta, accuracy, "forward")
        return (found.z, found.log_sigma), found

    def along(direction: Array) -> tuple:
        seed = jnp.broadcast_to(direction[:, None], theta.shape)
        _, tangent, found = jax.jvp(predicted, (theta,), (seed,), has_aux=True)
        return tangent, found

    (dz, ds), found = jax.vmap(along, out_axes=((0, 0), None))(jnp.eye(n))
    data, precision = objective.data, jnp.exp(-found.log_sigma)
    by_z, by_s = jax.vjp(lambda z, s: noise_terms(data, z, s).sum(axis=0), found.z, found.log_sigma)[1](
        jnp.ones(n_starts)
    )
    gradient = jnp.einsum("kds,ds->sk", dz, by_z) + jnp.einsum("kds,ds->sk", ds, by_s)
    weight = jnp.where(data.noise == 0, 2.0, 1.0)[:, None]
    scaled = dz * precision
    hessian = jnp.einsum("ids,jds->sij", scaled, scaled) + jnp.einsum("ids,jds->sij", ds, ds * weight)
    likelihood = noise_terms(data, found.z, found.log_sigma).sum(axis=0)
    is_good = found.works & jnp.isfinite(likelihood) & jnp.isfinite(gradient).all(axis=1)
    loss = jnp.where(is_good, likelihood, jnp.inf) + prior_terms(objective, theta)
    by_prior = jax.grad(lambda x: prior_terms(objective, x).sum())
    bend = jax.vmap(lambda e: jax.jvp(by_prior, (theta,), (jnp.broadcast_to(e[:, None], theta.shape),))[1])
    diagonal = jnp.maximum(jnp.einsum("kks->sk", bend(jnp.eye(n))), 0.0)
    hessian = hessian + diagonal[:, :, None] * jnp.eye(n)
    return Curvature(loss, gradient + by_prior(theta).T, hessian)
