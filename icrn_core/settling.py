"""Runs to the steady state, many at once, as parts of an objective.

Runs are followed to a long time, and their ends made exact by Newton's method with conserved
totals. Derivatives come from the implicit function theorem: with the equations F(y, y₀, p) = 0 of
`icrn_core.newton.System`,

    ∂F/∂y dy = −∂F/∂y₀ dy₀ − ∂F/∂p dp.

Where a run's end is not the state that these equations determine (it is reached only
algebraically, say) it stands as it is, with NaN derivatives. A run that does not stand still at
its end has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.conservation import Laws
from icrn_core.dynamics import Dynamics
from icrn_core.newton import System, newton, reciprocal_condition
from icrn_core.solution import ResultCode
from icrn_core.steady import NEAR, SINGULAR, apart, attach

# Entries below this part of the largest one do not keep a state from standing still.
_SMALL = 1e-6


class Followed(NamedTuple):
    """States at a tenth of the time and at its end, ``(n_state, 2, ...)``, and result codes."""

    states: Array
    code: Array


class Settled(NamedTuple):
    """Steady states ``(n_state, n_runs, n_starts)``, NaN where the search failed, and where it did not."""

    state: Array
    works: Array


def settle(
    dynamics: Dynamics,
    laws: Laws,
    follow: Callable[[Array, Array], Followed],
    y: Array,
    params: Array,
    t: float,
    rtol: float,
    atol: Array,
) -> Settled:
    """Return the steady states that runs approach.

    Parameters
    ----------
    dynamics : Dynamics
        From `compile_icrn`.
    laws : Laws
        Conservation laws of every run: ``(n_runs, n_state, n_state)`` and ``(n_runs, n_state)``.
    follow : callable
        Integrates from initial states and params; can be differentiated.
    y : (n_state, n_runs, n_starts)
        Initial states.
    params : (n_params, n_runs, n_starts)
        Rate constants.
    t : float
        Time at the end of the runs, at which rates are taken.
    rtol, atol : float and (n_state, n_runs, n_starts)
        Tolerance.

    Returns
    -------
    Settled
    """
    run = follow(*lax.stop_gradient((y, params)))
    found = _over(partial(_polished, dynamics, t, rtol), laws, y, params, run.states, atol)
    stands = (run.code == ResultCode.SUCCESS) & stands_still(run.states, atol)
    exact = stands & found.is_exact

    def attached(laws: Laws, start: Array, params: Array, y: Array, size: Array, exact: Array) -> Array:
        system = System(jnp.asarray(t, y.dtype), size, laws)
        return attach(dynamics, start, params, y, system, exact)

    state = _over(attached, laws, y, params, found.y, found.size, exact)
    return Settled(jnp.where(stands, state, jnp.nan), stands)


def _over(function: Callable, laws: Laws, *lanes: Array):
    """Map a function of laws and lanes over runs and starts, the last two axes of all lanes."""
    by_start = jax.vmap(function, in_axes=(None, *[-1] * len(lanes)), out_axes=-1)
    laws = jax.tree.map(jnp.asarray, laws)
    return jax.vmap(by_start, in_axes=(0, *[-2] * len(lanes)), out_axes=-2)(laws, *lanes)


class _Found(NamedTuple):
    y: Array
    size: Array
    is_exact: Array


def _polished(
    dynamics: Dynamics,
    t: float,
    rtol: float,
    laws: Laws,
    start: Array,
    params: Array,
    ends: Array,
    atol: Array,
) -> _Found:
    """Return what Newton's method makes of the end of one run."""
    start, params, ends = lax.stop_gradient((start, params, ends))
    late = ends[:, 1]
    size = jnp.abs(late) + atol
    system = System(jnp.asarray(t, late.dtype), size, laws)
    solved = newton(dynamics, system, late, start, params, lambda y: atol + rtol * jnp.abs(y))
    is_near = (apart(100 * atol, late, solved.y) < NEAR).all()
    is_negative = (solved.y < jnp.minimum(late, 0.0) - 100 * atol).any()
    size = jnp.abs(solved.y) + atol
    is_regular = reciprocal_condition(system.matrix(dynamics, solved.y, params), size) > SINGULAR
    is_exact = (solved.error <= 1.0) & is_near & ~is_negative & is_regular
    return _Found(jnp.where(is_exact, solved.y, late), jnp.where(is_exact, size, 1.0), is_exact)


def stands_still(states: Array, atol: Array) -> Array:
    """Return whether ends ``(n_state, 2, ...)`` at a tenth of the time and all of it are the same."""
    late, before = states[:, 1], states[:, 0]
    slack = jnp.maximum(100 * atol, _SMALL * jnp.max(jnp.abs(late), axis=0, initial=0.0))
    return (apart(slack, late, before) < NEAR).all(axis=0)
