"""What the bridges share: the SBML text of a network, and what it fixes by itself."""

from __future__ import annotations

import numpy as np

from converters.errors import EngineError
from converters.overrides import references
from icrn_io.network import AlgebraicRule, Network


def sbml_text(network: Network) -> str:
    """Return the network as SBML: its source document, patched where values differ."""
    from icrn_io import format_model

    text = format_model(network)
    return text.decode("utf-8") if isinstance(text, bytes) else text


def check_solver(engine: str, solver: str | None, known: tuple[str, ...]) -> str:
    """Return the solver to use, the first known one by default; refuse any other."""
    if solver is None:
        return known[0]
    if solver not in known:
        raise EngineError(engine, f"has no solver '{solver}': there are {', '.join(known)}")
    return solver


def fixed_values(network: Network, n_times: int) -> dict[str, np.ndarray]:
    """Return what is constant by definition and that simulators do not list under its id.

    These are the local parameters, lifted to ids of their own, and the species references
    with an id and a number that no rule or initial assignment replaces.
    """
    changed = {rule.variable for rule in network.rules if not isinstance(rule, AlgebraicRule)}
    changed |= {assignment.variable for assignment in network.initial_assignments}
    changed |= {a.variable for event in network.events for a in event.assignments}
    fixed = {p.id: p.value for p in network.parameters if p.local_to is not None and p.value is not None}
    for reaction in network.reactions:
        for reference in references(reaction):
            if reference.id and reference.stoichiometry is not None and reference.id not in changed:
                fixed[reference.id] = reference.stoichiometry
    return {element_id: np.full(n_times, float(value)) for element_id, value in fixed.items()}


def one_line(message: object) -> str:
    """Return what a simulator said on one line."""
    return " ".join(str(message).split())
