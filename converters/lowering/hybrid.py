"""Events and delays of a lowered network in terms of its fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from converters.folding import Folding
from converters.lowering.delays import PlainDelay
from converters.lowering.events import PlainEvent
from icrn_core.icrn import Delay, Event, Reference


def with_hybrid(folding: Folding, events: Sequence[PlainEvent], delays: Sequence[PlainDelay]) -> Folding:
    """Return the fold of a network with the events and delays that were taken out of it.

    Parameters
    ----------
    folding : Folding
        Of the network that is left.
    events, delays : sequence
        What `converters.lowering.lower` took out, by ids of that network.
    """
    if not events and not delays:
        return folding
    bases = {base.name: base for base in folding.icrn.bases}
    positions = folding.identity.positions

    def entry(name: str) -> Reference:
        base, position = positions[name]
        indices = np.unravel_index(position, bases[base].shape) if bases[base].shape else ()
        return Reference(base, tuple(int(k) for k in indices))

    def perhaps(name: str) -> Reference | None:
        return entry(name) if name else None

    icrn = replace(
        folding.icrn,
        events=tuple(
            Event(
                e.id,
                entry(e.trigger),
                tuple((entry(variable), entry(value)) for variable, value in e.assignments),
                perhaps(e.delay),
                perhaps(e.priority),
                e.trigger_initial_value,
                e.trigger_persistent,
                e.use_values_from_trigger_time,
            )
            for e in events
        ),
        delays=tuple(Delay(entry(d.variable), entry(d.argument), entry(d.lag)) for d in delays),
    )
    return replace(folding, icrn=icrn)
