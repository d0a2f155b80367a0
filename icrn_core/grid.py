"""Regular grids in one to three dimensions, and what their boundaries are."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from icrn_core.errors import IcrnError

Boundary = Literal["periodic", "no-flux", "fixed"]
BOUNDARIES = ("periodic", "no-flux", "fixed")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, init=False)
class Grid:
    """Points x = (k + 1/2) · spacing, k = 0 .. n − 1, along each axis; the domain is n · spacing long.

    Parameters
    ----------
    shape : int or sequence of int
        Number of points along each of one to three axes.
    spacing : float or sequence of float
        Distance of neighbouring points, of all axes or of each.
    boundary : {"periodic", "no-flux", "fixed"} or sequence of these
        Of all axes or of each. At a fixed boundary, half a spacing beyond the outermost points,
        every diffusing species has its boundary value.
    boundary_values : mapping of str to number or array
        Values at fixed boundaries by base species, one number or one for each entry; 0 where none
        is given.

    Raises
    ------
    IcrnError
        No shape of one to three axes, a spacing that is not positive, or an unknown boundary.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    boundary: tuple[Boundary, ...]
    boundary_values: Mapping[str, np.ndarray] = field(compare=False)

    def __init__(
        self,
        shape: int | Sequence[int],
        spacing: float | Sequence[float] = 1.0,
        boundary: Boundary | Sequence[Boundary] = "periodic",
        boundary_values: Mapping[str, object] | None = None,
    ) -> None:
        given = np.atleast_1d(np.asarray(shape))
        shape = tuple(given.tolist())
        if given.dtype.kind not in "iu" or not 1 <= len(shape) <= 3 or min(shape) < 1:
            raise IcrnError(f"the shape of a grid is one to three numbers of points, found {shape}")
        spacing = tuple(float(h) for h in _each(spacing, len(shape), "spacing"))
        if not all(h > 0 and math.isfinite(h) for h in spacing):
            raise IcrnError(f"the spacing of a grid is positive, found {spacing}")
        boundary = tuple(_each(boundary, len(shape), "boundary"))
        for kind in boundary:
            if kind not in BOUNDARIES:
                raise IcrnError(f"no boundary is called '{kind}' (there are: {', '.join(BOUNDARIES)})")
        if boundary_values and "fixed" not in boundary:
            raise IcrnError(
                f"boundary_values are those of fixed boundaries, but the boundaries are {boundary}"
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "spacing", spacing)
        object.__setattr__(self, "boundary", boundary)
        object.__setattr__(self, "boundary_values", dict(boundary_values or {}))
        for n, kind in zip(shape, boundary, strict=True):
            if kind == "periodic" and next_good_size(n) != n:
                _log.warning(
                    "a periodic axis of %d points is slow to transform: sizes of the factors 2, 3, 5 and 7 "
                    "are fast, the next is %d",
                    n,
                    next_good_size(n),
                )

    @property
    def n_points(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    @property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Coordinates of the points along each axis."""
        return tuple((np.arange(n) + 0.5) * h for n, h in zip(self.shape, self.spacing, strict=True))


def next_good_size(n: int) -> int:
    """Return the smallest number from ``n`` on without prime factors above 7."""
    while True:
        rest = n
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def _each(given: object, n: int, what: str) -> list:
    """Return one value for each of ``n`` axes."""
    if isinstance(given, str) or np.ndim(given) == 0:
        return [given] * n
    if len(given) != n:
        raise IcrnError(f"the {what} of a grid of {n} axes is one value or {n}, found {len(given)}")
    return list(given)
