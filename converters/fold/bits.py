"""Description length, in bits, of a flat network and of a plan for folding it.

Both count what the dynamics need: which law, which elements take part, which values. Names
are left out on both sides, so that a fold has to pay by structure alone. A number costs 64
bits; choosing one of n things costs log2(n); a structural symbol (a base, an index set, an
operator of a template, a domain) costs 16.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from converters.fold.domains import DomainDraft, Plan
from converters.fold.facts import Group
from converters.fold.labelling import Draft

_NUMBER = 64.0
_SYMBOL = 16.0


def choice(n: float) -> float:
    """Bits to name one of n things."""
    return float(np.log2(max(n, 1.0)))


def flat_bits(groups: Iterable[Group], n_elements: int, n_values: int) -> float:
    """Return the description length of the network, one item at a time.

    ``sum over items (log2 #templates + #columns log2 #elements + 64 #numbers) + 64 #values``
    """
    groups = list(groups)
    templates = {group.template for group in groups}
    total = sum(_SYMBOL * len(template) for template in templates) + _NUMBER * n_values
    for group in groups:
        n_items, n_columns = group.elements.shape
        item = choice(len(templates)) + n_columns * choice(n_elements) + _NUMBER * group.numbers.shape[1]
        total += n_items * item
    return total


def plan_bits(plan: Plan, values: Mapping[int, float]) -> float:
    """Return the description length of the folded network.

    Parameters
    ----------
    plan : Plan
        Labelling, index sets and domains.
    values : mapping of int to float
        Value of each element code that has one.
    """
    drafts = plan.labelling.drafts
    total = _SYMBOL * (len(drafts) + len(plan.axes.labels))
    total += sum(_draft_bits(number, draft, plan, values) for number, draft in enumerate(drafts))
    templates = {domain.block.group.template for domain in plan.domains}
    total += sum(_SYMBOL * len(template) for template in templates)
    return total + sum(_domain_bits(domain, plan, len(templates)) for domain in plan.domains)


def _draft_bits(number: int, draft: Draft, plan: Plan, values: Mapping[int, float]) -> float:
    """Axes, which entries exist, and the values along the axes they vary over."""
    shape = [plan.axes.size(plan.axes.class_of[number, axis]) for axis in range(draft.n_axes)]
    bits = draft.n_axes * choice(len(plan.axes.labels))
    bits += mask_bits(len(draft.members), float(np.prod(shape, dtype=float)))
    given = [values[m] for m in draft.members.tolist() if m in values]
    if len(given) < len(draft.members):
        return bits + _NUMBER * len(given)
    codes = plan.labelling.coordinates[draft.members, : draft.n_axes]
    return bits + _NUMBER * n_shared_values(np.array(given), codes)


def n_shared_values(values: np.ndarray, codes: np.ndarray) -> int:
    """Return the number of values a tensor needs once the indices it does not depend on are dropped."""
    kept = list(range(codes.shape[1]))
    for axis in range(codes.shape[1]):
        rest = [k for k in kept if k != axis]
        _, cell = (
            np.unique(codes[:, rest], axis=0, return_inverse=True)
            if rest
            else (None, np.zeros(len(values), int))
        )
        cell = cell.reshape(-1)
        low = np.full(cell.max() + 1, np.inf)
        high = np.full(cell.max() + 1, -np.inf)
        np.minimum.at(low, cell, values)
        np.maximum.at(high, cell, values)
        if (low == high).all():
            kept = rest
    return len(np.unique(codes[:, kept], axis=0)) if kept else 1


def mask_bits(n_present: float, n_cells: float) -> float:
    """Bits of a mask with ``n_present`` of ``n_cells`` entries set: its entropy."""
    if n_present >= n_cells:
        return 0.0
    p = n_present / n_cells
    return float(-n_cells * (p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def _domain_bits(domain: DomainDraft, plan: Plan, n_templates: int) -> float:
    """Template, the index tuple of each column, and the tuples that exist."""
    sizes = [float(plan.axes.size(s.class_number)) for s in domain.symbols]
    n_rows = len(domain.block.rows)
    bits = _SYMBOL + choice(n_templates)
    for indices in domain.indices:
        bits += choice(len(plan.labelling.drafts))
        for kind, _ in indices:
            bits += (
                choice(len(domain.symbols)) if kind == "symbol" else choice(len(plan.labelling.vocabulary))
            )
    bits += _NUMBER * n_rows * domain.block.group.numbers.shape[1]
    if domain.form == "relation":
        return bits + n_rows * sum(map(choice, sizes))
    return bits + mask_bits(n_rows, float(np.prod(sizes, dtype=float)))
