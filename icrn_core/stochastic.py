"""Stochastic runs: every reaction happens at random moments, at its flux as propensity.

With counts X, propensities a_r(X) = flux of reaction r, and N the net stoichiometry:

- ``ssa``, the direct method (Gillespie, J. Phys. Chem. 81, 1977): the next reaction happens after an
  exponential time of mean 1/Σa, and is r with probability a_r/Σa. Exact.
- ``tau-leaping`` (Cao, Gillespie and Petzold, J. Chem. Phys. 124, 2006): in a time τ in which no
  propensity changes by more than about ``epsilon`` of its size, r happens Poisson(a_r τ) times. A
  leap that would make a count negative is taken again with half of τ; leaps of less than ten events
  are single events.

Runs are lanes, the last axis, of one loop. Propensities are those of the folded network, evaluated
kind by kind; a law is taken as it stands: ``k*X*(X-1)/2`` where the modeller counts pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.compile import compile_icrn
from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.icrn import ICRN
from icrn_core.layout import Layout
from icrn_core.reaction_table import all_fluxes, net_changes
from icrn_core.simulation import check_times, vector
from icrn_core.tensors import pack

Method = Literal["ssa", "tau-leaping"]
METHODS: tuple[Method, ...] = ("ssa", "tau-leaping")
# A leap shorter than this many mean times between events is one event instead.
_FEWEST_EVENTS = 10.0


class StochasticCode(IntEnum):
    """How a stochastic run ended; ``message`` says it in words."""

    SUCCESS = 0
    MAX_EVENTS = 1
    NEGATIVE = 2
    NON_FINITE = 3

    @property
    def message(self) -> str:
        """What happened and what to do."""
        return _MESSAGES[self]


_MESSAGES = {
    StochasticCode.SUCCESS: "success",
    StochasticCode.MAX_EVENTS: "the maximum number of events was reached: raise max_events or leap",
    StochasticCode.NEGATIVE: (
        "a propensity is negative: a law subtracts a backward rate, write two irreversible reactions"
    ),
    StochasticCode.NON_FINITE: (
        "a propensity is not finite: a missing value, a division by zero or an overflow"
    ),
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class StochasticRuns:
    """What `simulate_stochastic` returns; a pytree.

    Attributes
    ----------
    times : (n_times,)
        Output times.
    states : dict of str to array
        Base species → counts, ``(n_runs, n_times, *base.shape)``; NaN where a run broke off.
    n_events : (n_runs,) int array
        Events, or leaps.
    result : (n_runs,) int array
        A `StochasticCode` each.
    """

    times: Array
    states: dict[str, Array]
    n_events: Array
    result: Array

    def check(self) -> StochasticRuns:
        """Return the runs if all of them reached the last time.

        Raises
        ------
        IcrnError
            One did not; the message says why and what to do.
        """
        codes = np.ravel(self.result)
        failed = np.flatnonzero(codes)
        if len(failed):
            code = StochasticCode(int(codes[failed[0]]))
            raise IcrnError(
                f"stochastic run {failed[0]} of {len(codes)} ({len(failed)} failed): {code.message}"
            )
        return self


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class StochasticNetwork:
    """A network compiled for stochastic runs; a pytree.

    Attributes
    ----------
    dynamics : Dynamics
        What evaluates the propensities.
    entries, changes : (n_reactions, n_terms) int and float array
        Positions in the state that each reaction changes, ``n_state`` where there are fewer, and by how much.
    used, amounts : (n_reactions, n_used) int and float array
        The positions of which each reaction uses something up, and how much of them.
    order : (n_state,) float array
        Highest order of the reactions that use up an entry, g of the choice of τ.
    """

    dynamics: Dynamics
    entries: Array
    changes: Array
    used: Array
    amounts: Array
    order: Array


def compile_stochastic(icrn: ICRN) -> StochasticNetwork:
    """Compile a network for `simulate_stochastic`.

    Raises
    ------
    IcrnError
        Its state does not change by whole reactions alone (events, delays, rate rules), laws read
        the time, or a species is not held as an amount; the message names it.
    """
    if icrn.events or icrn.delays:
        raise IcrnError("a stochastic run knows no events and delays: leave them out")
    for base in icrn.species:
        if base.state_unit != "amount":
            raise IcrnError(
                f"base species '{base.name}' is held as a concentration (it has a rate rule): "
                "a stochastic run counts amounts"
            )
    dynamics = compile_icrn(icrn)
    if dynamics.plan.reads_time:
        raise IcrnError("a law depends on the time: a stochastic run keeps propensities between events")
    entries, changes = net_changes(icrn, dynamics.n_state)
    if (changes != np.round(changes)).any():
        raise IcrnError("a stoichiometry is no whole number: a stochastic run counts molecules")
    order = jnp.asarray(_orders(Layout(icrn), icrn, dynamics.n_state))
    tables = (entries, changes, *_used(entries, changes, dynamics.n_state))
    return StochasticNetwork(dynamics, *map(jnp.asarray, tables), order)


def _used(entries: np.ndarray, changes: np.ndarray, n_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what reactions use up: positions, ``n_state`` where there are fewer, and amounts."""
    width = int((changes < 0).sum(axis=1).max(initial=0))
    first = np.argsort(changes >= 0, axis=1, kind="stable")[:, :width]
    amounts = np.maximum(-np.take_along_axis(changes, first, axis=1), 0.0)
    return np.where(amounts > 0, np.take_along_axis(entries, first, axis=1), n_state), amounts


