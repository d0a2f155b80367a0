"""The coordinates in which a descent moves: what varies of each tensor, on which scale, in which bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core.errors import IcrnError

PyTree = Any

# scale -> (coordinate of a value, value of a coordinate)
_MAPS: dict[str, tuple[Callable, Callable]] = {
    "linear": (lambda x: x, lambda u: u),
    "log": (np.log, jnp.exp),
    "log10": (np.log10, lambda u: jnp.exp(u * np.log(10.0))),
    "non-negative": (lambda x: x, lambda u: u),
}


@dataclass(frozen=True)
class Coordinate:
    """One tensor of a descent.

    Attributes
    ----------
    name : str
        Its path in the pytree, for messages.
    start : float array
        Values at which the descent starts.
    scale : str
        A key of the table of maps.
    lower, upper : arrays, shape of ``start``
        Bounds of the values; infinite where there are none.
    varies : bool array, shape of ``start``
        False where the entry keeps its value.
    """

    name: str
    start: np.ndarray
    scale: str
    lower: np.ndarray
    upper: np.ndarray
    varies: np.ndarray

    @property
    def is_bounded(self) -> bool:
        """Whether an entry that varies has a bound other than that of its scale."""
        finite = np.isfinite(self.upper) | (self._coordinate(self.lower) > -np.inf)
        return bool((finite & self.varies).any())

    def first(self) -> np.ndarray:
        """Return the coordinate of the start; 0 for what is fixed."""
        return self._coordinate(np.where(self.varies, self.start, 1.0)) * self.varies

    def value(self, u: Array) -> Array:
        """Return the tensor: the start where it is fixed, else the value of the coordinate ``u``."""
        value = _MAPS[self.scale][1](u)
        # Rounding of exp and log may leave a bound by a bit; the derivative stays that of the map.
        value += lax.stop_gradient(jnp.clip(value, self.lower, self.upper) - value)
        return jnp.where(self.varies, value, self.start)

    def projected(self, u: Array) -> Array:
        """Return the nearest coordinate within the bounds."""
        return jnp.clip(u, self._coordinate(self.lower), self._coordinate(self.upper))

    def _coordinate(self, x: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(_MAPS[self.scale][0](x), self.start.dtype)


def coordinates(start: PyTree, scales: PyTree, bounds: PyTree, mask: PyTree) -> list[Coordinate]:
    """Return the coordinates of every tensor of a pytree, in the order of its leaves.

    Parameters
    ----------
    start : pytree of arrays
        Values at which the descent starts.
    scales, bounds, mask
        As of `icrn_core.minimise`: one for all tensors, or mappings by the keys of ``start``.

    Raises
    ------
    IcrnError
        A tensor is no array of finite reals, an option names no tensor or does not fit one, a
        start is outside its bounds, or nothing varies.
    """
    leaves = jax.tree_util.tree_flatten_with_path(start)[0]
    if not leaves:
        raise IcrnError("start holds no tensor")
    keys = [tuple(_key(entry) for entry in path) for path, _ in leaves]
    for option, choice in (("scales", scales), ("bounds", bounds), ("mask", mask)):
        _check_names(option, choice, keys)
    found = [
        _coordinate(path, leaf, _of(scales, path), _of(bounds, path), _of(mask, path))
        for path, (_, leaf) in zip(keys, leaves, strict=True)
    ]
    if not any(c.varies.any() for c in found):
        raise IcrnError("every entry is fixed: mask is True where an entry varies")
    return found


def _coordinate(path: tuple, leaf: Array, scale: str | None, bounds: Any, mask: Any) -> Coordinate:
    name = ".".join(map(str, path)) or "start"
    start = _finite(name, leaf)
    scale = "linear" if scale is None else scale
    if scale not in _MAPS:
        raise IcrnError(f"the scale of '{name}' is one of {', '.join(_MAPS)}, not {scale!r}")
    varies = np.asarray(True if mask is None else mask)
    if varies.dtype != bool:
        raise IcrnError(f"the mask of '{name}' holds bool (True where an entry varies), not {varies.dtype}")
    varies = _filled(f"the mask of '{name}'", varies, start.shape)
    lower, upper = _bounds(name, bounds, start)
    if scale == "non-negative":
        lower = np.maximum(lower, 0.0)
    if scale.startswith("log"):
        if (start[varies] <= 0).any():
            raise IcrnError(
                f"'{name}' has to be positive to be trained on the scale '{scale}': {start[varies].min()}"
            )
        lower = np.maximum(lower, 0.0)
    outside = varies & ~((lower <= start) & (start <= upper))
    if outside.any():
        k = tuple(np.argwhere(outside)[0])
        raise IcrnError(f"'{name}' starts outside its bounds: {start[k]} is not in [{lower[k]}, {upper[k]}]")
    return Coordinate(name, start, scale, lower, upper, varies)


def _finite(name: str, leaf: Array) -> np.ndarray:
    try:
        start = np.asarray(leaf)
        if np.iscomplexobj(start):
            raise IcrnError(f"'{name}' is complex: only real tensors can be trained")
        start = start.astype(jax.dtypes.canonicalize_dtype(float))
    except (TypeError, ValueError) as error:
        if isinstance(error, IcrnError):
            raise
        raise IcrnError(f"'{name}' of start is no array of numbers: {leaf!r}") from None
    if not np.isfinite(start).all():
        raise IcrnError(f"'{name}' is not finite at the start")
    return start


def _bounds(name: str, bounds: Any, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bounds = (-np.inf, np.inf) if bounds is None else bounds
    if not (isinstance(bounds, tuple | list) and len(bounds) == 2):
        raise IcrnError(f"the bounds of '{name}' are a pair (lower, upper), not {bounds!r}")
    lower, upper = (
        _filled(f"the bounds of '{name}'", np.asarray(bound, start.dtype), start.shape) for bound in bounds
    )
    if not (lower <= upper).all():
        raise IcrnError(f"the bounds of '{name}' have a lower one above the upper: {bounds!r}")
    return lower, upper


def _filled(what: str, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise IcrnError(f"{what} must fit the shape {shape}, not {x.shape}") from None


def _of(choice: PyTree, path: tuple) -> Any:
    """Return what an option says of the tensor at a path, None where it says nothing."""
    for key in path:
        if not isinstance(choice, Mapping):
            break
        choice = choice.get(key)
    return None if isinstance(choice, Mapping) else choice


def _check_names(option: str, choice: PyTree, keys: list[tuple]) -> None:
    prefixes = {key[:n] for key in keys for n in range(len(key) + 1)}
    for path in _paths(choice):
        if path not in prefixes:
            there = ", ".join(f"'{'.'.join(map(str, key))}'" for key in keys)
            raise IcrnError(
                f"{option} names '{'.'.join(map(str, path))}', which start has not (there are: {there})"
            )


def _paths(choice: PyTree, path: tuple = ()) -> Iterator[tuple]:
    if not isinstance(choice, Mapping):
        yield path
        return
    for key, inner in choice.items():
        yield from _paths(inner, (*path, key))


def _key(entry: Any) -> Any:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return getattr(entry, attribute)
    return str(entry)
