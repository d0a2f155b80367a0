"""The winner-take-all network of DNA strands as a classifier whose weights are initial concentrations.

Concentrations are in nM, times in hours (Cherry and Qian, Nature 559, 2018; as an indexed network Lee,
Buse and Winfree, DNA 31, 2025).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from converters import enumerate_network
from converters.authored import authored_folding
from icrn_core import (
    AuthoredNetwork,
    author,
    base_species,
    compile_icrn,
    index_symbols,
    reaction,
    simulate_batch,
)
from icrn_io.network import Network
from winner_take_all.digits import CLASSES, N_PIXELS

DOSE = 5.0  # nM of the input of a pixel that is on
END = 10.0  # hours
GROUP = 32  # runs whose steps are stored at once
ROOT_OFFSET = 1e-2  # nM; keeps the slope of the root finite where a weight is 0
FUELS = ("any", "own")


def winner_take_all(n_pixels: int = N_PIXELS, fuel: str = "any") -> AuthoredNetwork:
    """Return the network: five indexed reactions for any number of pixels.

    Parameters
    ----------
    n_pixels : int
        Pixels of an image.
    fuel : {"any", "own"}
        Whether the restoring gate RG_j takes any fuel YF_k, as in the program of the indexed
        network's authors, whose figures are published, or its own YF_j, as it is printed.
    """
    i, j, k = index_symbols("i j k", n_pixels, len(CLASSES), len(CLASSES))
    X, W, XF, P, SG, S, A, RG, YF, Y, Rep, F = base_species("X W XF P SG S A RG YF Y Rep F")
    taken = YF[k] if fuel == "any" else YF[j]
    return author(
        reaction(X[i] + W[i, j] + XF[i] >> X[i] + P[i, j], 36.0, name="multiply"),
        reaction(P[i, j] + SG[j] >> S[j], 36.0, name="sum"),
        reaction(S[j] + S[k] + A[j, k] >> 0, 3.6e-3, where=j != k, name="annihilate"),
        reaction(S[j] + RG[j] + taken >> S[j] + Y[j], 1.8e-4, name="restore"),
        reaction(Y[j] + Rep[j] >> F[j], 3.6, name="report"),
        values={"SG": 100.0, "A": 400.0, "RG": 100.0, "YF": 200.0, "Rep": 200.0},
        name="winner_take_all",
    )


class Classifier:
    """The network as a function of weights and images.

    A weight is the initial concentration of W_ij in nM (100 times that of the formula); the fuel is
    XF_i = 2 Σ_j W_ij. All species and reactions are simulated.

    Parameters
    ----------
    n_pixels : int
        How many pixels to keep, of 100. Where an input is 0, nothing of its pixel ever changes, so
        that 20 pixels simulate the 20 that are on exactly as 100 do.
    fuel : {"any", "own"}
        As of `winner_take_all`.
    """

    def __init__(self, n_pixels: int = N_PIXELS, fuel: str = "any") -> None:
        self.n_pixels = n_pixels
        self.authored = winner_take_all(n_pixels, fuel)
        self.dynamics = compile_icrn(self.authored.icrn)

    def outputs(self, weights: jax.Array, patterns: jax.Array, rtol: float = 1e-8) -> jax.Array:
        """Return the concentrations of F_j at the end, nM.

        Parameters
        ----------
        weights : (100, 3)
            Initial concentrations of W_ij, nM.
        patterns : bool array, shape (n_images, 100)
            Pixels that are on, at most ``n_pixels`` in an image where these are fewer than 100.
        rtol : float
            Relative tolerance of the simulation.

        Returns
        -------
        (n_images, 3)
        """
        on = jnp.asarray(patterns, dtype=float)
        if self.n_pixels < N_PIXELS:
            # The pixels that are on come first; what fills up has no input.
            first = jnp.argsort(-on, axis=1, stable=True)[:, : self.n_pixels]
            on, weights = jnp.take_along_axis(on, first, axis=1), weights[first]
        values = {**self.authored.state, "X": DOSE * on, "W": weights, "XF": 2.0 * weights.sum(axis=-1)}
        solution = simulate_batch(self.dynamics, values, self.authored.params, np.array([END]), rtol=rtol)
        return solution.states["F"][:, -1]

    def outputs_by_groups(self, weights: jax.Array, patterns: jax.Array, rtol: float) -> jax.Array:
        """Return the outputs of images, 32 at a time: gradients store every step of all runs of a batch.

        Parameters and result are as of `outputs`; the number of images is a multiple of 32, or less.
        """
        if len(patterns) <= GROUP:
            return self.outputs(weights, patterns, rtol)
        groups = patterns.reshape(-1, GROUP, N_PIXELS)
        return jax.lax.map(lambda group: self.outputs(weights, group, rtol), groups).reshape(
            len(patterns), -1
        )

    def network(self, weights: np.ndarray) -> Network:
        """Return the enumerated network with these weights, their fuel, and no input."""
        return enumerate_network(
            authored_folding(self.authored.with_values(W=weights, XF=2.0 * weights.sum(axis=1)))
        )


def separation(outputs: jax.Array, is_class: jax.Array) -> jax.Array:
    """Return Σ_j F_j (2 y_j − 1) of each image, nM: the output of its class over that of the others."""
    return jnp.sum(outputs * (2.0 * is_class - 1.0), axis=1)


def separation_loss(classifier: Classifier, rtol: float) -> Callable:
    """Return the loss SUP, minus the mean separation, as a function for `icrn_core.minimise`."""

    def loss(tensors: dict, batch: dict) -> jax.Array:
        outputs = classifier.outputs_by_groups(tensors["W"], batch["patterns"], rtol)
        return -jnp.mean(separation(outputs, batch["is_class"]))

    return loss


def entropy_loss(classifier: Classifier, rtol: float, sparsity: float) -> Callable:
    """Return the loss Acc+Reg: cross entropy of softmax(F) plus ``sparsity`` · Σ √W.

    √W is taken as √(W + ε) − √ε with ε = .01 nM.
    """

    def loss(tensors: dict, batch: dict) -> jax.Array:
        outputs = classifier.outputs_by_groups(tensors["W"], batch["patterns"], rtol)
        entropy = -jnp.mean(jnp.sum(batch["is_class"] * jax.nn.log_softmax(outputs), axis=1))
        roots = jnp.sqrt(tensors["W"] + ROOT_OFFSET) - jnp.sqrt(ROOT_OFFSET)
        return entropy + sparsity * jnp.sum(roots)

    return loss
