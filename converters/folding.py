"""A folded network: the ICRN, its values, and what leads back to the flat network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Literal

import numpy as np

from icrn_core.icrn import ICRN
from icrn_io.network import Network, SpeciesReference, UnsupportedFeature

# Features of `Folding.unsupported` that are about a value and not about a construct.
MISSING_VALUE = "missing value"
INFINITE_VALUE = "infinite value"

Role = Literal["reaction", "rate rule", "assignment rule", "initial assignment", "derived"]


@cache
def blank_references(n: int) -> tuple[SpeciesReference, ...]:
    """Return what a skeleton has in place of ``n`` plain reactants that an indexed reaction gives.

    One object for all reactions with as many, so that they are quickly told from others.
    """
    return (SpeciesReference("", None),) * n


@dataclass(frozen=True)
class Writing:
    """Another order in which a reaction or rule of an indexed one is written.

    Attributes
    ----------
    reactants, products : tuple of int
        For each participant as written, its position in the indexed reaction.
    law : tuple or float
        Template of the law as written, over the slots of the indexed reaction; over those of
        both directions where it is joined from two.
    """

    reactants: tuple[int, ...]
    products: tuple[int, ...]
    law: tuple | float


@dataclass(frozen=True)
class Identity:
    """Which concrete element each indexed entry stands for.

    Attributes
    ----------
    entries : mapping of str to tuple of str
        Base name → the id of each entry of its tensor in C order; "" where the entry is a
        hole or an anonymous number.
    tuples : mapping of str to tuple of str
        Name of an indexed reaction or assignment → for each tuple of its domain, in the order
        of ``IndexDomain.tuples()``, the id of the reaction or the variable of the rule.
    roles : mapping of str to Role
        Name of an indexed reaction or assignment → what it stands for in the flat network;
        "derived" ones (the backward direction of a joined reversible reaction, a flux that a
        rule reads, a rule evaluated at the initial time) stand for nothing of their own.
    writings : mapping of str to tuple of Writing
        Name of an indexed reaction or assignment, not all of whose tuples are written in its
        order (``B + A`` for ``A + B``) → the other orders.
    written : mapping of str to tuple of int
        For those, 0 for each tuple in the order of the indexed reaction itself, k for
        ``writings[name][k - 1]``.
    """

    entries: Mapping[str, tuple[str, ...]]
    tuples: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, Role]
    writings: Mapping[str, tuple[Writing, ...]] = field(default_factory=dict)
    written: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def positions(self) -> dict[str, tuple[str, int]]:
        """Concrete id → (base name, flat position in its tensor)."""
        return {
            element_id: (base, position)
            for base, ids in self.entries.items()
            for position, element_id in enumerate(ids)
            if element_id
        }


@dataclass(frozen=True)
class Join:
    """A reversible reaction folded as two directions, and the law they are joined by.

    ``template`` is a rate-law template over the slots of ``forward`` followed by those of
    ``backward`` (names of indexed reactions over equal domains).
    """

    forward: str
    backward: str
    template: tuple


@dataclass(frozen=True)
class GroupReport:
    """How one indexed reaction or rule was found.

    Attributes
    ----------
    name : str
        Of the indexed reaction or assignment.
    n_reactions : int
        How many reactions or rules it stands for.
    form : str
        How its domain is stored.
    pattern : str
        Its index tuples in words: ``every i, every j``, ``i < j``, ``3 of (i, j)``.
    density : float
        Share of the index tuples of the full product that exist.
    exceptions : int
        Tuples that follow no rule.
    how : str
        Where the indices of its bases come from.
    """

    name: str
    n_reactions: int
    form: Literal["single", "dense", "dense with missing entries", "relation"]
    pattern: str = ""
    density: float = 1.0
    exceptions: int = 0
    how: str = ""


@dataclass(frozen=True)
class FoldReport:
    """What folded and by how much.

    Attributes
    ----------
    n_species, n_reactions : int
        Of the flat network.
    groups : tuple of GroupReport
        One per indexed reaction or rule.
    flat_bits, folded_bits : float
        Description lengths of the flat and the folded network.
    hints : tuple of str
        What became of the hints given.
    is_complete : bool
        Whether all candidates were tried within the time allowed.
    fold_seconds, check_seconds : float
        Time of the search, and of the proof that enumeration gives the network back.
    """

    n_species: int
    n_reactions: int
    groups: tuple[GroupReport, ...]
    flat_bits: float
    folded_bits: float
    hints: tuple[str, ...] = ()
    is_complete: bool = True
    fold_seconds: float = 0.0
    check_seconds: float = 0.0

    @property
    def n_strict(self) -> int:
        """Number of indexed reactions and rules, each exception to a regular domain counted as one more."""
        return sum(1 + group.exceptions for group in self.groups)


@dataclass(frozen=True)
class Folding:
    """The exact fold of a network.

    Attributes
    ----------
    icrn : ICRN
        The indexed structure.
    values : mapping of str to float64 array
        Base name → tensor of the base's shape: initial values (in the base's
        ``initial_unit``) of base species, values of rate constants. NaN where the file gives
        no value because a rule or initial assignment does.
    identity : Identity
        Concrete ids of the entries and tuples.
    skeleton : Network
        What is not indexed: ids, names, units and flags in file order, events, and whatever
        resisted folding. Laws, stoichiometries and values of everything else are taken out.
    joins : tuple of Join
        Reversible reactions that were split in two.
    unsupported : tuple of UnsupportedFeature
        Constructs that are held but cannot be simulated; empty for most models.
    report : FoldReport
        What folded and by how much.
    """

    icrn: ICRN
    values: Mapping[str, np.ndarray]
    identity: Identity
    skeleton: Network
    joins: tuple[Join, ...] = ()
    unsupported: tuple[UnsupportedFeature, ...] = ()
    report: FoldReport | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        # A network that would be compiled without its events, say, has to say so.
        held = tuple(
            f"{u.feature} '{u.element_id}'"
            for u in self.unsupported
            if u.feature not in (MISSING_VALUE, INFINITE_VALUE)
        )
        if held != self.icrn.leaves_out:
            object.__setattr__(self, "icrn", replace(self.icrn, leaves_out=held))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Folding):
            return NotImplemented
        return (
            self.icrn == other.icrn
            and self.identity == other.identity
            and self.skeleton == other.skeleton
            and self.joins == other.joins
            and self.unsupported == other.unsupported
            and self.values.keys() == other.values.keys()
            and all(np.array_equal(v, other.values[k], equal_nan=True) for k, v in self.values.items())
        )

    __hash__ = None  # type: ignore[assignment]
