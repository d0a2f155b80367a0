"""Steady states that the dynamics reach, and their derivatives.

The run is followed over growing times until it stands still; from there Newton's method solves

    f(t, y, p) = 0  for independent entries,   w · y = w · y₀  for dependent ones,

where each dependent entry has a conservation law w (`icrn_core.conservation`): on its own the
Jacobian of a network with totals is singular. Derivatives come from the implicit function
theorem on the same equations, by params and, through the totals, by initial values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.conservation import Laws, conservation_laws
from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.newton import Solved, System, dense_solver, newton, reciprocal_condition, reduced_jacobian
from icrn_core.simulation import absolute_tolerance, simulate
from icrn_core.solution import ResultCode

# The run is followed to these parts of its longest time.
_DECADES = 10.0 ** np.arange(-14, 1)
# Tolerance of the run, and how near to it the steady state has to lie.
_RUN, NEAR = 1e-6, 1e-3
# Below this the equations, scaled, are singular in 64-bit floats.
SINGULAR = 1e-13
# Times at which the rates of change must vanish too, relative to the time reached: no multiples of a period.
_LATER = (math.sqrt(2), math.e, math.pi**2)


class SteadyCode(IntEnum):
    """How the search for a steady state ended; ``message`` says it in words."""

    SUCCESS = 0
    NON_FINITE = 1
    NOT_REACHED = 2
    GROWING = 3
    NOT_CONVERGED = 4
    ELSEWHERE = 5
    NOT_DETERMINED = 6
    UNSTABLE = 7
    TIME_DEPENDENT = 8
    BROKEN_OFF = 9

    @property
    def message(self) -> str:
        """What happened and what to do."""
        return _MESSAGES[self]


_MESSAGES = {
    SteadyCode.SUCCESS: "success",
    SteadyCode.NON_FINITE: (
        "the rate of change is not finite: a missing value, a division by zero or an overflow"
    ),
    SteadyCode.NOT_REACHED: (
        "the state still changes (an oscillation, or a slow approach): raise t_max or max_steps"
    ),
    SteadyCode.GROWING: "the state grows without bound: some species is made and never removed",
    SteadyCode.NOT_CONVERGED: (
        "Newton's method did not reach the tolerance: loosen rtol, or raise atol if species are tiny"
    ),
    SteadyCode.ELSEWHERE: (
        "the nearest steady state is not the one that the run approaches: raise t_max or max_steps"
    ),
    SteadyCode.NOT_DETERMINED: (
        "the rates of change and the conserved totals do not determine the state (it depends on the way "
        "there, or is reached only algebraically): simulate to a long time instead"
    ),
    SteadyCode.UNSTABLE: (
        "the steady state is unstable: it is met only from exactly this initial state, move it a little"
    ),
    SteadyCode.TIME_DEPENDENT: "the rates of change depend on the time and do not stay zero",
    SteadyCode.BROKEN_OFF: (
        "the run broke off: a singularity (growth beyond all bounds), or tolerances below rounding error"
    ),
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class SteadyState:
    """What `steady_state` returns; a pytree.

    Attributes
    ----------
    state : dict of str to array
        Base species → tensor in its ``state_unit``; where the search failed, the last state
        of the run, with NaN derivatives.
    params : dict of str to array
        Rate constants after initial assignments.
    result : int array
        A `SteadyCode`.
    error : scalar
        Newton's last correction in units of the tolerance, ``atol + rtol |y|``.
    distance : scalar
        How far the run still was, relative to each entry's size.
    time : scalar
        Time to which the run was followed.
    n_newton : int array
        Newton iterations.
    """

    state: dict[str, Array]
    params: dict[str, Array]
    result: Array
    error: Array
    distance: Array
    time: Array
    n_newton: Array

    def __repr__(self) -> str:
        if isinstance(self.result, jax.core.Tracer):
            return "SteadyState(traced)"
        shapes = ", ".join(f"{name}{tuple(np.shape(s))}" for name, s in self.state.items())
        codes = {SteadyCode(int(code)).message for code in np.ravel(self.result)}
        return f"SteadyState({shapes}; {' / '.join(sorted(codes))})"

    def check(self) -> SteadyState:
        """Return the steady state if it, or each of a batch, was found.

        Raises
        ------
        IcrnError
            There is none that the dynamics reach; the message says why and what to do.
        """
        codes, times = np.ravel(self.result), np.ravel(self.time)
        failed = np.flatnonzero(codes != SteadyCode.SUCCESS)
        if not len(failed):
            return self
        first = failed[0]
        which = f" of run {first} of {len(codes)} ({len(failed)} failed)" if len(codes) > 1 else ""
        message = SteadyCode(int(codes[first])).message
        raise IcrnError(f"no steady state{which} up to t = {times[first]:.6g}: {message}")


def steady_state(
    dynamics: Dynamics,
    values: Mapping[str, Array],
    params: Mapping[str, Array],
    *,
    t0: float = 0.0,
    t_max: float = 1e9,
    rtol: float = 1e-10,
    atol: float | Array | Mapping[str, Array] = 1e-12,
    max_steps: int = 100_000,
    laws: Laws | None = None,
) -> SteadyState:
    """Return the steady state that the dynamics reach from the given initial values.

    Pure JAX: works under ``jit``, ``vmap``, ``grad`` and ``jvp``. A state comes back as found
    only if the run from the initial values stands still near it, Newton's method from there
    converges, it is stable, and it lasts; else ``SteadyState.result`` says what is wrong. All
    linear algebra is dense, of order ``n_state`` cubed.

    Parameters
    ----------
    dynamics : Dynamics
        From `compile_icrn`.
    values : mapping of str to array
        Initial values by base species, in each one's ``initial_unit``.
    params : mapping of str to array
        Values by rate constant.
    t0 : float
        Initial time.
    t_max : float
        How long the dynamics may take.
    rtol : float
        Relative tolerance of the steady state; the run is followed with 1e-6.
    atol : float, (n_state,) or mapping of str to array
        Absolute tolerance, in the units of the state, of both.
    max_steps : int
        Most steps of the run.
    laws : Laws or None
        From `icrn_core.conservation_laws`, for many searches in one network; they depend on
        which params are zero and on nothing else.

    Returns
    -------
    SteadyState

    Raises
    ------
    IcrnError
        The network has events or delays, or as `icrn_core.simulate`.
    """
    if dynamics.plan.sets_state:
        raise IcrnError(
            "the network has events or delays, which can change what its reactions conserve: "
            "no steady state is searched, simulate to a long time instead"
        )
    times = t0 + t_max * np.array([0.0, *_DECADES])
    atol = absolute_tolerance(dynamics, atol, 1e-12)
    run = simulate(
        dynamics,
        lax.stop_gradient(dict(values)),
        lax.stop_gradient(dict(params)),
        times,
        t0=t0,
        rtol=_RUN,
        atol=atol,
        max_steps=max_steps,
    )
    followed = Followed(jnp.asarray(times), run.states, run.result)
    tolerance = Tolerance(jnp.asarray(rtol, float), atol)
    return _search(dynamics, dict(values), dict(params), followed, tolerance, laws)


class Tolerance(NamedTuple):
    """Relative and absolute tolerance."""

    rtol: Array
    atol: Array

    def of(self, y: Array) -> Array:
        """Return the error that each entry may have."""
        return self.atol + self.rtol * jnp.abs(y)


class Followed(NamedTuple):
    """The run: times, the first the initial one, states by base species, and its result code."""

    times: Array
    states: dict[str, Array]
    result: Array


@jax.jit
def _search(
    dynamics: Dynamics,
    values: dict[str, Array],
    params: dict[str, Array],
    run: Followed,
    tolerance: Tolerance,
    laws: Laws | None,
) -> SteadyState:
    state, params = dynamics.initialise(values, params, run.times[0])
    y0, p = dynamics.pack_state(state), dynamics.pack_params(params)
    start, settled = lax.stop_gradient((y0, p))
    t, ends = _ends(dynamics, run, start)
    late = ends[0]
    if laws is None:
        laws = conservation_laws(dynamics, late, settled, t)
    system = System(t, jnp.abs(late) + tolerance.atol, laws)
    solved = newton(dynamics, system, late, start, settled, tolerance.of)
    code = _judge(dynamics, system, settled, solved, ends, tolerance)
    has_broken = (run.result != ResultCode.SUCCESS) & (run.result != ResultCode.MAX_STEPS)
    code = jnp.where((code == SteadyCode.NOT_REACHED) & has_broken, SteadyCode.BROKEN_OFF, code)
    rate = dynamics.vector_field(run.times[1], start, settled)
    is_sound = jnp.isfinite(rate).all() & jnp.isfinite(start).all()
    code = jnp.where(is_sound, code, SteadyCode.NON_FINITE).astype(jnp.int32)
    is_found = code == SteadyCode.SUCCESS
    y = attach(dynamics, y0, p, jnp.where(is_found, solved.y, late), system, is_found)
    distance = jnp.max(_apart(late, solved.y, tolerance), initial=0.0)
    return SteadyState(dynamics.unpack_state(y), params, code, solved.error, distance, t, solved.n)


def _ends(dynamics: Dynamics, run: Followed, start: Array) -> tuple[Array, Array]:
    """Return the time that was reached and the last three states of the run, the latest first."""
    if not dynamics.n_state:
        return run.times[-1], jnp.zeros((3, 0), start.dtype)
    states = jax.vmap(dynamics.pack_state)(run.states)
    finite = jnp.isfinite(states).all(axis=1)
    last = jnp.max(jnp.where(finite, jnp.arange(finite.size), 0))
    ends = jnp.stack([states[jnp.maximum(last - back, 0)] for back in range(3)])
    return run.times[last], jnp.where(finite[last], ends, start[None, :])


def _apart(a: Array, b: Array, tolerance: Tolerance) -> Array:
    """Return the difference relative to size, by entry, up to what the run's tolerance lets differ."""
    return apart(100 * tolerance.atol, a, b)


