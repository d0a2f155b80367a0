"""Elements whose math is missing, which SBML L3V2 allows: they are as if they were not there."""

from __future__ import annotations

from dataclasses import replace

from icrn_io.network import Event, Network


def without_absent_math(network: Network) -> Network:
    """Return the network without rules, assignments, laws and triggers that say nothing.

    A variable whose rule or initial assignment has no math keeps its own value. A reaction
    without a kinetic law changes nothing. An event without a trigger never happens (SBML
    L3V2, sections 3.4.1, 4.8 to 4.12).
    """
    parts = (*network.initial_assignments, *network.rules)
    if (
        all(part.math is not None for part in parts)
        and all(reaction.kinetic_law is not None for reaction in network.reactions)
        and all(_is_whole(event) for event in network.events)
    ):
        return network
    return replace(
        network,
        initial_assignments=tuple(a for a in network.initial_assignments if a.math is not None),
        rules=tuple(rule for rule in network.rules if rule.math is not None),
        reactions=tuple(r for r in network.reactions if r.kinetic_law is not None),
        events=tuple(_without_absent(e) for e in network.events if e.trigger is not None),
    )


def _is_whole(event: Event) -> bool:
    return event.trigger is not None and all(a.math is not None for a in event.assignments)


def _without_absent(event: Event) -> Event:
    return replace(event, assignments=tuple(a for a in event.assignments if a.math is not None))
