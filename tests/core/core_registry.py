"""Small ICRNs authored by hand, each for one construct: a case is added here, not in a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from icrn_core import (
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


@dataclass(frozen=True)
class Case:
    """An ICRN with values that make its rates of change of order one."""

    icrn: ICRN
    values: dict[str, np.ndarray]
    params: dict[str, np.ndarray]
    end: float = 1.0


CASES: dict[str, Callable[[], Case]] = {}


def case(build: Callable[[], Case]) -> Callable[[], Case]:
    """Put a case in the registry under the function's name."""
    CASES[build.__name__] = build
    return build


def index_set(name: str, n: int) -> IndexSet:
    """Return an index set of n labels."""
    return IndexSet(name, tuple(f"{name}{k}" for k in range(n)))


def ref(text: str) -> Reference:
    """Return the reference written ``X[i,0]``."""
    name, _, rest = text.partition("[")
    indices = [part for part in rest.rstrip("]").split(",") if part]
    return Reference(name, tuple(int(k) if k.isdigit() else k for k in indices))


def law(*template) -> RateLaw:
    """Return the law of a template in which slots are written as ``"s0"``, ``"s1"``, ... ."""

    def read(node):
        if isinstance(node, tuple):
            return (node[0], *map(read, node[1:]))
        return ("slot", int(node[1:])) if isinstance(node, str) else float(node)

    return RateLaw(
        read(template) if len(template) > 1 or isinstance(template[0], tuple) else read(template[0])
    )


def reaction(name, domain, left, right, rate: RateLaw, slots) -> IndexedReaction:
    """Return a reaction from texts; a stoichiometry is written before its species, ``"2 X[i]"``."""

    def terms(texts):
        for text in texts:
            number, _, species = text.rpartition(" ")
            yield Term(ref(species), float(number or 1))

    return IndexedReaction(
        name, domain, tuple(terms(left)), tuple(terms(right)), rate, tuple(map(ref, slots))
    )


def assign(name, domain, target, rate: RateLaw, slots) -> IndexedAssignment:
    """Return an assignment from texts."""
    return IndexedAssignment(name, domain, ref(target), rate, tuple(map(ref, slots)))


def product(n: int) -> RateLaw:
    """Return the mass-action law of n slots."""
    return law("times", *(f"s{k}" for k in range(n)))


def draw(icrn: ICRN, seed: int = 0) -> tuple[dict, dict]:
    """Return random values in [0.5, 1.5) for every base."""
    rng = np.random.default_rng(seed)
    values = {base.name: 0.5 + rng.random(base.shape) for base in icrn.species}
    return values, {base.name: 0.5 + rng.random(base.shape) for base in icrn.constants}


def of(icrn: ICRN, end: float = 1.0, **given) -> Case:
    """Return the case of an ICRN with random values, some of them given."""
    values, params = draw(icrn)
    for name, value in given.items():
        (values if name in values else params)[name] = np.asarray(value, dtype=float)
    return Case(icrn, values, params, end)


def dimerization(n: int, relation: bool = False) -> ICRN:
    """M[p] + M[q] ⇌ D[p,q] over the full product, dense or as a relation."""
    sets = index_set("p", n)
    domain = IndexDomain((IndexSymbol("p", sets), IndexSymbol("q", sets)))
    if relation:
        domain = IndexDomain(domain.symbols, relation=domain.tuples())
    return ICRN(
        species=(BaseSpecies("M", (sets,)), BaseSpecies("D", (sets, sets))),
        constants=(RateConstant("kf", (sets, sets)), RateConstant("kr", (sets, sets))),
        reactions=(
            reaction("bind", domain, ["M[p]", "M[q]"], ["D[p,q]"], product(3), ["kf[p,q]", "M[p]", "M[q]"]),
            reaction("split", domain, ["D[p,q]"], ["M[p]", "M[q]"], product(2), ["kr[p,q]", "D[p,q]"]),
        ),
    )


@case
def dimerization_small() -> Case:
    return of(dimerization(4))


@case
def dimerization_dense() -> Case:
    return of(dimerization(17))


@case
def dimerization_relation() -> Case:
    return of(dimerization(17, relation=True))


