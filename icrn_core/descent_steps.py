"""The compiled step of a descent, and what a run goes on from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.coordinates import Coordinate
from icrn_core.errors import IcrnError
from icrn_core.samples import Samples, taken

PyTree = Any


class Place(NamedTuple):
    """Where a descent is: coordinates, the last ones with a finite loss, the optimiser's memory."""

    free: list[Array]
    last: list[Array]
    memory: PyTree


class Run(NamedTuple):
    """All that a descent goes on from; replaced as a whole, so that an interrupt finds it consistent."""

    place: Place
    step: int
    history: np.ndarray
    best: list[Array]
    best_loss: float


class Steps:
    """A checked descent: its compiled step, and what follows from the steps made."""

    def __init__(
        self, loss: Callable, start: PyTree, parts: list[Coordinate], samples: Samples, rule: Any
    ) -> None:
        self.parts, self.samples, self.rule = parts, samples, rule
        self.structure = jax.tree.structure(start)
        self.loss = loss
        self._step = jax.jit(self._one_step)
        self._values = jax.jit(self._tensors)

    def begin(self) -> Run:
        """Return the run before its first step.

        Raises
        ------
        IcrnError
            The loss is no scalar.
        """
        free = [jnp.asarray(part.first()) for part in self.parts]
        self._check_loss(free)
        place = Place(free, free, self.rule.init(free))
        return Run(place, 0, np.zeros(0), free, np.inf)

    def advance(self, run: Run) -> Run:
        """Return the run after one more step.

        Raises
        ------
        IcrnError
            All steps would be like this first one, and it failed.
        """
        step = int(run.step)  # a 0-d array after reading a checkpoint
        place, loss, is_good = self._step(run.place, self.samples.indices(step), self.samples.data)
        loss, is_good = float(loss), bool(is_good)
        if not is_good and not step and self.samples.n_batches == 1:
            raise IcrnError(f"the loss or its gradient is not finite at the start (loss {loss})")
        history = np.append(run.history, loss if is_good else np.nan)
        best, best_loss = run.best, float(run.best_loss)
        if (step + 1) % self.samples.n_batches == 0:
            mean = mean_of_finite(history[-self.samples.n_batches :])
            if mean < best_loss:
                best, best_loss = run.place.free, mean
        return Run(place, step + 1, history, best, best_loss)

    def values(self, free: list[Array]) -> PyTree:
        """Return the tensors at some coordinates, as NumPy arrays."""
        return jax.tree.map(np.asarray, self._values(free))

    def _tensors(self, free: list[Array]) -> PyTree:
        leaves = [part.value(u) for part, u in zip(self.parts, free, strict=True)]
        return jax.tree.unflatten(self.structure, leaves)

    def _cost(self, free: list[Array], indices: Array | None, data: PyTree) -> Array:
        tensors = self._tensors(free)
        return self.loss(tensors) if data is None else self.loss(tensors, taken(data, indices))

    def _one_step(self, place: Place, indices: Array | None, data: PyTree) -> tuple[Place, Array, Array]:
        from optax import apply_updates

        cost = partial(self._cost, indices=indices, data=data)
        loss, gradient = jax.value_and_grad(cost)(place.free)
        update, memory = self.rule.update(
            gradient, place.memory, place.free, value=loss, grad=gradient, value_fn=cost
        )
        moved = apply_updates(place.free, update)
        is_good = jnp.stack([jnp.isfinite(x).all() for x in [loss, *gradient, *moved]]).all()
        moved = [part.projected(u) for part, u in zip(self.parts, moved, strict=True)]
        halfway = [(a + b) / 2 for a, b in zip(place.free, place.last, strict=True)]
        made, unmade = Place(moved, place.free, memory), Place(halfway, place.last, place.memory)
        return jax.tree.map(partial(jnp.where, is_good), made, unmade), loss, is_good

    def _check_loss(self, free: list[Array]) -> None:
        found = jax.eval_shape(self._cost, free, self.samples.indices(0), self.samples.data)
        if not isinstance(found, jax.ShapeDtypeStruct):
            raise IcrnError(f"the loss returns a scalar, not {found!r}")
        if found.shape:
            raise IcrnError(f"the loss returns a scalar, not an array of shape {found.shape}")
        if not jnp.issubdtype(found.dtype, jnp.floating):
            raise IcrnError(f"the loss returns a float, not {found.dtype}")


def mean_of_finite(losses: np.ndarray) -> float:
    """Return the mean of the losses that are finite, infinity where none is."""
    finite = losses[np.isfinite(losses)]
    return float(finite.mean()) if len(finite) else np.inf
