"""A thin, checked face of libsbml for writing the models of this folder (SBML L3V2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import libsbml

CREATED = "2026-11-21T00:00:00Z"
SBO_RATE_CONSTANT = 9
SBO_MASS_ACTION = 12


@dataclass(frozen=True)
class Source:
    """Where the equations of a model were published.

    Attributes
    ----------
    citation : str
        Authors, title, journal and year, for people.
    described_by, derived_from : tuple of str
        Identifiers.org addresses of the papers that describe the model, and of what it was
        adapted from.
    """

    citation: str
    described_by: tuple[str, ...] = ()
    derived_from: tuple[str, ...] = ()


def must(code: int | None) -> None:
    """Raise where libsbml reports that it did not do what it was asked.

    Raises
    ------
    ValueError
        The return code is not success; the message is libsbml's name of it.
    """
    if code not in (None, libsbml.LIBSBML_OPERATION_SUCCESS):
        raise ValueError(f"libsbml refused: {libsbml.OperationReturnValue_toString(code)}")


class ModelWriter:
    """An SBML L3V2 model with one constant compartment, written element by element.

    Parameters
    ----------
    model_id, name : str
        Id and name of the model.
    units : mapping of str to list of (kind, exponent, scale, multiplier)
        Unit definitions: the product of ``(multiplier * 10**scale * kind)**exponent``.
    substance, time, volume : str
        Units of the model: ids of ``units`` or SBML base units. Extent has the unit of
        substance.
    compartment : (id, size)
        The compartment of all species; its size is in units of ``volume``.
    amounts : bool
        Whether the species are given, and stand in formulas, as amounts rather than
        concentrations.
    """

    def __init__(
        self,
        model_id: str,
        name: str,
        units: Mapping[str, list[tuple[int, int, int, float]]],
        *,
        substance: str,
        time: str,
        volume: str,
        compartment: tuple[str, float],
        amounts: bool = False,
    ) -> None:
        self.document = libsbml.SBMLDocument(3, 2)
        self.model = self.document.createModel()
        self.amounts = amounts
        self.compartment, size = compartment
        must(self.model.setId(model_id))
        must(self.model.setMetaId(f"meta_{model_id}"))
        must(self.model.setName(name))
        for unit_id, kinds in units.items():
            self._unit_definition(unit_id, kinds)
        must(self.model.setSubstanceUnits(substance))
        must(self.model.setExtentUnits(substance))
        must(self.model.setTimeUnits(time))
        must(self.model.setVolumeUnits(volume))
        element = self.model.createCompartment()
        must(element.setId(self.compartment))
        must(element.setConstant(True))
        must(element.setSpatialDimensions(3))
        must(element.setSize(size))
        must(element.setUnits(volume))

    def _unit_definition(self, unit_id: str, kinds: list[tuple[int, int, int, float]]) -> None:
        definition = self.model.createUnitDefinition()
        must(definition.setId(unit_id))
        for kind, exponent, scale, multiplier in kinds:
            unit = definition.createUnit()
            must(unit.setKind(kind))
            must(unit.setExponent(exponent))
            must(unit.setScale(scale))
            must(unit.setMultiplier(multiplier))

    def species(self, species_id: str, initial: float, name: str = "") -> str:
        """Add a species with its initial amount or concentration; return its id."""
        element = self.model.createSpecies()
        must(element.setId(species_id))
        if name:
            must(element.setName(name))
        must(element.setCompartment(self.compartment))
        must(element.setInitialAmount(initial) if self.amounts else element.setInitialConcentration(initial))
        must(element.setHasOnlySubstanceUnits(self.amounts))
        must(element.setSubstanceUnits(self.model.getSubstanceUnits()))
        must(element.setBoundaryCondition(False))
        must(element.setConstant(False))
        return species_id

    def parameter(self, parameter_id: str, value: float, units: str, name: str = "") -> str:
        """Add a rate constant; return its id."""
        element = self.model.createParameter()
        must(element.setId(parameter_id))
        if name:
            must(element.setName(name))
        must(element.setValue(value))
        must(element.setUnits(units))
        must(element.setConstant(True))
        must(element.setSBOTerm(SBO_RATE_CONSTANT))
        return parameter_id

    def mass_action(
        self,
        reaction_id: str,
        reactants: Iterable[str],
        products: Iterable[str],
        forward: str,
        backward: str = "",
    ) -> None:
        """Add a reaction of flux ``size * (forward * reactants - backward * products)``.

        A species that is named twice takes part twice. Without ``backward`` the reaction is
        irreversible; where species are amounts the factor ``size`` is left out.
        """
        reactants, products = list(reactants), list(products)
        reaction = self.model.createReaction()
        must(reaction.setId(reaction_id))
        must(reaction.setReversible(bool(backward)))
        for sides, create in ((reactants, reaction.createReactant), (products, reaction.createProduct)):
            for species_id in sides:
                reference = create()
                must(reference.setSpecies(species_id))
                must(reference.setStoichiometry(1))
                must(reference.setConstant(True))
        rate = " * ".join([forward, *reactants])
        if backward:
            rate = f"({rate} - {' * '.join([backward, *products])})"
        law = reaction.createKineticLaw()
        must(law.setSBOTerm(SBO_MASS_ACTION))
        must(law.setMath(libsbml.parseL3Formula(rate if self.amounts else f"{self.compartment} * {rate}")))

    def describe(self, source: Source, paragraphs: Iterable[str]) -> None:
        """Write the notes (XHTML, a paragraph each) and the annotation of the model."""
        body = "".join(f"<p>{text}</p>" for text in (*paragraphs, f"Source: {source.citation}"))
        must(self.model.setNotes(f'<body xmlns="http://www.w3.org/1999/xhtml">{body}</body>'))
        history = libsbml.ModelHistory()
        creator = libsbml.ModelCreator()
        must(creator.setFamilyName("authors"))
        must(creator.setGivenName("icrn-sbml"))
        must(history.addCreator(creator))
        must(history.setCreatedDate(libsbml.Date(CREATED)))
        must(history.addModifiedDate(libsbml.Date(CREATED)))
        must(self.model.setModelHistory(history))
        for qualifier, addresses in (
            (libsbml.BQM_IS_DESCRIBED_BY, source.described_by),
            (libsbml.BQM_IS_DERIVED_FROM, source.derived_from),
        ):
            for address in addresses:
                term = libsbml.CVTerm(libsbml.MODEL_QUALIFIER)
                must(term.setModelQualifierType(qualifier))
                must(term.addResource(address))
                must(self.model.addCVTerm(term))

    def to_bytes(self) -> bytes:
        """Return the document, after libsbml's consistency check.

        Raises
        ------
        ValueError
            The check found an error or a warning; the message lists them.
        """
        self.document.checkConsistency()
        log = [self.document.getError(k) for k in range(self.document.getNumErrors())]
        if log:
            messages = sorted({f"{error.getErrorId()}: {error.getMessage().strip()}" for error in log})
            raise ValueError(f"{self.model.getId()}: {len(log)} messages\n" + "\n".join(messages[:10]))
        return libsbml.writeSBMLToString(self.document).encode()


def digest(content: bytes) -> str:
    """Return a short fingerprint of a file, for the log of a regeneration."""
    return hashlib.sha256(content).hexdigest()[:12]
