"""Fold a network: try candidate labellings, keep the shortest description, prove it exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from time import perf_counter

import numpy as np

from converters.annotation import hints_of
from converters.collector import paused_collection
from converters.enumerate import enumerate_network
from converters.fold.assemble import Assembly, assemble
from converters.fold.bits import flat_bits, plan_bits
from converters.fold.candidates import FLAT, Candidate, candidates
from converters.fold.choosing import Chooser
from converters.fold.domains import plan_domains
from converters.fold.elements import Elements
from converters.fold.facts import Group, group_items
from converters.fold.hinted import hinted_candidates, hinted_drafts, overlaid, without_hint
from converters.fold.items import Inventory, take_inventory
from converters.fold.labelling import Draft, Labelling, flat
from converters.fold.patterns import SYMBOL_BITS
from converters.folding import INFINITE_VALUE, MISSING_VALUE, Folding, FoldReport
from converters.hints import Hints
from icrn_io.network import Network, UnsupportedFeature

_MOST_COMPARED = 8  # hints are also priced one by one where there are no more


@paused_collection()
def fold_network(
    network: Network, hints: Hints | None = None, seconds: float = 60.0, flat_only: bool = False
) -> Folding:
    """Return the exact fold of a network.

    Candidate labellings are priced by description length (`converters.fold.bits`) and the
    shortest is kept; the flat one is always among them. Then the fold is enumerated again and
    compared, so that ``enumerate_network(fold_network(network)) == network`` always holds.

    Parameters
    ----------
    network : Network
        Any network; what cannot be indexed (events, fast reactions, ...) is held and listed
        in ``Folding.unsupported``.
    hints : Hints, optional
        Bases and index sets that are known (`converters.hints.load_hints`). By default what
        the network's document says about them, if our exporter wrote it; ``Hints()`` for none.
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
    HintsError
        The hints given do not fit the network.
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
    search = Chooser(stages, values, flat_price, deadline=start + seconds)
    notes: tuple[str, ...] = ()
    if flat_only:
        search.add(Candidate(flat(elements), FLAT))
        best = search.found[0]  # as it is, not split by rule
    else:
        hints = hints_of(network) if hints is None else hints
        search, notes = _search(search, groups, elements, hints or Hints())
        best = search.best
    assembly = assemble(best.plan, elements, values, network.id)
    folded = perf_counter()

    report = FoldReport(
        len(network.species),
        len(network.reactions),
        assembly.groups,
        flat_price,
        best.price,
        notes,
        is_complete=search.is_complete,
        fold_seconds=folded - start,
    )
    return _proved(network, inventory, assembly, values, stages, report, folded)


def _search(
    plain: Chooser, groups: Sequence[Group], elements: Elements, hints: Hints
) -> tuple[Chooser, tuple[str, ...]]:
    """Return the search for the network, and what became of the hints."""
    fixed, notes = hinted_drafts(hints, elements)
    if not fixed:
        plain.run(candidates(groups, elements))
        return plain, tuple(notes)
    hinted = Chooser(plain.stages, plain.values, plain.flat_price, plain.deadline)
    is_all = hints.n_elements == len(elements.ids) and not notes
    seen: set[bytes] = set()

    def is_new(labelling: Labelling) -> bool:
        n_before = len(seen)
        seen.add(labelling.fingerprint)
        return len(seen) > n_before

    around = hinted_candidates(groups, elements, fixed)
    hinted.run(c for c in (islice(around, 1) if is_all else around) if is_new(c.labelling))
    for candidate in candidates(groups, elements):
        if hinted.is_late():
            break
        plain.add(candidate)
        labelling = candidate.labelling if is_all else overlaid(candidate.labelling, fixed)
        if not is_all and is_new(labelling):
            hinted.add(replace(candidate, labelling=labelling))
    return hinted, (*notes, *_compared(hinted, plain, hints.source, fixed))


def _compared(hinted: Chooser, plain: Chooser, source: str, fixed: Sequence[Draft]) -> Iterator[str]:
    """Yield what hints cost against the best that was found without them."""
    bases = "1 base" if len(fixed) == 1 else f"{len(fixed)} bases"
    if not plain.found:
        yield f"{source}: {bases} as given; no time was left to compare with other folds"
        return
    more = hinted.best.price - plain.best.price
    if more < SYMBOL_BITS:
        yield f"{source}: {bases} as given; no shorter fold was found without"
        return
    yield f"{source}: {bases} as given; the fold is {more:,.0f} bits longer than the best without hints"
    if not 1 < len(fixed) <= _MOST_COMPARED:
        return
    for draft in fixed:
        without = without_hint(hinted.best.plan.labelling, draft, plain.best.plan.labelling)
        saved = hinted.best.price - plan_bits(plan_domains(hinted.stages, without), hinted.values)
        if saved >= SYMBOL_BITS:
            yield f"{source}: the hint '{draft.stem}' alone costs {saved:,.0f} bits"


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
    for species, compartment in elements.size_behind.items():
        # What nothing changes or reads may lack a value; one that it has may need the size.
        if is_needed[elements.code[species]] or elements.species[species].initial_concentration is not None:
            is_needed[elements.code[compartment]] = True
    for code in np.flatnonzero(is_needed & ~np.isfinite(values)).tolist():
        element_id, signature = elements.ids[code], elements.signature_of[code]
        if element_id in initial or signature.form == "assigned":
            continue
        if np.isnan(values[code]):
            yield UnsupportedFeature(MISSING_VALUE, element_id, f"give the {signature.kind} a value")
        else:
            yield UnsupportedFeature(INFINITE_VALUE, element_id, f"give the {signature.kind} a finite value")
