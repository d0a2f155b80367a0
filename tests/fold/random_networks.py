"""Seeded random networks of every construct a network can hold: no structure is promised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import (
    AlgebraicRule,
    AssignmentRule,
    Compartment,
    Event,
    EventAssignment,
    InitialAssignment,
    Network,
    Parameter,
    RateRule,
    Reaction,
    Species,
    SpeciesReference,
)

# Ids that look like something: numbers, marks, words of the fold itself, names of functions.
ODD_IDS = re.findall(
    r"\S+",
    """I i J j k1 R1 R1_back D1 A1 number number1 species species1 parameter parameter2 cell_ time t e pi exp
    lambda S__1__ _1 __ x_ X1_ p53 p53_P H2O CO2 ERK1 ERK12 ERK1_ERK2 A_01 A_1 A_001 a_1 B1_2 B12 B1_02
    pY1068 C1orf2 x1e5 s0 s00 s_0 Inf nan None IL6_R gp130_2 alpha_beta beta_alpha""",
)
_OPERATORS = (
    *(("plus", 2), ("plus", 3), ("times", 2), ("times", 3), ("minus", 2), ("minus", 1), ("divide", 2)),
    *(("power", 2), ("exp", 1), ("abs", 1), ("plus", 0), ("times", 1), ("piecewise", 3), ("delay", 2)),
)
STYLES = (
    "{base}_{0}_{1}",
    "{base}{0}_{1}",
    "{base}{0}{1}",
    "{base}_{0}x{1}",
    "{base}__{0}__{1}",
    "{0}_{base}_{1}",
    "r{0}{base}{1}_P",
    "{base}_{0}_{1}_0",
)
WORDS = re.findall(
    r"\S+", "Ras Raf Mek Erk one two three a b c EGF EGFR liver lung _x x_ P p pp 01 1 10 2 02"
)


@dataclass
class _Draft:
    """A network in the making."""

    rng: np.random.Generator
    mess: float = 1.0  # how much the members of a family differ
    taken: set[str] = field(default_factory=set)
    compartments: list[Compartment] = field(default_factory=list)
    species: list[Species] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, found: Sequence):
        return found[int(self.rng.integers(len(found)))]

    def new_id(self, wanted: str) -> str:
        """Return the id, changed where it is taken or is none."""
        name = wanted if not wanted[0].isdigit() else f"_{wanted}"
        while name in self.taken:
            name += self.pick("_x1")
        self.taken.add(name)
        return name

    def value(self) -> float:
        """Return a number; now and then zero, negative zero, a large or a small one."""
        return float(
            self.pick([self.rng.uniform(-2, 2), self.rng.uniform(0, 2), 1.0, 0.0, -0.0, 1e300, 5e-324])
        )

    def mixed(self, found: Sequence) -> list:
        return [found[k] for k in self.rng.permutation(len(found))]


def random_network(seed: int) -> Network:
    """Return a random network: some families with index patterns, odd reactions, rules and events."""
    d = _Draft(np.random.default_rng([seed, 3]))
    d.mess = d.pick([0.0, 0.1, 1.0])
    for name in ("cell", "tank", "c_2")[: int(d.rng.integers(1, 4))]:
        d.compartments.append(Compartment(d.new_id(name), d.pick([1.0, d.rng.uniform(0.5, 3)])))
    for name in d.mixed(ODD_IDS)[: int(d.rng.integers(2, 8))]:
        _add_species(d, name)
    for name in d.mixed(ODD_IDS)[: int(d.rng.integers(2, 8))]:
        d.parameters.append(Parameter(d.new_id(name), d.value()))
    for base in "ABC"[: int(d.rng.integers(1, 4))]:
        _add_family(d, base)
    for _ in range(int(d.rng.integers(0, 6))):
        _add_odd_reaction(d)
    for _ in range(int(d.rng.integers(0, 3)) if d.reactions else 0):
        d.reactions.append(_again(d, d.pick(d.reactions)))
    return _governed(d, seed)


def _add_species(d: _Draft, name: str) -> str:
    element_id = d.new_id(name)
    by_amount = d.chance(0.2 * d.mess)
    is_given = not d.chance(0.05 * d.mess)
    d.species.append(
        Species(
            element_id,
            d.pick(d.compartments).id if d.chance(0.2 * d.mess) else d.compartments[0].id,
            initial_amount=d.value() if by_amount and is_given else None,
            initial_concentration=None if by_amount or not is_given else d.value(),
            has_only_substance_units=d.chance(0.1 * d.mess),
            is_boundary=d.chance(0.1 * d.mess),
            is_constant=d.chance(0.03 * d.mess),
            name=d.pick(["", "", element_id, "a name", "A(b~P,c!1).B(d!1)"]),
        )
    )
    return element_id


def _add_family(d: _Draft, base: str) -> None:
    """Add species and constants over a grid with holes, and reactions of one law over it."""
    n, m = (int(x) for x in d.rng.integers(2, 6, size=2))
    if d.chance(0.5):
        labels = [f"{k:0{d.pick([1, 1, 2])}d}" for k in range(int(d.rng.integers(0, 3)), 8)]
    else:
        labels = d.mixed(WORDS)
    style = d.pick(STYLES)
    density = d.pick([1.0, 1.0, 0.9, 0.4])
    cells = [(i, j) for i in range(n) for j in range(m) if d.chance(density)] or [(0, 0)]

    def name(stem: str, i: int, j: int) -> str:
        return style.format(labels[i], labels[j], base=stem)

    singles = [_add_species(d, f"{base}{labels[i]}") for i in range(max(n, m))]
    doubles = {cell: _add_species(d, name(f"{base}{base}", *cell)) for cell in cells}
    shared = d.pick(["tensor", "vector", "scalar", "number"])
    constants: dict[tuple, str] = {}
    for i, j in cells:
        key = {"tensor": (i, j), "vector": (i,), "scalar": (), "number": ()}[shared]
        if key not in constants:
            constants[key] = d.new_id("_".join([f"k{base}", *(labels[x] for x in key)]))
            d.parameters.append(Parameter(constants[key], d.value()))
    law = d.pick([_mass_action, _saturated, _hill, _reversible])
    is_untidy = d.chance(0.4 * d.mess)
    for i, j in cells:
        key = {"tensor": (i, j), "vector": (i,), "scalar": (), "number": ()}[shared]
        rate = number(d.value()) if shared == "number" else symbol(constants[key])
        reactants, products = [singles[i], singles[j]], [doubles[i, j]]
        if d.chance(0.05 * d.mess):
            products = [d.pick(d.species).id]
        math = law(d, rate, d.mixed(reactants) if is_untidy else reactants, products)
        listed = d.mixed(reactants) if is_untidy else reactants
        d.reactions.append(_reaction(d, name(f"r{base}", i, j), listed, products, math))


def _mass_action(d: _Draft, rate: Expression, reactants: list[str], products: list[str]) -> Expression:
    return apply("times", [rate, *map(symbol, reactants)])


def _saturated(d: _Draft, rate: Expression, reactants: list[str], products: list[str]) -> Expression:
    s = symbol(reactants[0])
    top = apply("times", [rate, *map(symbol, reactants)])
    return apply("divide", [top, apply("plus", [symbol(d.parameters[0].id), s])])


def _hill(d: _Draft, rate: Expression, reactants: list[str], products: list[str]) -> Expression:
    ratio = apply("divide", [symbol(reactants[0]), symbol(d.parameters[0].id)])
    bottom = apply("plus", [number(1), apply("power", [ratio, number(d.pick([2.0, 2.0, 3.0]))])])
    return apply("divide", [apply("times", [rate, symbol(reactants[1])]), bottom])


def _reversible(d: _Draft, rate: Expression, reactants: list[str], products: list[str]) -> Expression:
    back = apply("times", [symbol(d.parameters[0].id), *map(symbol, products)])
    difference = apply("minus", [_mass_action(d, rate, reactants, products), back])
    return (
        apply("times", [symbol(d.compartments[0].id), difference]) if d.chance(0.1 * d.mess) else difference
    )


def _add_odd_reaction(d: _Draft) -> None:
    """Add a reaction of random species, order, stoichiometry and law, repeated species included."""
    ids = [s.id for s in d.species]
    sides = [[d.pick(ids) for _ in range(int(d.rng.integers(0, 4)))] for _ in range(2)]
    math = None if d.chance(0.03) else _formula(d, [*ids, *_constants(d)], 3)
    d.reactions.append(_reaction(d, d.pick(ODD_IDS), *sides, math, is_odd=True))


def _constants(d: _Draft) -> list[str]:
    return [p.id for p in d.parameters if p.local_to is None] + [c.id for c in d.compartments]


def _reaction(d: _Draft, name: str, reactants, products, math, is_odd: bool = False) -> Reaction:
    reaction_id = d.new_id(name)
    if math is not None and d.chance(0.05 * d.mess):
        local = Parameter(d.new_id(f"{reaction_id}_k"), d.value(), local_to=(reaction_id, "k"))
        d.parameters.append(local)
        math = apply("times", [symbol(local.id), math])

    def reference(species: str) -> SpeciesReference:
        stoichiometry = d.pick([1.0, 1.0, 2.0, 0.5, 0.0]) if is_odd else 1.0
        reference_id = d.new_id(f"ref_{species}") if d.chance(0.01 * d.mess) else ""
        return SpeciesReference(species, stoichiometry, reference_id, not d.chance(0.01 * d.mess))

    return Reaction(
        reaction_id,
        tuple(reference(s) for s in reactants),
        tuple(reference(s) for s in products),
        tuple(d.pick(d.species).id for _ in range(int(d.rng.integers(0, 2)))),
        math,
        is_reversible=d.chance(0.3),
        is_fast=d.chance(0.01 * d.mess),
        name=d.pick(["", "", "binding"]),
    )


def _again(d: _Draft, reaction: Reaction) -> Reaction:
    """Return the reaction under another id: the same law, sometimes turned around."""
    reactants, products = reaction.reactants, reaction.products
    if d.chance(0.3):
        reactants, products = products, reactants
    plain = (
        tuple(SpeciesReference(r.species, r.stoichiometry) for r in side) for side in (reactants, products)
    )
    return Reaction(d.new_id(reaction.id), *plain, reaction.modifiers, reaction.kinetic_law)


def _formula(d: _Draft, ids: Sequence[str], depth: int) -> Expression:
    """Return a random formula over some ids."""
    if depth == 0 or d.chance(0.25):
        return d.pick([symbol(d.pick(ids)), symbol(d.pick(ids)), number(d.value()), apply("time")])
    op, n_args = d.pick(_OPERATORS)
    if op == "delay" and d.chance(0.8):
        op = "plus"
    args = [_formula(d, ids, depth - 1) for _ in range(n_args)]
    if op == "piecewise":
        args[1] = apply("lt", [args[1], number(d.value())])
    return apply(op, args)


def _governed(d: _Draft, seed: int) -> Network:
    """Return the network with rules, initial assignments and events; no formula reads what it gives."""
    species, constants = [s.id for s in d.species], _constants(d)
    readable = [*species, *constants]
    rules, initial, events = [], [], []
    for k in range(int(d.rng.integers(0, 5))):
        variable = d.new_id(d.pick([f"total{k}", f"v_{k}", f"obs_{k}_x"]))
        d.parameters.append(Parameter(variable, None, is_constant=False))
        rules.append(AssignmentRule(variable, _formula(d, readable, 2)))
        readable.append(variable)
    for k in range(int(d.rng.integers(0, 3))):
        variable = d.new_id(f"y{k}")
        d.parameters.append(Parameter(variable, d.value(), is_constant=False))
        rules.append(RateRule(variable, _formula(d, [*readable, variable], 2)))
    if d.chance(0.05):
        rules.append(AlgebraicRule(_formula(d, readable, 1)))
    for k in range(int(d.rng.integers(0, 4))):
        variable = d.new_id(f"start_{k}")
        d.parameters.append(Parameter(variable, d.pick([None, d.value()])))
        initial.append(InitialAssignment(variable, _formula(d, readable, 2)))
    if d.chance(0.3):
        target = EventAssignment(d.pick(species), _formula(d, readable, 1))
        trigger = apply("gt", [apply("time"), number(1.0)])
        events.append(Event(d.new_id("event1"), trigger, (target,), d.pick([None, number(0.5)])))
    return Network(
        f"random{seed}",
        compartments=tuple(d.compartments),
        species=tuple(d.mixed(d.species)),
        parameters=tuple(d.mixed(d.parameters)),
        initial_assignments=tuple(d.mixed(initial)),
        rules=tuple(d.mixed(rules)),
        reactions=tuple(d.mixed(d.reactions)),
        events=tuple(events),
    )
