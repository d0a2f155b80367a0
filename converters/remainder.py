"""What a folding leaves in lists, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from converters.enumerate import flat_positions
from converters.folding import Folding
from converters.show import Notation

# In order of precedence: an element counts once.
REASONS = {
    "relation": "in reactions or rules that are listed one by one",
    "shared": "that a whole indexed reaction or rule shares",
    "placement": "places of species",
    "single": "only in reactions or rules of a form of their own",
    "unused": "in no reaction or rule",
}


@dataclass(frozen=True)
class Remainder:
    """A list of elements without indices of their own.

    Attributes
    ----------
    name : str
        Of the base.
    n_elements : int
        How many it lists.
    ids : dict of str to tuple of str
        Key of `REASONS` → the elements it is true of.
    """

    name: str
    n_elements: int
    ids: dict[str, tuple[str, ...]]


def remainders(folding: Folding) -> list[Remainder]:
    """Return the lists of a folding with the reasons why their elements are there."""
    notation = Notation(folding.icrn)
    keys = list(REASONS)
    bases = {base.name: base for base in folding.icrn.bases}
    listed = [name for name in bases if name in notation.lists and any(folding.identity.entries[name])]
    rank = {name: np.full(bases[name].size, len(keys) - 1) for name in listed}
    for item in (*folding.icrn.reactions, *folding.icrn.assignments, *folding.icrn.initial_assignments):
        references = {*item.slots, *_participants(item)}
        for reference in references:
            if reference.base not in rank:
                continue
            if item.domain.size == 1:
                place = keys.index("single")
            elif all(isinstance(i, int) for i in reference.indices):
                place = keys.index("shared")
            else:
                place = keys.index("relation")
            positions = np.unique(flat_positions(reference, item.domain, bases[reference.base].shape))
            found = rank[reference.base]
            found[positions] = np.minimum(found[positions], place)
    for base in folding.icrn.species:
        for placement in (base.compartment, base.conversion_factor):
            if placement is not None and placement.base in rank:
                found = rank[placement.base]
                positions = np.unique(placement.positions)
                found[positions] = np.minimum(found[positions], keys.index("placement"))
    return [_remainder(folding, name, rank[name]) for name in listed]


def _participants(item) -> list:
    if hasattr(item, "target"):
        return [item.target]
    return [term.species for term in (*item.reactants, *item.products)]


def _remainder(folding: Folding, name: str, rank: np.ndarray) -> Remainder:
    entries = folding.identity.entries[name]
    ids = {
        key: tuple(entries[k] for k in np.flatnonzero(rank == number).tolist())
        for number, key in enumerate(REASONS)
    }
    return Remainder(name, len(entries), {key: found for key, found in ids.items() if found})
