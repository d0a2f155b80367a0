"""Every bad form is refused with one message that names it; its valid twin is read."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest
from io_samples import ANTIMONY, CORE, FULL, LEVEL_1, MATHML, formula_model, level_3

from icrn_io import ModelIOError, loading, read_bytes, read_model

SUM = "<apply><plus/><ci>a</ci><ci>b</ci></apply>"
ENTITIES = (
    '<!DOCTYPE sbml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>\n'
)


def archive(manifest: str | None = None, **members: str | bytes) -> bytes:
    """Return a zip file with a manifest and members (``_xml`` in a name stands for ``.xml``)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        if manifest is not None:
            file.writestr("manifest.xml", manifest)
        for name, data in members.items():
            file.writestr(name.replace("_xml", ".xml"), data)
    return stream.getvalue()


def manifest(*locations: str, master: str = "") -> str:
    """Return a COMBINE manifest that lists SBML files."""
    listed = "".join(
        f'<content location="{location}" format="http://identifiers.org/combine.specifications/sbml"'
        f' master="{str(location == master).lower()}"/>'
        for location in locations
    )
    space = "http://identifiers.org/combine.specifications/omex-manifest"
    return f'<?xml version="1.0"?><omexManifest xmlns="{space}">{listed}</omexManifest>'


def l3(formula: str, more: str = "") -> bytes:
    """Return the bytes of a document with one formula."""
    return formula_model(formula, more).encode()


GOOD = FULL.encode()
ZIPPED = gzip.compress(GOOD)
ONE = manifest("./m.xml")
SPECIES = (
    '<listOfCompartments><compartment id="c" constant="true"/></listOfCompartments><listOfSpecies>'
    '<species id="S" compartment="{}" hasOnlySubstanceUnits="false" boundaryCondition="false"'
    ' constant="false"/>'
    "</listOfSpecies>"
)

