"""Enumerate a folding: write out every reaction of the indexed network under its own id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import TypeVar

import numpy as np

from converters.collector import paused_collection
from converters.folding import Folding, Identity, Writing, blank_references
from icrn_core.icrn import ICRN, IndexDomain, IndexedAssignment, IndexedReaction, Reference, Term
from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import (
    AssignmentRule,
    Compartment,
    Network,
    Parameter,
    Reaction,
    Species,
    SpeciesReference,
)

Entry = TypeVar("Entry")
References = tuple[SpeciesReference, ...]


@paused_collection()
def enumerate_network(folding: Folding) -> Network:
    """Return the flat network of a folding, with the values its tensors hold.

    The inverse of folding: the blanks of the skeleton are filled in from the indexed
    reactions, the identity table and the value tensors, in time linear in the network.

    Parameters
    ----------
    folding : Folding
        A folded network; its ``values`` may have been changed since it was folded.

    Returns
    -------
    Network
        With every id, name, unit and flag of the original, in its order.
    """
    writer = _Writer(folding)
    skeleton = folding.skeleton
    laws = writer.laws()
    sides = writer.sides()
    values = writer.values_by_id()
    amounts = writer.given_as_amounts()
    return replace(
        skeleton,
        compartments=tuple([_fill_size(c, values) for c in skeleton.compartments]),
        species=tuple([_fill_initial(s, values, amounts) for s in skeleton.species]),
        parameters=tuple([_fill_value(p, values) for p in skeleton.parameters]),
        reactions=tuple([_fill_reaction(r, laws["reaction"], sides) for r in skeleton.reactions]),
        rules=tuple(_fill_rule(rule, laws) for rule in skeleton.rules),
        initial_assignments=tuple(_fill(a, laws["initial assignment"]) for a in skeleton.initial_assignments),
    )


def _fill_size(compartment: Compartment, values: Mapping[str, float]) -> Compartment:
    return compartment.with_size(values[compartment.id]) if compartment.id in values else compartment


def _fill_value(parameter: Parameter, values: Mapping[str, float]) -> Parameter:
    return parameter.with_value(values[parameter.id]) if parameter.id in values else parameter


def _fill_initial(species: Species, values: Mapping[str, float], amounts: frozenset[str]) -> Species:
    if species.id not in values:
        return species
    if species.id in amounts:
        return species.with_initial(values[species.id], species.initial_concentration)
    return species.with_initial(species.initial_amount, values[species.id])


def _fill_reaction(
    reaction: Reaction,
    laws: Mapping[str, Expression],
    sides: Mapping[str, tuple[References, References]],
) -> Reaction:
    if reaction.id not in laws:
        return reaction
    reactants, products = sides[reaction.id]
    return reaction.with_terms(
        _fill_references(reaction.reactants, reactants),
        _fill_references(reaction.products, products),
        laws[reaction.id],
    )


def _fill_references(blanks: References, references: References) -> References:
    """Fill the references that name no species, in order."""
    if blanks == blank_references(len(blanks)):
        return references
    rest = iter(references)
    return tuple([blank if blank.species else _with_flags(next(rest), blank) for blank in blanks])


def _with_flags(reference: SpeciesReference, blank: SpeciesReference) -> SpeciesReference:
    return SpeciesReference(reference.species, reference.stoichiometry, blank.id, blank.is_constant)


def _fill_rule(rule, laws: dict[str, dict[str, Expression]]):
    variable = getattr(rule, "variable", None)
    if variable is None:
        return rule
    return _fill(rule, laws["assignment rule" if isinstance(rule, AssignmentRule) else "rate rule"])


def _fill(item, laws: dict[str, Expression]):
    return replace(item, math=laws[item.variable]) if item.variable in laws else item


class _Writer:
    """Looks up what the tuples of the indexed reactions stand for, a column of tuples at a time."""

    def __init__(self, folding: Folding) -> None:
        self.icrn: ICRN = folding.icrn
        self.identity: Identity = folding.identity
        self.joined = {join.forward: join for join in folding.joins}
        self.by_name = {r.name: r for r in folding.icrn.reactions}
        self.shapes = {b.name: b.shape for b in self.icrn.bases}
        self.values = {base: np.ravel(tensor).tolist() for base, tensor in folding.values.items()}

    def values_by_id(self) -> dict[str, float]:
        """Values that the tensors give, by id."""
        found: dict[str, float] = {}
        for base, values in self.values.items():
            ids = self.identity.entries[base]
            found.update([(i, v) for i, v in zip(ids, values, strict=True) if v == v])
        return found

    def given_as_amounts(self) -> frozenset[str]:
        """Ids of the species whose initial value is an amount."""
        bases = [base.name for base in self.icrn.species if base.initial_unit == "amount"]
        return frozenset().union(*(self.identity.entries[base] for base in bases))

    def laws(self) -> dict[str, dict[str, Expression]]:
        """Laws by role and id."""
        found: dict[str, dict[str, Expression]] = {
            role: {} for role in ("reaction", "rate rule", "assignment rule", "initial assignment", "derived")
        }
        for item in (*self.icrn.reactions, *self.icrn.assignments, *self.icrn.initial_assignments):
            role = self.identity.roles[item.name]
            if role != "derived":
                template, slots = self._template(item)
                leaves = [self._leaves(slot, item.domain) for slot in slots]
                ids = self.identity.tuples[item.name]
                found[role].update(zip(ids, _laws(template, leaves, len(ids)), strict=True))
                for writing, rows in self._written_otherwise(item.name):
                    some = [[column[row] for row in rows] for column in leaves]
                    laws = _laws(writing.law, some, len(rows))
                    found[role].update(zip([ids[row] for row in rows], laws, strict=True))
        return found

    def sides(self) -> dict[str, tuple[References, References]]:
        """Reactants and products by reaction id."""
        found: dict[str, tuple[References, References]] = {}
        for reaction in self.icrn.reactions:
            if self.identity.roles[reaction.name] == "reaction":
                reactants = self._side(reaction.reactants, reaction.domain)
                products = self._side(reaction.products, reaction.domain)
                for writing, rows in self._written_otherwise(reaction.name):
                    for row in rows:
                        reactants[row] = tuple([reactants[row][k] for k in writing.reactants])
                        products[row] = tuple([products[row][k] for k in writing.products])
                ids = self.identity.tuples[reaction.name]
                found.update(zip(ids, zip(reactants, products, strict=True), strict=True))
        return found

    def _written_otherwise(self, name: str) -> Iterator[tuple[Writing, list[int]]]:
        """Each other order in which an indexed reaction or rule is written, and the tuples in it."""
        written = np.array(self.identity.written.get(name, ()), dtype=np.int64)
        for which, writing in enumerate(self.identity.writings.get(name, ()), start=1):
            yield writing, np.flatnonzero(written == which).tolist()

    def _template(self, item: IndexedReaction | IndexedAssignment) -> tuple:
        """Return template and slots of an item's law in the flat network."""
        join = self.joined.get(item.name)
        if join is None:
            return item.law.template, item.slots
        return join.template, (*item.slots, *self.by_name[join.backward].slots)

    def _side(self, terms: Sequence[Term], domain: IndexDomain) -> list[References]:
        """Return reactants, or products, by tuple."""
        columns = [self._references(term, domain) for term in terms]
        return list(zip(*columns, strict=True)) if columns else [()] * domain.size

    def _references(self, term: Term, domain: IndexDomain) -> list[SpeciesReference]:
        ids = self.identity.entries[term.species.base]
        return self._column(term.species, domain, lambda p: SpeciesReference(ids[p], term.stoichiometry))

    def _leaves(self, slot: Reference, domain: IndexDomain) -> list[Expression]:
        """Return what stands in a slot of the law, by tuple."""
        ids = self.identity.entries[slot.base]
        values = self.values.get(slot.base)
        return self._column(slot, domain, lambda p: symbol(ids[p]) if ids[p] else number(values[p]))

    def _column(self, reference: Reference, domain: IndexDomain, make: Callable[[int], Entry]) -> list[Entry]:
        """Make one object for each entry that a reference meets; return them by tuple."""
        positions = flat_positions(reference, domain, self.shapes[reference.base]).tolist()
        made = {p: make(p) for p in set(positions)}
        return [made[p] for p in positions]


