"""What a user may pass as a model, brought to the form a stage wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from converters.folding import Folding
from converters.overrides import apply_overrides
from converters.profiling import span
from converters.quantities import symbol_quantities
from icrn_io.errors import ModelIOError
from icrn_io.network import Network

ARCHIVE_SUFFIX = ".icrn"
AUTHORED_SUFFIX = ".iant"


def as_network(model) -> Network:
    """Return the flat network of a path, a `Network`, a `Folding` or an authored network.

    Raises
    ------
    ModelIOError
        It is none of these, or the file cannot be read.
    """
    if isinstance(model, Network):
        return model
    if isinstance(model, Folding) or is_archive(model) or is_authored(model):
        from converters.enumerate import enumerate_network

        return enumerate_network(as_folding(model))
    path = _path(model)
    with span("import"):
        from icrn_io import read_model
    with span("read"):
        return read_model(path)


def as_folding(model) -> Folding:
    """Return the folding of a path, a `Network`, a `Folding` or an authored network; networks are folded.

    Raises
    ------
    ModelIOError
        It is none of these, or the file cannot be read.
    """
    if isinstance(model, Folding):
        return model
    if is_archive(model):
        from converters.archive import load_folding

        with span("read"):
            return load_folding(model)
    if is_authored(model):
        from converters.authored import authored_folding, read_authored

        with span("read"):
            return authored_folding(read_authored(model) if isinstance(model, (str, Path)) else model)
    with span("import"):
        from converters.fold import fold_network
    network = as_network(model)
    with span("fold"):
        return fold_network(network)


def with_overrides(model, overrides: Mapping[str, float]):
    """Return a model with some values replaced, as `converters.overrides.apply_overrides` says.

    A folding stays one with the same indexed structure where its tensors hold the values, so
    that what was compiled for it still serves; otherwise the result is a network.

    Raises
    ------
    ModelIOError
        The model cannot be read, or an override does not fit.
    """
    if not overrides:
        return model
    if is_archive(model) or is_authored(model):
        model = as_folding(model)
    changed = apply_overrides(as_network(model), overrides)
    if isinstance(model, Folding):
        refilled = _refilled(model, overrides)
        if refilled is not None:
            return refilled
    return changed


def _refilled(folding: Folding, overrides: Mapping[str, float]) -> Folding | None:
    quantities = symbol_quantities(folding.skeleton)
    units = {base.name: base.initial_unit for base in folding.icrn.species}
    assigned = {assignment.variable for assignment in folding.skeleton.initial_assignments}
    values = dict(folding.values)
    for element_id, value in overrides.items():
        base, position = folding.identity.positions.get(element_id, ("", 0))
        in_other_unit = element_id in quantities and units.get(base) != quantities[element_id]
        if folding.unsupported or base not in values or element_id in assigned or in_other_unit:
            return None
        tensor = values[base].copy()
        tensor.flat[position] = float(value)
        values[base] = tensor
    return replace(folding, values=values)


def is_archive(model) -> bool:
    """Whether this is the path of an ``.icrn`` file."""
    return isinstance(model, (str, Path)) and Path(model).suffix.lower() == ARCHIVE_SUFFIX


def is_authored(model) -> bool:
    """Whether this is an authored network, or the path of one in indexed Antimony (``.iant``)."""
    if isinstance(model, (str, Path)):
        return Path(model).suffix.lower() == AUTHORED_SUFFIX
    from icrn_core.authoring import AuthoredNetwork

    return isinstance(model, AuthoredNetwork)


def _path(model):
    if not isinstance(model, (str, Path)):
        raise ModelIOError(
            f"a model is a path, a Network, a Folding or an AuthoredNetwork, not {type(model).__name__}"
        )
    return model
