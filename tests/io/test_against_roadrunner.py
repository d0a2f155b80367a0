"""libRoadRunner sees the same initial state, fluxes and rates in a file and in its fresh copy."""

from __future__ import annotations

import math

import pytest
from io_samples import some_files

from icrn_io import format_model, read_model


def _initial_values(roadrunner, sbml: str) -> dict[str, float]:
    engine = roadrunner.RoadRunner(sbml)
    model = engine.model
    species = [*model.getFloatingSpeciesIds(), *model.getBoundarySpeciesIds()]
    names = [*species, *(f"[{s}]" for s in species), *model.getReactionIds(), *model.getCompartmentIds()]
    values = {name: engine.getValue(name) for name in names}
    # The state: floating species and variables with a rate rule, in an order of the engine's own.
    return values | {f"rate {i}": rate for i, rate in enumerate(engine.getRatesOfChange())}


def test_initial_values(data_dir) -> None:
    """Amounts, concentrations, sizes, fluxes and rates of change agree to the last digits."""
    roadrunner = pytest.importorskip("roadrunner", reason="libRoadRunner is not installed")
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_CRITICAL)
    files = [path for path in some_files(data_dir, 0) if "biomodels" in str(path)]
    compared = 0
    for path in files[::12]:
        network = read_model(path)
        if any(reaction.is_fast for reaction in network.reactions):
            continue  # libRoadRunner refuses fast reactions
        original = _initial_values(roadrunner, path.read_text(encoding="utf-8"))
        fresh = _initial_values(roadrunner, format_model(network, fresh=True).decode())
        assert original.keys() == fresh.keys()
        for name, value in original.items():
            both_nan = math.isnan(value) and math.isnan(fresh[name])
            same = both_nan or math.isclose(fresh[name], value, rel_tol=1e-12)
            assert same, f"{path.name}: {name} is {fresh[name]}, was {value}"
        compared += 1
    assert compared >= 15
