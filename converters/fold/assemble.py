"""Turn a plan into an ICRN, its value tensors and its identity table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from converters.fold.bases import Bases
from converters.fold.directions import Template, is_mass_action, map_slots, split_directions
from converters.fold.domains import DomainDraft, Plan
from converters.fold.elements import Elements
from converters.fold.facts import SLOT, nested_template
from converters.fold.naming import symbol_names
from converters.folding import GroupReport, Identity, Join
from icrn_core.icrn import (
    ICRN,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    IndexSymbol,
    RateLaw,
    Reference,
    Term,
)

_PREFIX = {"reaction": "R", "rate rule": "D", "assignment": "A", "initial": "I"}


@dataclass(frozen=True)
class Assembly:
    """What `assemble` makes of a plan."""

    icrn: ICRN
    values: Mapping[str, np.ndarray]
    identity: Identity
    joins: tuple[Join, ...]
    groups: tuple[GroupReport, ...]


def assemble(plan: Plan, elements: Elements, values: Mapping[int, float], name: str) -> Assembly:
    """Return the ICRN of a plan with its values, identity table, joins and group reports.

    Parameters
    ----------
    plan : Plan
        Its stages are reactions, assignments and initial assignments.
    elements : Elements
        The elements of the network.
    values : mapping of int to float
        Value of each element code that has one.
    name : str
        Name of the ICRN.
    """
    maker = _Assembler(plan, Bases(plan, elements, values))
    reactions = [r for domain in plan.stages[0] for r in maker.reactions(domain)]
    assignments = [maker.assignment(domain, "assignment") for domain in plan.stages[1]]
    initial = [maker.assignment(domain, "initial") for domain in plan.stages[2]]
    species, constants, assigned = maker.bases.finished()
    icrn = ICRN(species, constants, assigned, tuple(reactions), tuple(assignments), tuple(initial), name)
    identity = Identity(maker.bases.entries, maker.tuples, maker.roles)
    return Assembly(icrn, maker.bases.values, identity, tuple(maker.joins), tuple(maker.reports))


class _Assembler:
    """Makes indexed reactions and assignments, one domain at a time."""

    def __init__(self, plan: Plan, bases: Bases) -> None:
        self.plan = plan
        self.bases = bases
        self.ids = frozenset(plan.labelling.elements.ids)
        self.tuples: dict[str, tuple[str, ...]] = {}
        self.roles: dict[str, str] = {}
        self.joins: list[Join] = []
        self.reports: list[GroupReport] = []
        self.counts: dict[str, int] = {}

    def reactions(self, draft: DomainDraft) -> list[IndexedReaction]:
        """Return the indexed reaction of a domain, or its two directions."""
        group = draft.block.group
        domain, columns, template, slots, ids = self._parts(draft)
        n_reactants = len(group.reactant_stoichiometry)
        reactants = _terms(columns[:n_reactants], group.reactant_stoichiometry)
        products = _terms(columns[n_reactants : group.n_terms], group.product_stoichiometry)
        name = self._name(group.role)
        self._register(name, group.role, ids, draft)
        directions = split_directions(template) if group.role == "reaction" else None
        if directions is not None:
            forward = _renumber(directions[0], slots)
            backward = _renumber(directions[1], slots)
            names = self.bases.species_names
            if is_mass_action(*forward, reactants, names) and is_mass_action(*backward, products, names):
                back = f"{name}_back"
                self._register(back, "derived", ids)
                self.joins.append(Join(name, back, _joined(template, slots, (*forward[1], *backward[1]))))
                return [
                    IndexedReaction(name, domain, reactants, products, RateLaw(forward[0]), forward[1]),
                    IndexedReaction(back, domain, products, reactants, RateLaw(backward[0]), backward[1]),
                ]
        return [IndexedReaction(name, domain, reactants, products, RateLaw(template), slots)]

    def assignment(self, draft: DomainDraft, stage: str) -> IndexedAssignment:
        """Return the indexed assignment of a domain."""
        domain, columns, template, slots, ids = self._parts(draft)
        name = self._name(stage)
        self._register(name, draft.block.group.role, ids, draft)
        return IndexedAssignment(name, domain, columns[0], RateLaw(template), slots)

    def _name(self, stage: str) -> str:
        self.counts[stage] = self.counts.get(stage, 0) + 1
        return f"{_PREFIX[stage]}{self.counts[stage]}"

    def _register(self, name: str, role: str, ids: tuple[str, ...], draft: DomainDraft | None = None) -> None:
        self.tuples[name] = ids
        self.roles[name] = role
        if draft is not None:
            self.reports.append(GroupReport(name, len(ids), draft.form, draft.why))

    def _parts(self, draft: DomainDraft):
        """Domain, references of the columns, template, references of the slots, ids by tuple."""
        group, block = draft.block.group, draft.block
        order, domain = self._domain(draft)
        columns = [
            Reference(self.bases.names[base], self._indices(base, indices, domain))
            for base, indices in zip(block.drafts, draft.indices, strict=True)
        ]
        numbers = group.numbers[block.rows][order]
        domain, number_references = self.bases.number_references(domain, numbers)
        held = {
            "element": columns[group.n_terms :],
            "number": number_references,
        }
        by_slot = [
            held[kind][position - group.n_terms if kind == "element" else position]
            for kind, position in group.slots
        ]
        distinct = tuple(dict.fromkeys(by_slot))
        template = nested_template(group.template, [(SLOT, distinct.index(r)) for r in by_slot])
        ids = tuple(group.ids[block.rows[row]] for row in order)
        return domain, columns, template, distinct, ids

    def _domain(self, draft: DomainDraft) -> tuple[np.ndarray, IndexDomain]:
        """Row order and index domain: dense domains in C order, relations in file order."""
        sets = [self.bases.index_sets[s.class_number] for s in draft.symbols]
        names = symbol_names(sets, self.bases.index_sets, self.bases.list_names, self.ids)
        symbols = tuple(IndexSymbol(n, s) for n, s in zip(names, sets, strict=True))
        n_rows = len(draft.block.rows)
        positions = np.empty((n_rows, len(symbols)), dtype=np.int64)
        for column, symbol in enumerate(draft.symbols):
            positions[:, column] = self.plan.axes.position(symbol.class_number, symbol.codes)
        if draft.form == "relation":
            return np.arange(n_rows), IndexDomain(symbols, relation=positions)
        order = np.lexsort(positions.T[::-1]) if symbols else np.arange(n_rows)
        if draft.form != "dense with missing entries":
            return order, IndexDomain(symbols)
        mask = np.zeros(tuple(len(s) for s in sets), dtype=bool)
        mask[tuple(positions.T)] = True
        return order, IndexDomain(symbols, mask=mask)

    def _indices(self, base: int, indices, domain: IndexDomain) -> tuple[str | int, ...]:
        found: list[str | int] = []
        for axis, (kind, value) in enumerate(indices):
            if kind == "symbol":
                found.append(domain.symbols[value].name)
            else:
                class_number = self.plan.axes.class_of[base, axis]
                found.append(int(self.plan.axes.position(class_number, np.array(value))))
        return tuple(found)


def _terms(columns: Sequence[Reference], stoichiometry: Sequence[float]) -> tuple[Term, ...]:
    return tuple(Term(reference, s) for reference, s in zip(columns, stoichiometry, strict=True))


def _renumber(template: Template, slots: Sequence[Reference]) -> tuple[Template, tuple[Reference, ...]]:
    """Return the template over the slots it uses, and those."""
    used: dict[int, int] = {}
    renumbered = map_slots(template, lambda slot: used.setdefault(slot, len(used)))
    return renumbered, tuple(slots[slot] for slot in used)


def _joined(template: Template, slots: Sequence[Reference], both: Sequence[Reference]) -> Template:
    """Return the template over ``both``, the slots of the two directions one after the other."""
    return map_slots(template, lambda slot: both.index(slots[slot]))
