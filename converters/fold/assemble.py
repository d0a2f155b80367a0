"""Turn a plan into an ICRN, its value tensors and its identity table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from converters.fold.bases import Bases
from converters.fold.directions import Template, is_mass_action, map_slots, split_directions
from converters.fold.domains import DomainDraft, Plan
from converters.fold.elements import Elements
from converters.fold.naming import symbol_names
from converters.fold.patterns import pattern_words
from converters.fold.templates import SLOT, nested_template
from converters.fold.writings import Form, written_forms
from converters.folding import GroupReport, Identity, Join, Writing
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


def assemble(plan: Plan, elements: Elements, values: np.ndarray, name: str) -> Assembly:
    """Return the ICRN of a plan with its values, identity table, joins and group reports.

    Parameters
    ----------
    plan : Plan
        Its stages are reactions, assignments and initial assignments.
    elements : Elements
        The elements of the network.
    values : float array, shape (n_elements,)
        Value of each element, NaN where it has none.
    name : str
        Name of the ICRN.
    """
    maker = _Assembler(plan, Bases(plan, elements, values))
    reactions = [r for domain in plan.stages[0] for r in maker.reactions(domain)]
    assignments = [maker.assignment(domain, "assignment") for domain in plan.stages[1]]
    initial = [maker.assignment(domain, "initial") for domain in plan.stages[2]]
    species, constants, assigned = maker.bases.finished()
    icrn = ICRN(species, constants, assigned, tuple(reactions), tuple(assignments), tuple(initial), name)
    identity = Identity(maker.bases.entries, maker.tuples, maker.roles, maker.writings, maker.written)
    return Assembly(icrn, maker.bases.values, identity, tuple(maker.joins), tuple(maker.reports))


@dataclass(frozen=True)
class _Written:
    """The items of a domain as one indexed reaction or rule.

    ``reactants``, ``products``, ``law`` and ``slots`` are those of the commonest writing; the
    laws of ``others`` are templates over the same slots.
    """

    domain: IndexDomain
    reactants: tuple[Term, ...]
    products: tuple[Term, ...]
    law: Template
    slots: tuple[Reference, ...]
    ids: tuple[str, ...]
    others: tuple[Writing, ...]
    which: tuple[int, ...]


@dataclass
class _Assembler:
    """Makes indexed reactions and assignments, one domain at a time."""

    plan: Plan
    bases: Bases
    tuples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    writings: dict[str, tuple[Writing, ...]] = field(default_factory=dict)
    written: dict[str, tuple[int, ...]] = field(default_factory=dict)
    joins: list[Join] = field(default_factory=list)
    reports: list[GroupReport] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ids = frozenset((*self.plan.labelling.elements.ids, *self.bases.names))

    def reactions(self, draft: DomainDraft) -> list[IndexedReaction]:
        """Return the indexed reaction of a domain, or its two directions."""
        role = draft.block.group.role
        found = self._written(draft)
        name = self._name(role)
        self._register(name, draft, found)
        directions = split_directions(found.law) if role == "reaction" else None
        if directions is not None:
            forward = _renumber(directions[0], found.slots)
            backward = _renumber(directions[1], found.slots)
            left, right, names = found.reactants, found.products, self.bases.species_names
            if is_mass_action(*forward, left, names) and is_mass_action(*backward, right, names):
                back = f"{name}_back"
                self.tuples[back], self.roles[back] = found.ids, "derived"
                both = (*forward[1], *backward[1])
                self.joins.append(Join(name, back, _joined(found.law, found.slots, both)))
                if found.others:
                    self.writings[name] = tuple(
                        Writing(w.reactants, w.products, _joined(w.law, found.slots, both))
                        for w in found.others
                    )
                return [
                    IndexedReaction(name, found.domain, left, right, RateLaw(forward[0]), forward[1]),
                    IndexedReaction(back, found.domain, right, left, RateLaw(backward[0]), backward[1]),
                ]
        law = RateLaw(found.law)
        return [IndexedReaction(name, found.domain, found.reactants, found.products, law, found.slots)]

    def assignment(self, draft: DomainDraft, stage: str) -> IndexedAssignment:
        """Return the indexed assignment of a domain."""
        found = self._written(draft)
        name = self._name(stage)
        self._register(name, draft, found)
        target = found.products[0].species
        return IndexedAssignment(name, found.domain, target, RateLaw(found.law), found.slots)

    def _name(self, stage: str) -> str:
        self.counts[stage] = self.counts.get(stage, 0) + 1
        return f"{_PREFIX[stage]}{self.counts[stage]}"

    def _register(self, name: str, draft: DomainDraft, found: _Written) -> None:
        self.tuples[name] = found.ids
        self.roles[name] = draft.block.group.role
        if found.others:
            self.writings[name] = found.others
            self.written[name] = found.which
        drafts = [self.plan.labelling.drafts[d] for d in draft.block.drafts]
        pattern = (
            pattern_words(draft.pattern, [s.name for s in found.domain.symbols]) if draft.symbols else ""
        )
        self.reports.append(
            GroupReport(
                name,
                draft.n_rows,
                draft.form,
                pattern,
                draft.n_rows / draft.n_cells,
                draft.exceptions,
                ", ".join(dict.fromkeys(d.how for d in drafts if d.how)) if draft.symbols else "",
            )
        )

    def _written(self, draft: DomainDraft) -> _Written:
        """Return the items of a domain with references for what their columns hold."""
        group, block = draft.block.group, draft.block
        order, domain = self._domain(draft)
        columns = [
            Reference(self.bases.names[base], self._indices(base, indices, domain))
            for base, indices in zip(block.drafts, draft.indices, strict=True)
        ]
        domain, numbers = self.bases.number_references(domain, group.numbers[block.rows][order])
        held = {"element": columns, "number": numbers}
        forms, which = written_forms(block)
        leaves = [
            [value if kind == "literal" else held[kind][value] for kind, value in form.leaves]
            for form in forms
        ]
        slots = tuple(dict.fromkeys(leaf for leaf in leaves[0] if isinstance(leaf, Reference)))
        laws = [_law(form, found, slots) for form, found in zip(forms, leaves, strict=True)]
        stoichiometry = (*group.reactant_stoichiometry, *group.product_stoichiometry)
        terms = [Term(columns[c], stoichiometry[c]) for c in range(group.n_terms)]
        first = forms[0]
        return _Written(
            domain,
            tuple(terms[c] for c in first.reactants),
            tuple(terms[c] for c in first.products),
            laws[0],
            slots,
            tuple(group.ids[block.rows[order]].tolist()),
            tuple(
                Writing(_places(form.reactants, first.reactants), _places(form.products, first.products), law)
                for form, law in zip(forms[1:], laws[1:], strict=True)
            ),
            tuple(which[order].tolist()),
        )

    def _domain(self, draft: DomainDraft) -> tuple[np.ndarray, IndexDomain]:
        """Row order and index domain: dense domains in C order, relations in file order."""
        sets = [self.bases.index_sets[s.class_number] for s in draft.symbols]
        names = symbol_names(sets, self.bases.index_sets, self.bases.list_names, self.ids)
        symbols = tuple(IndexSymbol(n, s) for n, s in zip(names, sets, strict=True))
        positions = draft.positions
        if draft.form == "relation":
            return np.arange(draft.n_rows), IndexDomain(symbols, relation=positions)
        order = np.lexsort(positions.T[::-1]) if symbols else np.arange(draft.n_rows)
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


def _places(columns: Sequence[int], first: Sequence[int]) -> tuple[int, ...]:
    return tuple(first.index(column) for column in columns)


def _law(form: Form, leaves: Sequence[Reference | float], slots: Sequence[Reference]) -> Template:
    return nested_template(
        form.template, [(SLOT, slots.index(x)) if isinstance(x, Reference) else x for x in leaves]
    )


def _renumber(template: Template, slots: Sequence[Reference]) -> tuple[Template, tuple[Reference, ...]]:
    """Return the template over the slots it uses, and those."""
    used: dict[int, int] = {}
    renumbered = map_slots(template, lambda slot: used.setdefault(slot, len(used)))
    return renumbered, tuple(slots[slot] for slot in used)


def _joined(template: Template, slots: Sequence[Reference], both: Sequence[Reference]) -> Template:
    """Return the template over ``both``, the slots of the two directions one after the other."""
    return map_slots(template, lambda slot: both.index(slots[slot]))
