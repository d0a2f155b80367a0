"""Linear systems of the implicit steps: sparse elimination on CPUs, else dense batched LU."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core import elimination

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics


class LinearSolver(NamedTuple):
    """How ``diag(shift) − J`` is factorised and solved with.

    Attributes
    ----------
    factor : callable
        ``factor(jacobian, shift)``: factors from the non-zeros of J, ``(n_nonzeros, n_lanes)``,
        and ``(n_lanes,)``.
    solve, solve_transposed : callable
        ``solve(factors, right)`` for ``(n, n_lanes)``.
    """

    factor: Callable
    solve: Callable
    solve_transposed: Callable


class System(NamedTuple):
    """A matrix ``diag(shift) − J`` and its factors."""

    jacobian: Array
    shift: Array
    factors: tuple


def factorised(dynamics: Dynamics, jacobian: Array, shift: Array) -> System:
    """Return a matrix with its factors, which carry no derivatives: `solved` finds them without."""
    given = lax.stop_gradient((jacobian, shift))
    return System(jacobian, shift, linear_solver(dynamics).factor(*given))


@jax.custom_jvp
def solved(dynamics: Dynamics, system: System, right: Array) -> Array:
    """Return the solution x of ``(diag(shift) − J) x = right``.

    Forward mode solves with the same factors once more:
    ``(diag(shift) − J) dx = d right − d shift x + dJ x``.
    """
    return linear_solver(dynamics).solve(system.factors, right)


@solved.defjvp
def _solved_tangent(given: tuple, along: tuple) -> tuple[Array, Array]:
    dynamics, system, _ = given
    _, by_system, by_right = along
    x = solved(*given)
    moved = dynamics.times_jacobian(by_system.jacobian, x) - by_system.shift * x
    return x, solved(dynamics, system, by_right + moved)


def linear_solver(dynamics: Dynamics) -> LinearSolver:
    """Return the linear solver for the Jacobian of a network on the device that is used.

    Elimination is a long sequence of short operations, and loses to a dense factorisation
    where operations are costly to start and cheap to widen, as on a GPU, and where the factors
    are full (`icrn_core.elimination.plan_elimination` decides).
    """
    plan = dynamics.elimination
    if plan is None or jax.default_backend() != "cpu":
        return _dense(dynamics)
    return LinearSolver(
        lambda values, shift: elimination.factor(plan, values, shift),
        lambda factors, right: elimination.solve(plan, factors, right),
        lambda factors, right: elimination.solve_transposed(plan, factors, right),
    )


def _dense(dynamics: Dynamics) -> LinearSolver:
    rows, columns = dynamics.jacobian_pattern
    n = dynamics.n_moving

    def factor(values: Array, shift: Array) -> tuple[Array, Array]:
        matrix = jnp.zeros((values.shape[1], n, n), values.dtype)
        matrix = matrix.at[:, rows, columns].add(-values.T) + shift[:, None, None] * jnp.eye(n)
        return jax.vmap(jax.scipy.linalg.lu_factor)(matrix)

    def solve(factors: tuple[Array, Array], right: Array, trans: int = 0) -> Array:
        solved = jax.vmap(lambda lu, pivots, b: jax.scipy.linalg.lu_solve((lu, pivots), b, trans=trans))
        return solved(*factors, right.T).T

    return LinearSolver(factor, solve, lambda factors, right: solve(factors, right, trans=1))
