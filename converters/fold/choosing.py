"""Choose between candidate labellings: by price, and among nearly equal ones by who reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from time import perf_counter
from typing import NamedTuple

import numpy as np

from converters.fold.bits import plan_bits
from converters.fold.candidates import FLAT, NAMES, NUMBERS, STRUCTURE, WORDS, Candidate
from converters.fold.domains import Plan, drop_idle_bases, plan_domains
from converters.fold.facts import Group
from converters.fold.splitting import Known, cheaper_when_split

# Plans are taken as equal within these shares of the folded and the flat bits; then what people
# read best is preferred. A labelling by names that the reactions agree with may cost more.
_NEARLY_EQUAL = 0.04
_NAMES_EQUAL = 0.1
_NOT_WORTH_IT = 0.01

# Splitting blocks by rule takes long: of plans that names did not lead to, which show rules best,
# only those are tried that cost least without it.
_MOST_SPLIT = 4
_LARGE = 20_000  # items from which a fold without exceptions ends the search
_WORTH_SPLITTING = 1.35


class Found(NamedTuple):
    """A plan, and what it is chosen by."""

    preference: int
    n_strict: int
    price: float
    number: int
    plan: Plan


class Chooser:
    """Plans and prices candidates, and keeps the best.

    Parameters
    ----------
    stages : sequence of sequence of Group
        Groups of reactions, of assignments and of initial assignments.
    values : float array, shape (n_elements,)
        Value of each element, NaN where it has none.
    flat_price : float
        Bits of the flat network.
    deadline : float
        When, by `time.perf_counter`, to stop trying.
    """

    def __init__(
        self, stages: Sequence[Sequence[Group]], values: np.ndarray, flat_price: float, deadline: float
    ) -> None:
        self.stages = stages
        self.values = values
        self.flat_price = flat_price
        self.deadline = deadline
        self.is_complete = True
        self.found: list[Found] = []
        self._n_tried = 0
        self._least_whole = np.inf
        self._known: Known = {}

    def run(self, candidates: Iterable[Candidate]) -> None:
        """Add candidates, at least one, as long as there is time and something left to find."""
        for candidate in candidates:
            if self.found and (self._is_settled() or self.is_late()):
                break
            self.add(candidate)

    def _is_settled(self) -> bool:
        """Whether a large network has a fold without a single exception: no other is worth its time."""
        n_items = sum(group.n_items for groups in self.stages for group in groups)
        least = min(self.found, key=lambda entry: entry.price)
        is_regular = least.preference <= STRUCTURE and least.n_strict == len(least.plan.domains)
        return n_items >= _LARGE and is_regular

    def is_late(self) -> bool:
        """Whether the time is up, which leaves the search incomplete."""
        if perf_counter() > self.deadline:
            self.is_complete = False
        return not self.is_complete

    def add(self, candidate: Candidate) -> None:
        """Add a candidate, and what it is like without idle bases."""
        plan = self._try(candidate)
        pruned = drop_idle_bases(plan)
        if len(pruned.drafts) < len(candidate.labelling.drafts):
            self._try(replace(candidate, labelling=pruned))

    def _try(self, candidate: Candidate) -> Plan:
        plan = plan_domains(self.stages, candidate.labelling)
        named = sum(not draft.is_list for draft in candidate.labelling.drafts)
        preference = candidate.preference if named else FLAT
        self._n_tried += 1
        price = plan_bits(plan, self.values)
        self._least_whole = min(self._least_whole, price)
        if preference == NAMES and not self.is_late():
            plan, price = self._when_split(plan, price)
        self.found.append(Found(preference, plan.n_strict, price, self._n_tried, plan))
        limit = _WORTH_SPLITTING * self._least_whole
        self.found = [entry for entry in self.found if entry.price <= limit or _is_grid(entry)]
        return plan

    def _when_split(self, plan: Plan, price: float) -> tuple[Plan, float]:
        """Return a plan and its price, blocks split if it is not nearly equal without."""
        parts, parts_price = cheaper_when_split(plan, price, self.values, self._known)
        return (parts, parts_price) if parts_price < (1 - _NEARLY_EQUAL) * price else (plan, price)

    @cached_property
    def best(self) -> Found:
        """The cheapest plan, blocks split by rule; of nearly equal ones, the one that people read best.

        Words of names can split what belongs together: they count no more than structure
        where they lead to more indexed reactions.
        """
        tried = self._split()
        least = min(entry.price for entry in tried)
        slack = _NOT_WORTH_IT * self.flat_price
        limit = least + max(_NEARLY_EQUAL * least, slack)
        named_limit = least + max(_NAMES_EQUAL * least, slack)
        equal = [e for e in tried if e.price <= limit]
        fewest = min((len(e.plan.domains) for e in equal if e.preference == STRUCTURE), default=np.inf)
        for entry in tried:
            if entry.preference <= WORDS and limit < entry.price <= named_limit:
                equal.append(entry)

        def order(entry: Found) -> tuple:
            splits = entry.preference == WORDS and len(entry.plan.domains) > fewest
            return (STRUCTURE if splits else entry.preference, *entry[1:-1])

        return min((e for e in equal if e.price <= limit or order(e)[0] <= WORDS), key=order)

    def _split(self) -> list[Found]:
        """Return the plans with the blocks of the cheapest ones split where that lowers their price."""
        tried = sorted(self.found, key=lambda entry: entry.price)
        whole = [number for number, entry in enumerate(tried) if entry.preference != NAMES]
        grids = [number for number in whole if _is_grid(tried[number])]
        for number in sorted({*whole[:_MOST_SPLIT], *grids[:1]}):
            if len(tried) > 1 and self.is_late():
                break
            entry = tried[number]
            plan, price = self._when_split(entry.plan, entry.price)
            tried[number] = entry._replace(plan=plan, price=price, n_strict=plan.n_strict)
        return tried


def _is_grid(entry: Found) -> bool:
    """Whether mere numbers in names give variables several indices.

    The states of several sites may all be one base, whose indices no other shares: its worth
    shows only when the reactions of each site are split off.
    """
    drafts = entry.plan.labelling.drafts
    return entry.preference == NUMBERS and any(d.n_axes > 1 and d.signature.form == "state" for d in drafts)
