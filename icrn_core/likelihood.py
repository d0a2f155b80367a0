"""The likelihood of measured time series, and its derivatives, for many starts at once.

    L(θ) = Σ −log p(mᵢ | yᵢ(θ), σᵢ(θ)) + Σ −log prior(θ)

For Gauss–Newton steps the Hessian is approximated by the expected Fisher information,
Σ (∂z ∂zᵀ/σ² + c ∂logσ ∂logσᵀ), with z = T(y), c = 2 for normal noise and 1 for Laplace noise.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from icrn_core.noise import log_prior, noise_terms
from icrn_core.objective import Accuracy, Objective
from icrn_core.prediction import Predicted, predict
from icrn_core.scales import to_linear


def prior_terms(objective: Objective, theta: Array) -> Array:
    """Return −log of the priors at θ, ``(n_fitted, n_starts)``, shape ``(n_starts,)``."""
    linear = to_linear(objective.scales, theta)
    total = jnp.zeros(theta.shape[1], theta.dtype)
    for prior in objective.priors:
        x = (theta if prior.on_scale else linear)[prior.parameter]
        total = total + log_prior(prior.kind, prior.a, prior.b, x)
    return total


def losses(
    objective: Objective, theta: Array, accuracy: Accuracy, differentiate: str = "reverse"
) -> tuple[Array, Array]:
    """Return the negative logarithm of the likelihood times the prior, and of the likelihood alone.

    Parameters
    ----------
    theta : (n_fitted, n_starts)
        Scaled parameters.

    Returns
    -------
    (n_starts,) arrays; ``inf`` where a run failed.
    """
    found = predict(objective, theta, accuracy, differentiate)
    likelihood = noise_terms(objective.data, found.z, found.log_sigma).sum(axis=0)
    likelihood = jnp.where(found.works & jnp.isfinite(likelihood), likelihood, jnp.inf)
    return likelihood + prior_terms(objective, theta), likelihood


class Curvature(NamedTuple):
    """Loss ``(n_starts,)``, gradient ``(n_starts, n)`` and Fisher information ``(n_starts, n, n)``."""

    loss: Array
    gradient: Array
    hessian: Array


def curvature(objective: Objective, theta: Array, accuracy: Accuracy) -> Curvature:
    """Return losses with gradients and expected Fisher information, by forward sensitivities.

    Arguments as of `losses`.
    """
    n, n_starts = theta.shape

    def predicted(theta: Array) -> tuple[tuple[Array, Array], Predicted]:
        found = predict(objective, theta, accuracy, "forward")
        return (found.z, found.log_sigma), found

    def along(direction: Array) -> tuple:
        seed = jnp.broadcast_to(direction[:, None], theta.shape)
        _, tangent, found = jax.jvp(predicted, (theta,), (seed,), has_aux=True)
        return tangent, found

    (dz, ds), found = jax.vmap(along, out_axes=((0, 0), None))(jnp.eye(n))
    data, precision = objective.data, jnp.exp(-found.log_sigma)
    by_z, by_s = jax.vjp(lambda z, s: noise_terms(data, z, s).sum(axis=0), found.z, found.log_sigma)[1](
        jnp.ones(n_starts)
    )
    gradient = jnp.einsum("kds,ds->sk", dz, by_z) + jnp.einsum("kds,ds->sk", ds, by_s)
    weight = jnp.where(data.noise == 0, 2.0, 1.0)[:, None]
    scaled = dz * precision
    hessian = jnp.einsum("ids,jds->sij", scaled, scaled) + jnp.einsum("ids,jds->sij", ds, ds * weight)
    likelihood = noise_terms(data, found.z, found.log_sigma).sum(axis=0)
    is_good = found.works & jnp.isfinite(likelihood) & jnp.isfinite(gradient).all(axis=1)
    loss = jnp.where(is_good, likelihood, jnp.inf) + prior_terms(objective, theta)
    by_prior = jax.grad(lambda x: prior_terms(objective, x).sum())
    bend = jax.vmap(lambda e: jax.jvp(by_prior, (theta,), (jnp.broadcast_to(e[:, None], theta.shape),))[1])
    diagonal = jnp.maximum(jnp.einsum("kks->sk", bend(jnp.eye(n))), 0.0)
    hessian = hessian + diagonal[:, :, None] * jnp.eye(n)
    return Curvature(loss, gradient + by_prior(theta).T, hessian)
