"""Bases of a plan: their index sets, tensors, compartments and concrete ids."""

from __future__ import annotations

import numpy as np

from converters.fold.domains import Plan
from converters.fold.elements import Elements
from converters.fold.labelling import Draft
from converters.fold.naming import base_names, index_sets, unique_name
from icrn_core.icrn import (
    AssignedQuantity,
    BaseSpecies,
    IndexDomain,
    IndexSet,
    IndexSymbol,
    Placement,
    RateConstant,
    Reference,
)


class Bases:
    """Makes the bases of a plan and keeps their values and ids.

    Attributes
    ----------
    names : list of str
        Name of each draft's base.
    index_sets : list of IndexSet
        By class number of the plan's axes.
    list_names : set of str
        Names of index sets that only list elements.
    species_names : set of str
        Names of the base species.
    values : dict of str to float array
        Tensor of each base species and rate constant.
    entries : dict of str to tuple of str
        Ids of each base's entries in C order.
    """

    def __init__(self, plan: Plan, elements: Elements, values: np.ndarray) -> None:
        self.plan = plan
        self.elements = elements
        self.names = base_names(plan)
        self.index_sets = index_sets(plan, self.names)
        self.list_names = {n for n, d in zip(self.names, plan.labelling.drafts, strict=True) if d.is_list}
        self.values: dict[str, np.ndarray] = {}
        self.entries: dict[str, tuple[str, ...]] = {}
        self.flat = np.zeros(len(elements.ids), dtype=np.int64)
        for number, draft in enumerate(plan.labelling.drafts):
            self._place(number, draft, values)
        self.species_names = {
            n for n, d in zip(self.names, plan.labelling.drafts, strict=True) if d.signature.form == "state"
        }
        self.taken = set(self.names)
        self.numbers: list[float] = []
        self.number_tensors: list[RateConstant] = []
        self.number_set = IndexSet(
            unique_name("number", self.taken), tuple(str(k + 1) for k in range(_n_listed_numbers(plan)))
        )
        self.list_names.add(self.number_set.name)

    def _sets(self, number: int) -> tuple[IndexSet, ...]:
        n_axes = self.plan.labelling.drafts[number].n_axes
        return tuple(self.index_sets[self.plan.axes.class_of[number, axis]] for axis in range(n_axes))

    def _place(self, number: int, draft: Draft, values: np.ndarray) -> None:
        """Fill in flat positions, ids and values of a draft's members; holes hold 0."""
        shape = tuple(len(s) for s in self._sets(number))
        codes = self.plan.labelling.coordinates[draft.members]
        position = np.zeros(len(draft.members), dtype=np.int64)
        for axis, length in enumerate(shape):
            class_number = self.plan.axes.class_of[number, axis]
            position = position * length + self.plan.axes.position(class_number, codes[:, axis])
        self.flat[draft.members] = position
        ids = [""] * int(np.prod(shape, dtype=np.int64))
        for member, place in zip(draft.members.tolist(), position.tolist(), strict=True):
            ids[place] = self.elements.ids[member]
        self.entries[self.names[number]] = tuple(ids)
        if draft.signature.form != "assigned":
            tensor = np.zeros(len(ids))
            tensor[position] = values[draft.members]
            self.values[self.names[number]] = tensor.reshape(shape)

    def number_references(self, domain: IndexDomain, numbers: np.ndarray):
        """Return the domain and the references for anonymous numbers that differ over it.

        Over a dense domain they are a tensor of their own; elsewhere entries of one list,
        picked by further columns of the relation.

        Parameters
        ----------
        domain : IndexDomain
            The domain so far.
        numbers : float array, shape (domain.size, n_numbers)
            In the order of ``domain.tuples()``.
        """
        references = []
        for column in numbers.T:
            if domain.is_dense and domain.symbols:
                references.append(self._number_tensor(domain, column))
            elif not domain.is_dense:
                domain, reference = self._listed_column(domain, column)
                references.append(reference)
            else:
                self.numbers.append(float(column[0]))
                references.append(Reference(self.number_set.name, (len(self.numbers) - 1,)))
        return domain, references

    def _number_tensor(self, domain: IndexDomain, column: np.ndarray) -> Reference:
        name = unique_name("number", self.taken)
        tensor = np.zeros(domain.shape)
        tensor[tuple(domain.tuples().T)] = column
        self.number_tensors.append(RateConstant(name, tuple(s.index_set for s in domain.symbols)))
        self.values[name] = tensor
        self.entries[name] = ("",) * tensor.size
        return Reference(name, tuple(s.name for s in domain.symbols))

    def _listed_column(self, domain: IndexDomain, column: np.ndarray) -> tuple[IndexDomain, Reference]:
        """Add a relation column that picks the numbers from the list."""
        start = len(self.numbers)
        self.numbers.extend(column.tolist())
        n_before = sum(s.index_set is self.number_set for s in domain.symbols)
        symbol = IndexSymbol(f"{self.number_set.name}{n_before + 1}", self.number_set)
        picks = np.arange(start, start + len(column))[:, None]
        relation = np.concatenate([domain.relation, picks], axis=1)
        reference = Reference(self.number_set.name, (symbol.name,))
        return IndexDomain((*domain.symbols, symbol), relation=relation), reference

    def finished(self):
        """Return base species, rate constants and assigned quantities."""
        species, constants, assigned = [], [], []
        for number, draft in enumerate(self.plan.labelling.drafts):
            name, sets = self.names[number], self._sets(number)
            if draft.signature.form == "assigned":
                assigned.append(AssignedQuantity(name, sets))
            elif draft.signature.form == "constant":
                constants.append(RateConstant(name, sets))
            elif draft.signature.kind == "species":
                species.append(self._base_species(name, sets, draft))
            else:
                species.append(BaseSpecies(name, sets))
        return tuple(species), (*constants, *self.number_tensors, *self._number_list()), tuple(assigned)

    def _number_list(self) -> tuple[RateConstant, ...]:
        if not self.numbers:
            return ()
        name = self.number_set.name
        self.values[name] = np.array(self.numbers)
        self.entries[name] = ("",) * len(self.numbers)
        return (RateConstant(name, (self.number_set,)),)

    def _base_species(self, name: str, sets: tuple[IndexSet, ...], draft: Draft) -> BaseSpecies:
        is_boundary, state_unit, law_unit, initial_unit, _, has_factor = draft.signature.flags
        network_species = self.elements.species
        members = [network_species[self.elements.ids[m]] for m in draft.members.tolist()]
        factors = [self.elements.conversion_factor(s) for s in members]
        return BaseSpecies(
            name,
            sets,
            self._placement([s.compartment for s in members], draft, len(self.entries[name])),
            state_unit,
            law_unit,
            initial_unit,
            self._placement(factors, draft, len(self.entries[name])) if has_factor else None,
            is_boundary,
        )

    def _placement(self, ids: list[str], draft: Draft, size: int) -> Placement:
        """Where the elements in ``ids`` stand, one per member of the draft."""
        codes = np.array([self.elements.code[i] for i in ids])
        base = self.plan.labelling.draft_of[codes[0]]
        positions = self.flat[codes]
        if (positions == positions[0]).all():
            return Placement(self.names[base], (int(positions[0]),))
        everywhere = np.full(size, positions[0])
        everywhere[self.flat[draft.members]] = positions
        return Placement(self.names[base], tuple(everywhere.tolist()))


def _n_listed_numbers(plan: Plan) -> int:
    """How many anonymous numbers stand outside dense domains."""
    return sum(
        len(domain.block.rows) * domain.block.group.numbers.shape[1]
        for domain in plan.domains
        if not domain.form.startswith("dense")
    )
