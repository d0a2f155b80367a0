"""A `Network` into a fresh SBML Level 3 document, written as text with exact numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import quoteattr

from icrn_io.checks import check_network, network_formulas
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression
from icrn_io.mass_action import sbo_terms
from icrn_io.mathml_writer import format_math
from icrn_io.network import (
    AlgebraicRule,
    Compartment,
    Event,
    InitialAssignment,
    Network,
    Parameter,
    RateRule,
    Reaction,
    Species,
    SpeciesReference,
    UnitDefinition,
)

_NEW_IN_VERSION_2 = frozenset({"rateOf", "max", "min", "rem", "quotient", "implies"})
_NAMESPACE = "http://www.sbml.org/sbml/level3/version{}/core"


def format_sbml(network: Network, annotation: str = "") -> str:
    """Return a fresh SBML Level 3 Version 2 document.

    It is Version 1 where reactions are fast or a local parameter hides a species of its reaction.
    Laws of mass action and their constants get terms of the Systems Biology Ontology
    (`icrn_io.mass_action`). Local parameters go back into their kinetic laws under their original
    ids, unless another element uses them; those stay global parameters.

    Parameters
    ----------
    network : Network
        What to write.
    annotation : str
        XML elements for the annotation of the model, each in a namespace of its own.

    Raises
    ------
    ModelIOError
        The network is not consistent (see `check_network`).
    UnsupportedFeatureError
        The network holds something that it has no place for.
    """
    check_network(network)
    for feature in network.unsupported:
        raise UnsupportedFeatureError(feature.feature, feature.element_id, "it cannot be written afresh")
    version = 1 if _needs_version_1(network) else 2
    return "\n".join(_Writing(network, version, annotation).lines()) + "\n"


def _needs_version_1(network: Network) -> bool:
    if any(reaction.is_fast for reaction in network.reactions):
        return True
    taking_part = {
        r.id: {ref.species for ref in (*r.reactants, *r.products)} | set(r.modifiers)
        for r in network.reactions
    }
    hiding = any(
        p.local_to and p.local_to[1] in taking_part.get(p.local_to[0], ()) for p in network.parameters
    )
    return hiding and not any(
        formula.operators() & _NEW_IN_VERSION_2 for _, formula in network_formulas(network)
    )


def format_real(value: float) -> str:
    """Return a float64 as an SBML attribute value, by its shortest exact representation."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    return repr(float(value)).removesuffix(".0")


def _attributes(**values: object) -> str:
    """Return the attributes of a tag; None and "" are left out."""
    parts = []
    for key, value in values.items():
        if value is None or value == "":
            continue
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, float):
            value = format_real(value)
        parts.append(f" {key}={quoteattr(str(value))}")
    return "".join(parts)


def _math(expression: Expression | None, renamed: dict[str, str] | None = None) -> str:
    return "" if expression is None else format_math(expression, renamed)


