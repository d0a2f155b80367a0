"""Stochastic runs of models, beside libRoadRunner's."""

from __future__ import annotations

import numpy as np
import pytest

import converters
from icrn_io import format_model, read_model
from icrn_io.errors import ModelIOError

TIMES = np.linspace(0.0, 50.0, 6)
N_RUNS = 4000
# Birth and death, and dimerization, as models of this kind are written in the stochastic suite.
MODELS = {
    "birth and death": "model m; X = 100; B: -> X; 0.1*X; D: X -> ; 0.11*X; end",
    "immigration and death": "model m; X = 0; B: -> X; 1; D: X -> ; 0.1*X; end",
    "dimerization": "model m; P = 100; Q = 0; A: P + P -> Q; 0.001*P*(P-1)/2; B: Q -> P + P; 0.01*Q; end",
    "batch": "model m; X = 0; B: -> 5 X; 1; D: X -> ; 0.2*X; end",
    "reversible": "model m; A = 60; B = 0; R: A -> B; 0.1*A - 0.05*B; end",
}


@pytest.mark.parametrize("name", MODELS)
def test_moments_are_those_of_libroadrunner(name, tmp_path):
    roadrunner = pytest.importorskip("roadrunner", reason="libRoadRunner is not installed")
    path = tmp_path / "m.ant"
    path.write_text(MODELS[name])
    runs = converters.run_stochastic(path, TIMES, n_runs=N_RUNS)
    model = MODELS[name].replace("R: A -> B; 0.1*A - 0.05*B", "R: A -> B; 0.1*A; S: B -> A; 0.05*B")
    runner = roadrunner.RoadRunner(format_model(read_model(model)).decode())
    runner.setIntegrator("gillespie")
    runner.integrator.seed = 5
    runner.integrator.variable_step_size = False
    for species, counts in runs.counts.items():
        others = []
        for _ in range(N_RUNS):
            runner.reset()
            others.append(runner.simulate(0, TIMES[-1], len(TIMES), [species])[:, 0])
        others = np.array(others)
        error = np.sqrt((others.var(axis=0) + counts.var(axis=0)) / N_RUNS) + 1e-12
        assert (np.abs(counts.mean(axis=0) - others.mean(axis=0)) < 4.5 * error).all()
        np.testing.assert_allclose(counts.var(axis=0), others.var(axis=0), rtol=0.15, atol=1e-12)


def test_a_time_course_can_be_one_run(tmp_path):
    path = tmp_path / "m.ant"
    path.write_text(
        "model m; compartment C = 2; species $E in C; substanceOnly species X in C = 100;"
        "D: X -> ; 0.1*X; E = 3; end"
    )
    course = converters.run_time_course(path, TIMES, method="ssa", seed=3)
    assert course.amounts["X"][0] == 100
    assert (np.diff(course.amounts["X"]) <= 0).all()
    np.testing.assert_array_equal(course.concentrations["X"], course.amounts["X"] / 2)
    np.testing.assert_array_equal(
        course.amounts["X"], converters.run_stochastic(path, TIMES, seed=3).counts["X"][0]
    )
    larger = converters.run_time_course(path, TIMES, method="ssa", seed=3, overrides={"C": 5.0})
    np.testing.assert_array_equal(larger.concentrations["X"], larger.amounts["X"] / 5)
    with pytest.raises(ModelIOError, match="engine 'icrn'"):
        converters.run_time_course(path, TIMES, method="ssa", engine="copasi")
    with pytest.raises(ModelIOError, match="'gillespie'"):
        converters.run_time_course(path, TIMES, method="gillespie")
    with pytest.raises(ModelIOError, match="whole numbers"):
        converters.run_time_course(path, TIMES, method="ssa", overrides={"X": 0.5})