# bad bytes, their valid twin, what the message must say
CASES: dict[str, tuple[bytes, bytes, str]] = {
    "empty": (b" \n", GOOD, "the file is empty"),
    "binary": (b"\x00\x01\xfe" * 9, GOOD, "neither XML nor UTF-8|binary"),
    "not utf-8": (ANTIMONY.encode() + b"// \xe9", ANTIMONY.encode() + "// é".encode(), r"byte \d+ is 0xe9"),
    "wrong bytes in XML": (GOOD.replace(b"kept", b"\xe9\xff"), GOOD, "line 2"),
    "unknown encoding": (GOOD.replace(b"UTF-8", b"klingon"), GOOD, "encoding"),
    "truncated XML": (GOOD[: len(GOOD) // 2], GOOD, r"not well-formed XML .* at line \d+"),
    "not SBML": (b"<html><body/></html>", GOOD, "root element is <html>"),
    "no namespace": (GOOD.replace(CORE.encode(), b"urn:x"), GOOD, "namespace 'urn:x'"),
    "no model": (f'<sbml xmlns="{CORE}" level="3" version="2"/>'.encode(), GOOD, "no model"),
    "entities": (GOOD.replace(b"<!-- kept -->", ENTITIES.encode()), GOOD, "DOCTYPE"),
    "deep XML": (l3("<apply><sin/>" * 3000 + "<ci>a</ci>" + "</apply>" * 3000), l3(SUM), "nested more than"),
    "undefined id": (l3(SUM.replace(">b<", ">gone<")), l3(SUM), "(?s)line [0-9]+.*'gone'"),
    "undefined id, level 1": (
        LEVEL_1.replace("2 * k", "2 * gone").encode(),
        LEVEL_1.encode(),
        "'gone'",
    ),
    "undefined function": (l3("<apply><ci>f</ci><ci>a</ci></apply>"), l3(SUM), "'?f'?"),
    "too many arguments": (
        l3(
            "<apply><ci>f</ci><ci>a</ci><ci>b</ci></apply>",
            function := (
                f'<listOfFunctionDefinitions><functionDefinition id="f"><math xmlns="{MATHML}"><lambda><bvar>'
                "<ci>v</ci></bvar><ci>v</ci></lambda></math></functionDefinition></listOfFunctionDefinitions>"
            ),
        ),
        l3("<apply><ci>f</ci><ci>a</ci></apply>", function),
        "argument",
    ),
    "number out of range": (
        l3('<cn type="integer">9007199254740993</cn>'),
        l3("<cn>9007199254740993</cn>"),
        "integer",
    ),
    "value is no number": (GOOD.replace(b'"0.1"', b'"0,1"'), GOOD, 'line 21 .*id="k".*double'),
    "duplicate id": (GOOD.replace(b'id="unset"', b'id="S1"'), GOOD, r"(?s)line \d+.*'S1'"),
    "no such compartment": (
        level_3(SPECIES.format("gone")).encode(),
        level_3(SPECIES.format("c")).encode(),
        "(?s)line [0-9]+.*'gone'",
    ),
    "required package": (
        GOOD.replace(b'version="2">', b'version="2" xmlns:q="urn:q" q:required="true">', 1),
        GOOD.replace(b'version="2">', b'version="2" xmlns:q="urn:q" q:required="false">', 1),
        "(?i)required.*package|package.*required",
    ),
    "Antimony syntax": (b"A -> B; k*A\nJ: A -> => 3", b"A -> B; k*A\nJ: A -> 3 B; k", "line 2, column 9"),
    "Antimony, one id twice": (
        b"J: A -> B; k*A # J: X -> Y\nJ: B -> A; k*B",
        b"J: A -> B; k*A # J: X -> Y\nL: B -> A; k*B",
        "'J' is defined twice, on lines 1 and 2",
    ),
    "Antimony, one id twice in one model": (
        b"model a()\nJ: A -> B; k*A; J: B -> A; k*B\nend",
        b"model b()\nJ: A -> B; k*A\nend\nmodel a()\nJ: B -> A; k*B\nend",
        "'J' is defined twice",
    ),
    "Antimony cut off": (ANTIMONY[:-4].encode(), ANTIMONY.encode(), r"line \d+.*end of file"),
    "gzip cut off": (ZIPPED[:-20], ZIPPED, "damaged gzip"),
    "gzip damaged": (ZIPPED[:80] + b"xxxx" + ZIPPED[84:], ZIPPED, "damaged gzip"),
    "zip cut off": ((good := archive(ONE, m_xml=FULL))[:-30], good, "damaged"),
    "zip without manifest": (archive(m_xml=FULL), good, "no file 'manifest.xml'"),
    "manifest without SBML": (archive(manifest(), m_xml=FULL), good, "lists no SBML"),
    "manifest not XML": (archive("<oops", m_xml=FULL), good, "manifest is not XML"),
    "manifest with entities": (archive(ENTITIES + ONE, m_xml=FULL), good, "DOCTYPE"),
    "absent member": (archive(ONE, other_xml=FULL), good, "no file 'm.xml'"),
    "path traversal": (archive(manifest("../m.xml"), m_xml=FULL), good, "outside the archive"),
    "two models": (
        archive(manifest("m.xml", "n.xml"), m_xml=FULL, n_xml=LEVEL_1),
        archive(manifest("m.xml", "n.xml", master="m.xml"), m_xml=FULL, n_xml=LEVEL_1),
        "several SBML files.*m.xml, n.xml",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str) -> None:
    """The bad form is refused in words that help, the valid one is read."""
    bad, valid, message = CASES[name]
    assert read_bytes(valid, "valid").species is not None
    with pytest.raises(ModelIOError, match=message) as caught:
        read_bytes(bad, "the file")
    assert "the file" in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: archive(ONE, m_xml=data)])
def test_bombs(pack, monkeypatch) -> None:
    """What expands beyond the limit is refused without being expanded whole."""
    monkeypatch.setattr(loading, "MAX_BYTES", 100_000)
    assert read_bytes(pack(GOOD)) == read_bytes(GOOD)
    with pytest.raises(ModelIOError, match=r"expand.* to more than 100000 bytes"):
        read_bytes(pack(b"<" + b" " * 10_000_000))


def test_paths(tmp_path) -> None:
    """Missing files, directories and names that promise XML."""
    with pytest.raises(ModelIOError, match="there is no such file"):
        read_model(tmp_path / "gone.xml")
    with pytest.raises(ModelIOError, match="a directory"):
        read_model(tmp_path)
    path = tmp_path / "m.xml"
    path.write_text(ANTIMONY)
    with pytest.raises(ModelIOError, match="not XML"):
        read_model(path)
    path.write_text(FULL)
    assert read_model(str(path)) == read_model(FULL) == read_model(path)
    path.with_suffix(".gz").write_bytes(ZIPPED)
    assert read_model(path.with_suffix(".gz")) == read_model(path)


def test_text_or_path(tmp_path, monkeypatch) -> None:
    """A string is a path unless it reads like a model."""
    monkeypatch.chdir(tmp_path)
    assert read_model("S -> T; k*S; k = 1").reactions
    (tmp_path / "a=b.ant").write_text(ANTIMONY)
    assert read_model("a=b.ant") == read_model(ANTIMONY)
    with pytest.raises(ModelIOError, match="there is no such file"):
        read_model("model.xml")


def test_antimony_with_a_byte_order_mark() -> None:
    plain = b"A = 1; J: A -> B; k*A; k = 2"
    assert read_bytes(b"\xef\xbb\xbf" + plain) == read_bytes(plain)
