"""Write a model to the file format its name asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from icrn_io.errors import ModelIOError

if TYPE_CHECKING:
    from converters.folding import Folding
    from converters.sedml import Simulation
    from icrn_io.network import Network

SIMULATION_SUFFIX = ".jaxexport"
COMBINE_SUFFIX = ".omex"
_SUFFIXES = (".xml", ".sbml", ".ant", ".txt", COMBINE_SUFFIX, SIMULATION_SUFFIX)


def check_suffix(path: str) -> None:
    """Refuse an output name before any work is done.

    Raises
    ------
    ModelIOError
        Its suffix names no format that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise ModelIOError(f"cannot tell the format of '{path}': its name must end in {', '.join(_SUFFIXES)}")


def write_network(
    network: Network,
    path: str,
    fresh: bool = False,
    annotation: str = "",
    simulation: Simulation | None = None,
) -> None:
    """Write a network as SBML, Antimony or a COMBINE archive, whole or not at all.

    Parameters
    ----------
    network : Network
        What to write.
    path : str
        Its suffix picks the format.
    fresh : bool
        Write new SBML instead of patching the source document.
    annotation : str
        What new SBML carries as annotation of its model (`converters.annotation`).
    simulation : Simulation, optional
        What a COMBINE archive says is to be run.

    Raises
    ------
    ModelIOError
        The name fits no format, the network cannot be expressed, or the file cannot be written.
    """
    check_suffix(path)
    if is_combine(path):
        from converters.omex import archive_bytes
        from icrn_io.files import write_atomically

        write_atomically(path, archive_bytes(network, simulation, fresh=fresh, annotation=annotation))
        return
    from icrn_io import write_model

    write_model(network, path, fresh=fresh, annotation=annotation)


def is_combine(path: str) -> bool:
    """Whether the name is that of a COMBINE archive."""
    return Path(path).suffix.lower() == COMBINE_SUFFIX


def is_simulation(path: str) -> bool:
    """Whether the name is that of a compiled simulation."""
    return Path(path).suffix.lower() == SIMULATION_SUFFIX


def write_simulation(folding: Folding, path: str, n_times: int) -> None:
    """Write the compiled simulation of a folding, with its values and original ids.

    It runs without this package's readers and folders, see `icrn_core.load_simulation`.

    Parameters
    ----------
    folding : Folding
        What to compile.
    path : str
        Where to write.
    n_times : int
        Most output times that it takes.

    Raises
    ------
    ModelIOError
        The model cannot be simulated, or the file cannot be written.
    IcrnError
        It cannot be compiled or exported.
    """
    from converters.engines.programs import float64
    from converters.lowering.plain import plain_folding
    from converters.refusal import refuse_unsupported
    from icrn_core import compile_icrn, export_simulation
    from icrn_io.files import write_atomically

    folding = plain_folding(folding)
    refuse_unsupported(folding)
    icrn = folding.icrn
    values, params, labels = (
        {base.name: table[base.name] for base in bases if base.name in table}
        for bases, table in (
            (icrn.species, folding.values),
            (icrn.constants, folding.values),
            ((*icrn.species, *icrn.constants), folding.identity.entries),
        )
    )
    with float64():
        data = export_simulation(
            compile_icrn(icrn), n_times, values=values, params=params, labels=labels, max_steps=1_000_000
        )
    write_atomically(path, data)
