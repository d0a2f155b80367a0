"""Fold a network: try candidate labellings, keep the shortest description, prove it exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from time import perf_counter

from converters.enumerate import enumerate_network
from converters.fold.assemble import Assembly, assemble
from converters.fold.bits import flat_bits, plan_bits
from converters.fold.domains import Plan, drop_idle_bases, plan_domains, reindex_constants
from converters.fold.elements import Elements
from converters.fold.facts import Group, group_items
from converters.fold.items import Inventory, take_inventory
from converters.fold.labelling import by_names, flat
from converters.folding import INFINITE_VALUE, MISSING_VALUE, Folding, FoldReport
from icrn_io.network import Network, UnsupportedFeature

_NEARLY_EQUAL = 0.01  # share of the bits for which readable names are preferred


def fold_network(network: Network, flat_only: bool = False) -> Folding:
    """Return the exact fold of a network.

    Candidate labellings are priced by description length (`converters.fold.bits`) and the
    shortest is kept; the flat one is always among them. Then the fold is enumerated again and
    compared, so that ``enumerate_network(fold_network(network)) == network`` always holds.

    Parameters
    ----------
    network : Network
        Any network; what cannot be indexed (events, fast reactions, ...) is held and listed
        in ``Folding.unsupported``.
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
        group_items(items, elements.code)
        for items in (inventory.reactions, inventory.assignments, inventory.initial)
    ]
    values = element_values(elements)
    plans = [plan_domains(stages, flat(elements))] if flat_only else list(_candidates(stages, elements))
    prices = [plan_bits(plan, values) for plan in plans]
    best = _best(plans, prices)
    assembly = assemble(plans[best], elements, values, network.id)
    folded = perf_counter()

    groups = [group for stage in stages for group in stage]
    report = FoldReport(
        len(network.species),
        len(network.reactions),
        assembly.groups,
        flat_bits(groups, len(elements.ids), len(values)),
        prices[best],
        folded - start,
    )
    return _proved(network, inventory, assembly, values, stages, report, folded)


def _candidates(stages: list[list[Group]], elements: Elements) -> Iterator[Plan]:
    """Yield the plans to choose from."""
    for labelling in (flat(elements), by_names(elements)):
        plan = plan_domains(stages, labelling)
        yield plan
        yield from _refined(stages, plan)
        pruned = plan_domains(stages, drop_idle_bases(plan))
        yield pruned
        yield from _refined(stages, pruned)


def _best(plans: list[Plan], prices: list[float]) -> int:
    """Return the number of the cheapest plan; of nearly equal ones, that with the most named bases."""

    def order(number: int) -> tuple[int, float]:
        named = sum(not draft.is_list for draft in plans[number].labelling.drafts)
        return -named, prices[number]

    limit = (1 + _NEARLY_EQUAL) * min(prices)
    return min((k for k, price in enumerate(prices) if price <= limit), key=order)


def _refined(stages: list[list[Group]], plan: Plan) -> Iterator[Plan]:
    labelling = reindex_constants(plan)
    if labelling is not plan.labelling:
        yield plan_domains(stages, labelling)


def element_values(elements: Elements) -> dict[int, float]:
    """Return the value of every element code the file gives one for (NaN counts as none)."""
    network = elements.network
    given: dict[str, float | None] = {c.id: c.size for c in network.compartments}
    given |= {p.id: p.value for p in network.parameters}
    for species in network.species:
        amount = species.initial_amount
        given[species.id] = species.initial_concentration if amount is None else amount
    return {
        elements.code[i]: v
        for i, v in given.items()
        if v is not None and v == v and i not in elements.assigned
    }


def _proved(
    network: Network,
    inventory: Inventory,
    assembly: Assembly,
    values,
    stages,
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


def _bad_values(inventory: Inventory, values, stages: list[list[Group]]) -> Iterator[UnsupportedFeature]:
    """Elements that the dynamics need and that have no finite value."""
    elements = inventory.elements
    initial = {item.id for item in inventory.initial}
    needed = {code for stage in stages for group in stage for code in set(group.elements.ravel().tolist())}
    needed |= {elements.code[c] for c in elements.size_behind.values()}
    needed |= {elements.code[s] for s in elements.species}
    for code in sorted(needed):
        element_id = elements.ids[code]
        signature = elements.signatures[element_id]
        if element_id in initial or signature.form == "assigned":
            continue
        value = values.get(code)
        if value is None:
            yield UnsupportedFeature(MISSING_VALUE, element_id, f"give the {signature.kind} a value")
        elif not isfinite(value):
            yield UnsupportedFeature(INFINITE_VALUE, element_id, f"give the {signature.kind} a finite value")
