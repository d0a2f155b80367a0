"""The ``.icrn`` file: an exact inverse, equal bytes, and one error for every bad file."""

import io
import json
import os
import stat
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from converters.archive import SCHEMA_VERSION, folding_bytes, load_folding, save_folding
from converters.archive_zip import pack
from converters.errors import ArchiveError
from icrn_io.errors import ModelIOError


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def good(folding):
    return members_of(folding_bytes(folding))


def load_bytes(tmp_path, data: bytes):
    path = tmp_path / "model.icrn"
    path.write_bytes(data)
    return load_folding(path)


def test_load_is_the_inverse_of_save(folding, tmp_path):
    save_folding(folding, tmp_path / "a.icrn")
    loaded = load_folding(tmp_path / "a.icrn")
    assert loaded == folding
    assert loaded.skeleton.source == folding.skeleton.source
    assert loaded.report == folding.report
    for name, tensor in folding.values.items():
        assert loaded.values[name].dtype == np.float64
        assert np.array_equal(np.signbit(loaded.values[name]), np.signbit(tensor)), name
    assert folding_bytes(loaded) == folding_bytes(folding)


def test_a_change_of_anything_is_seen_after_loading(folding, tmp_path):
    changed = replace(folding, values={**folding.values, "c": np.array(np.nextafter(2.0, 3.0))})
    assert load_bytes(tmp_path, folding_bytes(changed)) != folding
    renamed = replace(folding, skeleton=replace(folding.skeleton, name="other"))
    assert load_bytes(tmp_path, folding_bytes(renamed)) != folding


def test_nothing_is_pickled_and_json_is_strict(good):
    def refuse(name):
        raise AssertionError(name)

    json.loads(good["icrn.json"], parse_constant=refuse)
    for name, data in good.items():
        if name.endswith(".npy"):
            np.load(io.BytesIO(data), allow_pickle=False)


def test_saving_replaces_whole_files_and_leaves_no_other(folding, tmp_path):
    path = tmp_path / "a.icrn"
    path.write_bytes(b"old")
    save_folding(folding, path)
    assert os.listdir(tmp_path) == ["a.icrn"]
    assert load_folding(path) == folding


