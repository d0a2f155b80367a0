"""What `compile_icrn` produces: a static plan of array operations, and the arrays it indexes.

A plan is hashable and compares by content; arrays are referred to by their number, so that
they are arguments of the compiled functions and never constants inside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from icrn_core.cells import Edge
from icrn_core.law import Law
from icrn_core.layout import Affine, Block
from icrn_core.sparse_map import SparseMap

if TYPE_CHECKING:
    from icrn_core.elimination import Elimination


@dataclass(frozen=True)
class Step:
    """A law evaluated at many entries at once; ``wanted`` are its slots that depend on the state."""

    law: Law
    size: int
    wanted: tuple[int, ...]


@dataclass(frozen=True)
class Level:
    """Steps that read only what is on the tape before them; their values are appended to it.

    ``slots`` gathers the slots of all steps, one after the other.
    """

    slots: SparseMap
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class StaticSlot:
    """A slot that is known before a solve: a law over gathers from the static tape."""

    law: Law
    positions: tuple[int, ...]


@dataclass(frozen=True)
class FlatGroup:
    """Reactions with one law, over any domains, as one vectorised law.

    A slot is known before a solve, or None: then it is the next of the plan's ``flat_slots``.
    ``wanted`` are the slots that depend on the state.
    """

    law: Law
    slots: tuple[StaticSlot | None, ...]
    wanted: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class DenseSlot:
    """A slot of a dense domain, broadcastable to it: a block of the tape, or a gather.

    ``shape`` is that of the values, of length one along axes that they do not have. A static
    slot is a law over gathers from the static tape, each broadcastable to the domain too; it is
    zero outside of ``mask`` where that is given. Of a block, ``start`` is its place on the tape
    and ``axes`` the domain axis of each of its axes.
    """

    shape: tuple[int, ...]
    static: StaticSlot | None = None
    mask: int | None = None
    gather: SparseMap | None = None
    start: int = 0
    block: tuple[int, ...] = ()
    axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class DenseTerm:
    """What a dense domain changes: a coefficient and a reference.

    ``axes`` gives the domain axis of each axis of the base; None where a symbol repeats or a
    position stands in place of a symbol.
    """

    coefficient: float
    affine: Affine
    block: Block
    axes: tuple[int, ...] | None


@dataclass(frozen=True)
class DenseGroup:
    """One indexed reaction over a large dense domain, broadcast over the domain's axes.

    ``wanted`` are the slots that depend on the state, and ``reads`` the slots of the indexed
    reaction that they are. Where the group ``contracts``, its law is a product and the mask is in
    one of its factors: changes are sums of products over the axes that a term does not use, and
    no flux is held.
    """

    name: str
    law: Law
    shape: tuple[int, ...]
    slots: tuple[DenseSlot, ...]
    terms: tuple[DenseTerm, ...]
    wanted: tuple[int, ...]
    reads: tuple[int, ...]
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
    """By what laws see each moving entry scaled: a size on the static tape, or its reciprocal.

    ``sizes`` is -1 where it is neither.
    """

    sizes: int
    multiply: int


@dataclass(frozen=True)
class Chain:
    """One level of the chain rule: non-zeros of ∂f/∂symbol times slopes of assignments.

    ``slopes`` takes from the level's slopes, ``values`` from the non-zeros known so far, and
    their products join those.
    """

    slopes: SparseMap
    values: SparseMap


@dataclass(frozen=True)
class JacobianPlan:
    """The non-zeros of ∂f/∂y among the moving entries, and how they are summed.

    Attributes
    ----------
    rows, columns : int
        Arrays of their places, ``(n_nonzeros,)``, sorted by column and row.
    by_row, by_column : SparseMap
        What takes for each non-zero the entry of its row, of its column.
    base : tuple of SparseMap
        From the derivatives of all rate laws to the non-zeros by what levels of assignments
        set, the last level first, and at last those by the state.
    chains : tuple of Chain
        One per level, the last level first.
    """

    rows: int
    columns: int
    by_row: SparseMap
    by_column: SparseMap
    n_nonzeros: int
    base: tuple[SparseMap, ...]
    chains: tuple[Chain, ...]


@dataclass(frozen=True)
class Jump:
    """A comparison of time with params: static law values whose root in time is a breakpoint.

    ``slots`` are positions in the static tape, -1 for slots that are not static.
    """

    law: Law
    node: tuple[int, int]
    slots: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Modes:
    """What decides the modes, in the order in which they stand on the tape.

    ``steps`` are laws over their parts of the slots, arrays of positions in the symbol vector;
    a mode is 1 where its law is positive. ``depth`` is how many modes can decide about each
    other in turn.
    """

    n: int
    steps: tuple[tuple[Law, tuple[int, ...], int], ...]
    depth: int


@dataclass(frozen=True)
class Events:
    """The events as arrays by number: positions in the symbol vector, -1 where there is none.

    ``triggers``, ``delays``, ``priorities`` and the truth values ``initial_value``,
    ``is_persistent``, ``uses_trigger_values`` are ``(n_events,)``. For each assignment,
    ``(n_events, n_assignments)``, ``targets`` are positions among the moving entries and
    ``sizes`` those of the compartment by whose size a value is multiplied. ``densities`` gives
    for each moving entry that is kept as a concentration the size of its compartment. Either is
    None where all of it would be -1.
    """

    n_events: int
    n_assignments: int
    capacity: int
    triggers: int
    delays: int
    priorities: int
    initial_value: int
    is_persistent: int
    uses_trigger_values: int
    targets: int
    values: int
    sizes: int | None
    densities: int | None
    has_priorities: bool


@dataclass(frozen=True)
class Delays:
    """Delayed entries: positions among the moving ones, of their arguments and of their static lags.

    ``reads`` are for each the delayed entries on whose present value its argument depends.
    """

    reads: tuple[tuple[int, ...], ...]
    variables: int
    arguments: int
    lags: int


@dataclass(frozen=True)
class Hybrid:
    """What the solvers have to do between steps, see `icrn_core.hybrid`."""

    events: Events | None
    modes: Modes | None
    delays: Delays | None


@dataclass(frozen=True)
class Initial:
    """How initial values become state and params: levels, then where each is on the tape.

    The tape begins with the values, the params and one NaN, for what is not known initially.
    """

    levels: tuple[Level, ...]
    final: int


@dataclass(frozen=True)
class Plan:
    """All operations of a compiled ICRN, in terms of numbered arrays.

    Values are read from tapes, vectors to which each level of assignments appends. The static
    tape begins with the held entries of the state, as laws see them, and the params. The tape
    of a solve begins with the moving entries and those of the static tape that are read
    together with them (``background``). ``held_reads`` are the base species of which held entries
    are read. ``observed`` gives each symbol's place on the tape
    after all levels, followed by the static tape. ``factor_cost`` is the number of updates of
    an elimination of the Jacobian, or what a dense factorisation amounts to, where that is less
    and ``elimination`` is None. ``hybrid`` is None where nothing but steps is to be done.
    """

    species: tuple[Block, ...]
    constants: tuple[Block, ...]
    assigned: tuple[Block, ...]
    moving: int
    held: int
    held_reads: tuple[str, ...]
    n_moving: int
    view: View | None
    factor: int | None
    static_levels: tuple[Level, ...]
    background: int
    dynamic_levels: tuple[Level, ...]
    watched_levels: tuple[Level, ...]
    observed: int
    flat_slots: SparseMap
    flat: tuple[FlatGroup, ...]
    incidence: SparseMap
    dense: tuple[DenseGroup, ...]
    dense_moving: SparseMap | None
    jacobian: JacobianPlan
    elimination: Elimination | None
    factor_cost: int
    segments: tuple[Segment, ...]
    jumps: tuple[Jump, ...]
    initial: Initial
    sizes: int
    is_concentration: int
    reads_time: bool
    hybrid: Hybrid | None
    edges: tuple[Edge, ...]
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
    def sets_state(self) -> bool:
        """Whether events or delays set entries of the state."""
        return self.hybrid is not None and (self.hybrid.events or self.hybrid.delays) is not None

    @cached_property
    def most_timed(self) -> int:
        """Most entries over which a derivative by a time is summed, per lane."""
        steps = [step for level in self.dynamic_levels for step in level.steps]
        sizes = [part.size for part in (*self.flat, *steps) if part.law.reads_time]
        return max([*sizes, self.n_moving if self.jumps else 0])

    @cached_property
    def widest(self) -> int:
        """Most entries that are reduced at once in rates of change and their derivatives, per lane."""
        chains = [m for chain in self.jacobian.chains for m in (chain.slopes, chain.values)]
        levels = [level.slots for level in self.dynamic_levels]
        given = (self.flat_slots, self.incidence, self.jacobian.by_row, self.jacobian.by_column)
        return max(self.n_moving, *(m.widest for m in (*given, *self.jacobian.base, *chains, *levels)))

    @cached_property
    def _hash(self) -> int:
        return hash((self.species, self.constants, self.assigned, self.flat, self.dense, self.labels[:8]))

    def __hash__(self) -> int:
        return self._hash


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
