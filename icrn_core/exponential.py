"""Steps of dX/dt = L X + R(t, X) with a diagonal L of which the exponential is exact.

Of a state in modes, a tuple of arrays, each scheme takes the numbers z = h L once and then steps
with them. Sources: Cox and Matthews, J. Comput. Phys. 176:430 (2002), for etdrk2 and etdrk4;
Strang, SIAM J. Numer. Anal. 5:506 (1968).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

# A state in modes, or the numbers that multiply it: arrays of what diffuses and of what does not.
Parts = tuple[Array, ...]
# Below this |z| the Taylor series of the φ functions is exact to rounding with so many terms.
_SERIES_BELOW, _N_TERMS = 1.0, 18


class Reaction(NamedTuple):
    """The reactions as steps see them.

    Attributes
    ----------
    in_modes : function
        Of a time and a state in modes, the rate of change R in modes.
    at_points : function
        Of a time and a state at points, the rate of change there.
    to_points, to_modes : function
        The transforms of a state.
    project : function
        What follows the reactions of each step, of a state at points.
    """

    in_modes: Callable[[Array, Parts], Parts]
    at_points: Callable[[Array, Parts], Parts]
    to_points: Callable[[Parts], Parts]
    to_modes: Callable[[Parts], Parts]
    project: Callable[[Parts], Parts]


class Scheme(NamedTuple):
    """A scheme: what it computes once from h and z, and its step; ``order`` is that of its error.

    ``projects`` says that the projection is part of its step, and does not follow it.
    """

    order: int
    projects: bool
    coefficients: Callable[[Array, Array], tuple[Array, ...]]
    step: Callable[[Reaction, tuple[Parts, ...], Array, Array, Parts], Parts]


def phi(z: Array, k: int) -> Array:
    """Return φ_k(z) = ∫₀¹ e^((1 − s) z) s^(k − 1) / (k − 1)! ds for real z, accurate near 0.

    φ₁ = (e^z − 1)/z, φ₂ = (φ₁ − 1)/z, φ₃ = (φ₂ − 1/2)/z.
    """
    near = jnp.abs(z) < _SERIES_BELOW
    small = jnp.where(near, z, 0.0)
    series = jnp.ones_like(z)
    for j in range(_N_TERMS, 0, -1):
        series = 1.0 + series * small / (j + k)
    far = jnp.where(near, 1.0, z)
    value, factorial = jnp.exp(far), 1.0
    for j in range(1, k + 1):
        value = (value - 1.0 / factorial) / far
        factorial *= j
        series = series / j
    return jnp.where(near, series, value)


def _etdrk4_coefficients(h: Array, z: Array) -> tuple[Array, ...]:
    one, two, three = (phi(z, k) for k in (1, 2, 3))
    return (
        jnp.exp(z),
        jnp.exp(0.5 * z),
        0.5 * h * phi(0.5 * z, 1),
        h * (one - 3.0 * two + 4.0 * three),
        2.0 * h * (two - 2.0 * three),
        h * (4.0 * three - two),
    )


def _etdrk4(reaction: Reaction, coefficients: tuple[Parts, ...], t: Array, h: Array, u: Parts) -> Parts:
    whole, half, inner, first, middle, last = coefficients
    at_u = reaction.in_modes(t, u)
    decayed = _times(half, u)
    a = _plus(decayed, _times(inner, at_u))
    at_a = reaction.in_modes(t + 0.5 * h, a)
    at_b = reaction.in_modes(t + 0.5 * h, _plus(decayed, _times(inner, at_a)))
    slope = tuple(2.0 * b - n for b, n in zip(at_b, at_u, strict=True))
    at_c = reaction.in_modes(t + h, _plus(_times(half, a), _times(inner, slope)))
    change = _plus(_times(first, at_u), _times(middle, _plus(at_a, at_b)), _times(last, at_c))
    return _plus(_times(whole, u), change)


def _etdrk2_coefficients(h: Array, z: Array) -> tuple[Array, ...]:
    return jnp.exp(z), h * phi(z, 1), h * phi(z, 2)


def _etdrk2(reaction: Reaction, coefficients: tuple[Parts, ...], t: Array, h: Array, u: Parts) -> Parts:
    whole, first, second = coefficients
    at_u = reaction.in_modes(t, u)
    a = _plus(_times(whole, u), _times(first, at_u))
    change = tuple(n - m for n, m in zip(reaction.in_modes(t + h, a), at_u, strict=True))
    return _plus(a, _times(second, change))


def _strang_coefficients(h: Array, z: Array) -> tuple[Array, ...]:
    return (jnp.exp(0.5 * z),)


def _strang(reaction: Reaction, coefficients: tuple[Parts, ...], t: Array, h: Array, u: Parts) -> Parts:
    (half,) = coefficients
    reacted = runge_kutta(reaction.at_points, t, h, reaction.to_points(_times(half, u)))
    return _times(half, reaction.to_modes(reaction.project(reacted)))


def runge_kutta(rate: Callable[[Array, Parts], Parts], t: Array, h: Array, u: Parts) -> Parts:
    """Return the state after one step of the classical Runge–Kutta method of order 4."""

    def ahead(c: float, k: Parts) -> Parts:
        return tuple(x + c * h * y for x, y in zip(u, k, strict=True))

    k1 = rate(t, u)
    k2 = rate(t + 0.5 * h, ahead(0.5, k1))
    k3 = rate(t + 0.5 * h, ahead(0.5, k2))
    k4 = rate(t + h, ahead(1.0, k3))
    return tuple(
        x + h / 6.0 * (a + 2.0 * (b + c) + d) for x, a, b, c, d in zip(u, k1, k2, k3, k4, strict=True)
    )


SCHEMES = {
    "etdrk4": Scheme(4, False, _etdrk4_coefficients, _etdrk4),
    "etdrk2": Scheme(2, False, _etdrk2_coefficients, _etdrk2),
    "strang": Scheme(2, True, _strang_coefficients, _strang),
}


def _times(numbers: Parts, x: Parts) -> Parts:
    return tuple(a * b for a, b in zip(numbers, x, strict=True))


def _plus(*states: Parts) -> Parts:
    return tuple(sum(parts[1:], parts[0]) for parts in zip(*states, strict=True))
