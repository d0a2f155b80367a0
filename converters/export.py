"""Write a flat network to the file format its name asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from icrn_io.errors import ModelIOError

if TYPE_CHECKING:
    from icrn_io.network import Network

_SUFFIXES = (".xml", ".sbml", ".ant", ".txt", ".omex")


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


def write_network(network: Network, path: str, fresh: bool = False, annotation: str = "") -> None:
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

    Raises
    ------
    ModelIOError
        The name fits no format, the network cannot be expressed, or the file cannot be written.
    """
    check_suffix(path)
    if Path(path).suffix.lower() == ".omex":
        from converters.omex import archive_bytes
        from icrn_io.files import write_atomically

        write_atomically(path, archive_bytes(network, fresh=fresh, annotation=annotation))
        return
    from icrn_io import write_model

    write_model(network, path, fresh=fresh, annotation=annotation)
