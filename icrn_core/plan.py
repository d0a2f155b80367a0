"""What `compile_icrn` produces: a static plan of array operations, and the arrays it indexes.

A plan is hashable and compares by content; arrays are referred to by their number, so that
they are arguments of the compiled functions and never constants inside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from icrn_core.law import Law
from icrn_core.layout import Affine, Block

# Where the values of a slot come from: params only, the state only, or the whole symbol vector.
Source = Literal["static", "state", "symbols"]


@dataclass(frozen=True)
class Step:
    """Entries of the symbol vector set at once: ``symbols[targets] = law(symbols[slots])``.

    Without a law the targets are multiplied (or divided) by the symbols at ``slots[0]``.
    ``wanted`` are the slots that depend on the state or time.
    """

    law: Law | None
    targets: int
    slots: tuple[int, ...]
    wanted: tuple[int, ...]
    multiply: bool = False


@dataclass(frozen=True)
class FlatSlot:
    """A slot gathered by an index array."""

    source: Source
    positions: int


@dataclass(frozen=True)
class FlatGroup:
    """Reactions with one law, over any domains, as one gather and one vectorised law."""

    law: Law
    slots: tuple[FlatSlot, ...]
    size: int


@dataclass(frozen=True)
class DenseReference:
    """A reference of a dense domain, as a broadcastable view of its base or an affine gather.

    ``axes`` gives the domain axis of each axis of the base; None where a symbol repeats or a
    position stands in place of a symbol.
    """

    source: Source
    affine: Affine
    block: Block
    axes: tuple[int, ...] | None


@dataclass(frozen=True)
class DenseGroup:
    """One indexed reaction over a large dense domain, broadcast over the domain's axes."""

    name: str
    law: Law
    shape: tuple[int, ...]
    slots: tuple[DenseReference, ...]
    terms: tuple[tuple[float, DenseReference], ...]
    mask: int | None
    contracts: bool


@dataclass(frozen=True)
class Segment:
    """Where the fluxes of an indexed reaction are found: a range of the flat ones, or dense."""

    name: str
    start: int
    size: int
    dense: int | None = None
    entries: int | None = None


@dataclass(frozen=True)
class View:
    """How state becomes what laws see: which entries are scaled by sizes that params give."""

    targets: int
    sizes: int
    multiply: int


@dataclass(frozen=True)
class Incidence:
    """The sparse net stoichiometry of the flat groups: entry, flux and coefficient."""

    entries: int
    fluxes: int
    coefficients: int


@dataclass(frozen=True)
class Slopes:
    """The non-zeros of the Jacobian of the flat groups, as positions in its transpose."""

    flat: int
    partials: int
    coefficients: int


@dataclass(frozen=True)
class DenseExtent:
    """By which slots a dense group is differentiated, for which terms, and where that goes.

    A position in the Jacobian's transpose is the sum of an entry of ``rows`` (one array per
    slot) and one of ``columns`` (one per term), past the end for what is left out. Both are
    empty where positions are affine functions of the domain's indices.
    """

    slots: tuple[int, ...]
    terms: tuple[int, ...]
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()


@dataclass(frozen=True)
class Extent:
    """Entries of the state that a rate of change and a Jacobian cover, and where all goes there.

    ``entries`` are their positions in the state, None for the whole state. The Jacobian's
    transpose has a column for each, and a row for each symbol that depends on them: ``rows``
    gives it by symbol, ``n_rows`` and past for none. ``flat`` and ``dense`` say by which slots
    of each group it differentiates.
    """

    entries: int | None
    size: int
    rows: int
    n_rows: int
    incidence: Incidence
    slopes: Slopes
    flat: tuple[tuple[int, ...], ...]
    dense: tuple[DenseExtent, ...]


@dataclass(frozen=True)
class Jump:
    """A comparison of time with params: static law values whose root in time is a breakpoint."""

    law: Law
    node: tuple[int, int]
    slots: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Initial:
    """How initial values become state and params: levels of steps, then conversions."""

    levels: tuple[tuple[Step, ...], ...]
    targets: int
    sizes: int
    multiply: int
    settled: int


@dataclass(frozen=True)
class Plan:
    """All operations of a compiled ICRN, in terms of numbered arrays.

    ``static_levels`` are assignments that params determine, ``dynamic_levels`` those that rates
    of change read, ``watched_levels`` those that are only observed. ``whole`` covers the state,
    ``moving`` the entries that can change: the same one where all can.
    """

    species: tuple[Block, ...]
    constants: tuple[Block, ...]
    assigned: tuple[Block, ...]
    static_levels: tuple[tuple[Step, ...], ...]
    dynamic_levels: tuple[tuple[Step, ...], ...]
    watched_levels: tuple[tuple[Step, ...], ...]
    view: View | None
    factor: int | None
    flat: tuple[FlatGroup, ...]
    dense: tuple[DenseGroup, ...]
    whole: Extent
    moving: Extent
    segments: tuple[Segment, ...]
    jumps: tuple[Jump, ...]
    initial: Initial
    sizes: int
    reads_time: bool
    labels: tuple[str, ...] = field(repr=False)

    @cached_property
    def n_state(self) -> int:
        """Length of the state vector."""
        return sum(block.size for block in self.species)

    @cached_property
    def n_params(self) -> int:
        """Length of the vector of params."""
        return sum(block.size for block in self.constants)

    @cached_property
    def n_assigned(self) -> int:
        """Number of assigned entries."""
        return sum(block.size for block in self.assigned)

    @cached_property
    def needs_symbols(self) -> bool:
        """Whether rates of change need the whole symbol vector and not the state alone."""
        return needs_symbols(self.flat, self.dense, self.dynamic_levels)

    @cached_property
    def _hash(self) -> int:
        return hash((self.species, self.constants, self.assigned, self.flat, self.dense, self.labels[:8]))

    def __hash__(self) -> int:
        return self._hash


def needs_symbols(
    flat: tuple[FlatGroup, ...], dense: tuple[DenseGroup, ...], levels: tuple[tuple[Step, ...], ...]
) -> bool:
    """Return whether laws read more than the state and what params alone determine."""
    slots = [s for g in flat for s in g.slots] + [s for g in dense for s in g.slots]
    return bool(levels) or any(slot.source == "symbols" for slot in slots)


class Arrays:
    """Collects the arrays of a plan and hands out their numbers."""

    def __init__(self) -> None:
        self.items: list[np.ndarray] = []

    def add(self, array: np.ndarray) -> int:
        """Store an array; integers become int32 where they fit, for speed of gathers."""
        array = np.asarray(array)
        if array.dtype.kind == "i" and (not array.size or array.max() < 2**31):
            array = array.astype(np.int32)
        self.items.append(array)
        return len(self.items) - 1
