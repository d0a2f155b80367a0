"""Each invalid form is refused with a message that names it; the valid form beside it passes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from core_registry import assign, index_set, law, product, reaction

from icrn_core import (
    ICRN,
    AssignedQuantity,
    BaseSpecies,
    IcrnError,
    IndexDomain,
    IndexSet,
    IndexSymbol,
    Placement,
    RateConstant,
)

A, B = index_set("a", 3), index_set("b", 2)
SI, J = IndexSymbol("i", A), IndexSymbol("j", B)
ONE = IndexDomain()


def network(
    domain=None, left=("X[i]",), right=(), rate=None, slots=("k", "X[i]"), species=(), **parts
) -> ICRN:
    """Return X[i] → ∅ over A, with parts of it replaced."""
    domain = IndexDomain((SI,)) if domain is None else domain
    rate = product(2) if rate is None else rate
    return ICRN(
        species=(BaseSpecies("X", (A,)), BaseSpecies("Y"), *species),
        constants=(RateConstant("k"),),
        reactions=(reaction("r", domain, left, right, rate, slots),),
        **parts,
    )


def rule(name, target, *slots, domain=ONE):
    return assign(name, domain, target, product(len(slots)), slots)


def relation(rows):
    return IndexDomain((SI,), relation=np.array(rows))


W = (AssignedQuantity("W"),)
VALID = {
    "plain": lambda: network(),
    "literal": lambda: network(left=("X[2]",)),
    "relation": lambda: network(relation([[0], [2], [2]])),
    "mask": lambda: network(IndexDomain((SI,), mask=np.array([True, False, True]))),
    "equal index sets": lambda: network(IndexDomain((IndexSymbol("i", IndexSet("a", A.labels)),))),
    "chain": lambda: network(
        assigned=(*W, AssignedQuantity("V")), assignments=(rule("W", "W", "Y"), rule("V", "V", "W"))
    ),
    "compartment": lambda: network(
        species=(BaseSpecies("Z", (), Placement("k"), "amount", "concentration"),)
    ),
}
INVALID = {
    "other index set": (
        lambda: network(IndexDomain((IndexSymbol("i", B),))),
        r"'i' ranges over index set 'b' .* 'X' .*'a'",
    ),
    "no base": (lambda: network(slots=("k", "Q")), "no base is called 'Q'"),
    "too few indices": (lambda: network(slots=("k", "X")), "'X' has 1 indices"),
    "symbol not in domain": (
        lambda: network(slots=("k", "X[j]")),
        "index symbol 'j' of 'X' is not in the domain",
    ),
    "symbol twice": (lambda: network(IndexDomain((SI, SI))), "'i' stands twice"),
    "literal outside": (lambda: network(left=("X[3]",)), "position 3 .* 'a' with 3 labels"),
    "relation outside": (lambda: network(relation([[0], [3]])), "position 3 for index symbol 'i'"),
    "relation negative": (lambda: network(relation([[-1]])), "position -1"),
    "relation shape": (lambda: network(relation([0, 1])), r"shape \(n_tuples, 1\)"),
    "relation type": (lambda: network(relation([[0.5]])), "integers"),
    "mask shape": (lambda: network(IndexDomain((SI,), mask=np.ones(2, bool))), r"shape \(3,\)"),
    "mask type": (lambda: network(IndexDomain((SI,), mask=np.ones(3))), "bool"),
    "mask and relation": (
        lambda: network(IndexDomain((SI,), mask=np.ones(3, bool), relation=np.array([[0]]))),
        "not both",
    ),
    "slot number": (lambda: network(rate=product(3)), "reads slot"),
    "leaf": (lambda: network(rate=type(product(1))(("plus", "x"))), "template leaf"),
    "constant as reactant": (
        lambda: network(left=("k",)),
        "'k' is a reactant or product but no base species",
    ),
    "stoichiometry": (lambda: network(left=("nan X[i]",)), "stoichiometry of 'X' is nan"),
    "two bases": (lambda: network(species=(BaseSpecies("k"),)), "two bases are called 'k'"),
    "two labels": (
        lambda: network(species=(BaseSpecies("Z", (IndexSet("z", ("p", "p")),)),)),
        "label 'p' more than once",
    ),
    "mixed units": (
        lambda: network(species=(BaseSpecies("Z", (), None, "amount", "concentration"),)),
        "needs a compartment",
    ),
    "unknown unit": (
        lambda: network(species=(BaseSpecies("Z", (), None, "mass", "mass", "mass"),)),
        "not 'mass'",
    ),
    "no compartment": (
        lambda: network(species=(BaseSpecies("Z", (), Placement("c")),)),
        "no base is called 'c'",
    ),
    "compartment outside": (
        lambda: network(species=(BaseSpecies("Z", (), Placement("k", (1,))),)),
        "position 1 of 'k'",
    ),
    "compartments per entry": (
        lambda: network(species=(BaseSpecies("Z", (A,), Placement("k", (0, 0))),)),
        "expected 1, or 3",
    ),
    "assigned species": (lambda: network(assignments=(rule("a", "Y", "k"),)), "targets 'Y', a base species"),
    "assigned constant": (
        lambda: network(assignments=(rule("a", "k", "Y"),)),
        "targets 'k', a rate constant",
    ),
    "assigned twice": (
        lambda: network(assigned=W, assignments=(rule("a", "W", "k"), rule("b", "W", "Y"))),
        "second value",
    ),
    "assigned from itself": (
        lambda: network(assigned=W, assignments=(rule("a", "W", "W"),)),
        "reads 'W' before",
    ),
    "out of order": (
        lambda: network(
            assigned=(*W, AssignedQuantity("V")), assignments=(rule("V", "V", "W"), rule("W", "W", "Y"))
        ),
        "'V' reads 'W' before",
    ),
    "undefined": (lambda: network(assigned=W, slots=("W", "X[i]")), "no assignment defines"),
    "two reactions": (
        lambda: ICRN(
            reactions=(reaction("r", ONE, [], [], law(1.0), []), reaction("r", ONE, [], [], law(1.0), []))
        ),
        "two reactions are called 'r'",
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_valid_forms_pass(name):
    assert VALID[name]().reactions


@pytest.mark.parametrize("name", INVALID)
def test_invalid_forms_are_named(name):
    build, says = INVALID[name]
    with pytest.raises(IcrnError, match=says):
        build()


def test_large_relations_are_checked_fast():
    large = index_set("n", 1000)
    symbols = tuple(IndexSymbol(name, large) for name in "pq")
    domain = IndexDomain(symbols, relation=np.indices((1000, 100)).reshape(2, -1).T.copy())
    start = time.perf_counter()
    ICRN(
        species=(BaseSpecies("X", (large,)), BaseSpecies("Y", (large, large))),
        reactions=(reaction("r", domain, ["X[p]", "X[q]"], ["Y[p,q]"], product(2), ["X[p]", "X[q]"]),),
    )
    assert time.perf_counter() - start < 0.5
