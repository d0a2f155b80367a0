"""Algebraic rules: each determines a variable, which an assignment rule then gives."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from converters.lowering.formulas import substitute
from converters.lowering.implicit import with_implicit
from converters.lowering.matching import blocks, match
from converters.lowering.solving import solution
from converters.quantities import symbol_quantities
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression, infix
from icrn_io.network import AlgebraicRule, AssignmentRule, Network, RateRule

_SHOWN = 60
_FEATURE = "algebraic rule"


def without_algebraic_rules(network: Network, by_events: frozenset[str] = frozenset()) -> Network:
    """Return the network with algebraic rules ``0 = g`` solved (SBML L3V2, section 4.9.3).

    Each rule is matched with one variable that nothing else determines: a variable that is not
    constant, has no other rule and is not changed by reactions (section 4.9.5). Where several
    could be meant, one that has no value comes first, then one that is no boundary species.
    Rules that determine each other's variables are solved one after the other, each solution
    put into the rest. A last one without a closed solution is differentiated
    (`converters.lowering.implicit`).

    Parameters
    ----------
    network : Network
        Without events.
    by_events : frozenset of str
        What events change.

    Raises
    ------
    UnsupportedFeatureError
        The rules are over- or underdetermined, or have no solution that is found so.
    """
    if not any(isinstance(rule, AlgebraicRule) for rule in network.rules):
        return network
    return _System(network, by_events).solved()


class _System:
    """The algebraic rules of a network as equations for its free variables."""

    def __init__(self, network: Network, by_events: frozenset[str]) -> None:
        self.network = network
        self.by_events = by_events
        self.given = [rule.math for rule in network.rules if isinstance(rule, AlgebraicRule)]
        # What is known so far: it grows as rules are solved.
        self.known = replace(network, rules=_others(network))
        self.laws = {r.variable: r.math for r in network.rules if isinstance(r, AssignmentRule)}
        self.laws |= {r.id: r.kinetic_law for r in network.reactions if r.kinetic_law is not None}

    @cached_property
    def ranks(self) -> dict[str, int]:
        """The free variables, by how unlikely it is that a rule is meant to determine them."""
        network = self.network
        fixed = {r.variable for r in network.rules if isinstance(r, (AssignmentRule, RateRule))}
        moved = {ref.species for r in network.reactions for ref in (*r.reactants, *r.products)}
        has_value = {a.variable for a in network.initial_assignments}
        values = {c.id: c.size for c in network.compartments} | {p.id: p.value for p in network.parameters}
        for s in network.species:
            values[s.id] = s.initial_concentration if s.initial_amount is None else s.initial_amount
        has_value |= {name for name, value in values.items() if value is not None and value == value}
        boundary = {s.id for s in network.species if s.is_boundary}
        elements = (*network.compartments, *network.species, *network.parameters)
        free = [e.id for e in elements if not e.is_constant and e.id not in fixed]
        return {
            name: 3 if name in self.by_events else int(name in has_value) + int(name in boundary)
            for name in free
            if name in boundary or name not in moved
        }

    @cached_property
    def size_behind(self) -> dict[str, str]:
        """Species that laws see as a concentration that follows from an amount → compartment."""
        governed = {r.variable for r in self.network.rules if isinstance(r, (AssignmentRule, RateRule))}
        quantities = symbol_quantities(self.network)
        return {
            s.id: s.compartment
            for s in self.network.species
            if quantities[s.id] == "concentration" and s.id not in governed
        }

    @cached_property
    def dependent(self) -> frozenset[str]:
        """Assigned variables and fluxes that follow from free variables."""
        found: set[str] = set()
        while True:
            more = {
                name
                for name, law in self.laws.items()
                if name not in found and any(s in found or s in self.ranks for s in law.symbols())
            }
            if not more:
                return frozenset(found)
            found |= more

    def inlined(self, formula: Expression, inside: tuple[str, ...] = ()) -> Expression:
        """Return the formula with everything that follows from free variables written out."""
        names = formula.symbols() & self.dependent
        for name in sorted(names & set(inside)):
            self.refuse(formula, f"'{name}' depends on itself")
        values = {name: self.inlined(self.laws[name], (*inside, name)) for name in sorted(names)}
        return substitute(formula, values) if values else formula

    def refuse(self, formula: Expression, why: str) -> None:
        text = infix(formula)
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        raise UnsupportedFeatureError(_FEATURE, "(no id)", f"0 = {shown}: {why}")

    def solved(self) -> Network:
        """Return the network with a rule for each variable that the algebraic rules determine."""
        equations = dict(enumerate(self.inlined(formula) for formula in self.given))
        incidence = {k: formula.symbols() & self.ranks.keys() for k, formula in equations.items()}
        matched, tie = match(incidence, self.ranks)
        for k, formula in equations.items():
            if k not in matched:
                free = ", ".join(sorted(incidence[k]))
                why = f"all of {free} follow from other rules" if free else "no variable in it is free"
                self.refuse(formula, f"the model is overdetermined: {why}")
        if tie is not None:
            k = next(k for k, name in matched.items() if name == tie[0])
            why = f"the model is underdetermined: '{tie[0]}' or '{tie[1]}' could follow from it"
            self.refuse(equations[k], why)
        for k, name in matched.items():
            if name in self.by_events:
                self.refuse(equations[k], f"it determines '{name}', which an event sets too")
        for block in self._in_order(equations, matched):
            self._solve({k: equations[k] for k in block}, {matched[k] for k in block})
        return self.known

    def _in_order(self, equations: dict[int, Expression], matched: dict[int, str]) -> list[list[int]]:
        """Return the equations in blocks that need each other, first things first."""
        equation_of = {name: k for k, name in matched.items()}
        reads = {}
        for k, formula in equations.items():
            names = formula.symbols()
            sizes = {self.size_behind[s] for s in names if s in self.size_behind and s not in equation_of}
            if matched[k] in sizes:
                self.refuse(
                    formula, f"the concentrations in it depend on '{matched[k]}', which it determines"
                )
            reads[k] = {equation_of[name] for name in names | sizes if name in equation_of} - {k}
        return blocks(reads)

    def _solve(self, equations: dict[int, Expression], unknowns: set[str]) -> None:
        """Solve equations that need each other, by elimination."""
        if len(equations) > 1:
            self._check_sizes(equations, unknowns)
        while equations:
            found = self._next(equations, unknowns)
            if found is None and len(equations) == 1:
                (formula,), (name,) = equations.values(), unknowns
                if self.by_events:
                    why = "a rule without a closed solution cannot be kept through events"
                    raise UnsupportedFeatureError(_FEATURE, name, why)
                self.known = with_implicit(self.known, formula, name)
                return
            if found is None:
                names = ", ".join(f"'{name}'" for name in sorted(unknowns))
                why = f"there is no closed form with one solution for any of {names}"
                self.refuse(next(iter(equations.values())), why)
            k, name, value = found
            del equations[k]
            unknowns = unknowns - {name}
            equations = {j: substitute(formula, {name: value}) for j, formula in equations.items()}
            self.known = _with_rule(self.known, AssignmentRule(name, value))

    def _next(
        self, equations: dict[int, Expression], unknowns: set[str]
    ) -> tuple[int, str, Expression] | None:
        """Return an equation that has one solution for an unknown, and that; None where none has."""
        for k, formula in equations.items():
            names = unknowns & formula.symbols()
            if not names:
                self.refuse(formula, "it says nothing that the other rules do not")
            for name in sorted(names):
                value = solution(formula, name)
                if value is not None:
                    return k, name, value
        return None

    def _check_sizes(self, equations: dict[int, Expression], unknowns: set[str]) -> None:
        for formula in equations.values():
            for name in sorted(formula.symbols() & self.size_behind.keys()):
                if self.size_behind[name] in unknowns and name not in unknowns:
                    self.refuse(
                        formula, f"the concentration '{name}' depends on a size that the rules determine"
                    )


def _others(network: Network) -> tuple:
    return tuple(rule for rule in network.rules if not isinstance(rule, AlgebraicRule))


def _with_rule(network: Network, rule: AssignmentRule) -> Network:
    return replace(
        network,
        rules=(*network.rules, rule),
        initial_assignments=tuple(a for a in network.initial_assignments if a.variable != rule.variable),
    )
