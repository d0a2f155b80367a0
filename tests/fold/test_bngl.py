"""Species patterns in names: read, written in one way, and turned into bases and coordinates."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from converters.fold.bngl import Molecule, Pattern, PatternError, Site, parse_pattern
from converters.fold.bngl_canonical import canonical
from converters.fold.bngl_labels import MIN_MEMBERS, core_molecules, pattern_candidates, pattern_labels
from converters.fold.words import natural
from icrn_io import read_model

# Written as BioNetGen and PySB write them: str(parse_pattern(text)) == text.
PATTERNS = {
    "empty": "Null()",
    "states": "K(Y~U,a,b~0)",
    "bond": "L(r!1).R(a,l!1)",
    "equal components": "L(l!1,l).R(r!1,r)",
    "two bonds on a site": "DNA(p!1!2).T(d!1).T(d!2)",
    "within a molecule": "A(x!1,y!1)",
    "ring": "A(l!1,r!2).A(l!2,r!3).A(l!3,r!1)",
    "two bonds between two": "L(l!1,l!2).R(r!1,r!2)",
    "words as bonds": "L(r!ab).R(l!ab)",
    "compartment": "@EC::L(r)",
    "fixed": "$L(r)",
    "fixed in a compartment": "$@EC::L(r)",
    "compartments of molecules": "L(r!1)@EC.R(l!1)@PM",
}

# A valid form and what would make it none.
BAD_PATTERNS = {
    "a word": ("EGF()", "EGF"),
    "nothing": ("A()", ""),
    "words": ("phosphorylated()", "phosphorylated EGF receptor"),
    "product": ("A().", "A()*B()"),
    "space": ("A(b)", "A( b)"),
    "text after": ("A(b)", "A(b)x"),
    "dot at the end": ("A(b)", "A(b)."),
    "no closing": ("A(b)", "A(b"),
    "nested": ("A(b)", "A(b(c))"),
    "empty component": ("A(b,c)", "A(b,,c)"),
    "empty state": ("A(b~0)", "A(b~)"),
    "two states": ("A(b~0)", "A(b~0~1)"),
    "state after bond": ("A(b~0!1).B(a!1)", "A(b!1~0).B(a!1)"),
    "empty bond": ("A(b!1).B(a!1)", "A(b!).B(a!)"),
    "one end": ("A(b!1).B(a!1)", "A(b!1).B(a)"),
    "three ends": ("A(b!1).B(a!1)", "A(b!1).B(a!1).C(a!1)"),
    "a site to itself": ("A(b!1,c!1)", "A(b!1!1)"),
    "apart": ("A(b!1).B(a!1)", "A(b).B(a)"),
    "wildcard bond": ("A(b!1).B(a!1)", "A(b!+)"),
    "any bond": ("A(b!1).B(a!1)", "A(b!?)"),
    "digit first": ("A1(b)", "1A(b)"),
    "fixed twice": ("$@c::A()", "$@c::$A()"),
    "number law": ("f(x)", "f(x+1)"),
}

RULE_BASED = {"Motivating_example": 78, "SHP2_base_model": 149, "blbr": 16, "egfr_net": 250, "toy-jim": 25}


def rewritten(pattern: Pattern, seed: int) -> str:
    """Return the pattern with molecules, components and bonds in another order."""
    rng = random.Random(seed)
    bonds = list(pattern.ends)
    new = dict(zip(bonds, rng.sample(range(1, 10 * len(bonds) + 1), len(bonds)), strict=True))
    molecules = []
    for molecule in rng.sample(pattern.molecules, len(pattern.molecules)):
        sites = []
        for site in rng.sample(molecule.sites, len(molecule.sites)):
            labels = tuple(str(new[bond]) for bond in rng.sample(site.bonds, len(site.bonds)))
            sites.append(Site(site.name, site.state, labels))
        molecules.append(Molecule(molecule.kind, tuple(sites), molecule.compartment))
    return str(Pattern(tuple(molecules), pattern.compartment, pattern.is_fixed))


def random_names(seed: int) -> dict[str, str]:
    """Return species made of receptors with things hanging off them, single or in pairs, all different."""
    rng = random.Random(seed)
    texts = {}
    for _ in range(60):
        n_bonds = 0
        molecules = []
        n_receptors = rng.choice([1, 1, 2, 3])
        n_bonds = n_receptors - 1
        for k in range(n_receptors):
            sites = ["d" + f"!{k}" * (k > 0), "e" + f"!{k + 1}" * (k + 1 < n_receptors)]
            for name in ("a", "b", "b"):
                state = f"{name}~{rng.choice('UP')}"
                if rng.random() < 0.5:
                    n_bonds += 1
                    state += f"!{n_bonds}"
                    partner = f"G(x!{n_bonds},y~{rng.choice('UP')})"
                    if rng.random() < 0.5:
                        n_bonds += 1
                        partner = partner[:-1] + f",s!{n_bonds}).S(g!{n_bonds})"
                    molecules.append(partner)
                sites.append(state)
            molecules.append(f"R({','.join(sites)})")
        text = ".".join(molecules)
        texts.setdefault(str(canonical(parse_pattern(text))), text)
    return {f"S{k + 1}": text for k, text in enumerate(texts.values())}


def names_of(data_dir, model: str) -> dict[str, str]:
    network = read_model(data_dir / "rule-based" / f"bng_{model}.xml")
    return {species.id: species.name for species in network.species}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_print_as_written(name):
    assert str(parse_pattern(PATTERNS[name])) == PATTERNS[name]


def test_parts_of_a_pattern():
    pattern = parse_pattern("$@cell:L(r!1).R(Y~pY,l!1,l)")
    left = Molecule("L", (Site("r", "", ("1",)),))
    right = Molecule("R", (Site("Y", "pY"), Site("l", "", ("1",)), Site("l")))
    assert pattern == Pattern((left, right), "cell", is_fixed=True)
    assert pattern.ends == {"1": ((0, 0), (1, 1))}
    assert pattern.partner("1", (1, 1)) == (0, 0)
    assert parse_pattern("@cell:$A()") == parse_pattern("$@cell::A()")


@pytest.mark.parametrize("name", BAD_PATTERNS)
def test_what_is_no_pattern_is_refused(name):
    good, bad = BAD_PATTERNS[name]
    parse_pattern(good.rstrip("."))
    with pytest.raises(PatternError, match=re.escape(repr(bad))):
        parse_pattern(bad)
    assert pattern_labels({"x": bad}) == {}
    assert pattern_candidates({"x": bad}) == []


@pytest.mark.parametrize("name", PATTERNS)
def test_canonical_form_is_the_same_pattern(name):
    pattern = parse_pattern(PATTERNS[name])
    form = canonical(pattern)
    assert parse_pattern(str(form)) == form == canonical(form)
    assert Counter(m.kind for m in form.molecules) == Counter(m.kind for m in pattern.molecules)
    assert len(form.ends) == len(pattern.ends)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("seed", range(5))
def test_canonical_form_does_not_depend_on_the_order(name, seed):
    pattern = parse_pattern(PATTERNS[name])
    assert canonical(parse_pattern(rewritten(pattern, seed))) == canonical(pattern)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A(x!1,y).A(x!1,y~P)", "A(x!1,y~P).A(x!1,y~P)"),
        ("A(x!1,y).A(x,y!1)", "A(x!1,y).A(x!1,y)"),
        ("A(l!1,r!2).A(l!2,r!1)", "A(l!1,r!1)"),
        ("L(l!1,l!2).R(r!1,r!2)", "L(l!1,l!2).R(r!1).R(r!2)"),
        ("@a::A()", "@b::A()"),
        ("$A()", "A()"),
    ],
)
def test_different_patterns_have_different_forms(one, other):
    assert canonical(parse_pattern(one)) != canonical(parse_pattern(other))


@pytest.mark.parametrize("model", RULE_BASED)
def test_real_names(data_dir, model):
    names = names_of(data_dir, model)
    patterns = {i: parse_pattern(name) for i, name in names.items()}
    assert {i: str(pattern) for i, pattern in patterns.items()} == names
    assert len({canonical(pattern) for pattern in patterns.values()}) == len(names) == RULE_BASED[model]
    for pattern in patterns.values():
        assert canonical(parse_pattern(rewritten(pattern, 0))) == canonical(pattern)
    for labels in (pattern_labels(names), *pattern_candidates(names)):
        assert len(set(labels.values())) == len(labels)
    assert pattern_labels(names).keys() == names.keys()


@pytest.mark.parametrize("seed", range(20))
def test_labels_are_distinct_and_of_one_length_per_base(seed):
    names = random_names(seed)
    assert pattern_labels(names) == pattern_candidates(names)[0]
    for labels in pattern_candidates(names):
        assert len(set(labels.values())) == len(labels)
        widths: dict[str, set[int]] = {}
        for base, row in labels.values():
            widths.setdefault(base, set()).add(len(row))
        assert all(len(width) == 1 for width in widths.values())


@pytest.mark.parametrize("seed", range(20))
def test_labels_do_not_depend_on_how_patterns_are_written(seed):
    names = random_names(seed)
    other = {i: rewritten(parse_pattern(name), seed) for i, name in reversed(names.items())}
    assert other != names
    assert pattern_candidates(other) == pattern_candidates(names)


def test_coarser_candidates_leave_small_bases_out():
    for labels in pattern_candidates(random_names(1))[1:]:
        assert min(Counter(base for base, _ in labels.values()).values()) >= MIN_MEMBERS


# name: patterns, and the (base, index tuple) each of them gets
KNOWN = {
    "states are coordinates": {
        "R(a~U,b~U)": ("R", ("U", "U")),
        "R(a~P,b~U)": ("R", ("P", "U")),
        "R(a~U,b~P)": ("R", ("U", "P")),
        "R(a~P,b~P)": ("R", ("P", "P")),
    },
    "what never varies is left out": {
        "R(a~U,b,c~x)": ("R", ("U",)),
        "R(a~P,b,c~x)": ("R", ("P",)),
        "Q(z)": ("Q", ()),
    },
    "what hangs off a bond is part of the label": {
        "R(a~U)": ("R", ("U",)),
        "R(a~P)": ("R", ("P",)),
        "R(a~P!1).G(x!1,s)": ("R", ("P!G",)),
        "G(s!2,x!1).R(a~P!1).S(g!2)": ("R", ("P!G.s!S",)),
        "R(a~P!1).H(x!1)": ("R", ("P!H",)),
        "G(s,x)": ("G", ("-",)),
        "G(s!1,x).S(g!1)": ("G", ("S",)),
        "S(g)": ("S", ()),
    },
    "by which site it hangs is said where it varies": {
        "R(a)": ("R", ("-",)),
        "R(a!1).G(x!1,y)": ("R", ("G:x",)),
        "R(a!1).G(x,y!1)": ("R", ("G:y",)),
    },
    "copies stand in the order of their labels": {
        "R(a~U,r!1).R(a~U,r!1)": ("R_2", ("U", "U")),
        "R(a~U,r!1).R(a~P,r!1)": ("R_2", ("P", "U")),
        "R(a~P,r!1).R(a~P,r!1)": ("R_2", ("P", "P")),
        "R(a~U,r)": ("R", ("U",)),
        "R(a~P,r)": ("R", ("P",)),
    },
    "what follows from another coordinate is left out": {
        "R(l~in,m~in)": ("R", ("in",)),
        "R(l~out,m~out)": ("R", ("out",)),
    },
    "a bridge is named at its other end": {
        "R(a,b)": ("R", ("-", "-")),
        "R(a!1,b).G(x!1,y)": ("R", ("G", "-")),
        "R(a,b!1).G(x,y!1)": ("R", ("-", "G")),
        "R(a!1,b!2).G(x!1,y).G(x,y!2)": ("R", ("G", "G")),
        "R(a!1,b!2).G(x!1,y!2)": ("R", ("G", "G=a")),
    },
    "equal components are in the order of their labels": {
        "R(a~U,a~U)": ("R", ("U", "U")),
        "R(a~U,a~P)": ("R", ("P", "U")),
        "R(a~P,a~P)": ("R", ("P", "P")),
    },
    "compartments are coordinates": {
        "@c::R(a~U)": ("R", ("U", "c")),
        "@c::R(a~P)": ("R", ("P", "c")),
        "@n::R(a~U)": ("R", ("U", "n")),
    },
    "names of bases are distinct": {
        "A(x!1).A(x!1)": ("A_2", ()),
        "A_2(x)": ("A_2_", ()),
    },
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_labels(name):
    names = {f"S{k}": text for k, text in enumerate(KNOWN[name])}
    assert pattern_labels(names) == dict(zip(names, KNOWN[name].values(), strict=True))


def test_equal_patterns_keep_their_ids():
    assert pattern_labels({"x": "A(b)", "y": "A(b)"}) == {"x": ("A", ("x",)), "y": ("A", ("y",))}


def test_sparse_coordinates_are_joined():
    names = {f"S{k}": f"R(a~{k},b~{k // 2},c~{(k * k) % 7})" for k in range(12)}
    for _, row in pattern_labels(names).values():
        assert len(row) == 1


def test_core_is_what_most_species_have():
    names = {"x": "R(a,b)", "y": "R(a!1,b).L(r!1)", "z": "L(r)", "w": "K(a)"}
    patterns = {i: parse_pattern(name) for i, name in names.items()}
    assert core_molecules(patterns) == {"R": ["x", "y"], "K": ["w"], "L": ["z"]}


def test_receptor_dimer_of_a_real_model(data_dir):
    labels = pattern_labels(names_of(data_dir, "egfr_net"))
    dimers = [row for base, row in labels.values() if base == "egfr_2"]
    assert len(dimers) == 194
    for row in dimers:
        halves = [[natural(row[k]) for k in half] for half in ((1, 0), (3, 2))]  # more labels at Y1148
        assert halves[0] <= halves[1]
    by_site = {
        base: [set(column) for column in zip(*rows, strict=True)] for base, rows in grouped(labels).items()
    }
    grb2 = {"Y", "pY", "pY!Grb2", "pY!Grb2.SH3!Sos"}
    assert by_site["egfr_2"][0] == by_site["egfr_2"][2] == by_site["egfr"][0] == grb2
    assert "pY!Shc.Y317~pY!Grb2..SH3!Sos" in by_site["egfr"][1]


def grouped(labels) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for base, row in labels.values():
        found.setdefault(base, []).append(row)
    return found
