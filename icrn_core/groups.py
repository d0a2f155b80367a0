"""Grouping of indexed reactions by law, and their sparse net stoichiometry and Jacobian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from icrn_core.icrn import IndexDomain, IndexedReaction, Reference
from icrn_core.law import Law
from icrn_core.layout import Layout
from icrn_core.plan import (
    Arrays,
    DenseGroup,
    DenseReference,
    FlatGroup,
    FlatSlot,
    Incidence,
    Segment,
    Slopes,
    Source,
)


@dataclass(frozen=True)
class Reaction:
    """An indexed reaction with its canonical law and its net change of state."""

    name: str
    domain: IndexDomain
    law: Law
    slots: tuple[Reference, ...]
    sources: tuple[Source, ...]
    terms: tuple[tuple[float, Reference], ...]
    is_wide: bool

    @classmethod
    def of(
        cls,
        reaction: IndexedReaction,
        law: Law,
        slots: tuple[Reference, ...],
        layout: Layout,
        is_static: np.ndarray,
        dense_from: int,
        dense_fill: float,
    ) -> Reaction:
        """Return the reaction with references resolved and species on both sides cancelled."""
        domain = reaction.domain
        total = int(np.prod(domain.shape, dtype=np.int64))
        wide = domain.is_dense and total >= dense_from and domain.size >= dense_fill * total
        sources = tuple(_source(layout.positions(s, domain), layout.n_state, is_static) for s in slots)
        return cls(reaction.name, domain, law, slots, sources, _net_terms(reaction, layout), wide)


def _source(positions: np.ndarray, n_state: int, is_static: np.ndarray) -> Source:
    if is_static[positions].all():
        return "static"
    return "state" if (positions < n_state).all() else "symbols"


def _net_terms(reaction: IndexedReaction, layout: Layout) -> tuple[tuple[float, Reference], ...]:
    # Cancelling here and not in floating point keeps a catalyst exactly unchanged.
    boundary = {base.name for base in layout.icrn.species if base.is_boundary}
    net: dict[Reference, float] = {}
    for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
        for term in side:
            net[term.species] = net.get(term.species, 0.0) + sign * term.stoichiometry
    return tuple((c, reference) for reference, c in net.items() if c and reference.base not in boundary)


def flat_groups(
    reactions: list[Reaction], layout: Layout, arrays: Arrays
) -> tuple[tuple[FlatGroup, ...], Incidence, Slopes, list[Segment]]:
    """Merge reactions by law; return the groups, stoichiometry, Jacobian and flux segments."""
    by_law: dict[tuple, list[Reaction]] = {}
    for reaction in reactions:
        by_law.setdefault((reaction.law, reaction.sources), []).append(reaction)
    groups, segments = [], []
    assembly = _Assembly(layout)
    for (law, sources), members in by_law.items():
        slots = []
        for k in range(len(sources)):
            slots.append(np.concatenate([layout.positions(r.slots[k], r.domain) for r in members]))
        for member in members:
            segments.append(Segment(member.name, assembly.add_reaction(member), member.domain.size))
        assembly.close_group(slots, sources)
        chosen = tuple(FlatSlot(s, arrays.add(at)) for s, at in zip(sources, slots, strict=True))
        groups.append(FlatGroup(law, chosen, sum(member.domain.size for member in members)))
    return tuple(groups), assembly.incidence(arrays), assembly.slopes(arrays), segments


class _Assembly:
    """Collects the non-zeros of the net stoichiometry and of the Jacobian's transpose."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.n_fluxes = 0
        self.n_partials = 0
        self.entries: list[np.ndarray] = []
        self.fluxes: list[np.ndarray] = []
        self.coefficients: list[np.ndarray] = []
        self.jacobian: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.group_start = 0
        self.first_part = 0

    def add_reaction(self, reaction: Reaction) -> int:
        """Note a reaction's stoichiometry; return the number of its first flux."""
        start, size = self.n_fluxes, reaction.domain.size
        for coefficient, reference in reaction.terms:
            self.entries.append(self.layout.positions(reference, reaction.domain))
            self.fluxes.append(np.arange(start, start + size))
            self.coefficients.append(np.full(size, coefficient))
        self.n_fluxes += size
        return start

    def close_group(self, slots: list[np.ndarray], sources: tuple[Source, ...]) -> None:
        """Note the Jacobian of the reactions since the last group: one block per moving slot."""
        size = self.n_fluxes - self.group_start
        entries = _joined(self.entries[self.first_part :], np.int64)
        fluxes = _joined(self.fluxes[self.first_part :], np.int64) - self.group_start
        coefficients = _joined(self.coefficients[self.first_part :], float)
        n, m = self.layout.n_state, self.layout.n_params
        for at, source in zip(slots, sources, strict=True):
            if source != "static":
                rows = np.where(at < n, at, at - m)
                self.jacobian.append((rows[fluxes] * n + entries, fluxes + self.n_partials, coefficients))
                self.n_partials += size
        self.group_start, self.first_part = self.n_fluxes, len(self.entries)

    def incidence(self, arrays: Arrays) -> Incidence:
        """Return the net stoichiometry, sorted by entry."""
        entries = _joined(self.entries, np.int64)
        order = np.argsort(entries, kind="stable")
        return Incidence(
            arrays.add(entries[order]),
            arrays.add(_joined(self.fluxes, np.int64)[order]),
            arrays.add(_joined(self.coefficients, float)[order]),
        )

    def slopes(self, arrays: Arrays) -> Slopes:
        """Return the Jacobian's non-zeros, sorted by position in the transpose."""
        flat = _joined([part[0] for part in self.jacobian], np.int64)
        order = np.argsort(flat, kind="stable")
        partials = _joined([part[1] for part in self.jacobian], np.int64)
        coefficients = _joined([part[2] for part in self.jacobian], float)
        return Slopes(arrays.add(flat[order]), arrays.add(partials[order]), arrays.add(coefficients[order]))


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def dense_group(reaction: Reaction, layout: Layout, arrays: Arrays) -> DenseGroup:
    """Return a reaction over a large dense domain as broadcast views."""
    domain = reaction.domain
    slots = tuple(
        _dense_reference(reference, domain, source, layout)
        for reference, source in zip(reaction.slots, reaction.sources, strict=True)
    )
    terms = tuple((c, _dense_reference(r, domain, "state", layout)) for c, r in reaction.terms)
    mask = None if domain.mask is None else arrays.add(np.asarray(domain.mask, dtype=bool))
    full = any(all(reference.affine.strides) for _, reference in terms)
    contracts = mask is None and reaction.law.factors is not None and not full
    return DenseGroup(reaction.name, reaction.law, domain.shape, slots, terms, mask, contracts)


def _dense_reference(
    reference: Reference, domain: IndexDomain, source: Source, layout: Layout
) -> DenseReference:
    axes: tuple[int, ...] | None = None
    numbers = {symbol.name: axis for axis, symbol in enumerate(domain.symbols)}
    distinct = len(set(reference.indices)) == len(reference.indices)
    if distinct and all(isinstance(index, str) for index in reference.indices):
        axes = tuple(numbers[index] for index in reference.indices)  # type: ignore[index]
    return DenseReference(source, layout.affine(reference, domain), layout.blocks[reference.base], axes)
