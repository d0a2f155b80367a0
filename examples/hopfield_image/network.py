"""A reaction–diffusion network of dual-rail neurons, after the Hopfield network of the ICRN paper.

Neuron i is a signed variable x_i = x⁺_i − x⁻_i, two species that annihilate at once, with

    ∂x_j/∂t = D_j ∇²x_j + Σ_i (W⁺_ij max(x_i, 0) − W⁻_ij max(−x_i, 0)) − k x_j³

(Lee, Buse and Winfree, DNA 31, 2025).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core import AuthoredNetwork, author, base_species, index_symbols, rate_constants, reaction, relu

# Range of the diffusion constants, length²/time.
LEAST_DIFFUSION, MOST_DIFFUSION = 0.01, 10.0


def hopfield(n: int) -> AuthoredNetwork:
    """Return the network of ``n`` neurons: six indexed reactions for any n.

    The annihilation x⁺ + x⁻ → ∅ is not among them: it has ended before anything else happens, see
    `annihilated`. Values of the matrices ``W`` (read by x⁺) and ``V`` (read by x⁻), ``(n, n)``, are
    left to be given; ``k`` is 1.
    """
    i, j = index_symbols("i j", n)
    plus, minus = base_species("plus minus")
    W, V, k = rate_constants("W V k")
    return author(
        reaction(plus[i] >> plus[i] + plus[j], relu(W[i, j])),
        reaction(plus[i] >> plus[i] + minus[j], relu(-W[i, j])),
        reaction(minus[i] >> minus[i] + minus[j], relu(V[i, j])),
        reaction(minus[i] >> minus[i] + plus[j], relu(-V[i, j])),
        reaction(3 * plus[i] >> 2 * plus[i], k),
        reaction(3 * minus[i] >> 2 * minus[i], k),
        values={"k": 1.0},
    )


def annihilated(state: dict[str, Array]) -> dict[str, Array]:
    """Return the state after x⁺ + x⁻ → ∅ has ended: one of each pair is left."""
    excess = state["plus"] - state["minus"]
    return {"plus": jnp.maximum(excess, 0.0), "minus": jnp.maximum(-excess, 0.0)}


def first_values(n: int, seed: int) -> dict[str, np.ndarray]:
    """Return what is trained, as it is at the start.

    ``W`` and ``V``, ``(n, n)``, uniform in ±√(.6/n), and ``theta``, ``(n,)``, uniform in (−5, 0), of
    which `diffusion` makes diffusion constants.
    """
    rng, bound = np.random.default_rng(seed), np.sqrt(0.6 / n)
    return {
        "W": rng.uniform(-bound, bound, (n, n)),
        "V": rng.uniform(-bound, bound, (n, n)),
        "theta": rng.uniform(-5.0, 0.0, n),
    }


def diffusion(theta: Array) -> dict[str, Array]:
    """Return diffusion constants between .01 and 10, the same for both species of a neuron."""
    constants = LEAST_DIFFUSION + (MOST_DIFFUSION - LEAST_DIFFUSION) * jax.nn.sigmoid(theta)
    return {"plus": constants, "minus": constants}
