"""The image that the neurons learn, and the spots that they grow it from, on grids of any size."""

from __future__ import annotations

import numpy as np

from icrn_core import Grid

# Side of the square domain, and radius and width of the rim of the spots, in units of length.
SIDE, RADIUS, RIM = 48.0, 4.8, 0.6
# Centres of the spots from the middle; they leave the state no symmetry.
CENTRES = ((-8.0, -3.0), (7.0, -6.0), (1.0, 8.0))
SKY, PETAL, HEART, LEAF = (0.3, 0.5, 0.75), (0.9, 0.15, 0.35), (0.95, 0.8, 0.1), (0.1, 0.55, 0.25)


def grid_of(points: int) -> Grid:
    """Return the square domain, periodic, with so many points along a side."""
    return Grid((points, points), spacing=SIDE / points)


def spots(grid: Grid) -> np.ndarray:
    """Return the seed of the three visible neurons, ``(3, *grid.shape)``: a spot each, 1 within."""
    x, y = _coordinates(grid)
    return np.stack([_within(RADIUS - np.hypot(x - a, y - b)) for a, b in CENTRES])


def flower(grid: Grid) -> np.ndarray:
    """Return a drawn flower under the sky, red, green and blue from 0 to 1, ``(3, *grid.shape)``."""
    down, right = _coordinates(grid)
    radius, angle = np.hypot(down + 4.0, right), np.arctan2(right, -(down + 4.0))
    petals = _within(10.0 + 4.0 * np.cos(5.0 * angle) - radius)
    heart = _within(4.0 - radius)
    stem = (
        _within(1.3 - np.abs(right - 0.02 * (down - 6.0) ** 2)) * _within(down - 2.0) * _within(20.0 - down)
    )
    leaf = _within(1.0 - np.hypot((right - 6.5) / 6.0, (down - 13.0 + 0.3 * (right - 6.5)) / 2.6), rim=0.15)
    picture = np.broadcast_to(np.array(SKY)[:, None, None], (3, *grid.shape)).copy()
    for part, colour in ((np.maximum(stem, leaf), LEAF), (petals, PETAL), (heart, HEART)):
        picture += part * (np.array(colour)[:, None, None] - picture)
    return picture


def _coordinates(grid: Grid) -> list[np.ndarray]:
    return np.meshgrid(*(x - SIDE / 2 for x in grid.axes), indexing="ij")


def _within(distance: np.ndarray, rim: float = RIM) -> np.ndarray:
    """Return 1 where a distance to the rim is positive, 0 where it is negative, smoothly."""
    return 1.0 / (1.0 + np.exp(-np.clip(distance / rim, -50.0, 50.0)))
