"""What each id of a network is to the dynamics: its role, its units, what it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from converters.fold.words import Words
from converters.quantities import symbol_quantities
from icrn_io.expression import Expression
from icrn_io.network import AssignmentRule, Network, RateRule, Species


@dataclass(frozen=True)
class Signature:
    """Elements of one base share a signature.

    Attributes
    ----------
    kind : str
        ``"species"``, ``"parameter"``, ``"compartment"``, ``"flux"``.
    form : str
        ``"state"`` (changes by reactions or a rate rule, or could), ``"constant"`` or
        ``"assigned"``.
    flags : tuple
        For species: boundary, units of state, laws and initial value, form of the compartment,
        whether a conversion factor takes part; for parameters: whether it is such a factor.
    """

    kind: str
    form: str
    flags: tuple = ()

    @property
    def is_placement(self) -> bool:
        """Whether species refer to them by `Placement`, so that all must stand in one base."""
        return self.kind == "compartment" or self.flags == ("conversion factor",)


@dataclass(frozen=True)
class Elements:
    """Every id that laws can name, with its code and signature.

    Reaction ids that laws read (their value is the flux) are elements of kind ``"flux"``.
    """

    network: Network
    read_fluxes: frozenset[str]

    @cached_property
    def assigned(self) -> frozenset[str]:
        """Variables of assignment rules."""
        return frozenset(r.variable for r in self.network.rules if isinstance(r, AssignmentRule))

    @cached_property
    def rated(self) -> frozenset[str]:
        """Variables of rate rules."""
        return frozenset(r.variable for r in self.network.rules if isinstance(r, RateRule))

    @cached_property
    def signatures(self) -> dict[str, Signature]:
        """Id → signature: compartments, species, parameters and fluxes, each in file order."""
        found = {c.id: Signature("compartment", self._form(c.id)) for c in self.network.compartments}
        found |= {s.id: self._species_signature(s) for s in self.network.species}
        found |= {p.id: self._parameter_signature(p.id) for p in self.network.parameters}
        found |= {
            r.id: Signature("flux", "assigned") for r in self.network.reactions if r.id in self.read_fluxes
        }
        return found

    @cached_property
    def species(self) -> dict[str, Species]:
        """Species by id."""
        return {s.id: s for s in self.network.species}

    @cached_property
    def factors(self) -> frozenset[str]:
        """Parameters that are conversion factors."""
        return frozenset(filter(None, map(self.conversion_factor, self.network.species)))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids in order of their codes."""
        return tuple(self.signatures)

    @cached_property
    def code(self) -> dict[str, int]:
        """Id → code."""
        return {element_id: code for code, element_id in enumerate(self.ids)}

    @cached_property
    def signature_of(self) -> tuple[Signature, ...]:
        """Signature of each code."""
        return tuple(self.signatures.values())

    @cached_property
    def words(self) -> Words:
        """The labels that candidate labellings give to the elements."""
        return Words()

    @cached_property
    def own_words(self) -> np.ndarray:
        """Code of each element's own id as a label, shape (n_elements,)."""
        return self.words.codes(self.ids)

    @cached_property
    def kinds(self) -> np.ndarray:
        """Number of each element's signature, shape (n_elements,); constants come before states."""
        ranks = {"compartment": 0, "parameter": 1, "flux": 2, "species": 3}
        distinct = sorted(set(self.signatures.values()), key=lambda s: (ranks[s.kind], s.form, repr(s.flags)))
        number = {signature: k for k, signature in enumerate(distinct)}
        return np.array([number[s] for s in self.signatures.values()], dtype=np.int64)

    @cached_property
    def size_behind(self) -> dict[str, str]:
        """Species whose id stands for a concentration → the compartment whose size it needs."""
        return {s.id: s.compartment for s in self.network.species if self.law_unit(s) == "concentration"}

    def read_by(self, law: Expression) -> frozenset[str]:
        """Ids whose values a law needs, the compartments of its concentrations among them."""
        symbols = law.symbols()
        return symbols | {self.size_behind[s] for s in symbols if s in self.size_behind}

    @cached_property
    def _law_units(self) -> dict[str, str]:
        return symbol_quantities(self.network)

    def law_unit(self, species: Species) -> str:
        """Return what a species' id stands for in formulas: "amount" or "concentration"."""
        return self._law_units[species.id]

    def initial_unit(self, species: Species) -> str:
        """Return what a species' initial value is given in; its law unit where the file gives none."""
        if species.initial_amount is not None:
            return "amount"
        return self.law_unit(species) if species.initial_concentration is None else "concentration"

    def conversion_factor(self, species: Species) -> str:
        """Id of the conversion factor of a species, "" without one."""
        return species.conversion_factor or self.network.conversion_factor

    def _form(self, element_id: str) -> str:
        if element_id in self.assigned:
            return "assigned"
        return "state" if element_id in self.rated else "constant"

    def _parameter_signature(self, parameter_id: str) -> Signature:
        flags = ("conversion factor",) if parameter_id in self.factors else ()
        return Signature("parameter", self._form(parameter_id), flags)

    def _species_signature(self, species: Species) -> Signature:
        if species.id in self.assigned:
            return Signature("species", "assigned", (self.law_unit(species),))
        law_unit = self.law_unit(species)
        is_rated = species.id in self.rated
        state_unit = law_unit if is_rated else "amount"
        is_boundary = (species.is_boundary or species.is_constant) and not is_rated
        factor = "" if is_boundary or is_rated else self.conversion_factor(species)
        compartment = self._form(species.compartment)
        flags = (is_boundary, state_unit, law_unit, self.initial_unit(species), compartment, bool(factor))
        return Signature("species", "state", flags)
