"""Hints win where they fit, are explained where they do not, and never cost exactness."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from network_registry import NETWORKS, dimerization, exclusion, parameters, random_network

from converters import enumerate_network, fold_network
from converters.annotation import NAMESPACE, fold_annotation, hints_of
from converters.errors import HintsError
from converters.fold.hinted import hinted_drafts
from converters.fold.words import Words
from converters.hint_patterns import AmbiguousIdError, read_pattern
from converters.hints import Hints, load_hints
from icrn_io import ModelIOError, format_model, read_bytes, read_model
from icrn_io.network import Network


@pytest.fixture
def hints(tmp_path):
    def load(text: str) -> Hints:
        path = tmp_path / "hints.toml"
        path.write_text(text, encoding="utf-8")
        return load_hints(path)

    return load


def base_of(folding, element_id: str) -> tuple[str, tuple[str, ...]]:
    """Return the base of an element and its labels."""
    name, position = folding.identity.positions[element_id]
    base = folding.icrn.base(name)
    place = np.unravel_index(position, base.shape) if base.shape else ()
    return name, tuple(s.labels[k] for s, k in zip(base.index_sets, place, strict=True))


DIMERS = """
[index_sets]
Mono = "1..5"
[bases]
Dimer = "D_{p:Mono}_{q:Mono}"
Free = { pattern = "M_{p:Mono}" }
"""


def test_bases_and_index_sets_carry_the_names_given(hints):
    folding = fold_network(dimerization(5), hints(DIMERS))
    assert base_of(folding, "D_2_3") == ("Dimer", ("2", "3"))
    assert [s.name for s in folding.icrn.index_sets()] == ["Mono"]
    assert {b.name: b.shape for b in folding.icrn.species} == {"Dimer": (5, 5), "Free": (5,)}
    assert [g.form for g in folding.report.groups] == ["dense"]
    assert "no shorter fold" in folding.report.hints[0]


def test_labels_keep_the_order_given(hints):
    text = '[index_sets]\nM = ["3", "1", "5", "2", "4"]\n[bases]\nFree = "M_{p:M}"'
    folding = fold_network(dimerization(5), hints(text))
    assert folding.icrn.base("Free").index_sets[0].labels == ("3", "1", "5", "2", "4")
    assert folding.identity.entries["Free"] == ("M_3", "M_1", "M_5", "M_2", "M_4")
    assert folding.report.groups[0].form == "dense"  # what is not hinted follows


def test_members_by_id(hints):
    text = '[bases]\nFree = { members = { M_1 = ["a"], M_2 = ["b"], M_3 = ["c"] }, indices = ["Kind"] }'
    folding = fold_network(dimerization(3), hints(text))
    assert base_of(folding, "M_2") == ("Free", ("b",))
    assert folding.icrn.base("Free").index_sets[0].name == "Kind"


def test_index_sets_of_different_names_stay_apart_and_the_price_is_told(hints):
    folding = fold_network(dimerization(6), hints('[bases]\nDimer = "D_{p:P}_{q:Q}"'))
    assert [s.name for s in folding.icrn.base("Dimer").index_sets] == ["P", "Q"]
    (note,) = folding.report.hints
    assert "bits longer than the best without" in note
    assert folding.report.folded_bits > fold_network(dimerization(6)).report.folded_bits


def test_the_hint_that_costs_is_named(hints):
    members = ", ".join(f'M_{k} = ["{1 + 3 * k % 7}"]' for k in range(1, 7))
    text = f'[bases]\nDimer = "D_{{p:P}}_{{q:P}}"\nFree = {{ members = {{ {members} }}, indices = ["P"] }}'
    folding = fold_network(dimerization(6), hints(text))
    assert any("'Free' alone costs" in note for note in folding.report.hints)


def test_hints_with_missing_labels_leave_holes(hints):
    text = '[index_sets]\nM = "1..8"\n[bases]\nFree = "M_{p:M}"'
    folding = fold_network(dimerization(5), hints(text))
    assert folding.identity.entries["Free"] == (*(f"M_{k}" for k in range(1, 6)), "", "", "")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["species", "parameters"])
def test_any_consistent_hint_is_exact(name, kind, tmp_path):
    """A base of any elements of one kind, under any labels."""
    network = NETWORKS[name]()
    plain = fold_network(network, Hints())
    rng = np.random.default_rng(len(name))
    ids = {s.id for s in getattr(network, kind)}
    for base, entries in plain.identity.entries.items():
        members = [i for i in entries if i in ids]
        if len(members) < 2:
            continue
        chosen = [members[k] for k in rng.permutation(len(members))[: max(2, len(members) // 2)]]
        lines = ", ".join(f'{i} = ["{k}"]' for k, i in enumerate(chosen))
        path = tmp_path / f"{base}.toml"
        path.write_text(f"[bases]\nhinted = {{ members = {{ {lines} }} }}")
        folding = fold_network(network, load_hints(path))
        assert enumerate_network(folding) == network
        assert {i for i in folding.identity.entries["hinted"] if i} == set(chosen)


FILES = {
    "no TOML": ("[bases", "no valid TOML"),
    "unknown table": ('[base]\nA = "A_{i}"', "base: unknown key; expected 'index_sets' or 'bases'"),
    "unknown key": ('[bases]\nA = { patern = "A_{i}" }', "bases.A.patern: unknown key"),
    "nothing": ("", "bases: names no base"),
    "empty base": ("[bases]\nA = {}", "expected a pattern, members, or both"),
    "not a base": ("[bases]\nA = 3", "bases.A: expected a pattern"),
    "no placeholder": ('[bases]\nA = "A_1"', "expected a pattern with an index in braces"),
    "open brace": ('[bases]\nA = "A_{i"', "expected a pattern with an index in braces"),
    "placeholder": ('[bases]\nA = "A_{1}"', "expected {index} or {index:INDEX_SET}"),
    "same placeholder": ('[bases]\nA = "A_{i}_{i}"', "'i' stands twice"),
    "labels": ('[index_sets]\nI = [1, 2]\n[bases]\nA = "A_{i:I}"', "index_sets.I: expected labels"),
    "label twice": ('[index_sets]\nI = ["a", "a"]\n[bases]\nA = "A_{i:I}"', "'a' stands twice"),
    "range": ('[index_sets]\nI = "1-3"\n[bases]\nA = "A_{i:I}"', "expected a range"),
    "backwards": ('[index_sets]\nI = "3..1"\n[bases]\nA = "A_{i:I}"', "has 0 labels"),
    "endless": ('[index_sets]\nI = "1..99999999999"\n[bases]\nA = "A_{i:I}"', "99,999,999,999 labels"),
    "capitals": ('[bases]\nA = "A_{i:I}"\nB = "B_{i:i}"', "differs from 'I' in capitals only"),
    "one name": ('[bases]\nI = "A_{i:I}"', "an index set has this name too"),
    "name": ('[bases]\n"a b" = "A_{i}"', "expected a name"),
    "members": ('[bases]\nA = { members = { A_1 = "1" } }', "bases.A.members.A_1: expected a list of labels"),
    "no members": ("[bases]\nA = { members = {} }", "bases.A.members: expected ids with their labels"),
    "widths": ('[bases]\nA = { members = { A_1 = ["1"], A_2 = ["1", "2"] } }', "as many labels for each"),
    "indices": ('[bases]\nA = { pattern = "A_{i}", indices = ["I", "J"] }', "expected a list of 1 names"),
    "two names": ('[bases]\nA = { pattern = "A_{i:I}", indices = ["J"] }', "the pattern says 'I'"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files_are_refused_by_key(name, hints, tmp_path):
    text, message = FILES[name]
    with pytest.raises(HintsError) as caught:
        hints(text)
    assert message in str(caught.value)
    assert str(tmp_path / "hints.toml") in str(caught.value)
    assert isinstance(caught.value, ModelIOError)


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(HintsError, match="cannot be read"):
        load_hints(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(HintsError, match="no UTF-8"):
        load_hints(tmp_path / "latin.toml")


MISFITS = {
    "nothing matches": ('X = "X_{i}"', "no id fits the pattern 'X_{i}'"),
    "nearly matches": ('D = "D_{i}"', "ids that start so: D_1_1, D_1_2, D_1_3"),
    "unknown id": ('M = { members = { M_9 = ["1"] } }', "no species, parameter or compartment 'M_9'"),
    "two bases": ('M = "M_{i}"\nN = { members = { M_2 = ["1"] } }', "'M_2' belongs to base 'M' already"),
    "not in the set": ('M = "M_{i:Two}"', "the label '3' of 'M_3' is not in the index set Two"),
    "one tuple": ('M = { members = { M_1 = ["1"], M_2 = ["1"] } }', "both have the index tuple (1)"),
    "two kinds": ('M = { pattern = "M_{i}", members = { kf_1_1 = ["9"] } }', "'M_1' (floating species"),
    "two ways": ('k = "k{a}{b}_{c}_{d}"', "'kxyz_1_1' fits"),
    "mostly holes": (
        'D = { members = { D_1_1 = ["1", "1"], D_1_2 = ["9", "9"] }, indices = ["Large", "Large"] }',
        "index tuples: use fewer indices",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_hints_that_do_not_fit_are_refused_by_key(name, hints):
    bases, message = MISFITS[name]
    text = f'[index_sets]\nTwo = "1..2"\nLarge = "1..99"\n[bases]\n{bases}'
    network = dimerization(3)
    network = replace(network, parameters=(*network.parameters, *parameters("kxyz_1_1")))
    with pytest.raises(HintsError) as caught:
        fold_network(network, hints(text))
    assert message in str(caught.value)
    assert "bases." in str(caught.value)


def test_boundary_and_floating_species_do_not_mix(hints):
    network = dimerization(3)
    first, *rest = network.species
    network = replace(network, species=(replace(first, is_boundary=True), *rest))
    with pytest.raises(HintsError, match=r"'M_1' \(boundary species.*'M_2' \(floating species"):
        fold_network(network, hints('[bases]\nM = "M_{i}"'))


def test_orders_must_agree(hints):
    sets = '[index_sets]\nI = ["1", "2", "3"]\nJ = ["3", "2", "1"]\n'
    text = sets + '[bases]\nM = "M_{i:I}"\nD = "D_{i:J}_{j:J}"'
    with pytest.raises(HintsError, match=r"index_sets.J: its labels stand in another order"):
        fold_network(dimerization(3), hints(text))


def test_given_orders_leave_other_labels_in_place():
    words = Words()
    codes = words.codes(["b", "a", "c", "10", "9"])
    assert words.give_order(["c", "a"])
    assert [words.texts[k] for k in np.argsort(words.ranks)] == ["9", "10", "c", "b", "a"]
    assert not words.give_order(["a", "b", "c"])
    assert (words.codes(["b", "a", "c", "10", "9"]) == codes).all()
    assert [words.texts[k] for k in np.argsort(words.ranks)] == ["9", "10", "c", "b", "a"]


@pytest.mark.parametrize(
    ("pattern", "element_id", "expected"),
    [
        ("D_{p}_{q}", "D_1_EGF", ("1", "EGF")),
        ("D_{p}_{q}", "D_1_2_3", None),
        ("D_{p}_{q}", "D__2", None),
        ("{p}x{q}", "1x2", ("1", "2")),
        ("{p}x{q}", "axbxc", AmbiguousIdError),
        ("W{i}{j}", "W112", AmbiguousIdError),
        ("W{i}{j}", "W12", ("1", "2")),
        ("W{i:Few}{j:Few}", "W112", ("1", "12")),
        ("W{i:Few}{j:Few}", "W123", None),
        ("c_{p:Odd}", "c_a_b", ("a_b",)),
        ("c_{p:Odd}_{q:Odd}", "c_a_b_a", ("a_b", "a")),
        ("a.c{p}", "abc1", None),
    ],
)
def test_patterns(pattern, element_id, expected):
    sets = {"Few": ("1", "12"), "Odd": ("a", "a_b")}
    found = read_pattern(pattern, sets, ValueError)
    if expected is AmbiguousIdError:
        with pytest.raises(AmbiguousIdError):
            found.labels(element_id)
    else:
        assert found.labels(element_id) == expected


def test_a_pattern_of_many_adjacent_indices_is_read_in_polynomial_time():
    """A pattern from a file must not be able to hang the reader."""
    found = read_pattern("".join(f"{{a{k}}}" for k in range(30)) + "!", {}, ValueError)
    assert found.labels("a" * 60) is None
    with pytest.raises(AmbiguousIdError):
        found.labels("a" * 60 + "!")


# The annotation of a document that was written afresh


def annotated(network: Network, folding=None) -> Network:
    """Return the network as read from a fresh document with the annotation of its folding."""
    folding = folding or fold_network(network, Hints())
    return read_bytes(format_model(network, fresh=True, annotation=fold_annotation(folding)))


@pytest.mark.parametrize("name", [*NETWORKS, *range(8)])
def test_export_and_import_give_the_same_fold(name):
    network = random_network(name) if isinstance(name, int) else NETWORKS[name]()
    folding = fold_network(network, Hints())
    again = annotated(network, folding)
    assert again == replace(network, source=None) or again.parameters != network.parameters
    imported = fold_network(again)
    assert imported.icrn == folding.icrn
    assert imported.identity == folding.identity


@pytest.mark.parametrize("name", ["dimerization", "winner_take_all", "gene_network", "seesaw_cascade"])
def test_shipped_models_come_back_as_they_were(name, models_dir):
    network = read_model(models_dir / f"{name}.xml")
    folding = fold_network(network)
    again = fold_network(annotated(network, folding))
    assert again.icrn == folding.icrn
    assert all("annotation" in note for note in again.report.hints) and again.report.hints


def test_names_given_by_a_file_come_back_from_the_annotation(hints):
    network = dimerization(5)
    folding = fold_network(network, hints(DIMERS))
    again = fold_network(annotated(network, folding))
    assert again.icrn == folding.icrn
    assert {b.name for b in again.icrn.species} == {"Dimer", "Free"}


def test_labels_of_any_text_survive_the_annotation(hints):
    labels = ["a b", "-", "100%", "<é>", "x&y"]
    members = ", ".join(f'M_{k + 1} = ["{label}"]' for k, label in enumerate(labels))
    network = dimerization(5)
    folding = fold_network(network, hints(f"[bases]\nFree = {{ members = {{ {members} }} }}"))
    again = fold_network(annotated(network, folding))
    assert again.icrn == folding.icrn
    assert base_of(again, "M_1") == ("Free", ("a b",))


def test_patched_documents_carry_no_annotation_of_ours():
    network = read_bytes(format_model(dimerization(3), fresh=True))
    annotation = fold_annotation(fold_network(network))
    assert annotation
    assert format_model(network, annotation=annotation) == network.source.sbml
    assert hints_of(network) is None


def test_a_network_without_structure_has_no_annotation():
    assert fold_annotation(fold_network(dimerization(3), flat_only=True)) == ""


def test_hints_given_replace_the_annotation(hints):
    again = annotated(dimerization(5))
    assert fold_network(again, Hints()).report.hints == ()
    assert "Dimer" in {b.name for b in fold_network(again, hints(DIMERS)).icrn.species}


TAMPERED = {
    "cut off": (b"</set>", b""),
    "no labels": (b">1 2 3 4<", b"><"),
    "label twice": (b">1 2 3 4<", b">1 2 3 3<"),
    "label missing": (b">1 2 3 4<", b">1 2 3<"),
    "unknown set": (b'sets="I"', b'sets="Q"'),
    "pattern of nothing": (b"M_{i0:I}", b"Z_{i0:I}"),
    "other pattern": (b"M_{i0:I}", b"M_{i0:J}"),
    "bad pattern": (b"M_{i0:I}", b"M_{i0:I"),
    "two kinds": (b"M_{i0:I}", b"kf_1_{i0:I}"),
    "base twice": (b'<base id="D"', b'<base id="M"'),
    "no id": (b'<base id="D"', b"<base"),
    "bad id": (b'<base id="D"', b'<base id="1 2"'),
    "set's name": (b'<base id="D"', b'<base id="I"'),
    "number": (b'elements="', b'elements="many'),
    "elements": (b'elements="', b'elements="9'),
    "huge": (b'<set id="I">1 2 3 4', b'<set id="I">1 2 3 4 ' + b" ".join(b"%d" % k for k in range(5, 9000))),
    "entity": (b'<set id="I">', b'<set id="I">&bad;'),
    "swapped": (b">1 2 3 4<", b">4 1 3 2<"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_annotation_is_explained_and_never_wrong(name):
    """Only the annotation of the document is changed, in the network that was read from it."""
    old, new = TAMPERED[name]
    network = annotated(dimerization(4))
    sbml = network.source.sbml
    assert old in sbml
    network = replace(network, source=replace(network.source, sbml=sbml.replace(old, new, 1)))
    folding = fold_network(network)
    assert enumerate_network(folding) == network
    assert folding.report.groups[0].form == "dense"
    if name not in ("elements", "swapped", "base twice"):
        assert any("left out" in note for note in folding.report.hints)


def test_a_stale_annotation_serves_what_is_left():
    """Species and reactions taken out, and others put in, after the export."""
    network = annotated(dimerization(4))
    other = replace(exclusion(4), source=network.source)
    assert enumerate_network(fold_network(other)) == other
    smaller = replace(dimerization(3), source=network.source)
    folding = fold_network(smaller)
    assert enumerate_network(folding) == smaller
    assert folding.report.groups[0].n_reactions == 9


def test_the_namespace_alone_is_no_annotation():
    network = annotated(dimerization(3))
    sbml = network.source.sbml.replace(b"<fold ", b"<other ").replace(b"</fold>", b"</other>")
    network = replace(network, source=replace(network.source, sbml=sbml))
    assert NAMESPACE.encode() in sbml
    assert "left out" in fold_network(network).report.hints[0]


def test_hinted_drafts_do_not_depend_on_the_order_of_files(hints):
    from converters.fold.items import take_inventory

    elements = take_inventory(dimerization(3)).elements
    text = '[bases]\nM = { members = { M_3 = ["3"], M_1 = ["1"], M_2 = ["2"] } }'
    (draft,), notes = hinted_drafts(hints(text), elements)
    assert (np.diff(draft.members) > 0).all()
    assert notes == []


def test_the_example_in_the_manual_fits(hints, models_dir):
    manual = (Path(__file__).parents[2] / "docs" / "folding.md").read_text(encoding="utf-8")
    example = manual.partition("```toml")[2].partition("```")[0]
    folding = fold_network(read_model(models_dir / "dimerization.xml"), hints(example))
    assert {b.name: b.shape for b in folding.icrn.species} == {"Free": (20,), "Bound": (20, 20)}
    assert {"kon", "koff"} < {b.name for b in folding.icrn.constants}
    assert "Monomer" in {s.name for s in folding.icrn.index_sets()}
