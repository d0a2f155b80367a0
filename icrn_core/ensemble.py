"""`simulate_batch`: many runs of one network, padded so that their number hardly matters, on all devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, PartitionSpec

from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.integrate import Problem, Settings
from icrn_core.layout import Block
from icrn_core.simulation import absolute_tolerance, check_times, choices, integrate, vector
from icrn_core.solution import Solution
from icrn_core.tensors import check_names, pack

_SMALLEST = 32


def simulate_batch(
    dynamics: Dynamics,
    values: Mapping[str, Array],
    params: Mapping[str, Array],
    times: Array,
    *,
    t0: float = 0.0,
    solver: Literal["auto", "rodas5p", "dopri5", "dop853"] = "auto",
    rtol: float = 1e-6,
    atol: float | Array | Mapping[str, Array] | None = None,
    max_steps: int = 100_000,
    ends_if_stiff: bool = False,
    differentiate: Literal["reverse", "checkpointed", "forward"] = "reverse",
    devices: Sequence[jax.Device] | None = None,
) -> Solution:
    """Integrate many runs of one network, each with its own step control.

    The same as ``vmap`` of `simulate`, but the batch is padded to a power of two with runs that
    end where they begin, so that one compiled program serves every number of runs up to that,
    and it is shared out over devices. It can be differentiated as `simulate` can.

    Parameters
    ----------
    dynamics : Dynamics
        From `compile_icrn`.
    values, params : mapping of str to array
        As for `simulate`, ``shape`` or, where runs differ, ``(n_runs, *shape)``.
    times : (n_times,) or (n_runs, n_times)
        Output times.
    t0, solver, rtol, atol, max_steps, ends_if_stiff, differentiate
        As for `simulate`; one for all runs.
    devices : sequence of jax.Device, optional
        Where to run, by default all devices of this process.

    Returns
    -------
    Solution
        Every array with a leading axis of runs.

    Raises
    ------
    IcrnError
        As `simulate`; or nothing has an axis of runs, or their numbers differ.

    Examples
    --------
    >>> solution = simulate_batch(dynamics, {"A": 1.0}, {"k": [0.1, 0.2, 0.3]}, [0.0, 1.0])
    >>> solution.states["A"].shape
    (3, 2)
    """
    settings = choices(dynamics, rtol, solver, max_steps, ends_if_stiff, differentiate)
    plan, times = dynamics.plan, vector(times)
    for row in times if times.ndim == 2 else [times]:
        check_times(row, t0)
    check_names(plan.species, values, "base species")
    check_names(plan.constants, params, "rate constant")
    of_values, of_params = _batched(plan.species, values), _batched(plan.constants, params)
    has_own_times = times.ndim == 2
    several = [(name, x) for name, x in values.items() if of_values[name]]
    several += [(name, x) for name, x in params.items() if of_params[name]]
    n_runs = _number_of_runs([*several, *[("times", times)] * has_own_times])
    devices = tuple(jax.local_devices() if devices is None else devices)
    if not devices:
        raise IcrnError("the list of devices is empty: leave it out for all devices of this process")
    n_padded = _padded(n_runs, len(devices))
    last = np.minimum(np.arange(n_padded), n_runs - 1)

    def padded(x: Array, is_batched: bool) -> Array:
        x = vector(x)
        return x[last] if is_batched else x

    # A run that is there to fill up ends where it begins.
    is_run = np.arange(n_padded)[:, None] < n_runs
    known = not any(isinstance(x, jax.core.Tracer) for x in (times, t0))
    own_times = (np if known else jnp).where(is_run, padded(times, has_own_times), t0)
    program = _program(settings, devices, tuple(of_values.items()), tuple(of_params.items()))
    found = program(
        dynamics,
        {name: padded(x, of_values[name]) for name, x in values.items()},
        {name: padded(x, of_params[name]) for name, x in params.items()},
        own_times,
        (vector(t0), vector(rtol), absolute_tolerance(dynamics, atol, np.nan)),
    )
    return jax.tree.map(partial(_first, n_runs), found)


def _first(n: int, x: Array) -> Array:
    if isinstance(x, jax.core.Tracer) or jax.default_backend() != "cpu":
        return x[:n]
    # Without a program for each number.
    return jax.device_put(np.asarray(x)[:n])


@lru_cache
def _program(settings: Settings, devices: tuple, *batched: tuple[tuple[str, bool], ...]) -> Callable:
    """Return the compiled function of a padded batch."""

    def one(dynamics: Dynamics, values: dict, params: dict, times: Array, rest: tuple) -> Solution:
        values = pack(dynamics.plan.species, values, "base species")
        params = pack(dynamics.plan.constants, params, "rate constant")
        problem = Problem(times, *rest)
        return integrate(dynamics, values, params, problem, settings=settings)

    axes = [{name: 0 if is_batched else None for name, is_batched in own} for own in batched]
    run = jax.vmap(one, in_axes=(None, *axes, 0, None))
    if len(devices) > 1:
        by_run, alike = PartitionSpec("runs"), PartitionSpec()
        specs = [{name: by_run if is_batched else alike for name, is_batched in own} for own in batched]
        mesh = Mesh(np.array(devices), ("runs",))
        in_specs = (alike, *specs, by_run, alike)
        run = jax.shard_map(run, mesh=mesh, in_specs=in_specs, out_specs=by_run, check_vma=False)
    return jax.jit(run)


def _batched(blocks: Sequence[Block], tensors: Mapping[str, Array]) -> dict[str, bool]:
    """Return for each tensor whether it has an axis of runs."""
    shapes = {block.name: block.shape for block in blocks}
    for name, x in tensors.items():
        if np.shape(x) != shapes[name] and np.shape(x)[1:] != shapes[name]:
            raise IcrnError(
                f"'{name}' has shape {shapes[name]}, or (n_runs, *{shapes[name]}) in a batch; "
                f"its values have {np.shape(x)}"
            )
    return {name: np.shape(x) != shapes[name] for name, x in tensors.items()}


def _number_of_runs(several: Sequence[tuple[str, Array]]) -> int:
    """Return the number of runs, on which everything that differs between them has to agree."""
    sizes = [(name, np.shape(x)[0]) for name, x in several]
    if not sizes:
        raise IcrnError(
            "a batch needs at least one tensor with a leading axis of runs: give (n_runs, *shape) for what "
            "differs between runs, or call simulate"
        )
    if len({size for _, size in sizes}) > 1:
        found = ", ".join(f"{size} of '{name}'" for name, size in sizes)
        raise IcrnError(f"tensors have different numbers of runs: {found}")
    _, n_runs = sizes[0]
    if not n_runs:
        raise IcrnError("the batch has no runs: its leading axis is empty")
    return n_runs


def _padded(n_runs: int, n_devices: int) -> int:
    """Return the next power of two, a multiple of the number of devices."""
    size = max(_SMALLEST, 1 << (n_runs - 1).bit_length())
    return -(-size // n_devices) * n_devices
