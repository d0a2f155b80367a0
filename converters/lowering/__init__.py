"""Rewrite what the dynamics do not know in terms of what they know, for simulation only.

SBML says many things twice: a variable stoichiometry is a second reaction, ``rateOf`` is a
sum of fluxes, an algebraic rule that can be solved is an assignment rule, and all that an
event's formulas need are assignment rules too. Each module of this package takes one such
construct out of a `Network`; a fold, a file or an export never sees it.
"""

from __future__ import annotations

from dataclasses import dataclass

from converters.lowering.absent import without_absent_math
from converters.lowering.algebraic import without_algebraic_rules
from converters.lowering.delays import PlainDelay, without_delays
from converters.lowering.events import PlainEvent, without_events
from converters.lowering.fast import without_fast_reactions
from converters.lowering.rates import without_rate_of
from converters.lowering.stoichiometry import without_variable_stoichiometry
from icrn_io.network import Network

__all__ = ["Lowered", "lower"]


@dataclass(frozen=True)
class Lowered:
    """A network in plain form.

    Attributes
    ----------
    network : Network
        Compartments, species, parameters, reactions with mass balance and laws, assignment and
        rate rules, initial assignments.
    events, delays : tuple
        What changes at moments, and what follows the past, by ids of the network.
    """

    network: Network
    events: tuple[PlainEvent, ...] = ()
    delays: tuple[PlainDelay, ...] = ()


def lower(network: Network) -> Lowered:
    """Return a network with the same solution that does without special constructs.

    Every id of the original keeps its meaning; ids that are new stand for nothing of the model.
    A plain network is returned as it is.

    Parameters
    ----------
    network : Network
        Any network.

    Returns
    -------
    Lowered
        Without species references that vary, elements without math, events, ``delay``, fast
        reactions, ``rateOf`` and algebraic rules.

    Raises
    ------
    UnsupportedFeatureError
        A construct cannot be lowered; the message names the element and why.
    """
    # First: what is absent determines nothing and changes nothing.
    network = without_absent_math(network)
    # Before events are taken out, which may set stoichiometries.
    network = without_variable_stoichiometry(network)
    # Their formulas are rules from here on.
    network, events = without_events(network)
    network, delays = without_delays(network)
    changed = frozenset(variable for event in events for variable, _ in event.assignments)
    network = without_fast_reactions(network, changed)
    # After what adds reactions: rates of change are sums over all of them.
    network = without_rate_of(network)
    # Last: every other rule is known by now.
    return Lowered(without_algebraic_rules(network, changed), events, delays)