@case
def transposed_and_contracted() -> Case:
    """References out of the domain's order, sums over an unused symbol, a symbol only in the product."""
    a, b = index_set("a", 18), index_set("b", 17)
    i, j = IndexSymbol("i", a), IndexSymbol("j", b)
    domain = IndexDomain((i, j))
    return of(
        ICRN(
            species=(BaseSpecies("X", (a,)), BaseSpecies("Y", (b,)), BaseSpecies("Z", (b, a))),
            constants=(RateConstant("w", (b, a)), RateConstant("k")),
            reactions=(
                reaction("feed", domain, ["X[i]"], ["X[i]", "Y[j]"], product(3), ["k", "X[i]", "w[j,i]"]),
                reaction("turn", domain, ["Z[j,i]"], ["X[i]"], product(2), ["k", "Z[j,i]"]),
                reaction("spread", domain, ["X[i]"], ["Z[j,i]"], product(2), ["k", "X[i]"]),
                reaction("make", domain, [], ["Y[j]"], product(1), ["k"]),
            ),
        ),
        k=0.01,
    )


@case
def net_fluxes() -> Case:
    """Several reactions over one product change the same entries, with other signs and stoichiometries."""
    a, b, c = index_set("a", 7), index_set("b", 8), index_set("c", 6)
    domain = IndexDomain((IndexSymbol("i", a), IndexSymbol("j", b), IndexSymbol("k", c)))
    saturated = law("divide", ("times", "s0", "s1"), ("plus", "s0", "s2"))
    return of(
        ICRN(
            species=(
                BaseSpecies("X", (a,)),
                BaseSpecies("Y", (b,)),
                BaseSpecies("Z", (c,)),
                BaseSpecies("V", (a, c)),
                BaseSpecies("W", (c, a, b)),
            ),
            constants=(RateConstant("k", (a, b, c)), RateConstant("m")),
            reactions=(
                reaction("bind", domain, ["X[i]", "Y[j]"], ["W[k,i,j]"], product(3), ["m", "X[i]", "Y[j]"]),
                reaction(
                    "split",
                    domain,
                    ["W[k,i,j]"],
                    ["X[i]", "Y[j]", "0.5 Z[k]"],
                    saturated,
                    ["W[k,i,j]", "k[i,j,k]", "m"],
                ),
                reaction(
                    "swap",
                    domain,
                    ["Z[k]", "Y[j]"],
                    ["2 Z[k]", "3 V[i,k]"],
                    saturated,
                    ["Z[k]", "k[i,j,k]", "Y[j]"],
                ),
                reaction("leave", domain, ["V[i,k]"], ["X[i]"], product(2), ["m", "V[i,k]"]),
            ),
        ),
        m=0.01,
    )


@case
def masked() -> Case:
    """Missing entries are singular: their rate constant is zero and divides."""
    a = index_set("a", 20)
    i, j = IndexSymbol("i", a), IndexSymbol("j", a)
    mask = ~np.eye(20, dtype=bool)
    icrn = ICRN(
        species=(BaseSpecies("S", (a,)),),
        constants=(RateConstant("K", (a, a)), RateConstant("k")),
        reactions=(
            reaction(
                "compete",
                IndexDomain((i, j), mask=mask),
                ["S[i]", "S[j]"],
                ["0.5 S[i]"],
                law("divide", ("times", "s0", "s1", "s2"), "s3"),
                ["k", "S[i]", "S[j]", "K[i,j]"],
            ),
        ),
    )
    return of(icrn, K=np.where(mask, 1.3, 0.0), k=0.02)


@case
def winner_take_all() -> Case:
    """Five kinds of reaction over pixels i, digits j, and pairs of digits without the diagonal."""
    pixels, digits = index_set("x", 86), index_set("y", 3)
    i, j, k = IndexSymbol("i", pixels), IndexSymbol("j", digits), IndexSymbol("k", digits)
    both, one = IndexDomain((i, j)), IndexDomain((j,))
    pairs = IndexDomain((j, k), mask=~np.eye(3, dtype=bool))
    species = [("X", pixels), ("XF", pixels), ("SG", digits), ("S", digits), ("RG", digits), ("YF", digits)]
    species += [("Y", digits), ("Rep", digits), ("F", digits)]
    icrn = ICRN(
        species=tuple(BaseSpecies(name, (s,)) for name, s in species)
        + tuple(
            BaseSpecies(name, s)
            for name, s in [("W", (pixels, digits)), ("P", (pixels, digits)), ("A", (digits, digits))]
        ),
        constants=tuple(RateConstant(f"k{n}") for n in range(5)),
        reactions=(
            reaction(
                "weigh",
                both,
                ["X[i]", "W[i,j]", "XF[i]"],
                ["X[i]", "P[i,j]"],
                product(4),
                ["k0", "X[i]", "W[i,j]", "XF[i]"],
            ),
            reaction("sum", both, ["P[i,j]", "SG[j]"], ["S[j]"], product(3), ["k1", "P[i,j]", "SG[j]"]),
            reaction(
                "annihilate",
                pairs,
                ["S[j]", "S[k]", "A[j,k]"],
                [],
                product(4),
                ["k2", "S[j]", "S[k]", "A[j,k]"],
            ),
            reaction(
                "restore",
                one,
                ["S[j]", "RG[j]", "YF[j]"],
                ["S[j]", "Y[j]"],
                product(4),
                ["k3", "S[j]", "RG[j]", "YF[j]"],
            ),
            reaction("report", one, ["Y[j]", "Rep[j]"], ["F[j]"], product(3), ["k4", "Y[j]", "Rep[j]"]),
        ),
    )
    return of(icrn, k0=0.1, k1=0.1)


