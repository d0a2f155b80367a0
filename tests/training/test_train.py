"""Fits: known values found, runs that are broken off go on to the same result, trust."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fit_in_a_process import slow_options
from training_problems import chain_problem, exact_chain

from converters.enumerate import enumerate_network
from converters.export import write_network
from converters.training.binding import bind
from converters.training.problem import FitParameter
from converters.training.results import fit_record, fitted_model
from converters.training.train import TrainingOptions, train
from converters.training.trust import exact_fits
from icrn_core.errors import IcrnError
from icrn_core.multistart import FitOptions, Start, StartCode, draw_starts, fit
from icrn_io import read_model
from icrn_io.errors import ModelIOError
from icrn_io.expression import apply, number, symbol

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def whole():
    """The fit that others are compared with, not broken off."""
    return train(chain_problem(seed=1), slow_options(None))


def test_known_values_are_found_in_exact_data():
    found = train(chain_problem(), TrainingOptions(n_starts=3, fit=FitOptions(hops=0)))
    # k1 and k2 of a chain can change places in no way here: the doses tell them apart.
    assert found.values == pytest.approx({"k1": 0.7, "k2": 0.3}, rel=1e-4)
    assert found.is_trained
    assert found.likelihood == pytest.approx(10 * np.log(0.01 * np.sqrt(2 * np.pi)), abs=1e-4)


def test_loss_is_that_of_the_exact_solution(whole):
    problem = whole.bound.problem
    doses = {"low": 0.5, "high": 2.0}
    residuals = [
        (m.value - exact_chain(m.time, whole.values["k1"], whole.values["k2"], doses[m.experiment])) / 0.01
        for m in problem.measurements
    ]
    expected = 0.5 * np.sum(np.square(residuals)) + 10 * np.log(0.01 * np.sqrt(2 * np.pi))
    assert whole.loss == pytest.approx(expected, rel=1e-5)


def same_result(found, expected) -> None:
    """Every start ended where it would have, at the same loss."""
    mine, theirs = ({s.number: s for s in f.starts} for f in (found, expected))
    for k, start in theirs.items():
        assert mine[k].code == start.code
        np.testing.assert_allclose(mine[k].best, start.best, rtol=0, atol=1e-10)
        np.testing.assert_allclose(mine[k].history, start.history, rtol=1e-10, atol=1e-10)


def test_interrupted_fit_goes_on_to_the_same_result(whole, tmp_path):
    path = str(tmp_path / "fit.checkpoint.json")
    rounds = []

    def interrupt(starts):
        rounds.append(None)
        if len(rounds) == 6:
            raise KeyboardInterrupt

    first = train(chain_problem(seed=1), slow_options(path), interrupt)
    assert first.was_interrupted
    assert any(start.code is StartCode.WAITING for start in first.starts)
    assert np.isfinite(first.loss)
    same_result(train(chain_problem(seed=1), slow_options(path, resume=True)), whole)


def test_killed_fit_goes_on_to_the_same_result(whole, tmp_path):
    path = tmp_path / "fit.checkpoint.json"
    with subprocess.Popen(
        [sys.executable, str(HERE / "fit_in_a_process.py"), str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])},
    ) as process:
        deadline = time.monotonic() + 120
        while not (
            path.exists() and sum(len(s["history"]) for s in json.loads(path.read_text())["starts"]) > 8
        ):
            assert process.poll() is None, "the fit ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    kept = json.loads(path.read_text())  # whole, whenever the process died
    assert any(start["code"] == StartCode.WAITING for start in kept["starts"])
    same_result(train(chain_problem(seed=1), slow_options(str(path), resume=True)), whole)


def test_checkpoint_of_another_fit_is_refused(tmp_path):
    path = str(tmp_path / "fit.checkpoint.json")
    options = replace(slow_options(path), n_starts=1, fit=FitOptions(hops=0, max_iterations=2))
    train(chain_problem(seed=1), options)
    with pytest.raises(ModelIOError, match="another model, other data, bounds"):
        train(chain_problem(seed=2), replace(options, resume=True))
    problem = chain_problem(seed=1)
    (reaction, *others), network = problem.model.reactions, problem.model
    twice = replace(reaction, kinetic_law=apply("times", (number(2.0), reaction.kinetic_law)))
    faster = replace(problem, model=replace(network, reactions=(twice, *others)))
    (observable, *more) = problem.observables
    squared = replace(observable, formula=apply("power", (observable.formula, number(2.0))))
    for other in (faster, replace(problem, observables=(squared, *more))):
        with pytest.raises(ModelIOError, match="another model, other data, bounds"):
            train(other, replace(options, resume=True))
    Path(path).write_text("no json")
    with pytest.raises(ModelIOError, match="no checkpoint"):
        train(chain_problem(seed=1), replace(options, resume=True))


def test_workers_give_the_set_of_optima_of_one_process(whole):
    pytest.importorskip("distributed", reason="needs the extra 'cluster'")
    found = train(chain_problem(seed=1), replace(slow_options(None), workers=2))
    assert sorted(s.number for s in found.starts) == [0, 1, 2, 3]
    np.testing.assert_allclose(
        [s.best_loss for s in found.starts], [s.best_loss for s in whole.starts], rtol=1e-5
    )


def test_worker_that_dies_has_its_starts_run_again(whole):
    distributed = pytest.importorskip("distributed", reason="needs the extra 'cluster'")
    killed = []

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:

        def kill_one(starts):
            # The first results have come in: tasks are still on the way to both workers.
            if not killed:
                with distributed.Client(cluster, set_as_default=False) as client:
                    pids = client.run(os.getpid)
                killed.append(next(iter(pids.values())))
                os.kill(killed[0], signal.SIGKILL)

        options = replace(slow_options(None), cluster=cluster.scheduler_address)
        found = train(chain_problem(seed=1), options, kill_one)
    assert killed
    assert sorted(s.number for s in found.starts) == [0, 1, 2, 3]
    assert all(s.code is not StartCode.WAITING for s in found.starts)
    np.testing.assert_allclose(
        [s.best_loss for s in found.starts], [s.best_loss for s in whole.starts], rtol=1e-5
    )


def test_fitted_values_are_in_the_model_and_its_document(whole, tmp_path):
    target = tmp_path / "fitted.xml"
    write_network(enumerate_network(fitted_model(whole)), str(target))
    written = {p.id: p.value for p in read_model(target).parameters}
    assert written["k1"] == whole.values["k1"]
    assert written["k2"] == whole.values["k2"]
    assert written["dose"] == 1.0


def test_record_is_plain_json_with_every_start(whole):
    record = json.loads(json.dumps(fit_record(whole), allow_nan=False))
    assert [p["id"] for p in record["parameters"]] == ["k1", "k2"]
    assert len(record["starts"]) == 4
    assert record["is_trained"]


def test_failed_points_are_counted_and_never_end_a_fit():
    # Growth without bounds: most of the box cannot be simulated to the last time.
    problem = chain_problem()
    text = "model m\n species A\n A = 1\n k = 0.1; b = 1\n A => A + A; k*A^(1 + b)\nend"
    problem = replace(
        problem,
        model=read_model(text),
        parameters=tuple(
            replace(p, id=name, lower=1e-3, upper=1e2)
            for p, name in zip(problem.parameters, ("k", "b"), strict=True)
        ),
        experiments=tuple(
            replace(e, phases=(replace(e.phases[0], changes={}),)) for e in problem.experiments
        ),
        observables=(
            replace(
                problem.observables[0],
                formula=symbol("A"),
            ),
        ),
        measurements=tuple(replace(m, value=1 / (1 - 0.05 * m.time)) for m in problem.measurements),
    )
    found = train(problem, TrainingOptions(n_starts=6, seed=1, fit=FitOptions(hops=1)))
    assert sum(start.n_failed for start in found.starts) > 0
    assert all(np.isfinite(start.best_loss) for start in found.starts)
    assert found.values == pytest.approx({"k": 0.05, "b": 1.0}, rel=1e-3)


def test_starts_outside_bounds_are_refused():
    bound = bind(chain_problem())
    start = np.array([-5.0, 0.0])
    with pytest.raises(IcrnError, match="outside its bounds"):
        fit(bound.objective, bound.lower, bound.upper, [Start(0, start, start)])


@pytest.mark.parametrize("method", ["latin-hypercube", "sobol", "uniform"])
def test_starts_are_drawn_within_bounds_and_again_the_same(method):
    lower, upper = np.array([-1.0, 2.0]), np.array([0.0, 5.0])
    a, b = (draw_starts(lower, upper, 8, 5, method) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert (a >= lower).all() and (a <= upper).all()
    assert not np.array_equal(a, draw_starts(lower, upper, 8, 6, method))


def test_problem_without_parameters_or_bounds_is_refused():
    problem = chain_problem()
    with pytest.raises(ModelIOError, match="no parameter is to be fitted"):
        train(replace(problem, parameters=()))
    endless = tuple(replace(p, upper=float("inf")) for p in problem.parameters)
    with pytest.raises(ModelIOError, match="'k1' has no finite bounds"):
        train(replace(problem, parameters=endless))


def test_interrupt_before_a_point_is_found_is_no_failure_of_the_model(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("converters.training.train._run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(chain_problem(), TrainingOptions(n_starts=2))


def test_sobol_points_of_any_number_come_without_warnings(recwarn):
    points = draw_starts(np.zeros(2), np.ones(2), 5, 0, "sobol")
    assert points.shape == (5, 2) and not recwarn.list


def test_noise_at_its_lower_bound_is_told():
    problem = chain_problem()
    problem = replace(
        problem,
        parameters=(*problem.parameters, FitParameter("sd", 0.1, scale="log10", lower=1e-4, upper=1.0)),
        observables=(replace(problem.observables[0], noise=symbol("sd")),),
    )
    (sentence,) = exact_fits(train(problem, TrainingOptions(n_starts=2, fit=FitOptions(hops=0))))
    assert "'sd' lies at its lower bound" in sentence


def test_noise_that_data_determine_is_not_told(whole):
    assert exact_fits(whole) == []
