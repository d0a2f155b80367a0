"""Whether a network refers only to what it has: ids unique, references and variables known."""

from __future__ import annotations

from collections.abc import Iterator

from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression
from icrn_io.network import AlgebraicRule, Network


def check_network(network: Network, formulas: bool = True) -> None:
    """Raise for the first inconsistency of a network.

    Parameters
    ----------
    network : Network
        What to check; time is linear in its size.
    formulas : bool
        Whether to look into formulas too (the reader has done so already).

    Raises
    ------
    ModelIOError
        An id used twice, a reference to something that does not exist, a variable with two
        rules or two initial assignments, a species with both an amount and a concentration.
    """
    for problem in _problems(network, formulas):
        raise ModelIOError(problem)


def _problems(network: Network, formulas: bool) -> Iterator[str]:
    kinds: dict[str, str] = {}
    for kind, element_id in _ids(network):
        if element_id in kinds:
            yield f"id '{element_id}' is used twice, by a {kinds[element_id]} and a {kind}; it must be unique"
        kinds[element_id] = kind
    for where, kind, reference in _references(network):
        if kinds.get(reference) != kind:
            yield f"{where} names {kind} '{reference}', which does not exist"
    yield from _variable_problems(network, kinds)
    for s in network.species:
        if s.initial_amount is not None and s.initial_concentration is not None:
            yield f"species '{s.id}' has both an initial amount and an initial concentration: give one"
    if formulas:
        known = set(kinds)  # a set minus dictionary keys would copy the keys for every formula
        for where, formula in network_formulas(network):
            for name in sorted(formula.symbols() - known):
                yield f"{where}: the formula names '{name}', which the model does not define"


def _ids(network: Network) -> Iterator[tuple[str, str]]:
    for kind, elements in (
        ("compartment", network.compartments),
        ("species", network.species),
        ("parameter", network.parameters),
        ("reaction", network.reactions),
    ):
        for element in elements:
            yield kind, element.id
    for reaction in network.reactions:
        for ref in (*reaction.reactants, *reaction.products):
            if ref.id:
                yield "species reference", ref.id


def _references(network: Network) -> Iterator[tuple[str, str, str]]:
    if network.conversion_factor:
        yield "the model", "parameter", network.conversion_factor
    for s in network.species:
        yield f"species '{s.id}'", "compartment", s.compartment
        if s.conversion_factor:
            yield f"species '{s.id}'", "parameter", s.conversion_factor
    for r in network.reactions:
        where = f"reaction '{r.id}'"
        for ref in (*r.reactants, *r.products):
            yield where, "species", ref.species
        for modifier in r.modifiers:
            yield where, "species", modifier


def _variable_problems(network: Network, kinds: dict[str, str]) -> Iterator[str]:
    rules = [("rule", rule.variable) for rule in network.rules if not isinstance(rule, AlgebraicRule)]
    assignments = [("initial assignment", a.variable) for a in network.initial_assignments]
    seen = set()
    for what, variable in rules + assignments:
        if kinds.get(variable, "reaction") == "reaction":
            yield f"{what} for '{variable}', which is no variable of the model"
        if (what, variable) in seen:
            yield f"'{variable}' has two {what}s: it can have one"
        seen.add((what, variable))
    for event in network.events:
        for assignment in event.assignments:
            if kinds.get(assignment.variable, "reaction") == "reaction":
                yield f"event '{event.id}' assigns '{assignment.variable}', which is no variable of the model"


def network_formulas(network: Network) -> Iterator[tuple[str, Expression]]:
    """Yield every formula of a network, with the element it belongs to in words."""
    found = [(f"kinetic law of reaction '{r.id}'", r.kinetic_law) for r in network.reactions]
    found += [(f"initial assignment of '{a.variable}'", a.math) for a in network.initial_assignments]
    found += [(f"rule for '{getattr(rule, 'variable', '0')}'", rule.math) for rule in network.rules]
    for event in network.events:
        formulas = (event.trigger, event.delay, event.priority, *(a.math for a in event.assignments))
        found += [(f"event '{event.id}'", formula) for formula in formulas]
    return ((where, formula) for where, formula in found if formula is not None)
