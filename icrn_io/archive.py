"""The model inside a COMBINE archive (``.omex``)."""

from __future__ import annotations

import io
import zipfile
import zlib
from xml.etree import ElementTree

from icrn_io.errors import ModelIOError

_MANIFEST = "manifest.xml"
_MANIFEST_LIMIT = 1 << 24
_CONTENT = "{http://identifiers.org/combine.specifications/omex-manifest}content"


def sbml_of_archive(data: bytes, name: str, max_bytes: int) -> tuple[str, bytes]:
    """Return the location and the bytes of an archive's SBML file; nothing is unpacked to disk.

    Parameters
    ----------
    data : bytes
        The archive.
    name : str
        What to call it in messages.
    max_bytes : int
        Most that the SBML file may expand to.

    Raises
    ------
    ModelIOError
        Not a zip file, no manifest, no SBML or several without a master, or a member that is
        damaged, encrypted, too large or outside the archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            location = _master(_read(archive, _MANIFEST, name, _MANIFEST_LIMIT), name)
            return location, _read(archive, location, name, max_bytes)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ModelIOError(f"{name}: damaged or encrypted zip data: {error}") from None


def _read(archive: zipfile.ZipFile, member: str, name: str, limit: int) -> bytes:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise ModelIOError(
            f"{name}: the archive has no file '{member}' (expected a COMBINE archive)"
        ) from None
    # The size in the header can lie: the read itself is bounded too.
    with archive.open(info) as file:
        plain = file.read(limit + 1)
    if len(plain) > limit:
        raise ModelIOError(f"{name}: '{member}' expands to more than {limit} bytes; refused")
    return plain


def _master(manifest: bytes, name: str) -> str:
    if b"<!DOCTYPE" in manifest or b"<!ENTITY" in manifest:
        raise ModelIOError(f"{name}: the manifest has a DOCTYPE declaration; refused")
    try:
        root = ElementTree.fromstring(manifest)
    except ElementTree.ParseError as error:
        raise ModelIOError(f"{name}: the manifest is not XML: {error}") from None
    models = [c for c in root.iter(_CONTENT) if "sbml" in c.get("format", "").lower()]
    masters = [c for c in models if c.get("master", "").lower() == "true"] or models
    locations = [c.get("location", "").removeprefix("./") for c in masters]
    if not locations:
        raise ModelIOError(f"{name}: the archive's manifest lists no SBML file")
    if len(locations) > 1:
        raise ModelIOError(
            f"{name}: the archive holds several SBML files and none is its master: {', '.join(locations)}"
        )
    location = locations[0]
    if location.startswith(("/", "\\")) or ".." in location.split("/"):
        raise ModelIOError(f"{name}: the manifest points outside the archive: '{location}'")
    return location
