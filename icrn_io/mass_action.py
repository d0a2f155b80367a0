"""Which laws are mass action, in terms of the Systems Biology Ontology (SBO).

A law is called mass action where it is, as written, a constant times the reactants, each to the
power of its stoichiometry, and at most compartments besides; or the difference of two such
products, of the reactants and of the products. What is written otherwise gets no term.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from icrn_io.expression import Expression
from icrn_io.network import AlgebraicRule, Network, Reaction, SpeciesReference

MASS_ACTION, IRREVERSIBLE, REVERSIBLE = "SBO:0000012", "SBO:0000041", "SBO:0000042"
RATE_CONSTANT = "SBO:0000009"
_FORWARD = {1: "SBO:0000035", 2: "SBO:0000036"}
_BACKWARD = {1: "SBO:0000038", 2: "SBO:0000039"}


def sbo_terms(network: Network) -> tuple[dict[str, str], dict[str, str]]:
    """Return the SBO terms of kinetic laws by reaction id, and of rate constants by parameter id.

    A parameter gets a term only where all its uses are as the constant of mass action laws: that
    of a forward or backward, uni- or bimolecular rate constant where all agree, else that of a
    rate constant.
    """
    reader = _Reader(network)
    laws: dict[str, str] = {}
    roles: dict[str, set[str]] = {}
    other_uses: set[str] = set()
    for reaction in network.reactions:
        if reaction.kinetic_law is None:
            continue
        found = reader.law(reaction)
        if found is None:
            other_uses |= reaction.kinetic_law.symbols()
            continue
        laws[reaction.id], constants = found
        for name, role in constants:
            roles.setdefault(name, set()).add(role)
    other_uses |= _named_elsewhere(network)
    constants = {
        name: next(iter(found)) if len(found) == 1 else RATE_CONSTANT
        for name, found in roles.items()
        if name not in other_uses
    }
    return laws, constants


def _named_elsewhere(network: Network) -> set[str]:
    """Return the ids that rules, initial assignments, events and conversion factors use."""
    used = {network.conversion_factor} | {s.conversion_factor for s in network.species}
    formulas = [item.math for item in (*network.initial_assignments, *network.rules)]
    used.update(r.variable for r in network.rules if not isinstance(r, AlgebraicRule))
    for event in network.events:
        formulas += [event.trigger, event.delay, event.priority, *(a.math for a in event.assignments)]
        used.update(a.variable for a in event.assignments)
    return used.union(*(formula.symbols() for formula in formulas if formula is not None))


class _Reader:
    """Reads laws as products of what the network has."""

    def __init__(self, network: Network) -> None:
        self.compartments = {c.id for c in network.compartments}
        self.species = {s.id for s in network.species}
        self.constants = {p.id for p in network.parameters if p.is_constant}

    def law(self, reaction: Reaction) -> tuple[str, list[tuple[str, str]]] | None:
        """Return the term of a law and its constants with theirs, None for other laws."""
        sides = _orders(reaction.reactants), _orders(reaction.products)
        difference = self._difference(reaction.kinetic_law)
        if difference is None:
            constant = self._product([reaction.kinetic_law], sides[0])
            if constant is None:
                return None
            term = MASS_ACTION if reaction.is_reversible else IRREVERSIBLE
            return term, [(constant, _role(_FORWARD, sides[0]))]
        forward, backward = map(self._product, difference, sides)
        if forward is None or backward is None or not reaction.is_reversible:
            return None
        roles = _role(_FORWARD, sides[0]), _role(_BACKWARD, sides[1])
        return REVERSIBLE, [(forward, roles[0]), (backward, roles[1])]

    def _difference(self, law: Expression) -> tuple[list[Expression], list[Expression]] | None:
        """Return the factors of both sides of a law such as ``c*(a - b)``."""
        factors = _factors([law])
        inner = [f for f in factors if f.op == "minus" and len(f.args) == 2]
        outer = [f for f in factors if f not in inner]
        if len(inner) != 1 or any(f.payload not in self.compartments for f in outer):
            return None
        left, right = inner[0].args
        return [left, *outer], [right, *outer]

    def _product(self, parts: Iterable[Expression], orders: Counter | None) -> str | None:
        """Return the constant of a product of it, the species to their orders, and compartments."""
        found: Counter = Counter()
        constants = []
        for factor in _factors(parts):
            base, exponent = factor, 1.0
            if factor.op == "power" and factor.args[1].op == "number":
                base, exponent = factor.args[0], factor.args[1].payload
            if base.op != "symbol":
                return None
            if base.payload in self.species:
                found[base.payload] += exponent
            elif exponent == 1 and base.payload in self.constants:
                constants.append(base.payload)
            elif exponent != 1 or base.payload not in self.compartments:
                return None
        return constants[0] if len(constants) == 1 and found == orders else None


def _orders(references: Iterable[SpeciesReference]) -> Counter | None:
    orders: Counter = Counter()
    for reference in references:
        if reference.stoichiometry is None or not reference.is_constant:
            return None
        orders[reference.species] += reference.stoichiometry
    return orders


def _factors(parts: Iterable[Expression]) -> list[Expression]:
    factors, stack = [], list(parts)[::-1]
    while stack:
        part = stack.pop()
        if part.op == "times":
            stack.extend(reversed(part.args))
        else:
            factors.append(part)
    return factors


def _role(terms: dict[int, str], orders: Counter) -> str:
    return terms.get(orders.total(), RATE_CONSTANT)
