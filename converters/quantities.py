"""What the id of a species stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from icrn_io.network import Network


def symbol_quantities(network: Network) -> dict[str, Literal["amount", "concentration"]]:
    """Return, for each species, whether its id stands for an amount or a concentration.

    SBML L3V2, section 4.6.5: an amount where ``has_only_substance_units`` is set or the
    compartment is a point.
    """
    points = {c.id for c in network.compartments if c.spatial_dimensions == 0}
    return {
        s.id: "amount" if s.has_only_substance_units or s.compartment in points else "concentration"
        for s in network.species
    }