def _orders(layout: Layout, icrn: ICRN, n_state: int) -> np.ndarray:
    order = np.ones(n_state)
    for reaction in icrn.reactions:
        total = sum(term.stoichiometry for term in reaction.reactants)
        for term in reaction.reactants:
            np.maximum.at(order, layout.positions(term.species, reaction.domain), total)
    return order


def simulate_stochastic(
    network: StochasticNetwork,
    values: Mapping[str, Array],
    params: Mapping[str, Array],
    times: Array,
    *,
    n_runs: int = 1,
    seed: int = 0,
    method: Method = "ssa",
    t0: float = 0.0,
    epsilon: float = 0.03,
    max_events: int = 10_000_000,
) -> StochasticRuns:
    """Return runs that differ in their random numbers.

    Parameters
    ----------
    network : StochasticNetwork
        From `compile_stochastic`.
    values : mapping of str to array
        Initial counts by base species: whole numbers.
    params : mapping of str to array
        Values by rate constant.
    times : (n_times,)
        Output times, ascending, none before ``t0``.
    n_runs : int
        Number of runs.
    seed : int
        The same seed gives the same runs.
    method : {"ssa", "tau-leaping"}
        Exact, or approximate and faster where counts are large.
    t0 : float
        Initial time.
    epsilon : float
        Relative change of propensities in one leap.
    max_events : int
        Most events, or leaps, between two output times.

    Returns
    -------
    StochasticRuns

    Raises
    ------
    IcrnError
        An unknown method, counts that are negative or no whole numbers, tensors that do not fit.
    """
    if method not in METHODS:
        raise IcrnError(f"no stochastic method is called '{method}' (there are: {', '.join(METHODS)})")
    if int(n_runs) < 1:
        raise IcrnError(f"n_runs is at least 1, not {n_runs}")
    if not 0 < epsilon < 1:
        raise IcrnError(f"epsilon is a number between 0 and 1, not {epsilon}")
    times = vector(times)
    check_times(times, t0)
    dynamics = network.dynamics
    y, p = dynamics.initial_vectors(
        pack(dynamics.plan.species, values, "base species"),
        pack(dynamics.plan.constants, params, "rate constant"),
        t0,
    )
    _check_counts(dynamics, y)
    settings = Settings(int(n_runs), method, float(epsilon), int(max_events))
    return _run(network, y, p, times, jnp.asarray(t0, times.dtype), jax.random.key(seed), settings)


