"""An SBML document, already parsed and checked, into a `Network`."""

from __future__ import annotations

import math
import re

import libsbml

from icrn_io.expression import symbol
from icrn_io.mathml import MathReader
from icrn_io.network import (
    AlgebraicRule,
    AssignmentRule,
    Compartment,
    Event,
    EventAssignment,
    InitialAssignment,
    ModelUnits,
    Network,
    Parameter,
    RateRule,
    Reaction,
    SourceDocument,
    Species,
    SpeciesReference,
    UnitDefinition,
    UnsupportedFeature,
)

# Units that Levels 1 and 2 know without definition, and kinds that Level 3 spells otherwise or dropped.
_LEVEL_2_UNITS = {"substance": "mole", "volume": "litre", "time": "second", "length": "metre"}
_OLD_KINDS = {"liter": "litre", "meter": "metre", "Celsius": "kelvin"}
# Packages that describe drawings, groups or nothing that changes over time.
_STATIC_PACKAGES = frozenset({"layout", "render", "groups", "comp", "fbc", "l3v2extendedmath"})


def network_of_document(document: libsbml.SBMLDocument, source: SourceDocument | None = None) -> Network:
    """Return what a checked, flat document says.

    Parameters
    ----------
    document : libsbml.SBMLDocument
        Any level; submodels already flattened.
    source : SourceDocument, optional
        Kept in the network.

    Returns
    -------
    Network
        Every tuple in file order; local parameters follow the global ones.

    Raises
    ------
    ModelIOError
        A formula names or calls what the model does not define.
    """
    return _Reading(document, source).network()


def _real(value: float) -> float:
    """Return the value, NaN always as the one object ``math.nan`` so that equality is exact."""
    return math.nan if math.isnan(value) else value


def _each(listed: libsbml.ListOf) -> list:
    """Return the elements of a list (libsbml's own iterator costs five times as much)."""
    get = listed.get
    return [get(i) for i in range(listed.size())]


