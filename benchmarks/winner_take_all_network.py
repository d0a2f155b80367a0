"""The winner-take-all network of `models/` as a classifier whose weights are initial concentrations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from digits import CLASSES

from converters import enumerate_network, fold_network
from icrn_core import compile_icrn, simulate_batch
from icrn_io import read_model
from icrn_io.network import Network, Reaction, Species

MODEL = Path(__file__).resolve().parents[1] / "models" / "winner_take_all.xml"
N_PIXELS = 100
DOSE = 5.0  # nM of the input of a pixel that is on
END = 10.0  # hours
GROUP = 32  # runs whose steps are stored at once
ROOT_OFFSET = 1e-2  # nM; keeps the slope of the root finite where a weight is 0


class Classifier:
    """The network, imported and folded, as a function of weights and images.

    A weight is the initial concentration of ``W_i_j`` in nM (100 times that of the formula); the
    fuel is ``XF_i = 2 Σ_j W_i_j``. All species and reactions are simulated.

    Parameters
    ----------
    path : Path
        The model.
    n_pixels : int
        How many pixels to keep, of 100. Where an input is 0, nothing of its pixel ever changes, so
        that 20 pixels simulate the 20 that are on exactly as 100 do.
    """

    def __init__(self, path: Path = MODEL, n_pixels: int = N_PIXELS) -> None:
        self.n_pixels = n_pixels
        self.folding = fold_network(with_pixels(read_model(path), n_pixels))
        icrn, values = self.folding.icrn, self.folding.values
        self.dynamics = compile_icrn(icrn)
        self.values = {base.name: values[base.name] for base in icrn.species}
        self.params = {base.name: values[base.name] for base in icrn.constants}
        pixels, memories = range(1, n_pixels + 1), range(1, len(CLASSES) + 1)
        self.input = self._base([f"X_{i}" for i in pixels])
        self.fuel = self._base([f"XF_{i}" for i in pixels])
        self.weight = self._base([f"W_{i}_{j}" for i in pixels for j in memories])
        self.output = self._base([f"F_{j}" for j in memories])

    def _base(self, ids: list[str]) -> str:
        """Return the base whose tensor holds these species in this order."""
        for name, entries in self.folding.identity.entries.items():
            if entries == tuple(ids):
                return name
        raise ValueError(f"the fold has no tensor of {ids[0]}, {ids[1]}, … in their order")

    def outputs(self, weights: jax.Array, patterns: jax.Array, rtol: float = 1e-8) -> jax.Array:
        """Return the concentrations of ``F_j`` at the end, nM.

        Parameters
        ----------
        weights : (100, 3)
            Initial concentrations of ``W_i_j``, nM.
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
        values = {
            **self.values,
            self.input: DOSE * on,
            self.weight: weights,
            self.fuel: 2.0 * weights.sum(axis=-1),
        }
        solution = simulate_batch(self.dynamics, values, self.params, np.array([END]), rtol=rtol)
        return solution.states[self.output][:, -1]

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
        """Return the flat network with other weights and their fuel, all else as it was read."""
        values = {**self.folding.values, self.weight: weights, self.fuel: 2.0 * weights.sum(axis=1)}
        return enumerate_network(replace(self.folding, values=values))


def with_pixels(network: Network, n_pixels: int) -> Network:
    """Return the network with the first pixels only."""

    def is_kept(element: Species | Reaction) -> bool:
        pixel = re.fullmatch(r"(?:X|XF|W|P|multiply|sum)_(\d+)(?:_\d+)?", element.id)
        return pixel is None or int(pixel[1]) <= n_pixels

    return replace(
        network,
        species=tuple(filter(is_kept, network.species)),
        reactions=tuple(filter(is_kept, network.reactions)),
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
