"""`simulate`: the public face of the integrators."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core import kernel
from icrn_core.batches import forward, solve
from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.integrate import STEPPERS, Problem, Settings
from icrn_core.solution import Solution
from icrn_core.tensors import pack

# Updates of one factorisation above which explicit steps are taken unless others are asked for.
_MOST_UPDATES = 100_000_000


def simulate(
    dynamics: Dynamics,
    values: Mapping[str, Array],
    params: Mapping[str, Array],
    times: Array,
    *,
    t0: float = 0.0,
    solver: Literal["auto", "rodas5p", "dopri5", "dop853"] = "auto",
    rtol: float = 1e-6,
    atol: float | Array | Mapping[str, Array] | None = None,
    max_steps: int = 100_000,
    ends_if_stiff: bool = False,
    differentiate: Literal["reverse", "checkpointed", "forward"] = "reverse",
    seed: int = 0,
) -> Solution:
    """Integrate dy/dt = f(t, y, params) and return the states at the given times.

    Pure JAX: works under ``jit``, ``vmap`` and ``grad``; never raises for what happens during
    the run, but notes it in ``Solution.result`` (see `Solution.check`).

    Parameters
    ----------
    dynamics : Dynamics
        From `compile_icrn`.
    values : mapping of str to array
        Initial values by base species, in each one's ``initial_unit``.
    params : mapping of str to array
        Values by rate constant.
    times : (n_times,)
        Output times, ascending, none before ``t0``. They do not limit the steps.
    t0 : float
        Initial time.
    solver : {"auto", "rodas5p", "dopri5", "dop853"}
        Stiff (order 5, sparse analytic Jacobian) or explicit (order 5 or 8); auto is the stiff one
        unless one factorisation takes a second.
    rtol : float
        Relative tolerance.
    atol : float, (n_state,) or mapping of str to array, optional
        Absolute tolerance, in the units of the state; by base species if a mapping. What is not
        given is ``rtol / 1000`` of the entry's initial value, or, where that is zero, of the
        smallest one that is not: one number for all would leave a state below it without any
        control, and its gradients wrong.
    max_steps : int
        Most steps tried.
    ends_if_stiff : bool
        End an explicit run early, with the code ``STIFF``, once stability limits its steps.
    differentiate : {"reverse", "checkpointed", "forward"}
        Which derivatives can be taken: reverse mode by a discrete adjoint (``grad``, ``vjp``),
        which stores the state at every step, up to 4096 of them, or, "checkpointed", at
        √max_steps of them, for the price of one more solve; or forward mode through the loop
        (``jvp``, ``jacfwd``).
        Both hold what the shift of an event, or of a switch in a ``piecewise``, adds to a
        derivative; not the jumps of ``floor``, ``ceiling``, ``quotient`` and ``rem``. Through
        delays only forward mode goes. Derivatives by times and tolerances are forward mode's;
        reverse mode takes them as constants.
    seed : int
        Decides the order of events that are due at the same time with equal priority.

    Returns
    -------
    Solution

    Raises
    ------
    IcrnError
        Missing, unknown or misshapen tensors, descending times, an unknown solver, 64-bit
        floats switched off.
    """
    settings = choices(dynamics, rtol, solver, max_steps, ends_if_stiff, differentiate, seed)
    times = vector(times)
    check_times(times, t0)
    problem = Problem(times, vector(t0), vector(rtol), absolute_tolerance(dynamics, atol, np.nan))
    return integrate(
        dynamics,
        pack(dynamics.plan.species, values, "base species"),
        pack(dynamics.plan.constants, params, "rate constant"),
        problem,
        settings=settings,
    )


def choices(
    dynamics: Dynamics,
    rtol: float,
    solver: str,
    max_steps: int,
    ends_if_stiff: bool,
    differentiate: str,
    seed: int = 0,
) -> Settings:
    """Return the static choices of a solve; arguments and errors as of `simulate`."""
    _check_precision(rtol)
    if not isinstance(rtol, jax.core.Tracer) and not (np.ndim(rtol) == 0 and 0 < rtol < 1):
        raise IcrnError(f"rtol is a number between 0 and 1, not {rtol}")
    if int(max_steps) < 1:
        raise IcrnError(f"max_steps is at least 1, not {max_steps}")
    if solver not in ("auto", *STEPPERS):
        raise IcrnError(f"no solver is called '{solver}' (there are: auto, {', '.join(STEPPERS)})")
    if differentiate not in ("reverse", "checkpointed", "forward"):
        raise IcrnError(f"differentiate is 'reverse', 'checkpointed' or 'forward', not '{differentiate}'")
    if solver == "auto":
        solver = "rodas5p" if dynamics.plan.factor_cost <= _MOST_UPDATES else "dopri5"
    return Settings(
        solver,
        int(max_steps),
        bool(ends_if_stiff),
        differentiate,
        kernel.is_available(),
        int(seed),
    )


@partial(jax.jit, static_argnames="settings")
def integrate(
    dynamics: Dynamics,
    values: Array,
    params: Array,
    problem: Problem,
    *,
    settings: Settings,
) -> Solution:
    """Integrate one run from packed vectors; the compiled part of `simulate`."""
    y, params = dynamics.initial_vectors(values, params, problem.t0)
    prepared = dynamics.prepare(params[:, None], y[:, None])
    own = Problem(*(jnp.asarray(x)[..., None] for x in problem))
    moving = dynamics.moving(y)[:, None]
    own = own._replace(atol=scaled_tolerance(own, moving, dynamics.moving(own.atol)))
    run = forward if settings.differentiate == "forward" else solve
    outcome = run(settings, dynamics, own, moving, prepared)
    outcome = jax.tree.map(lambda x: x[0], outcome)
    states = jax.vmap(lambda moving: dynamics.whole(moving, y))(outcome.states)
    states = jnp.where((problem.times <= outcome.reached)[:, None], states, jnp.nan)
    return Solution(
        times=problem.times,
        states=dynamics.unpack_state(states),
        params=dynamics.unpack_params(params),
        statistics=outcome.statistics,
        result=outcome.code,
        reached=outcome.reached,
    )


def _check_precision(rtol: float) -> None:
    if not jax.config.jax_enable_x64 and not (not isinstance(rtol, jax.core.Tracer) and rtol >= 1e-5):
        raise IcrnError(
            f"64-bit floats are switched off and rtol = {rtol} is below what 32-bit floats can reach (1e-5): "
            "call jax.config.update('jax_enable_x64', True) before simulating, or raise rtol"
        )


def vector(x: Array) -> Array:
    """Return floats, outside of JAX where they are known: each of its operations takes its time."""
    if isinstance(x, jax.core.Tracer):
        return jnp.asarray(x, dtype=float)
    return np.asarray(x, jax.dtypes.canonicalize_dtype(float))


def check_times(times: Array, t0: float, most: int | None = None) -> None:
    """Check output times, as far as they are known.

    Raises
    ------
    IcrnError
        They are not a vector of 1 to ``most`` finite, ascending times from ``t0`` on.
    """
    if np.ndim(t0):
        raise IcrnError(f"t0 is one number, not an array of shape {np.shape(t0)}")
    n_most = np.inf if most is None else most
    if times.ndim != 1 or not 1 <= len(times) <= n_most:
        expected = "at least one time" if most is None else f"1 to {most} times"
        raise IcrnError(f"times is a vector of {expected}, not an array of shape {times.shape}")
    if isinstance(times, jax.core.Tracer) or isinstance(t0, jax.core.Tracer):
        return
    given = np.asarray(times)
    if not np.isfinite(given).all() or (np.diff(given) < 0).any() or given[0] < t0:
        raise IcrnError(f"times must be finite, ascend and not begin before t0 = {t0}: {given}")


def absolute_tolerance(
    dynamics: Dynamics, atol: float | Array | Mapping[str, Array] | None, default: float
) -> Array:
    """Return the absolute tolerance by entry of the state, the default where none is given.

    Raises
    ------
    IcrnError
        It names what is no base species, or has another shape.
    """
    if not isinstance(atol, Mapping):
        return _filled("atol", default if atol is None else atol, (dynamics.n_state,))
    blocks = dynamics.plan.species
    given = {b.name: _filled(f"atol of '{b.name}'", atol.get(b.name, default), b.shape) for b in blocks}
    return pack(blocks, {**atol, **given}, "base species")


def _filled(name: str, x: Array, shape: tuple[int, ...]) -> Array:
    if np.shape(x) not in ((), shape):
        raise IcrnError(f"{name} is a number or an array of shape {shape}, not of shape {np.shape(x)}")
    x = vector(x)
    if not isinstance(x, jax.core.Tracer) and (x < 0).any():
        raise IcrnError(f"{name} is not negative: {x}")
    return (jnp if isinstance(x, jax.core.Tracer) else np).broadcast_to(x, shape)


def scaled_tolerance(problem: Problem, y: Array, atol: Array) -> Array:
    """Return the absolute tolerance with what is not given taken from the initial state."""
    size = jnp.abs(lax.stop_gradient(y))
    known = (size > 0) & jnp.isfinite(size)
    smallest = jnp.min(size, axis=0, where=known, initial=jnp.inf)
    scale = jnp.where(known, size, jnp.where(jnp.isfinite(smallest), smallest, 1.0))
    return jnp.where(jnp.isnan(atol), 1e-3 * problem.rtol * scale, atol)
