"""The outer shell of an ``.icrn`` file: a deterministic zip, read with suspicion."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from converters.errors import ArchiveError
from icrn_io.errors import ModelIOError

STRUCTURE = "icrn.json"
SOURCE_SBML = "source.xml"
SOURCE_TEXT = "source.ant"
TENSOR = re.compile(r"tensors/[0-9]+(_[A-Za-z0-9_]+)?\.npy")

# What is suspected of being a bomb: a larger ratio than this from some size on. Saved files
# stay below it because big members that would be packed tighter are stored as they are.
MAX_BYTES = 2 * 1024**3
MAX_RATIO = 200
RATIO_FREE_BYTES = 32 * 1024**2
_BIG_MEMBER = RATIO_FREE_BYTES // 4

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    r"\{'descr': '(?P<dtype>[^']{1,20})', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>[0-9, ]{0,200})\), \} *\n"
)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return a zip of the members in this order; equal members give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_STORED if _packs_tight(data) else zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data, compresslevel=6)
    return buffer.getvalue()


def _packs_tight(data: bytes) -> bool:
    return len(data) > _BIG_MEMBER and len(zlib.compress(data, 6)) * MAX_RATIO < 2 * len(data)


def unpack(path: Path) -> dict[str, bytes]:
    """Return the members of a zip file by name, nothing ever being extracted to disk.

    Raises
    ------
    ArchiveError
        It is no zip, is damaged, is larger inside than is plausible, or has a member that no
        ``.icrn`` file has (a path out of the archive, a link, a directory, ...).
    ModelIOError
        The file is missing or unreadable.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            _check_members(path, infos)
            return {info.filename: archive.read(info) for info in infos}
    except OSError as error:
        raise ModelIOError(f"cannot read '{path}': {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, ModelIOError):
            raise
        raise ArchiveError(path, f"is not a readable zip archive ({error})") from None


def _check_members(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for info in infos:
        problem = _problem(info, seen)
        if problem:
            raise ArchiveError(path, f"has a member {info.filename!r} that {problem}")
        seen.add(info.filename)
    total = sum(info.file_size for info in infos)
    packed = max(1, path.stat().st_size)
    if total > MAX_BYTES or (total > RATIO_FREE_BYTES and total / packed > MAX_RATIO):
        raise ArchiveError(path, f"claims to unpack from {packed} to {total} bytes: refused as a zip bomb")


def _problem(info: zipfile.ZipInfo, seen: set[str]) -> str:
    known = info.filename in (STRUCTURE, SOURCE_SBML, SOURCE_TEXT) or TENSOR.fullmatch(info.filename)
    if not known:
        return "does not belong in an .icrn file"
    if info.filename in seen:
        return "occurs twice"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a symbolic link"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in _COMPRESSIONS:
        return f"is compressed by method {info.compress_type} instead of deflate"
    return ""


def tensor_bytes(tensor: np.ndarray) -> bytes:
    """Return an array in NumPy's ``.npy`` format 1.0, C order, without pickle."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(tensor, order="C"), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def tensor_from_bytes(data: bytes, dtype: np.dtype) -> np.ndarray:
    """Return the array of an ``.npy`` member.

    The header is matched, not evaluated, and checked against the bytes that follow before
    anything of its shape is made.

    Raises
    ------
    ValueError
        It is no such file, has another dtype, or its shape does not fit its length.
    """
    if data[:8] != _MAGIC:
        raise ValueError("not the npy format 1.0")
    start = 10 + int.from_bytes(data[8:10], "little")
    header = _HEADER.fullmatch(data[10:start].decode("latin-1"))
    if header is None:
        raise ValueError("its header is not the one NumPy writes")
    if header["dtype"] != dtype.str or header["fortran"] == "True":
        order = " in Fortran order" if header["fortran"] == "True" else ""
        raise ValueError(f"it is {header['dtype']}{order} instead of {dtype.str}")
    shape = tuple(int(length) for length in header["shape"].split(",") if length.strip())
    n_bytes = dtype.itemsize * prod(shape)
    if n_bytes != len(data) - start:
        raise ValueError(f"its shape {shape} needs {n_bytes} bytes and it has {len(data) - start}")
    return np.frombuffer(data, dtype=dtype, offset=start).reshape(shape).copy()
