"""Compilation of an ICRN to a `Dynamics`: all decisions, no tracing.

Reactions over relations, single ones and small dense ones that share a law become one gather,
one vectorised law and one scatter; large dense domains are broadcast. The number of operations
depends on the number of kinds of reaction, never on the number of reactions.
"""

from __future__ import annotations

import jax
import numpy as np

from icrn_core.dynamics import Dynamics
from icrn_core.errors import IcrnError
from icrn_core.extent import moving_entries, moving_extent, whole_extent
from icrn_core.groups import Reaction, dense_group, flat_groups
from icrn_core.icrn import ICRN
from icrn_core.jumps import comparisons
from icrn_core.law import canonical_law
from icrn_core.layout import Layout
from icrn_core.plan import Arrays, Initial, Jump, Plan, Segment, Step, View, needs_symbols
from icrn_core.program import Item, assignment_item, conversion_items, schedule

# Below this many entries one merged gather costs less than a broadcast of its own.
DENSE_FROM = 256
# A masked domain emptier than this is a relation in disguise.
DENSE_FILL = 0.25


def compile_icrn(icrn: ICRN) -> Dynamics:
    """Return the dynamics of an ICRN.

    Parameters
    ----------
    icrn : ICRN
        The structure; values are given when it is simulated.

    Returns
    -------
    Dynamics
        Rate of change, analytic Jacobian, initial values and observation, in pure JAX.

    Raises
    ------
    IcrnError
        An operator that cannot be evaluated (``delay``, ``rateOf``), assignments that wait for
        each other, or a conversion factor that is not constant.
    """
    layout, arrays = Layout(icrn), Arrays()
    law_at, law_multiply, sizes = _conversions(layout, "state_unit", "law_unit")
    items = [assignment_item(a, layout) for a in icrn.assignments]
    is_static = _static_symbols(layout, items)
    variable = np.array([not is_static[s] for s in sizes[law_at]], dtype=bool)
    fixed = law_at[~variable]
    view = None
    if len(fixed):
        view = View(arrays.add(fixed), arrays.add(sizes[fixed]), arrays.add(law_multiply[~variable]))
    static_items, dynamic_items = _split(items, is_static)
    moving = conversion_items(law_at[variable], sizes[law_at[variable]], law_multiply[variable])
    reactions = _reactions(layout, is_static)
    driving, watched = _by_need(dynamic_items, _read_by_rates(reactions, moving, layout))
    flat, incidence, slopes, segments = flat_groups([r for r in reactions if not r.is_wide], layout, arrays)
    wide = [r for r in reactions if r.is_wide]
    groups = tuple(dense_group(r, layout, arrays) for r in wide)
    segments += [_wide_segment(k, r, arrays) for k, r in enumerate(wide)]
    order = {r.name: k for k, r in enumerate(icrn.reactions)}
    levels = _steps(driving + moving, layout, arrays, is_static)
    reads_symbols = needs_symbols(flat, groups, levels)
    whole = whole_extent(flat, groups, incidence, slopes, reads_symbols, layout, arrays)
    entries = moving_entries(incidence, wide, layout, arrays)
    extent = whole
    if len(entries) < layout.n_state:
        extent = moving_extent(whole, entries, flat, groups, levels, layout, arrays)
    plan = Plan(
        species=tuple(layout.blocks[b.name] for b in icrn.species),
        constants=tuple(layout.blocks[b.name] for b in icrn.constants),
        assigned=tuple(layout.blocks[b.name] for b in icrn.assigned),
        static_levels=_steps(static_items, layout, arrays, is_static),
        dynamic_levels=levels,
        watched_levels=_steps(watched, layout, arrays, is_static),
        view=view,
        factor=_factor(layout, arrays, is_static),
        flat=flat,
        dense=groups,
        whole=whole,
        moving=extent,
        segments=tuple(sorted(segments, key=lambda s: order[s.name])),
        jumps=_jumps(layout, arrays, is_static, reactions, items),
        initial=_initial(layout, arrays, items),
        sizes=_observed_sizes(layout, arrays, sizes),
        reads_time=any(r.law.reads_time for r in reactions) or any(i.reads_time for i in driving),
        labels=tuple(layout.label(k) for k in range(layout.n_state + layout.n_params)),
    )
    # At once, and not by `jnp.asarray`, which compiles a small program for each shape and type.
    return Dynamics(plan, tuple(jax.device_put(arrays.items)))


