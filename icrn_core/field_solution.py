"""What a run of reaction and diffusion leaves: times, fields by base species, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from jax import Array

from icrn_core.errors import IcrnError
from icrn_core.grid import Grid
from icrn_core.solution import ResultCode


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, eq=False)
class FieldSolution:
    """What `simulate_field` returns; a pytree.

    Attributes
    ----------
    times : (n_times,)
        The initial time, and that after every ``save_every`` steps.
    fields : dict of str to array
        Base species → ``(n_times, *base.shape, *grid.shape)`` in its ``state_unit``.
    result : int array
        A `ResultCode`: success, or not finite.
    reached : scalar
        The last time at which every value was finite.
    grid : Grid
        Where the values are.
    """

    times: Array
    fields: dict[str, Array]
    result: Array
    reached: Array
    grid: Grid

    def tree_flatten(self) -> tuple[tuple, Grid]:
        """Return the arrays as children; the grid is static."""
        return (self.times, self.fields, self.result, self.reached), self.grid

    @classmethod
    def tree_unflatten(cls, grid: Grid, children: tuple) -> FieldSolution:
        """Return the solution with these arrays."""
        return cls(*children, grid)

    def __repr__(self) -> str:
        if isinstance(self.result, jax.core.Tracer):
            return "FieldSolution(traced)"
        shapes = ", ".join(f"{name}{tuple(np.shape(x))}" for name, x in self.fields.items())
        codes = {ResultCode(int(code)).name.lower() for code in np.ravel(self.result)}
        return f"FieldSolution({shapes}; grid {self.grid.shape}; {' / '.join(sorted(codes))})"

    def check(self) -> FieldSolution:
        """Return the solution if the run, or every run of a batch, stayed finite.

        Raises
        ------
        IcrnError
            It did not; the message says when and what to do.
        """
        codes, reached = np.ravel(self.result), np.ravel(self.reached)
        failed = np.flatnonzero(codes != ResultCode.SUCCESS)
        if not len(failed):
            return self
        first = failed[0]
        which = f"run {first} of {len(codes)} ({len(failed)} failed)" if len(codes) > 1 else "the simulation"
        raise IcrnError(
            f"{which} is not finite after t = {reached[first]:.6g}: a missing value, a division by zero, or "
            "a step that is too long for the reactions (diffusion limits none): make it shorter"
        )
