"""What a pattern of the command line stands for: ids of the model.

A pattern is an id (``k1``), a base of the folded model (``kf``), some entries of one
(``kf[*,2]``: labels or shell patterns over them), or a shell pattern over ids (``k*``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import product

from converters.folding import Folding
from converters.models import as_folding
from converters.training.csv_file import did_you_mean
from converters.training.values import element_ids, ruled_ids
from icrn_core.icrn import IndexSet
from icrn_io.errors import ModelIOError
from icrn_io.network import Network

IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ENTRY = re.compile(r"([^\[\]]+)\[(.*)\]")


def split_outside(text: str, marks: str) -> list[str]:
    """Return the parts of a text between some marks that stand outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if depth <= 0 and letter in marks:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


class Patterns:
    """Finds the ids that patterns stand for.

    Parameters
    ----------
    model : Network or Folding
        The model; it is folded once a pattern needs it.
    network : Network
        The same, flat.
    own : iterable of str
        Names beside those of the model; patterns find them by the whole name.

    Attributes
    ----------
    own : set of str
        These names; more may be added.
    """

    def __init__(self, model: Network | Folding, network: Network, own: Iterable[str] = ()) -> None:
        self._model = model
        self._ids = dict.fromkeys(element_ids(network))
        self._ruled = ruled_ids(network)
        self._assigned = {assignment.variable for assignment in network.initial_assignments}
        self._fluxes = {reaction.id for reaction in network.reactions}
        self.own = set(own)

    @cached_property
    def folding(self) -> Folding:
        """The model, folded."""
        return as_folding(self._model)

    def is_new(self, name: str) -> bool:
        """Whether this could be the name of something beside the model."""
        known = name in self._ids or name in self.own or name in self._fluxes
        return bool(IDENTIFIER.fullmatch(name)) and not known and name not in self._bases

    def find(self, pattern: str, what: str) -> tuple[str, ...]:
        """Return the ids that a pattern stands for, in the order of the file or tensor.

        Those that a rule gives are passed over; those that an initial assignment gives too,
        unless the pattern is the whole id, so that they go on following what it says.

        Parameters
        ----------
        pattern : str
            The pattern.
        what : str
            How the message for an error begins.

        Raises
        ------
        ModelIOError
            It stands for nothing, or for nothing whose value can be set.
        """
        if pattern in self.own:
            return (pattern,)
        if pattern in self._fluxes:
            raise ModelIOError(f"{what}: '{pattern}' is a reaction: its flux follows from its law")
        found = [pattern] if pattern in self._ids else self._entries(pattern, what)
        if not found:
            raise ModelIOError(f"{what}: no id or base of the model is like '{pattern}'{self._near(pattern)}")
        settable = [name for name in found if name not in self._ruled]
        if not settable:
            raise ModelIOError(
                f"{what}: '{found[0]}' cannot be fitted: an assignment rule gives its value at all times"
            )
        free = settable if pattern in self._ids else [n for n in settable if n not in self._assigned]
        if not free:
            raise ModelIOError(
                f"{what}: an initial assignment gives '{settable[0]}': give its whole id to fit it instead"
            )
        return tuple(free)

    def _entries(self, pattern: str, what: str) -> list[str]:
        shaped = _ENTRY.fullmatch(pattern)
        is_glob = any(mark in pattern for mark in "*?[")
        matching = [name for name in self._ids if fnmatchcase(name, pattern)] if is_glob else []
        base = shaped[1] if shaped else pattern
        if (is_glob and not shaped) or base not in self._bases:
            return matching
        try:
            labels = self.labels(shaped[2], base, what) if shaped else ["*"] * len(self.sets(base))
            own = zip(self.sets(base), labels, strict=True)
            return self.members(base, [_chosen(s, label, pattern, what) for s, label in own])
        except ModelIOError:
            if matching:  # ``k[123]`` where k is a base too
                return matching
            raise

    @cached_property
    def _bases(self) -> set[str]:
        return {base.name for base in self.folding.icrn.bases}

    def sets(self, base: str) -> tuple[IndexSet, ...]:
        """Return the index sets of a base, () if there is no such base."""
        return self.folding.icrn.base(base).index_sets if base in self._bases else ()

    def labels(self, inside: str, base: str, what: str) -> list[str]:
        """Return what stands between brackets, one for each index set of the base."""
        sets = self.sets(base)
        labels = [label.strip() for label in inside.split(",")] if len(sets) > 1 else [inside.strip()]
        if len(labels) != len(sets):
            raise ModelIOError(
                f"{what}: '{base}[{inside}]' has {len(labels)} indices, and '{base}' has {len(sets)}: "
                f"{', '.join(s.name for s in sets) or 'write its name alone'}"
            )
        return labels

    def members(self, base: str, positions: list[list[int]]) -> list[str]:
        """Return the ids of entries at positions of each axis; holes and bare numbers have none."""
        entries = self.folding.identity.entries.get(base, ())
        shape = self.folding.icrn.base(base).shape
        found = []
        for index in product(*positions):
            flat = 0
            for n, k in zip(shape, index, strict=True):
                flat = flat * n + k
            if entries[flat] in self._ids:
                found.append(entries[flat])
        return found

    def _near(self, pattern: str) -> str:
        shaped = _ENTRY.fullmatch(pattern)
        bases = {base.name for base in self.folding.icrn.bases}
        near = did_you_mean(shaped[1] if shaped else pattern, {*self._ids, *self.own, *bases})
        return f": {near}" if near else "; icrn-import prints what there is"


def index_parts(pattern: str) -> tuple[str, str] | None:
    """Return the base and what stands between the brackets, None if there are no brackets."""
    found = _ENTRY.fullmatch(pattern)
    return (found[1], found[2]) if found else None


def _chosen(index_set: IndexSet, label: str, pattern: str, what: str) -> list[int]:
    """Return the positions of labels like one; a label that is there counts as itself."""
    if label in index_set.labels:
        return [index_set.labels.index(label)]
    found = [k for k, known in enumerate(index_set.labels) if fnmatchcase(known, label)]
    if not found:
        near = did_you_mean(label, index_set.labels)
        shown = ", ".join(index_set.labels[:8]) + (", …" if len(index_set) > 8 else "")
        raise ModelIOError(
            f"{what}: '{pattern}': no label of index set {index_set.name} is like '{label}': "
            f"{near or 'there are ' + shown}"
        )
    return found