def test_a_failed_save_leaves_the_old_file(folding, tmp_path, monkeypatch):
    path = tmp_path / "a.icrn"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ModelIOError, match="No space left"):
        save_folding(folding, path)
    assert os.listdir(tmp_path) == ["a.icrn"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("target", ["nowhere/a.icrn", "."])
def test_a_path_that_cannot_be_written_is_one_error(folding, tmp_path, target):
    with pytest.raises(ModelIOError, match="cannot write"):
        save_folding(folding, tmp_path / target)


def test_a_missing_file_is_one_error(tmp_path):
    with pytest.raises(ModelIOError, match="No such file"):
        load_folding(tmp_path / "none.icrn")
    with pytest.raises(ModelIOError, match="cannot read"):
        load_folding(tmp_path)


def zip_with(members, name, data=b"x", **attributes) -> bytes:
    buffer = io.BytesIO(pack(members))
    info = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(info, data)
    return buffer.getvalue()


LINK = (stat.S_IFLNK | 0o777) << 16
BAD_ZIPS = {
    "empty file": (lambda good: b"", "not a readable zip"),
    "no zip": (lambda good: b"junk" * 100, "not a readable zip"),
    "truncated": (lambda good: pack(good)[:-200], "not a readable zip"),
    "two names for a member": (
        lambda good: pack(good).replace(b"tensors/0000", b"tensors/9999", 1),
        "not a readable zip",
    ),
    "a flipped bit": (lambda good: _flip(pack(good)), "not a readable zip"),
    "path traversal": (lambda good: zip_with(good, "../evil"), "does not belong"),
    "traversal in tensors": (lambda good: zip_with(good, "tensors/../../0000.npy"), "does not belong"),
    "absolute name": (lambda good: zip_with(good, "/etc/passwd"), "does not belong"),
    "backslash": (lambda good: zip_with(good, "tensors\\1.npy"), "does not belong"),
    "directory": (lambda good: zip_with(good, "tensors/"), "does not belong"),
    "stranger": (lambda good: zip_with(good, "run.py"), "does not belong"),
    "link": (lambda good: zip_with(good, "tensors/9999.npy", external_attr=LINK), "symbolic link"),
    "another method": (
        lambda good: zip_with(good, "tensors/9999.npy", compress_type=zipfile.ZIP_BZIP2), "by method 12",
    ),
    "bomb": (lambda good: _bomb(good), "zip bomb"),
    "no structure": (lambda good: pack({"source.xml": good["source.xml"]}), "no member icrn.json"),
}  # fmt: skip


def _flip(data: bytes) -> bytes:
    middle = len(data) // 4
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _bomb(good) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tensors/0000.npy", bytes(40 * 1024**2))
        archive.writestr("icrn.json", good["icrn.json"])
    return buffer.getvalue()


@pytest.mark.parametrize("case", BAD_ZIPS)
def test_a_bad_zip_is_one_error(case, folding, good, tmp_path):
    assert load_bytes(tmp_path, pack(good)) == folding
    build, message = BAD_ZIPS[case]
    with pytest.raises(ArchiveError, match=message) as caught:
        load_bytes(tmp_path, build(good))
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["model.icrn"]


def put(path, value):
    """Return a change of ``icrn.json``: the item at a path of keys becomes a value."""

    def change(tree):
        *parents, last = path
        for key in parents:
            tree = tree[key]
        tree[last] = value

    return change


def drop(*path):
    def change(tree):
        *parents, last = path
        for key in parents:
            tree = tree[key]
        del tree[last]

    return change


def doubling(tree):
    base = len(tree["nodes"])
    tree["nodes"].append(["number", 1.0])
    tree["nodes"] += [["plus", base + k, base + k] for k in range(60)]
    tree["icrn"]["reactions"][0]["law"]["template"] = base + 60


BAD_STRUCTURES = {
    "newer schema": (put(["schema"], SCHEMA_VERSION + 1), "newer version.*upgrade"),
    "schema of another type": (put(["schema"], "1"), "schema version"),
    "another format": (put(["format"], "zip"), "does not say format"),
    "part missing": (drop("skeleton"), "lacks 'skeleton'"),
    "table missing": (drop("nodes"), "lacks 'nodes'"),
    "field missing": (drop("icrn", "species", 0, "name"), "lacks 'name'"),
    "unknown field": (put(["icrn", "species", 0, "colour"], 1), "no field 'colour'"),
    "list for object": (put(["icrn", "species", 0], []), "expected an object"),
    "object for list": (put(["icrn", "reactions"], {}), "expected a list"),
    "number for name": (put(["icrn", "species", 0, "name"], 3), "expected str"),
    "bool for number": (
        put(["icrn", "reactions", 0, "products", 0, "stoichiometry"], True),
        "expected a number",
    ),
    "word for number": (
        put(["icrn", "reactions", 0, "products", 0, "stoichiometry"], "two"),
        "expected a number",
    ),
    "unit that is none": (put(["icrn", "species", 0, "law_unit"], "mole"), "expected one of"),
    "rule of no type": (put(["skeleton", "rules", 0, "type"], "Sum"), "expected AssignmentRule"),
    "formula out of range": (put(["skeleton", "rules", 0, "math"], 10**6), "row number below"),
    "negative row": (put(["skeleton", "rules", 0, "math"], -1), "row number below"),
    "formula of itself": (put(["nodes", 0], ["plus", 0, 0]), "row number below 0"),
    "node of no operator": (put(["nodes", 0], []), "operator, operands"),
    "symbol in a template": (put(["icrn", "reactions", 0, "law", "template"], None), "row number below"),
    "tree of 2^60 nodes": (doubling, "template of more than"),
    "index set out of range": (put(["icrn", "species", 0, "index_sets"], [9]), "row number below"),
    "array out of range": (put(["icrn", "reactions", 0, "domain", "mask"], 9), "no array 9"),
    "missing tensor": (put(["values", "X"], "tensors/7777.npy"), "no member 'tensors/7777.npy'"),
    "tensor of another base": (put(["values", "X"], "tensors/0001_P.npy"), "'X' has shape"),
    "mask for a relation": (put(["arrays"], ["tensors/0005_relation.npy"] * 2), "no bool array"),
    "no tensor for a base": (drop("values", "k"), "no tensor for 'k'"),
    "tensor for no base": (put(["values", "Q"], "tensors/0000_X.npy"), "no such base"),
    "too few ids": (put(["identity", "entries", "X"], ["X_1"]), "1 ids, expected 3"),
    "ids of no base": (put(["identity", "entries", "Q"], []), "'Q'"),
    "too few tuples": (put(["identity", "tuples", "r"], []), "0 ids, expected 6"),
    "role that is none": (put(["identity", "roles", "r"], "king"), "expected one of"),
    "join of none": (put(["joins", 0, "forward"], "zz"), "no indexed reaction 'zz'"),
    "source of no format": (put(["source"], "word"), "source"),
    "base twice": (put(["icrn", "species", 1, "name"], "X"), "two bases"),
}


@pytest.mark.parametrize("case", BAD_STRUCTURES)
def test_a_bad_structure_is_one_error(case, folding, good, tmp_path):
    change, message = BAD_STRUCTURES[case]
    tree = json.loads(good["icrn.json"])
    assert load_bytes(tmp_path, pack({**good, "icrn.json": json.dumps(tree).encode()})) == folding
    change(tree)
    with pytest.raises(ArchiveError, match=message) as caught:
        load_bytes(tmp_path, pack({**good, "icrn.json": json.dumps(tree).encode()}))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


BAD_JSON = {
    "not JSON": b"{",
    "not UTF-8": b'{"format": "\xff"}',
    "not an object": b"[]",
    "deep nesting": b"[" * 200_000,
    "NaN": b'{"format": NaN}',
    "a number of a million digits": b'{"format": ' + b"9" * 1_000_000 + b"}",
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_bad_json_is_one_error(case, good, tmp_path):
    with pytest.raises(ArchiveError) as caught:
        load_bytes(tmp_path, pack({**good, "icrn.json": BAD_JSON[case]}))
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_a_big_tensor_of_one_value_is_not_taken_for_a_bomb(good, tmp_path):
    data = pack({**good, "tensors/9999.npy": bytes(40 * 1024**2)})
    assert load_bytes(tmp_path, data) is not None


def npy(array, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def huge_header(good: bytes) -> bytes:
    return good.replace(b"(3,), }       ", b"(3000000000,),}")


BAD_TENSORS = {
    "objects": lambda good: npy(np.array([{}, {}, {}], dtype=object), allow_pickle=True),
    "float32": lambda good: npy(np.zeros(3, dtype=np.float32)),
    "big endian": lambda good: npy(np.zeros(3, dtype=">f8")),
    "structured": lambda good: npy(np.zeros(3, dtype=[("a", "<f8")])),
    "another shape": lambda good: npy(np.zeros(4)),
    "Fortran order": lambda good: npy(np.asfortranarray(np.zeros((3, 3)))),
    "truncated": lambda good: good[:-8],
    "longer": lambda good: good + b"\0" * 8,
    "no npy": lambda good: b"junk",
    "nothing": lambda good: b"",
    "a header that claims 24 GB": huge_header,
    "a header of code": lambda good: good.replace(b"'<f8'", b"f() #", 1),
}


@pytest.mark.parametrize("case", BAD_TENSORS)
def test_a_bad_tensor_is_one_error(case, folding, good, tmp_path):
    name = "tensors/0000_X.npy"
    bad = BAD_TENSORS[case](good[name])
    assert bad != good[name]
    assert load_bytes(tmp_path, pack({**good, name: good[name]})) == folding
    with pytest.raises(ArchiveError, match=r"0000_X.npy is no float64 array|has shape") as caught:
        load_bytes(tmp_path, pack({**good, name: bad}))
    assert "\n" not in str(caught.value)