class _Writing:
    """One document in the making; every method gives the lines of one list."""

    def __init__(self, network: Network, version: int, annotation: str = "") -> None:
        self.network = network
        self.version = version
        self.annotation = annotation
        self.local = _liftable(network, version)
        self.law_terms, self.constant_terms = sbo_terms(network)
        self.local_of: dict[str, list[Parameter]] = {}
        for parameter in self.local.values():
            self.local_of.setdefault(parameter.local_to[0], []).append(parameter)

    def lines(self) -> Iterator[str]:
        """Yield the document line by line, lists in the order the schema demands."""
        n = self.network
        units = n.units
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        namespace = _NAMESPACE.format(self.version)
        yield f'<sbml xmlns="{namespace}" level="3" version="{self.version}">'
        yield (
            "<model"
            + _attributes(
                id=n.id,
                name=n.name,
                substanceUnits=units.substance,
                timeUnits=units.time,
                volumeUnits=units.volume,
                areaUnits=units.area,
                lengthUnits=units.length,
                extentUnits=units.extent,
                conversionFactor=n.conversion_factor,
            )
            + ">"
        )
        if self.annotation:
            yield f"<annotation>{self.annotation}</annotation>"
        global_parameters = [p for p in n.parameters if p.id not in self.local]
        yield from _listed("listOfUnitDefinitions", map(_unit_definition, n.unit_definitions))
        yield from _listed("listOfCompartments", map(_compartment, n.compartments))
        yield from _listed("listOfSpecies", map(_species, n.species))
        yield from _listed("listOfParameters", (self._parameter(p) for p in global_parameters))
        yield from _listed("listOfInitialAssignments", map(_initial_assignment, n.initial_assignments))
        yield from _listed("listOfRules", map(_rule, n.rules))
        yield from _listed("listOfReactions", map(self._reaction, n.reactions))
        yield from _listed("listOfEvents", map(_event, n.events))
        yield "</model>"
        yield "</sbml>"

    def _reaction(self, r: Reaction) -> str:
        fast = {"fast": r.is_fast} if self.version == 1 else {}
        head = _attributes(
            id=r.id, name=r.name, reversible=r.is_reversible, **fast, compartment=r.compartment
        )
        modifiers = (f'<modifierSpeciesReference species="{m}"/>' for m in r.modifiers)
        parts = [
            *_listed("listOfReactants", map(_species_reference, r.reactants)),
            *_listed("listOfProducts", map(_species_reference, r.products)),
            *_listed("listOfModifiers", modifiers),
        ]
        if r.kinetic_law is not None:
            parts.append(self._kinetic_law(r))
        return f"<reaction{head}>" + "".join(parts) + "</reaction>"

    def _kinetic_law(self, r: Reaction) -> str:
        own = self.local_of.get(r.id, [])
        renamed = {p.id: p.local_to[1] for p in own}
        parameters = _listed("listOfLocalParameters", (self._parameter(p, "localParameter") for p in own))
        term = _attributes(sboTerm=self.law_terms.get(r.id))
        return f"<kineticLaw{term}>{_math(r.kinetic_law, renamed)}{''.join(parameters)}</kineticLaw>"

    def _parameter(self, p: Parameter, tag: str = "parameter") -> str:
        is_global = tag == "parameter"
        attributes = _attributes(
            id=p.id if is_global else p.local_to[1],
            name=p.name,
            value=p.value,
            units=p.units,
            constant=p.is_constant if is_global else None,
            sboTerm=self.constant_terms.get(p.id),
        )
        return f"<{tag}{attributes}/>"


def _liftable(network: Network, version: int) -> dict[str, Parameter]:
    """Return the parameters that only the law of their own reaction uses, by id."""
    local = {p.id: p for p in network.parameters if p.local_to is not None and p.is_constant}
    if not local:
        return {}
    laws = {r.id: r.kinetic_law for r in network.reactions if r.kinetic_law is not None}
    taking_part = {
        r.id: {ref.species for ref in (*r.reactants, *r.products)} | set(r.modifiers)
        for r in network.reactions
    }
    used_by_law = {reaction_id: law.symbols() for reaction_id, law in laws.items()}
    elsewhere = _ids_outside_laws(network)
    users: dict[str, set[str]] = {}
    local_ids = set(local)
    for reaction_id, used in used_by_law.items():
        for name in used & local_ids:
            users.setdefault(name, set()).add(reaction_id)

    def is_free(p: Parameter) -> bool:
        home, name = p.local_to
        if home not in laws or p.id in elsewhere or not users.get(p.id, set()) <= {home}:
            return False
        # Inside the law the local id would hide an element of the same id; L3V2 forbids that for species
        # of the reaction even where the law does not use them.
        hidden = used_by_law[home] | taking_part[home] if version > 1 else used_by_law[home]
        return name not in hidden or name == p.id

    free = {key: p for key, p in local.items() if is_free(p)}
    count = Counter(p.local_to for p in free.values())
    return {key: p for key, p in free.items() if count[p.local_to] == 1}


