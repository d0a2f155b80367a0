"""F and k from a pattern: the loss of a run that starts from it, and its descent from many starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from gray_scott_textures.network import Medium, Rates
from gray_scott_textures.texture import Filters, distance, grams, random_filters
from icrn_core import minimise

# Wells that keep F and k where patterns can be.
LOWER, UPPER = Rates(0.005, 0.025), Rates(0.085, 0.085)
WEIGHTS = {"texture": 0.5, "moments": 1.0, "wells": 100.0}


@dataclass(frozen=True)
class Target:
    """What a run is to look like.

    Attributes
    ----------
    pattern : (2, n, n)
        U and V, from which the runs start.
    filters : Filters
        Random filters.
    grams : list of (n_out, n_out)
        Of the pattern.
    moments : (4,)
        That are wanted, see `moments`.
    """

    pattern: Array
    filters: Filters
    grams: list[Array]
    moments: Array


def moments(state: Array) -> Array:
    """Return the means of U and V over the points, then their variances, ``(4,)``, of ``(2, n, n)``."""
    return jnp.concatenate([jnp.mean(state, axis=(1, 2)), jnp.var(state, axis=(1, 2))])


def target_of(pattern: Array, references: Array, seed: int = 0) -> Target:
    """Return the target of a pattern.

    Parameters
    ----------
    pattern : (2, n, n)
        U and V.
    references : (n_references, 2, n, n)
        Patterns whose mean moments are wanted.
    seed : int
        Of the filters.

    Raises
    ------
    ValueError
        One of the patterns has died, as it can on a small square, or is not finite.
    """
    spread = np.std([np.asarray(state[1]) for state in (pattern, *references)], axis=(1, 2))
    if not np.all(spread > 1e-3):
        raise ValueError(f"a pattern has died or is not finite: V varies by {spread} around its means")
    pattern = jnp.asarray(pattern)
    filters = random_filters(pattern[None], seed)
    wanted = jnp.mean(jax.vmap(moments)(jnp.asarray(references)), axis=0)
    return Target(pattern, filters, grams(filters, pattern), wanted)


def loss_terms(medium: Medium, target: Target, rates: Rates, span: float) -> dict[str, Array]:
    """Return the terms of the loss of a run from the target's pattern, before they are weighted.

    texture  the mean over layers l of ‖G_l − G*_l‖² / (‖G_l‖² + ‖G*_l‖²)
    moments  Σ_m (m / m* − 1)²
    wells    Σ_x max(0, (lower − x) / w, (x − upper) / w)², w = upper − lower, for x = F and k

    Parameters
    ----------
    medium : Medium
        That runs.
    target : Target
        To compare with.
    rates : Rates
        Two numbers.
    span : float
        Units of time after which the run is compared.
    """
    state = medium.after(target.pattern, rates, span)
    wells = 0.0
    for x, lower, upper in zip(rates, LOWER, UPPER, strict=True):
        wells += (jnp.maximum(jnp.maximum(lower - x, x - upper), 0.0) / (upper - lower)) ** 2
    return {
        "texture": distance(grams(target.filters, state), target.grams),
        "moments": jnp.sum((moments(state) / target.moments - 1.0) ** 2),
        "wells": wells,
    }


def loss_of(medium: Medium, target: Target, span: float = 300.0) -> Callable[[Rates], Array]:
    """Return the loss as a function of F and k: .5 texture + moments + 100 wells, see `loss_terms`."""

    def loss(rates: Rates) -> Array:
        terms = loss_terms(medium, target, rates, span)
        return sum(WEIGHTS[name] * term for name, term in terms.items())

    return loss


def circle(center: Rates, radius: float, n: int) -> Rates:
    """Return n starts on a circle in the plane of F and k, the first at larger F."""
    angle = 2 * np.pi * np.arange(n) / n
    return Rates(center.F + radius * np.cos(angle), center.k + radius * np.sin(angle))


class Stage(NamedTuple):
    """Part of a descent: the span of its runs, the number of its steps, its first learning rate."""

    span: float
    steps: int
    rate: float


def growing(iterations: int = 150) -> tuple[Stage, ...]:
    """Return stages whose runs grow longer, to the published span of 300.

    After 300 units of time the pattern has died, or filled the square, in most of the circle, where the
    loss is then flat; after 30 it has not, and the loss leads to the target from everywhere. A step of
    Adam is at most about as long as the learning rate: with half of these products, the cosine's mean,
    the stages reach .03, .0045 and .006 in F and in k.
    """
    n = max(1, iterations // 5)
    return (
        Stage(30.0, 2 * n, 0.06 / (2 * n)),
        Stage(100.0, n, 0.009 / n),
        Stage(300.0, 2 * n, 0.012 / (2 * n)),
    )


def published(iterations: int = 201) -> tuple[Stage, ...]:
    """Return the one stage that the published training has."""
    return (Stage(300.0, iterations, 1e-3),)


@dataclass(frozen=True)
class Paths:
    """Ways of F and k, one of each start.

    Attributes
    ----------
    rates : Rates of (n_steps + 1, n_starts)
        F and k, the starts first.
    loss : (n_starts,)
        That of the last stage, at the end.
    """

    rates: Rates
    loss: np.ndarray


def descend(medium: Medium, target: Target, starts: Rates, stages: Sequence[Stage]) -> Paths:
    """Return the ways of all starts down the loss by Adam, stage after stage.

    In each stage the learning rate falls to 0 as a cosine. What is descended is the logarithm of the
    loss: it has the same minima, and its slope is of one size on plateaus and in valleys. The starts
    are lanes of one descent; none knows of the others.

    Parameters
    ----------
    medium : Medium
        That runs.
    target : Target
        To compare with.
    starts : Rates of (n_starts,)
        F and k.
    stages : sequence of Stage
        One after another: `growing`, `published` or others.
    """
    ways = [Rates(*(np.asarray(x, medium.dtype) for x in starts))]

    def keep(step: int, loss: float, rates: Rates) -> None:
        ways.append(rates)

    for span, steps, rate in stages:
        each = jax.vmap(loss_of(medium, target, span))
        schedule = optax.cosine_decay_schedule(rate, steps)
        minimise(
            lambda rates, each=each: jnp.sum(jnp.log(each(rates))),
            ways[-1],
            steps=steps,
            learning_rate=schedule,
            on_step=keep,
        )
    F, k = (np.stack(way) for way in zip(*ways, strict=True))
    return Paths(Rates(F, k), np.asarray(jax.jit(each)(ways[-1])))


def landscape(loss: Callable[[Rates], Array], center: Rates, width: float, n: int) -> np.ndarray:
    """Return the loss on n × n points of a square around some rates, F by k.

    Parameters
    ----------
    loss : callable
        From `loss_of`.
    center : Rates
        Two numbers.
    width : float
        Half of a side.
    n : int
        Points of each side; see `sides` for where they are.
    """
    F, k = sides(center, width, n)
    row = jax.jit(lambda x: jax.vmap(lambda y: loss(Rates(x, y)))(jnp.asarray(k)))
    return np.stack([np.asarray(row(x)) for x in F])


def sides(center: Rates, width: float, n: int) -> Rates:
    """Return the n values of F and of k of a square around some rates."""
    return Rates(*(np.linspace(x - width, x + width, n) for x in center))


def n_within(found: Rates, wanted: Rates, tolerance: float = 0.002) -> int:
    """Return how many pairs are off by less than the tolerance in both F and k."""
    off = np.maximum(abs(np.asarray(found.F) - wanted.F), abs(np.asarray(found.k) - wanted.k))
    return int(np.sum(off < tolerance))
