"""Split blocks of reactions by rule, where that shortens the description.

Reactions of one rate law over the same bases need not come from one rule: each rule has its own
rate constant or its own pair of states, and alone its index tuples are a product, a shift or a
small relation, while together they are one large relation. A block is split by the entries of
a column of constants, or in two by an axis that holds a given label, by two axes that agree, or
by a number; the parts are split further, and what did not pay is put together again.
"""

from __future__ import annotations

from hashlib import blake2b
from math import lgamma, log, pi

import numpy as np

from converters.fold.axes import Block, axis_columns, classify_axes
from converters.fold.bits import domain_bits, plan_bits
from converters.fold.domains import DomainDraft, Plan, draft_domain
from converters.fold.keys import dense_codes
from converters.fold.patterns import NUMBER_BITS, SYMBOL_BITS, choice

_SLACK = 30.0  # a split may at first cost so many bits: the next one may pay for it
_FEW_LABELS = 8  # an axis is split off label by label if it holds at most so many
_MIN_PART = 3  # mean number of items for which a constant has to stand to have a rule of its own
_MIN_ROWS = 4  # fewer items are not split
_MOST_CELLS = 1e300  # more are counted as so many
_LOG_FACTORIALS = np.array([lgamma(k + 1.0) for k in range(64)])
_MAX_WORK = 4e9  # operations to estimate the splits of some items; with more, fewer splits are tried


Known = dict[bytes, list[np.ndarray]]  # fingerprint of a labelled block → rows of its parts


def cheaper_when_split(
    whole: Plan, whole_bits: float, values: np.ndarray, known: Known
) -> tuple[Plan, float]:
    """Return a plan with its blocks split, or as it is where that does not lower its price; and the price.

    Parameters
    ----------
    whole : Plan
        Nothing split.
    whole_bits : float
        Its price.
    values : float array, shape (n_elements,)
        Value of each element, NaN where it has none.
    known : dict
        Splits found for other plans of the same network, to which those found are added.
    """
    parts = split_plan(whole, known)
    if parts is whole:
        return whole, whole_bits
    parts_bits = plan_bits(parts, values)
    return (parts, parts_bits) if parts_bits < whole_bits else (whole, whole_bits)


def split_plan(plan: Plan, known: Known) -> Plan:
    """Return the plan with every block split as its own price says; the same one if none is."""
    splitter = _Splitter(plan, known)
    stages = [[part for domain in stage for part in splitter.parts(domain)] for stage in plan.stages]
    if sum(map(len, stages)) == len(plan.domains):
        return plan
    axes = classify_axes([block for stage in stages for block in stage], plan.labelling)
    drafted = tuple(tuple(draft_domain(b, plan.labelling, axes) for b in stage) for stage in stages)
    return Plan(plan.labelling, axes, drafted)


