"""Fold a network: try candidate labellings, keep the shortest description, prove it exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import numpy as np

from converters.enumerate import enumerate_network
from converters.fold.assemble import Assembly, assemble
from converters.fold.bits import flat_bits
from converters.fold.candidates import FLAT, STRUCTURE, WORDS, Candidate, candidates
from converters.fold.domains import Plan, drop_idle_bases
from converters.fold.elements import Elements
from converters.fold.facts import Group, group_items
from converters.fold.items import Inventory, take_inventory
from converters.fold.labelling import flat
from converters.fold.splitting import Known, cheapest_plan
from converters.folding import INFINITE_VALUE, MISSING_VALUE, Folding, FoldReport
from icrn_io.network import Network, UnsupportedFeature

# Plans are taken as equal within these shares of the folded and the flat bits; then what people
# read best is preferred. A labelling by names that the reactions agree with may cost more.
_NEARLY_EQUAL = 0.04
_NAMES_EQUAL = 0.1
_NOT_WORTH_IT = 0.01


def fold_network(network: Network, seconds: float = 60.0, flat_only: bool = False) -> Folding:
    """Return the exact fold of a network.

    Candidate labellings are priced by description length (`converters.fold.bits`) and the
    shortest is kept; the flat one is always among them. Then the fold is enumerated again and
    compared, so that ``enumerate_network(fold_network(network)) == network`` always holds.

    Parameters
    ----------
    network : Network
        Any network; what cannot be indexed (events, fast reactions, ...) is held and listed
        in ``Folding.unsupported``.
    seconds : float
        Time for the search: after it no further candidate is begun, the best so far is
        returned and ``report.is_complete`` is False.
    flat_only : bool
        Take the labelling that gives every element of a kind one list, without indices of
        its own: reactions are still grouped by rate law.

    Returns
    -------
    Folding
        The ICRN, its value tensors, the identity table and a report.

    Raises
    ------
    ModelIOError
        Assignments that depend on each other in a circle.
    RuntimeError
        The fold does not enumerate to the network: a defect of this library.
    """
    start = perf_counter()
    inventory = take_inventory(network)
    elements = inventory.elements
    stages = [
        group_items(items, elements)
        for items in (inventory.reactions, inventory.assignments, inventory.initial)
    ]
    values = element_values(elements)
    groups = [group for stage in stages for group in stage]
    flat_price = flat_bits(groups, len(elements.ids), int(np.count_nonzero(~np.isnan(values))))
    search = _Search(stages, values, flat_price, deadline=start + seconds)
    best = search.run([Candidate(flat(elements), FLAT)] if flat_only else candidates(groups, elements))
    assembly = assemble(best, elements, values, network.id)
    folded = perf_counter()

    report = FoldReport(
        len(network.species),
        len(network.reactions),
        assembly.groups,
        flat_price,
        search.price,
        is_complete=search.is_complete,
        fold_seconds=folded - start,
    )
    return _proved(network, inventory, assembly, values, stages, report, folded)


class _Found(NamedTuple):
    """A plan, and what it is chosen by."""

    preference: int
    n_strict: int
    price: float
    number: int
    plan: Plan


class _Search:
    """Plans and prices labellings, and keeps the best plan."""

    def __init__(self, stages: list[list[Group]], values: np.ndarray, flat_price: float, deadline: float):
        self.stages = stages
        self.values = values
        self.flat_price = flat_price
        self.deadline = deadline
        self.is_complete = True
        self.splits: Known = {}
        self.found: list[_Found] = []
        self.n_tried = 0

    @property
    def price(self) -> float:
        """Bits of the best plan."""
        return self._best().price

    def run(self, candidates: Iterable[Candidate]) -> Plan:
        """Return the best plan of the candidates and of what they are like without idle bases."""
        for candidate in candidates:
            if self.found and perf_counter() > self.deadline:
                self.is_complete = False
                break
            plan = self._try(candidate)
            pruned = drop_idle_bases(plan)
            if len(pruned.drafts) < len(candidate.labelling.drafts):
                self._try(replace(candidate, labelling=pruned))
        return self._best().plan

    def _try(self, candidate: Candidate) -> Plan:
        plan, price = cheapest_plan(self.stages, candidate.labelling, self.values, self.splits)
        named = sum(not draft.is_list for draft in candidate.labelling.drafts)
        preference = candidate.preference if named else FLAT
        self.n_tried += 1
        self.found.append(_Found(preference, plan.n_strict, price, self.n_tried, plan))
        least = min(entry.price for entry in self.found)
        slack = _NOT_WORTH_IT * self.flat_price
        limit = least + max(_NEARLY_EQUAL * least, slack)
        named_limit = least + max(_NAMES_EQUAL * least, slack)
        self.found = [
            entry
            for entry in self.found
            if entry.price <= (named_limit if entry.preference <= WORDS else limit)
        ]
        return plan

    def _best(self) -> _Found:
        """The cheapest plan; of nearly equal ones, the one that people read best.

        Words of names can split what belongs together: they count no more than structure
        where they lead to more indexed reactions.
        """
        by_structure = [len(e.plan.domains) for e in self.found if e.preference == STRUCTURE]
        fewest = min(by_structure, default=len(self.found[0].plan.domains))

        def order(entry: _Found) -> tuple:
            splits = entry.preference == WORDS and len(entry.plan.domains) > fewest
            return (STRUCTURE if splits else entry.preference, *entry[1:-1])

        return min(self.found, key=order)


def element_values(elements: Elements) -> np.ndarray:
    """Return the value of every element, NaN where the file gives none or a rule does."""
    network = elements.network
    given: dict[str, float | None] = {c.id: c.size for c in network.compartments}
    given |= {p.id: p.value for p in network.parameters}
    for species in network.species:
        amount = species.initial_amount
        given[species.id] = species.initial_concentration if amount is None else amount
    held = (None if i in elements.assigned else given.get(i) for i in elements.ids)
    return np.array([np.nan if value is None else value for value in held], dtype=float)


def _proved(
    network: Network,
    inventory: Inventory,
    assembly: Assembly,
    values: np.ndarray,
    stages: list[list[Group]],
    report: FoldReport,
    start: float,
) -> Folding:
    """Return the folding once its enumeration has been compared with the network."""
    unsupported = (*inventory.unsupported, *_bad_values(inventory, values, stages))

    folding = Folding(
        assembly.icrn,
        assembly.values,
        assembly.identity,
        inventory.skeleton,
        assembly.joins,
        unsupported,
        report,
    )
    if enumerate_network(folding) != network:
        raise RuntimeError(
            f"the fold of '{network.id}' does not enumerate to the model: "
            "this is a defect of the toolkit, please report it with the model"
        )
    return replace(folding, report=replace(report, check_seconds=perf_counter() - start))


def _bad_values(inventory: Inventory, values: np.ndarray, stages) -> Iterator[UnsupportedFeature]:
    """Elements that the dynamics need and that have no finite value."""
    elements = inventory.elements
    initial = {item.id for item in inventory.initial}
    is_needed = np.zeros(len(elements.ids), dtype=bool)
    for stage in stages:
        for group in stage:
            is_needed[group.elements] = True
    is_needed[[elements.code[c] for c in elements.size_behind.values()]] = True
    is_needed[[elements.code[s] for s in elements.species]] = True
    for code in np.flatnonzero(is_needed & ~np.isfinite(values)).tolist():
        element_id, signature = elements.ids[code], elements.signature_of[code]
        if element_id in initial or signature.form == "assigned":
            continue
        if np.isnan(values[code]):
            yield UnsupportedFeature(MISSING_VALUE, element_id, f"give the {signature.kind} a value")
        else:
            yield UnsupportedFeature(INFINITE_VALUE, element_id, f"give the {signature.kind} a finite value")
