"""The flat reaction network: what an SBML or Antimony file says, exactly and in file order.

The ``with_...`` methods do for whole networks of elements what `dataclasses.replace` does for
a few: they list the fields themselves, which is several times faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from icrn_io.expression import Expression


@dataclass(frozen=True, slots=True)
class UnitDefinition:
    """A named unit: the product of ``(multiplier * 10**scale * kind)**exponent``."""

    id: str
    units: tuple[tuple[str, float, int, float], ...]  # (kind, exponent, scale, multiplier)
    name: str = ""


@dataclass(frozen=True, slots=True)
class ModelUnits:
    """Units of the model as a whole (ids of unit definitions or SBML base units; "" = unset)."""

    substance: str = ""
    time: str = ""
    volume: str = ""
    area: str = ""
    length: str = ""
    extent: str = ""


@dataclass(frozen=True, slots=True)
class Compartment:
    """A compartment; ``size`` is in the compartment's units, None when the file gives none."""

    id: str
    size: float | None = None
    is_constant: bool = True
    spatial_dimensions: float = 3.0
    units: str = ""
    name: str = ""

    def with_size(self, size: float | None) -> Compartment:
        """Return the compartment with another size."""
        return Compartment(self.id, size, self.is_constant, self.spatial_dimensions, self.units, self.name)


@dataclass(frozen=True, slots=True)
class Species:
    """A species; at most one of ``initial_amount`` and ``initial_concentration`` is given.

    In formulas its id stands for its amount when ``has_only_substance_units`` is set, else
    for its concentration, amount / compartment size (SBML L3V2, section 4.6.5).
    """

    id: str
    compartment: str
    initial_amount: float | None = None
    initial_concentration: float | None = None
    has_only_substance_units: bool = False
    is_boundary: bool = False
    is_constant: bool = False
    conversion_factor: str = ""
    substance_units: str = ""
    name: str = ""

    def with_initial(self, amount: float | None, concentration: float | None) -> Species:
        """Return the species with another initial amount and concentration."""
        return Species(
            self.id,
            self.compartment,
            amount,
            concentration,
            self.has_only_substance_units,
            self.is_boundary,
            self.is_constant,
            self.conversion_factor,
            self.substance_units,
            self.name,
        )


@dataclass(frozen=True, slots=True)
class Parameter:
    """A global parameter, or a local one lifted out of its kinetic law.

    A local parameter ``k`` of reaction ``J`` gets the id ``J_k`` (made unique where that is
    taken); ``local_to`` then holds ``(reaction id, original local id)``.
    """

    id: str
    value: float | None = None
    is_constant: bool = True
    units: str = ""
    name: str = ""
    local_to: tuple[str, str] | None = None

    def with_value(self, value: float | None) -> Parameter:
        """Return the parameter with another value."""
        return Parameter(self.id, value, self.is_constant, self.units, self.name, self.local_to)


@dataclass(frozen=True, slots=True)
class SpeciesReference:
    """Species and stoichiometry in a reaction; ``stoichiometry`` None when the file gives none."""

    species: str
    stoichiometry: float | None = 1.0
    id: str = ""
    is_constant: bool = True


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction; its flux, the value of ``kinetic_law``, is in extent (amount) per time.

    Species references are kept as the file lists them: repeated ones are not summed.
    Function definitions are expanded in the law and local parameters renamed to global ids.
    """

    id: str
    reactants: tuple[SpeciesReference, ...] = ()
    products: tuple[SpeciesReference, ...] = ()
    modifiers: tuple[str, ...] = ()
    kinetic_law: Expression | None = None
    is_reversible: bool = False
    is_fast: bool = False
    compartment: str = ""
    name: str = ""

    def with_terms(
        self,
        reactants: tuple[SpeciesReference, ...],
        products: tuple[SpeciesReference, ...],
        kinetic_law: Expression | None,
    ) -> Reaction:
        """Return the reaction with other reactants, products and kinetic law."""
        return Reaction(
            self.id,
            reactants,
            products,
            self.modifiers,
            kinetic_law,
            self.is_reversible,
            self.is_fast,
            self.compartment,
            self.name,
        )


@dataclass(frozen=True, slots=True)
class InitialAssignment:
    """``variable = math`` at the initial time; overrides the value attribute."""

    variable: str
    math: Expression | None


@dataclass(frozen=True, slots=True)
class AssignmentRule:
    """``variable = math`` at all times."""

    variable: str
    math: Expression | None


@dataclass(frozen=True, slots=True)
class RateRule:
    """``d variable / dt = math``."""

    variable: str
    math: Expression | None


@dataclass(frozen=True, slots=True)
class AlgebraicRule:
    """``0 = math``."""

    math: Expression | None


@dataclass(frozen=True, slots=True)
class EventAssignment:
    """``variable = math`` when its event is executed."""

    variable: str
    math: Expression | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event (SBML L3V2, section 4.11)."""

    id: str
    trigger: Expression | None
    assignments: tuple[EventAssignment, ...] = ()
    delay: Expression | None = None
    priority: Expression | None = None
    trigger_initial_value: bool = True
    trigger_persistent: bool = True
    use_values_from_trigger_time: bool = True
    name: str = ""


@dataclass(frozen=True, slots=True)
class UnsupportedFeature:
    """Something the file uses that `Network` has no place for; later stages refuse it by name."""

    feature: str
    element_id: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """The file a network was read from.

    Attributes
    ----------
    sbml : bytes
        The SBML text, decompressed; for an Antimony file its translation.
    text : bytes
        What the user gave (the same as ``sbml`` unless it was Antimony).
    format : str
        ``"sbml"`` or ``"antimony"``.
    """

    sbml: bytes
    text: bytes
    format: str = "sbml"


@dataclass(frozen=True)
class Network:
    """A flat reaction network; ``==`` is exact, on everything but the source document.

    Every tuple is in file order. Ids are unique over compartments, species, parameters,
    reactions and species references.
    """

    id: str = ""
    name: str = ""
    units: ModelUnits = ModelUnits()
    unit_definitions: tuple[UnitDefinition, ...] = ()
    compartments: tuple[Compartment, ...] = ()
    species: tuple[Species, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    initial_assignments: tuple[InitialAssignment, ...] = ()
    rules: tuple[AssignmentRule | RateRule | AlgebraicRule, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    events: tuple[Event, ...] = ()
    conversion_factor: str = ""
    unsupported: tuple[UnsupportedFeature, ...] = ()
    source: SourceDocument | None = field(default=None, compare=False, repr=False)
