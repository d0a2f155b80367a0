"""SBML text into a libsbml document that is well formed, consistent and flat."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from urllib.parse import unquote
from xml.parsers import expat

import libsbml

from icrn_io.errors import ModelIOError, UnsupportedFeatureError

MAX_DEPTH = 2000
"""Deepest nesting of XML elements accepted: libsbml reads recursively and would crash."""

_UNCHECKED = (
    libsbml.LIBSBML_CAT_UNITS_CONSISTENCY,
    libsbml.LIBSBML_CAT_MODELING_PRACTICE,
    libsbml.LIBSBML_CAT_SBO_CONSISTENCY,
    libsbml.LIBSBML_CAT_OVERDETERMINED_MODEL,
)
# Some of libsbml's checks are quadratic and take seconds beyond these sizes; the reader and
# `check_network` find undefined ids and references at any size.
_CHECKED_ELEMENTS = 20_000
_CHECKED_SYMBOLS = 40_000
_COSTLY = (libsbml.LIBSBML_CAT_GENERAL_CONSISTENCY, libsbml.LIBSBML_CAT_MATHML_CONSISTENCY)
_LEVEL_1_FUNCTIONS = 99129
_DRAWING = ("layout", "layout_l2", "render", "groups")
_ROOT = re.compile(r"<(?:[\w.-]+:)?sbml\b[^>]*>")
_PACKAGE = re.compile(r"\b([\w.-]+):required\s*=")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_SHOWN = 3


class _Prolog:
    """What one pass of expat over a document shows: encoding and root element."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.encoding: str | None = None
        self.root: str | None = None
        self.depth = 0

    def scan(self, data: bytes) -> _Prolog:
        """Parse the whole document; raise where it is hostile or not well formed."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            kind = "not XML" if self.root is None else "not well-formed XML (cut off or damaged)"
            raise ModelIOError(
                f"{self.name}: {kind}: {expat.ErrorString(error.code)} at line {error.lineno}, "
                f"column {error.offset + 1}"
            ) from None
        except (LookupError, UnicodeError) as error:
            raise ModelIOError(f"{self.name}: the XML's encoding cannot be read: {error}") from None
        return self

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        self.encoding = encoding

    def _doctype(self, *_: object) -> None:
        raise ModelIOError(
            f"{self.name}: the XML has a DOCTYPE declaration, which SBML does not use; it is refused "
            "because entities can expand without bound. Remove the declaration."
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.root is None:
            self.root = tag
            self._packages(attributes)
        if self.depth > MAX_DEPTH:
            raise ModelIOError(f"{self.name}: XML elements are nested more than {MAX_DEPTH} deep")

    def _packages(self, attributes: Mapping[str, str]) -> None:
        """Refuse packages that change the meaning of the model and that libsbml does not know."""
        known = libsbml.SBMLExtensionRegistry.getInstance()
        for name, value in attributes.items():
            namespace, _, attribute = name.rpartition(" ")
            if attribute == "required" and value in ("true", "1") and not known.isRegistered(namespace):
                raise UnsupportedFeatureError("required SBML package", namespace, f"used by {self.name}")

    def _end(self, tag: str) -> None:
        self.depth -= 1


def decode_sbml(data: bytes, name: str) -> str:
    """Return the text of an SBML document after checking that it is safe and well formed.

    Raises
    ------
    ModelIOError
        Not XML, cut off, with a DOCTYPE, in an unreadable encoding, or not SBML at all.
    """
    prolog = _Prolog(name).scan(data)
    namespace, _, root = prolog.root.rpartition(" ")
    if root != "sbml" or "sbml.org/sbml/level" not in namespace:
        raise ModelIOError(
            f"{name}: XML, but not SBML: the root element is <{root}>"
            + (f" of namespace '{namespace}'" if namespace else " without a namespace")
            + '; expected <sbml xmlns="http://www.sbml.org/sbml/level...">'
        )
    return data.decode(xml_encoding(data, prolog.encoding))


def xml_encoding(data: bytes, declared: str | None) -> str:
    """Return the Python name of a document's encoding (byte order mark before declaration)."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    return declared or "utf-8"


def parse_sbml(text: str, name: str, folder: Path | None = None) -> libsbml.SBMLDocument:
    """Return the checked, flat document of an SBML text.

    Parameters
    ----------
    text : str
        The document, from `decode_sbml`.
    name : str
        What to call it in messages.
    folder : Path, optional
        Where external model definitions are looked for.

    Raises
    ------
    ModelIOError
        Errors that libsbml finds: the first few with line and message.
    UnsupportedFeatureError
        A required package that libsbml does not know.
    """
    # libsbml takes UTF-8, whatever the file was stored in; lines keep their numbers.
    plain = _DECLARATION.sub("", text, count=1)
    plain = _without_unknown_attributes(plain)
    document = libsbml.readSBMLFromString('<?xml version="1.0" encoding="UTF-8"?>' + plain)
    if folder is not None:
        document.setLocationURI((folder / "model.xml").resolve().as_uri())
    # What does not parse is not worth checking: the same mistakes would be told twice.
    _raise_errors(document, name, text)
    _check_external_models(document, name, folder)
    is_large = text.count("<ci") > _CHECKED_SYMBOLS or _size(document) > _CHECKED_ELEMENTS
    for category in _UNCHECKED + _COSTLY if is_large else _UNCHECKED:
        document.setConsistencyChecks(category, False)
    document.checkConsistency()
    _raise_errors(document, name, text)
    if document.getModel() is None:
        raise ModelIOError(f"{name}: the SBML document contains no model")
    return _flatten(document, name, text)


