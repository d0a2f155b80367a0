"""The index domain of each block: product, product with holes, or relation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from os.path import commonprefix

import numpy as np

from converters.fold.axes import AxisClasses, Block, axis_columns, classify_axes, split_blocks
from converters.fold.elements import Signature
from converters.fold.facts import Group
from converters.fold.labelling import MIN_FILL, Draft, Labelling, list_draft, relabel

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
    form : str
        ``"single"``, ``"dense"``, ``"dense with missing entries"`` or ``"relation"``.
    why : str
        The reason for the form, for people.
    """

    block: Block
    symbols: tuple[Symbol, ...]
    indices: tuple[tuple[Index, ...], ...]
    form: str
    why: str


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


def plan_domains(stages: Iterable[Iterable[Group]], labelling: Labelling) -> Plan:
    """Return the plan that a labelling leads to."""
    stages = [list(groups) for groups in stages]
    blocks = [split_blocks(groups, labelling) for groups in stages]
    axes = classify_axes([block for stage in blocks for block in stage], labelling)
    drafted = tuple(tuple(_draft_domain(b, labelling, axes) for b in stage) for stage in blocks)
    return Plan(labelling, axes, drafted)


def _draft_domain(block: Block, labelling: Labelling, axes: AxisClasses) -> DomainDraft:
    symbols: list[Symbol] = []
    known: dict[tuple[int, bytes], int] = {}
    indices: list[list[Index]] = [[] for _ in block.drafts]
    for column, axis, codes in axis_columns(block, labelling):
        if (codes == codes[0]).all():
            indices[column].append(("label", int(codes[0])))
            continue
        key = (axes.class_of[axis], codes.tobytes())
        if key not in known:
            known[key] = len(symbols)
            symbols.append(Symbol(key[0], codes))
        indices[column].append(("symbol", known[key]))
    form, why = _form(block, symbols, axes)
    return DomainDraft(block, tuple(symbols), tuple(map(tuple, indices)), form, why)


def _form(block: Block, symbols: list[Symbol], axes: AxisClasses) -> tuple[str, str]:
    n_rows = len(block.rows)
    if n_rows == 1:
        return "single", "the only one with its rate law over these bases"
    if not symbols:
        return "relation", "the same reaction repeated"
    cells = 1.0
    for symbol in symbols:
        cells *= axes.size(symbol.class_number)
    if n_unique(np.stack([s.codes for s in symbols], axis=1)) < n_rows:
        return "relation", "index tuples repeat"
    if n_rows == cells:
        return "dense", "every index tuple exists"
    if n_rows >= MIN_FILL * cells:
        return "dense with missing entries", f"{n_rows} of {int(cells)} index tuples exist"
    return "relation", f"only {n_rows} of {cells:.4g} index tuples exist"


def n_unique(rows: np.ndarray) -> int:
    """Return the number of distinct rows."""
    return len(np.unique(rows, axis=0))


def reindex_constants(plan: Plan) -> Labelling:
    """Return the labelling with constants indexed as the species of their reactions are.

    Where the species of a block form a dense domain and each entry of a constant's column
    belongs to one index tuple of it, the ids of the constants carry no information the
    species do not: they become a tensor over the symbols that determine them. Where there is
    no such block, the plan's own labelling is returned.
    """
    labelling = plan.labelling
    new: list[Draft] = []
    claimed: set[int] = set()
    for domain in sorted(plan.domains, key=lambda d: -len(d.block.rows)):
        if domain.form != "relation":
            claimed.update(np.unique(domain.block.elements).tolist())
    for domain in sorted(plan.domains, key=lambda d: -len(d.block.rows)):
        if domain.form == "relation":
            new += _reindexed(domain, plan, claimed)
    return relabel(labelling, new) if new else labelling


def _reindexed(domain: DomainDraft, plan: Plan, claimed: set[int]) -> list[Draft]:
    labelling, axes = plan.labelling, plan.axes
    block = domain.block
    is_constant = [_is_constant(labelling.drafts[d]) for d in block.drafts]
    kept = {
        i for c, ix in zip(is_constant, domain.indices, strict=True) if not c for k, i in ix if k == "symbol"
    }
    symbols = [domain.symbols[k] for k in sorted(kept)]
    if not symbols or len(symbols) == len(domain.symbols):
        return []
    grid = np.stack([s.codes for s in symbols], axis=1)
    cells = np.prod([float(axes.size(s.class_number)) for s in symbols])
    if n_unique(grid) < len(grid) or len(grid) < MIN_FILL * cells:
        return []
    drafts = []
    for column, constant in enumerate(is_constant):
        members = block.elements[:, column]
        uses = {i for kind, i in domain.indices[column] if kind == "symbol"}
        if not constant or uses <= kept or claimed.intersection(members.tolist()):
            continue
        axes_used = determining_columns(grid, members)
        if axes_used is None:
            continue
        drafts.append(_constant_draft(labelling, members, grid[:, axes_used]))
        claimed.update(members.tolist())
    return drafts


def _is_constant(draft: Draft) -> bool:
    return draft.signature == Signature("parameter", "constant")


def determining_columns(grid: np.ndarray, members: np.ndarray) -> list[int] | None:
    """Return the fewest columns of ``grid`` that stand one to one for ``members``, or None."""
    n_members = len(np.unique(members))
    for count in range(1, grid.shape[1] + 1):
        for columns in combinations(range(grid.shape[1]), count):
            part = grid[:, columns]
            if n_unique(part) == n_members == n_unique(np.column_stack([part, members])):
                return list(columns)
    return None


def _constant_draft(labelling: Labelling, members: np.ndarray, codes: np.ndarray) -> Draft:
    unique, first = np.unique(members, return_index=True)
    words = labelling.vocabulary
    labels = tuple(tuple(words[c] for c in codes[row]) for row in first)
    ids = [labelling.elements.ids[code] for code in unique]
    signature = labelling.drafts[labelling.draft_of[unique[0]]].signature
    return Draft(common_stem(ids), signature, unique, labels)


def common_stem(ids: list[str]) -> str:
    """Return what ids have in common at their end or start, as a name for all of them."""
    prefix = commonprefix(ids).rstrip("0123456789_")  # noqa: RUF071 - names, not paths
    suffix = commonprefix([i[::-1] for i in ids])[::-1].lstrip("0123456789_")  # noqa: RUF071 - names, not paths
    return max(prefix, suffix, key=len) or "constant"


def drop_idle_bases(plan: Plan) -> Labelling:
    """Return the labelling with bases that serve in no dense domain put into the lists."""
    useful: set[int] = set()
    for domain in plan.domains:
        if domain.form.startswith("dense"):
            useful.update(domain.block.drafts)
    labelling = plan.labelling
    idle: dict = {}
    for number, draft in enumerate(labelling.drafts):
        if draft.is_list or (number not in useful and not draft.signature.is_placement):
            idle.setdefault(draft.signature, []).append(draft.members)
    lists = [list_draft(labelling.elements, s, np.sort(np.concatenate(m))) for s, m in idle.items()]
    return relabel(labelling, lists)