@case
def repeated_and_literal_indices() -> Case:
    """D[i,i], M[0] and a literal in the middle, over a large and a small domain."""
    a, b = index_set("a", 17), index_set("b", 2)
    i, j = IndexSymbol("i", a), IndexSymbol("j", a)
    both = IndexDomain((i, j))
    return of(
        ICRN(
            species=(BaseSpecies("M", (a,)), BaseSpecies("D", (a, b, a))),
            constants=(RateConstant("k", (b,)),),
            reactions=(
                reaction(
                    "pair",
                    both,
                    ["2 M[i]", "M[j]"],
                    ["D[i,1,i]"],
                    law("times", "s0", ("power", "s1", 2.0), "s2", "s3"),
                    ["k[0]", "M[i]", "M[j]", "D[j,0,j]"],
                ),
                reaction(
                    "seed", both, ["M[0]"], ["M[i]", "D[j,0,i]"], product(3), ["k[1]", "M[0]", "D[i,1,j]"]
                ),
                reaction(
                    "swap",
                    IndexDomain((IndexSymbol("u", b),)),
                    ["D[3,u,4]"],
                    ["D[4,u,3]"],
                    product(2),
                    ["k[u]", "D[3,u,4]"],
                ),
            ),
        ),
        k=[0.05, 0.01],
    )


@case
def relation_with_repeats() -> Case:
    """A multiset of tuples; Michaelis–Menten and Hill laws over it, one of them single."""
    a = index_set("g", 6)
    i, j = IndexSymbol("i", a), IndexSymbol("j", a)
    domain = IndexDomain((i, j), relation=np.array([[0, 1], [1, 2], [0, 1], [5, 5], [3, 0]]))
    hill = law("divide", ("times", "s0", ("power", "s1", "s2")), ("plus", 1.0, ("power", "s1", "s2")))
    return of(
        ICRN(
            species=(BaseSpecies("X", (a,)), BaseSpecies("E")),
            constants=(RateConstant("n"), RateConstant("V", (a,)), RateConstant("Km")),
            reactions=(
                reaction("regulate", domain, [], ["X[j]"], hill, ["V[i]", "X[i]", "n"]),
                reaction("also", IndexDomain(), [], ["E"], hill, ["V[2]", "E", "n"]),
                reaction(
                    "decay",
                    IndexDomain((i,)),
                    ["X[i]"],
                    [],
                    law("divide", ("times", "s0", "s1"), ("plus", "s2", "s1")),
                    ["V[i]", "X[i]", "Km"],
                ),
            ),
        ),
        n=2.5,
    )


@case
def assigned_chain() -> Case:
    """Static, state-dependent and time-dependent assigned quantities, three deep, read by laws."""
    a = index_set("a", 3)
    i = IndexSymbol("i", a)
    domain, single = IndexDomain((i,)), IndexDomain()
    return of(
        ICRN(
            species=(BaseSpecies("X", (a,)), BaseSpecies("Y")),
            constants=(RateConstant("k", (a,)), RateConstant("total")),
            assigned=(
                AssignedQuantity("half"),
                AssignedQuantity("free", (a,)),
                AssignedQuantity("sum"),
                AssignedQuantity("drive"),
            ),
            assignments=(
                assign("half", single, "half", law("divide", "s0", 2.0), ["total"]),
                assign(
                    "free",
                    domain,
                    "free[i]",
                    law("minus", "s0", ("times", "s1", "s2")),
                    ["half", "k[i]", "X[i]"],
                ),
                assign(
                    "sum",
                    single,
                    "sum",
                    law("plus", "s0", ("power", "s1", 2.0), "s2"),
                    ["free[0]", "free[1]", "Y"],
                ),
                assign("drive", single, "drive", law("times", "s0", ("sin", ("time",))), ["sum"]),
            ),
            reactions=(
                reaction("gain", domain, [], ["X[i]"], product(2), ["free[i]", "drive"]),
                reaction("lose", domain, ["X[i]"], ["Y"], product(3), ["k[i]", "X[i]", "half"]),
            ),
        )
    )


