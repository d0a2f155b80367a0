"""Planning of what happens between steps: events, modes, delayed entries."""

from __future__ import annotations

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.icrn import IndexDomain, Reference
from icrn_core.law import canonical_law
from icrn_core.layout import Layout
from icrn_core.modes import Mode
from icrn_core.plan import Arrays, Delays, Events, Hybrid, Modes
from icrn_core.program import Item
from icrn_core.tape import Tape

_ONE = IndexDomain()
# Executions that can wait at the same time, at least, and for each event.
_WAITING, _WAITING_EACH = 16, 4


def changed_entries(layout: Layout) -> np.ndarray:
    """Return the positions of the entries of the state that events or delays set, ascending."""
    variables = [variable for event in layout.icrn.events for variable, _ in event.assignments]
    variables += [delay.variable for delay in layout.icrn.delays]
    return np.unique(np.array([_position(layout, v) for v in variables], dtype=np.int64))


def _position(layout: Layout, entry: Reference | None) -> int:
    return -1 if entry is None else int(layout.positions(entry, _ONE)[0])


def plan_hybrid(
    layout: Layout,
    arrays: Arrays,
    modes: tuple[Mode, ...],
    items: list[Item],
    is_static: np.ndarray,
    columns: np.ndarray,
    sizes: np.ndarray,
    static: Tape,
) -> Hybrid | None:
    """Return the plan; None for a network that only takes steps.

    Parameters
    ----------
    layout, arrays
        Of the network.
    modes : tuple of Mode
        Comparisons that the laws read as modes.
    items : list of Item
        The assignments.
    is_static : (n_symbols,)
        Which symbols are known before a solve.
    columns : (n_state,)
        Number of each entry of the state among the moving ones.
    sizes : (n_state,)
        Position of the compartment size of each entry, -1 without one.
    static : Tape
        The static tape.

    Raises
    ------
    IcrnError
        The lag of a delay changes during a run.
    """
    events = _events(layout, arrays, is_static, columns, sizes) if layout.icrn.events else None
    delays = _delays(layout, arrays, items, is_static, columns, static) if layout.icrn.delays else None
    if not (events or modes or delays):
        return None
    return Hybrid(events, _modes(layout, arrays, modes, items) if modes else None, delays)


def mode_rows(layout: Layout, modes: tuple[Mode, ...]) -> np.ndarray:
    """Return for each of the layout's modes where it stands among those that are decided."""
    rows = np.zeros(layout.n_modes, np.int64)
    if modes:
        at = np.concatenate([layout.positions(mode.reference, mode.domain) for mode in modes])
        rows[at - layout.modes[0]] = np.arange(len(at))
    return rows


def _modes(layout: Layout, arrays: Arrays, modes: tuple[Mode, ...], items: list[Item]) -> Modes:
    steps = []
    for mode in modes:
        law, order = canonical_law(mode.law.template)
        slots = tuple(arrays.add(layout.positions(mode.slots[k], mode.domain)) for k in order)
        steps.append((law, slots, mode.domain.size))
    return Modes(sum(size for *_, size in steps), tuple(steps), _depth(layout, modes, items))


def _depth(layout: Layout, modes: tuple[Mode, ...], items: list[Item]) -> int:
    """Return the length of the longest chain of modes each of which reads the one before."""
    owner = np.full(layout.n_symbols, -1)
    for k, mode in enumerate(modes):
        owner[layout.positions(mode.reference, mode.domain)] = k
    reads: list[set[int]] = []
    for mode in modes:
        read = np.zeros(layout.n_symbols, bool)
        for slot in mode.slots:
            read[layout.positions(slot, mode.domain)] = True
        count = -1
        while count != read.sum():
            count = read.sum()
            for item in items:
                if read[item.targets].any():
                    for at in item.slots:
                        read[at] = True
        reads.append(set(owner[read & (owner >= 0)].tolist()))
    depth = 1
    settled: set[int] = set()
    while depth <= len(modes):
        ready = {k for k, read in enumerate(reads) if read - {k} <= settled}
        if ready == settled or len(ready) == len(modes):
            break
        settled, depth = ready, depth + 1
    return depth


