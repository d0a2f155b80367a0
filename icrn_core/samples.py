"""The samples of a descent: which of them each step takes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from icrn_core.errors import IcrnError


class Samples:
    """Samples in a seeded order: each once an epoch, whatever was drawn before a run was resumed.

    The order of an epoch is a permutation drawn from (seed, epoch) alone. Where the batch size
    does not divide the number of samples, the rest of a permutation is left out.

    Parameters
    ----------
    data : pytree of arrays or None
        Each with an axis of samples first.
    batch_size : int or None
        Samples of a step; None for all of them, in their order.
    seed : int
        Seed of the permutations.

    Raises
    ------
    IcrnError
        The arrays differ in their number of samples or have none, the batch size does not fit.
    """

    def __init__(self, data: Any, batch_size: int | None, seed: int) -> None:
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise IcrnError(f"seed is a whole number, 0 or more, not {seed!r}")
        if data is None and batch_size is not None:
            raise IcrnError("batch_size needs data: without it the loss has no samples")
        self.data = None if data is None else jax.tree.map(jnp.asarray, data)
        self.n_samples = 0 if data is None else _number_of_samples(self.data)
        self.batch_size, self.seed = batch_size, int(seed)
        if batch_size is not None and not (
            isinstance(batch_size, int | np.integer) and 1 <= batch_size <= self.n_samples
        ):
            raise IcrnError(f"batch_size is a whole number from 1 to {self.n_samples}, not {batch_size!r}")
        self.n_batches = 1 if batch_size is None else self.n_samples // batch_size
        self._epoch, self._order = -1, np.arange(0)

    def indices(self, step: int) -> np.ndarray | None:
        """Return which samples a step takes, ``(batch_size,)``; None for all."""
        if self.batch_size is None:
            return None
        epoch, batch = divmod(step, self.n_batches)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self.seed, epoch]).permutation(self.n_samples)
        return self._order[batch * self.batch_size : (batch + 1) * self.batch_size]


def taken(data: Any, indices: Any) -> Any:
    """Return the samples at the indices, all where they are None."""
    return data if indices is None else jax.tree.map(lambda x: x[indices], data)


def _number_of_samples(data: Any) -> int:
    named = [
        (jax.tree_util.keystr(path) or "data", np.shape(x))
        for path, x in jax.tree_util.tree_flatten_with_path(data)[0]
    ]
    for name, shape in named:
        if not shape:
            raise IcrnError(f"{name} of data has no axis of samples: it is a single number")
    sizes = {shape[0]: name for name, shape in reversed(named)}
    if len(sizes) > 1:
        found = ", ".join(f"{size} in {name}" for size, name in reversed(sizes.items()))
        raise IcrnError(f"data has different numbers of samples: {found}")
    if not any(sizes):
        raise IcrnError("data has no samples")
    return next(iter(sizes))
