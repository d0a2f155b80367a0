"""Compiled simulations as files: traced on one machine, run on another that has only JAX.

The program is portable StableHLO by `jax.export`: it is compiled where it runs, for what it
runs on, without the model, its rate laws, sympy or libsbml. It *is* a program: load only files
that you trust.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax import export as jax_export

from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.kernel import switched_off
from icrn_core.layout import Block
from icrn_core.simulation import check_times, simulate
from icrn_core.simulation_file import Header, SimulationFile, read_file, write_file
from icrn_core.solution import Solution, Statistics
from icrn_core.tensors import pack, unpack

_KINDS = {"values": "base species", "params": "rate constant"}


def export_simulation(
    dynamics: Dynamics,
    n_times: int,
    *,
    values: Mapping[str, Array] | None = None,
    params: Mapping[str, Array] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    solver: str = "auto",
    max_steps: int = 100_000,
    platforms: Sequence[str] | None = None,
    has_gradient: bool = False,
) -> bytes:
    """Return `simulate` for one model, traced, as the bytes of a file.

    Parameters
    ----------
    dynamics : Dynamics
        From `compile_icrn`.
    n_times : int
        Most output times that the program takes.
    values, params : mapping of str to array, optional
        Initial values and rate constants that are taken where none are given.
    labels : mapping of str to sequence of str, optional
        Names of the entries of base species and rate constants, in C order.
    solver, max_steps
        As for `simulate`.
    platforms : sequence of str, optional
        Where it is to run: ``"cpu"``, ``"cuda"``, ``"rocm"``, ``"tpu"``; by default where it is
        exported.
    has_gradient : bool
        Whether the loaded simulation can be differentiated, once, in reverse mode.

    Returns
    -------
    bytes
        What `load_simulation` reads.

    Raises
    ------
    IcrnError
        64-bit floats are switched off, the package ``flatbuffers`` is missing, tensors do not
        fit, or the solver cannot be exported.
    """
    _check_here()
    if n_times < 1:
        raise IcrnError(f"n_times is {n_times}: a simulation has at least one output time")
    given = {"values": values, "params": params}
    blocks = {"values": dynamics.plan.species, "params": dynamics.plan.constants}
    defaults = {
        kind: np.asarray(pack(blocks[kind], tensors, _KINDS[kind]))
        for kind, tensors in given.items()
        if tensors is not None
    }
    arrays, tree = jax.tree.flatten(dynamics)

    def run(arrays, values, params, times, t0, rtol, atol):
        rebuilt = jax.tree.unflatten(tree, arrays)
        state, constants = rebuilt.unpack_state(values), rebuilt.unpack_params(params)
        options = {"t0": t0, "rtol": rtol, "atol": atol, "solver": solver, "max_steps": max_steps}
        return _outputs(rebuilt, simulate(rebuilt, state, constants, times, **options))

    shapes = _arguments(arrays, dynamics.n_state, dynamics.n_params, n_times)
    try:
        with switched_off():
            exported = jax_export.export(jax.jit(run), platforms=platforms)(*shapes)
            program = bytes(exported.serialize(vjp_order=int(has_gradient)))
    except IcrnError:
        raise
    except (ValueError, NotImplementedError) as error:
        raise IcrnError(f"it cannot be exported: {error}") from error
    header = Header(
        jax=jax.__version__,
        calling_convention=exported.calling_convention_version,
        platforms=tuple(exported.platforms),
        solver=solver,
        max_steps=int(max_steps),
        n_times=int(n_times),
        has_gradient=bool(has_gradient),
        species=blocks["values"],
        constants=blocks["params"],
        statistics=Statistics._fields,
        labels={name: tuple(ids) for name, ids in (labels or {}).items()},
    )
    return write_file(SimulationFile(header, program, tuple(np.asarray(a) for a in arrays), defaults))


def load_simulation(source: bytes | str | os.PathLike[str]) -> ExportedSimulation:
    """Return a simulation that `export_simulation` made.

    Parameters
    ----------
    source : bytes or path
        The file. It holds a program: load only what you trust.

    Returns
    -------
    ExportedSimulation
        To be called.

    Raises
    ------
    IcrnError
        It cannot be read, is another kind of file, damaged, of another version, or made for
        another kind of machine or a JAX that this one does not understand.
    """
    _check_here()
    if isinstance(source, bytes):
        data, name = source, "the given file"
    else:
        name = str(source)
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise IcrnError(f"{name} cannot be read: {error.strerror or error}") from None
    return ExportedSimulation(read_file(data, name), name)


class ExportedSimulation:
    """A simulation from a file; call it as `simulate` is called, without a `Dynamics`.

    Attributes
    ----------
    header : Header
        Names, shapes, solver, versions.
    """

    def __init__(self, parts: SimulationFile, name: str) -> None:
        self.header = parts.header
        self._defaults = parts.defaults
        self._arrays = jax.device_put(list(parts.arrays))
        self._exported = _deserialized(parts, name)

    def __repr__(self) -> str:
        header = self.header
        shapes = ", ".join(f"{block.name}{list(block.shape)}" for block in header.species)
        platforms = ", ".join(header.platforms)
        return f"ExportedSimulation({shapes}; {header.solver}, {header.n_times} times; {platforms})"

    @cached_property
    def _call(self):
        return jax.jit(self._exported.call)

    def __call__(
        self,
        values: Mapping[str, Array] | None = None,
        params: Mapping[str, Array] | None = None,
        *,
        times: Array,
        t0: float = 0.0,
        rtol: float = 1e-6,
        atol: float | Array | None = None,
    ) -> Solution:
        """Integrate from ``t0`` and return the states at the given times.

        Parameters
        ----------
        values, params : mapping of str to array, optional
            Initial values and rate constants by name; those in the file if left out.
        times : (n,)
            Output times, ascending, none before ``t0``, at most as many as were exported.
        t0, rtol, atol
            As for `simulate`; ``atol`` a number or a vector over the state.

        Returns
        -------
        Solution

        Raises
        ------
        IcrnError
            Tensors are missing or do not fit, or there are too many times.
        """
        header = self.header
        times = jnp.asarray(times, dtype=float)
        check_times(times, t0, header.n_times)
        padding = jnp.broadcast_to(times[-1], (header.n_times - len(times),))
        found = self._call(
            self._arrays,
            self._packed("values", header.species, values),
            self._packed("params", header.constants, params),
            jnp.concatenate([times, padding]),
            *(jnp.asarray(number, dtype=float) for number in (t0, rtol)),
            # NaN asks `simulate` for what follows the initial state.
            jnp.broadcast_to(jnp.asarray(jnp.nan if atol is None else atol, float), (_size(header.species),)),
        )
        return Solution(
            times=times,
            states=unpack(header.species, found["states"][: len(times)], 0),
            params=unpack(header.constants, found["params"], _size(header.species)),
            statistics=Statistics(*(found["statistics"][name] for name in Statistics._fields)),
            result=found["result"],
            reached=found["reached"],
        )

    def _packed(self, kind: str, blocks: tuple[Block, ...], tensors: Mapping[str, Array] | None) -> Array:
        if tensors is not None:
            return pack(blocks, tensors, _KINDS[kind])
        if kind not in self._defaults:
            raise IcrnError(f"the file holds no {kind}: give those of {', '.join(b.name for b in blocks)}")
        return jnp.asarray(self._defaults[kind])


def _outputs(dynamics: Dynamics, solution: Solution) -> dict:
    """Return a solution without names, in containers that every version of JAX can store."""
    states = [jnp.reshape(solution.states[b.name], (len(solution.times), -1)) for b in dynamics.plan.species]
    return {
        "states": jnp.concatenate([jnp.zeros((len(solution.times), 0)), *states], axis=1),
        "params": dynamics.pack_params(solution.params),
        "statistics": solution.statistics._asdict(),
        "result": solution.result,
        "reached": solution.reached,
    }


def _arguments(arrays: Sequence, n_state: int, n_params: int, n_times: int) -> tuple:
    """Return the shapes and types of what an exported program is called with."""

    def floats(*shape: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, np.float64)

    index = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]
    return index, floats(n_state), floats(n_params), floats(n_times), floats(), floats(), floats(n_state)


def _deserialized(parts: SimulationFile, name: str) -> jax_export.Exported:
    header = parts.header
    oldest = jax_export.minimum_supported_calling_convention_version
    newest = jax_export.maximum_supported_calling_convention_version
    if not oldest <= header.calling_convention <= newest:
        raise IcrnError(
            f"{name} was exported by JAX {header.jax}, which JAX {jax.__version__} here does not understand: "
            "export it again, or install that version"
        )
    here = jax.default_backend()
    if here not in header.platforms and not (here == "gpu" and {"cuda", "rocm"} & set(header.platforms)):
        raise IcrnError(
            f"{name} was exported for {', '.join(header.platforms)}, and this machine runs on {here}"
        )
    if set(header.statistics) != set(Statistics._fields):
        raise IcrnError(f"{name} was exported by another version of this package: export it again")
    try:
        exported = jax_export.deserialize(bytearray(parts.program))
    except Exception as error:  # noqa: BLE001 - the reader of flatbuffers raises whatever it meets
        raise IcrnError(f"{name} holds a program that JAX cannot read: {error!r}") from None
    expected = _arguments(parts.arrays, _size(header.species), _size(header.constants), header.n_times)
    found = [(tuple(aval.shape), np.dtype(aval.dtype)) for aval in exported.in_avals]
    if found != [(leaf.shape, np.dtype(leaf.dtype)) for leaf in jax.tree.leaves(expected)]:
        raise IcrnError(f"{name} is damaged: its program takes other arguments than its header says")
    return exported


def _size(blocks: Sequence[Block]) -> int:
    return sum(block.size for block in blocks)


def _check_here() -> None:
    if not jax.config.jax_enable_x64:
        raise IcrnError(
            "64-bit floats are switched off, and an exported simulation computes with them: "
            "call jax.config.update('jax_enable_x64', True) first"
        )
    try:
        import flatbuffers  # noqa: F401 - JAX needs it here and only here
    except ImportError:
        raise IcrnError(
            "exported simulations need the package flatbuffers: pip install flatbuffers"
        ) from None