def apart(slack: Array, a: Array, b: Array) -> Array:
    """Return the difference relative to size, by entry, beyond what is let differ."""
    return jnp.maximum(jnp.abs(a - b) - slack, 0.0) / jnp.maximum(jnp.maximum(jnp.abs(a), jnp.abs(b)), slack)


def _judge(
    dynamics: Dynamics, system: System, params: Array, solved: Solved, ends: Array, tolerance: Tolerance
) -> Array:
    """Return the code of a state that Newton's method came to: the first that applies."""
    y, error, _ = solved
    late, before, earlier = ends
    system = system._replace(size=jnp.abs(y) + tolerance.atol)
    is_still = (_apart(late, before, tolerance) < NEAR).all()
    is_settled = (_apart(late, y, tolerance) < NEAR).all() & (_apart(before, y, tolerance) < NEAR).all()
    is_negative = (y < jnp.minimum(late, 0.0) - 100 * tolerance.atol).any()
    matrix = system.matrix(dynamics, y, params)
    speeds = jnp.linalg.eigvals(reduced_jacobian(system, matrix))
    rounding = 100 * y.size * jnp.finfo(y.dtype).eps * jnp.max(jnp.abs(speeds), initial=0.0)
    # What Newton's method would still change at a later time.
    later = lax.map(
        lambda t: system._replace(t=t).residual(dynamics, y, y, params), system.t * jnp.asarray(_LATER)
    )
    changes = jax.vmap(dense_solver(matrix, system.size))(later)
    lasts = (jnp.abs(changes) <= 100 * jnp.maximum(error, 1.0) * tolerance.of(y)[None, :]).all()
    verdicts = (
        (is_still, SteadyCode.NOT_REACHED),
        (reciprocal_condition(matrix, system.size) > SINGULAR, SteadyCode.NOT_DETERMINED),
        (lasts, SteadyCode.TIME_DEPENDENT),
        (error <= 1.0, SteadyCode.NOT_CONVERGED),
        (is_settled & ~is_negative, SteadyCode.ELSEWHERE),
        (jnp.max(speeds.real, initial=-jnp.inf) <= rounding, SteadyCode.UNSTABLE),
    )
    code = jnp.asarray(SteadyCode.SUCCESS)
    for holds, otherwise in reversed(verdicts):
        code = jnp.where(holds, code, otherwise)
    grows = (jnp.abs(late) > 5 * jnp.abs(before)) & (jnp.abs(before) > 5 * jnp.abs(earlier) + tolerance.atol)
    return jnp.where((code == SteadyCode.NOT_REACHED) & grows.any(), SteadyCode.GROWING, code)


@jax.custom_jvp
def attach(dynamics: Dynamics, y0: Array, params: Array, y: Array, system: System, is_found: Array) -> Array:
    """Return ``y`` with its derivatives by the initial state and the params, NaN where it was not found."""
    del dynamics, y0, params, system, is_found
    return y


@attach.defjvp
def _attach_tangent(given: tuple, tangents: tuple) -> tuple[Array, Array]:
    dynamics, _, params, _, system, is_found = given
    # Attached again: the tangent depends on the params through the state too.
    y = attach(*given)
    _, by_start, by_params, _, _, _ = tangents
    _, moved = jax.jvp(lambda p: dynamics.vector_field(system.t, y, p), (params,), (by_params,))
    laws = system.laws
    right = jnp.where(laws.dependent, laws.weights @ by_start, -moved)
    # Where nothing was found the matrix may be singular, and what is solved with it is not used.
    matrix = jnp.where(is_found, system.matrix(dynamics, y, params), jnp.eye(y.size))
    tangent = dense_solver(matrix, system.size)(right)
    return y, tangent * jnp.where(is_found, 1.0, jnp.nan)
