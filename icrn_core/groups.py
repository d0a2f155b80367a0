"""Grouping of indexed reactions by law: what is evaluated together, and what it changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from icrn_core.icrn import IndexDomain, IndexedReaction, Reference
from icrn_core.law import Law, split_law
from icrn_core.layout import Affine, Layout
from icrn_core.plan import Arrays, DenseGroup, DenseSlot, DenseTerm, FlatGroup, Segment, StaticSlot
from icrn_core.sparse_map import SparseMap, gather, sparse_map
from icrn_core.tape import Tape


@dataclass(frozen=True)
class Reaction:
    """An indexed reaction with its canonical law and its net change of state."""

    name: str
    domain: IndexDomain
    law: Law
    slots: tuple[Reference, ...]
    terms: tuple[tuple[float, Reference], ...]
    is_wide: bool

    @classmethod
    def of(
        cls,
        reaction: IndexedReaction,
        law: Law,
        slots: tuple[Reference, ...],
        layout: Layout,
        dense_from: int,
        dense_fill: float,
    ) -> Reaction:
        """Return the reaction with references resolved and species on both sides cancelled."""
        domain = reaction.domain
        total = int(np.prod(domain.shape, dtype=np.int64))
        wide = domain.is_dense and total >= dense_from and domain.size >= dense_fill * total
        return cls(reaction.name, domain, law, slots, _net_terms(reaction, layout), wide)


def _net_terms(reaction: IndexedReaction, layout: Layout) -> tuple[tuple[float, Reference], ...]:
    # Cancelling here and not in floating point keeps a catalyst exactly unchanged.
    boundary = {base.name for base in layout.icrn.species if base.is_boundary}
    net: dict[Reference, float] = {}
    for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
        for term in side:
            net[term.species] = net.get(term.species, 0.0) + sign * term.stoichiometry
    return tuple((c, reference) for reference, c in net.items() if c and reference.base not in boundary)


@dataclass
class Group:
    """Reactions that share a law and which of its slots are static.

    ``slots`` are positions in the symbol vector, one array per slot of the law.
    """

    law: Law
    is_static: tuple[bool, ...]
    slots: list[np.ndarray]
    members: list[Reaction]

    @property
    def size(self) -> int:
        """Number of fluxes."""
        return sum(member.domain.size for member in self.members)


def flat_groups(reactions: list[Reaction], layout: Layout, is_static: np.ndarray) -> list[Group]:
    """Return the reactions merged by law."""
    by_law: dict[tuple, Group] = {}
    for reaction in reactions:
        slots = [layout.positions(s, reaction.domain) for s in reaction.slots]
        static = tuple(bool(is_static[at].all()) for at in slots)
        group = by_law.setdefault((reaction.law, static), Group(reaction.law, static, [], []))
        group.members.append(reaction)
        group.slots.append(slots)  # type: ignore[arg-type]
    for group in by_law.values():
        group.slots = [np.concatenate(parts) for parts in zip(*group.slots, strict=True)]
    return list(by_law.values())


@dataclass(frozen=True)
class FlatPlan:
    """The flat groups as operations, and where their slots and fluxes are."""

    groups: tuple[FlatGroup, ...]
    slots: SparseMap
    places: tuple[tuple[np.ndarray, ...], ...]
    incidence: SparseMap
    segments: list[Segment]
    entries: np.ndarray
    fluxes: np.ndarray
    coefficients: np.ndarray


def plan_flat(
    groups: list[Group], layout: Layout, columns: np.ndarray, static: Tape, tape: Tape, arrays: Arrays
) -> FlatPlan:
    """Return the operations of flat groups; ``columns`` numbers the moving entries of the state."""
    found, places, gathered, segments = [], [], [], []
    stoichiometry: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    start = 0
    for group in groups:
        split = split_law(group.law, group.is_static)
        slots, own = [], []
        for law, read in split.slots:
            at = [group.slots[k] for k in read]
            if law is None and not group.is_static[read[0]]:
                slots.append(None)
                gathered.append(tape.place[at[0]])
                own.append(tape.place[at[0]])
            else:
                numbers = tuple(arrays.add(static.place[a]) for a in at)
                slots.append(StaticSlot(law if law is not None else _identity(), numbers))
        wanted = tuple(k for k, at in zip(_dynamic(slots), own, strict=True) if tape.is_moving[at].any())
        places.append(tuple(at for at in own if tape.is_moving[at].any()))
        found.append(FlatGroup(split.law, tuple(slots), wanted, group.size))
        for member in group.members:
            segments.append(Segment(member.name, start, member.domain.size))
            stoichiometry += _terms(member, layout, columns, start)
            start += member.domain.size
    entries, fluxes, coefficients = _joined(stoichiometry)
    return FlatPlan(
        tuple(found),
        gather(np.concatenate(gathered) if gathered else np.zeros(0, np.int64), tape.length, arrays),
        tuple(places),
        sparse_map(entries, fluxes, coefficients, int((columns >= 0).sum()), start, arrays),
        segments,
        entries,
        fluxes,
        coefficients,
    )


def _identity() -> Law:
    return Law((("slot", 0),), 1)


def _dynamic(slots: list) -> list[int]:
    return [k for k, slot in enumerate(slots) if slot is None]


def _terms(
    reaction: Reaction, layout: Layout, columns: np.ndarray, start: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    size = reaction.domain.size
    found = []
    for coefficient, reference in reaction.terms:
        entries = columns[layout.positions(reference, reaction.domain)]
        kept = entries >= 0
        fluxes = np.arange(start, start + size)[kept]
        found.append((entries[kept], fluxes, np.full(len(fluxes), coefficient)))
    return found


def _joined(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...]:
    kinds = (np.int64, np.int64, float)
    return tuple(
        np.concatenate([part[k] for part in parts]) if parts else np.zeros(0, kind)
        for k, kind in enumerate(kinds)
    )


def dense_group(
    reaction: Reaction, layout: Layout, is_static: np.ndarray, static: Tape, tape: Tape, arrays: Arrays
) -> DenseGroup:
    """Return a reaction over a large dense domain as broadcast views."""
    domain = reaction.domain
    places = [grid(layout.affine(reference, domain), domain.shape) for reference in reaction.slots]
    law, reads = _dense_law(reaction, [bool(is_static[at].all()) for at in places])
    slots, wanted = [], []
    for own, read in reads:
        if own is not None:
            shape = np.broadcast_shapes(*(places[k].shape for k in read))
            numbers = tuple(arrays.add(static.place[places[k]]) for k in read)
            slots.append(DenseSlot(shape, StaticSlot(own, numbers)))
            continue
        at = places[read[0]]
        if tape.is_moving[tape.place[at]].any():
            wanted.append((len(slots), read[0]))
        slots.append(_dense_slot(reaction.slots[read[0]], domain, at, layout, tape, arrays))
    terms = tuple(
        DenseTerm(c, layout.affine(r, domain), layout.blocks[r.base], _axes(r, domain))
        for c, r in reaction.terms
    )
    mask = None if domain.mask is None else arrays.add(np.asarray(domain.mask, dtype=bool))
    contracts = _is_summed(reaction, layout) and law.factors is not None
    if contracts and mask is not None:
        slots, contracts = _masked(slots, mask, domain)
    return DenseGroup(
        reaction.name,
        law,
        domain.shape,
        tuple(slots),
        terms,
        tuple(k for k, _ in wanted),
        tuple(k for _, k in wanted),
        mask,
        contracts,
    )


def _is_summed(reaction: Reaction, layout: Layout) -> bool:
    """Return whether every term sums over some axis of the domain."""
    return not any(all(layout.affine(r, reaction.domain).strides) for _, r in reaction.terms)


def _dense_law(
    reaction: Reaction, is_static: list[bool]
) -> tuple[Law, list[tuple[Law | None, tuple[int, ...]]]]:
    """Return a reaction's law, and for each of its slots a static law over the reaction's, or None.

    Static parts are taken out only where a product is left, such as ``relu(W[i,j]) X[i]``:
    elsewhere they would make factors of few axes into one of many.
    """
    if reaction.law.factors is None:
        split = split_law(reaction.law, tuple(is_static))
        if split.law.factors is not None:
            return split.law, [
                (own or (_identity() if is_static[read[0]] else None), read) for own, read in split.slots
            ]
    whole = [(_identity() if fixed else None, (k,)) for k, fixed in enumerate(is_static)]
    return reaction.law, whole


def _masked(slots: list[DenseSlot], mask: int, domain: IndexDomain) -> tuple[list[DenseSlot], bool]:
    """Return slots with the mask in the largest static factor, and whether that can be done.

    It cannot where only missing tuples read some entry of another factor: that may be singular.
    """
    given = np.asarray(domain.mask, dtype=bool)
    fixed = [k for k, slot in enumerate(slots) if slot.static is not None]
    if not fixed:
        return slots, False
    most = max(fixed, key=lambda k: np.prod(slots[k].shape))
    for k, slot in enumerate(slots):
        unused = tuple(a for a, length in enumerate(slot.shape) if length == 1)
        if k != most and not given.any(axis=unused).all():
            return slots, False
    masked = DenseSlot(domain.shape, slots[most].static, mask)
    return [masked if k == most else slot for k, slot in enumerate(slots)], True


def _dense_slot(
    reference: Reference, domain: IndexDomain, at: np.ndarray, layout: Layout, tape: Tape, arrays: Arrays
) -> DenseSlot:
    block, axes = layout.blocks[reference.base], _axes(reference, domain)
    places = tape.place[block.offset : block.offset + block.size]
    if axes is not None and (np.diff(places) == 1).all():
        return DenseSlot(at.shape, start=int(places[0]), block=block.shape, axes=axes)
    return DenseSlot(at.shape, gather=gather(tape.place[at].reshape(-1), tape.length, arrays))


def _axes(reference: Reference, domain: IndexDomain) -> tuple[int, ...] | None:
    """Return the domain axis of each axis of a base; None where that says not everything."""
    numbers = {symbol.name: axis for axis, symbol in enumerate(domain.symbols)}
    distinct = len(set(reference.indices)) == len(reference.indices)
    if distinct and all(isinstance(index, str) for index in reference.indices):
        return tuple(numbers[index] for index in reference.indices)  # type: ignore[index]
    return None


def grid(affine: Affine, shape: tuple[int, ...]) -> np.ndarray:
    """Return an affine reference's positions, of length one along axes it does not use."""
    at = np.full((1,) * len(shape), affine.offset, dtype=np.int64)
    for axis, (stride, length) in enumerate(zip(affine.strides, shape, strict=True)):
        if stride:
            along = [length if a == axis else 1 for a in range(len(shape))]
            at = at + (stride * np.arange(length, dtype=np.int64)).reshape(along)
    return at
