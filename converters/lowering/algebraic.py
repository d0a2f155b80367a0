"""Algebraic rules."""

from __future__ import annotations

from icrn_io.network import Network


def without_algebraic_rules(network: Network) -> Network:
    """Return the network."""
    return network
