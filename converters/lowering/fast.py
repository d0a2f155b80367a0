"""Fast reactions: at equilibrium at all times."""

from __future__ import annotations

from icrn_io.network import Network


def without_fast_reactions(network: Network) -> Network:
    """Return the network; fast reactions stay and are refused by name."""
    return network
