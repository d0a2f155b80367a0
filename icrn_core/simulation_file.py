"""The file of an exported simulation: a zip with a header in JSON, a program and arrays.

`write_file` and `read_file` know what is in it and check it; what it means is told in
`icrn_core.export`. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.layout import Block

FORMAT = "icrn-simulation"
VERSION = 1

_HEADER = "header.json"
_STAMP = (1980, 1, 1, 0, 0, 0)  # equal content makes equal files


@dataclass(frozen=True)
class Header:
    """What an exported simulation says of itself.

    Attributes
    ----------
    jax : str
        Version that traced it.
    calling_convention : int
        Of `jax.export`.
    platforms : tuple of str
        Where it runs.
    solver : str
        Integrator.
    max_steps, n_times : int
        Most steps and most output times.
    has_gradient : bool
        Whether it can be differentiated.
    species, constants : tuple of Block
        Tensors of the state and of the params, in order.
    statistics : tuple of str
        Counts that a run returns.
    labels : dict of str to tuple of str
        Names of the entries of some tensors, in C order.
    """

    jax: str
    calling_convention: int
    platforms: tuple[str, ...]
    solver: str
    max_steps: int
    n_times: int
    has_gradient: bool
    species: tuple[Block, ...]
    constants: tuple[Block, ...]
    statistics: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class SimulationFile:
    """The parts of a file: header, program, index arrays, and default values where given."""

    header: Header
    program: bytes
    arrays: tuple[np.ndarray, ...]
    defaults: Mapping[str, np.ndarray]


def write_file(parts: SimulationFile) -> bytes:
    """Return the parts as the bytes of a file."""
    members = {"program.bin": parts.program}
    members.update({f"arrays/{k}.npy": _npy(array) for k, array in enumerate(parts.arrays)})
    members.update({f"defaults/{name}.npy": _npy(array) for name, array in parts.defaults.items()})
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    head = {"format": FORMAT, "version": VERSION, **asdict(parts.header), "members": digests}
    members = {_HEADER: json.dumps(head, indent=1).encode(), **members}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _STAMP), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_file(data: bytes, name: str) -> SimulationFile:
    """Return the parts of a file.

    Parameters
    ----------
    data : bytes
        From `write_file`.
    name : str
        What to call it in messages.

    Raises
    ------
    IcrnError
        It is another kind of file, of another version, damaged, or its parts do not fit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise IcrnError(f"{name} is no exported simulation, or is damaged: {error}") from None
    head = _head(members.pop(_HEADER, b""), name)
    digests = head.pop("members", None)
    if digests != {member: hashlib.sha256(part).hexdigest() for member, part in members.items()}:
        raise IcrnError(f"{name} is damaged: its parts are not those that its header lists")
    try:
        header = _header(head)
    except (KeyError, TypeError, ValueError) as error:
        raise IcrnError(f"{name} has a header that cannot be read: {error!r}") from None
    program = members.pop("program.bin", b"")
    arrays = {member: _array(part, name, member) for member, part in members.items()}
    defaults = {
        member[len("defaults/") : -len(".npy")]: arrays.pop(member)
        for member in list(arrays)
        if member.startswith("defaults/")
    }
    _check_defaults(header, defaults, name)
    numbered = [arrays.pop(f"arrays/{k}.npy", None) for k in range(len(arrays))]
    if arrays or any(array is None for array in numbered):
        raise IcrnError(f"{name} is damaged: its arrays are not numbered from 0")
    return SimulationFile(header, program, tuple(numbered), defaults)


def _head(data: bytes, name: str) -> dict:
    try:
        head = json.loads(data)
    except ValueError:  # also text that is no UTF-8
        head = None
    if not isinstance(head, dict) or head.pop("format", None) != FORMAT:
        raise IcrnError(f"{name} is no exported simulation: it has no header of the format '{FORMAT}'")
    version = head.pop("version", None)
    if version != VERSION:
        raise IcrnError(
            f"{name} is an exported simulation of version {version}, and this package reads version "
            f"{VERSION}: export it again"
        )
    return head


def _header(head: dict) -> Header:
    unknown = set(head) - {field.name for field in fields(Header)}
    if unknown:
        raise ValueError(f"unknown entries {sorted(unknown)}")
    blocks = {
        kind: tuple(Block(str(b["name"]), int(b["offset"]), tuple(map(int, b["shape"]))) for b in head[kind])
        for kind in ("species", "constants")
    }
    return Header(
        jax=str(head["jax"]),
        calling_convention=int(head["calling_convention"]),
        platforms=tuple(map(str, head["platforms"])),
        solver=str(head["solver"]),
        max_steps=int(head["max_steps"]),
        n_times=int(head["n_times"]),
        has_gradient=bool(head["has_gradient"]),
        statistics=tuple(map(str, head["statistics"])),
        labels={str(base): tuple(map(str, ids)) for base, ids in head["labels"].items()},
        **blocks,
    )


def _check_defaults(header: Header, defaults: Mapping[str, np.ndarray], name: str) -> None:
    sizes = {
        "values": sum(block.size for block in header.species),
        "params": sum(block.size for block in header.constants),
    }
    for kind, array in defaults.items():
        if kind not in sizes or array.shape != (sizes[kind],) or array.dtype != np.float64:
            raise IcrnError(
                f"{name} is damaged: default {kind} of shape {array.shape} and type {array.dtype}"
            )


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _array(data: bytes, name: str, member: str) -> np.ndarray:
    try:
        return np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise IcrnError(f"{name} is damaged: {member} is no array ({error})") from None
