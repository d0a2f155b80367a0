"""Steady states of real models are where libRoadRunner finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converters import fold_network
from icrn_core import SteadyCode, compile_icrn, steady_state
from icrn_io import format_model, read_model

SHIPPED = Path(__file__).parents[2] / "models"
# Enzymes and cascades with totals (27, 258), open systems (54, 413, 485).
SOLVED = (27, 54, 258, 413, 485)


@pytest.fixture(scope="module")
def roadrunner():
    module = pytest.importorskip("roadrunner", reason="libRoadRunner is not installed")
    module.Logger.setLevel(module.Logger.LOG_CRITICAL)
    return module


def search(network):
    """Return the steady state, and its amounts by species id."""
    folding = fold_network(network)
    species = {base.name for base in folding.icrn.species}
    constants = {base.name for base in folding.icrn.constants}
    values = {name: tensor for name, tensor in folding.values.items() if name in species}
    params = {name: tensor for name, tensor in folding.values.items() if name in constants}
    found = steady_state(compile_icrn(folding.icrn), values, params, max_steps=20_000)
    amounts = {
        element: float(value)
        for base in folding.icrn.species
        if base.state_unit == "amount"
        for element, value in zip(
            folding.identity.entries[base.name], np.ravel(found.state[base.name]), strict=True
        )
    }
    return found, amounts


def compare(engine, amounts):
    """Compare amounts with the engine's present ones, by floating species."""
    names = [name for name in engine.model.getFloatingSpeciesIds() if name in amounts]
    assert names
    theirs = {name: engine.getValue(name) for name in names}
    size = max(map(abs, theirs.values()))
    for name in names:
        assert amounts[name] == pytest.approx(theirs[name], rel=1e-6, abs=1e-9 * size), name


@pytest.mark.parametrize("number", SOLVED)
def test_biomodels(data_dir, roadrunner, number):
    """Its root finder, and a long run of its integrator."""
    path = data_dir / "biomodels" / f"BIOMD{number:010d}.xml"
    found, amounts = search(read_model(path))
    found.check()
    engine = roadrunner.RoadRunner(str(path))
    engine.conservedMoietyAnalysis = True
    engine.steadyState()
    compare(engine, amounts)
    compare(long_run(roadrunner, str(path)), amounts)


@pytest.mark.parametrize("name", ["phosphorelay.xml", "hopfield.xml", "gene_network.xml"])
def test_shipped_models(roadrunner, name):
    network = read_model(SHIPPED / name)
    found, amounts = search(network)
    found.check()
    compare(long_run(roadrunner, format_model(network).decode()), amounts)


def long_run(roadrunner, source):
    """Return the engine after a run to t = 1e6."""
    engine = roadrunner.RoadRunner(source)
    engine.getIntegrator().setValue("relative_tolerance", 1e-10)
    engine.getIntegrator().setValue("absolute_tolerance", 1e-14)
    engine.simulate(0, 1e6, 2)
    return engine


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("repressilator.ant", SteadyCode.NOT_REACHED),  # oscillates
        ("seesaw_cascade.xml", SteadyCode.NOT_DETERMINED),  # ends when its fuel is used up
    ],
)
def test_what_has_none_is_refused(name, code):
    found, _ = search(read_model(SHIPPED / name))
    assert SteadyCode(int(found.result)) == code