def _conversions(layout: Layout, source: str, target: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return entries whose two units differ, whether that multiplies by size, and all sizes' positions."""
    sizes = np.full(layout.n_state, -1, dtype=np.int64)
    entries, multiply = [np.zeros(0, np.int64)], [np.zeros(0, bool)]
    for base in layout.icrn.species:
        block = layout.blocks[base.name]
        here = np.arange(block.offset, block.offset + block.size)
        if base.compartment is not None:
            sizes[here] = layout.placed(base.compartment.base, base.compartment.positions, block.size)
        if getattr(base, source) != getattr(base, target):
            entries.append(here)
            multiply.append(np.full(block.size, getattr(base, target) == "amount"))
    return np.concatenate(entries), np.concatenate(multiply), sizes


def _static_symbols(layout: Layout, items: list[Item]) -> np.ndarray:
    """Return for each symbol whether params alone determine it, shape ``(n_symbols,)``."""
    static = np.ones(layout.n_symbols, dtype=bool)
    static[: layout.n_state] = False
    for item in items:
        static[item.targets] = not item.reads_time
    pending = True
    while pending:
        pending = False
        for item in items:
            if item.targets.size and static[item.targets].any():
                reads = np.logical_and.reduce([static[at] for at in item.slots]) if item.slots else True
                if not np.all(reads):
                    # Whole assignments are static or not, so that a level is one operation.
                    static[item.targets] = False
                    pending = True
    return static


def _split(items: list[Item], is_static: np.ndarray) -> tuple[list[Item], list[Item]]:
    static = [item for item in items if item.targets.size and is_static[item.targets].all()]
    chosen = set(map(id, static))
    return static, [item for item in items if id(item) not in chosen]


def _read_by_rates(reactions: list[Reaction], moving: list[Item], layout: Layout) -> np.ndarray:
    """Return for each symbol whether a rate of change reads it directly, shape ``(n_symbols,)``."""
    needed = np.zeros(layout.n_symbols, dtype=bool)
    for reaction in reactions:
        for slot in reaction.slots:
            needed[layout.positions(slot, reaction.domain)] = True
    for item in moving:
        needed[item.slots[0]] = True
    return needed


def _by_need(items: list[Item], needed: np.ndarray) -> tuple[list[Item], list[Item]]:
    """Split assignments into entries that rates of change need and entries that are only watched.

    What is only watched must not enter the Jacobian: its derivatives may be infinite.
    """
    count = -1
    while count != needed.sum():
        count = needed.sum()
        for item in items:
            wanted = needed[item.targets]
            for at in item.slots:
                needed[at[wanted]] = True
    split = [(item.only(needed[item.targets]), item.only(~needed[item.targets])) for item in items]
    return [a for a, _ in split if a.targets.size], [b for _, b in split if b.targets.size]


def _steps(items: list[Item], layout: Layout, arrays: Arrays, is_static: np.ndarray) -> tuple:
    return tuple(
        tuple(_step(item, arrays, is_static) for item in level) for level in schedule(items, layout.n_symbols)
    )


def _step(item: Item, arrays: Arrays, is_static: np.ndarray) -> Step:
    return Step(
        law=item.law,
        targets=arrays.add(item.targets),
        slots=tuple(arrays.add(at) for at in item.slots),
        wanted=tuple(k for k, at in enumerate(item.slots) if not is_static[at].all()),
        multiply=item.multiply,
    )


def _reactions(layout: Layout, is_static: np.ndarray) -> list[Reaction]:
    found = []
    for reaction in layout.icrn.reactions:
        law, order = canonical_law(reaction.law.template)
        slots = tuple(reaction.slots[k] for k in order)
        found.append(Reaction.of(reaction, law, slots, layout, is_static, DENSE_FROM, DENSE_FILL))
    return found


def _wide_segment(k: int, reaction: Reaction, arrays: Arrays) -> Segment:
    mask = reaction.domain.mask
    entries = None if mask is None else arrays.add(np.flatnonzero(mask))
    return Segment(reaction.name, 0, reaction.domain.size, k, entries)


def _factor(layout: Layout, arrays: Arrays, is_static: np.ndarray) -> int | None:
    at = np.full(layout.n_state, -1, dtype=np.int64)
    for base in layout.icrn.species:
        if base.conversion_factor is not None and base.size:
            block, placement = layout.blocks[base.name], base.conversion_factor
            here = layout.placed(placement.base, placement.positions, block.size)
            if not is_static[here].all():
                raise IcrnError(
                    f"the conversion factor '{placement.base}' of base species '{base.name}' changes with "
                    "time: it must be a rate constant"
                )
            at[block.offset : block.offset + block.size] = here
    return arrays.add(at) if (at >= 0).any() else None


def _jumps(
    layout: Layout, arrays: Arrays, is_static: np.ndarray, reactions: list[Reaction], items: list[Item]
) -> tuple[Jump, ...]:
    found = [
        (r.law, [layout.positions(s, r.domain) for s in r.slots], r.domain.size)
        for r in reactions
        if r.law.reads_time
    ]
    found += [(item.law, item.slots, item.targets.size) for item in items if item.reads_time]
    jumps = []
    for law, slots, size in found:
        static = [bool(is_static[at].all()) for at in slots]
        nodes = comparisons(law, static) if size else []
        if nodes:
            rows = np.stack(
                [at for at, s in zip(slots, static, strict=True) if s] or [np.zeros(size, np.int64)]
            )
            numbers = iter(np.unique(rows, axis=1))
            used = tuple(arrays.add(next(numbers)) if s else -1 for s in static)
            jumps += [Jump(law, node, used, np.unique(rows, axis=1).shape[1]) for node in nodes]
    return tuple(jumps)


def _initial(layout: Layout, arrays: Arrays, assignments: list[Item]) -> Initial:
    """Plan the initial time: initial assignments, assignments, and conversions to law units."""
    given = [assignment_item(a, layout) for a in layout.icrn.initial_assignments]
    is_given = np.zeros(layout.n_symbols, dtype=bool)
    for item in given:
        is_given[item.targets] = True
    rest = [item.only(~is_given[item.targets]) for item in assignments]
    entries, multiply, sizes = _conversions(layout, "initial_unit", "law_unit")
    open_ = ~is_given[entries]
    conversions = conversion_items(entries[open_], sizes[entries[open_]], multiply[open_])
    levels = tuple(
        tuple(_step(item, arrays, np.zeros(layout.n_symbols, bool)) for item in level)
        for level in schedule([*given, *rest, *conversions], layout.n_symbols)
    )
    entries, multiply, sizes = _conversions(layout, "law_unit", "state_unit")
    same = _same_units(layout)
    convert = ~(same[entries] & ~is_given[entries])
    settled = np.setdiff1d(np.flatnonzero(is_given[: layout.n_state]), entries)
    settled = np.union1d(settled, np.setdiff1d(_changed_units(layout), entries)).astype(np.int64)
    entries, multiply = entries[convert], multiply[convert]
    return Initial(
        levels, arrays.add(entries), arrays.add(sizes[entries]), arrays.add(multiply), arrays.add(settled)
    )


def _same_units(layout: Layout) -> np.ndarray:
    """Return for each entry of the state whether initial values are in the state's unit."""
    return np.repeat(
        [base.initial_unit == base.state_unit for base in layout.icrn.species],
        [base.size for base in layout.icrn.species],
    ).astype(bool)


def _changed_units(layout: Layout) -> np.ndarray:
    return np.flatnonzero(~_same_units(layout))


def _observed_sizes(layout: Layout, arrays: Arrays, sizes: np.ndarray) -> int:
    kind = np.repeat(
        [base.law_unit == "concentration" for base in layout.icrn.species],
        [base.size for base in layout.icrn.species],
    ).astype(bool)
    number = arrays.add(sizes)
    arrays.add(kind)
    return number