def _ids_outside_laws(network: Network) -> set[str]:
    """Return every id that is used by anything but kinetic laws."""
    used = {network.conversion_factor} | {s.conversion_factor for s in network.species}
    formulas = [item.math for item in (*network.initial_assignments, *network.rules)]
    used.update(getattr(item, "variable", "") for item in (*network.initial_assignments, *network.rules))
    for event in network.events:
        formulas += [event.trigger, event.delay, event.priority, *(a.math for a in event.assignments)]
        used.update(a.variable for a in event.assignments)
    for formula in formulas:
        if formula is not None:
            used |= formula.symbols()
    return used


def _listed(tag: str, elements: Iterable[str]) -> Iterator[str]:
    """Yield a list element, or nothing where it would be empty."""
    items = list(elements)
    if items:
        yield f"<{tag}>"
        yield from items
        yield f"</{tag}>"


def _unit_definition(d: UnitDefinition) -> str:
    units = "".join(
        "<unit" + _attributes(kind=kind, exponent=exponent, scale=scale, multiplier=multiplier) + "/>"
        for kind, exponent, scale, multiplier in d.units
    )
    listed = f"<listOfUnits>{units}</listOfUnits>" if units else ""
    return f"<unitDefinition{_attributes(id=d.id, name=d.name)}>{listed}</unitDefinition>"


def _compartment(c: Compartment) -> str:
    return (
        "<compartment"
        + _attributes(
            id=c.id,
            name=c.name,
            spatialDimensions=float(c.spatial_dimensions),
            size=c.size,
            units=c.units,
            constant=c.is_constant,
        )
        + "/>"
    )


def _species(s: Species) -> str:
    return (
        "<species"
        + _attributes(
            id=s.id,
            name=s.name,
            compartment=s.compartment,
            initialAmount=s.initial_amount,
            initialConcentration=s.initial_concentration,
            substanceUnits=s.substance_units,
            hasOnlySubstanceUnits=s.has_only_substance_units,
            boundaryCondition=s.is_boundary,
            constant=s.is_constant,
            conversionFactor=s.conversion_factor,
        )
        + "/>"
    )


def _species_reference(ref: SpeciesReference) -> str:
    return (
        "<speciesReference"
        + _attributes(
            id=ref.id, species=ref.species, stoichiometry=ref.stoichiometry, constant=ref.is_constant
        )
        + "/>"
    )


def _initial_assignment(a: InitialAssignment) -> str:
    return f"<initialAssignment{_attributes(symbol=a.variable)}>{_math(a.math)}</initialAssignment>"


def _rule(rule) -> str:
    if isinstance(rule, AlgebraicRule):
        return f"<algebraicRule>{_math(rule.math)}</algebraicRule>"
    tag = "rateRule" if isinstance(rule, RateRule) else "assignmentRule"
    return f"<{tag}{_attributes(variable=rule.variable)}>{_math(rule.math)}</{tag}>"


def _event(event: Event) -> str:
    parts = []
    flags = (event.trigger_initial_value, event.trigger_persistent)
    if event.trigger is not None or flags != (True, True):
        attributes = _attributes(initialValue=flags[0], persistent=flags[1])
        parts.append(f"<trigger{attributes}>{_math(event.trigger)}</trigger>")
    if event.priority is not None:
        parts.append(f"<priority>{_math(event.priority)}</priority>")
    if event.delay is not None:
        parts.append(f"<delay>{_math(event.delay)}</delay>")
    assignments = (
        f"<eventAssignment{_attributes(variable=a.variable)}>{_math(a.math)}</eventAssignment>"
        for a in event.assignments
    )
    parts += _listed("listOfEventAssignments", assignments)
    head = _attributes(
        id=event.id, name=event.name, useValuesFromTriggerTime=event.use_values_from_trigger_time
    )
    return f"<event{head}>{''.join(parts)}</event>"
