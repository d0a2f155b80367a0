"""Whether a fast reaction comes to the equilibrium that is taken for its end."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from converters.lowering.constants import constant_value
from converters.lowering.derivative import derivative
from converters.lowering.formulas import substitute
from converters.quantities import symbol_quantities
from icrn_io.expression import Expression, number, symbol
from icrn_io.network import AlgebraicRule, Network, Reaction

_STATES = 20


def comes_to_its_end(network: Network, reaction: Reaction, moved: Mapping[str, float]) -> bool:
    """Return whether the equilibrium at which the flux decreases is the one that the reaction reaches.

    Its flux along the extent ξ from the initial state, g(ξ) of second degree at most, has one root
    ξ' at which it decreases. It is reached where g(0) and ξ' have one sign, and where g(0) is zero if
    g decreases there. Where initial values are not known, the flux must go down with all that the
    reaction makes and up with all that it uses: then it has one end, and comes to it from everywhere.
    """
    start = _numbers(network)
    law = reaction.kinetic_law
    if not law.symbols() <= start.keys():
        return any(_goes_down(network, law, moved, sign) for sign in (1.0, -1.0))
    sizes = {c.id: c.size for c in network.compartments}
    factors = {p.id: p.value for p in network.parameters}
    quantities, by_id = symbol_quantities(network), {s.id: s for s in network.species}

    def flux(extent: float) -> float:
        values = dict(start)
        for name, n in moved.items():
            if name not in law.symbols():
                continue
            size = 1.0 if quantities[name] == "amount" else sizes[by_id[name].compartment]
            factor = factors.get(by_id[name].conversion_factor or network.conversion_factor) or 1.0
            values[name] += n * factor * extent / size
        return constant_value(substitute(law, {s: number(values[s]) for s in law.symbols()}))

    scale = max([abs(start[name]) for name in moved if name in start], default=0.0) or 1.0
    behind, here, ahead = flux(-scale), flux(0.0), flux(scale)
    slope, bend = (ahead - behind) / 2, (ahead + behind - 2 * here) / 2
    if here == 0:
        return slope < 0
    spread = slope**2 - 4 * bend * here
    if spread < 0:
        return False
    # The root at which the slope is -√spread, in the form that does not cancel.
    root = math.sqrt(spread)
    end = 2 * here / (root - slope) if slope <= 0 else -(slope + root) / (2 * bend) if bend else math.nan
    return end * here > 0


def _numbers(network: Network) -> dict[str, float]:
    """Return the initial values of ids in formulas, as far as the file gives them as numbers."""
    ruled = {
        a.variable for a in (*network.initial_assignments, *network.rules) if not isinstance(a, AlgebraicRule)
    }
    sizes = {c.id: c.size for c in network.compartments}
    found = {**sizes, **{p.id: p.value for p in network.parameters}}
    quantities = symbol_quantities(network)
    for species in network.species:
        size = sizes[species.compartment]
        amount, concentration = species.initial_amount, species.initial_concentration
        if amount is None and None not in (concentration, size):
            amount = concentration * size
        is_amount = quantities[species.id] == "amount"
        found[species.id] = amount if is_amount or amount is None or not size else amount / size
    constant = {e.id for e in (*network.compartments, *network.parameters) if e.is_constant}
    if any(isinstance(rule, AlgebraicRule) for rule in network.rules):
        ruled |= found.keys() - constant
    return {
        name: value
        for name, value in found.items()
        if name not in ruled and value is not None and math.isfinite(value)
    }


def _goes_down(network: Network, law: Expression, moved: Mapping[str, float], sign: float) -> bool:
    """Return whether the flux goes down along the reaction in random states.

    Parameters that have no value are given the sign.
    """
    known, species = _numbers(network), {s.id for s in network.species}
    slopes = {name: derivative(law, symbol(name)) for name in moved}
    if None in slopes.values():
        return False
    draw = random.Random(0)
    for _ in range(_STATES):
        values = {name: 10 ** draw.uniform(-2, 2) for name in sorted(law.symbols())}
        for name in values.keys() - species:
            values[name] = known.get(name, sign * values[name])
        numbers = {name: number(value) for name, value in values.items()}
        for name, slope in slopes.items():
            if moved[name] * constant_value(substitute(slope, numbers)) > 0:
                return False
    return True
