"""Sizes of a construction, and the molecularity of each of its reactions, from the enumerated network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from converters import enumerate_network
from converters.authored import authored_folding
from icrn_core.authoring import AuthoredNetwork
from icrn_io.mass_action import sbo_terms
from icrn_io.network import Network
from neural_crn.constructions import FAST, Construction


def enumerated(network: AuthoredNetwork) -> Network:
    """Return the flat network, every reaction with a rate; ``P[3, p]`` is called ``P_3_p``."""
    return enumerate_network(authored_folding(network.with_fast_rate(FAST)))


def sizes(construction: Construction) -> dict[str, int]:
    """Return the numbers of species, reactions and indexed reactions, the clock's included."""
    flat = enumerated(construction.network)
    return {
        "species": len(flat.species),
        "reactions": len(flat.reactions),
        "indexed reactions": len(construction.network.reactions),
    }


def molecularities(network: AuthoredNetwork) -> dict[int, int]:
    """Return how many enumerated reactions have 1, 2, ... reactants, catalysts counted as reactants.

    Raises
    ------
    ValueError
        A kinetic law is not mass action of the reactants as they are listed.
    """
    flat = enumerated(network)
    laws, _ = sbo_terms(flat)
    other = next((reaction.id for reaction in flat.reactions if reaction.id not in laws), None)
    if other is not None:
        raise ValueError(f"the law of reaction '{other}' is not mass action of its reactants")
    found = Counter(sum(r.stoichiometry for r in reaction.reactants) for reaction in flat.reactions)
    return {int(n): count for n, count in sorted(found.items())}


def linear_formula(sizes_by_dimension: Mapping[int, int]) -> str:
    """Return ``a d + b`` for a size that is linear in the input dimension d.

    Raises
    ------
    ValueError
        It is not linear.
    """
    (d0, n0), (d1, n1) = list(sizes_by_dimension.items())[:2]
    slope, rest = divmod(n1 - n0, d1 - d0)
    offset = n0 - slope * d0
    if rest or any(n != slope * d + offset for d, n in sizes_by_dimension.items()):
        raise ValueError(f"not linear in the input dimension: {dict(sizes_by_dimension)}")
    return f"{slope} d + {offset}" if slope else str(offset)
