"""Steppers of fixed length, for comparison with methods of papers and for long, rough runs.

- ``euler``: x + h f(x), order 1.
- ``rk4``: the classical method of Runge and Kutta, order 4.
- ``patankar``: positive and conservative, order 2. With fluxes v_r, net stoichiometry N and
  R_r the species that reaction r uses up (Heun's method with Patankar weights, after Burchard,
  Deleersnijder and Meister, Appl. Numer. Math. 47, 2003, one weight for each reaction):

      x¹ = x + h Σ_r N_r v_r(x)                    min over R_r of  x¹ₘ / xₘ
      x⁺ = x + h Σ_r N_r (v_r(x) + v_r(x¹)) / 2    min over R_r of  x⁺ₘ / x¹ₘ

  A reaction is slowed down as a whole, so that every conservation law of the stoichiometry holds,
  and no species can be used up: x⁺ ≥ x / (1 + h · consumption / x) > 0. Where a step is so long that
  no such x⁺ is found, the run ends.

Nothing is clipped: what is negative, or not finite, shows that the step is too long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.compile import compile_icrn
from icrn_core.crossings import decided
from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.icrn import ICRN
from icrn_core.reaction_table import all_fluxes, net_changes
from icrn_core.solution import ResultCode, Solution, Statistics
from icrn_core.stability import refuse_unstable
from icrn_core.tensors import check_finite, pack

Scheme = Literal["euler", "rk4", "patankar"]
SCHEMES: tuple[Scheme, ...] = ("euler", "rk4", "patankar")
# Evaluations of the fluxes in a step.
_STAGES = {"euler": 1, "rk4": 4, "patankar": 2}
# Below this an amount counts as this much, where it divides.
_LEAST = 1e-100
# A guess whose amounts are negative by more than this share of the largest one is none.
_ROUNDING = 1e-14
# Guesses of what limits the reactions: how many are changed together, and how many there are at most.
_TOGETHER, _MOST_CHOICES = 20, 200


class Table(NamedTuple):
    """Net changes of every reaction, see `icrn_core.reaction_table`."""

    entries: Array
    changes: Array


def simulate_fixed(
    icrn: ICRN,
    values: Mapping[str, Array],
    params: Mapping[str, Array],
    *,
    step: float,
    n_steps: int,
    scheme: Scheme = "rk4",
    save_every: int = 1,
    t0: float = 0.0,
    project: Callable[[dict[str, Array]], dict[str, Array]] | None = None,
) -> Solution:
    """Integrate dx/dt = N v(t, x) in steps of one length; pure JAX: ``jit``, ``vmap`` and ``grad``.

    Parameters
    ----------
    icrn : ICRN
        Without events and delays.
    values, params : mapping of str to array
        Initial values by base species and values by rate constant.
    step : float
        Length of a step.
    n_steps, save_every : int
        Number of steps, a multiple of ``save_every``, after which a state is saved each time.
    scheme : {"euler", "rk4", "patankar"}
        See the module. ``patankar`` solves a dense system of the size of the state.
    t0 : float
        Initial time.
    project : callable, optional
        Applied to the tensors by base species, such as `icrn_core.limiting_reagents`: what reactions
        leave that are so fast that they have ended. Other reactions see projected states only, and
        the run goes on from one after every step.

    Returns
    -------
    Solution
        Times ``t0, t0 + save_every · step, ...``; after a state that is not finite its result says so.

    Raises
    ------
    IcrnError
        An unknown scheme, a step that is not positive or, at the start, unstable for an explicit
        scheme, numbers of steps that do not fit, tensors that do not fit or are not finite,
        events or delays.
    """
    if not isinstance(icrn, ICRN):
        raise IcrnError(f"expected an ICRN, such as network.icrn, found {type(icrn).__name__}")
    if scheme not in SCHEMES:
        raise IcrnError(f"no scheme is called '{scheme}' (there are: {', '.join(SCHEMES)})")
    if not isinstance(step, jax.core.Tracer) and not 0 < step < float("inf"):
        raise IcrnError(f"a step is a positive number, not {step}")
    if n_steps < 1 or save_every < 1 or n_steps % save_every:
        raise IcrnError(f"n_steps = {n_steps} is no multiple of save_every = {save_every}, or one is below 1")
    if icrn.events or icrn.delays:
        raise IcrnError("steps of fixed length know no events and delays: use icrn_core.simulate")
    dynamics = compile_icrn(icrn)
    if scheme == "patankar" and any(base.state_unit != "amount" for base in icrn.species):
        raise IcrnError("the scheme 'patankar' needs reactions alone: a base species here has a rate rule")
    table = Table(*map(jnp.asarray, net_changes(icrn, dynamics.n_state)))
    given = (
        pack(dynamics.plan.species, values, "base species"),
        pack(dynamics.plan.constants, params, "rate constant"),
    )
    if not dynamics.plan.initial.levels:
        check_finite(dynamics.plan.species, given[0], "base species")
        check_finite(dynamics.plan.constants, given[1], "rate constant")
    refuse_unstable(dynamics, *given, t0, step, scheme)
    return _run(
        dynamics, table, *given, jnp.asarray(step), jnp.asarray(t0), n_steps, save_every, scheme, project
    )


@partial(jax.jit, static_argnums=(6, 7, 8, 9))
def _run(
    dynamics: Dynamics,
    table: Table,
    values: Array,
    params: Array,
    step: Array,
    t0: Array,
    n_steps: int,
    save_every: int,
    scheme: Scheme,
    project: Callable | None,
) -> Solution:
    y, params = dynamics.initial_vectors(values, params, t0)
    prepared = dynamics.prepare(params[:, None], y[:, None])
    advance = {"euler": _euler, "rk4": _rk4, "patankar": _patankar}[scheme]

    def projected(y: Array) -> Array:
        return y if project is None else dynamics.pack_state(project(dynamics.unpack_state(y)))

    def fluxes(t: Array, y: Array) -> Array:
        return all_fluxes(dynamics, t[None], projected(y)[:, None], prepared)[:, 0]

    def rate(t: Array, y: Array) -> Array:
        moving = dynamics.moving(projected(y))[:, None]
        now = decided(dynamics, prepared, t[None], moving)
        return dynamics.whole(dynamics.prepared_field(t[None], moving, now)[:, 0], jnp.zeros_like(y))

    @jax.checkpoint
    def one(y: Array, k: Array) -> tuple[Array, None]:
        t = t0 + k * step
        y = advance(table, fluxes if scheme == "patankar" else rate, t, y, step)
        return projected(y), None

    def many(y: Array, first: Array) -> tuple[Array, Array]:
        y, _ = lax.scan(one, y, first + jnp.arange(save_every))
        return y, y

    y = projected(y)
    _, states = lax.scan(many, y, save_every * jnp.arange(n_steps // save_every))
    states = jnp.concatenate([y[None], states])
    times = t0 + step * save_every * jnp.arange(len(states))
    is_finite = jnp.isfinite(states).all(axis=1)
    code = jnp.where(is_finite.all(), ResultCode.SUCCESS, ResultCode.UNSTABLE).astype(jnp.int32)
    count = jnp.asarray(n_steps)
    return Solution(
        times=times,
        states=dynamics.unpack_state(states),
        params=dynamics.unpack_params(params),
        statistics=Statistics(count, 0 * count, count * _STAGES[scheme], 0 * count),
        result=code,
        reached=times[jnp.maximum(is_finite.sum() - 1, 0)],
    )


def _euler(table: Table, rate: Callable, t: Array, y: Array, h: Array) -> Array:
    del table
    return y + h * rate(t, y)


def _rk4(table: Table, rate: Callable, t: Array, y: Array, h: Array) -> Array:
    del table
    first = rate(t, y)
    second = rate(t + h / 2, y + h / 2 * first)
    third = rate(t + h / 2, y + h / 2 * second)
    fourth = rate(t + h, y + h * third)
    return y + h / 6 * (first + 2 * second + 2 * third + fourth)


def _patankar(table: Table, fluxes: Callable, t: Array, y: Array, h: Array) -> Array:
    first = fluxes(t, y)
    middle = _weighted(table, first, y, y, h)
    return _weighted(table, 0.5 * (first + fluxes(t + h, middle)), y, middle, h)


def _weighted(table: Table, flux: Array, y: Array, scale: Array, h: Array) -> Array:
    """Return x with x = y + h Σ N_r v_r min over R_r of xₘ / scaleₘ.

    Which species limits each reaction is guessed from the last x, and the linear system of that
    guess solved, until the guess holds.
    """
    n = y.shape[0]
    changes = table.changes * jnp.sign(flux)[:, None]
    uses = changes < 0
    is_limited = uses.any(axis=1)
    scale = jnp.maximum(scale, _LEAST)
    padded = jnp.minimum(table.entries, n - 1)

    def limits(x: Array) -> Array:
        return jnp.where(uses, (x / scale)[padded], jnp.inf).argmin(axis=1)

    def solved(choice: Array) -> Array:
        limiting = jnp.take_along_axis(padded, choice[:, None], axis=1)[:, 0]
        amount = h * jnp.abs(flux)
        weight = jnp.where(is_limited, amount / scale[limiting], 0.0)
        free = jnp.where(is_limited, 0.0, amount)
        matrix = jnp.eye(n + 1, dtype=y.dtype)[:, :n]
        matrix = matrix.at[table.entries, limiting[:, None]].add(-changes * weight[:, None])
        right = jnp.zeros(n + 1, y.dtype).at[table.entries].add(changes * free[:, None])
        return jnp.linalg.solve(matrix[:n], y + right[:n])

    def differs(given: tuple[Array, Array, Array]) -> Array:
        last, choice, k = given
        return (last != choice).any() & (k < _MOST_CHOICES)

    def again(given: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        _, choice, k = given
        found = limits(solved(choice))
        # Changed together, guesses may go round in circles: then only the first one that is wrong.
        is_first = jnp.arange(len(choice)) == (found != choice).argmax()
        return choice, jnp.where((k < _TOGETHER) | is_first, found, choice), k + 1

    if not table.changes.shape[1]:
        return y
    start = limits(lax.stop_gradient(y))
    begin = lax.stop_gradient((jnp.full_like(start, -1), start, jnp.asarray(0)))
    last, choice, _ = lax.while_loop(differs, again, begin)
    found = solved(choice)
    is_positive = (found >= -_ROUNDING * jnp.abs(y).max(initial=0.0)).all()
    return jnp.where((last == choice).all() & is_positive, found, jnp.nan)
