"""Damped Newton's method on the steady-state equations of a network with conserved totals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.conservation import Laws
from icrn_core.dynamics import Dynamics

_MAX_ITERATIONS, _MAX_HALVINGS = 50, 12


class System(NamedTuple):
    """The steady-state equations: rates of change, with laws in the rows of dependent entries.

    Attributes
    ----------
    t : scalar
        Time at which the rates are taken.
    size : (n_state,)
        Usual size of each entry, positive.
    laws : Laws
        Conservation laws.
    """

    t: Array
    size: Array
    laws: Laws

    def residual(self, dynamics: Dynamics, y: Array, start: Array, params: Array) -> Array:
        """Return what is zero at the steady state that has the totals of ``start``."""
        rate = dynamics.vector_field(self.t, y, params)
        return jnp.where(self.laws.dependent, self.laws.weights @ (y - start), rate)

    def matrix(self, dynamics: Dynamics, y: Array, params: Array) -> Array:
        """Return the derivative of the residual by the state."""
        jacobian = dynamics.jacobian(self.t, y, params)
        return jnp.where(self.laws.dependent[:, None], self.laws.weights, jacobian)


class Solved(NamedTuple):
    """Where Newton's method ended, its last correction in units of the tolerance, and iterations."""

    y: Array
    error: Array
    n: Array


def dense_solver(matrix: Array, size: Array) -> Callable[[Array], Array]:
    """Return x ↦ matrix⁻¹ x, with columns scaled by the sizes of the unknowns and rows by what results.

    It can be differentiated by x, forward and backward.
    """
    scaled, rows = _equilibrated(matrix, size)
    factors = jax.scipy.linalg.lu_factor(scaled)

    def solve(_, x: Array) -> Array:
        return size * jax.scipy.linalg.lu_solve(factors, x / rows)

    def solve_transposed(_, x: Array) -> Array:
        return jax.scipy.linalg.lu_solve(factors, size * x, trans=1) / rows

    return lambda x: lax.custom_linear_solve(lambda v: matrix @ v, x, solve, solve_transposed)


def _equilibrated(matrix: Array, size: Array) -> tuple[Array, Array]:
    """Return the matrix with columns scaled by sizes and rows by their largest entries, and those."""
    scaled = matrix * size[None, :]
    largest = jnp.max(jnp.abs(scaled), axis=1, initial=0.0)
    rows = jnp.where(largest == 0, 1.0, largest)
    return scaled / rows[:, None], rows


def newton(
    dynamics: Dynamics,
    system: System,
    y: Array,
    start: Array,
    params: Array,
    tolerance: Callable[[Array], Array],
) -> Solved:
    """Solve the steady-state equations from ``y``, with the totals of ``start``.

    A correction is shortened until the next one, with the same Jacobian, is shorter (natural
    monotonicity; P. Deuflhard, Newton Methods for Nonlinear Problems, 2004, section 3.3).
    """

    def length(correction: Array, y: Array) -> Array:
        found = jnp.max(jnp.abs(correction) / tolerance(y), initial=0.0)
        return jnp.where(jnp.isfinite(found), found, jnp.inf)

    def iterate(carry: tuple) -> tuple:
        y, _, n, _ = carry
        solve = dense_solver(system.matrix(dynamics, y, params), system.size)
        correction = -solve(system.residual(dynamics, y, start, params))
        full = length(correction, y)

        def next_length(part: Array) -> Array:
            there = y + part * correction
            return length(solve(system.residual(dynamics, there, start, params)), y)

        def too_long(trial: tuple) -> Array:
            part, after, k = trial
            return (after > (1 - part / 2) * full) & (after > 1.0) & (k < _MAX_HALVINGS)

        def shorten(trial: tuple) -> tuple:
            part, _, k = trial
            return part / 2, next_length(part / 2), k + 1

        one = jnp.ones((), y.dtype)
        part, after, k = lax.while_loop(too_long, shorten, (one, next_length(one), 0))
        is_stuck = ~jnp.isfinite(full) | (k >= _MAX_HALVINGS)
        # The correction that would come next is the error of where this one leads.
        return jnp.where(is_stuck, y, y + part * correction), after, n + 1, is_stuck

    def unfinished(carry: tuple) -> Array:
        _, error, n, is_stuck = carry
        return (error > 1.0) & (n < _MAX_ITERATIONS) & ~is_stuck

    first = (y, jnp.full((), jnp.inf, y.dtype), jnp.zeros((), jnp.int32), jnp.zeros((), bool))
    y, error, n, _ = lax.while_loop(unfinished, iterate, first)
    return Solved(y, error, n)


def reciprocal_condition(matrix: Array, size: Array) -> Array:
    """Return an inverse condition number of the scaled matrix, 0 where it is singular."""
    scaled, _ = _equilibrated(matrix, size)
    norm = jnp.max(jnp.sum(jnp.abs(scaled), axis=1), initial=0.0)
    inverse = jnp.max(jnp.sum(jnp.abs(jnp.linalg.inv(scaled)), axis=1), initial=0.0)
    found = 1.0 / (norm * inverse)
    return jnp.where(jnp.isfinite(inverse), found, 0.0) if matrix.size else jnp.ones((), matrix.dtype)


def reduced_jacobian(system: System, matrix: Array) -> Array:
    """Return the Jacobian of the independent entries, scaled; dependent ones decay at its own speed."""
    weights, dependent = system.laws
    identity = jnp.eye(dependent.size, dtype=matrix.dtype)
    # A dependent entry follows the others: dy_d = −Σ w dy.
    follow = jnp.where(dependent[:, None], identity - weights, identity)
    jacobian = jnp.where(dependent[:, None] | dependent[None, :], 0.0, matrix @ follow)
    jacobian = jacobian * system.size[None, :] / system.size[:, None]
    speed = jnp.max(jnp.abs(jacobian), initial=0.0)
    return jnp.where(dependent[:, None], -speed * identity, jacobian)
