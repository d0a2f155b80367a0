"""What would fold more: reactions and elements that miss a pattern by little.

Found in the folding alone, in time linear in its size, for people who can tell a slip in the
model from chemistry.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from converters.fold.patterns import Part, find_pattern
from converters.folding import Folding
from converters.show import Notation, reaction_lines, shortened
from icrn_core.icrn import IndexedReaction, Reference, Term

_MOST = 10
_SHOWN = 3
_MIN_GROUP = 4  # fewer reactions are no pattern that others could miss
_FEW = 1 / 8  # share of a group that may miss it
_COMPARED = {"<", "<=", ">", ">=", "!="}
_PARTS_THAT_MISS = _COMPARED | {"holes", "some"}

Kind = Literal["missing", "differs", "repeated", "outside"]


@dataclass(frozen=True)
class NearMiss:
    """Something that misses a pattern by little.

    Attributes
    ----------
    kind : str
        ``"missing"``: index tuples that an indexed reaction lacks; ``"differs"``: reactions that
        are almost like those of one; ``"repeated"``: reactions that stand twice;
        ``"outside"``: elements that are called like the entries of a base.
    name : str
        Of the indexed reaction or base whose pattern it is.
    ids : tuple of str
        What it is about.
    text : str
        One sentence.
    size : int
        How many follow the pattern.
    """

    kind: Kind
    name: str
    ids: tuple[str, ...]
    text: str
    size: int


def find_near_misses(folding: Folding, most: int = _MOST) -> tuple[NearMiss, ...]:
    """Return the near misses of a folding, those of the largest patterns first.

    Parameters
    ----------
    folding : Folding
        Any folding.
    most : int
        How many to return.
    """
    finder = _Finder(folding)
    found = [*finder.differing(), *finder.missing(), *finder.repeated(), *finder.outside()]
    found.sort(key=lambda miss: (-miss.size, len(miss.ids), miss.kind, miss.text))
    return tuple(found[:most])


class _Finder:
    """Looks for each kind of near miss."""

    def __init__(self, folding: Folding) -> None:
        self.folding = folding
        self.identity = folding.identity
        self.notation = Notation(folding.icrn, folding.identity, is_brief=True)
        backward = {join.backward for join in folding.joins}
        self.reactions = [
            r
            for r in folding.icrn.reactions
            if r.name not in backward and self.identity.roles[r.name] == "reaction"
        ]
        self.reports = {g.name: g for g in folding.report.groups} if folding.report else {}
        # Reactions of a form of their own: where they stand, no other is missing.
        self.single = {self._participants(r, (), ()) for r in self.reactions if not r.domain.symbols}
        self.rows = {row[0]: row for row in reaction_lines(folding, is_brief=True)}

    # Index tuples that are missing

    def missing(self) -> Iterator[NearMiss]:
        """Yield the few tuples that indexed reactions lack of a full or regular domain."""
        for reaction in self.reactions:
            report = self.reports.get(reaction.name)
            if reaction.domain.size < _MIN_GROUP or (report and not re.search(" but | of ", report.pattern)):
                continue
            symbols = reaction.domain.symbols
            if any(s.index_set.name in self.notation.lists for s in symbols):
                continue
            sets = list(dict.fromkeys(s.index_set.name for s in symbols))
            numbers = [sets.index(s.index_set.name) for s in symbols]
            table = reaction.domain.tuples()
            for part in find_pattern(table, reaction.domain.shape, numbers).parts:
                if part.kind in _PARTS_THAT_MISS:
                    yield from self._missing(reaction, table, part)

    def _missing(self, reaction: IndexedReaction, table: np.ndarray, part: Part) -> Iterator[NearMiss]:
        sizes = [reaction.domain.shape[c] for c in part.columns]
        n_missing = sizes[0] - part.number if part.kind == "some" else part.number
        if not 0 < n_missing <= max(1, _FEW * len(table)):
            return
        present = set(map(tuple, table[:, part.columns].tolist()))
        cells = (cell for cell in product(*map(range, sizes)) if _belongs(part.kind, cell))
        symbols = [reaction.domain.symbols[c] for c in part.columns]
        lacking = [
            cell
            for cell in cells
            if cell not in present and self._participants(reaction, symbols, cell) not in self.single
        ]
        if not lacking:
            return
        shown = "; ".join(self._instance(reaction, symbols, cell) for cell in lacking[:_SHOWN])
        more = "; …" if len(lacking) > _SHOWN else ""
        beside = self._beside(reaction, table, part, lacking[0])
        noun = "reaction" if len(lacking) == 1 else "reactions"
        text = (
            f"{reaction.name} ({len(table)} reactions) lacks {len(lacking)} {noun} of a regular "
            f"domain: {shown}{more}; its neighbour is {beside}"
        )
        yield NearMiss("missing", reaction.name, (beside,), text, len(table))

    def _instance(self, reaction: IndexedReaction, symbols: Sequence, cell: tuple[int, ...]) -> str:
        """Write a reaction with labels in place of some of its symbols."""
        values = {s.name: k for s, k in zip(symbols, cell, strict=True)}
        sides = [
            self.notation.side([_bound(term, values) for term in terms])
            for terms in (reaction.reactants, reaction.products)
        ]
        labels = ", ".join(f"{s.name} = {s.index_set.labels[values[s.name]]}" for s in symbols)
        return f"{' → '.join(sides)} ({labels})"

    def _participants(self, reaction: IndexedReaction, symbols: Sequence, cell) -> tuple:
        """Return what takes part in a reaction with labels in place of some of its symbols."""
        values = {s.name: k for s, k in zip(symbols, cell, strict=True)}
        sides = (reaction.reactants, reaction.products)
        return tuple(frozenset(_bound(term, values).species for term in side) for side in sides)

    def _beside(self, reaction: IndexedReaction, table: np.ndarray, part: Part, cell) -> str:
        """Id of the reaction whose tuple is most like one that is missing."""
        same = (table[:, part.columns] == np.array(cell)).sum(axis=1)
        return self.identity.tuples[reaction.name][int(np.argmax(same))]

    # Reactions that differ in one thing

    def differing(self) -> Iterator[NearMiss]:
        """Yield small groups whose reactions are like those of a large one but for one thing."""
        large = [
            r
            for r in sorted(self.reactions, key=lambda r: -r.domain.size)
            if r.domain.size >= _MIN_GROUP and self._is_indexed(r) and self._is_regular(r)
        ]
        tables: list[dict] = [{}, {}, {}]
        for reaction in large:
            for table, keys in zip(tables, self._keys(reaction), strict=True):
                for key in keys:
                    table.setdefault(key, reaction)
        found: dict[tuple[str, str], list[IndexedReaction]] = {}
        for reaction in self.reactions:
            for what, table, keys in zip(
                ("law", "stoichiometry", "participant"), tables, self._keys(reaction), strict=True
            ):
                like = next((table[key] for key in keys if key in table), None)
                if like is not None and reaction.domain.size <= _FEW * like.domain.size:
                    if what == "law" and _same_law(reaction, like):
                        what = "indices"
                        twin = self._twin(reaction, like)
                        if twin is not None:
                            yield twin
                            break
                    found.setdefault((like.name, what), []).append(reaction)
                    break
        by_name = {r.name: r for r in large}
        for (name, what), small in found.items():
            yield self._difference(by_name[name], what, small)

    def _twin(self, small: IndexedReaction, like: IndexedReaction) -> NearMiss | None:
        """Return the near miss of reactions all of which stand in a large group already."""
        pairs = [*zip(small.slots, like.slots, strict=True)]
        for mine, theirs in ((small.reactants, like.reactants), (small.products, like.products)):
            pairs += [(a.species, b.species) for a, b in zip(mine, theirs, strict=True)]
        values = _values(small, like, pairs)
        if values is None:
            return None
        place = {row: k for k, row in enumerate(map(tuple, like.domain.tuples().tolist()))}
        twins = [place.get(tuple(row)) for row in values.tolist()]
        if None in twins:
            return None
        ids = self.identity.tuples[small.name]
        others = tuple(self.identity.tuples[like.name][k] for k in twins)
        text = f"{ids[0]} and {others[0]} are the same reaction"
        text += f"; {len(ids)} such pairs in {like.name}" if len(ids) > 1 else ""
        return NearMiss("repeated", like.name, (*ids, *others), text, like.domain.size)

    def _is_regular(self, reaction: IndexedReaction) -> bool:
        """Whether most index tuples follow a rule: what is only a list has no pattern to miss."""
        report = self.reports.get(reaction.name)
        return report is None or report.exceptions <= report.n_reactions / 2

    def _is_indexed(self, reaction: IndexedReaction) -> bool:
        return any(self._base(term) for term in (*reaction.reactants, *reaction.products))

    def _base(self, term: Term) -> str:
        """Return the base of a participant, "" where it only stands in a list."""
        base = term.species.base
        return "" if base in self.notation.lists or not term.species.indices else base

    def _keys(self, reaction: IndexedReaction) -> tuple[list, list, list]:
        """Return what reactions have in common that differ in law, stoichiometry, or one participant."""
        sides = (reaction.reactants, reaction.products)
        terms = [(k, self._base(t), t.stoichiometry) for k, side in enumerate(sides) for t in side]
        if not any(base for _, base, _ in terms):
            return [], [], []
        bases = sorted((side, base) for side, base, _ in terms)
        law = repr(reaction.law.template)
        without_one = [
            (side, law, *sorted(terms[:k] + terms[k + 1 :]))
            for k, (side, _, _) in enumerate(terms)
            if any(base for _, base, _ in terms[:k] + terms[k + 1 :])
        ]
        return [tuple(sorted(terms))], [tuple(bases)], without_one

    def _difference(self, like: IndexedReaction, what: str, small: Sequence[IndexedReaction]) -> NearMiss:
        ids = tuple(i for r in small for i in self.identity.tuples[r.name])
        one = len(ids) == 1
        own, theirs = self.rows[small[0].name], self.rows[like.name]
        column = 2 if what == "law" else 1
        whose = "its" if one else "their"
        differs = {
            "law": f"{whose} law",
            "indices": f"{whose} indices",
            "stoichiometry": f"{whose} stoichiometry",
            "participant": "one participant",
        }[what]
        first = "" if one else f"{ids[0]} has "
        text = (
            f"{_listed(ids)} {'is' if one else 'are'} like the {like.domain.size} reactions of {like.name} "
            f"but for {differs}: {first}{_brief(own[column])}, not {_brief(theirs[column])}"
        )
        return NearMiss("differs", like.name, ids, text, like.domain.size)

    # Reactions that stand twice

    def repeated(self) -> Iterator[NearMiss]:
        """Yield reactions that are equal to another one."""
        for reaction in self.reactions:
            if reaction.domain.relation is None or len(reaction.domain.relation) < 2:
                continue
            _, inverse, counts = np.unique(
                reaction.domain.relation, axis=0, return_inverse=True, return_counts=True
            )
            twice = np.flatnonzero(counts[inverse.reshape(-1)] > 1)
            if len(twice):
                ids = tuple(self.identity.tuples[reaction.name][k] for k in twice.tolist())
                inverse = inverse.reshape(-1)
                pair = tuple(
                    i for i, k in zip(ids, twice.tolist(), strict=True) if inverse[k] == inverse[twice[0]]
                )
                extra = f"; {len(ids)} such reactions in {reaction.name}" if len(ids) > len(pair) else ""
                yield NearMiss(
                    "repeated",
                    reaction.name,
                    ids,
                    f"{_listed(pair)} are the same reaction{extra}",
                    reaction.domain.size,
                )

    # Elements that are called like the entries of a base

    def outside(self) -> Iterator[NearMiss]:
        """Yield elements in lists whose ids differ from those of a base in numbers only."""
        entries = self.identity.entries
        listed = {name for name in entries if name in self.notation.lists or len(entries[name]) == 1}
        members: dict[str, Counter[str]] = {}
        for name in entries.keys() - listed:
            for element_id in entries[name]:
                members.setdefault(_form(element_id), Counter())[name] += 1
        strays: dict[str, list[tuple[str, str]]] = {}
        for name in entries:
            for element_id in entries[name] if name in listed else ():
                if "#" in (form := _form(element_id)) and len(members.get(form, ())) == 1:
                    strays.setdefault(form, []).append((element_id, name))
        for form, found in strays.items():
            ((name, size),) = members[form].items()
            if size < _MIN_GROUP or len(found) > max(1, _FEW * size):
                continue
            ids = tuple(element_id for element_id, _ in found)
            verb = ("is", "stands") if len(ids) == 1 else ("are", "stand")
            why = self._kind_difference(found[0][1], name) or "no reaction like those of the others has any"
            text = (
                f"{_listed(ids)} {verb[0]} called like the {size} entries of {name}, "
                f"but {verb[1]} apart: {why}"
            )
            yield NearMiss("outside", name, ids, text, size)

    def _kind_difference(self, listed: str, name: str) -> str:
        one, other = self.folding.icrn.base(listed), self.folding.icrn.base(name)
        if type(one) is not type(other):
            return f"{_NOUNS[type(one).__name__]}, not {_NOUNS[type(other).__name__]}"
        for flag, words in _FLAGS.items():
            if getattr(one, flag, None) != getattr(other, flag, None):
                return words[bool(getattr(one, flag))] if len(words) == 2 else words[0]
        return ""


_NOUNS = {
    "BaseSpecies": "a species or variable",
    "RateConstant": "a constant",
    "AssignedQuantity": "given by a rule",
}
_FLAGS = {
    "is_boundary": ("it is no boundary species", "it is a boundary species"),
    "law_unit": ("its formulas mean amounts in one case and concentrations in the other",),
    "initial_unit": ("one has an initial amount, the others concentrations or the reverse",),
}


def _belongs(kind: str, cell: tuple[int, ...]) -> bool:
    if kind not in _COMPARED:
        return True
    a, b = cell
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "!=": a != b}[kind]


def _same_law(one: IndexedReaction, other: IndexedReaction) -> bool:
    bases = [[slot.base for slot in r.slots] for r in (one, other)]
    return one.law.template == other.law.template and bases[0] == bases[1]


def _values(small: IndexedReaction, like: IndexedReaction, pairs: Sequence) -> np.ndarray | None:
    """Return the index tuples of ``like`` that the rows of ``small`` would have, None where they clash.

    Parameters
    ----------
    pairs : sequence of (Reference, Reference)
        What stands in the same place of both.
    """
    table = small.domain.tuples()
    column = {s.name: k for k, s in enumerate(small.domain.symbols)}
    found: dict[str, np.ndarray] = {}
    for mine, theirs in pairs:
        if mine.base != theirs.base:
            return None
        for own, index in zip(mine.indices, theirs.indices, strict=True):
            value = table[:, column[own]] if isinstance(own, str) else np.full(len(table), own)
            wanted = found.setdefault(index, value) if isinstance(index, str) else index
            if not (value == wanted).all():
                return None
    return np.stack([found[s.name] for s in like.domain.symbols], axis=1)


def _bound(term: Term, values: dict[str, int]) -> Term:
    indices = tuple(values.get(i, i) if isinstance(i, str) else i for i in term.species.indices)
    return replace(term, species=Reference(term.species.base, indices))


def _form(element_id: str) -> str:
    return re.sub(r"\d+", "#", element_id)


def _listed(ids: Sequence[str]) -> str:
    if len(ids) > _SHOWN:
        return f"{len(ids)} reactions ({', '.join(ids[:_SHOWN])}, …)"
    return " and ".join(ids) if len(ids) < 3 else f"{', '.join(ids[:-1])} and {ids[-1]}"


def _brief(text: str) -> str:
    return shortened(text, 80)
