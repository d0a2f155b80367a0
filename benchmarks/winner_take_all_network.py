"""The winner-take-all network of `models/` as a classifier whose weights are initial concentrations."""

from __future__ import annotations

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
from icrn_io.network import Network

MODEL = Path(__file__).resolve().parents[1] / "models" / "winner_take_all.xml"
N_PIXELS = 100
DOSE = 5.0  # nM of the input of a pixel that is on
END = 10.0  # hours
ROOT_OFFSET = 1e-2  # nM; keeps the slope of the root finite where a weight is 0


class Classifier:
    """The network, imported and folded, as a function of weights and images.

    A weight is the initial concentration of ``W_i_j`` in nM (100 times that of the formula); the
    fuel is ``XF_i = 2 Σ_j W_i_j``. All species and reactions are simulated.

    Parameters
    ----------
    path : Path
        The model.
    """

    def __init__(self, path: Path = MODEL) -> None:
        self.folding = fold_network(read_model(path))
        icrn, values = self.folding.icrn, self.folding.values
        self.dynamics = compile_icrn(icrn)
        self.values = {base.name: values[base.name] for base in icrn.species}
        self.params = {base.name: values[base.name] for base in icrn.constants}
        pixels, memories = range(1, N_PIXELS + 1), range(1, len(CLASSES) + 1)
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

    def outputs(
        self, weights: jax.Array, patterns: jax.Array, rtol: float = 1e-8, end: float = END
    ) -> jax.Array:
        """Return the concentrations of ``F_j`` at the end, nM.

        Parameters
        ----------
        weights : (100, 3)
            Initial concentrations of ``W_i_j``, nM.
        patterns : (n_images, 100)
            Pixels that are on.
        rtol : float
            Relative tolerance of the simulation.
        end : float
            Time of the end, hours.

        Returns
        -------
        (n_images, 3)
        """
        values = {
            **self.values,
            self.input: DOSE * jnp.asarray(patterns, dtype=float),
            self.weight: weights,
            self.fuel: 2.0 * weights.sum(axis=1),
        }
        solution = simulate_batch(self.dynamics, values, self.params, np.array([end]), rtol=rtol)
        return solution.states[self.output][:, -1]

    def network(self, weights: np.ndarray) -> Network:
        """Return the flat network with other weights and their fuel, all else as it was read."""
        values = {**self.folding.values, self.weight: weights, self.fuel: 2.0 * weights.sum(axis=1)}
        return enumerate_network(replace(self.folding, values=values))


def separation(outputs: jax.Array, is_class: jax.Array) -> jax.Array:
    """Return Σ_j F_j (2 y_j − 1) of each image, nM: the output of its class over that of the others."""
    return jnp.sum(outputs * (2.0 * is_class - 1.0), axis=1)


def separation_loss(classifier: Classifier, rtol: float, end: float = END) -> Callable:
    """Return the loss SUP, minus the mean separation, as a function for `icrn_core.minimise`."""

    def loss(tensors: dict, batch: dict) -> jax.Array:
        outputs = classifier.outputs(tensors["W"], batch["patterns"], rtol, end)
        return -jnp.mean(separation(outputs, batch["is_class"]))

    return loss


def entropy_loss(classifier: Classifier, rtol: float, sparsity: float, end: float = END) -> Callable:
    """Return the loss Acc+Reg: cross entropy of softmax(F) plus ``sparsity`` · Σ √W.

    √W is taken as √(W + ε) − √ε with ε = .01 nM.
    """

    def loss(tensors: dict, batch: dict) -> jax.Array:
        outputs = classifier.outputs(tensors["W"], batch["patterns"], rtol, end)
        entropy = -jnp.mean(jnp.sum(batch["is_class"] * jax.nn.log_softmax(outputs), axis=1))
        roots = jnp.sqrt(tensors["W"] + ROOT_OFFSET) - jnp.sqrt(ROOT_OFFSET)
        return entropy + sparsity * jnp.sum(roots)

    return loss
