"""The csymbol ``rateOf``: an auxiliary quantity that is the rate of change of its argument."""

from __future__ import annotations

from dataclasses import replace

from converters.lowering.formulas import (
    ZERO,
    NewIds,
    map_formulas,
    negative,
    product,
    quotient,
    rewrite,
    total,
)
from converters.quantities import symbol_quantities
from icrn_io.checks import network_formulas
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression, number, symbol
from icrn_io.network import AlgebraicRule, AssignmentRule, Network, Parameter, RateRule, Species


def without_rate_of(network: Network) -> Network:
    """Return the network with every ``rateOf(x)`` replaced (SBML L3V2, section 3.4.6).

    The rate of change of a variable with a rate rule is the rule's math; of a species with
    amount n in a compartment of size V that reactions of flux v_j change

        dn/dt = f sum_j N_j v_j,    d(n/V)/dt = (dn/dt)/V - (n/V) (dV/dt)/V

    with conversion factor f; of everything else that no rule governs it is zero.

    Raises
    ------
    UnsupportedFeatureError
        The argument is no id, or its rate of change is not given by rules and reactions.
    """
    arguments = dict.fromkeys(
        node.args[0]
        for _, formula in network_formulas(network)
        if "rateOf" in formula.operators()
        for node in formula
        if node.op == "rateOf"
    )
    if not arguments:
        return network
    rates, new_ids = RatesOfChange(network), NewIds(network)
    values: dict[Expression, Expression] = {}
    parameters, rules = [], []
    for argument in arguments:
        rate = rates.of(argument)
        if rate.op != "number":
            name = new_ids.new(f"rateOf_{argument.payload}")
            parameters.append(Parameter(name, None, False))
            rules.append(AssignmentRule(name, rate))
            rate = symbol(name)
        values[argument] = rate
    network = replace(network, parameters=(*network.parameters, *parameters), rules=(*network.rules, *rules))
    return map_formulas(network, lambda f: rewrite(f, lambda n: values[n.args[0]] if n.op == "rateOf" else n))


class RatesOfChange:
    """Rates of change of the variables of a network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.species = {s.id: s for s in network.species}
        self.quantities = symbol_quantities(network)
        self.rates = {r.variable: r.math for r in network.rules if isinstance(r, RateRule)}
        self.assigned = {r.variable for r in network.rules if isinstance(r, AssignmentRule)}
        self.constants = {e.id for e in (*network.compartments, *network.parameters) if e.is_constant}
        self.implicit = frozenset().union(
            *(r.math.symbols() for r in network.rules if isinstance(r, AlgebraicRule) and r.math is not None)
        )
        self.flows: dict[str, list[Expression]] = {}
        for reaction in network.reactions:
            net: dict[str, float] = {}
            for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
                for reference in side:
                    net[reference.species] = net.get(reference.species, 0.0) + sign * reference.stoichiometry
            for name, amount in net.items():
                self.flows.setdefault(name, []).append(product([number(amount), symbol(reaction.id)]))

    def of(self, argument: Expression) -> Expression:
        """Return the rate of change of an argument of ``rateOf``."""
        if argument.op != "symbol":
            raise UnsupportedFeatureError("rateOf", "(no id)", "its argument must be an id")
        return self._rate(argument.payload)

    def _rate(self, name: str) -> Expression:
        if name in self.rates:
            return self.rates[name]
        if name in self.assigned:
            raise UnsupportedFeatureError(
                "rateOf", name, "an assignment rule gives it, whose rate SBML leaves open"
            )
        if name in self.constants:
            return ZERO
        species = self.species.get(name)
        moves = (
            species is not None and not (species.is_boundary or species.is_constant) and name in self.flows
        )
        if name in self.implicit and not moves and not (species is not None and species.is_constant):
            raise UnsupportedFeatureError("rateOf", name, "an algebraic rule may determine it")
        if species is None:
            return ZERO
        amount_rate = self._amount_rate(species) if moves else ZERO
        if self.quantities[name] == "amount":
            return amount_rate
        size = symbol(species.compartment)
        dilution = negative(quotient(product([symbol(name), self._rate(species.compartment)]), size))
        return total([quotient(amount_rate, size), dilution])

    def _amount_rate(self, species: Species) -> Expression:
        factor = species.conversion_factor or self.network.conversion_factor
        factors = [symbol(factor)] if factor else []
        return product([*factors, total(self.flows[species.id])])