def _check_counts(dynamics: Dynamics, y: Array) -> None:
    for name, tensor in dynamics.unpack_state(np.asarray(y)).items():
        bad = tensor[~((tensor >= 0) & (tensor == np.round(tensor)))]
        if bad.size:
            raise IcrnError(
                f"the initial counts of '{name}' are whole numbers from 0 up, found {bad.flat[0]}"
            )


class Settings(NamedTuple):
    """Static choices of a run."""

    n_runs: int
    method: Method
    epsilon: float
    max_events: int


class _Lanes(NamedTuple):
    """Times (n_runs,), counts (n_state, n_runs), key, which are at the output time, codes, events."""

    t: Array
    y: Array
    key: Array
    is_done: Array
    code: Array
    n: Array


@partial(jax.jit, static_argnames="settings")
def _run(
    network: StochasticNetwork,
    y: Array,
    params: Array,
    times: Array,
    t0: Array,
    key: Array,
    settings: Settings,
) -> StochasticRuns:
    dynamics, n = network.dynamics, settings.n_runs
    y = jnp.repeat(y[:, None], n, axis=1)
    prepared = dynamics.prepare(params[:, None], y)
    advance = _leap if settings.method == "tau-leaping" else _event

    def propensities(y: Array) -> Array:
        """Return kinetic laws; 0 where the reactants are not all there."""
        law = all_fluxes(dynamics, jnp.broadcast_to(t0, (n,)), y, prepared)
        padded = jnp.concatenate([y, jnp.full((1, n), jnp.inf, y.dtype)])
        return jnp.where((padded[network.used] >= network.amounts[..., None]).all(axis=1), law, 0.0)

    def until(lanes: _Lanes, time: Array) -> tuple[_Lanes, Array]:
        first = lanes.n

        def goes_on(lanes: _Lanes) -> Array:
            return ~lanes.is_done.all()

        def step(lanes: _Lanes) -> _Lanes:
            a = propensities(lanes.y)
            after = advance(network, settings, lanes, a, time)
            fails = [
                (after.n - first >= settings.max_events, StochasticCode.MAX_EVENTS),
                ((a < 0).any(axis=0), StochasticCode.NEGATIVE),
                (~jnp.isfinite(a).all(axis=0), StochasticCode.NON_FINITE),
            ]
            code = after.code
            for failed, reason in fails:
                code = jnp.where(failed & ~lanes.is_done, reason, code)
            return after._replace(code=code, is_done=after.is_done | (code != StochasticCode.SUCCESS))

        begun = lanes._replace(is_done=(lanes.t >= time) | (lanes.code != StochasticCode.SUCCESS))
        lanes = lax.while_loop(goes_on, step, begun)
        return lanes, jnp.where(lanes.code == StochasticCode.SUCCESS, lanes.y, jnp.nan)

    counts = jnp.zeros(n, jnp.int64 if jax.config.jax_enable_x64 else jnp.int32)
    codes = jnp.full(n, int(StochasticCode.SUCCESS), jnp.int32)
    lanes = _Lanes(jnp.full(n, t0), y, key, jnp.zeros(n, bool), codes, counts)
    lanes, states = lax.scan(until, lanes, times)
    states = jax.vmap(jax.vmap(dynamics.unpack_state), in_axes=2)(states)
    return StochasticRuns(times, states, lanes.n, lanes.code)


