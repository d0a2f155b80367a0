"""Many small arrays as a few long ones: fewer arguments for every call of a compiled program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import jax
import numpy as np
from jax import Array


@dataclass(frozen=True)
class Place:
    """Where an array is: in the vector of its kind, from an offset on."""

    kind: int
    offset: int
    shape: tuple[int, ...]


class Places(tuple):
    """A tuple of `Place` that is hashed once: it is part of the key of every compiled program."""

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()

    def __hash__(self) -> int:
        return self._hash


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, eq=False)
class Tables:
    """Arrays by number.

    Attributes
    ----------
    vectors : tuple of array
        One per kind of entry, all arrays of that kind one after the other.
    places : Places
        Where each array is.
    """

    vectors: tuple[Array, ...]
    places: Places

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray]) -> Tables:
        """Return tables that hold the given arrays, in the memory of the device."""
        kinds = list(dict.fromkeys(array.dtype for array in arrays))
        offsets = dict.fromkeys(kinds, 0)
        places = []
        for array in arrays:
            places.append(Place(kinds.index(array.dtype), offsets[array.dtype], array.shape))
            offsets[array.dtype] += array.size
        vectors = [np.concatenate([a.reshape(-1) for a in arrays if a.dtype == kind]) for kind in kinds]
        # At once, and not by `jnp.asarray`, which compiles a small program for each shape and type.
        return cls(tuple(jax.device_put(vectors)), Places(places))

    def tree_flatten(self) -> tuple[tuple[Array, ...], Places]:
        """Return the vectors as leaves; the places are static."""
        return self.vectors, self.places

    @classmethod
    def tree_unflatten(cls, places: Places, vectors: Sequence[Array]) -> Tables:
        """Return the tables of vectors and places."""
        return cls(tuple(vectors), places)

    def __getitem__(self, k: int) -> Array:
        place = self.places[k]
        size = int(np.prod(place.shape, dtype=np.int64))
        return self.vectors[place.kind][place.offset : place.offset + size].reshape(place.shape)