def _events(
    layout: Layout, arrays: Arrays, is_static: np.ndarray, columns: np.ndarray, sizes: np.ndarray
) -> Events:
    events = layout.icrn.events
    n_assignments = max(1, *(len(event.assignments) for event in events))
    targets, values, target_sizes = (np.full((len(events), n_assignments), -1) for _ in range(3))
    for k, event in enumerate(events):
        for a, (variable, value) in enumerate(event.assignments):
            at = _position(layout, variable)
            targets[k, a], values[k, a] = columns[at], _position(layout, value)
            base = layout.icrn.base(variable.base)
            if base.state_unit != base.law_unit:
                target_sizes[k, a] = sizes[at]
    moving = np.flatnonzero(columns >= 0)
    is_density = np.repeat(
        [base.state_unit == "concentration" for base in layout.icrn.species],
        [base.size for base in layout.icrn.species],
    ).astype(bool)
    changing = is_density & (sizes >= 0) & ~is_static[sizes]
    densities = np.where(changing, sizes, -1)[moving]

    def by_event(entries: list) -> int:
        return arrays.add(np.array(entries))

    return Events(
        len(events),
        n_assignments,
        _WAITING + _WAITING_EACH * len(events),
        by_event([_position(layout, event.trigger) for event in events]),
        by_event([_position(layout, event.delay) for event in events]),
        by_event([_position(layout, event.priority) for event in events]),
        by_event([event.initial_value for event in events]),
        by_event([event.is_persistent for event in events]),
        by_event([event.uses_trigger_values for event in events]),
        arrays.add(targets),
        arrays.add(values),
        arrays.add(target_sizes) if (target_sizes >= 0).any() else None,
        arrays.add(densities) if (densities >= 0).any() else None,
        any(event.priority is not None for event in events),
    )


def _delays(
    layout: Layout,
    arrays: Arrays,
    items: list[Item],
    is_static: np.ndarray,
    columns: np.ndarray,
    static: Tape,
) -> Delays:
    delays = layout.icrn.delays
    lags = np.array([_position(layout, delay.lag) for delay in delays])
    if not is_static[lags].all():
        first = delays[int(np.flatnonzero(~is_static[lags])[0])]
        raise IcrnError(f"the lag '{first.lag.base}' of '{first.variable.base}' changes during a run")
    variables = [_position(layout, delay.variable) for delay in delays]
    arguments = [_position(layout, delay.argument) for delay in delays]
    reads = []
    for argument in arguments:
        read = _read_by(argument, items)
        reads.append(tuple(k for k, variable in enumerate(variables) if variable in read))
    _check_acyclic(reads, [delay.variable.base for delay in delays])
    return Delays(
        tuple(reads),
        arrays.add(columns[variables]),
        arrays.add(np.array(arguments)),
        arrays.add(static.place[lags]),
    )


def _read_by(position: int, items: list[Item]) -> set[int]:
    """Return the symbols on whose present value a symbol depends, itself among them."""
    found, queue = {position}, [position]
    while queue:
        at = queue.pop()
        for item in items:
            for row in np.flatnonzero(item.targets == at):
                new = {int(slot[row]) for slot in item.slots} - found
                found |= new
                queue += new
    return found


def _check_acyclic(reads: list[tuple[int, ...]], names: list[str]) -> None:
    pending = dict(enumerate(reads))
    while pending:
        ready = [k for k, read in pending.items() if not set(read) & set(pending)]
        if not ready:
            which = ", ".join(f"'{names[k]}'" for k in pending)
            raise IcrnError(f"the delays {which} follow each other: nothing says what they are at first")
        pending = {k: read for k, read in pending.items() if k not in ready}
