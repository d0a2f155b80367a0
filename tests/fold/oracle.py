"""The dynamics of a flat network in plain Python: one reaction, one float at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping

from icrn_io.expression import Expression
from icrn_io.network import AssignmentRule, Network, RateRule

_OPERATORS = {
    "plus": lambda *a: math.fsum(a),
    "times": lambda *a: math.prod(a),
    "minus": lambda *a: -a[0] if len(a) == 1 else a[0] - a[1],
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "exp": math.exp,
}


def evaluate(law: Expression, values: Mapping[str, float], time: float) -> float:
    """Return the value of a formula."""
    if law.op == "symbol":
        return values[law.payload]
    if law.op == "number":
        return law.payload
    if law.op == "time":
        return time
    return _OPERATORS[law.op](*(evaluate(arg, values, time) for arg in law.args))


def symbol_values(network: Network, state: Mapping[str, float], time: float) -> dict[str, float]:
    """Return what every id stands for in formulas.

    Parameters
    ----------
    network : Network
        The network.
    state : mapping of str to float
        Amounts of species that reactions may change, values of variables with a rate rule.
    """
    rated = {r.variable for r in network.rules if isinstance(r, RateRule)}
    laws = {r.variable: r.math for r in network.rules if isinstance(r, AssignmentRule)}
    values: dict[str, float] = {}
    for element in (*network.compartments, *network.parameters):
        value = getattr(element, "size", None) if hasattr(element, "size") else element.value
        values[element.id] = state.get(element.id, value)
    pending = dict(laws)
    species = {s.id: s for s in network.species if s.id not in laws}
    while pending or species:
        progress = len(pending) + len(species)
        for name, s in list(species.items()):
            if s.compartment in pending:
                continue
            direct = s.has_only_substance_units or name in rated
            values[name] = state[name] if direct else state[name] / values[s.compartment]
            del species[name]
        for name, law in list(pending.items()):
            if law.symbols() <= values.keys() - pending.keys():
                values[name] = evaluate(law, values, time)
                del pending[name]
        assert len(pending) + len(species) < progress, "the rules of the test network are circular"
    return values


def rates_of_change(network: Network, state: Mapping[str, float], time: float) -> dict[str, float]:
    """Return dX/dt of every entry of ``state``: ``sum over reactions N v``, rate rules as given."""
    values = symbol_values(network, state, time)
    governed = {r.variable for r in network.rules if hasattr(r, "variable")}
    fixed = {s.id for s in network.species if s.is_boundary or s.is_constant} | governed
    rates = dict.fromkeys(state, 0.0)
    for reaction in network.reactions:
        flux = evaluate(reaction.kinetic_law, values, time)
        for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for reference in side:
                if reference.species not in fixed:
                    rates[reference.species] += sign * reference.stoichiometry * flux
    for rule in network.rules:
        if isinstance(rule, RateRule):
            rates[rule.variable] = evaluate(rule.math, values, time)
    return rates
