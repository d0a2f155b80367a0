"""Asks libRoadRunner in a process of its own, where its just-in-time compiler meets no other state.

Standard input: JSON with ``sbml``, ``states`` (lists of floating species amounts, null for the
initial one) and ``end`` (simulate to there first, or null). Standard output: JSON.
"""

from __future__ import annotations

import json
import sys

import roadrunner


def main() -> None:
    request = json.load(sys.stdin)
    roadrunner.Config.setValue(roadrunner.Config.LLVM_BACKEND, roadrunner.Config.LLJIT)  # loads faster
    runner = roadrunner.RoadRunner(request["sbml"])
    model = runner.model
    if request["end"] is not None:
        runner.integrator.relative_tolerance = 1e-8
        runner.simulate(0, request["end"], 2)
    rates, states = [], []
    for state in request["states"]:
        if state is not None:
            model.setFloatingSpeciesAmounts(state)
        states.append(list(model.getFloatingSpeciesAmounts()))
        rates.append(list(runner.getRatesOfChange()))
    answer = {
        "ids": model.getFloatingSpeciesIds(),
        "sizes": list(model.getCompartmentVolumes()),
        "parameters": dict(zip(model.getGlobalParameterIds(), model.getGlobalParameterValues(), strict=True)),
        "states": states,
        "rates": rates,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
