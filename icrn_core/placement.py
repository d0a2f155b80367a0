"""Fields shared out over several devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from icrn_core.errors import IcrnError
from icrn_core.grid import Grid


def share_out(
    tensors: Mapping[str, Array], grid: Grid, devices: Sequence[jax.Device] | None = None
) -> dict[str, Array]:
    """Return tensors with the first axis of the grid cut into equal parts, one on each device.

    `icrn_core.simulate_field` of such values, or params, evaluates the reactions of a point where
    the point is. Tensors without axes of the grid are on every device. Transforms along the first
    axis of the grid move the fields between devices.

    Parameters
    ----------
    tensors : mapping of str to array
        Values or params, as `icrn_core.simulate_field` takes them.
    grid : Grid
        Their grid.
    devices : sequence of jax.Device, optional
        All of the default backend if left out.

    Returns
    -------
    dict of str to array

    Raises
    ------
    IcrnError
        The first axis of the grid is not a multiple of the number of devices.
    """
    devices = list(devices or jax.devices())
    if grid.shape[0] % len(devices):
        raise IcrnError(
            f"the first axis of the grid has {grid.shape[0]} points, which {len(devices)} devices "
            "cannot share equally"
        )
    mesh = Mesh(np.array(devices), ("points",))
    n_axes = len(grid.shape)

    def placed(x: Array) -> Array:
        own = np.shape(x)
        spec = PartitionSpec()
        if own[len(own) - n_axes :] == grid.shape:
            spec = PartitionSpec(*[None] * (len(own) - n_axes), "points")
        return jax.device_put(x, NamedSharding(mesh, spec))

    return {name: placed(x) for name, x in tensors.items()}
