"""Signed variables as two species each: x = x⁺ − x⁻, with annihilation x⁺ + x⁻ → ∅."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.authoring import Reaction, fast, reaction
from icrn_core.errors import IcrnError
from icrn_core.notation import Base, Formula, Index, base_species

SIGNS = ("p", "n")


def signs(names: str) -> Index | tuple[Index, ...]:
    """Return index symbols over the signs ``p`` and ``n``."""
    symbols = tuple(Index(name, SIGNS, "sign") for name in names.replace(",", " ").split())
    return symbols if len(symbols) > 1 else symbols[0]


class DualRail:
    """A base species whose last index is a sign: ``x[i, "p"] − x[i, "n"]`` is the variable.

    Parameters
    ----------
    name : str
        Of the base species.

    Examples
    --------
    >>> i, s = icrn_core.index_symbols("i", 10), signs("s")
    >>> x, y = DualRail("x"), DualRail("y")
    >>> rules = [reaction(x[i, s] >> x[i, s] + y[i, s], 1.0), y.annihilation(i)]  # y' = x
    """

    def __init__(self, name: str) -> None:
        self.base: Base = base_species(name)

    def __getitem__(self, indices) -> Formula:
        return self.base[indices]

    def __iter__(self):
        raise TypeError(f"'{self.base}' has no order: index it with symbols and a sign")

    def annihilation(self, *indices: Index | str | int, rate=None) -> Reaction:
        """Return x⁺ + x⁻ → ∅, fast or with a rate.

        Parameters
        ----------
        *indices : Index, str or int
            Without the sign.
        rate : number, formula or array, optional
            Of mass action; fast if left out.
        """
        change = self.base[(*indices, "p")] + self.base[(*indices, "n")] >> 0
        name = f"annihilate_{self.base}"
        return fast(change, name=name) if rate is None else reaction(change, rate, name=name)

    def split(self, value) -> dict[str, np.ndarray]:
        """Return signed values as those of the two species: max(x, 0) and max(−x, 0), along a last axis."""
        value = np.asarray(value, dtype=np.float64)
        return {self.base.name: np.stack([np.maximum(value, 0.0), np.maximum(-value, 0.0)], axis=-1)}

    def value(self, state: Mapping[str, Array], axis: int = -1) -> Array:
        """Return x⁺ − x⁻ from tensors by base species.

        Parameters
        ----------
        state : mapping of str to array
            Tensors by base species.
        axis : int
            Of the signs: the last one of the base, so -1 where no axes of a grid follow.

        Raises
        ------
        IcrnError
            That axis has not the length of two signs.
        """
        tensor = jnp.asarray(state[self.base.name])
        if tensor.shape[axis] != len(SIGNS):
            raise IcrnError(
                f"'{self.base}': axis {axis} of shape {tensor.shape} has the length {tensor.shape[axis]}, "
                "expected 2 signs"
            )
        plus, minus = jnp.moveaxis(tensor, axis, 0)
        return plus - minus
