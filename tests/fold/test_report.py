"""What a folding tells people: forms, patterns, what is left, and what would fold more."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from acceptance_maker import Generated
from acceptance_molecular import dimerization as generated_dimers
from acceptance_naming import ids_under, rename
from near_misses import duplicated, near_miss, odd_law, odd_stoichiometry
from network_registry import NETWORKS, dimerization, product, random_network, reaction, species

from converters import fold_network
from converters.folding_report import folding_json, folding_text, html_page
from converters.near_misses import find_near_misses
from converters.remainder import REASONS, remainders
from converters.text_table import aligned, paragraph


def odd_one(change) -> tuple[Generated, str]:
    """Return dimers of which one reaction is odd, and its id."""
    generated = generated_dimers(6)
    odd = generated.network.reactions[20]
    return change(generated, odd), odd.id


@pytest.mark.parametrize(
    ("change", "words"), [(odd_law, "but for its law"), (odd_stoichiometry, "but for its stoichiometry")]
)
def test_the_odd_reaction_is_named_with_what_differs(change, words):
    generated, odd = odd_one(change)
    (miss,) = find_near_misses(fold_network(rename(generated, "A", 0)))
    assert (miss.kind, miss.ids, miss.size) == ("differs", (ids_under(generated, "A", 0)[odd],), 35)
    assert words in miss.text and miss.ids[0] in miss.text


@pytest.mark.parametrize("kind", ["missing reaction", "missing entry"])
def test_missing_index_tuples_are_named(kind):
    generated, _ = near_miss(generated_dimers(6), kind, "bind", None)
    (miss,) = find_near_misses(fold_network(rename(generated, "A", 0)))
    assert miss.kind == "missing"
    assert "lacks 1 reaction" in miss.text and "M_4 + M_2" in miss.text


def test_repeated_reactions_are_named():
    generated, _ = odd_one(duplicated)
    (miss,) = find_near_misses(fold_network(rename(generated, "A", 0)))
    assert (miss.kind, len(miss.ids)) == ("repeated", 2)
    assert "are the same reaction" in miss.text


def test_elements_that_are_called_like_a_base_are_named():
    network = dimerization(4)
    boundary = tuple(replace(s, is_boundary=s.id == "D_2_3") for s in network.species)
    misses = find_near_misses(fold_network(replace(network, species=boundary)))
    assert ("outside", ("D_2_3",)) in [(m.kind, m.ids) for m in misses]
    assert any("it is a boundary species" in m.text for m in misses)


def test_another_participant_is_named():
    network = dimerization(5, reversible=False)
    odd = reaction("R_2_3", ["M_2", "E"], ["D_2_3"], product("cell", "kf_2_3", "M_2", "E"))
    network = replace(
        network,
        species=(*network.species, *species("E")),
        reactions=tuple(odd if r.id == odd.id else r for r in network.reactions),
    )
    misses = find_near_misses(fold_network(network))
    assert any(m.ids == ("R_2_3",) and "one participant: M_2 + E → D_2_3" in m.text for m in misses)


def test_networks_without_a_slip_have_no_near_misses():
    for name in ("dimerization", "opaque constants", "decay", "ring", "exclusion"):
        assert find_near_misses(fold_network(NETWORKS[name]())) == (), name


@pytest.mark.parametrize("seed", range(8))
def test_near_misses_are_few_short_and_deterministic(seed):
    network = random_network(seed)
    misses = find_near_misses(fold_network(network))
    assert misses == find_near_misses(fold_network(network))
    assert len(misses) <= 10
    known = {r.id for r in network.reactions} | {s.id for s in network.species}
    known |= {p.id for p in network.parameters}
    assert all(known.issuperset(m.ids) and len(m.text) < 500 for m in misses)


@pytest.mark.parametrize("name", [*NETWORKS, *range(4)])
def test_every_listed_element_has_one_reason(name):
    network = random_network(name) if isinstance(name, int) else NETWORKS[name]()
    folding = fold_network(network)
    for rest in remainders(folding):
        ids = [i for found in rest.ids.values() for i in found]
        assert sorted(ids) == sorted(folding.identity.entries[rest.name])
        assert rest.ids.keys() <= REASONS.keys()


@pytest.mark.parametrize("name", [*NETWORKS, *range(4)])
def test_reports_of_every_form(name):
    """Text, JSON and HTML say the same figures, in lines that fit a terminal."""
    network = random_network(name) if isinstance(name, int) else NETWORKS[name]()
    folding = fold_network(network)
    text, tree, page = folding_text(folding), folding_json(folding), html_page(folding)
    report = json.loads(json.dumps(tree))["report"]
    assert all(len(line) <= 170 for line in text.splitlines())
    assert sum(g["n_reactions"] for g in report["groups"]) == sum(len(g["ids"]) for g in report["groups"])
    assert report["n_strict"] == folding.report.n_strict
    for group in folding.report.groups:
        assert group.n_reactions == 1 or group.name in text
    for words in ("exact:", "strict", "folded in"):
        assert words in text and words in page


def test_an_incomplete_search_is_told():
    folding = fold_network(dimerization(4), seconds=0.0)
    assert not folding.report.is_complete
    assert "--fold-seconds" in folding_text(folding)
    assert folding_json(folding)["report"]["is_complete"] is False


def test_very_long_formulas_are_shortened_in_text_only():
    ids = [f"A{k}" for k in range(60)]
    network = dimerization(3)
    law = product("cell", *ids)
    network = replace(
        network,
        species=(*network.species, *species(*ids)),
        reactions=(*network.reactions, reaction("long", ids, [], law)),
    )
    folding = fold_network(network)
    assert "A37" not in folding_text(folding) and "…" in folding_text(folding)
    assert any("A37" in r["reaction"] for r in folding_json(folding)["reactions"])


def test_tables_break_long_cells():
    rows = [("a", "one two three", ""), ("long name", "x", "y")]
    assert list(aligned(rows, (20, 7, 3))) == [
        "  a          one two",
        "               three",
        "  long name  x        y",
    ]
    assert list(aligned([], (1, 2))) == []
    assert paragraph("a b c", width=5) == ["  a b", "    c"]
