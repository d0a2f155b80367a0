"""What a run of reaction and diffusion is given, checked, as arrays with the points as lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.grid import Grid
from icrn_core.layout import Block
from icrn_core.tensors import check_finite, check_names


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, eq=False)
class Given:
    """Arrays of a run; a pytree.

    Attributes
    ----------
    state : (n_state, n_points)
        Initial values.
    held : (n_state, n_points or 1)
        The same, of one point where what rates read of held entries is the same at all.
    params : (n_params, n_points or 1)
        Rate constants.
    constants : (n_diffusing,)
        Diffusion constants of the entries that diffuse.
    boundary : (n_diffusing,)
        Their values at fixed boundaries.
    diffusing : tuple of str
        The base species that diffuse; static.
    """

    state: Array
    held: Array
    params: Array
    constants: Array
    boundary: Array
    diffusing: tuple[str, ...]

    def tree_flatten(self) -> tuple[tuple, tuple[str, ...]]:
        """Return the arrays as children; the names are static."""
        return (self.state, self.held, self.params, self.constants, self.boundary), self.diffusing

    @classmethod
    def tree_unflatten(cls, diffusing: tuple[str, ...], children: tuple) -> Given:
        """Return what is given with these arrays."""
        return cls(*children, diffusing)


def given_values(
    dynamics: Dynamics,
    values: Mapping[str, Array],
    params: Mapping[str, Array],
    diffusion: Mapping[str, Array],
    grid: Grid,
    dtype: np.dtype | None,
) -> Given:
    """Return what `simulate_field` is given, see there, as arrays.

    Raises
    ------
    IcrnError
        Something is missing, unknown, misshapen, negative or not finite, or the network cannot be run.
    """
    plan = dynamics.plan
    _check_network(dynamics)
    dtype = jnp.dtype(float if dtype is None else dtype)
    if dtype.kind != "f":
        raise IcrnError(f"dtype is a floating-point type, found {dtype}")
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    state = _tensors(plan.species, values, "base species", grid, dtype)
    constants = _tensors(plan.constants, params, "rate constant", grid, dtype)
    diffusing = tuple(block.name for block in plan.species if block.name in diffusion)
    # Held entries that vary in space make all that is prepared vary, and so do rate constants.
    varies = any(state[name].shape[1] > 1 for name in plan.held_reads)
    y, p = _joined(state, dtype), _joined(constants, dtype)
    if plan.initial.levels:
        y, p = dynamics.initial_lanes(*_with_equal_lanes(y, p), jnp.zeros((), dtype))
        varies = varies or (p.shape[1] > 1)
    check_finite(plan.species, y, "base species")
    check_finite(plan.constants, p, "rate constant")
    for name in diffusing:
        if name in plan.held_reads:
            raise IcrnError(
                f"base species '{name}' diffuses, and rates read an entry of it that no reaction changes: "
                f"compile it as compile_icrn(icrn, moving=['{name}'])"
            )
    blocks = [block for block in plan.species if block.name in diffusing]
    return Given(
        jnp.broadcast_to(y, (y.shape[0], grid.n_points)),
        y if varies else y[:, :1],
        p,
        _constants(plan.species, blocks, diffusion, dtype),
        _boundary(plan.species, blocks, grid, dtype),
        diffusing,
    )


def _check_network(dynamics: Dynamics) -> None:
    plan = dynamics.plan
    if plan.hybrid is not None:
        parts = {"events": plan.hybrid.events, "comparisons of the state": plan.hybrid.modes,
                 "delays": plan.hybrid.delays}  # fmt: skip
        found = " and ".join(name for name, part in parts.items() if part is not None)
        raise IcrnError(f"simulate_field has fixed steps and takes no network with {found}")
    if plan.jumps:
        raise IcrnError(
            "simulate_field has fixed steps and takes no network with comparisons of the time (piecewise): "
            "run it from switch to switch, with other rate constants"
        )


def _tensors(
    blocks: Sequence[Block], tensors: Mapping[str, Array], kind: str, grid: Grid, dtype: np.dtype
) -> dict[str, Array]:
    """Return tensors ``(size, n_points)``, or ``(size, 1)`` where they have no axes of the grid."""
    check_names(blocks, tensors, kind)
    found = {}
    for block in blocks:
        whole = (*block.shape, *grid.shape)
        if block.name not in tensors:
            raise IcrnError(
                f"no values for {kind} '{block.name}': give an array of shape {block.shape} or {whole}"
            )
        shape = np.shape(tensors[block.name])
        if shape not in (block.shape, whole):
            raise IcrnError(
                f"the values of {kind} '{block.name}' have shape {shape}, expected {block.shape} or, with "
                f"the grid, {whole}"
            )
        n_lanes = grid.n_points if shape == whole else 1
        found[block.name] = jnp.asarray(tensors[block.name], dtype).reshape(block.size, n_lanes)
    return found


def _joined(tensors: Mapping[str, Array], dtype: np.dtype) -> Array:
    """Return tensors as rows of one array, with one lane if all have one."""
    parts = list(tensors.values())
    n_lanes = max((part.shape[1] for part in parts), default=1)
    return jnp.concatenate(
        [jnp.zeros((0, n_lanes), dtype), *(jnp.broadcast_to(p, (p.shape[0], n_lanes)) for p in parts)]
    )


def _with_equal_lanes(*arrays: Array) -> list[Array]:
    n_lanes = max(x.shape[1] for x in arrays)
    return [jnp.broadcast_to(x, (x.shape[0], n_lanes)) for x in arrays]


def _constants(
    every: Sequence[Block], blocks: Sequence[Block], diffusion: Mapping[str, Array], dtype: np.dtype
) -> Array:
    """Return the diffusion constants of the given blocks, ``(n_diffusing,)``."""
    found = _by_entry(every, blocks, diffusion, "diffusion constant", dtype)
    for block, own in zip(blocks, found, strict=True):
        if isinstance(own, jax.core.Tracer):
            continue
        bad = np.asarray(own)[~(np.isfinite(own) & (own >= 0))]
        if len(bad):
            raise IcrnError(
                f"the diffusion constant of base species '{block.name}' is {bad[0]}, expected a number "
                "from 0 up"
            )
    return jnp.concatenate([jnp.zeros(0, dtype), *found])


def _boundary(every: Sequence[Block], blocks: Sequence[Block], grid: Grid, dtype: np.dtype) -> Array:
    """Return the values at fixed boundaries of the given blocks, ``(n_diffusing,)``."""
    given = grid.boundary_values
    names = [block.name for block in blocks]
    for name in given:
        if name not in names and name in [block.name for block in every]:
            raise IcrnError(f"a boundary value is given for base species '{name}', which does not diffuse")
    filled = {**dict.fromkeys(names, 0.0), **given}
    return jnp.concatenate([jnp.zeros(0, dtype), *_by_entry(every, blocks, filled, "boundary value", dtype)])


def _by_entry(
    every: Sequence[Block], blocks: Sequence[Block], given: Mapping[str, Array], what: str, dtype: np.dtype
) -> list[Array]:
    """Return one value for each entry of each block."""
    check_names(every, given, "base species")
    found = []
    for block in blocks:
        shape = np.shape(given[block.name])
        if shape not in ((), block.shape):
            raise IcrnError(
                f"the {what} of base species '{block.name}' has shape {shape}, expected {block.shape} or ()"
            )
        own = jnp.asarray(given[block.name], dtype)
        found.append(jnp.broadcast_to(own, block.shape).reshape(-1))
    return found
