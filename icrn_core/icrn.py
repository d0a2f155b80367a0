"""Indexed chemical reaction networks: base species and indexed reactions over index symbols.

An indexed reaction stands for one reaction per tuple of its index domain (Lee, Buse and
Winfree, DNA 31, 2025). Beyond the paper a domain may be a relation, a rate law may be any
template over slots, and quantities may be given by assignments. An ICRN holds structure
only; values live beside it in dictionaries of tensors by base name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from icrn_core.errors import IcrnError

Unit = Literal["amount", "concentration"]


@dataclass(frozen=True)
class IndexSet:
    """A finite, ordered set of labels that an index symbol ranges over."""

    name: str
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class IndexSymbol:
    """A symbol such as ``i`` with the index set it ranges over."""

    name: str
    index_set: IndexSet


@dataclass(frozen=True)
class _Base:
    """A named family of quantities: one tensor with an axis per index set."""

    name: str
    index_sets: tuple[IndexSet, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(len(index_set) for index_set in self.index_sets)

    @property
    def size(self) -> int:
        """Number of entries of the tensor."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Placement:
    """Which entry of a base each entry of another base belongs to (its compartment, say).

    Attributes
    ----------
    base : str
        Name of a rate constant, base species or assigned quantity.
    positions : tuple of int
        Flat positions in that base's tensor, one per entry of the owning base in C order;
        a single position stands for all of them.
    """

    base: str
    positions: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class BaseSpecies(_Base):
    """A family of species (or of variables with a rate rule): one tensor of the state.

    Attributes
    ----------
    compartment : Placement or None
        The compartment sizes of its entries; None where amounts and concentrations need not
        be told apart.
    state_unit, law_unit, initial_unit : {"amount", "concentration"}
        What the state tensor holds, what rate laws see, and what initial values are given in;
        concentration = amount / compartment size. Without a compartment they must be equal.
    conversion_factor : Placement or None
        Factor on every flux into or out of an entry (SBML L3V2, section 4.6.7).
    is_boundary : bool
        Reactions do not change it, though it may appear as reactant or product.
    """

    compartment: Placement | None = None
    state_unit: Unit = "amount"
    law_unit: Unit = "amount"
    initial_unit: Unit = "amount"
    conversion_factor: Placement | None = None
    is_boundary: bool = False


@dataclass(frozen=True)
class RateConstant(_Base):
    """A family of constants: rate constants, compartment sizes, any other parameter."""


@dataclass(frozen=True)
class AssignedQuantity(_Base):
    """A family of quantities given at all times by indexed assignments."""


@dataclass(frozen=True)
class Reference:
    """An entry of a base: ``X[i, 3]`` is ``Reference("X", ("i", 3))``.

    Indices are names of index symbols of the domain, or positions in the index set.
    """

    base: str
    indices: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Term:
    """A reactant or product of an indexed reaction."""

    species: Reference
    stoichiometry: float = 1.0


@dataclass(frozen=True, eq=False)
class IndexDomain:
    """What an indexed reaction or assignment ranges over.

    Attributes
    ----------
    symbols : tuple of IndexSymbol
        Empty for a single reaction.
    mask : bool array or None
        For a dense domain with missing entries: shape ``(len(symbol.index_set), ...)``, False
        where the entry is missing. None: the full product.
    relation : int array or None
        For a sparse domain: shape ``(n_tuples, n_symbols)``, positions in the index sets.
        Repeated tuples are allowed (reactions form a multiset).
    """

    symbols: tuple[IndexSymbol, ...] = ()
    mask: np.ndarray | None = None
    relation: np.ndarray | None = None

    @property
    def is_dense(self) -> bool:
        """Whether the domain is a product of index sets (with missing entries or not)."""
        return self.relation is None

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each symbol's index set."""
        return tuple(len(symbol.index_set) for symbol in self.symbols)

    @property
    def size(self) -> int:
        """Number of tuples: of concrete reactions or assignments."""
        if self.relation is not None:
            return len(self.relation)
        if self.mask is not None:
            return int(self.mask.sum())
        return int(np.prod(self.shape, dtype=np.int64))

    def tuples(self) -> np.ndarray:
        """Return the index tuples, shape ``(size, n_symbols)``, dense domains in C order."""
        if self.relation is not None:
            return self.relation
        if self.mask is not None:
            return np.argwhere(self.mask).astype(np.int64)
        grid = np.indices(self.shape, dtype=np.int64).reshape(len(self.shape), self.size).T
        return np.ascontiguousarray(grid)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IndexDomain):
            return NotImplemented
        return (
            self.symbols == other.symbols
            and _same_array(self.mask, other.mask)
            and _same_array(self.relation, other.relation)
        )

    __hash__ = None  # type: ignore[assignment]


def _same_array(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and bool((a == b).all())


@dataclass(frozen=True)
class RateLaw:
    """A rate-law template: a formula over numbered slots.

    ``template`` is a nested tuple ``(operator, *operands)`` with MathML operator names; an
    operand is another such tuple, a float, or ``("slot", k)``; ``("time",)`` is the time.
    ``piecewise`` lists value, condition, ..., and last the otherwise value where there is one.
    """

    template: tuple | float

    @property
    def n_slots(self) -> int:
        """One more than the largest slot number, 0 without slots."""
        return 1 + max((node[1] for node in walk(self.template) if is_slot(node)), default=-1)


def is_slot(node: object) -> bool:
    """Whether a template node is a slot."""
    return isinstance(node, tuple) and node[0] == "slot"


def walk(template: tuple | float) -> Iterator[tuple | float]:
    """Every node of a template, repeats included, in no particular order."""
    stack = [template]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, tuple) and node[0] != "slot":
            stack.extend(node[1:])


