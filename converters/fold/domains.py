"""The index domain of each block: its symbols, its pattern, and how it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np

from converters.fold.axes import AxisClasses, Block, axis_columns, classify_axes, split_blocks
from converters.fold.facts import Group
from converters.fold.labelling import Draft, Labelling, list_draft, relabel
from converters.fold.orient import Oriented, Symmetry, follows_term, sorted_terms
from converters.fold.outliers import set_aside
from converters.fold.patterns import Pattern, find_pattern

DENSE_FILL = 0.25  # below this share of existing tuples a domain is stored as a relation

Index = tuple[str, int]  # ("symbol", position in the domain's symbols) or ("label", label code)


@dataclass(frozen=True)
class Symbol:
    """An index symbol of one block: its index set and its label code in every row."""

    class_number: int
    codes: np.ndarray


@dataclass(frozen=True)
class DomainDraft:
    """The domain of a block.

    Attributes
    ----------
    symbols : tuple of Symbol
        Distinct varying indices of the block's columns, in order of first use.
    indices : tuple of tuple of Index, one per column
        How each column's index tuple is made.
    positions : int array, shape (n_rows, n_symbols)
        Index tuples as positions in the index sets.
    sizes : tuple of int
        Length of each symbol's index set.
    """

    block: Block
    symbols: tuple[Symbol, ...]
    indices: tuple[tuple[Index, ...], ...]
    positions: np.ndarray
    sizes: tuple[int, ...]

    @cached_property
    def pattern(self) -> Pattern:
        """What the index tuples have in common."""
        return find_pattern(self.positions, self.sizes, [s.class_number for s in self.symbols])

    @property
    def exceptions(self) -> int:
        """Number of index tuples that follow no rule."""
        return self.pattern.exceptions if self.symbols else self.n_rows - 1

    @property
    def n_rows(self) -> int:
        """Number of index tuples."""
        return len(self.block.rows)

    @cached_property
    def n_cells(self) -> float:
        """Number of index tuples of the full product."""
        return prod(map(float, self.sizes))  # infinite without a warning where there are very many

    @cached_property
    def form(self) -> str:
        """``"single"``, ``"dense"``, ``"dense with missing entries"`` or ``"relation"``."""
        if self.n_rows == 1:
            return "single"
        if not self.symbols or any(part.kind == "repeated" for part in self.pattern.parts):
            return "relation"
        if self.pattern.is_product:
            return "dense"
        return "dense with missing entries" if self.n_rows >= DENSE_FILL * self.n_cells else "relation"


@dataclass(frozen=True)
class Plan:
    """A labelling with the index sets and domains it leads to, per stage of evaluation."""

    labelling: Labelling
    axes: AxisClasses
    stages: tuple[tuple[DomainDraft, ...], ...]

    @property
    def domains(self) -> tuple[DomainDraft, ...]:
        """Domains of all stages."""
        return tuple(domain for stage in self.stages for domain in stage)

    @property
    def n_strict(self) -> int:
        """Number of domains, each exception to a rule counted as one more."""
        return sum(1 + domain.exceptions for domain in self.domains)


def plan_domains(stages: Iterable[Iterable[Group]], labelling: Labelling) -> Plan:
    """Return the plan that a labelling leads to."""
    blocks = [
        [
            part
            for block in split_blocks(groups, labelling.draft_of)
            for part in set_aside(_with_terms_in_order(block, labelling), labelling)
        ]
        for groups in stages
    ]
    axes = classify_axes([block for stage in blocks for block in stage], labelling)
    drafted = tuple(tuple(draft_domain(b, labelling, axes) for b in stage) for stage in blocks)
    return Plan(labelling, axes, drafted)


def _with_terms_in_order(block: Block, labelling: Labelling) -> Block:
    """Return the block with reactants and products of one base in the order of their indices.

    They follow another column that has both as indices (``D[i, j]``) where there is one; they
    stay as written where some column already goes along with one of them.
    """
    oriented = Oriented(block.elements, block.group.symmetries, block.group.n_terms)
    for symmetry in oriented.of_terms:
        columns = [operand[0] for operand in symmetry]
        drafts = {block.drafts[c] for c in columns}
        if len(drafts) == 1 and labelling.drafts[drafts.pop()].n_axes:
            _order_terms(oriented, symmetry, columns, block, labelling)
    if oriented.order is None:
        return block
    oriented.by_class(labelling.draft_of)  # the factors of the law follow
    order = oriented.order if block.order is None else np.take_along_axis(block.order, oriented.order, axis=1)
    return replace(block, elements=oriented.table, order=order)


def _order_terms(
    oriented: Oriented, symmetry: Symmetry, columns: list[int], block: Block, labelling: Labelling
) -> None:
    if follows_term(oriented, symmetry):
        return
    table, coordinates = oriented.table, labelling.coordinates
    axes = labelling.drafts[block.drafts[columns[0]]].n_axes
    labels = coordinates[table[:, columns], :axes]  # (n_rows, n_operands, axes)
    others = [c for c in range(table.shape[1]) if c not in columns]
    seen = {labels[:, k, a].tobytes() for k in range(len(columns)) for a in range(axes)}
    free: list[np.ndarray] = []
    for column in others:
        if any(np.array_equal(table[:, column], table[:, c]) for c in columns):
            continue  # a factor of the law: it follows the terms
        n_axes = labelling.drafts[block.drafts[column]].n_axes
        free += [coordinates[table[:, column], axis] for axis in range(n_axes)]
    if len(columns) == 2 and axes == 1:
        a, b = labels[:, 0, 0], labels[:, 1, 0]
        for position, first in enumerate(free):
            for second in free[position + 1 :]:
                straight, crossed = (a == first) & (b == second), (a == second) & (b == first)
                if (straight | crossed).all():
                    oriented.sort(symmetry, np.stack([~straight, straight], axis=1).astype(np.int64))
                    return
    if any(codes.tobytes() in seen for codes in free):
        return
    ranks = labelling.elements.words.ranks
    keys = ranks[labels] @ (len(ranks) ** np.arange(axes)[::-1]) if axes < 3 else ranks[labels[:, :, 0]]
    sorted_terms(oriented, symmetry, keys)


def draft_domain(block: Block, labelling: Labelling, axes: AxisClasses, agree: bool = False) -> DomainDraft:
    """Return the domain of a block.

    Columns with equal labels are one symbol if they are over one index set, or else if ``agree``.
    """
    symbols: list[Symbol] = []
    known: dict[tuple[int, bytes], int] = {}
    indices: list[list[Index]] = [[] for _ in block.drafts]
    for column, axis, codes in axis_columns(block, labelling):
        if (codes == codes[0]).all():
            indices[column].append(("label", int(codes[0])))
            continue
        class_number = axes.class_of[axis]
        key = (-1 if agree else class_number, codes.tobytes())
        if key not in known:
            known[key] = len(symbols)
            symbols.append(Symbol(class_number, codes))
        indices[column].append(("symbol", known[key]))
    positions = np.empty((len(block.rows), len(symbols)), dtype=np.int64)
    for column, symbol in enumerate(symbols):
        positions[:, column] = axes.position(symbol.class_number, symbol.codes)
    sizes = tuple(axes.size(symbol.class_number) for symbol in symbols)
    return DomainDraft(block, tuple(symbols), tuple(map(tuple, indices)), positions, sizes)


def drop_idle_bases(plan: Plan) -> Labelling:
    """Return the labelling with bases that serve in no regular domain put into the lists.

    A base whose indices are all those of others does no harm in an irregular one.
    """
    useful: set[int] = set()
    for domain in plan.domains:
        if domain.n_rows > 1:
            is_regular = domain.pattern.exceptions < domain.n_rows
            used = [{value for kind, value in ix if kind == "symbol"} for ix in domain.indices]
            for draft, symbols in zip(domain.block.drafts, used, strict=True):
                pairs = zip(domain.block.drafts, used, strict=True)
                others = set().union(*(s for d, s in pairs if d != draft))
                if is_regular or (symbols and symbols <= others):
                    useful.add(draft)
    labelling = plan.labelling
    idle: dict = {}
    for number, draft in enumerate(labelling.drafts):
        stays = number in useful or draft.is_fixed or draft.signature.is_placement
        if draft.is_list or not stays:
            idle.setdefault(draft.signature, []).append(draft.members)
    lists: list[Draft] = [
        list_draft(labelling.elements, s, np.sort(np.concatenate(m))) for s, m in idle.items()
    ]
    return relabel(labelling, sorted(lists, key=lambda draft: draft.members[0]))
