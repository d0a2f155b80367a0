"""Compilation of an ICRN to a `Dynamics`: all decisions, no tracing.

Reactions over relations, single ones and small dense ones that share a law become one gather,
one vectorised law and one scatter; large dense domains are broadcast. The number of operations
depends on the number of kinds of reaction, never on the number of reactions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import jax
import numpy as np

from icrn_core.cells import Edge, edges
from icrn_core.dynamics import Dynamics
from icrn_core.elimination import plan_elimination
from icrn_core.errors import IcrnError
from icrn_core.groups import Reaction, dense_group, flat_groups, grid, plan_flat
from icrn_core.hybrid_plan import changed_entries, mode_rows, plan_hybrid
from icrn_core.icrn import ICRN
from icrn_core.jumps import comparisons
from icrn_core.law import Law, canonical_law
from icrn_core.layout import Layout, affine_positions
from icrn_core.modes import Mode, with_modes
from icrn_core.pattern import plan_jacobian
from icrn_core.plan import Arrays, Initial, Jump, Plan, Segment, View
from icrn_core.program import Item, assignment_item, conversion_items, schedule
from icrn_core.sparse_map import gather
from icrn_core.tables import Tables
from icrn_core.tape import Tape

# Below this many entries one merged gather costs less than a broadcast of its own.
DENSE_FROM = 256
# A masked domain emptier than this is a relation in disguise.
DENSE_FILL = 0.25


def compile_icrn(icrn: ICRN, *, moving: Collection[str] = ()) -> Dynamics:
    """Return the dynamics of an ICRN.

    Parameters
    ----------
    icrn : ICRN
        The structure; values are given when it is simulated.
    moving : collection of str
        Base species that something else than reactions changes, such as diffusion: rate laws read
        them at the present state and not at the initial one.

    Returns
    -------
    Dynamics
        Rate of change, analytic Jacobian, initial values and observation, in pure JAX.

    Raises
    ------
    IcrnError
        An operator that cannot be evaluated (``delay``, ``rateOf``), assignments that wait for
        each other, a conversion factor that is not constant, no base species of a name, or a
        network that leaves out what its model has.
    """
    if icrn.leaves_out:
        more = f" and {len(icrn.leaves_out) - 1} more" if len(icrn.leaves_out) > 1 else ""
        raise IcrnError(
            f"the network leaves out {icrn.leaves_out[0]}{more} of its model: compile the network of "
            "converters.plain_folding(folding), which has the same dynamics"
        )
    given, (icrn, modes) = icrn, _with_modes(icrn, moving)
    n_modes = sum(base.size for base in icrn.constants[len(given.constants) :])
    layout, arrays = Layout(icrn, n_modes), Arrays()
    reactions = _reactions(layout)
    moving = _moving_entries(reactions, layout, moving)
    items = [assignment_item(a, layout) for a in icrn.assignments]
    entries, multiply, sizes = _conversions(layout, "state_unit", "law_unit")
    is_static = _static_symbols(layout, items, moving, entries, sizes)
    is_held = np.ones(layout.n_state, bool)
    is_held[moving] = False
    static_items, dynamic_items = _split(items, is_static)
    chosen = is_static[sizes[entries]] & is_held[entries]
    static_items += conversion_items(entries[chosen], sizes[entries[chosen]], multiply[chosen])
    chosen = ~is_static[sizes[entries]]
    conversions = conversion_items(entries[chosen], sizes[entries[chosen]], multiply[chosen])
    groups = flat_groups([r for r in reactions if not r.is_wide], layout, is_static)
    wide = [r for r in reactions if r.is_wide]
    needed = _read_by_rates(reactions, conversions, layout, is_static)
    driving, watched = _by_need(dynamic_items, needed)
    held = np.flatnonzero(is_held)
    static = _static_tape(layout, held)
    static_levels = tuple(static.add(level, arrays) for level in schedule(static_items, layout.n_symbols))
    tape, background = _solve_tape(layout, moving, static, needed, mode_rows(layout, modes))
    levels = tuple(tape.add(level, arrays) for level in schedule([*driving, *conversions], layout.n_symbols))
    columns = np.full(layout.n_state, -1, np.int64)
    columns[moving] = np.arange(len(moving))
    flat = plan_flat(groups, layout, columns, static, tape, arrays)
    dense = [dense_group(r, layout, is_static, static, tape, arrays) for r in wide]
    segments = flat.segments + [_wide_segment(k, r, arrays) for k, r in enumerate(wide)]
    order = {r.name: k for k, r in enumerate(icrn.reactions)}
    laws = [(group.law, group.slots, group.size) for group in groups]
    laws += [(r.law, [layout.positions(s, r.domain) for s in r.slots], r.domain.size) for r in wide]
    laws += [(item.law, item.slots, item.targets.size) for item in items]
    jacobian = plan_jacobian(flat, list(zip(wide, dense, strict=True)), levels, layout, columns, tape, arrays)
    pattern = (arrays.items[jacobian.rows], arrays.items[jacobian.columns])
    elimination, factor_cost = plan_elimination(*pattern, len(moving))
    seen = Tape(
        np.where(tape.place >= 0, tape.place, tape.length + static.place), tape.length + static.length
    )
    hybrid = plan_hybrid(layout, arrays, modes, items, is_static, columns, sizes, static)
    # What modes compare stands in no law any more.
    compared = [(*canonical_law(mode.law.template), mode) for mode in modes]
    told = [(law, [layout.positions(m.slots[k], m.domain) for k in order], m.domain.size)
            for law, order, m in compared]  # fmt: skip
    plan = Plan(
        species=tuple(layout.blocks[b.name] for b in icrn.species),
        constants=tuple(layout.blocks[b.name] for b in given.constants),
        assigned=tuple(layout.blocks[b.name] for b in icrn.assigned),
        moving=arrays.add(moving),
        held=arrays.add(held),
        held_reads=_held_reads(reactions, items, sizes, held, layout),
        n_moving=len(moving),
        view=_view(entries, multiply, sizes, is_static, columns, static, arrays),
        factor=_factor(layout, moving, is_static, static, arrays),
        static_levels=static_levels,
        background=arrays.add(background),
        dynamic_levels=levels,
        watched_levels=tuple(seen.add(level, arrays) for level in schedule(watched, layout.n_symbols)),
        observed=arrays.add(seen.place),
        flat_slots=flat.slots,
        flat=flat.groups,
        incidence=flat.incidence,
        dense=tuple(dense),
        dense_moving=gather(moving, layout.n_state, arrays) if len(held) else None,
        jacobian=jacobian,
        elimination=jax.tree.map(arrays.add, elimination),
        factor_cost=factor_cost,
        segments=tuple(sorted(segments, key=lambda s: order[s.name])),
        jumps=tuple(Jump(*found) for found in _timed(static, arrays, is_static, laws, comparisons)),
        # Before the first step nothing is in a mode.
        initial=_initial(layout, arrays, [assignment_item(a, layout) for a in given.assignments]),
        sizes=arrays.add(sizes),
        is_concentration=arrays.add(_is_concentration(layout)),
        reads_time=any(r.law.reads_time for r in reactions)
        or any(i.reads_time for i in driving)
        or bool(icrn.delays),
        hybrid=hybrid,
        edges=()
        if hybrid is None
        else tuple(
            Edge(law, *found, slots, size)
            for law, found, slots, size in _timed(static, arrays, is_static, [*laws, *told], edges)
        ),
        labels=tuple(layout.label(k) for k in range(layout.n_state + layout.n_params)),
    )
    return Dynamics(plan, Tables.of(arrays.items))


def _with_modes(icrn: ICRN, also: Collection[str]) -> tuple[ICRN, tuple[Mode, ...]]:
    """Return the network with modes for its comparisons of what changes during a run."""
    layout = Layout(icrn)
    moving = _moving_entries(_reactions(layout), layout, also)
    items = [assignment_item(a, layout) for a in icrn.assignments]
    entries, _, sizes = _conversions(layout, "state_unit", "law_unit")
    is_static = _static_symbols(layout, items, moving, entries, sizes)
    return with_modes(icrn, lambda slot, domain: bool(is_static[layout.positions(slot, domain)].all()))


def _static_tape(layout: Layout, held: np.ndarray) -> Tape:
    place = np.full(layout.n_symbols, -1, np.int64)
    place[held] = np.arange(len(held))
    n, m = layout.n_state, layout.n_params
    place[n : n + m] = len(held) + np.arange(m)
    return Tape(place, len(held) + m)


def _solve_tape(
    layout: Layout, moving: np.ndarray, static: Tape, needed: np.ndarray, mode_rows: np.ndarray
) -> tuple[Tape, np.ndarray]:
    """Return the tape of a solve, and what it holds of the static tape."""
    place = np.full(layout.n_symbols, -1, np.int64)
    place[moving] = np.arange(len(moving))
    read = np.flatnonzero(needed & (place < 0) & (static.place >= 0))
    place[read] = len(moving) + np.arange(len(read))
    length = len(moving) + len(read)
    place[layout.modes] = length + mode_rows
    length += int(mode_rows.max(initial=-1)) + 1
    return Tape(place, length, np.arange(length) < len(moving)), static.place[read]


def _moving_entries(reactions: list[Reaction], layout: Layout, also: Collection[str]) -> np.ndarray:
    """Return the positions of the entries that something changes, ascending."""
    is_moving = np.zeros(layout.n_state, dtype=bool)
    is_moving[changed_entries(layout)] = True
    names = [base.name for base in layout.icrn.species]
    for name in also:
        if name not in names:
            raise IcrnError(f"no base species is called '{name}' (there are: {', '.join(names) or 'none'})")
        block = layout.blocks[name]
        is_moving[block.offset : block.offset + block.size] = True
    for reaction in reactions:
        if reaction.terms:
            at = [layout.positions(reference, reaction.domain) for _, reference in reaction.terms]
            fluxes = np.tile(np.arange(reaction.domain.size), len(at))
            coefficients = np.repeat([c for c, _ in reaction.terms], reaction.domain.size)
            is_moving[_changed(np.concatenate(at), fluxes, coefficients)] = True
    return np.flatnonzero(is_moving)


def _changed(entries: np.ndarray, fluxes: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the entries with non-zero net stoichiometry in some flux: in ``A[i] → A[j]``, not i = j."""
    order = np.lexsort((entries, fluxes))
    entries, fluxes, coefficients = entries[order], fluxes[order], coefficients[order]
    is_first = np.ones(len(entries), dtype=bool)
    is_first[1:] = (np.diff(entries) != 0) | (np.diff(fluxes) != 0)
    starts = np.flatnonzero(is_first)
    if not len(starts):
        return entries
    return entries[starts[np.add.reduceat(coefficients, starts) != 0]]


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