class _Reading:
    """The passes over one model; each method is one pass."""

    def __init__(self, document: libsbml.SBMLDocument, source: SourceDocument | None) -> None:
        self.document = document
        self.model = document.getModel()
        self.source = source
        self.level = document.getLevel()
        self.species_ids = [s.getId() for s in _each(self.model.getListOfSpecies())]
        self.own_units = {d.getId() for d in _each(self.model.getListOfUnitDefinitions())}
        self.reactions = [
            (r.getId(), r, _each(r.getListOfReactants()), _each(r.getListOfProducts()))
            for r in _each(self.model.getListOfReactions())
        ]

    def network(self) -> Network:
        """Run the passes in the order their reasons demand."""
        model = self.model
        # Ids before anything generated: generated ids must neither collide with the file's nor be
        # known to its formulas.
        self.taken = self._global_ids()
        names = {name: symbol(name) for name in self.taken}
        # Local parameters before laws: laws are renamed by them.
        parameters = self._parameters()
        self.local_ids, lifted = self._local_parameters()
        # References before rules: their stoichiometry formulas become rules.
        references = self._species_references()
        # Function definitions before any formula: calls are expanded while reading.
        definitions = {f.getId(): f for f in _each(model.getListOfFunctionDefinitions())}
        self.math = MathReader(names, definitions)
        reactions = self._reactions(references)
        rules = self._rules()
        return Network(
            # An id is the model's own affair: one that is no SId (libsbml lets it pass) is mended.
            id=re.sub(r"^(?=\d)|\W", "_", model.getId(), flags=re.ASCII),
            name=self._name(model),
            units=self._model_units(),
            unit_definitions=self._unit_definitions(),
            compartments=self._compartments(),
            species=self._species(),
            parameters=parameters + lifted,
            initial_assignments=self._initial_assignments(),
            rules=rules + self._stoichiometry_rules(),
            reactions=reactions,
            events=self._events(),
            conversion_factor=model.getConversionFactor(),
            # Last: it looks at whether anything moves at all.
            unsupported=self._packages(),
            source=self.source,
        )

    def _name(self, element: libsbml.SBase) -> str:
        """Return the name attribute; in Level 1 the name *is* the id."""
        return "" if self.level == 1 else element.getName()

    def _global_ids(self) -> dict[str, None]:
        model = self.model
        ids: dict[str, None] = {}
        for listed in (model.getListOfCompartments(), model.getListOfSpecies(), model.getListOfParameters()):
            ids.update((element.getId(), None) for element in _each(listed))
        ids.update((reaction_id, None) for reaction_id, *_ in self.reactions)
        for _, _, *sides in self.reactions:
            ids.update((ref.getId(), None) for side in sides for ref in side if ref.isSetId())
        return ids

    def _new_id(self, wanted: str) -> str:
        """Claim the wanted id, numbered where the file already uses it."""
        new, count = wanted, 0
        while new in self.taken:
            count += 1
            new = f"{wanted}_{count}"
        self.taken[new] = None
        return new

    def _unit_definitions(self) -> tuple[UnitDefinition, ...]:
        return tuple(
            UnitDefinition(
                definition.getId(),
                tuple(
                    (
                        self._unit(libsbml.UnitKind_toString(unit.getKind())),
                        unit.getExponentAsDouble(),
                        unit.getScale(),
                        unit.getMultiplier(),
                    )
                    for unit in _each(definition.getListOfUnits())
                ),
                self._name(definition),
            )
            for definition in _each(self.model.getListOfUnitDefinitions())
        )

    def _unit(self, reference: str) -> str:
        """Return a unit reference in the words of Level 3."""
        if self.level == 3 or reference in self.own_units:
            return reference
        return _LEVEL_2_UNITS.get(reference) or _OLD_KINDS.get(reference, reference)

    def _model_units(self) -> ModelUnits:
        model = self.model
        if self.level < 3:
            # Levels 1 and 2 set model units by defining units of these names.
            kinds = ("substance", "time", "volume", "area", "length")
            found = {kind: kind for kind in kinds if kind in self.own_units}
            return ModelUnits(**found, extent=found.get("substance", ""))
        return ModelUnits(
            model.getSubstanceUnits(),
            model.getTimeUnits(),
            model.getVolumeUnits(),
            model.getAreaUnits(),
            model.getLengthUnits(),
            model.getExtentUnits(),
        )

    def _constancy(self, element) -> bool:
        """Whether a compartment or parameter is constant; Level 1 has rules instead of a flag."""
        if self.level == 1:
            return self.model.getRuleByVariable(element.getId()) is None
        return element.getConstant()

    def _compartments(self) -> tuple[Compartment, ...]:
        return tuple(
            Compartment(
                c.getId(),
                _real(c.getSize()) if c.isSetSize() or self.level == 1 else None,
                self._constancy(c),
                c.getSpatialDimensionsAsDouble() if c.isSetSpatialDimensions() or self.level < 3 else 3.0,
                self._unit(c.getUnits()),
                self._name(c),
            )
            for c in _each(self.model.getListOfCompartments())
        )

    def _species(self) -> tuple[Species, ...]:
        return tuple(
            Species(
                s.getId(),
                s.getCompartment(),
                _real(s.getInitialAmount()) if s.isSetInitialAmount() else None,
                _real(s.getInitialConcentration()) if s.isSetInitialConcentration() else None,
                s.getHasOnlySubstanceUnits(),
                s.getBoundaryCondition(),
                self.level > 1 and s.getConstant(),
                s.getConversionFactor(),
                self._unit(s.getSubstanceUnits()),
                self._name(s),
            )
            for s in _each(self.model.getListOfSpecies())
        )

    def _parameter(self, p, new_id: str, is_constant: bool, local_to=None) -> Parameter:
        value = _real(p.getValue()) if p.isSetValue() else None
        return Parameter(new_id, value, is_constant, self._unit(p.getUnits()), self._name(p), local_to)

    def _parameters(self) -> tuple[Parameter, ...]:
        return tuple(
            self._parameter(p, p.getId(), self._constancy(p)) for p in _each(self.model.getListOfParameters())
        )

    def _local_parameters(self) -> tuple[dict[str, dict[str, str]], tuple[Parameter, ...]]:
        """Lift local parameters; also give, per reaction, the new id of each local id."""
        renamed: dict[str, dict[str, str]] = {}
        lifted = []
        for reaction_id, reaction, *_ in self.reactions:
            law = reaction.getKineticLaw()
            if law is None:
                continue
            for p in _each(law.getListOfLocalParameters() if self.level > 2 else law.getListOfParameters()):
                new_id = self._new_id(f"{reaction_id}_{p.getId()}")
                renamed.setdefault(reaction_id, {})[p.getId()] = new_id
                lifted.append(self._parameter(p, new_id, True, (reaction_id, p.getId())))
        return renamed, tuple(lifted)

    def _species_references(self) -> list[tuple[tuple[SpeciesReference, ...], ...]]:
        self.stoichiometry_formulas: list[tuple[str, object]] = []
        return [
            tuple(tuple(self._species_reference(reaction_id, ref) for ref in side) for side in sides)
            for reaction_id, _, *sides in self.reactions
        ]

    def _species_reference(self, reaction_id: str, ref) -> SpeciesReference:
        species = ref.getSpecies()
        if self.level > 2:
            value = _real(ref.getStoichiometry()) if ref.isSetStoichiometry() else None
            return SpeciesReference(species, value, ref.getId(), ref.getConstant())
        if not ref.isSetStoichiometryMath():
            return SpeciesReference(species, ref.getStoichiometry() / ref.getDenominator(), ref.getId())
        formula = ref.getStoichiometryMath().getMath()
        if formula is not None and formula.isNumber():
            return SpeciesReference(species, _real(formula.getValue()), ref.getId())
        # Level 3 has no stoichiometry formula: it is an assignment rule for the reference.
        new_id = ref.getId() or self._new_id(f"{reaction_id}_{species}_stoichiometry")
        self.stoichiometry_formulas.append((new_id, formula))
        return SpeciesReference(species, None, new_id, False)

    def _stoichiometry_rules(self) -> tuple[AssignmentRule, ...]:
        return tuple(
            AssignmentRule(variable, self.math.read(formula, f"stoichiometry '{variable}'"))
            for variable, formula in self.stoichiometry_formulas
        )

    def _reactions(self, references) -> tuple[Reaction, ...]:
        return tuple(
            self._reaction(reaction_id, r, *sides)
            for (reaction_id, r, *_), sides in zip(self.reactions, references, strict=True)
        )

    def _reaction(self, reaction_id: str, r, reactants, products) -> Reaction:
        law = r.getKineticLaw()
        formula = None
        modifiers = tuple(ref.getSpecies() for ref in _each(r.getListOfModifiers()))
        if law is not None:
            local = self.local_ids.get(reaction_id)
            if local:
                local = {name: symbol(new) for name, new in local.items()}
            formula = self.math.read(law.getMath(), f"kinetic law of reaction '{reaction_id}'", local)
        if self.level == 1 and formula is not None:
            # Level 1 has no modifiers: a law may read any species. Later levels demand the list.
            others = formula.symbols() - {ref.species for ref in (*reactants, *products)}
            modifiers = tuple(s for s in self.species_ids if s in others)
        return Reaction(
            reaction_id,
            reactants,
            products,
            modifiers,
            formula,
            r.getReversible(),
            r.getFast(),
            r.getCompartment() if self.level > 2 else "",
            self._name(r),
        )

    def _initial_assignments(self) -> tuple[InitialAssignment, ...]:
        return tuple(
            InitialAssignment(
                a.getSymbol(), self.math.read(a.getMath(), f"initial assignment of '{a.getSymbol()}'")
            )
            for a in _each(self.model.getListOfInitialAssignments())
        )

    def _rules(self) -> tuple[AssignmentRule | RateRule | AlgebraicRule, ...]:
        return tuple(self._rule(rule) for rule in _each(self.model.getListOfRules()))

    def _rule(self, rule) -> AssignmentRule | RateRule | AlgebraicRule:
        if rule.isAlgebraic():
            return AlgebraicRule(self.math.read(rule.getMath(), "algebraic rule"))
        kind, word = (RateRule, "rate rule") if rule.isRate() else (AssignmentRule, "assignment rule")
        variable = rule.getVariable()
        return kind(variable, self.math.read(rule.getMath(), f"{word} of '{variable}'"))

    def _events(self) -> tuple[Event, ...]:
        return tuple(self._event(event) for event in _each(self.model.getListOfEvents()))

    def _event(self, event) -> Event:
        where = f"event '{event.getId()}'"
        trigger = event.getTrigger()
        is_level_3 = self.level > 2

        def formula(part):
            return None if part is None else self.math.read(part.getMath(), where)

        assignments = tuple(
            EventAssignment(a.getVariable(), formula(a)) for a in _each(event.getListOfEventAssignments())
        )
        return Event(
            event.getId(),
            formula(trigger),
            assignments,
            formula(event.getDelay()),
            formula(event.getPriority()) if is_level_3 else None,
            trigger.getInitialValue() if is_level_3 and trigger is not None else True,
            trigger.getPersistent() if is_level_3 and trigger is not None else True,
            event.getUseValuesFromTriggerTime(),
            self._name(event),
        )

    def _has_laws(self) -> bool:
        return any(reaction.getKineticLaw() is not None for _, reaction, *_ in self.reactions)

    def _packages(self) -> tuple[UnsupportedFeature, ...]:
        found = []
        document, model = self.document, self.model
        for i in range(document.getNumPlugins()):
            package = document.getPlugin(i).getPackageName()
            if document.getPackageRequired(package) and package not in _STATIC_PACKAGES:
                found.append(UnsupportedFeature(f"SBML package '{package}'", model.getId()))
        flux_balance = model.getPlugin("fbc")
        if flux_balance is not None and flux_balance.getNumObjectives() and not self._has_laws():
            detail = "its fluxes come from an optimisation, not from kinetic laws"
            found.append(UnsupportedFeature("flux balance model (package fbc)", model.getId(), detail))
        return tuple(found)
