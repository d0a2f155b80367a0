"""Set initial values, parameters and compartment sizes of a network by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from math import isfinite

from converters.quantities import symbol_quantities
from icrn_io.errors import ModelIOError
from icrn_io.network import (
    AssignmentRule,
    Compartment,
    Network,
    Parameter,
    Reaction,
    Species,
    SpeciesReference,
)


def apply_overrides(network: Network, overrides: Mapping[str, float]) -> Network:
    """Return the network with some values replaced.

    Parameters
    ----------
    network : Network
        The model.
    overrides : mapping of str to float
        Id → value. Of a species: its initial value in the unit its id has in formulas (an
        amount where ``has_only_substance_units`` is set or the compartment is a point, else a
        concentration); of a parameter
        its value, of a compartment its size, of a species reference its stoichiometry. An
        initial assignment to the id is dropped; those to other ids are evaluated as before and
        see the new value. A variable with a rate rule starts from the value.

    Returns
    -------
    Network
        The changed network, with the same source document.

    Raises
    ------
    ModelIOError
        A value is not a finite number, or an id is unknown, is a reaction, or is given at all
        times by an assignment rule.
    """
    values = {element_id: _finite(element_id, value) for element_id, value in overrides.items()}
    _check_ids(network, values)
    quantities = symbol_quantities(network)
    return replace(
        network,
        compartments=tuple(_sized(c, values) for c in network.compartments),
        species=tuple(_initialised(s, values, quantities) for s in network.species),
        parameters=tuple(_valued(p, values) for p in network.parameters),
        reactions=tuple(_with_stoichiometries(r, values) for r in network.reactions),
        initial_assignments=tuple(a for a in network.initial_assignments if a.variable not in values),
    )


def _finite(element_id: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ModelIOError(f"the value of '{element_id}' must be a number, not {value!r}") from None
    if not isfinite(number):
        raise ModelIOError(f"the value of '{element_id}' is {number}: it must be finite")
    return number


def _check_ids(network: Network, values: Mapping[str, float]) -> None:
    settable = _settable_ids(network)
    ruled = {rule.variable for rule in network.rules if isinstance(rule, AssignmentRule)}
    reactions = {reaction.id for reaction in network.reactions}
    for element_id in values:
        if element_id in ruled:
            raise ModelIOError(f"cannot set '{element_id}': an assignment rule gives its value at all times")
        if element_id in settable:
            continue
        if element_id in reactions:
            raise ModelIOError(
                f"cannot set '{element_id}': it is a reaction, and its flux follows from its law"
            )
        near = get_close_matches(element_id, settable - ruled, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "use an id of the model file"
        raise ModelIOError(f"the model has no species, parameter or compartment '{element_id}': {hint}")


def _settable_ids(network: Network) -> set[str]:
    elements = (*network.compartments, *network.species, *network.parameters)
    named = (reference.id for reaction in network.reactions for reference in references(reaction))
    return {element.id for element in elements} | {name for name in named if name}


def references(reaction: Reaction) -> tuple[SpeciesReference, ...]:
    """Reactants and products of a reaction."""
    return (*reaction.reactants, *reaction.products)


def _sized(compartment: Compartment, values: Mapping[str, float]) -> Compartment:
    return replace(compartment, size=values[compartment.id]) if compartment.id in values else compartment


def _valued(parameter: Parameter, values: Mapping[str, float]) -> Parameter:
    return replace(parameter, value=values[parameter.id]) if parameter.id in values else parameter


def _initialised(species: Species, values: Mapping[str, float], quantities: Mapping[str, str]) -> Species:
    if species.id not in values:
        return species
    value = values[species.id]
    if quantities[species.id] == "amount":
        return replace(species, initial_amount=value, initial_concentration=None)
    return replace(species, initial_amount=None, initial_concentration=value)


def _with_stoichiometries(reaction: Reaction, values: Mapping[str, float]) -> Reaction:
    if not any(reference.id in values for reference in references(reaction)):
        return reaction

    def change(reference: SpeciesReference) -> SpeciesReference:
        return replace(reference, stoichiometry=values.get(reference.id, reference.stoichiometry))

    return replace(
        reaction,
        reactants=tuple(map(change, reaction.reactants)),
        products=tuple(map(change, reaction.products)),
    )
