"""Rewrite what the dynamics do not know in terms of what they know, for simulation only.

SBML says many things twice: a variable stoichiometry is a second reaction, ``rateOf`` is a
sum of fluxes, an algebraic rule that can be solved is an assignment rule. Each module of this
package takes one such construct out of a `Network`; a fold, a file or an export never sees it.
"""

from __future__ import annotations

from converters.lowering.absent import without_absent_math
from converters.lowering.algebraic import without_algebraic_rules
from converters.lowering.fast import without_fast_reactions
from converters.lowering.rates import without_rate_of
from converters.lowering.stoichiometry import without_variable_stoichiometry
from icrn_io.network import Network

__all__ = ["lower"]


def lower(network: Network) -> Network:
    """Return a network with the same solution that does without special constructs.

    Every id of the original keeps its meaning; ids that are new stand for nothing of the model.
    A plain network is returned as it is. What is not lowered (events, delays) stays and is
    refused where the result is simulated.

    Parameters
    ----------
    network : Network
        Any network.

    Returns
    -------
    Network
        Without species references that vary, elements without math, fast reactions,
        ``rateOf`` and algebraic rules.

    Raises
    ------
    UnsupportedFeatureError
        A construct cannot be lowered; the message names the element and why.
    """
    for step in (
        # First: what is absent determines nothing and changes nothing.
        without_absent_math,
        without_variable_stoichiometry,
        without_fast_reactions,
        # After what adds reactions: rates of change are sums over all of them.
        without_rate_of,
        # Last: every other rule is known by now.
        without_algebraic_rules,
    ):
        network = step(network)
    return network