class _Splitter:
    """Splits the blocks of one plan."""

    def __init__(self, plan: Plan, known: Known) -> None:
        self.plan = plan
        self.known = known
        self.n_templates = len({domain.block.group.template for domain in plan.domains})

    def parts(self, domain: DomainDraft) -> list[Block]:
        """Return the parts of a domain's block, in the order of their first items."""
        if domain.n_rows < 2 * _MIN_PART or not domain.block.drafts:
            return [domain.block]
        key = self._fingerprint(domain.block)
        if key not in self.known:
            self.known[key] = self._split(_Columns(domain.block, self.plan), np.arange(domain.n_rows))[1]
        found = self.known[key]
        blocks = [domain.block.take(rows) for rows in found]
        return sorted(blocks, key=lambda block: block.rows[0]) if len(blocks) > 1 else [domain.block]

    def _fingerprint(self, block: Block) -> bytes:
        """Digest of a block's items and of their labels."""
        digest = blake2b(repr((block.group.role, block.group.level, block.group.ids[block.rows[0]])).encode())
        digest.update(block.rows.tobytes())
        digest.update(block.elements.tobytes())
        for column, _, codes in axis_columns(block, self.plan.labelling):
            digest.update(column.to_bytes(4, "little") + codes.tobytes())
        return digest.digest()

    def _split(self, columns: _Columns, rows: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """Price and rows of the parts that some rows of a block are best split into."""
        own = self._price(columns.block, rows)
        if len(rows) < _MIN_ROWS or own <= 2 * columns.least:
            return own, [rows]
        found = [self._split(columns, part) for part in columns.best_split(rows) or ()]
        total = sum(bits for bits, _ in found)
        if found and total < own:
            return total, [part for _, split in found for part in split]
        return own, [rows]

    def _price(self, block: Block, rows: np.ndarray) -> float:
        """Bits of some rows as one domain, axes that agree on these rows taken for one index set."""
        domain = draft_domain(block.take(rows), self.plan.labelling, self.plan.axes, agree=True)
        return domain_bits(domain, self.plan, self.n_templates) + domain.pattern.bits


class _Columns:
    """The index columns of a block, and the splits they offer."""

    def __init__(self, block: Block, plan: Plan) -> None:
        self.block = block
        labelling, axes = plan.labelling, plan.axes
        columns: list[np.ndarray] = []
        sizes, constant = [], []
        for _, axis, codes in axis_columns(block, labelling):
            if (codes != codes[0]).any() and not any(np.array_equal(codes, known) for known in columns):
                columns.append(codes)
                sizes.append(axes.size(axes.class_of[axis]))
                constant.append(labelling.drafts[axis[0]].signature.form == "constant")
        self.n_indices = len(columns)
        numbers = block.group.numbers[block.rows].T
        n_words = len(labelling.elements.words.texts)  # no number is equal to a label
        columns += [n_words * (k + 1) + dense_codes(column) for k, column in enumerate(numbers)]
        self.codes = np.stack(columns, axis=1) if columns else np.empty((len(block.rows), 0), dtype=np.int64)
        self.sizes = np.array(sizes + [1.0] * len(numbers))
        self.is_constant = np.array(constant + [True] * len(numbers), dtype=bool)
        named = {
            column.tobytes(): draft for column, draft in zip(block.elements.T, block.drafts, strict=True)
        }
        n_axes = sum(labelling.drafts[draft].n_axes for draft in named.values())
        self.least = SYMBOL_BITS + choice(len(labelling.drafts)) * len(named) + n_axes

    def best_split(self, rows: np.ndarray) -> list[np.ndarray] | None:
        """Return the parts of the split that promises most, or None if none is worth a try."""
        varies = np.flatnonzero((self.codes[rows] != self.codes[rows[0]]).any(axis=0))
        codes = self.codes[np.ix_(rows, varies)]
        if not len(varies) or 2.0 * codes.size * len(varies) > _MAX_WORK:
            return None
        table = _Table(codes, self.sizes[varies], int(np.count_nonzero(varies < self.n_indices)))
        limit = table.bits(np.ones((len(rows), 1), dtype=bool))[0]
        by_constant = self._by_constant(table, np.flatnonzero(self.is_constant[varies]), limit)
        if by_constant is not None:
            return [rows[part] for part in by_constant]
        masks = _masks(codes)
        if not masks.size:
            return None
        bits = table.bits(masks) + table.bits(~masks) + self.least
        chosen = int(bits.argmin())
        if bits[chosen] >= limit + _SLACK:
            return None
        return [rows[masks[:, chosen]], rows[~masks[:, chosen]]]

    def _by_constant(self, table: _Table, columns: np.ndarray, limit: float) -> list[np.ndarray] | None:
        """Return the rows of each entry of a column of constants, if that promises to pay."""
        best = None
        for column in columns.tolist():
            labels = dense_codes(table.codes[:, column])
            n_labels = int(labels.max()) + 1
            if n_labels * _MIN_PART <= len(labels):
                masks = labels[:, None] == np.arange(n_labels)
                bits = table.bits(masks).sum() + (n_labels - 1) * self.least
                if bits < limit:
                    limit, best = bits, masks
        return None if best is None else [np.flatnonzero(mask) for mask in best.T]


def _masks(codes: np.ndarray) -> np.ndarray:
    """Return the ways to split rows in two, shape (n_rows, n_ways).

    Two columns agree, or one holds a label.
    """
    n_rows, n_columns = codes.shape
    found = [codes[:, a] == codes[:, b] for a in range(n_columns) for b in range(a)]
    for column in codes.T:
        labels = np.unique(column)
        if len(labels) <= _FEW_LABELS:
            found += [column == label for label in labels]
    distinct: dict[bytes, np.ndarray] = {}
    for mask in found:
        if mask.any() and not mask.all() and 2.0 * len(distinct) * codes.size * n_columns < _MAX_WORK:
            first = mask if mask[0] else ~mask
            distinct.setdefault(np.packbits(first).tobytes(), first)
    return np.stack(list(distinct.values()), axis=1) if distinct else np.empty((n_rows, 0), dtype=bool)


class _Table:
    """Rows of label codes, the last columns of numbers; estimates the price of many of its parts at once."""

    def __init__(self, codes: np.ndarray, sizes: np.ndarray, n_indices: int) -> None:
        self.codes = codes
        self.sizes = sizes
        self.n_indices = n_indices
        n_columns = codes.shape[1]
        self.order = np.argsort(codes, axis=0, kind="stable")
        ordered = np.take_along_axis(codes, self.order, axis=0)
        self.starts = [np.flatnonzero(np.diff(c, prepend=c[0] - 1)) for c in ordered.T]
        self.pairs = np.array([(a, b) for b in range(n_columns) for a in range(b)], dtype=np.int64)
        self.differ = np.empty((len(codes), len(self.pairs)), dtype=np.float32)
        for k, (a, b) in enumerate(self.pairs):
            self.differ[:, k] = codes[:, a] != codes[:, b]

    def bits(self, masks: np.ndarray) -> np.ndarray:
        """Return about what the rows of each mask cost as one domain, shape (n_masks,).

        A product costs nothing; otherwise it is the subset of the product of the labels that
        occur. Columns that agree on all rows are one symbol.

        Parameters
        ----------
        masks : bool array, shape (n_rows, n_masks)
            Rows of each part.
        """
        n_rows = masks.sum(axis=0).astype(float)
        distinct = np.stack(
            [
                np.logical_or.reduceat(masks[order], starts, axis=0).sum(axis=0)
                for order, starts in zip(self.order.T, self.starts, strict=True)
            ],
            axis=1,
        ).astype(float)  # (n_masks, n_columns)
        is_symbol = distinct > 1
        if len(self.pairs):
            agrees = masks.T.astype(np.float32) @ self.differ == 0
            copied = np.zeros_like(is_symbol)
            for k, (_, b) in enumerate(self.pairs):
                copied[:, b] |= agrees[:, k]
            is_symbol &= ~copied
        k = self.n_indices
        labels = np.where(is_symbol[:, :k], distinct[:, :k], 1.0)
        sizes = np.where(is_symbol[:, :k], self.sizes[:k], 1.0)
        is_part = labels < sizes
        with np.errstate(over="ignore"):
            n_present, n_all = labels.prod(axis=1), sizes.prod(axis=1)
        bits = _subset_bits(n_rows, n_present)
        bits += (_subset_bits(labels, sizes) + SYMBOL_BITS * is_part).sum(axis=1)
        bits += np.log2(np.where(is_symbol[:, :k], 1.0, self.sizes[:k])).sum(axis=1)
        whole = _subset_bits(n_rows, n_all) + SYMBOL_BITS
        numbers = distinct[:, k:]
        return np.minimum(bits, whole) + (NUMBER_BITS * numbers + n_rows[:, None] * np.log2(numbers)).sum(
            axis=1
        )


def _subset_bits(n: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Bits to say which n of some cells there are, as `patterns.subset_bits`."""
    cells = np.minimum(cells, _MOST_CELLS)
    n = np.minimum(n, cells)
    orders = _log_factorial(n)
    few = n * np.log2(cells) - orders / log(2)
    exact = (_log_factorial(cells) - orders - _log_factorial(cells - n)) / log(2)
    return np.maximum(0.0, np.where(n < 1e-6 * cells, few, exact))


def _log_factorial(n: np.ndarray) -> np.ndarray:
    """Return log(n!) of whole numbers, shape of n, by Stirling's series where they are not small."""
    n = np.asarray(n, dtype=np.float64)
    last = len(_LOG_FACTORIALS) - 1
    small = _LOG_FACTORIALS[np.minimum(n, last).astype(np.int64)]
    x = np.maximum(n, last)
    rest = (1 / 12 - (1 / 360 - (1 / 1260) / x / x) / x / x) / x
    return np.where(n <= last, small, (x + 0.5) * np.log(x) - x + 0.5 * log(2 * pi) + rest)
