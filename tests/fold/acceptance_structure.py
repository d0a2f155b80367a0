"""Read the structure off a fold, to compare it with the structure that is really there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from acceptance_maker import Truth

from converters import Folding
from icrn_core.icrn import IndexedReaction, IndexSet


@dataclass(frozen=True)
class Structure:
    """Number of indexed reactions, sorted sizes of their index sets, and how many use a mere list."""

    n_reactions: int
    sizes: tuple[int, ...]
    n_listed: int = 0

    def is_true(self, truth: Truth, naming: str) -> bool:
        """Whether this is one of the readings of the truth under a naming."""
        is_found = (self.n_reactions, self.sizes) in truth.accepted(naming)
        return is_found and (truth.may_list or not self.n_listed)


def structure_of(folding: Folding) -> Structure:
    """Return what of a fold is compared with the ground truth.

    Three things, none of which depends on a name:

    - how many indexed reactions stand for reactions of the network. The backward direction of
      a reversible law that was split is "derived" and does not count; rules do not count.
    - the sizes of the index sets that a symbol of one of them ranges over. Two index sets of
      one size are two, so one that is split in two, or two that are taken for one, shows. An
      index set that only indexes constants, or one base of which the reactions that range
      over it reach a part only, is no structure but a mere list, and does not count.
    - how many of them range over a mere list of elements, which is how a fold expresses that
      it found no index for them (numbers in laws have no ids and may be listed freely).

    Not compared: the form of the domains, the names of bases and index sets, the order of
    labels, and which element got which label. Exactness is another law.
    """
    roles = folding.identity.roles
    reactions = [r for r in folding.icrn.reactions if roles[r.name] == "reaction"]
    lists = _mere_lists(folding, reactions)
    used = {s.index_set for r in reactions for s in r.domain.symbols}
    sizes = sorted(len(s) for s in used if s not in lists)
    listed = [r for r in reactions if any(lists.get(s.index_set) for s in r.domain.symbols)]
    return Structure(len(reactions), tuple(sizes), len(listed))


def _mere_lists(folding: Folding, reactions: list[IndexedReaction]) -> dict[IndexSet, bool]:
    """Return the index sets that are mere lists, and whether their entries have ids."""
    icrn = folding.icrn
    uses = Counter(s for base in icrn.bases for s in base.index_sets)
    reached = _reached(reactions)
    constants = {b.name for b in icrn.constants}
    lists = {}
    for base in icrn.bases:
        if len(base.index_sets) != 1 or uses[base.index_sets[0]] != 1:
            continue
        (index_set,) = base.index_sets
        if base.name in constants or reached.get(index_set, 0) < len(index_set):
            lists[index_set] = any(folding.identity.entries[base.name])
    return lists


def _reached(reactions: list[IndexedReaction]) -> dict[IndexSet, int]:
    """Return the most labels of each index set that the symbols of one reaction take."""
    reached: dict[IndexSet, int] = {}
    for reaction in reactions:
        tuples = reaction.domain.tuples()
        columns: dict[IndexSet, list[np.ndarray]] = {}
        for position, symbol in enumerate(reaction.domain.symbols):
            columns.setdefault(symbol.index_set, []).append(tuples[:, position])
        for index_set, found in columns.items():
            count = len(np.unique(np.concatenate(found)))
            reached[index_set] = max(reached.get(index_set, 0), count)
    return reached
