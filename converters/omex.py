"""COMBINE archives: a model with its simulation, and with what came out of it.

The archive holds the SBML document, a SED-ML Level 1 Version 4 file with one uniform time
course, a CSV file of the results where there are any, and the manifest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from converters.archive_zip import pack
from converters.sedml import Simulation, format_sedml, reported_ids

if TYPE_CHECKING:
    from icrn_io.network import Network

MODEL, SIMULATION, RESULTS = "model.xml", "simulation.sedml", "results.csv"

_COMBINE = "http://identifiers.org/combine.specifications/"
_FORMATS = {
    MODEL: f"{_COMBINE}sbml",
    SIMULATION: f"{_COMBINE}sed-ml",
    RESULTS: "http://purl.org/NET/mediatypes/text/csv",
}


def archive_bytes(
    network: Network,
    simulation: Simulation | None = None,
    results: str | None = None,
    ids: list[str] | None = None,
    fresh: bool = False,
    annotation: str = "",
) -> bytes:
    """Return a network as a COMBINE archive; equal arguments give equal bytes.

    Parameters
    ----------
    network : Network
        What to write; its SBML is the patched source document unless ``fresh``.
    simulation : Simulation, optional
        What was or is to be run; from 0 to 100 in 101 points if left out.
    results : str, optional
        What came out, as CSV with a header of ``time`` and ids.
    ids : list of str, optional
        What the simulation reports beside the time; every species if left out.
    fresh : bool
        Write new SBML.
    annotation : str
        What new SBML carries as annotation of its model.
    """
    from icrn_io import format_model

    sbml = format_model(network, fresh=fresh, annotation=annotation)
    chosen = reported_ids(network) if ids is None else ids
    texts = {SIMULATION: format_sedml(network, sbml, simulation or Simulation(), chosen)}
    if results is not None:
        texts[RESULTS] = results
    members = {MODEL: sbml, **{name: text.encode("utf-8") for name, text in texts.items()}}
    return pack({"manifest.xml": _manifest(list(members)).encode("utf-8"), **members})


def _manifest(members: list[str]) -> str:
    rows = [(".", f"{_COMBINE}omex", False), ("./manifest.xml", f"{_COMBINE}omex-manifest", False)]
    rows += [(f"./{name}", _FORMATS[name], name == SIMULATION) for name in members]
    entries = "\n".join(
        f'  <content location="{location}" format="{form}" master="{str(is_master).lower()}"/>'
        for location, form, is_master in rows
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<omexManifest xmlns="{_COMBINE}omex-manifest">\n{entries}\n</omexManifest>\n'
    )
