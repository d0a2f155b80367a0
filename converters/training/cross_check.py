"""Fitted values run in other simulators, against the same data.

Every experiment is run phase by phase in libRoadRunner and COPASI, from the model as it was read:
folding, binding and integration of this package take no part. Observables, noise and likelihood
are then computed from the reported time courses.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np

from converters.engines.programs import float64
from converters.engines.registry import ENGINES, find_engine
from converters.models import as_folding, as_network
from converters.quantities import symbol_quantities
from converters.time_course import run_time_course
from converters.tolerance import default_atol
from converters.training.chains import Chains, PhaseCourse, value_at
from converters.training.evaluation import evaluate, evaluate_all
from converters.training.predictions import Predictions, predictions
from converters.training.problem import TrainingProblem
from converters.training.train import Fit
from icrn_core.noise import Transformed, noise_terms, on_scale
from icrn_io.errors import ModelIOError

SIMULATORS = ("tellurium", "copasi")
_RTOL = 1e-8


@dataclass(frozen=True)
class ObservableDifference:
    """How far an observable of one engine is from what was fitted.

    Attributes
    ----------
    observable, experiment : str
        The observable, and the experiment where the difference is largest.
    time : float
        Where it is largest.
    relative : float
        ``max |y − y'| / max |y|`` over the measurements of the observable.
    largest : float
        ``max |y|``.
    """

    observable: str
    experiment: str
    time: float
    relative: float
    largest: float


@dataclass(frozen=True)
class EngineCheck:
    """One engine against the fit.

    Attributes
    ----------
    engine : str
        Its name.
    verdict : {"agrees", "differs", "incomplete", "not installed"}
        ``incomplete``: what ran agrees, and something could not be run.
    likelihood, reference : float
        Negative log-likelihood by the engine and by the fit, of the measurements that ran.
    n_compared : int
        Number of these.
    differences : tuple of ObservableDifference
        One for each observable.
    not_run : tuple of (str, str)
        Experiments that could not be run, and why.
    seconds : float
        What the runs took.
    note : str
        What to do where the engine is not installed.
    """

    engine: str
    verdict: str
    likelihood: float = math.nan
    reference: float = math.nan
    n_compared: int = 0
    differences: tuple[ObservableDifference, ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    note: str = ""

    @property
    def worst(self) -> ObservableDifference | None:
        """The observable that differs most, None where nothing ran."""
        return max(self.differences, key=lambda d: d.relative, default=None)


@dataclass(frozen=True)
class CrossCheck:
    """What `cross_check` found.

    Attributes
    ----------
    likelihood : float
        Negative log-likelihood of the fit.
    n_data : int
        Number of measurements.
    tolerance : float
        Largest difference of an observable, relative to its largest value, that agrees.
    likelihood_tolerance : float
        Largest difference of the likelihoods, relative to 1 + |L|, that agrees.
    engines : tuple of EngineCheck
        One for each engine.
    """

    likelihood: float
    n_data: int
    tolerance: float
    likelihood_tolerance: float
    engines: tuple[EngineCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether every engine ran every experiment and agrees."""
        return all(engine.verdict == "agrees" for engine in self.engines)

    @property
    def differs(self) -> bool:
        """Whether some engine disagrees."""
        return any(engine.verdict == "differs" for engine in self.engines)


def installed_engines(names: Sequence[str] = SIMULATORS) -> tuple[str, ...]:
    """Return those of some engines that can be imported here."""
    return tuple(name for name in names if find_spec(find_engine(name).needs) is not None)


def cross_check(
    fit: Fit,
    engines: Sequence[str] = SIMULATORS,
    tolerance: float = 1e-4,
    likelihood_tolerance: float = 1e-3,
    values: Mapping[str, float] | None = None,
) -> CrossCheck:
    """Run fitted values in other simulators and compare observables and likelihood.

    Parameters
    ----------
    fit : Fit
        A fit.
    engines : sequence of str
        Names of simulators.
    tolerance, likelihood_tolerance : float
        See `CrossCheck`.
    values : mapping of str to float, optional
        Values that the simulators get in place of fitted ones, by id.

    Returns
    -------
    CrossCheck
        What an engine cannot run is named there with the reason.

    Raises
    ------
    ModelIOError
        An engine has no such name, or the fit itself cannot be evaluated.
    """
    problem = fit.bound.problem
    ours = predictions(fit)
    fixed = {p.id: p.value for p in problem.parameters if not p.is_fitted}
    judge = _Judge(problem, fit.bound.objective.data, ours, {**fixed, **fit.values, **(values or {})})
    checks = tuple(judge.check(find_engine(name).name, tolerance, likelihood_tolerance) for name in engines)
    total = float(judge.terms(ours.y, np.log(ours.sigma)).sum())
    return CrossCheck(total, len(ours.y), tolerance, likelihood_tolerance, checks)


