"""Small networks with a known structure, and a seeded generator of random ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import (
    AssignmentRule,
    Compartment,
    InitialAssignment,
    Network,
    Parameter,
    RateRule,
    Reaction,
    Species,
    SpeciesReference,
)

CELL = Compartment("cell", 2.5)


def product(*factors: str | float) -> Expression:
    """Return the product of ids and numbers."""
    return apply("times", [symbol(f) if isinstance(f, str) else number(f) for f in factors])


def reaction(reaction_id: str, reactants: list[str], products: list[str], law: Expression) -> Reaction:
    """Return a reaction with stoichiometries of one."""
    return Reaction(
        reaction_id,
        tuple(SpeciesReference(s) for s in reactants),
        tuple(SpeciesReference(s) for s in products),
        kinetic_law=law,
    )


def species(*ids: str, seed: int = 0) -> tuple[Species, ...]:
    """Return species in the cell with random initial concentrations."""
    rng = np.random.default_rng(seed)
    return tuple(Species(i, "cell", initial_concentration=float(rng.uniform(0.1, 2))) for i in ids)


def parameters(*ids: str, seed: int = 1) -> tuple[Parameter, ...]:
    """Return parameters with random values."""
    rng = np.random.default_rng(seed)
    return tuple(Parameter(i, float(rng.uniform(0.1, 2))) for i in ids)


def dimerization(n: int = 5, reversible: bool = True) -> Network:
    """Every monomer binds every monomer, itself included."""
    pairs = [(p, q) for p in range(1, n + 1) for q in range(1, n + 1)]
    reactions = []
    for p, q in pairs:
        law = product("cell", f"kf_{p}_{q}", f"M_{p}", f"M_{q}")
        if reversible:
            law = apply("minus", [law, product("cell", f"kr_{p}_{q}", f"D_{p}_{q}")])
        reactions.append(reaction(f"R_{p}_{q}", [f"M_{p}", f"M_{q}"], [f"D_{p}_{q}"], law))
    return Network(
        "dimerization",
        compartments=(CELL,),
        species=species(*(f"M_{p}" for p in range(1, n + 1)), *(f"D_{p}_{q}" for p, q in pairs)),
        parameters=parameters(*(f"{k}_{p}_{q}" for k in ("kf", "kr") for p, q in pairs)),
        reactions=tuple(reactions),
    )


def decay_numbers(n: int = 6) -> Network:
    """The same decay with another literal number in each law."""
    ids = [f"X_{i}" for i in range(n)]
    return Network(
        "decay",
        compartments=(CELL,),
        species=species(*ids),
        reactions=tuple(reaction(f"J{i}", [s], [], product(0.1 * (i + 1), s)) for i, s in enumerate(ids)),
    )


def opaque_constants(n: int = 3, m: int = 4) -> Network:
    """A grid of conversions whose constants are merely numbered."""
    cells = [(i, j) for i in range(n) for j in range(m)]
    return Network(
        "opaque",
        compartments=(CELL,),
        species=species(*(f"A_{i}" for i in range(n)), *(f"B_{i}_{j}" for i, j in cells)),
        parameters=parameters(*(f"c{k}" for k in range(len(cells)))),
        reactions=tuple(
            reaction(f"J{k}", [f"A_{i}"], [f"B_{i}_{j}"], product(f"c{k}", f"A_{i}"))
            for k, (i, j) in enumerate(cells)
        ),
    )


def exclusion(n: int = 6) -> Network:
    """Annihilation of all different pairs: a product without its diagonal."""
    pairs = [(j, k) for j in range(n) for k in range(n) if j != k]
    return Network(
        "exclusion",
        compartments=(CELL,),
        species=species(*(f"S_{j}" for j in range(n))),
        parameters=parameters("k"),
        reactions=tuple(
            reaction(f"R_{j}_{k}", [f"S_{j}", f"S_{k}"], [], product("k", f"S_{j}", f"S_{k}"))
            for j, k in pairs
        ),
    )


def ring(n: int = 7) -> Network:
    """Conversions around a ring: a relation."""
    return Network(
        "ring",
        compartments=(CELL,),
        species=species(*(f"C_{i}" for i in range(n))),
        parameters=parameters("k"),
        reactions=tuple(
            reaction(f"R_{i}", [f"C_{i}"], [f"C_{(i + 1) % n}"], product("k", f"C_{i}")) for i in range(n)
        ),
    )


def repeated() -> Network:
    """Two equal reactions: a multiset, not a set."""
    twice = product("k", "A")
    return Network(
        "repeated",
        compartments=(CELL,),
        species=species("A", "B"),
        parameters=parameters("k"),
        reactions=(reaction("first", ["A"], ["B"], twice), reaction("second", ["A"], ["B"], twice)),
    )


def governed() -> Network:
    """Rules, initial assignments, a boundary species, amounts and a species set by a rule."""
    saturated = apply("divide", [product("vmax", "S"), apply("plus", [symbol("km"), symbol("S")])])
    return Network(
        "governed",
        compartments=(CELL, Compartment("grown", None, is_constant=False)),
        species=(
            *species("S", "P"),
            Species("E", "cell", initial_amount=3.0, has_only_substance_units=True),
            Species("F", "cell", initial_amount=1.5, is_boundary=True),
            Species("G", "cell", is_boundary=True),
            Species("H", "grown", initial_amount=2.0),
            Species("Q", "cell", initial_concentration=0.5, is_boundary=True),
        ),
        parameters=(
            *parameters("vmax", "km", "k1", "k2"),
            Parameter("total", None, is_constant=False),
            Parameter("double", None, is_constant=False),
            Parameter("start", None),
            Parameter("input", 0.25, is_constant=False),
        ),
        initial_assignments=(
            InitialAssignment("start", apply("plus", [symbol("total"), number(1.0)])),
            InitialAssignment("P", apply("divide", [symbol("start"), number(7.0)])),
        ),
        rules=(
            AssignmentRule("double", product(2.0, "total")),
            AssignmentRule("total", apply("plus", [symbol("S"), symbol("E")])),
            AssignmentRule("grown", apply("plus", [number(1.0), product(0.1, "input")])),
            AssignmentRule("G", apply("plus", [symbol("double"), apply("time")])),
            RateRule("input", apply("minus", [product("k2", "input")])),
            RateRule("Q", product("k1", "Q", -0.5)),
        ),
        reactions=(
            reaction("J0", ["S"], ["P"], saturated),
            reaction("J1", ["F", "G"], ["H"], product("k1", "F", "G")),
            reaction("J2", ["H"], ["E"], product("k2", "H", "double")),
            reaction("J3", ["Q", "P"], ["S"], product("k1", "P", "start", "Q")),
        ),
    )


NETWORKS: dict[str, Callable[[], Network]] = {
    "dimerization": dimerization,
    "dimerization, one way": lambda: dimerization(4, reversible=False),
    "decay": decay_numbers,
    "opaque constants": opaque_constants,
    "exclusion": exclusion,
    "ring": ring,
    "repeated": repeated,
    "governed": governed,
    "empty": lambda: Network("empty"),
}


def random_network(seed: int) -> Network:
    """Return a random network: families with index patterns, odd ones out, shuffled order."""
    rng = np.random.default_rng(seed)
    n, m = (int(x) for x in rng.integers(2, 6, size=2))
    width = int(rng.integers(1, 3))
    label = [f"{k:0{width}d}" for k in range(int(rng.integers(0, 2)), 12)]
    cells = [(i, j) for i in range(n) for j in range(m) if rng.random() < rng.uniform(0.3, 1.2)]
    compartments = (Compartment("cell", float(rng.uniform(0.5, 3))), Compartment("tank", 1.0))
    ids = [f"A{label[i]}" for i in range(n)] + [f"B{label[i]}_{label[j]}" for i, j in cells] + ["E", "odd"]
    found = tuple(_random_species(i, rng) for i in ids)
    constants = (
        [f"k_{label[i]}_{label[j]}" for i, j in cells] + [f"d{label[i]}" for i in range(n)] + ["shared", "K"]
    )
    reactions = [
        reaction(
            f"r_{i}_{j}",
            [f"A{label[i]}"],
            [f"B{label[i]}_{label[j]}"],
            product("cell", f"k_{label[i]}_{label[j]}", f"A{label[i]}"),
        )
        for i, j in cells
    ]
    for i in range(n):
        name = f"A{label[i]}"
        law = product(f"d{label[i]}" if rng.random() < 0.8 else "shared", name)
        if rng.random() < 0.3:
            law = apply("divide", [law, apply("plus", [symbol("K"), symbol(name)])])
        reactions.append(reaction(f"decay{i}", [name], ["odd"] if rng.random() < 0.3 else [], law))
    for k in range(int(rng.integers(0, 3))):
        a, b = rng.choice(ids, size=2)
        power = apply("power", [symbol(str(a)), number(float(rng.integers(1, 4)))])
        reactions.append(
            reaction(f"x{k}", [str(a)], [str(b)], apply("times", [number(float(rng.random())), power]))
        )
    order = rng.permutation(len(reactions))
    return Network(
        f"random{seed}",
        compartments=compartments,
        species=tuple(found[k] for k in rng.permutation(len(found))),
        parameters=tuple(Parameter(i, float(rng.uniform(0, 2))) for i in constants),
        reactions=tuple(reactions[k] for k in order),
    )


def _random_species(species_id: str, rng: np.random.Generator) -> Species:
    odd = rng.random() < 0.15
    return Species(
        species_id,
        "tank" if odd and rng.random() < 0.5 else "cell",
        initial_concentration=float(rng.uniform(0, 2)),
        has_only_substance_units=odd and rng.random() < 0.5,
        is_boundary=odd and rng.random() < 0.5,
    )
