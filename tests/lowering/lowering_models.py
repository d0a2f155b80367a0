"""Models of each construct that is lowered, with their solutions; and models that must be refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import lambertw

from icrn_io import (
    AlgebraicRule,
    AssignmentRule,
    Event,
    EventAssignment,
    Expression,
    InitialAssignment,
    Network,
    Parameter,
    RateRule,
    Reaction,
    SpeciesReference,
    read_model,
    symbol,
)
from icrn_io.formula import read_formula


class _AnyName(dict):
    """Every id is known."""

    def __missing__(self, name: str) -> Expression:
        return symbol(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


def formula(text: str) -> Expression:
    """Return an infix formula over any ids."""
    return read_formula(text, _AnyName(), "a test")


def network_of(text: str, algebraic: tuple[str, ...] = (), fast: tuple[str, ...] = ()) -> Network:
    """Return the network of an Antimony text with algebraic rules ``0 = ...`` and fast reactions added."""
    network = read_model(text)
    return replace(
        network,
        rules=(*network.rules, *(AlgebraicRule(formula(rule)) for rule in algebraic)),
        reactions=tuple(replace(r, is_fast=r.id in fast) for r in network.reactions),
    )


def rate_read(network: Network, element_id: str) -> Network:
    """Return the network with a rule for the rate of an element, unchecked."""
    return replace(
        network,
        parameters=(*network.parameters, Parameter("rate", None, False)),
        rules=(*network.rules, AssignmentRule("rate", formula(f"rateOf({element_id})"))),
    )


@dataclass(frozen=True)
class Sample:
    """A model with solutions by id, concentrations of species; pairs rateOf(id) ↔ id; and whether
    libRoadRunner integrates it (it fails on a stoichiometry that depends on the time)."""

    text: str
    expected: Mapping[str, Callable[[np.ndarray], object]]
    algebraic: tuple[str, ...] = ()
    fast: tuple[str, ...] = ()
    rates: Mapping[str, str] = field(default_factory=dict)
    in_roadrunner: bool = True

    @property
    def network(self) -> Network:
        """The network."""
        return network_of(self.text, self.algebraic, self.fast)


MODELS = {
    "a stoichiometry that a rule reads": Sample(
        "species S = 1; n = 2; J: -> n S; 0.5; z := 3*n", {"S": lambda t: 1 + t, "z": lambda t: 6}
    ),
    "a stoichiometry by an initial assignment": Sample(
        "species S = 1; k = 3; n = 2*k; J: -> n S; 0.5", {"S": lambda t: 1 + 3 * t, "n": lambda t: 6}
    ),
    "a stoichiometry by a rate rule": Sample(
        "species S = 1; n = 2; n' = 0.5; J: -> n S; 0.5",
        {"S": lambda t: 1 + t + 0.125 * t**2, "n": lambda t: 2 + 0.5 * t},
    ),
    "stoichiometries by rules on both sides of a reaction": Sample(
        "compartment C = 2; species A in C, B in C; A = 9; B = 1; n := 1 + time; m := 2*n;"
        "J: n A + B -> m B; 0.4",
        {"A": lambda t: 9 - 0.2 * (t + t**2 / 2), "B": lambda t: 1 - 0.2 * t + 0.4 * (t + t**2 / 2)},
        in_roadrunner=False,
    ),
    "rates of all kinds of variables": Sample(
        "compartment C = 2, D = 1; D' = 0.1; species A in C, B in D, $E in D; A = 1; B = 1; E = 3;"
        "substanceOnly species G in C; G = 1; J: A + G -> 2 B; C*0.3*A; x = 1; x' = 2 - x; k = 7;"
        "rA := rateOf(A); rB := rateOf(B); rE := rateOf(E); rG := rateOf(G); rx := rateOf(x);"
        "rk := rateOf(k); rD := rateOf(D)",
        {"A": lambda t: np.exp(-0.3 * t), "rk": lambda t: 0, "rx": lambda t: np.exp(-t), "rD": lambda t: 0.1},
        rates={"rA": "A", "rB": "B", "rE": "E", "rG": "G", "rx": "x"},
    ),
    "a rate in a kinetic law": Sample(
        "species S = 10, T = 0; x = 1; x' = 3; J: -> S; rateOf(x); K: -> T; rateOf(S)",
        {"S": lambda t: 10 + 3 * t, "T": lambda t: 3 * t},
    ),
    "a rate with a conversion factor": Sample(
        "species S = 1; n = 2; n' = 1; J: -> n S; 0.5; r := rateOf(S)",
        {"r": lambda t: 1 + 0.5 * t},
        rates={"r": "S"},
    ),
    "an affine algebraic rule": Sample(
        "var z; x = 1; x' = -x", {"z": lambda t: (2 - np.exp(-t)) / 3}, algebraic=("x + 3*z - 2",)
    ),
    "an algebraic rule with the unknown below": Sample(
        "var z; x = 1; x' = -x", {"z": lambda t: np.exp(-t) / 4}, algebraic=("x/z - 4",)
    ),
    "algebraic rules for each other's variables": Sample(
        "var z, w; x = 1; x' = -x",
        {"z": lambda t: (1 + np.exp(-t)) / 2, "w": lambda t: (1 - np.exp(-t)) / 2},
        algebraic=("z + w - 1", "z - w - x"),
    ),
    "an algebraic rule through an assignment rule": Sample(
        "var z; y := 2*z + time; x = 1; x' = -x",
        {"z": lambda t: (np.exp(-t) - t) / 2, "y": lambda t: np.exp(-t)},
        algebraic=("y - x",),
    ),
    "an algebraic rule that reads a flux": Sample(
        "var z; species S = 1; J: S -> ; 2*S", {"z": lambda t: 2 * np.exp(-2 * t)}, algebraic=("z - J",)
    ),
    "an algebraic rule for a flux that reads its variable": Sample(
        "var z; species S = 4; J: S -> ; z*S",
        {"z": lambda t: 0.5 / (4 - 0.5 * t), "S": lambda t: 4 - 0.5 * t},
        algebraic=("J - 0.5",),
    ),
    "an algebraic rule that one function undoes": Sample(
        "var z; x = 1; x' = -x", {"z": lambda t: np.log(1 + np.exp(-t)) / 2}, algebraic=("exp(2*z) - 1 - x",)
    ),
    "a cubic algebraic rule": Sample(
        "var z; x = -1.2; x' = 1", {"z": lambda t: np.cbrt((t - 1.2) / 8)}, algebraic=("(2*z)^3 - x",)
    ),
    "an algebraic rule of second degree": Sample(
        "z = -2; var z; x = 1; x' = -x", {"z": lambda t: -np.exp(-t / 2)}, algebraic=("z^2 - x",)
    ),
    "an algebraic rule that nothing undoes": Sample(
        "z = 1; var z; x = 1; x' = -x",
        {"z": lambda t: np.exp(-t) - np.real(lambertw(np.exp(np.exp(-t))))},
        algebraic=("z + exp(z) - x",),
    ),
    "an algebraic rule of the time and of concentrations": Sample(
        "compartment C = 1; C' = 0.5; species A in C; A = 2; J: A -> ; C*0; z = 1; var z;",
        {"z": lambda t: np.sqrt(1 + t + 2 / (1 + 0.5 * t))},
        algebraic=("z^2 - 1 - time - A",),
    ),
    "algebraic rules that end in one of second degree": Sample(
        "z = 1; var z; var w; x = 1; x' = -x",
        {
            "z": lambda t: (np.sqrt(1 + 4 * np.exp(-t)) - 1) / 2,
            "w": lambda t: (1 - np.sqrt(1 + 4 * np.exp(-t))) / 2,
        },
        algebraic=("w + z", "z*z - w - x"),
    ),
    "an algebraic rule for a boundary species": Sample(
        "compartment C = 2; species A in C, $B in C; A = 1; B = 5; J: A -> ; C*A",
        {"B": lambda t: 1 - np.exp(-t)},
        algebraic=("A + B - 1",),
    ),
    "an algebraic rule for a compartment": Sample(
        "compartment C; var C; C = 1; species A in C; A = 1.5; k = 2; J: A -> ; C*A",
        {"C": lambda t: 2, "A": lambda t: 1.5 * np.exp(-t)},
        algebraic=("C - k",),
    ),
    "a fast irreversible reaction": Sample(
        "species A = 1, B = 0, C = 0; F: A -> B; A; J: B -> C; B",
        {"A": lambda t: 0, "B": lambda t: np.exp(-t), "C": lambda t: 1 - np.exp(-t)},
        fast=("F",),
    ),
    "a fast reversible reaction": Sample(
        "species A = 1, B = 0; F: A -> B; 3*A - B; J: B -> ; B",
        {"A": lambda t: 0.25 * np.exp(-0.75 * t), "B": lambda t: 0.75 * np.exp(-0.75 * t)},
        fast=("F",),
    ),
    "a fast binding in two compartments": Sample(
        "compartment C = 2, D = 4; species A in C, B in C, E in D; A = 3; B = 2; E = 0;"
        "F: A + B -> E; A*B - E; J: A -> A; 0",
        {
            # Amounts 6 - x, 4 - x and x: (6 - x)(4 - x) = x.
            "A": lambda t: (6 - (11 - 5) / 2) / 2,
            "B": lambda t: (4 - (11 - 5) / 2) / 2,
            "E": lambda t: (11 - 5) / 8,
        },
        fast=("F",),
    ),
    "a fast reaction limited by either reactant": Sample(
        "species A = 3, B = 2, E = 0; F: A + B -> E; 0.1*A*B; J: -> B; 2",
        {"A": lambda t: np.maximum(1 - 2 * t, 0), "B": lambda t: np.maximum(2 * t - 1, 0)},
        fast=("F",),
    ),
    "a fast reaction whose flux is zero": Sample(
        "species A = 3, B = 2; F: A -> B; A*sin(0); J: B -> ; B",
        {"A": lambda t: 3, "B": lambda t: 2 * np.exp(-t)},
        fast=("F",),
    ),
}

_X = "x = 1; x' = -x; "
REFUSED = {
    "an overdetermined model": (
        network_of("var z; " + _X, algebraic=("z - x", "z - 2*x")), "algebraic rule", "overdetermined",
    ),
    "a rule without a free variable": (
        network_of("species S = 1; J: S -> ; S", algebraic=("S - 1",)),
        "algebraic rule", "no variable in it is free",
    ),
    "an underdetermined model": (
        network_of("var z, w; " + _X, algebraic=("z + w - x",)),
        "algebraic rule", "underdetermined: 'z' or 'w'",
    ),
    "a rule with two solutions and no value": (
        network_of("var z; " + _X, algebraic=("z^2 - x",)), "algebraic rule", "'z'.*needs a value",
    ),
    "a rule that jumps": (
        network_of("var z; z = 1;" + _X, algebraic=("z + floor(z) - x",)),
        "algebraic rule", "'z'.*differentiable",
    ),
    "a rule without a closed solution beside events": (
        replace(
            network_of("var z; z = 1;" + _X, algebraic=("z^2 - x",)),
            events=(Event("E", formula("time > 1"), (EventAssignment("x", formula("2")),)),),
        ),
        "algebraic rule", "'z'.*events",
    ),
    "a rule whose unknown cancels": (
        network_of("var z; z = 1;" + _X, algebraic=("z - z + x",)), "algebraic rule", "cancels",
    ),
    "rules that say the same": (
        network_of("var z, w; " + _X, algebraic=("z + w - x", "2*z + 2*w - 2*x")),
        "algebraic rule", "cancels",
    ),
    "coupled rules of second degree": (
        network_of("var z, w; z = 1; w = 1;" + _X, algebraic=("z^2 + w^2 - x", "z^2 - w^2")),
        "algebraic rule", "no closed form",
    ),
    "a size that its own concentrations give": (
        network_of("compartment C; var C; C = 1; species S in C; S = 1; J: S -> ; S", algebraic=("C*S - 1",)),
        "algebraic rule", "the concentrations in it depend on 'C'",
    ),
    "the rate of what a rule assigns": (rate_read(network_of(_X + "y := 2*x"), "y"), "rateOf", "'y'"),
    "the rate of what an algebraic rule gives": (
        rate_read(network_of("var z; " + _X, algebraic=("z - x",)), "z"), "rateOf", "'z'",
    ),
    "fast reactions that share species": (
        network_of("species A = 1, B, C; B = 0; C = 0; F: A -> B; A; G: B -> C; B", fast=("F", "G")),
        "fast reaction", "shares species 'B'",
    ),
    "a fast autocatalysis without what starts it": (
        network_of("species A = 3, B = 0; F: A + B -> 2 B; A*B - 0.2*B^2", fast=("F",)),
        "fast reaction", "comes to no equilibrium",
    ),
    "a fast reaction behind an unstable equilibrium": (
        network_of("species A = 0.5, B = 5; F: A -> B; (A - 1)*(A - 2)", fast=("F",)),
        "fast reaction", "comes to no equilibrium",
    ),
    "an event with a negative delay": (
        network_of("x = 0; E: at -1 after time > 2: x = 1"),
        "event with a negative delay", "0 or more",
    ),
    "a fast reaction with a saturating law": (
        network_of("species A = 1, B = 0; F: A -> B; A/(1 + A) - B", fast=("F",)),
        "fast reaction", "second degree",
    ),
    "a fast flux that is read": (
        network_of("species A = 1, B = 0; F: A -> B; A; y := F", fast=("F",)),
        "fast reaction", "its flux is not known",
    ),
    "a fast reaction that an event switches": (
        replace(
            network_of("species A = 1, B = 0; var k; k = 0; J: A -> B; k*A", fast=("J",)),
            events=(Event("E", formula("time > 1"), (EventAssignment("k", formula("2")),)),),
        ),
        "fast reaction", "depends on 'k', which an event sets",
    ),
    "a delay beside fast reactions": (
        network_of("species A = 1, B = 0; k = 1; J: A -> B; k*A; var x; x := delay(A, 1)", fast=("J",)),
        "delay beside fast reactions", "past",
    ),
    "a lag that changes": (
        network_of("species A = 1; k = 1; J: A -> ; k*A; var x; x := delay(A, A)"),
        "delay with a lag that changes", "'A'",
    ),
    "a fast species that an event sets": (
        replace(
            network_of("species A = 1, B = 0; F: A -> B; A", fast=("F",)),
            events=(Event("E", formula("time > 1"), (EventAssignment("A", formula("2")),)),),
        ),
        "fast reaction", "an event sets its species 'A'",
    ),
    "a species reference without any number": (
        replace(
            network_of("species A = 1; J: -> A; 1"),
            reactions=(Reaction("J", (), (SpeciesReference("A", None),), kinetic_law=formula("1")),),
        ),
        "variable stoichiometry", "'J'",
    ),
}  # fmt: skip

_PLAIN = network_of("species A = 1; k = 2; J: A -> ; k*A")
ABSENT = {
    "an assignment rule": (replace(_PLAIN, rules=(AssignmentRule("k", None),)), _PLAIN),
    "a rate rule": (replace(_PLAIN, rules=(RateRule("k", None),)), _PLAIN),
    "an algebraic rule": (replace(_PLAIN, rules=(AlgebraicRule(None),)), _PLAIN),
    "an initial assignment": (replace(_PLAIN, initial_assignments=(InitialAssignment("A", None),)), _PLAIN),
    "a kinetic law": (
        replace(_PLAIN, reactions=(*_PLAIN.reactions, Reaction("K", (SpeciesReference("A"),)))),
        _PLAIN,
    ),
    "a trigger": (replace(_PLAIN, events=(Event("E", None, (EventAssignment("k", formula("9")),)),)), _PLAIN),
}


def missing_value(read: bool) -> Network:
    """Return a model with a species 'idle' that has no value, and that a law reads or not."""
    network = network_of("species A = 1, idle; J: A -> ; A" + ("*(1 + 0*idle)" if read else ""))
    idle = tuple(s.with_initial(None, None) if s.id == "idle" else s for s in network.species)
    return replace(network, species=idle)