@case
def compartments() -> Case:
    """Fixed, growing and assigned compartment sizes, mixed units, conversion factors, rate rules."""
    a = index_set("a", 4)
    i = IndexSymbol("i", a)
    domain, single = IndexDomain((i,)), IndexDomain()
    return of(
        ICRN(
            species=(
                BaseSpecies("grown"),
                BaseSpecies(
                    "X",
                    (a,),
                    Placement("size", (0, 1, 1, 0)),
                    "amount",
                    "concentration",
                    "amount",
                    Placement("cf", (0,)),
                ),
                BaseSpecies("Y", (), Placement("grown"), "amount", "concentration", "concentration"),
                BaseSpecies("Z", (), Placement("swollen"), "amount", "concentration", "concentration"),
                BaseSpecies("C", (), Placement("swollen"), "concentration", "concentration", "amount"),
                BaseSpecies(
                    "B", (), Placement("size"), "amount", "concentration", "amount", is_boundary=True
                ),
                BaseSpecies("Q", (), Placement("swollen"), "concentration", "amount", "amount"),
            ),
            constants=(RateConstant("size", (index_set("c", 2),)), RateConstant("cf"), RateConstant("k")),
            assigned=(AssignedQuantity("swollen"),),
            assignments=(
                assign("swollen", single, "swollen", law("plus", 1.0, ("times", "s0", "s1")), ["k", "X[2]"]),
            ),
            reactions=(
                reaction("grow", single, [], ["grown"], product(2), ["k", "grown"]),
                reaction("turn", domain, ["X[i]", "B"], ["Y"], product(3), ["k", "X[i]", "B"]),
                reaction("back", domain, ["Y"], ["2 X[i]"], product(2), ["Y", "k"]),
                reaction(
                    "slip", single, ["Y"], ["Z"], law("times", "s0", ("plus", "s1", "s2")), ["k", "Z", "Y"]
                ),
                reaction(
                    "ruled", single, [], ["C"], law("minus", "s0", ("times", "s1", "s2")), ["k", "C", "Z"]
                ),
                reaction("ruled_too", single, [], ["Q"], law("minus", ("times", "s0", "s1")), ["k", "Q"]),
            ),
        )
    )


@case
def pulse() -> Case:
    """A narrow pulse in time, a division that is singular in the branch not taken."""
    single = IndexDomain()
    dose = law(
        "piecewise", "s0", ("and", ("geq", ("time",), "s1"), ("lt", ("time",), ("plus", "s1", "s2"))), 0.0
    )
    return of(
        ICRN(
            species=(BaseSpecies("X"), BaseSpecies("Z")),
            constants=(RateConstant("dose"), RateConstant("on"), RateConstant("width"), RateConstant("k")),
            reactions=(
                reaction("dose", single, [], ["X"], dose, ["dose", "on", "width"]),
                reaction("decay", single, ["X"], [], product(2), ["k", "X"]),
                reaction(
                    "guarded",
                    single,
                    [],
                    ["Z"],
                    law("piecewise", ("divide", ("times", "s0", "s1"), "s2"), ("gt", "s2", 0.0), 0.0),
                    ["k", "X", "Z"],
                ),
            ),
        ),
        end=3.0,
        X=0.0,
        Z=0.0,
        dose=100.0,
        on=1.28,
        width=0.02,
        k=0.5,
    )


