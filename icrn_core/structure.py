"""Structure without names: what two ICRNs must share to be one compiled program.

Names of bases, reactions, index sets and labels, and the order in which a law numbers its
slots, do not matter to the dynamics. Two networks with equal `structure_key` have equal
tensors in the same places, so that what was compiled for one serves the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from icrn_core.icrn import (
    ICRN,
    BaseSpecies,
    Delay,
    Event,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    IndexSet,
    IndexSymbol,
    Placement,
    Reference,
    Term,
)
from icrn_core.law import canonical_law


def structure_key(icrn: ICRN) -> str:
    """Return a digest that is equal for networks that differ in names and labels only.

    Raises
    ------
    IcrnError
        A law has an operator that cannot be evaluated.
    """
    digest = blake2b(digest_size=20)
    for part in _Describer(icrn).parts():
        # A length before each part: no two sequences of parts give the same bytes.
        data = part if isinstance(part, bytes) else repr(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


class _Describer:
    """Describes a network by positions instead of names."""

    def __init__(self, icrn: ICRN) -> None:
        self.icrn = icrn
        self.numbers = {base.name: number for number, base in enumerate(icrn.bases)}

    def parts(self) -> Iterator[object]:
        """Yield plain values and the bytes of arrays that together are the structure."""
        icrn = self.icrn
        yield [len(group) for group in (icrn.species, icrn.constants, icrn.assigned, icrn.reactions)]
        for base in icrn.species:
            yield base.shape, base.state_unit, base.law_unit, base.initial_unit, base.is_boundary
            yield from self._placement(base.compartment)
            yield from self._placement(base.conversion_factor)
        yield [base.shape for base in (*icrn.constants, *icrn.assigned)]
        for reaction in icrn.reactions:
            yield from self._domain(reaction.domain)
            yield from self._law(reaction)
            yield self._terms(reaction.reactants, reaction), self._terms(reaction.products, reaction)
        for group in (icrn.assignments, icrn.initial_assignments):
            yield len(group)
            for assignment in group:
                yield from self._domain(assignment.domain)
                yield from self._law(assignment)
                yield self._reference(assignment.target, assignment)
        for event in icrn.events:
            flags = event.initial_value, event.is_persistent, event.uses_trigger_values
            entries = event.trigger, event.delay, event.priority
            pairs = [(self._entry(variable), self._entry(value)) for variable, value in event.assignments]
            yield "event", flags, [self._entry(entry) for entry in entries], pairs
        for delay in icrn.delays:
            yield "delay", [self._entry(entry) for entry in (delay.variable, delay.argument, delay.lag)]

    def _entry(self, entry: Reference | None) -> object:
        return None if entry is None else (self.numbers[entry.base], [int(k) for k in entry.indices])

    def _placement(self, placement: Placement | None) -> Iterator[object]:
        yield None if placement is None else self.numbers[placement.base]
        if placement is not None:
            yield np.asarray(placement.positions, dtype=np.int64).tobytes()

    def _domain(self, domain: IndexDomain) -> Iterator[object]:
        yield domain.shape
        yield b"" if domain.mask is None else np.asarray(domain.mask, dtype=bool).tobytes()
        yield b"" if domain.relation is None else np.asarray(domain.relation, dtype=np.int64).tobytes()

    def _law(self, owner: IndexedReaction | IndexedAssignment) -> Iterator[object]:
        law, order = canonical_law(owner.law.template)
        yield law.instructions, [self._reference(owner.slots[k], owner) for k in order]

    def _terms(self, terms: Iterable[Term], owner: IndexedReaction) -> list[object]:
        return [(self._reference(term.species, owner), float(term.stoichiometry)) for term in terms]

    def _reference(self, reference: Reference, owner: IndexedReaction | IndexedAssignment) -> object:
        axes = {symbol.name: f"axis {axis}" for axis, symbol in enumerate(owner.domain.symbols)}
        indices = [axes[i] if isinstance(i, str) else int(i) for i in reference.indices]
        return self.numbers[reference.base], indices


def anonymous(icrn: ICRN) -> ICRN:
    """Return the network with names made of kinds and positions: ``s0``, ``c0``, ``a0``, ``r0``.

    Bases, reactions and entries stay in their order, so that vectors by position are the same.
    """
    return _Renamer(icrn).renamed()


class _Renamer:
    """Gives a network the names of its positions."""

    def __init__(self, icrn: ICRN) -> None:
        self.icrn = icrn
        self.bases = {
            base.name: f"{kind}{number}"
            for kind, group in (("s", icrn.species), ("c", icrn.constants), ("a", icrn.assigned))
            for number, base in enumerate(group)
        }
        self.sets: dict[IndexSet, IndexSet] = {}

    def renamed(self) -> ICRN:
        """Return the renamed network."""
        icrn = self.icrn
        return ICRN(
            species=tuple(self._species(base) for base in icrn.species),
            constants=tuple(self._base(base) for base in icrn.constants),
            assigned=tuple(self._base(base) for base in icrn.assigned),
            reactions=tuple(self._reaction(f"r{k}", r) for k, r in enumerate(icrn.reactions)),
            assignments=tuple(self._assignment(f"f{k}", a) for k, a in enumerate(icrn.assignments)),
            initial_assignments=tuple(
                self._assignment(f"g{k}", a) for k, a in enumerate(icrn.initial_assignments)
            ),
            events=tuple(self._event(f"e{k}", event) for k, event in enumerate(icrn.events)),
            delays=tuple(Delay(*map(self._reference, (d.variable, d.argument, d.lag))) for d in icrn.delays),
        )

    def _event(self, name: str, event: Event) -> Event:
        return replace(
            event,
            name=name,
            trigger=self._reference(event.trigger),
            assignments=tuple((self._reference(v), self._reference(x)) for v, x in event.assignments),
            delay=None if event.delay is None else self._reference(event.delay),
            priority=None if event.priority is None else self._reference(event.priority),
        )

    def _base(self, base):
        sets = tuple(self._set(index_set) for index_set in base.index_sets)
        return replace(base, name=self.bases[base.name], index_sets=sets)

    def _species(self, base: BaseSpecies) -> BaseSpecies:
        compartment, factor = self._placement(base.compartment), self._placement(base.conversion_factor)
        return replace(self._base(base), compartment=compartment, conversion_factor=factor)

    def _set(self, index_set: IndexSet) -> IndexSet:
        if index_set not in self.sets:
            labels = tuple(str(k) for k in range(len(index_set)))
            self.sets[index_set] = IndexSet(f"I{len(self.sets)}", labels)
        return self.sets[index_set]

    def _placement(self, placement: Placement | None) -> Placement | None:
        return None if placement is None else replace(placement, base=self.bases[placement.base])

    def _domain(self, domain: IndexDomain) -> IndexDomain:
        symbols = tuple(IndexSymbol(s.name, self._set(s.index_set)) for s in domain.symbols)
        return replace(domain, symbols=symbols)

    def _reference(self, reference: Reference) -> Reference:
        return replace(reference, base=self.bases[reference.base])

    def _terms(self, terms: Iterable[Term]) -> tuple[Term, ...]:
        return tuple(replace(term, species=self._reference(term.species)) for term in terms)

    def _reaction(self, name: str, reaction: IndexedReaction) -> IndexedReaction:
        return replace(
            reaction,
            name=name,
            domain=self._domain(reaction.domain),
            reactants=self._terms(reaction.reactants),
            products=self._terms(reaction.products),
            slots=tuple(self._reference(slot) for slot in reaction.slots),
            modifiers=(),
        )

    def _assignment(self, name: str, assignment: IndexedAssignment) -> IndexedAssignment:
        return replace(
            assignment,
            name=name,
            domain=self._domain(assignment.domain),
            target=self._reference(assignment.target),
            slots=tuple(self._reference(slot) for slot in assignment.slots),
        )
