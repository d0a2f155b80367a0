"""Write a `Network`: patch the document it came from, or write SBML or Antimony afresh."""

from __future__ import annotations

import gzip
import os
import re
from dataclasses import fields, replace
from pathlib import Path

from icrn_io.errors import ModelIOError
from icrn_io.files import write_atomically
from icrn_io.loading import read_bytes
from icrn_io.network import Network, Species
from icrn_io.sbml_format import format_sbml
from icrn_io.sbml_patch import FRESH, find_changes, first_difference, patch_sbml

_LEVEL_1 = re.compile(rb"<sbml\s[^>]*\blevel\s*=\s*[\"']1[\"']")

_FORMAT_OF_SUFFIX = {".xml": "sbml", ".sbml": "sbml", ".ant": "antimony", ".txt": "antimony"}


def write_model(
    network: Network, path: str | os.PathLike[str], fresh: bool = False, annotation: str = ""
) -> None:
    """Write a network to a file; a crash leaves the old file.

    Parameters
    ----------
    network : Network
        What to write.
    path : str or path
        ``.xml`` or ``.sbml`` for SBML, ``.ant`` or ``.txt`` for Antimony; ``.gz`` after it to
        compress.
    fresh, annotation
        As in `format_model`.

    Raises
    ------
    ModelIOError
        An unknown suffix, a file that cannot be written, or as `format_model`.
    """
    path = Path(path)
    is_compressed = path.suffix.lower() == ".gz"
    suffix = (path.with_suffix("") if is_compressed else path).suffix.lower()
    if suffix not in _FORMAT_OF_SUFFIX:
        raise ModelIOError(
            f"{path}: the suffix '{suffix}' names no format; expected one of {', '.join(_FORMAT_OF_SUFFIX)}"
        )
    data = format_model(network, _FORMAT_OF_SUFFIX[suffix], fresh, annotation)
    # No time stamp: equal networks give equal files.
    write_atomically(path, gzip.compress(data, mtime=0) if is_compressed else data)


def format_model(network: Network, fmt: str = "sbml", fresh: bool = False, annotation: str = "") -> bytes:
    """Return the text of a network as SBML or Antimony.

    Where the network came from a document, that document is returned, byte for byte where
    nothing changed, else with the changed values set in it at its own level: amounts,
    concentrations, parameters, compartment sizes, stoichiometries, and initial assignments
    taken out. Everything else in it stays.

    Parameters
    ----------
    network : Network
        What to write.
    fmt : {"sbml", "antimony"}
        Antimony is always made from the SBML, unless nothing changed.
    fresh : bool
        Write a new SBML Level 3 document from the network alone: without notes, annotations
        and layout, function definitions expanded.
    annotation : str
        XML elements, each in a namespace of its own, that a new SBML document carries as
        annotation of its model; a document that is patched keeps the annotations it has.

    Raises
    ------
    ModelIOError
        The network differs from its document in more than values and ``fresh`` is not set;
        or it is not consistent.
    UnsupportedFeatureError
        ``fresh`` and a construct that the network cannot hold.
    """
    if fmt not in ("sbml", "antimony"):
        raise ModelIOError(f"unknown format '{fmt}'; expected 'sbml' or 'antimony'")
    source = network.source
    if fresh or source is None:
        sbml = format_sbml(network, annotation if fmt == "sbml" else "").encode()
        _read_back(sbml, network, "the fresh SBML")
    else:
        sbml = _patched(network)
        if fmt == "antimony" and source.format == "antimony" and sbml == source.sbml:
            return source.text
    if fmt == "sbml":
        return sbml
    return _as_antimony(sbml, network)


def _as_antimony(sbml: bytes, network: Network) -> bytes:
    """Return the Antimony of a document, or of a flat copy where that says more."""
    try:
        return _translated(sbml, network)
    except ModelIOError as error:
        # Submodels, function definitions and stoichiometry formulas come out better written flat.
        if network.unsupported:
            raise
        flat = format_sbml(network).encode()
        try:
            return _translated(flat, network)
        except ModelIOError:
            raise error from None


def _translated(sbml: bytes, network: Network) -> bytes:
    from icrn_io.antimony_check import refuse_losses
    from icrn_io.antimony_text import sbml_to_antimony

    name = network.id or "the network"
    data = sbml_to_antimony(sbml.decode(), name).encode()
    try:
        again = read_bytes(data, "its translation")
    except ModelIOError as error:
        raise ModelIOError(
            f"{name}: cannot be said in Antimony: {error}; write SBML instead (.xml)"
        ) from None
    refuse_losses(network, again, name)
    return data


def _patched(network: Network) -> bytes:
    source = network.source
    old = read_bytes(source.sbml, "the original document")
    if old == network:
        return source.sbml
    if _LEVEL_1.search(source.sbml):
        network = _in_amounts(network)
    sbml = patch_sbml(source.sbml, find_changes(old, network))
    _read_back(sbml, network, "the patched document")
    return sbml


def _in_amounts(network: Network) -> Network:
    """Return the network with initial amounts, all that Level 1 has, where sizes are plain numbers."""
    governed = {getattr(item, "variable", "") for item in (*network.rules, *network.initial_assignments)}
    sizes = {c.id: c.size for c in network.compartments if c.size is not None and c.id not in governed}

    def in_amount(species: Species) -> Species:
        concentration, size = species.initial_concentration, sizes.get(species.compartment)
        if concentration is None or size is None:
            return species
        return replace(species, initial_amount=concentration * size, initial_concentration=None)

    return replace(network, species=tuple(map(in_amount, network.species)))


def _read_back(sbml: bytes, network: Network, what: str) -> None:
    """Raise where a text just made does not say what the network says."""
    # Lifted parameters that another element uses can only be written as global ones.
    read, wanted = _comparable(read_bytes(sbml, what)), _comparable(network)
    if read == wanted:
        return
    names = [item.name for item in fields(Network) if item.compare]
    first = next(name for name in names if getattr(read, name) != getattr(wanted, name))
    where = first_difference(getattr(wanted, first), getattr(read, first))
    raise ModelIOError(
        f"{what} would not read back as the same network, so it is not written: its "
        f"{first.replace('_', ' ')} differ{where} (a value that a submodel replaces, or a document that "
        f"breaks the rules of SBML); {FRESH}"
    )


def _comparable(network: Network) -> Network:
    """Return the network without what a fresh document cannot always say of its parameters."""
    parameters = sorted((replace(p, local_to=None) for p in network.parameters), key=lambda p: p.id)
    return replace(network, parameters=tuple(parameters))
