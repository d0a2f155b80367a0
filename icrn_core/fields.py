"""Reaction and diffusion: every point of a grid holds an ICRN, and species diffuse between points.

The reactions of all points are evaluated together, points as lanes of the compiled dynamics;
diffusion is exact in the modes of the grid, and the steps are exponential integrators.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.exponential import SCHEMES, Parts, Reaction
from icrn_core.field_solution import FieldSolution
from icrn_core.field_values import Given, given_values
from icrn_core.grid import Grid
from icrn_core.solution import ResultCode
from icrn_core.transforms import LAPLACIANS, Laplacian, eigenvalues, to_modes, to_points

Checkpoint = Literal["step", "nested", "none"]
CHECKPOINTS = ("step", "nested", "none")
# A state as tensors by base species, and the same after a change of one's own.
Project = Callable[[dict[str, Array]], dict[str, Array]]


class _Choices(NamedTuple):
    """What is static in a run."""

    grid: Grid
    diffusing: tuple[str, ...]
    n_steps: int
    save_every: int
    scheme: str
    laplacian: Laplacian
    checkpoint: Checkpoint
    project: Project | None


def simulate_field(
    dynamics: Dynamics,
    values: Mapping[str, Array],
    params: Mapping[str, Array],
    diffusion: Mapping[str, Array],
    grid: Grid,
    *,
    step: float,
    n_steps: int,
    save_every: int | None = None,
    t0: float = 0.0,
    scheme: Literal["etdrk4", "etdrk2", "strang"] = "etdrk4",
    laplacian: Laplacian = "spectral",
    checkpoint: Checkpoint = "step",
    project: Project | None = None,
    dtype: np.dtype | None = None,
) -> FieldSolution:
    """Integrate dX_s/dt = D_s ∇²X_s + R_s(t, X, p) on a grid and return the fields.

    Pure JAX: works under ``jit``, ``vmap`` and ``grad``; never raises for what happens during
    the run, but notes it in ``FieldSolution.result`` (see `FieldSolution.check`).

    Parameters
    ----------
    dynamics : Dynamics
        From `compile_icrn`, without events, delays and comparisons of the state or the time.
        Species that diffuse and are read by rate laws, but that no reaction changes, are to be
        named in its ``moving``.
    values : mapping of str to array
        Initial values by base species, each ``(*base.shape, *grid.shape)``, or ``base.shape``
        for what is the same everywhere, in its ``initial_unit``.
    params : mapping of str to array
        Values by rate constant, with axes of the grid where they vary in space.
    diffusion : mapping of str to number or array
        Diffusion constants D by base species, one or one for each entry, none negative; in
        spacing² per time. Species that are not named do not diffuse.
    grid : Grid
        Points, their distances and boundaries.
    step : float
        Length of a step.
    n_steps, save_every : int
        Number of steps, and after how many the fields are saved; by default at the end alone.
    t0 : float
        Initial time.
    scheme : {"etdrk4", "etdrk2", "strang"}
        Exponential Runge–Kutta method of order 4 or 2, or Strang splitting, with Runge–Kutta
        steps of order 4 for the reactions.
    laplacian : {"spectral", "stencil"}
        That of the modes, or of second-order finite differences.
    checkpoint : {"step", "nested", "none"}
        What reverse mode stores: the state after every step, that after every √n_steps-th step
        for the price of one more run, or everything.
    project : function, optional
        Of the state as tensors ``(*base.shape, *grid.shape)`` by base species, the state after
        reactions so fast that they have ended. Other reactions see only projected states, the run
        goes on from one after each step (with "strang" after its reactions, before its last half
        of diffusion), and what is saved is projected. Doing it twice is to change nothing, and
        what it takes away is to be a sum of stoichiometries: then what the fast reactions conserve
        is stepped with the order of the scheme, as far as it is smooth. Where species that react
        fast diffuse at different rates, the order is one.
    dtype : dtype, optional
        Of the fields, float32 or float64; by default that of JAX.

    Returns
    -------
    FieldSolution

    Raises
    ------
    IcrnError
        Missing, unknown or misshapen tensors, negative diffusion constants, unknown names of
        choices, or a network with events, delays or comparisons.
    """
    save_every = n_steps if save_every is None else save_every
    given = given_values(dynamics, values, params, diffusion, grid, dtype)
    choices = _Choices(grid, given.diffusing, n_steps, save_every, scheme, laplacian, checkpoint, project)
    _check(choices, step)
    times, fields, n_good = _integrate(
        dynamics,
        given,
        jnp.asarray(t0, given.state.dtype),
        jnp.asarray(step, given.state.dtype),
        choices=choices,
    )
    code = jnp.where(n_good == n_steps, int(ResultCode.SUCCESS), int(ResultCode.NON_FINITE))
    shape = (len(times), *grid.shape)
    by_base = {
        block.name: fields[:, block.offset : block.offset + block.size].reshape(
            shape[:1] + block.shape + shape[1:]
        )
        for block in dynamics.plan.species
    }
    return FieldSolution(times, by_base, code, t0 + n_good * step, grid)


def _check(choices: _Choices, step: float) -> None:
    known = {"scheme": tuple(SCHEMES), "laplacian": LAPLACIANS, "checkpoint": CHECKPOINTS}
    for what, names in known.items():
        found = getattr(choices, what)
        if found not in names:
            raise IcrnError(f"no {what} is called '{found}' (there are: {', '.join(names)})")
    for what in ("n_steps", "save_every"):
        found = getattr(choices, what)
        if not isinstance(found, int | np.integer) or found < 1:
            raise IcrnError(f"{what} is a whole number from 1 up, found {found}")
    if choices.n_steps % choices.save_every:
        raise IcrnError(
            f"n_steps is a multiple of save_every, found {choices.n_steps} and {choices.save_every}"
        )
    if not isinstance(step, jax.core.Tracer) and not (np.ndim(step) == 0 and 0 < step < np.inf):
        raise IcrnError(f"step is a positive number, found {step}")


@partial(jax.jit, static_argnames="choices")
def _integrate(
    dynamics: Dynamics, given: Given, t0: Array, step: Array, *, choices: _Choices
) -> tuple[Array, Array, Array]:
    """Return times, fields ``(n_times, n_state, *grid.shape)`` and the number of finite steps."""
    grid, scheme = choices.grid, SCHEMES[choices.scheme]
    space = _Space(dynamics, given, grid, choices.project)
    lap = jnp.asarray(eigenvalues(grid, choices.laplacian), step.dtype)
    z = [step * given.constants.reshape(-1, *(1,) * lap.ndim) * lap, jnp.zeros((), step.dtype)]
    parts = [scheme.coefficients(step, z[k]) for k in space.present]
    coefficients = tuple(zip(*parts, strict=True))

    # Between steps the state is at points if a projection follows each, in modes otherwise.
    in_modes = choices.project is None or scheme.projects

    def advance(carry: tuple[Array, Array, Parts]) -> tuple[Array, Array, Parts]:
        k, n_good, state = carry
        modes = state if in_modes else space.to_modes(state)
        modes = scheme.step(space.reaction, coefficients, t0 + k * step, step, modes)
        state = modes if in_modes else space.project(space.to_points(modes))
        is_good = (n_good == k) & space.is_finite(state, in_modes)
        return k + 1, n_good + is_good, state

    def interval(carry: tuple, _: None) -> tuple[tuple, Array]:
        carry = _repeated(advance, carry, choices)
        points = space.project(space.to_points(carry[2])) if in_modes else carry[2]
        return carry, space.joined(points)

    start = space.parted(given.state.reshape(-1, *grid.shape))
    state = space.to_modes(start) if in_modes else start
    zero = jnp.zeros((), jnp.int32)
    n_saved = choices.n_steps // choices.save_every
    (_, n_good, _), saved = lax.scan(interval, (zero, zero, state), None, length=n_saved)
    times = t0 + step * choices.save_every * jnp.arange(n_saved + 1)
    first = space.joined(space.project(start))
    return times, jnp.concatenate([first[None], saved]), n_good


def _repeated(advance: Callable, carry: tuple, choices: _Choices) -> tuple:
    """Return the carry after the steps of an interval, with what reverse mode stores of them."""

    def many(carry: tuple, n: int) -> tuple:
        own = advance if choices.checkpoint == "none" else jax.checkpoint(advance, prevent_cse=False)
        return lax.scan(lambda c, _: (own(c), None), carry, None, length=n)[0]

    n = choices.save_every
    length = min(n, math.isqrt(choices.n_steps))
    if choices.checkpoint != "nested" or length < 2:
        return many(carry, n)
    segment = jax.checkpoint(partial(many, n=length), prevent_cse=False)
    carry = lax.scan(lambda c, _: (segment(c), None), carry, None, length=n // length)[0]
    rest = n % length
    return jax.checkpoint(partial(many, n=rest), prevent_cse=False)(carry) if rest else carry


class _Space:
    """The state on the grid as parts, what diffuses and what does not, at points and in modes."""

    def __init__(self, dynamics: Dynamics, given: Given, grid: Grid, project: Project | None) -> None:
        self.dynamics, self.grid, self.projection = dynamics, grid, project
        self.blocks = dynamics.plan.species
        self.part_of = [0 if block.name in given.diffusing else 1 for block in self.blocks]
        self.present = sorted(set(self.part_of))
        self.prepared = dynamics.prepare(given.params, given.held)
        self.boundary = given.boundary.reshape(-1, *(1,) * len(grid.shape))
        self.is_fixed = "fixed" in grid.boundary
        self.reaction = Reaction(self._in_modes, self.rate, self.to_points, self.to_modes, self.project)

    def joined(self, parts: Parts) -> Array:
        """Return parts as a state ``(n_state, *grid.shape)``."""
        if len(parts) == 1:
            return parts[0]
        at, pieces = [0, 0], []
        for block, k in zip(self.blocks, self.part_of, strict=True):
            pieces.append(parts[k][at[k] : at[k] + block.size])
            at[k] += block.size
        return jnp.concatenate(pieces)

    def parted(self, y: Array) -> Parts:
        """Return a state as parts."""
        if len(self.present) == 1:
            return (y,)
        pieces: tuple[list, list] = ([], [])
        for block, k in zip(self.blocks, self.part_of, strict=True):
            pieces[k].append(y[block.offset : block.offset + block.size])
        return tuple(jnp.concatenate(own) for own in pieces)

    def project(self, points: Parts) -> Parts:
        """Return a state at points after the projection, if there is one."""
        if self.projection is None:
            return points
        y = self.joined(points)
        rows = [(b, slice(b.offset, b.offset + b.size)) for b in self.blocks]
        found = self.projection({b.name: y[own].reshape(*b.shape, *self.grid.shape) for b, own in rows})
        whole = [found[b.name].reshape(b.size, *self.grid.shape) for b in self.blocks]
        return self.parted(jnp.concatenate(whole).astype(y.dtype))

    def to_modes(self, points: Parts) -> Parts:
        """Return a state at points in modes, of the deviation from the boundary where that is fixed."""
        if self.present[0] == 1:
            return points
        first = points[0] - self.boundary if self.is_fixed else points[0]
        return (to_modes(self.grid, first), *points[1:])

    def to_points(self, modes: Parts) -> Parts:
        """Return a state in modes at points."""
        if self.present[0] == 1:
            return modes
        first = to_points(self.grid, modes[0])
        return (first + self.boundary if self.is_fixed else first, *modes[1:])

    def is_finite(self, state: Parts, in_modes: bool) -> Array:
        """Return whether every value is finite; the first mode of an entry is so if all its points are."""
        parts = [lax.stop_gradient(x) for x in state]
        if in_modes and self.present[0] == 0:
            parts[0] = parts[0].reshape(parts[0].shape[0], -1)[:, 0]
        return jnp.isfinite(sum(jnp.sum(x) for x in parts))

    def rate(self, t: Array, points: Parts) -> Parts:
        """Return what the reactions change at each point, of the projected state."""
        dynamics, n_points = self.dynamics, self.grid.n_points
        y = self.joined(self.project(points)).reshape(-1, n_points)
        every = dynamics.n_moving == dynamics.n_state
        rate = dynamics.prepared_field(
            jnp.broadcast_to(t, (n_points,)), y if every else dynamics.moving(y), self.prepared
        )
        rate = rate if every else dynamics.whole(rate, jnp.zeros_like(y))
        return self.parted(rate.reshape(-1, *self.grid.shape))

    def _in_modes(self, t: Array, modes: Parts) -> Parts:
        rate = self.rate(t, self.to_points(modes))
        return rate if self.present[0] == 1 else (to_modes(self.grid, rate[0]), *rate[1:])
