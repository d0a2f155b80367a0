"""Find out what a model file is, and read it."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path

from icrn_io.archive import sbml_of_archive
from icrn_io.checks import check_network
from icrn_io.errors import ModelIOError, UnsupportedFeatureError
from icrn_io.network import Network, SourceDocument
from icrn_io.sbml_document import decode_sbml, parse_sbml
from icrn_io.sbml_reader import network_of_document

MAX_BYTES = 1 << 30
"""Most that a compressed file may expand to."""

_XML_SUFFIXES = (".xml", ".sbml")
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def read_model(path_or_text: str | os.PathLike[str]) -> Network:
    """Read a model file, or the text of a model.

    Parameters
    ----------
    path_or_text : str or path
        A path to SBML of any level, Antimony or a COMBINE archive, compressed with gzip or not;
        or SBML or Antimony itself (a string with a line break, a leading ``<``, or with ``->``
        , ``;`` or ``=`` that is no existing file).

    Returns
    -------
    Network
        What the file says, exactly and in file order.

    Raises
    ------
    ModelIOError
        The file cannot be read, or what it holds is not a valid model.
    """
    if isinstance(path_or_text, str) and _is_text(path_or_text):
        return read_bytes(path_or_text.encode(), "the given text")
    path = Path(path_or_text)
    return read_bytes(_file_bytes(path), str(path), folder=path.parent)


def read_bytes(data: bytes, name: str = "standard input", folder: Path | None = None) -> Network:
    """Read a model from the bytes of its file; what they are is told by their content.

    Parameters
    ----------
    data : bytes
        SBML, Antimony or a COMBINE archive, compressed with gzip or not.
    name : str
        What to call it in messages; a suffix ``.xml`` or ``.sbml`` demands SBML.
    folder : Path, optional
        Where external model definitions (package comp) are looked for.

    Raises
    ------
    ModelIOError
        As `read_model`.
    """
    if data.startswith(b"\x1f\x8b"):
        data = _gunzip(data, name)
    if data.startswith(b"PK\x03\x04"):
        member, data = sbml_of_archive(data, name, MAX_BYTES)
        name, folder = f"{name} ({member})", None
    if not data.strip():
        raise ModelIOError(f"{name}: the file is empty; expected SBML or Antimony")
    if _looks_like_xml(data) or name.removesuffix(".gz").lower().endswith(_XML_SUFFIXES):
        return _read_sbml(data, data, "sbml", name, folder)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelIOError(
            f"{name}: neither XML nor UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}); "
            "expected SBML, Antimony or a COMBINE archive"
        ) from None
    if "\0" in text:
        raise ModelIOError(f"{name}: a binary file; expected SBML, Antimony or a COMBINE archive")
    from icrn_io.antimony_text import antimony_to_sbml

    sbml = antimony_to_sbml(text, name).encode()
    return _read_sbml(sbml, data, "antimony", name, folder)


def _read_sbml(sbml: bytes, text: bytes, kind: str, name: str, folder: Path | None) -> Network:
    document = parse_sbml(decode_sbml(sbml, name), name, folder)
    try:
        network = network_of_document(document, SourceDocument(sbml, text, kind))
        check_network(network, formulas=False)
    except UnsupportedFeatureError:
        raise
    except ModelIOError as error:
        raise ModelIOError(f"{name}: {error}") from None
    return network


def _is_text(given: str) -> bool:
    if "\n" in given or given.lstrip("\ufeff \t").startswith("<"):
        return True
    return any(mark in given for mark in ("->", "=>", ";", "=")) and not os.path.lexists(given)


def _looks_like_xml(data: bytes) -> bool:
    plain = data.removeprefix(_BYTE_ORDER_MARKS[0])
    return data.startswith(_BYTE_ORDER_MARKS[1:]) or plain.lstrip().startswith(b"<")


def _file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelIOError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ModelIOError(f"{path}: a directory; expected a model file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelIOError(f"{path}: the file cannot be read: {reason}") from None


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            plain = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ModelIOError(f"{name}: damaged gzip data: {error}") from None
    if len(plain) > MAX_BYTES:
        raise ModelIOError(f"{name}: the gzip data expand to more than {MAX_BYTES} bytes; refused")
    return plain
