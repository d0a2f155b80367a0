"""Description length, in bits, of a flat network and of a plan for folding it.

Both count what the dynamics need: which law, which elements take part, which values. Names
are left out on both sides, so that a fold has to pay by structure alone. A number costs 64
bits; choosing one of n things costs log2(n); a structural symbol (a base, an index set, an
operator of a template, a domain, a rule of a pattern) costs 16.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from math import lgamma, log

import numpy as np

from converters.fold.domains import DomainDraft, Plan
from converters.fold.facts import Group
from converters.fold.keys import dense_codes, row_keys
from converters.fold.labelling import Draft
from converters.fold.patterns import NUMBER_BITS, SYMBOL_BITS, choice, find_pattern, subset_bits
from converters.fold.templates import COMMUTATIVE, SLOT, Prefix


def flat_bits(groups: Iterable[Group], n_elements: int, n_values: int) -> float:
    """Return the description length of the network, one item at a time.

    ``sum over items (log2 #templates + #columns log2 #elements + 64 #numbers) + 64 #values``
    """
    groups = list(groups)
    templates = {group.template for group in groups}
    total = sum(map(template_bits, templates)) + NUMBER_BITS * n_values
    for group in groups:
        n_items, n_columns = group.elements.shape
        item = choice(len(templates)) + n_columns * choice(n_elements) + NUMBER_BITS * group.numbers.shape[1]
        total += n_items * item
    return total


def plan_bits(plan: Plan, values: np.ndarray) -> float:
    """Return the description length of the folded network.

    Parameters
    ----------
    plan : Plan
        Labelling, index sets and domains.
    values : float array, shape (n_elements,)
        Value of each element, NaN where it has none.
    """
    return _Price(plan, values).total()


class _Price:
    """Adds up a plan; a set of index tuples that occurs again costs one symbol."""

    def __init__(self, plan: Plan, values: np.ndarray) -> None:
        self.plan = plan
        self.values = values
        self.seen: set[tuple] = set()
        self.templates = {domain.block.group.template for domain in plan.domains}

    def total(self) -> float:
        drafts = self.plan.labelling.drafts
        bits = SYMBOL_BITS * (len(drafts) + len(self.plan.axes.labels))
        bits += sum(map(template_bits, self.templates))
        bits += sum(self._draft(number, draft) for number, draft in enumerate(drafts))
        return bits + sum(map(self._domain, self.plan.domains))

    def _draft(self, number: int, draft: Draft) -> float:
        """Axes, which entries exist, and the values along the axes they vary over."""
        axes = self.plan.axes
        classes = [axes.class_of[number, axis] for axis in range(draft.n_axes)]
        sizes = [axes.size(c) for c in classes]
        bits = draft.n_axes * choice(len(axes.labels))
        if len(draft.members) < np.prod(sizes, dtype=float):
            columns = [axes.position(c, draft.labels[:, a]) for a, c in enumerate(classes)]
            bits += self._tuples(np.stack(columns, axis=1), sizes, classes)
        given = self.values[draft.members]
        has_value = ~np.isnan(given)
        return bits + tensor_bits(given[has_value], draft.labels[has_value])

    def _domain(self, domain: DomainDraft) -> float:
        bits = domain_bits(domain, self.plan, len(self.templates))
        if not domain.symbols:
            return bits
        classes = [symbol.class_number for symbol in domain.symbols]
        return bits + self._tuples(domain.positions, domain.sizes, classes, domain)

    def _tuples(self, table: np.ndarray, sizes, classes, domain: DomainDraft | None = None) -> float:
        """Bits of a set of index tuples."""
        order = np.argsort(classes, kind="stable")
        rows = table[:, order]
        corners = (rows.min(axis=0).tobytes(), rows.max(axis=0).tobytes())
        key = (tuple(classes[k] for k in order), len(rows), *corners, np.unique(row_keys(rows)).tobytes())
        if key in self.seen:
            return SYMBOL_BITS
        self.seen.add(key)
        return (domain.pattern if domain else find_pattern(table, sizes, classes)).bits


def domain_bits(domain: DomainDraft, plan: Plan, n_templates: int) -> float:
    """Return the bits of a domain without those of its set of index tuples.

    They are the template, the index tuple of each column, and literal numbers. What stands
    twice in a template is named once and referred to; a single item's operands that may change
    places are a set.
    """
    axes, n_drafts = plan.axes, len(plan.labelling.drafts)
    bits = SYMBOL_BITS + choice(n_templates)
    costs: dict[int, float] = {}  # of the columns that are no copies
    seen: set[tuple] = set()
    for number, (draft, indices) in enumerate(zip(domain.block.drafts, domain.indices, strict=True)):
        cost = choice(n_drafts)
        for axis, (kind, _) in enumerate(indices):
            n_labels = axes.size(axes.class_of[draft, axis])
            cost += choice(len(domain.symbols) if kind == "symbol" else n_labels)
        if (draft, indices) in seen:
            bits += min(cost, choice(len(domain.indices)))
        else:
            seen.add((draft, indices))
            costs[number] = cost
    bits += sum(costs.values())
    if domain.n_rows == 1:
        bits -= _saved_by_sets(domain, plan, costs)
    for column in domain.block.group.numbers[domain.block.rows].T:
        bits += tensor_bits(column, domain.positions)
    if not domain.symbols and domain.n_rows > 1:
        bits += SYMBOL_BITS
    return bits


def _saved_by_sets(domain: DomainDraft, plan: Plan, costs: Mapping[int, float]) -> float:
    """Bits that naming operands one by one spends on their order, which means nothing.

    Operands from one base are a set: either named in any order, or as a subset of its entries.
    """
    block, saved = domain.block, 0.0
    terms = [s for s in block.group.symmetries if s[0][0] < block.group.n_terms]
    for columns in (*(sorted(c for (c,) in s) for s in terms), *operand_sets(block.group)):
        by_draft: dict[int, list[int]] = {}
        for column in columns:
            if column in costs:
                by_draft.setdefault(block.drafts[column], []).append(column)
        for draft, members in by_draft.items():
            n = len(members)
            if n > 1:
                each = sum(costs[column] for column in members)
                codes = block.elements[0, members]
                as_set = choice(len(plan.labelling.drafts)) + choice(n) + _subset_bits(codes, draft, plan)
                saved += max(lgamma(n + 1) / log(2), each - as_set)
    return saved


def _subset_bits(codes: np.ndarray, draft: int, plan: Plan) -> float:
    """Bits of a set of entries of a base: any of them, or those that follow a pattern."""
    base, axes = plan.labelling.drafts[draft], plan.axes
    classes = [axes.class_of[draft, axis] for axis in range(base.n_axes)]
    labels = plan.labelling.coordinates[codes]
    positions = [axes.position(c, labels[:, a]) for a, c in enumerate(classes)]
    pattern = find_pattern(np.stack(positions, axis=1), [axes.size(c) for c in classes], classes)
    return min(subset_bits(len(codes), len(base.members)), pattern.bits)


def operand_sets(group: Group) -> list[list[int]]:
    """Return the columns that are operands of one shape in a law, such as those of ``2*A + 2*B``."""
    found: list[list[int]] = []
    shapes: dict[tuple, int] = {}
    stack: list[tuple[int, list[int]]] = []  # subtrees: shape and columns
    held = iter([slot for slot in reversed(group.slots) if slot[0] != "literal"])
    for token in reversed(group.template):
        args = [stack.pop() for _ in range(token[1])] if isinstance(token, tuple) else []
        kind, column = next(held) if token == SLOT else ("", 0)
        shape = (kind, token, *(shape for shape, _ in args))
        columns = [column] if kind == "element" else [c for _, inner in args for c in inner]
        if isinstance(token, tuple) and token[0] in COMMUTATIVE:
            alike: dict[int, list[int]] = {}
            for arg, inner in args:
                if len(inner) == 1:
                    alike.setdefault(arg, []).extend(inner)
            found += [members for members in alike.values() if len(members) > 1]
        stack.append((shapes.setdefault(shape, len(shapes)), columns))
    return found


def template_bits(template: Prefix) -> float:
    """Return the bits of a rate-law template: 16 for each subtree that differs from all others.

    Further operands that are equal to their neighbour cost one number, so that a sum of a
    hundred species is not longer than the word for it: ``16 #subtrees + log2 of each repeat``.
    """
    numbers: dict[tuple, int] = {}
    bits = 0.0
    stack: list[int] = []
    for token in reversed(template):
        n_args = token[1] if isinstance(token, tuple) else 0
        args = [stack.pop() for _ in range(n_args)]
        runs = [(arg, len(list(run))) for arg, run in groupby(args)]
        bits += sum(choice(n) for _, n in runs)
        head = token[0] if isinstance(token, tuple) else token
        stack.append(numbers.setdefault((type(head), head, tuple(runs)), len(numbers)))
    return bits + SYMBOL_BITS * len(numbers)


def tensor_bits(values: np.ndarray, codes: np.ndarray) -> float:
    """Return the bits of a tensor: of its entries once the indices it does not depend on are dropped.

    An entry costs 64 bits, or its share of the entropy where values repeat:
    ``64 #distinct + n H``.

    Parameters
    ----------
    values : float array, shape (n_entries,)
        Its entries.
    codes : int array, shape (n_entries, n_axes)
        Their indices.
    """
    if not len(values):
        return 0.0
    number = dense_codes(values)
    if not number.any():
        return NUMBER_BITS
    kept = list(range(codes.shape[1]))
    for axis in range(codes.shape[1]):
        rest = [k for k in kept if k != axis]
        cells = row_keys(codes[:, rest])
        _, first, cell = np.unique(cells, return_index=True, return_inverse=True)
        if (number[first][cell.reshape(-1)] == number).all():
            kept = rest
    first = np.unique(row_keys(codes[:, kept]), return_index=True)[1]
    counts = np.bincount(number[first])
    counts = counts[counts > 0]
    n = counts.sum()
    return min(NUMBER_BITS * n, NUMBER_BITS * len(counts) + n * choice(n) - float(counts @ np.log2(counts)))