def _check_external_models(document: libsbml.SBMLDocument, name: str, folder: Path | None) -> None:
    """Refuse references to model files that are not there (package comp, section 3.3.2)."""
    plugin = document.getPlugin("comp")
    for i in range(0 if plugin is None else plugin.getNumExternalModelDefinitions()):
        definition = plugin.getExternalModelDefinition(i)
        source = definition.getSource()
        beside = (folder or Path()) / unquote(source.removeprefix("file:"))
        if not beside.is_file():
            where = f"'{beside.parent}'" if folder is not None else "the current folder: it was read as text"
            raise ModelIOError(
                f"{name}: its external model definition '{definition.getId()}' needs the file '{source}', "
                f"which is not in {where}; put it there, next to the model"
            )


def _without_unknown_attributes(text: str) -> str:
    """Return a document with blanks for the attributes of packages that libsbml does not know.

    libsbml calls them errors, and takes ``odd:value`` for the value. Those packages are not
    required, and the document that is written is the original one.
    """
    root = _ROOT.search(text)
    known = libsbml.SBMLExtensionRegistry.getInstance()
    for prefix in _PACKAGE.findall(root[0]) if root else ():
        declared = re.search(rf"xmlns:{re.escape(prefix)}\s*=\s*[\"']([^\"']*)", root[0])
        if declared and not known.isRegistered(declared[1]):
            pattern = rf"(?<=[\s\"']){re.escape(prefix)}:(?!required\b)[\w.-]+\s*=\s*(\"[^\"]*\"|'[^']*')"
            text = re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return text


def _size(document: libsbml.SBMLDocument) -> int:
    model = document.getModel()
    if model is None:
        return 0
    return model.getNumSpecies() + model.getNumParameters() + model.getNumReactions() + model.getNumRules()


def _flatten(document: libsbml.SBMLDocument, name: str, text: str) -> libsbml.SBMLDocument:
    """Replace submodels by what they stand for (package comp), if there are any."""
    plugin = document.getModel().getPlugin("comp")
    if plugin is None or plugin.getNumSubmodels() == 0:
        return document
    properties = libsbml.ConversionProperties()
    properties.addOption("flatten comp", True)
    properties.addOption("performValidation", False)
    properties.addOption("abortIfUnflattenable", "requiredOnly")
    document.getErrorLog().clearLog()
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        _raise_errors(document, name, text)
        raise ModelIOError(f"{name}: the submodels (package comp) cannot be flattened")
    return document


def _raise_errors(document: libsbml.SBMLDocument, name: str, text: str) -> None:
    errors = [document.getError(i) for i in range(document.getNumErrors())]
    serious = [e for e in errors if _is_serious(e) and not _is_forgiven(e, document)]
    if not serious:
        return
    lines = text.split("\n")
    shown = list(dict.fromkeys(f"{_place(e, lines)}: {_one_line(e)}" for e in serious))
    more = len(shown) - _SHOWN
    tail = f"\n  and {more} more" if more > 0 else ""
    raise ModelIOError(f"{name}: the SBML has errors:\n  " + "\n  ".join(shown[:_SHOWN]) + tail)


def _place(error: libsbml.SBMLError, lines: list[str]) -> str:
    """Return the line number and the line itself: it shows which element is meant."""
    number = error.getLine()
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    return f"line {number}" + (f" ({shorten(line, 100)})" if line.strip() else "")


def _is_serious(error: libsbml.SBMLError) -> bool:
    return error.isError() or error.isFatal() or error.isSystem() or error.isInternal()


def _is_forgiven(error: libsbml.SBMLError, document: libsbml.SBMLDocument) -> bool:
    """Whether the mistake cannot touch the dynamics: drawings, or the id of the model itself."""
    message = error.getMessage().casefold()
    # The reader says the same in clearer words.
    if error.getPackage() in _DRAWING or error.getErrorId() == _LEVEL_1_FUNCTIONS:
        return True
    if error.getErrorId() in (libsbml.UnrecognizedElement, libsbml.NotSchemaConformant):
        return any(f"package '{p}'" in message or f"package {p} " in message for p in _DRAWING)
    model = document.getModel()
    own_id = f"the id '{model.getId()}' does not conform".casefold() if model is not None else None
    return error.getErrorId() == libsbml.InvalidIdSyntax and own_id is not None and own_id in message


def _one_line(error: libsbml.SBMLError) -> str:
    """Return what is particular in a message; libsbml puts the general rule and reference first."""
    text = error.getMessage().strip()
    _, found, particular = text.partition("Reference:")
    if found:
        particular = particular.partition("\n")[2].strip()
    text = " ".join((particular or text).split())
    return f"{text} [SBML rule {error.getErrorId()}: {error.getShortMessage()}]"
