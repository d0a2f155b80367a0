"""Fast reactions: at equilibrium at all times, so that what they share out is what is left to move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from converters.lowering.constants import constant_value
from converters.lowering.fast_ends import comes_to_its_end
from converters.lowering.formulas import ONE, ZERO, NewIds, negative, product, quotient, substitute, total
from converters.lowering.solving import rational
from converters.quantities import symbol_quantities
from icrn_io.checks import network_formulas
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import (
    AlgebraicRule,
    AssignmentRule,
    InitialAssignment,
    Network,
    Parameter,
    Reaction,
    Species,
    SpeciesReference,
)

_FEATURE = "fast reaction"
_QUADRATIC = 3
_ROUNDING = 1e-9


def without_fast_reactions(network: Network, by_events: frozenset[str] = frozenset()) -> Network:
    """Return the network with fast reactions replaced by their equilibrium (SBML L3V1, section 4.11.1).

    With amounts n_i, conversion factors f_i and net stoichiometries ν_i of a fast reaction, the
    amounts n_i / f_i = c_i + ν_i ξ move along it by an extent ξ that is always such that its
    flux vanishes. The slow reactions with net stoichiometries N_i change

        c_i = n_i / f_i - (ν_i / ν_p) n_p / f_p,    dc_i/dt = sum_slow (N_i - (ν_i / ν_p) N_p) v

    for one of its species p; these are new species, and the n_i become assigned quantities. ξ is
    the root of the flux at which it decreases with ξ, so that the reaction ends there; it is
    found where the flux is a polynomial of at most second degree in ξ.

    Parameters
    ----------
    network : Network
        Without events.
    by_events : frozenset of str
        What events change: where the flux depends on it, the extent has a past and not only a
        present.

    Raises
    ------
    UnsupportedFeatureError
        The equilibrium is not found so, fast reactions share species, or rules, events and
        formulas ask for more than it.
    """
    fast = [reaction for reaction in network.reactions if reaction.is_fast]
    if not fast:
        return network
    steps = [_Step(network, reaction) for reaction in fast]
    _check(network, steps, by_events)
    return _replaced(network, [step for step in steps if step.moved and not step.is_still])


@dataclass(frozen=True)
class _Step:
    """One fast reaction and the species that it moves."""

    network: Network
    reaction: Reaction

    @property
    def moved(self) -> dict[str, float]:
        """Net stoichiometry of each species that reactions can change, zeros left out."""
        ruled = {r.variable for r in self.network.rules if not isinstance(r, AlgebraicRule)}
        free = {s.id for s in self.network.species if not (s.is_boundary or s.is_constant or s.id in ruled)}
        return {name: n for name, n in _net(self.reaction).items() if name in free and n}

    @property
    def is_still(self) -> bool:
        """Whether the flux is zero whatever the amounts are: some factor of it is the number 0."""
        law = self.reaction.kinetic_law
        factors = law.args if law.op == "times" and law.args else (law,)
        return any(constant_value(factor) == 0 for factor in factors)

    def refuse(self, why: str) -> None:
        raise UnsupportedFeatureError(_FEATURE, self.reaction.id, why)


def _net(reaction: Reaction) -> dict[str, float]:
    net: dict[str, float] = {}
    for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
        for reference in side:
            if reference.stoichiometry is None:
                raise UnsupportedFeatureError(_FEATURE, reaction.id, "a stoichiometry in it has no value")
            net[reference.species] = net.get(reference.species, 0.0) + sign * reference.stoichiometry
    return net


def _check(network: Network, steps: list[_Step], by_events: frozenset[str]) -> None:
    owner: dict[str, str] = {}
    read = {name: where for where, formula in network_formulas(network) for name in formula.symbols()}
    initial = {name: a.variable for a in network.initial_assignments if a.math for name in a.math.symbols()}
    for step in steps:
        if step.moved and not step.is_still and not comes_to_its_end(network, step.reaction, step.moved):
            step.refuse("from its initial state it comes to no equilibrium, or to another one")
        if step.reaction.id in read:
            step.refuse(f"its flux is not known, and read by the {read[step.reaction.id]}")
        for name in step.moved:
            if name in owner:
                step.refuse(f"it shares species '{name}' with the fast reaction '{owner[name]}'")
            owner[name] = step.reaction.id
            if name in by_events:
                step.refuse(f"an event sets its species '{name}'")
            if name in initial:
                step.refuse(f"the initial assignment of '{initial[name]}' reads its species '{name}'")
        for name in sorted(_read_by(network, step.reaction) & by_events):
            step.refuse(f"its flux depends on '{name}', which an event sets")


def _read_by(network: Network, reaction: Reaction) -> set[str]:
    """Return what the flux of a reaction depends on, through assignment rules too."""
    assigned = {r.variable: r.math for r in network.rules if isinstance(r, AssignmentRule)}
    found: set[str] = set()
    queue = [reaction.kinetic_law]
    while queue:
        new = queue.pop().symbols() - found
        found |= new
        queue += [assigned[name] for name in new & assigned.keys() if assigned[name] is not None]
    return found


def _replaced(network: Network, steps: list[_Step]) -> Network:
    maker = _Maker(network)
    for step in steps:
        maker.add(step)
    slow = [reaction for reaction in network.reactions if not reaction.is_fast]
    return replace(
        network,
        conversion_factor="",
        species=(*map(maker.with_own_factor, network.species), *maker.species),
        parameters=(*network.parameters, *maker.parameters),
        reactions=tuple(map(maker.with_combinations, slow)),
        rules=(*network.rules, *maker.rules),
        initial_assignments=(
            *(a for a in network.initial_assignments if a.variable not in maker.amounts),
            *maker.initial,
        ),
    )


class _Maker:
    """Makes the combinations, and what the fast species follow from."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.by_id = {s.id: s for s in network.species}
        self.quantities = symbol_quantities(network)
        self.assigned_first = {a.variable: a.math for a in network.initial_assignments}
        self.ids = NewIds(network)
        self.amounts: dict[str, Expression] = {}
        self.species: list[Species] = []
        self.parameters: list[Parameter] = []
        self.rules: list[AssignmentRule] = []
        self.initial: list[InitialAssignment] = []
        # Fast species → (combination, its pivot, ν_i / ν_p).
        self.combinations: dict[str, tuple[str, str, float]] = {}

    def add(self, step: _Step) -> None:
        """Replace one fast reaction."""
        moved = step.moved
        pivot = next(iter(moved))
        extent = self._parameter(f"{step.reaction.id}_extent")
        for name, n in moved.items():
            base: Expression = ZERO
            if name != pivot:
                base = symbol(self._combination(name, pivot, n / moved[pivot]))
            along = product([number(n), symbol(extent)])
            self.amounts[name] = product([*self._factor(name), total([base, along])])
        values = {name: self._in_laws(name, self.amounts[name]) for name in moved}
        self.rules += [AssignmentRule(name, value) for name, value in values.items()]
        self.rules.append(AssignmentRule(extent, self._equilibrium(step, values, extent)))

    def _equilibrium(self, step: _Step, values: Mapping[str, Expression], extent: str) -> Expression:
        """Return the extent at which the flux of a fast reaction vanishes and decreases."""
        fraction = rational(substitute(step.reaction.kinetic_law, values), extent)
        if fraction is None or len(fraction[1]) > 1 or not 1 < len(fraction[0]) <= _QUADRATIC:
            step.refuse("its equilibrium is known for fluxes of at most second degree in its species only")
        coefficients = [quotient(c, fraction[1][0]) for c in fraction[0]]
        if len(coefficients) < _QUADRATIC:
            constant, linear = coefficients
            root = quotient(negative(constant), linear)
            return apply("piecewise", [root, apply("lt", [linear, ZERO])])
        constant, linear, square = coefficients
        both = product([number(4.0), square, constant])
        whole = apply("power", [linear, number(2.0)])
        left = apply("minus", [whole, both])
        spread = apply("root", [number(2.0), apply("max", [left, ZERO])])
        # The same root in two forms: the sum of numbers of one sign does not cancel.
        falling = quotient(product([number(2.0), constant]), apply("minus", [spread, linear]))
        rising = quotient(negative(total([linear, spread])), product([number(2.0), square]))
        # A double root may miss zero by rounding; without a root there is no equilibrium.
        has_root = apply("geq", [left, product([number(-_ROUNDING), whole])])
        one = apply("piecewise", [falling, apply("leq", [linear, ZERO]), rising])
        return apply("piecewise", [one, has_root])

    def _parameter(self, wanted: str, value: float | None = None) -> str:
        name = self.ids.new(wanted)
        self.parameters.append(Parameter(name, value, False))
        return name

    def _factor(self, name: str) -> list[Expression]:
        factor = self.by_id[name].conversion_factor or self.network.conversion_factor
        return [symbol(factor)] if factor else []

    def _in_laws(self, name: str, amount: Expression) -> Expression:
        if self.quantities[name] == "amount":
            return amount
        return quotient(amount, symbol(self.by_id[name].compartment))

    def _combination(self, name: str, pivot: str, ratio: float) -> str:
        """Make the species ``n_i / f_i - ratio * n_p / f_p``."""
        new = self.ids.new(f"{name}_slow")
        self.combinations[name] = new, pivot, ratio
        self.species.append(Species(new, self.by_id[name].compartment, 0.0, has_only_substance_units=True))
        first = total([self._initial(name), negative(product([number(ratio), self._initial(pivot)]))])
        self.initial.append(InitialAssignment(new, first))
        return new

    def _initial(self, name: str) -> Expression:
        """Return the initial amount of a species over its conversion factor."""
        species = self.by_id[name]
        size = [] if self.quantities[name] == "amount" else [symbol(species.compartment)]
        given = self.assigned_first.get(name)
        if given is None and species.initial_amount is not None:
            given, size = number(species.initial_amount), []
        elif given is None:
            value = species.initial_concentration
            size = [symbol(species.compartment)]
            given = symbol(self._parameter(f"{name}_initial")) if value is None else number(value)
        return quotient(product([given, *size]), product(self._factor(name)) if self._factor(name) else ONE)

    def with_own_factor(self, species: Species) -> Species:
        """Return a species with its conversion factor given by itself."""
        factor = species.conversion_factor or self.network.conversion_factor
        return species if factor == species.conversion_factor else replace(species, conversion_factor=factor)

    def with_combinations(self, reaction: Reaction) -> Reaction:
        """Return a slow reaction that also changes the combinations of the fast species in it."""
        net = _net(reaction) if self.combinations else {}
        reactants, products = [], []
        for name, (new, pivot, ratio) in self.combinations.items():
            change = net.get(name, 0.0) - ratio * net.get(pivot, 0.0)
            if change:
                (products if change > 0 else reactants).append(SpeciesReference(new, abs(change)))
        if not reactants and not products:
            return reaction
        return reaction.with_terms(
            (*reaction.reactants, *reactants), (*reaction.products, *products), reaction.kinetic_law
        )