@case
def sparse_and_boundary() -> Case:
    """A tensor of which a relation moves five entries, boundary species, and one that meets itself."""
    a, b = index_set("a", 6), index_set("b", 5)
    i, j, k = IndexSymbol("i", a), IndexSymbol("j", b), IndexSymbol("k", a)
    gates = IndexDomain((i, j), relation=np.array([[0, 1], [0, 4], [2, 2], [3, 0], [5, 1]]))
    meet = IndexDomain((i, k), relation=np.array([[0, 0], [1, 1], [2, 3]]))
    return of(
        ICRN(
            species=(
                BaseSpecies("w", (a, b)),
                BaseSpecies("fuel", (b,), is_boundary=True),
                BaseSpecies("S", (a,)),
            ),
            constants=(RateConstant("k", (a,)),),
            reactions=(
                reaction(
                    "fuse",
                    gates,
                    ["w[i,j]", "fuel[j]"],
                    ["0.5 S[i]"],
                    law("divide", ("times", "s0", "s1", "s2"), ("plus", "s3", "s2")),
                    ["k[i]", "w[i,j]", "fuel[j]", "S[i]"],
                ),
                reaction("hop", meet, ["S[i]"], ["S[k]"], product(3), ["k[i]", "S[i]", "w[k,3]"]),
            ),
        ),
        end=3.0,
    )


@case
def dense_over_still() -> Case:
    """Dense domains, full and masked, over tensors of which some or all entries stand still."""
    a = index_set("a", 18)
    i, j = IndexSymbol("i", a), IndexSymbol("j", a)
    mask = np.tri(18, 18, -1, dtype=bool)
    return of(
        ICRN(
            species=(BaseSpecies("X", (a,)), BaseSpecies("G", (a, a)), BaseSpecies("B", (a,))),
            constants=(RateConstant("k"),),
            reactions=(
                reaction(
                    "bind",
                    IndexDomain((i, j), mask=mask),
                    ["X[j]", "G[i,j]"],
                    ["2 X[i]"],
                    law("times", "s0", "s1", "s2", "s3"),
                    ["k", "X[j]", "G[i,j]", "B[i]"],
                ),
                reaction(
                    "feed",
                    IndexDomain((i, j)),
                    ["B[j]"],
                    ["B[j]", "X[i]"],
                    product(3),
                    ["k", "B[j]", "G[j,i]"],
                ),
                reaction("drain", IndexDomain((i,)), ["X[i]"], [], product(3), ["k", "X[i]", "B[0]"]),
            ),
        ),
        k=0.05,
    )


@case
def still_in_a_moving_compartment() -> Case:
    """What laws see of a boundary species moves with the size, its amount does not."""
    a = index_set("a", 3)
    i = IndexSymbol("i", a)
    single = IndexDomain()
    grown, swollen = Placement("grown"), Placement("swollen")
    units = ("amount", "concentration", "concentration")
    return of(
        ICRN(
            species=(
                BaseSpecies("fixed_size"),
                BaseSpecies("B", (a,), grown, *units, is_boundary=True),
                BaseSpecies("grown"),
                BaseSpecies("E", (), swollen, *units, is_boundary=True),
                BaseSpecies("X", (a,)),
                BaseSpecies("H", (), Placement("fixed_size"), *units, is_boundary=True),
            ),
            constants=(RateConstant("k"),),
            assigned=(AssignedQuantity("swollen"),),
            assignments=(
                assign(
                    "swollen",
                    single,
                    "swollen",
                    law("plus", 1.0, ("times", "s0", "s1", "s2")),
                    ["k", "X[2]", "B[0]"],
                ),
            ),
            reactions=(
                reaction("grow", single, [], ["grown"], product(3), ["k", "grown", "H"]),
                reaction(
                    "make",
                    IndexDomain((i,), relation=np.array([[0], [2]])),
                    ["B[i]"],
                    ["X[i]"],
                    product(4),
                    ["k", "B[i]", "E", "X[2]"],
                ),
            ),
        )
    )


@case
def nothing_happens() -> Case:
    """No reactions at all."""
    return of(ICRN(species=(BaseSpecies("X", (index_set("a", 2),)),), constants=(RateConstant("k"),)))


@case
def empty_domain() -> Case:
    """A relation without tuples beside a mask without entries, and one species that decays."""
    a = index_set("a", 2)
    i = IndexSymbol("i", a)
    none = np.zeros((0, 1), dtype=np.int64)
    return of(
        ICRN(
            species=(BaseSpecies("X", (a,)),),
            constants=(RateConstant("k"),),
            reactions=(
                reaction("never", IndexDomain((i,), relation=none), ["X[i]"], [], product(1), ["X[i]"]),
                reaction(
                    "masked", IndexDomain((i,), mask=np.zeros(2, bool)), ["X[i]"], [], product(1), ["X[i]"]
                ),
                reaction("decay", IndexDomain(), ["X[0]"], [], product(2), ["k", "X[0]"]),
            ),
        )
    )


@case
def nobody() -> Case:
    """No species."""
    return of(ICRN(constants=(RateConstant("k"),)))
