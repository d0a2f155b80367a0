"""A small folding by hand that uses everything an ``.icrn`` file has a place for."""

import math

import numpy as np
import pytest

from converters.folding import Folding, FoldReport, GroupReport, Identity, Join
from icrn_core.icrn import (
    ICRN,
    AssignedQuantity,
    BaseSpecies,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    IndexSet,
    IndexSymbol,
    Placement,
    RateConstant,
    RateLaw,
    Reference,
    Term,
)
from icrn_io.expression import apply, number, symbol
from icrn_io.network import (
    AlgebraicRule,
    Compartment,
    Event,
    EventAssignment,
    Network,
    Parameter,
    RateRule,
    Reaction,
    SourceDocument,
    Species,
    UnsupportedFeature,
)

P_IDS = tuple(f"P_{n}" for n in range(9))


@pytest.fixture(scope="session")
def folding() -> Folding:
    sites = IndexSet("I", ("1", "2", "é"))
    i, j = IndexSymbol("i", sites), IndexSymbol("j", sites)
    x_i, k_ij = Reference("X", ("i",)), Reference("k", ("i", "j"))
    icrn = ICRN(
        species=(
            BaseSpecies(
                "X", (sites,), compartment=Placement("c"), state_unit="amount", law_unit="concentration"
            ),
            BaseSpecies("P", (sites, sites)),
        ),
        constants=(RateConstant("k", (sites, sites)), RateConstant("c")),
        assigned=(AssignedQuantity("total"),),
        reactions=(
            IndexedReaction(
                "r",
                IndexDomain((i, j), mask=~np.eye(3, dtype=bool)),
                (Term(x_i),),
                (Term(Reference("P", ("i", "j")), 2.5),),
                RateLaw(("times", ("slot", 0), ("power", ("slot", 1), -0.0), math.nan)),
                (k_ij, x_i),
            ),
            IndexedReaction(
                "s", IndexDomain((i,), relation=np.array([[0], [2]])), (), (Term(x_i),), RateLaw(math.inf)
            ),
        ),
        assignments=(
            IndexedAssignment(
                "a",
                IndexDomain(),
                Reference("total"),
                RateLaw(("plus", ("slot", 0), 1.0)),
                (Reference("X", (0,)),),
            ),
        ),
        name="full",
    )
    identity = Identity(
        entries={
            "X": ("X_1", "X_2", ""), "P": P_IDS, "k": ("",) * 9, "c": ("c",), "total": ("T",),
        },
        tuples={"r": tuple("123456"), "s": ("u", "v"), "a": ("T",)},
        roles={"r": "reaction", "s": "derived", "a": "assignment rule"},
    )  # fmt: skip
    return Folding(
        icrn=icrn,
        values={
            "X": np.array([0.1, -0.0, math.nan]),
            "P": np.full((3, 3), -math.inf),
            "k": np.arange(9.0).reshape(3, 3) / 7,
            "c": np.array(2.0),
        },
        identity=identity,
        skeleton=skeleton(),
        joins=(Join("r", "s", ("minus", ("slot", 0), ("slot", 1))),),
        unsupported=(UnsupportedFeature("event", "e"),),
        report=FoldReport(1, 2, (GroupReport("r", 6, "dense with missing entries", "why"),), 1.5, 5e-324),
    )


def skeleton() -> Network:
    # Deeper than any recursion would go.
    deep = symbol("x")
    for _ in range(3000):
        deep = apply("plus", (deep, number(-0.0)))
    return Network(
        id="m",
        compartments=(Compartment("c"),),
        species=(
            Species("X_1", "c", initial_amount=-0.0, has_only_substance_units=True),
            *(Species(i, "c") for i in ("X_2", *P_IDS)),
        ),
        parameters=(Parameter("T"),),
        reactions=tuple(map(Reaction, "123456")),
        rules=(AlgebraicRule(apply("minus", (symbol("x"),))), RateRule("x", number(math.inf))),
        events=(Event("e", deep, (EventAssignment("x", None),), priority=number(2)),),
        source=SourceDocument(b"<sbml/>", "model 'ä'".encode(), "antimony"),
    )
