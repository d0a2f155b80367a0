"""What the explicit Runge–Kutta methods share: stages, the estimate of stiffness, the pull-back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.dynamics import Dynamics, Prepared
from icrn_core.kernel import reduced
from icrn_core.stepping import StepResult, clamp, row, weighted


def stages(
    dynamics: Dynamics,
    prepared: Prepared,
    t: Array,
    h: Array,
    y: Array,
    span: tuple,
    nodes: np.ndarray,
    times: np.ndarray,
) -> Array:
    """Return the slopes ``k_i = f(t + c_i h, y + h Σ_j a_ij k_j)``, shape ``(n_stages, *y.shape)``.

    Parameters
    ----------
    dynamics, prepared, t, h, y, span
        As of `icrn_core.rodas5p.step`.
    nodes : (n_stages, n_stages)
        The coefficients a, a strictly lower triangle.
    times : (n_stages,)
        The coefficients c.
    """
    nodes, times = jnp.asarray(nodes, y.dtype), jnp.asarray(times, y.dtype)

    def stage(i: Array, slopes: Array) -> Array:
        at = y + h * weighted(row(nodes, i), slopes)
        slope = dynamics.prepared_field(clamp(t + row(times, i) * h, span), at, prepared)
        return lax.dynamic_update_index_in_dim(slopes, slope, i, 0)

    n = times.shape[0]
    return lax.fori_loop(0, n, stage, jnp.zeros((n, *y.shape), y.dtype))


def stiffness(h: Array, slopes: tuple[Array, Array], states: tuple[Array, Array]) -> Array:
    """Return h times about the largest eigenvalue, from two evaluations at the end of the step.

    E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, section IV.2.
    """
    if not states[0].shape[0]:
        return jnp.zeros_like(h)
    largest = partial(reduced, combine=jnp.maximum, by=jnp.max)
    speed, distance = (largest(jnp.abs(b - a)) for a, b in (slopes, states))
    return lax.stop_gradient(h * speed / jnp.where(distance > 0, distance, jnp.inf))


def pull_of(step: Callable) -> Callable:
    """Return the pull-back of a step, with the arguments and results of `icrn_core.rodas5p.pull`."""

    def pull(
        dynamics: Dynamics,
        prepared: Prepared,
        t: Array,
        h: Array,
        y: Array,
        span: tuple,
        memory: tuple,
        given: StepResult,
    ) -> tuple[Array, Array, Array, Prepared]:
        del memory
        dynamics = replace(dynamics, transposable=True)
        _, pulled = jax.vjp(lambda *at: step(dynamics, at[3], *at[:3], span)[0], t, h, y, prepared)
        return pulled(given._replace(error=jnp.zeros_like(given.end), stiffness=jnp.zeros_like(t)))

    return pull