class _Judge:
    """Runs the experiments in one engine after the other and compares."""

    def __init__(
        self, problem: TrainingProblem, data: Transformed, ours: Predictions, values: Mapping[str, float]
    ) -> None:
        self._problem, self._data, self._ours, self._values = problem, data, ours, values
        network = as_network(problem.model)
        self._quantities = symbol_quantities(network)
        self._folding = as_folding(problem.model)
        self._observables = {observable.id: observable for observable in problem.observables}
        self._atol = default_atol(self._folding)

    def check(self, name: str, tolerance: float, likelihood_tolerance: float) -> EngineCheck:
        """Return how far an engine is from the fit."""
        if not installed_engines((name,)):
            note = f"{name} is not installed here: pip install {ENGINES[name].install}"
            return EngineCheck(name, "not installed", note=note)
        began = time.perf_counter()
        y, sigma, not_run = self._evaluated(name)
        seconds = time.perf_counter() - began
        ran = np.isfinite(y) & np.isfinite(sigma)
        failed = {experiment for experiment, _ in not_run}
        missing = {m.experiment for m, good in zip(self._problem.measurements, ran, strict=True) if not good}
        reasons = [(experiment, "the observables are no numbers") for experiment in sorted(missing - failed)]
        not_run = (*not_run, *reasons)
        with np.errstate(divide="ignore", invalid="ignore"):
            theirs = float(self.terms(y, np.log(sigma))[ran].sum())
        reference = float(self.terms(self._ours.y, np.log(self._ours.sigma))[ran].sum())
        differences = self._differences(y, ran)
        agrees = all(d.relative <= tolerance for d in differences)
        agrees &= abs(theirs - reference) <= likelihood_tolerance * (1 + abs(reference))
        verdict = "differs" if not agrees else "incomplete" if not_run else "agrees"
        return EngineCheck(
            name, verdict, theirs, reference, int(ran.sum()), differences, tuple(not_run), seconds
        )

    def terms(self, y: np.ndarray, log_sigma: np.ndarray) -> np.ndarray:
        """Return −log p of every measurement."""
        with float64():
            z = on_scale(self._data.scale, np.asarray(y, dtype=float))
            return np.asarray(noise_terms(self._data, z, log_sigma))

    def _evaluated(self, name: str) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
        """Return observables and σ of every measurement, NaN where nothing ran, and what did not."""
        simulate = partial(_simulated, self._folding, name, self._atol)
        chains = Chains(self._problem, self._values, simulate)
        members: dict[str, list[int]] = {}
        for position, m in enumerate(self._problem.measurements):
            members.setdefault(m.experiment, []).append(position)
        rows: list[tuple] = []
        order, not_run = [], []
        for experiment in self._problem.experiments:
            own = members.get(experiment.id, [])
            if not own:
                continue
            try:
                times = np.unique([self._problem.measurements[k].time for k in own])
                phases = chains.run(experiment, times)
                found = [row for k in own for row in self._rows(k, phases)]
            except ModelIOError as error:
                not_run.append((experiment.id, str(error)))
                continue
            rows += found
            order += own
        y, sigma = np.full((2, len(self._problem.measurements)), np.nan)
        if rows:
            both = evaluate_all(rows).reshape(-1, 2)
            y[order], sigma[order] = both[:, 0], both[:, 1]
        return y, sigma, not_run

    def _rows(self, position: int, phases: Sequence[PhaseCourse]) -> list[tuple]:
        """Return observable and noise of a measurement as formulas with the values of their ids."""
        m = self._problem.measurements[position]
        observable = self._observables[m.observable]
        given = {
            name: evaluate(x, self._values) for name, x in zip(observable.placeholders, m.given, strict=True)
        }
        reported = value_at(list(phases), m.time, self._quantities)

        rows = []
        for formula in (observable.formula, observable.noise):
            known = {name: given[name] if name in given else reported(name) for name in formula.symbols()}
            rows.append((formula, known.__getitem__, m.time))
        return rows

    def _differences(self, y: np.ndarray, ran: np.ndarray) -> tuple[ObservableDifference, ...]:
        found = []
        for observable in self._problem.observables:
            own = [
                k
                for k, m in enumerate(self._problem.measurements)
                if m.observable == observable.id and ran[k]
            ]
            if not own:
                continue
            gaps, largest = np.abs(y[own] - self._ours.y[own]), float(np.abs(self._ours.y[own]).max())
            at = self._problem.measurements[own[int(np.argmax(gaps))]]
            relative = float(gaps.max() / (largest or 1.0))
            found.append(ObservableDifference(observable.id, at.experiment, at.time, relative, largest))
        return tuple(found)


def _simulated(model, engine: str, atol: float, times: np.ndarray, overrides: Mapping[str, float]):
    return run_time_course(model, times, engine=engine, overrides=overrides, rtol=_RTOL, atol=atol)


def summary_lines(check: CrossCheck) -> list[str]:
    """Return one sentence for each engine."""
    return [_sentence(check, engine) for engine in check.engines]


def _sentence(check: CrossCheck, engine: EngineCheck) -> str:
    if engine.verdict == "not installed":
        return f"not compared: {engine.note}"
    if not engine.n_compared:
        experiment, reason = engine.not_run[0]
        return f"{engine.engine} could not run anything: experiment '{experiment}': {reason}"
    word = {"agrees": "agrees", "differs": "DIFFERS", "incomplete": "agrees where it could run"}
    worst = engine.worst
    text = (
        f"{engine.engine} {word[engine.verdict]}: negative log-likelihood {engine.likelihood:.6g} "
        f"(fit {engine.reference:.6g}) of {engine.n_compared} of {check.n_data} measurements; observables "
        f"within {worst.relative:.1e} of their largest values (worst {worst.observable}, tolerance "
        f"{check.tolerance:g})"
    )
    if engine.not_run:
        names = ", ".join(f"'{name}'" for name, _ in engine.not_run[:5])
        more = f" and {len(engine.not_run) - 5} more" if len(engine.not_run) > 5 else ""
        text += f"; not run: {names}{more}: {engine.not_run[0][1]}"
    return text