def _static_symbols(
    layout: Layout, items: list[Item], moving: np.ndarray, converted: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Return for each symbol whether it is known before a solve, shape ``(n_symbols,)``."""
    static = np.ones(layout.n_symbols, dtype=bool)
    static[moving] = False
    static[layout.modes] = False
    for item in items:
        static[item.targets] = not item.reads_time
    count = -1
    while count != static.sum():
        count = static.sum()
        static[converted[~static[sizes[converted]]]] = False
        for item in items:
            if not all(static[at].all() for at in item.slots) or not static[item.targets].all():
                # Whole assignments are static or not, so that a level is one operation.
                static[item.targets] = False
    return static


def _split(items: list[Item], is_static: np.ndarray) -> tuple[list[Item], list[Item]]:
    static = [item for item in items if item.targets.size and is_static[item.targets].all()]
    chosen = set(map(id, static))
    return static, [item for item in items if id(item) not in chosen]


def _read_by_rates(
    reactions: list[Reaction], conversions: list[Item], layout: Layout, is_static: np.ndarray
) -> np.ndarray:
    """Return for each symbol whether a rate of change reads it from the tape, shape ``(n_symbols,)``.

    A slot that is static as a whole is taken from the static tape, once per solve.
    """
    needed = np.zeros(layout.n_symbols, dtype=bool)
    for reaction in reactions:
        for slot in reaction.slots:
            # A broadcast covers its whole product, what a mask leaves out too.
            affine, domain = layout.affine(slot, reaction.domain), reaction.domain
            at = grid(affine, domain.shape) if reaction.is_wide else affine_positions(affine, domain)
            if not is_static[at].all():
                needed[at] = True
    for item in conversions:
        needed[item.slots[0]] = True
        needed[item.targets] = True
    return needed


def _held_reads(
    reactions: list[Reaction], items: list[Item], sizes: np.ndarray, held: np.ndarray, layout: Layout
) -> tuple[str, ...]:
    """Return the base species of which something reads an entry that nothing changes."""
    is_read = np.zeros(layout.n_symbols, dtype=bool)
    is_read[sizes[sizes >= 0]] = True
    for reaction in reactions:
        for slot in reaction.slots:
            is_read[layout.positions(slot, reaction.domain)] = True
    for item in items:
        for at in item.slots:
            is_read[at] = True
    found = held[is_read[held]]
    blocks = (layout.blocks[base.name] for base in layout.icrn.species)
    return tuple(b.name for b in blocks if np.any((found >= b.offset) & (found < b.offset + b.size)))


def _by_need(items: list[Item], needed: np.ndarray) -> tuple[list[Item], list[Item]]:
    """Split assignments into entries that rates of change need and entries that are only watched.

    What is only watched must not enter the Jacobian: its derivatives may be infinite.
    ``needed`` is completed by what the assignments read.
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


def _reactions(layout: Layout) -> list[Reaction]:
    found = []
    for reaction in layout.icrn.reactions:
        law, order = canonical_law(reaction.law.template)
        slots = tuple(reaction.slots[k] for k in order)
        found.append(Reaction.of(reaction, law, slots, layout, DENSE_FROM, DENSE_FILL))
    return found


def _wide_segment(k: int, reaction: Reaction, arrays: Arrays) -> Segment:
    mask = reaction.domain.mask
    entries = None if mask is None else arrays.add(np.flatnonzero(mask))
    return Segment(reaction.name, 0, reaction.domain.size, k, entries)


def _view(
    entries: np.ndarray,
    multiply: np.ndarray,
    sizes: np.ndarray,
    is_static: np.ndarray,
    columns: np.ndarray,
    static: Tape,
    arrays: Arrays,
) -> View | None:
    chosen = is_static[sizes[entries]] & (columns[entries] >= 0)
    if not chosen.any():
        return None
    moving = columns[entries[chosen]]
    at = np.full(columns.max() + 1, -1)
    at[moving] = static.place[sizes[entries[chosen]]]
    is_multiplied = np.zeros(len(at), bool)
    is_multiplied[moving] = multiply[chosen]
    return View(arrays.add(at), arrays.add(is_multiplied))


def _factor(
    layout: Layout, moving: np.ndarray, is_static: np.ndarray, static: Tape, arrays: Arrays
) -> int | None:
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
            at[block.offset : block.offset + block.size] = static.place[here]
    return arrays.add(at[moving]) if (at[moving] >= 0).any() else None


def _timed(
    static: Tape,
    arrays: Arrays,
    is_static: np.ndarray,
    laws: list[tuple[Law, list[np.ndarray], int]],
    find: Callable[[Law, list[bool]], list],
) -> Iterator[tuple]:
    """Yield for what is found in laws that read the time: law, find, static slots, size."""
    for law, slots, size in laws:
        if not law.reads_time:
            continue
        known = [bool(is_static[at].all()) for at in slots]
        nodes = find(law, known) if size else []
        if nodes:
            rows = np.stack(
                [at for at, s in zip(slots, known, strict=True) if s] or [np.zeros(size, np.int64)]
            )
            rows = np.unique(rows, axis=1)
            numbers = iter(rows)
            used = tuple(arrays.add(static.place[next(numbers)]) if s else -1 for s in known)
            yield from ((law, node, used, rows.shape[1]) for node in nodes)


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
    n, m = layout.n_state, layout.n_params
    tape = Tape(np.minimum(np.arange(layout.n_symbols), n + m), n + m + 1)
    items = [*given, *rest, *conversions]
    levels = [tape.add(level, arrays) for level in schedule(items, layout.n_symbols)]
    entries, multiply, sizes = _conversions(layout, "law_unit", "state_unit")
    same = _same_units(layout)
    convert = ~(same[entries] & ~is_given[entries])
    # Where nothing is to be done between the units of the value and the state, the value stands.
    final = np.where(same & ~is_given[:n], np.arange(n), tape.place[:n])
    back = conversion_items(entries[convert], sizes[entries[convert]], multiply[convert])
    if back:
        levels.append(tape.add(back, arrays))
        final[entries[convert]] = tape.place[entries[convert]]
    return Initial(tuple(levels), arrays.add(np.concatenate([final, tape.place[n : n + m]])))


def _same_units(layout: Layout) -> np.ndarray:
    """Return for each entry of the state whether initial values are in the state's unit."""
    return np.repeat(
        [base.initial_unit == base.state_unit for base in layout.icrn.species],
        [base.size for base in layout.icrn.species],
    ).astype(bool)


def _is_concentration(layout: Layout) -> np.ndarray:
    """Return for each entry of the state whether laws see a concentration."""
    return np.repeat(
        [base.law_unit == "concentration" for base in layout.icrn.species],
        [base.size for base in layout.icrn.species],
    ).astype(bool)
