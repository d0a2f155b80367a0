"""The ``.icrn`` file: a folding with its values and its source document.

A zip of ``icrn.json`` (structure, identity and everything that is not indexed, as strict
JSON), ``tensors/*.npy`` (values, masks and relations; never pickled), and the document the
network was read from: ``source.xml``, and ``source.ant`` where that was Antimony. Equal
foldings give equal bytes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from converters.archive_schema import Reader, SchemaError, Writer
from converters.archive_zip import (
    SOURCE_SBML,
    SOURCE_TEXT,
    STRUCTURE,
    pack,
    tensor_bytes,
    tensor_from_bytes,
    unpack,
)
from converters.errors import ArchiveError
from converters.folding import Folding, FoldReport, Identity, Join
from icrn_core.errors import IcrnError
from icrn_core.icrn import ICRN
from icrn_io.files import write_atomically
from icrn_io.network import Network, SourceDocument, UnsupportedFeature

SCHEMA_VERSION = 1

_PARTS = {
    "icrn": ICRN,
    "identity": Identity,
    "skeleton": Network,
    "joins": tuple[Join, ...],
    "unsupported": tuple[UnsupportedFeature, ...],
    "report": FoldReport | None,
}
_DTYPES = {"float64": np.dtype("<f8"), "int64": np.dtype("<i8"), "bool": np.dtype("?")}


def save_folding(folding: Folding, path: str | PathLike[str]) -> None:
    """Write a folding to an ``.icrn`` file, whole or not at all.

    Parameters
    ----------
    folding : Folding
        What to write; `load_folding` gives an equal one back.
    path : path
        The file; what it held before is replaced.

    Raises
    ------
    ModelIOError
        The file cannot be written.
    """
    write_atomically(path, folding_bytes(folding))


def folding_bytes(folding: Folding) -> bytes:
    """Return the ``.icrn`` file of a folding; equal foldings give equal bytes."""
    writer = Writer()
    parts = {name: writer.write(getattr(folding, name), kind) for name, kind in _PARTS.items()}
    members, tensors = _tensor_members(folding.values, writer.arrays)
    source = folding.skeleton.source
    structure = {
        "format": "icrn",
        "schema": SCHEMA_VERSION,
        "source": source.format if source else None,
        **parts,
        **tensors,
        "index_sets": writer.index_sets,
        "nodes": writer.nodes,
    }
    text = json.dumps(structure, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return pack({STRUCTURE: text.encode("utf-8"), **members, **_source_members(source)})


def _tensor_members(values: Mapping[str, np.ndarray], arrays: list[np.ndarray]) -> tuple[dict, dict]:
    members: dict[str, bytes] = {}

    def add(array: np.ndarray, label: str) -> str:
        kind = {"f": "float64", "b": "bool"}.get(array.dtype.kind, "int64")
        name = f"tensors/{len(members):04d}_{re.sub(r'[^A-Za-z0-9_]', '_', label)[:60]}.npy"
        members[name] = tensor_bytes(array.astype(_DTYPES[kind]))
        return name

    tensors = {
        "values": {base: add(tensor, base) for base, tensor in values.items()},
        "arrays": [add(array, "mask" if array.dtype.kind == "b" else "relation") for array in arrays],
    }
    return members, tensors


def _source_members(source: SourceDocument | None) -> dict[str, bytes]:
    if source is None:
        return {}
    members = {SOURCE_SBML: source.sbml}
    return members if source.text == source.sbml else {**members, SOURCE_TEXT: source.text}


def load_folding(path: str | PathLike[str]) -> Folding:
    """Read an ``.icrn`` file.

    Parameters
    ----------
    path : path
        A file that `save_folding` wrote.

    Returns
    -------
    Folding
        Equal to the one saved, its source document and report included.

    Raises
    ------
    ArchiveError
        It is no ``.icrn`` file, is damaged, or was written by a newer version.
    ModelIOError
        It is missing or unreadable.
    """
    path = Path(path)
    members = unpack(path)
    structure = _structure(path, members)
    try:
        folding = _read_parts(structure, members)
        check_folding(folding)
    except (SchemaError, IcrnError) as error:
        raise ArchiveError(path, f"is damaged: {error}") from None
    return folding


def _structure(path: Path, members: Mapping[str, bytes]) -> dict[str, Any]:
    if STRUCTURE not in members:
        raise ArchiveError(path, f"is no .icrn file: it has no member {STRUCTURE}")
    try:
        structure = json.loads(members[STRUCTURE].decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(path, f"is damaged: {STRUCTURE} is not readable JSON ({error})") from None
    if not isinstance(structure, dict) or structure.get("format") != "icrn":
        raise ArchiveError(path, f"is no .icrn file: {STRUCTURE} does not say format 'icrn'")
    version = structure.get("schema")
    if type(version) is not int or version < 1:
        raise ArchiveError(path, f"is damaged: its schema version is {version!r:.40}, not a positive integer")
    if version > SCHEMA_VERSION:
        raise ArchiveError(
            path,
            f"was written by a newer version (schema {version}; this one reads up to {SCHEMA_VERSION}): "
            "upgrade icrn-sbml",
        )
    return structure


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_parts(structure: dict[str, Any], members: Mapping[str, bytes]) -> Folding:
    rest = dict(structure)

    def take(name: str, kind: type) -> Any:
        if type(rest.get(name)) is not kind:
            raise SchemaError(f"{STRUCTURE} lacks '{name}', or it is not of type {kind.__name__}")
        return rest.pop(name)

    arrays, values = take("arrays", list), take("values", dict)

    def array(number: Any, where: str) -> np.ndarray:
        if type(number) is not int or not 0 <= number < len(arrays):
            raise SchemaError(f"{where}: there is no array {number!r:.40}")
        kind = "bool" if where.endswith(".mask") else "int64"
        return _tensor(members, arrays[number], kind, where)

    reader = Reader(take("nodes", list), take("index_sets", list), array)
    parts = {}
    for name, kind in _PARTS.items():
        if name not in rest:
            raise SchemaError(f"{STRUCTURE} lacks '{name}'")
        parts[name] = reader.read(rest.pop(name), kind, name)
    tensors = {base: _tensor(members, member, "float64", f"values.{base}") for base, member in values.items()}
    parts["skeleton"] = replace(parts["skeleton"], source=_source(rest.get("source"), members))
    return Folding(values=tensors, **parts)


def _tensor(members: Mapping[str, bytes], name: Any, kind: str, where: str) -> np.ndarray:
    if not isinstance(name, str) or name not in members:
        raise SchemaError(f"{where}: the archive has no member {name!r:.80}")
    try:
        return tensor_from_bytes(members[name], _DTYPES[kind])
    except ValueError as error:
        raise SchemaError(
            f"{where}: {name} is no {kind} array: {' '.join(str(error).split())[:200]}"
        ) from None


def _source(document_format: Any, members: Mapping[str, bytes]) -> SourceDocument | None:
    if document_format is None:
        return None
    if document_format not in ("sbml", "antimony") or SOURCE_SBML not in members:
        raise SchemaError(
            f"source: expected {SOURCE_SBML} of format sbml or antimony, found {document_format!r:.40}"
        )
    sbml = members[SOURCE_SBML]
    return SourceDocument(sbml=sbml, text=members.get(SOURCE_TEXT, sbml), format=document_format)


def check_folding(folding: Folding) -> None:
    """Check that the parts of a folding fit each other.

    Raises
    ------
    SchemaError
        A tensor, a list of ids or a join does not fit the structure.
    """
    icrn, identity = folding.icrn, folding.identity
    bases = {base.name: base for base in icrn.bases}
    valued = {base.name for base in (*icrn.species, *icrn.constants)}
    if missing := valued - folding.values.keys():
        raise SchemaError(f"values: there is no tensor for '{min(missing)}'")
    for name, tensor in folding.values.items():
        if name not in bases or tensor.shape != bases[name].shape:
            expected = bases[name].shape if name in bases else "no such base"
            raise SchemaError(f"values: '{name}' has shape {tensor.shape}, expected {expected}")
    _check_lengths("entries", identity.entries, {name: base.size for name, base in bases.items()})
    ranged = (*icrn.reactions, *icrn.assignments, *icrn.initial_assignments)
    _check_lengths("tuples", identity.tuples, {item.name: item.domain.size for item in ranged})
    _check_ids(folding)
    reactions = {reaction.name for reaction in icrn.reactions}
    for join in folding.joins:
        if not {join.forward, join.backward} <= reactions:
            raise SchemaError(f"joins: there is no indexed reaction '{join.forward}' or '{join.backward}'")


def _check_ids(folding: Folding) -> None:
    """Check that the identity table names every element of the skeleton, each once."""
    skeleton, identity = folding.skeleton, folding.identity
    named = [element_id for ids in identity.entries.values() for element_id in ids if element_id]
    if repeated := [element_id for element_id, count in Counter(named).items() if count > 1]:
        raise SchemaError(f"identity.entries: '{repeated[0]}' stands in two places")
    elements = {e.id for e in (*skeleton.compartments, *skeleton.species, *skeleton.parameters)}
    reactions = {reaction.id for reaction in skeleton.reactions}
    if strange := elements.symmetric_difference(named) - reactions:
        raise SchemaError(f"identity.entries and the skeleton differ in '{min(strange)}'")
    folded = [i for n, ids in identity.tuples.items() if identity.roles.get(n) == "reaction" for i in ids]
    if len(set(folded)) != len(folded) or not reactions.issuperset(folded):
        raise SchemaError(
            "identity.tuples: an indexed reaction names a reaction twice or one that is not there"
        )


def _check_lengths(what: str, lists: Mapping[str, tuple[str, ...]], sizes: Mapping[str, int]) -> None:
    for name, ids in lists.items():
        if len(ids) != sizes.get(name):
            expected = sizes.get(name, "no such name")
            raise SchemaError(f"identity.{what}: '{name}' has {len(ids)} ids, expected {expected}")