@dataclass(frozen=True)
class IndexedReaction:
    """Reactants → products at flux ``law(slots)``, once per tuple of the domain.

    A rate rule is an indexed reaction without reactants whose product is the variable.
    The same species may stand on both sides and more than once; its net stoichiometry counts.
    """

    name: str
    domain: IndexDomain
    reactants: tuple[Term, ...]
    products: tuple[Term, ...]
    law: RateLaw
    slots: tuple[Reference, ...] = ()
    modifiers: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class IndexedAssignment:
    """``target = law(slots)``, once per tuple of the domain."""

    name: str
    domain: IndexDomain
    target: Reference
    law: RateLaw
    slots: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Event:
    """Changes of state at the moment a trigger becomes true (SBML L3V2, section 4.11).

    Every reference is to one entry: its indices are positions in the index sets.

    Attributes
    ----------
    name : str
        For messages.
    trigger : Reference
        An entry that is not zero while the trigger is true.
    assignments : tuple of (Reference, Reference)
        The entry of a base species that changes, and the entry whose value it takes, in the
        unit that laws see; all at once.
    delay, priority : Reference or None
        Time between trigger and execution, none if left out; and which of the events that are
        due at the same time is executed first: the one of highest priority, equal ones in
        random order, those without one after them in the order of their triggering.
    initial_value : bool
        What the trigger is held to have been before the initial time.
    is_persistent : bool
        Whether an event that waits is executed even if its trigger becomes false again.
    uses_trigger_values : bool
        Whether the values are those at the trigger, and not those at the execution.
    """

    name: str
    trigger: Reference
    assignments: tuple[tuple[Reference, Reference], ...] = ()
    delay: Reference | None = None
    priority: Reference | None = None
    initial_value: bool = True
    is_persistent: bool = True
    uses_trigger_values: bool = True


@dataclass(frozen=True)
class Delay:
    """``variable(t) = argument(t - lag)``; before the initial time the argument is what it is then.

    Attributes
    ----------
    variable : Reference
        One entry of a base species that nothing else changes.
    argument : Reference
        The entry whose past it follows.
    lag : Reference
        A positive entry that does not change during a run.
    """

    variable: Reference
    argument: Reference
    lag: Reference


@dataclass(frozen=True)
class ICRN:
    """An indexed chemical reaction network.

    Attributes
    ----------
    assignments : tuple of IndexedAssignment
        Define the assigned quantities at all times, in an order in which they can be
        evaluated: a law reads only quantities assigned before it.
    initial_assignments : tuple of IndexedAssignment
        Evaluated once at the initial time, in this order, after the given initial values;
        their targets are entries of base species (in the unit of its laws) or rate constants,
        or of assigned quantities that a later initial assignment reads.
    events : tuple of Event
        What changes at moments instead of continuously.
    delays : tuple of Delay
        Entries that follow the past of others.
    leaves_out : tuple of str
        What the model has and the network does not hold, so that it cannot be compiled.

    Raises
    ------
    IcrnError
        A reference that fits no base, index symbol or index set; the message names the symbol
        and the two index sets that disagree.
    """

    species: tuple[BaseSpecies, ...] = ()
    constants: tuple[RateConstant, ...] = ()
    assigned: tuple[AssignedQuantity, ...] = ()
    reactions: tuple[IndexedReaction, ...] = ()
    assignments: tuple[IndexedAssignment, ...] = ()
    initial_assignments: tuple[IndexedAssignment, ...] = ()
    name: str = ""
    events: tuple[Event, ...] = ()
    delays: tuple[Delay, ...] = ()
    leaves_out: tuple[str, ...] = field(default=(), compare=False)
    _bases: dict[str, _Base] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bases: dict[str, _Base] = {}
        for base in (*self.species, *self.constants, *self.assigned):
            if base.name in bases:
                raise IcrnError(f"two bases are called '{base.name}': give one another name")
            bases[base.name] = base
        object.__setattr__(self, "_bases", bases)
        from icrn_core.validation import check_icrn

        check_icrn(self)

    def base(self, name: str) -> _Base:
        """Return the base species, rate constant or assigned quantity of that name.

        Raises
        ------
        IcrnError
            There is none.
        """
        try:
            return self._bases[name]
        except KeyError:
            known = ", ".join(sorted(self._bases)) or "none"
            raise IcrnError(f"no base is called '{name}' (there are: {known})") from None

    @property
    def bases(self) -> tuple[_Base, ...]:
        """Base species, rate constants and assigned quantities, in this order."""
        return tuple(self._bases.values())

    def index_sets(self) -> tuple[IndexSet, ...]:
        """Every index set in use, in order of first use by a base."""
        sets = (index_set for base in self._bases.values() for index_set in base.index_sets)
        return tuple(dict.fromkeys(sets))