def _event(network: StochasticNetwork, settings: Settings, lanes: _Lanes, a: Array, time: Array) -> _Lanes:
    """Let one reaction happen in every run, or none before the output time."""
    key, wait, choice = jax.random.split(lanes.key, 3)
    n = lanes.t.shape[0]
    cumulative = jnp.cumsum(a, axis=0)
    total = cumulative[-1] if len(a) else jnp.zeros(n)
    t = lanes.t + jax.random.exponential(wait, (n,), total.dtype) / total
    # Waiting times have no memory: what would happen later is drawn anew after the output.
    happens = ~lanes.is_done & (t <= time) & (total > 0)
    if not len(a):
        return lanes._replace(is_done=jnp.ones(n, bool), key=key)
    level = jax.random.uniform(choice, (n,), total.dtype) * total
    # Not "at or above": a reaction of propensity zero never happens.
    which = jnp.minimum((cumulative <= level).sum(axis=0), len(a) - 1)
    changes = jnp.where(happens[:, None], network.changes[which], 0.0)
    y = lanes.y.at[network.entries[which], jnp.arange(n)[:, None]].add(changes, mode="drop")
    return lanes._replace(
        t=jnp.where(happens, t, jnp.where(lanes.is_done, lanes.t, time)),
        y=y,
        key=key,
        is_done=~happens,
        n=lanes.n + happens,
    )


def _leap(network: StochasticNetwork, settings: Settings, lanes: _Lanes, a: Array, time: Array) -> _Lanes:
    """Let every reaction happen a random number of times, or one of them once where that is few."""
    total = a.sum(axis=0)
    single = _event(network, settings, lanes, a, time)
    key, draw = jax.random.split(single.key)
    tau = jnp.minimum(_leap_length(network, settings, lanes.y, a), time - lanes.t)
    is_long = tau * total >= _FEWEST_EVENTS

    def changed(tau: Array, draw: Array) -> Array:
        events = jax.random.poisson(draw, jnp.where(is_long, a * tau, 0.0)).astype(lanes.y.dtype)
        return lanes.y + _total_changes(network, network.changes, events)

    def too_long(given: tuple[Array, Array, Array]) -> Array:
        return (given[1] < 0).any()

    def halve(given: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        tau, y, draw = given
        draw, again = jax.random.split(draw)
        is_bad = (y < 0).any(axis=0)
        tau = jnp.where(is_bad, 0.5 * tau, tau)
        return tau, jnp.where(is_bad, changed(tau, again), y), draw

    tau, y, _ = lax.while_loop(too_long, halve, (tau, changed(tau, draw), draw))
    leaps = is_long & ~lanes.is_done
    reached = lanes.t + tau
    return _Lanes(
        t=jnp.where(leaps, reached, single.t),
        y=jnp.where(leaps, y, single.y),
        key=key,
        is_done=jnp.where(leaps, reached >= time, single.is_done),
        code=lanes.code,
        n=jnp.where(leaps, lanes.n + 1, single.n),
    )


def _total_changes(network: StochasticNetwork, changes: Array, events: Array) -> Array:
    """Return Σ changes · events for every count, of so many events of each reaction, lanes last."""
    n_state = network.order.shape[0]
    terms = changes[:, :, None] * events[:, None, :]
    flat = network.entries.reshape(-1)
    totals = jnp.zeros((n_state + 1, events.shape[1]), events.dtype)
    return totals.at[flat].add(terms.reshape(flat.shape[0], -1))[:n_state]


def _leap_length(network: StochasticNetwork, settings: Settings, y: Array, a: Array) -> Array:
    """Return τ by the bound on the relative change of propensities, eq. 33 of Cao et al."""
    mean = jnp.abs(_total_changes(network, network.changes, a))
    variance = _total_changes(network, network.changes**2, a)
    bound = jnp.maximum(settings.epsilon * y / network.order[:, None], 1.0)
    none = jnp.inf
    by_mean = jnp.where(mean > 0, bound / jnp.where(mean > 0, mean, 1.0), none)
    by_variance = jnp.where(variance > 0, bound**2 / jnp.where(variance > 0, variance, 1.0), none)
    return jnp.minimum(by_mean, by_variance).min(axis=0, initial=none)