def flat_positions(reference: Reference, domain: IndexDomain, shape: tuple[int, ...]) -> np.ndarray:
    """Return the flat position of a reference in its base's tensor for every tuple of a domain.

    Parameters
    ----------
    reference : Reference
        Base and indices.
    domain : IndexDomain
        Where its index symbols range.
    shape : tuple of int
        Shape of the base's tensor.

    Returns
    -------
    int array, shape (domain.size,)
    """
    column = {s.name: k for k, s in enumerate(domain.symbols)}
    tuples = domain.tuples()
    position = np.zeros(domain.size, dtype=np.int64)
    for index, length in zip(reference.indices, shape, strict=True):
        position = position * length + (index if isinstance(index, int) else tuples[:, column[index]])
    return position


def _laws(template: tuple | float, leaves: Sequence[list[Expression]], n_tuples: int) -> list[Expression]:
    """Return the law of every tuple: the template with its slots replaced by their leaves."""
    if not isinstance(template, tuple):
        return [number(template)] * n_tuples
    op, *operands = template
    if op == "slot":
        return leaves[operands[0]]
    if not operands:
        return [apply(op)] * n_tuples
    columns = [_laws(operand, leaves, n_tuples) for operand in operands]
    return list(map(Expression, repeat(op), zip(*columns, strict=True)))
