"""Compiled programs of the package's own engine: one for all models of the same structure.

A program takes a network's values as vectors and gives its trajectory back as tables, by
position. Names stay outside, so that models which differ in names and values alone share it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from converters.profiling import compile_span, span
from icrn_core import ICRN, Dynamics, Solution, compile_icrn, simulate
from icrn_core.errors import IcrnError
from icrn_core.structure import anonymous, structure_key

_KEPT = 64  # structures and programs of which the least recently used is dropped
_SHORTEST = 16  # output times are padded to this length times a power of two

# XLA's emitters for fused loops double the time that a CPU program takes to compile, and gain
# hardly anything at run time. Without optimisation it takes another half, and runs 1.2-1.7 as long.
_FULL = {"xla_cpu_use_fusion_emitters": False}
_QUICK = {**_FULL, "xla_backend_optimization_level": 0}

_T = TypeVar("_T")


class _Recent(OrderedDict):
    """What was used last, by key."""

    def find(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return the value of a key, made if it is not there."""
        if key not in self:
            self[key] = make()
            if len(self) > _KEPT:
                self.popitem(last=False)
        self.move_to_end(key)
        return self[key]


_structures: _Recent = _Recent()
_programs: _Recent = _Recent()


@dataclass(frozen=True)
class Method:
    """How a program integrates: what is compiled into it.

    Attributes
    ----------
    solver : str
        Name of the integrator.
    max_steps : int
        Most internal steps.
    is_quick : bool
        Compile without optimisation, for a run that takes less time than compiling well.
    ends_if_stiff : bool
        End explicit steps early once stability limits them.
    """

    solver: str
    max_steps: int
    is_quick: bool = False
    ends_if_stiff: bool = False


class Run(NamedTuple):
    """What a program returns, by position in the network.

    Attributes
    ----------
    species, assigned, fluxes : (n_times, n) array
        Entries of base species in the unit of laws, of assigned quantities, and fluxes.
    params : (n_params,) array
        Rate constants after initial assignments.
    solution : Solution
        How the run ended; all states are one table ``"states"``, all params one vector.
    """

    species: np.ndarray
    assigned: np.ndarray
    fluxes: np.ndarray
    params: np.ndarray
    solution: Solution


def shared_dynamics(icrn: ICRN) -> Dynamics:
    """Return the dynamics of a network's structure, compiled once for all that share it.

    Its bases and reactions are called by kind and position, see `icrn_core.structure`.

    Raises
    ------
    IcrnError
        As `compile_icrn`, in the names of this network.
    """
    with span("plan"), float64():
        return _structures.find(structure_key(icrn), lambda: _compiled(icrn))


def _compiled(icrn: ICRN) -> Dynamics:
    try:
        return compile_icrn(anonymous(icrn))
    except IcrnError:
        return compile_icrn(icrn)  # fails too, and says why in the names of the user


def integrate(
    dynamics: Dynamics,
    method: Method,
    values: np.ndarray,
    params: np.ndarray,
    times: np.ndarray,
    rtol: float,
    atol: float,
) -> Run:
    """Integrate and observe, by a program that is compiled if no run before has used it.

    Parameters
    ----------
    dynamics : Dynamics
        From `shared_dynamics`.
    method : Method
        How to integrate.
    values : (n_state,)
        Initial values in ``initial_unit``, in the order of the network's base species.
    params : (n_params,)
        In the order of its rate constants.
    times : (n_times,)
        Output times.
    rtol, atol : float
        Tolerances.

    Returns
    -------
    Run
        Arrays in the memory of the host.
    """
    n = len(times)
    grid = np.concatenate([times, np.full(_padded(n) - n, times[-1])])
    given = (dynamics, values, params, grid, np.float64(rtol), np.float64(atol))
    shapes = tuple((array.shape, str(array.dtype)) for array in jax.tree.leaves(dynamics))
    with float64():
        key = dynamics.plan, shapes, len(grid), method
        program = _programs.find(key, lambda: _program(given, method))
        with span("run"):
            run = jax.device_get(program(*given))
    return run._replace(species=run.species[:n], assigned=run.assigned[:n], fluxes=run.fluxes[:n])


def _padded(n: int) -> int:
    return max(_SHORTEST, 1 << (n - 1).bit_length())


def _program(given: tuple, method: Method) -> Callable[..., Run]:
    with span("trace"):
        traced = _traceable.trace(*given, method=method)
        lowered = traced.lower()
    with compile_span():
        if jax.default_backend() != "cpu":
            return lowered.compile()
        try:
            return lowered.compile(_QUICK if method.is_quick else _FULL)
        except jax.errors.JaxRuntimeError:
            return lowered.compile()  # an XLA without these options


@partial(jax.jit, static_argnames="method")
def _traceable(
    dynamics: Dynamics,
    values: Array,
    params: Array,
    times: Array,
    rtol: Array,
    atol: Array,
    *,
    method: Method,
) -> Run:
    state, constants = dynamics.unpack_state(values), dynamics.unpack_params(params)
    options = {"solver": method.solver, "max_steps": method.max_steps, "ends_if_stiff": method.ends_if_stiff}
    solution = simulate(dynamics, state, constants, times, rtol=rtol, atol=atol, **options)
    states, params = _table(solution.states, times), dynamics.pack_params(solution.params)
    seen = dynamics.observe(times, states, params)
    solution = replace(solution, states={"states": states[:1]}, params={"params": params})
    return Run(
        _table(seen.species, times),
        _table(seen.assigned, times),
        _table(seen.fluxes, times),
        params,
        solution,
    )


def _table(tensors: dict[str, Array], times: Array) -> Array:
    """Return tensors ``(n_times, *shape)``, whose names end in their position, side by side."""
    names = sorted(tensors, key=lambda name: int(name[1:]))
    parts = [tensors[name].reshape(len(times), -1) for name in names]
    return jnp.concatenate(parts, axis=1) if parts else jnp.zeros((len(times), 0))


def float64() -> AbstractContextManager[None]:
    """Return a context in which JAX computes in 64 bits."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64(True)
