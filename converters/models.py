"""What a user may pass as a model, brought to the form a stage wants."""

from __future__ import annotations

from pathlib import Path

from converters.folding import Folding
from icrn_io.errors import ModelIOError
from icrn_io.network import Network

ARCHIVE_SUFFIX = ".icrn"


def as_network(model) -> Network:
    """Return the flat network of a path, a `Network` or a `Folding`.

    Raises
    ------
    ModelIOError
        It is none of these, or the file cannot be read.
    """
    if isinstance(model, Network):
        return model
    if isinstance(model, Folding) or is_archive(model):
        from converters.enumerate import enumerate_network

        return enumerate_network(as_folding(model))
    from icrn_io import read_model

    return read_model(_path(model))


def as_folding(model) -> Folding:
    """Return the folding of a path, a `Network` or a `Folding`; networks are folded.

    Raises
    ------
    ModelIOError
        It is none of these, or the file cannot be read.
    """
    if isinstance(model, Folding):
        return model
    if is_archive(model):
        from converters.archive import load_folding

        return load_folding(model)
    from converters.fold import fold_network

    return fold_network(as_network(model))


def is_archive(model) -> bool:
    """Whether this is the path of an ``.icrn`` file."""
    return isinstance(model, (str, Path)) and Path(model).suffix.lower() == ARCHIVE_SUFFIX


def _path(model):
    if not isinstance(model, (str, Path)):
        raise ModelIOError(f"a model is a path, a Network or a Folding, not {type(model).__name__}")
    return model
