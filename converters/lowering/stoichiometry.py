"""Stoichiometries that are computed: each becomes a factor of the flux of a reaction of its own."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from converters.lowering.constants import constant_value
from converters.lowering.formulas import NewIds
from icrn_io.checks import network_formulas
from icrn_io.expression import apply, symbol
from icrn_io.network import AlgebraicRule, Network, Parameter, Reaction, SpeciesReference


def without_variable_stoichiometry(network: Network) -> Network:
    """Return the network with fixed stoichiometries only (SBML L3V2, section 4.11.3).

    A species reference ``n`` that is given by a rule or assignment, or that a formula reads,
    becomes a parameter ``n``. Where its value is not a fixed number, reaction ``J`` gives that
    participant up to a new reaction with stoichiometry 1 and the flux

        v = n * J

    so that the species still changes by ± n J.
    """
    ids = {ref.id for r in network.reactions for ref in (*r.reactants, *r.products)} - {""}
    changed = _changed(network) & ids
    read = _read(network) & ids if ids else ids
    if not changed and not read and not any(map(_has_open, network.reactions)):
        return network
    new_ids = NewIds(network)
    parameters: list[Parameter] = []
    reactions: list[Reaction] = []
    initial = {a.variable: a.math for a in network.initial_assignments}
    later = _changed(replace(network, initial_assignments=()))
    inert = {s.id for s in network.species if s.is_boundary or s.is_constant}
    inert |= {rule.variable for rule in network.rules if not isinstance(rule, AlgebraicRule)}
    for reaction in network.reactions:
        sides, extra = [], []
        for side, references in (("reactants", reaction.reactants), ("products", reaction.products)):
            kept = []
            for reference in references:
                is_open = reference.id in changed or not _is_number(reference)
                if reaction.is_fast and reference.id in initial.keys() - later:
                    # Fast reactions need numbers: take the one that the assignment gives, if it is one.
                    value = constant_value(initial[reference.id])
                    is_open = value is None
                    reference = replace(reference, stoichiometry=value)
                if reference.id in changed | read or (is_open and reference.id):
                    parameters.append(_parameter(reference, changed))
                    reference = replace(reference, id="", is_constant=True)
                    name = parameters[-1].id
                else:
                    name = ""
                if not is_open:
                    kept.append(reference)
                elif reference.species in inert:
                    continue
                elif name:
                    extra.append(_extra(reaction, side, reference.species, name, new_ids))
                else:
                    # Neither a number nor an id by which to give one: refused with the reaction.
                    kept.append(reference)
            sides.append(tuple(kept))
        reactions += [reaction.with_terms(*sides, reaction.kinetic_law), *extra]
    return replace(network, parameters=(*network.parameters, *parameters), reactions=tuple(reactions))


def _changed(network: Network) -> set[str]:
    """Variables of rules, initial assignments and events."""
    found = {rule.variable for rule in network.rules if not isinstance(rule, AlgebraicRule)}
    found |= {assignment.variable for assignment in network.initial_assignments}
    return found | {a.variable for event in network.events for a in event.assignments}


def _read(network: Network) -> set[str]:
    return {name for _, formula in network_formulas(network) for name in formula.symbols()}


def _is_number(reference: SpeciesReference) -> bool:
    return reference.stoichiometry is not None and isfinite(reference.stoichiometry)


def _has_open(reaction: Reaction) -> bool:
    return not all(map(_is_number, (*reaction.reactants, *reaction.products)))


def _parameter(reference: SpeciesReference, changed: set[str]) -> Parameter:
    is_constant = reference.is_constant and reference.id not in changed
    value = reference.stoichiometry
    return Parameter(reference.id, None if value != value else value, is_constant)


def _extra(reaction: Reaction, side: str, species: str, name: str, new_ids: NewIds) -> Reaction:
    """Return the reaction of one participant whose stoichiometry is the parameter ``name``."""
    term = (SpeciesReference(species),)
    law = apply("times", [symbol(name), symbol(reaction.id)])
    return Reaction(
        new_ids.new(f"{reaction.id}_{name}"),
        term if side == "reactants" else (),
        term if side == "products" else (),
        kinetic_law=law,
        is_fast=reaction.is_fast,
    )
