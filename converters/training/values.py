"""What a network says of its elements: their values, and what can be set or measured."""

from __future__ import annotations

import math

from converters.quantities import symbol_quantities
from icrn_io.expression import Expression, symbol
from icrn_io.network import AssignmentRule, Network, RateRule, Species


def written_values(network: Network) -> dict[str, float | None]:
    """Return the value that the file gives each compartment, species and parameter.

    Of a species it is the initial value in the unit of its id. None: the file gives none, an
    infinite one, or one that something else overrides (an initial assignment or a rule).
    """
    sizes = {c.id: c.size for c in network.compartments}
    values = {**sizes, **{p.id: p.value for p in network.parameters}}
    given = {a.variable for a in network.initial_assignments} | ruled_ids(network)
    unknown_sizes = {name for name in sizes if name in given or not sizes[name]}
    quantities = symbol_quantities(network)
    for species in network.species:
        size = None if species.compartment in unknown_sizes else sizes[species.compartment]
        values[species.id] = _initial_value(species, quantities[species.id], size)
    return {
        name: None if name in given or value is None or not math.isfinite(value) else value
        for name, value in values.items()
    }


def _initial_value(species: Species, quantity: str, size: float | None) -> float | None:
    amount, concentration = species.initial_amount, species.initial_concentration
    own, other = (amount, concentration) if quantity == "amount" else (concentration, amount)
    if own is not None or other is None or size is None:
        return own
    return other * size if quantity == "amount" else other / size


def ruled_ids(network: Network) -> set[str]:
    """Return the ids that assignment rules give at all times."""
    return {rule.variable for rule in network.rules if isinstance(rule, AssignmentRule)}


def element_ids(network: Network) -> list[str]:
    """Return the ids of compartments, species and parameters, in this order."""
    return [e.id for e in (*network.compartments, *network.species, *network.parameters)]


def flux_formulas(network: Network) -> dict[str, Expression]:
    """Return the flux of every reaction with a kinetic law.

    A law may name another reaction; its flux then is a quantity of the folded model.
    """
    return {r.id: r.kinetic_law for r in network.reactions if r.kinetic_law is not None}


def formula_names(network: Network) -> dict[str, Expression]:
    """Return what the formula of an observable may name: every element, and fluxes of reactions."""
    return {**{name: symbol(name) for name in element_ids(network)}, **flux_formulas(network)}


def measurable(network: Network) -> dict[str, Expression]:
    """Return what can be measured: species, compartments, fluxes, and parameters that change."""
    changed = {r.variable for r in network.rules if isinstance(r, (AssignmentRule, RateRule))}
    changed |= {a.variable for event in network.events for a in event.assignments}
    elements = (*network.species, *network.compartments)
    found = {element.id: symbol(element.id) for element in elements}
    found |= {p.id: symbol(p.id) for p in network.parameters if p.id in changed}
    return {**found, **flux_formulas(network)}
