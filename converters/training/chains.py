"""Experiments of a problem in any simulator: phases run one after the other by `run_time_course`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from converters.models import as_network
from converters.quantities import symbol_quantities
from converters.time_course import TimeCourse
from converters.training.evaluation import evaluate
from converters.training.problem import Experiment, Phase, TrainingProblem
from icrn_io.errors import ModelIOError, UnsupportedFeatureError
from icrn_io.network import Network, RateRule

# How long a run lasts that stands for a steady state, in the model's unit of time.
_LONG = 1e8

# Times and overrides in, a time course from time 0 out.
Simulator = Callable[[np.ndarray, Mapping[str, float]], TimeCourse]


@dataclass(frozen=True, eq=False)
class PhaseCourse:
    """What a simulator reported of one phase.

    Attributes
    ----------
    start : float
        When it begins; ``-inf`` for a pre-equilibration.
    course : TimeCourse
        Its times count from the beginning of the phase.
    given : mapping of str to float
        Ids that the problem sets, with their values in this phase.
    """

    start: float
    course: TimeCourse
    given: Mapping[str, float]


class Chains:
    """Runs the experiments of a problem; equal runs are made once.

    Parameters
    ----------
    problem : TrainingProblem
        The problem.
    values : mapping of str to float
        Values of all parameters of the problem.
    simulate : callable
        Runs the model of the problem.
    """

    def __init__(self, problem: TrainingProblem, values: Mapping[str, float], simulate: Simulator) -> None:
        self._values, self._simulate = values, simulate
        self._network = as_network(problem.model)
        self._quantities = symbol_quantities(self._network)
        elements = (*self._network.compartments, *self._network.species, *self._network.parameters)
        self._elements = {element.id for element in elements}
        self._made: dict[tuple, TimeCourse] = {}

    def run(self, experiment: Experiment, times: np.ndarray) -> list[PhaseCourse]:
        """Return the phases of an experiment, each with the times asked for that lie in it.

        Parameters
        ----------
        times : (n_times,) float
            Ascending; ``inf`` for the steady state.

        Raises
        ------
        ModelIOError
            The simulator failed or refused the model.
        """
        if experiment.phases[0].start > 0:
            raise UnsupportedFeatureError(
                "an experiment that begins after time 0", experiment.id, "simulators begin there"
            )
        given, phases = dict(self._values), []
        course: TimeCourse | None = None
        starts = [phase.start for phase in experiment.phases]
        for k, (phase, end) in enumerate(zip(experiment.phases, [*starts[1:], math.inf], strict=True)):
            self._refuse_shifted_time(phase)
            changes = {name: evaluate(x, self._values) for name, x in phase.changes.items()}
            given.update(changes)
            overrides = {name: x for name, x in given.items() if name in self._elements and np.isfinite(x)}
            if course is not None:
                overrides = {**self._carried(course, overrides), **self._only_set(overrides, changes)}
            grid = _local_times(phase, times, end, is_last=k + 1 == len(starts))
            course = self._course(grid, overrides)
            phases.append(PhaseCourse(phase.start, course, dict(given)))
        return phases

    def _course(self, grid: np.ndarray, overrides: Mapping[str, float]) -> TimeCourse:
        key = (grid.tobytes(), tuple(sorted(overrides.items())))
        if key not in self._made:
            self._made[key] = self._simulate(grid, overrides)
        return self._made[key]

    def _only_set(self, overrides: Mapping[str, float], changes: Mapping[str, float]) -> dict[str, float]:
        """Return what a later phase sets: constants as before, what moves only where it changes."""
        moving = {*self._quantities, *(r.variable for r in self._network.rules if isinstance(r, RateRule))}
        return {name: x for name, x in overrides.items() if name not in moving or name in changes}

    def _carried(self, course: TimeCourse, overrides: Mapping[str, float]) -> dict[str, float]:
        """Return the values at the end of a run, in the units of the ids, that the next begins with."""
        ruled = {getattr(rule, "variable", "") for rule in self._network.rules}
        moved = {rule.variable for rule in self._network.rules if isinstance(rule, RateRule)}
        carried = {}
        for species in self._network.species:
            if species.id in ruled - moved:
                continue
            amount = course.amounts[species.id][-1]
            size = overrides.get(species.compartment)
            if size is None and self._quantities[species.id] == "concentration":
                carried[species.id] = float(course.concentrations[species.id][-1])
            else:
                is_amount = self._quantities[species.id] == "amount"
                carried[species.id] = float(amount if is_amount else amount / size)
        for name in moved - set(self._quantities):
            carried[name] = float(course.values[name][-1])
        return carried

    def _refuse_shifted_time(self, phase: Phase) -> None:
        if math.isfinite(phase.start) and phase.start > 0 and _reads_time(self._network):
            raise UnsupportedFeatureError(
                "a law that names the time", f"phase from {phase.start:g}", "simulators begin at time 0"
            )


def _local_times(phase: Phase, times: np.ndarray, end: float, is_last: bool) -> np.ndarray:
    """Return the times of a phase from its beginning on, its end included where another follows."""
    if math.isinf(phase.start):
        return np.array([_LONG])
    inside = times[(times >= phase.start) & ((times < end) | is_last)]
    own = np.where(np.isfinite(inside), inside, _LONG) - phase.start
    return (
        np.unique(own if is_last else [*own, end - phase.start]) if len(own) or not is_last else np.zeros(1)
    )


def _reads_time(network: Network) -> bool:
    laws = [reaction.kinetic_law for reaction in network.reactions]
    laws += [getattr(rule, "math", None) for rule in network.rules]
    return any("time" in law.operators() for law in laws if law is not None)


def value_at(phases: list[PhaseCourse], time: float, quantities: Mapping[str, str]) -> Callable[[str], float]:
    """Return what gives the value of an id at a time of an experiment; ids stand for what they do in SBML."""
    phase = [p for p in phases if p.start <= time][-1]
    local = time - phase.start if math.isfinite(time) else _LONG
    at = int(np.searchsorted(phase.course.times, local))
    course = phase.course

    def find(name: str) -> float:
        if name in quantities:
            table = course.amounts if quantities[name] == "amount" else course.concentrations
            return float(table[name][at])
        if name in course.values:
            return float(course.values[name][at])
        if name in phase.given:
            return float(phase.given[name])
        raise ModelIOError(f"'{name}' is not reported")

    return find
