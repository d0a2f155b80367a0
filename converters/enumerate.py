"""Enumerate a folding: write out every reaction of the indexed network under its own id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from converters.folding import Folding, Identity, Writing
from icrn_core.icrn import ICRN, IndexDomain, IndexedAssignment, IndexedReaction, Reference
from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import AssignmentRule, Network, Reaction, SpeciesReference


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
    terms = writer.terms()
    return replace(
        skeleton,
        compartments=tuple(writer.with_value(c, "size") for c in skeleton.compartments),
        species=tuple(writer.species(s) for s in skeleton.species),
        parameters=tuple(writer.with_value(p, "value") for p in skeleton.parameters),
        reactions=tuple(_fill_reaction(r, laws["reaction"], terms) for r in skeleton.reactions),
        rules=tuple(_fill_rule(rule, laws) for rule in skeleton.rules),
        initial_assignments=tuple(_fill(a, laws["initial assignment"]) for a in skeleton.initial_assignments),
    )


def _fill_reaction(reaction: Reaction, laws: dict[str, Expression], terms: dict) -> Reaction:
    if reaction.id not in laws:
        return reaction
    reactants, products = terms[reaction.id]
    return replace(
        reaction,
        reactants=_fill_references(reaction.reactants, iter(reactants)),
        products=_fill_references(reaction.products, iter(products)),
        kinetic_law=laws[reaction.id],
    )


def _fill_references(blanks: tuple[SpeciesReference, ...], terms: Iterator[tuple[str, float]]):
    """Fill the references that name no species, in order."""
    filled = []
    for blank in blanks:
        if blank.species:
            filled.append(blank)
        else:
            species, stoichiometry = next(terms)
            filled.append(SpeciesReference(species, stoichiometry, blank.id, blank.is_constant))
    return tuple(filled)


def _fill_rule(rule, laws: dict[str, dict[str, Expression]]):
    variable = getattr(rule, "variable", None)
    if variable is None:
        return rule
    return _fill(rule, laws["assignment rule" if isinstance(rule, AssignmentRule) else "rate rule"])


def _fill(item, laws: dict[str, Expression]):
    return replace(item, math=laws[item.variable]) if item.variable in laws else item


class _Writer:
    """Looks up what the tuples of the indexed reactions stand for."""

    def __init__(self, folding: Folding) -> None:
        self.folding = folding
        self.icrn: ICRN = folding.icrn
        self.identity: Identity = folding.identity
        self.joined = {join.forward: join for join in folding.joins}
        self.by_name = {r.name: r for r in folding.icrn.reactions}
        self.shapes = {b.name: b.shape for b in self.icrn.bases}
        self.units = {b.name: b.initial_unit for b in self.icrn.species}
        self.values = {base: np.ravel(tensor).tolist() for base, tensor in folding.values.items()}

    def value(self, element_id: str) -> float | None:
        """Value of a concrete id, None where no tensor gives one."""
        base, position = self.identity.positions[element_id]
        value = self.values[base][position] if base in self.values else float("nan")
        return value if value == value else None

    def with_value(self, element, name: str):
        """Return the element with its value filled in."""
        value = self.value(element.id)
        return element if value is None else replace(element, **{name: value})

    def species(self, species):
        """Return the species with its initial amount or concentration filled in."""
        base, _ = self.identity.positions[species.id]
        name = "initial_amount" if self.units.get(base) == "amount" else "initial_concentration"
        return self.with_value(species, name)

    def laws(self) -> dict[str, dict[str, Expression]]:
        """Laws by role and id."""
        found: dict[str, dict[str, Expression]] = {
            role: {} for role in ("reaction", "rate rule", "assignment rule", "initial assignment", "derived")
        }
        items = (*self.icrn.reactions, *self.icrn.assignments, *self.icrn.initial_assignments)
        for item in items:
            role = self.identity.roles[item.name]
            if role != "derived":
                ids = self.identity.tuples[item.name]
                leaves = self._slot_leaves(item)
                laws = _substitute(self._template(item), leaves, len(ids))
                found[role].update(zip(ids, laws, strict=True))
                for writing, rows in self._written_otherwise(item.name):
                    some = [[slot[row] for row in rows] for slot in leaves]
                    laws = _substitute(writing.law, some, len(rows))
                    found[role].update(zip([ids[row] for row in rows], laws, strict=True))
        return found

    def terms(self) -> dict[str, tuple[list[tuple[str, float]], list[tuple[str, float]]]]:
        """Reactants and products by reaction id."""
        found = {}
        for reaction in self.icrn.reactions:
            if self.identity.roles[reaction.name] != "reaction":
                continue
            sides = [
                [(self.ids(t.species, reaction.domain), t.stoichiometry) for t in side]
                for side in (reaction.reactants, reaction.products)
            ]
            reaction_ids = self.identity.tuples[reaction.name]
            for row, reaction_id in enumerate(reaction_ids):
                reactants, products = ([(ids[row], s) for ids, s in side] for side in sides)
                found[reaction_id] = (reactants, products)
            for writing, rows in self._written_otherwise(reaction.name):
                for reaction_id in (reaction_ids[row] for row in rows):
                    reactants, products = found[reaction_id]
                    found[reaction_id] = (
                        [reactants[k] for k in writing.reactants],
                        [products[k] for k in writing.products],
                    )
        return found

    def _written_otherwise(self, name: str) -> Iterator[tuple[Writing, list[int]]]:
        """Each other order in which an indexed reaction or rule is written, and the tuples in it."""
        written = np.array(self.identity.written.get(name, ()), dtype=np.int64)
        for number, writing in enumerate(self.identity.writings.get(name, ()), start=1):
            yield writing, np.flatnonzero(written == number).tolist()

    def _template(self, item: IndexedReaction | IndexedAssignment):
        join = self.joined.get(item.name)
        return item.law.template if join is None else join.template

    def _slot_leaves(self, item: IndexedReaction | IndexedAssignment) -> list[list[Expression]]:
        """For each slot of the law, its leaf for every tuple."""
        slots = item.slots
        if item.name in self.joined:
            slots = (*slots, *self.by_name[self.joined[item.name].backward].slots)
        return [self._leaves(reference, item.domain) for reference in slots]

    def _leaves(self, reference: Reference, domain: IndexDomain) -> list[Expression]:
        positions = self._positions(reference, domain).tolist()
        ids = self.identity.entries[reference.base]
        if ids[positions[0]]:
            return [symbol(ids[p]) for p in positions]
        values = self.values[reference.base]
        return [number(values[p]) for p in positions]

    def ids(self, reference: Reference, domain: IndexDomain) -> list[str]:
        """Concrete ids of a reference, one per tuple of the domain."""
        ids = self.identity.entries[reference.base]
        return [ids[p] for p in self._positions(reference, domain).tolist()]

    def _positions(self, reference: Reference, domain: IndexDomain) -> np.ndarray:
        return flat_positions(reference, domain, self.shapes[reference.base])


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


def _substitute(template, leaves: list[list[Expression]], n_tuples: int) -> list[Expression]:
    """Return the law of every tuple: the template with its slots replaced by their leaves."""
    build = _builder(template)
    if not leaves:
        return [build(())] * n_tuples
    return [build(row) for row in zip(*leaves, strict=True)]


def _builder(template) -> Callable[[tuple], Expression]:
    """Compile a template into a function from slot leaves to the expression."""
    if not isinstance(template, tuple):
        leaf = number(template)
        return lambda row: leaf
    op = template[0]
    if op == "slot":
        position = template[1]
        return lambda row: row[position]
    parts = [_builder(operand) for operand in template[1:]]
    return lambda row: apply(op, [part(row) for part in parts])
