"""The skeleton of a network: what is left when everything that is indexed is taken out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from converters.fold.elements import Elements
from converters.folding import blank_references
from icrn_io.network import (
    Compartment,
    InitialAssignment,
    Network,
    Parameter,
    Reaction,
    Species,
    SpeciesReference,
)


def make_skeleton(
    network: Network,
    elements: Elements,
    reactions: Iterable[Reaction],
    rules: Iterable,
    initial: Iterable[InitialAssignment],
) -> Network:
    """Return the network with the values, laws and stoichiometries of what is indexed blanked out.

    Parameters
    ----------
    network : Network
        The network.
    elements : Elements
        Its elements; all that have a value are indexed, unless a rule assigns them.
    reactions, rules, initial
        The reactions, rules and initial assignments that are indexed.
    """
    folded = {r.id for r in reactions}
    variables = {r.variable for r in rules}
    initial_variables = {a.variable for a in initial}
    assigned = elements.assigned
    inert = assigned | elements.rated
    return replace(
        network,
        compartments=tuple([c if c.id in assigned else _without_size(c) for c in network.compartments]),
        species=tuple([s if s.id in assigned else _without_initial(s) for s in network.species]),
        parameters=tuple([p if p.id in assigned else _without_value(p) for p in network.parameters]),
        reactions=tuple([_blank_reaction(r, inert) if r.id in folded else r for r in network.reactions]),
        rules=tuple(
            replace(r, math=None) if getattr(r, "variable", None) in variables else r for r in network.rules
        ),
        initial_assignments=tuple(
            replace(a, math=None) if a.variable in initial_variables else a
            for a in network.initial_assignments
        ),
    )


def _is_value(value: float | None) -> bool:
    """Whether a tensor can hold the value: there NaN says that there is none."""
    return value is not None and value == value


def _without_size(compartment: Compartment) -> Compartment:
    return compartment.with_size(None) if _is_value(compartment.size) else compartment


def _without_value(parameter: Parameter) -> Parameter:
    return parameter.with_value(None) if _is_value(parameter.value) else parameter


def _without_initial(species: Species) -> Species:
    amount, concentration = species.initial_amount, species.initial_concentration
    if not _is_value(amount) and not _is_value(concentration):
        return species
    return species.with_initial(
        None if _is_value(amount) else amount, None if _is_value(concentration) else concentration
    )


def _blank_reaction(reaction: Reaction, inert: frozenset[str]) -> Reaction:
    return reaction.with_terms(
        _blank_references(reaction.reactants, inert), _blank_references(reaction.products, inert), None
    )


def _blank_references(
    references: tuple[SpeciesReference, ...], inert: frozenset[str]
) -> tuple[SpeciesReference, ...]:
    """Blank the references out, but those to species that a rule governs: these are inert here."""
    for reference in references:
        if reference.id or not reference.is_constant or reference.species in inert:
            return tuple(_blank_reference(r, inert) for r in references)
    return blank_references(len(references))


def _blank_reference(reference: SpeciesReference, inert: frozenset[str]) -> SpeciesReference:
    if reference.species in inert:
        return reference
    return SpeciesReference("", None, reference.id, reference.is_constant)
