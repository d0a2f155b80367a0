"""The runs that the measurements of a problem need, as stages of an objective.

An experiment is a chain of phases; each is a run that goes on from the end of the one before.
Phases that are equal, with all before them, are one run. A phase with measurements at infinite
time is one more run, to the steady state, as a pre-equilibration is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from converters.engines.icrn import joined
from converters.folding import Folding
from converters.models import as_network
from converters.training.pool import Pool
from converters.training.problem import Experiment, Measurement, TrainingProblem
from icrn_core.objective import Stage
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression
from icrn_io.network import Network

if TYPE_CHECKING:
    from converters.training.binding import _Places

# How long the way to a steady state may be, in the model's unit of time.
_LONG = 1e8


@dataclass(eq=False)
class _Run:
    """One run; handles of the pool by position. A run to the steady state ends at infinity."""

    level: int
    previous: int
    params: dict[int, int]
    values: dict[int, int]
    start: float
    is_steady: bool
    times: set[float] = field(default_factory=set)


class Runs:
    """Collects the runs of a problem.

    Parameters
    ----------
    problem : TrainingProblem
        The problem.
    folding : Folding
        Its model, folded.
    places : _Places
        Where ids stand.
    pool : Pool
        What runs name.
    defaults : mapping of str to Expression
        What ids are where an experiment does not set them though others do.
    """

    def __init__(
        self,
        problem: TrainingProblem,
        folding: Folding,
        places: _Places,
        pool: Pool,
        defaults: Mapping[str, Expression],
    ) -> None:
        self._places, self._pool = places, pool
        self._own_steady: dict[int, int] = {}
        self._params = pool.numbers(joined(folding.icrn.constants, folding.values))
        self._values = pool.numbers(joined(folding.icrn.species, folding.values))
        self._elsewhere: dict[tuple[str, int, str], int] = {}
        self._numbers = _plain_numbers(as_network(problem.model))
        common = {p.id: pool.parameter(p.id) for p in problem.parameters}
        self._runs: list[_Run] = []
        self._keys: dict[tuple, int] = {}
        self._starts = {e.id: [phase.start for phase in e.phases] for e in problem.experiments}
        self._chains = {e.id: self._chain(e, common, defaults) for e in problem.experiments}

    def _chain(
        self, experiment: Experiment, common: Mapping[str, int], defaults: Mapping[str, Expression]
    ) -> list[int]:
        """Return the runs of an experiment, one for each phase."""
        given = dict(common)
        chain, previous = [], -1
        for level, phase in enumerate(experiment.phases):
            changes = {name: self._pool.expression(x) for name, x in phase.changes.items()}
            if level == 0:
                missing = {
                    n: self._default(x, {**given, **changes}) for n, x in defaults.items() if n not in changes
                }
                changes = {**missing, **changes}
            given.update(changes)
            end = self._starts[experiment.id][level + 1] if level + 1 < len(experiment.phases) else None
            run = self._run(level, previous, given if level == 0 else changes, given, (phase.start, end))
            for name, handle in given.items():
                self._elsewhere[experiment.id, level, name] = handle
            chain.append(run)
            previous = run
        return chain

    def _default(self, formula: Expression, given: Mapping[str, int]) -> int:
        # Only what the problem itself sets can be named here; the rest is a number of the model.
        return self._pool.formula(formula, lambda name: given.get(name, self._number(name)))

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            raise ModelIOError(f"the initial assignment that sets '{name}' cannot be told apart by condition")
        return self._pool.number(self._numbers[name])

    def _run(
        self,
        level: int,
        previous: int,
        changes: Mapping[str, int],
        given: Mapping[str, int],
        span: tuple[float, float | None],
    ) -> int:
        """Return the run of a phase; it ends where the next one begins, if there is one."""
        params, values = {}, {}
        for name, handle in given.items():
            kind, position = self._places.find(name) or ("", 0)
            if kind == "param":
                params[position] = handle
            elif kind == "state" and name in changes:
                values[position] = handle
            elif kind == "assigned":
                raise ModelIOError(f"'{name}' cannot be set: a rule gives its value at all times")
        start, end = span
        is_steady = start == -math.inf
        key = (
            level,
            previous,
            tuple(params.items()),
            tuple(values.items()),
            start,
            None if is_steady else end,
        )
        if key not in self._keys:
            self._keys[key] = len(self._runs)
            run = _Run(level, previous, params, values, 0.0 if is_steady else start, is_steady)
            if is_steady:
                run.times = {_LONG}
            elif end is not None:
                run.times = {end}
            self._runs.append(run)
        return self._keys[key]

    def _steady(self, run: int) -> int:
        """Return the run that begins as another one does and goes to the steady state."""
        if self._runs[run].is_steady:
            return run
        if run not in self._own_steady:
            self._own_steady[run] = len(self._runs)
            self._runs.append(replace(self._runs[run], is_steady=True, times={_LONG}))
        return self._own_steady[run]

    def phase(self, measurement: Measurement) -> int:
        """Return the number of the phase that a measurement belongs to, the later one at its start."""
        starts = self._starts[measurement.experiment]
        begun = [k for k, start in enumerate(starts) if start <= measurement.time and start > -math.inf]
        if not begun:
            raise ModelIOError(
                f"a measurement of '{measurement.observable}' is at time {measurement.time}, before "
                f"experiment '{measurement.experiment}' begins"
            )
        return begun[-1]

    def unplaced(self, measurement: Measurement, name: str) -> int:
        """Return the handle of an id that no law of the model reads."""
        key = (measurement.experiment, self.phase(measurement), name)
        if key in self._elsewhere:
            return self._elsewhere[key]
        if name in self._pool:
            return self._pool.parameter(name)
        return self._number(name)

    def samples(self, measurements: Iterable[Measurement]) -> tuple[np.ndarray, np.ndarray]:
        """Return the run and output time of every sampled state, and the sample of each measurement."""
        wanted = []
        for m in measurements:
            run = self._chains[m.experiment][self.phase(m)]
            if math.isinf(m.time):
                wanted.append((self._steady(run), _LONG))
                continue
            self._runs[run].times.add(m.time)
            wanted.append((run, m.time))
        self._order = sorted(range(len(self._runs)), key=self._stage_of)
        rank = {run: position for position, run in enumerate(self._order)}
        moments = [{t: k for k, t in enumerate(sorted(run.times))} for run in self._runs]
        pairs = list(dict.fromkeys(wanted))
        index = {pair: k for k, pair in enumerate(pairs)}
        table = np.array([(rank[run], moments[run][time]) for run, time in pairs], dtype=int).reshape(-1, 2)
        return table, np.array([index[pair] for pair in wanted], dtype=int)

    def stages(self) -> tuple[Stage, ...]:
        """Return the runs by level; to be called after `samples`, when the pool is complete."""
        rank = {run: position for position, run in enumerate(self._order)}
        kinds = sorted({self._stage_of(k) for k in self._order})
        return tuple(
            self._stage([k for k in self._order if self._stage_of(k) == kind], rank) for kind in kinds
        )

    def _stage_of(self, run: int) -> tuple[int, bool]:
        return self._runs[run].level, self._runs[run].is_steady

    def _stage(self, members: list[int], rank: Mapping[int, int]) -> Stage:
        runs = [self._runs[k] for k in members]
        params = np.repeat(self._params[:, None], len(runs), axis=1)
        values = np.repeat(self._values[:, None], len(runs), axis=1)
        is_set = np.zeros(values.shape, dtype=bool)
        is_steady = runs[0].is_steady
        n_times = 2 if is_steady else max(max(len(run.times) for run in runs), 1)
        times = np.zeros((n_times, len(runs)))
        for column, run in enumerate(runs):
            for position, handle in run.params.items():
                params[position, column] = handle
            for position, handle in run.values.items():
                values[position, column] = handle
                is_set[position, column] = True
            own = [_LONG / 10, _LONG] if is_steady else sorted(run.times) or [run.start]
            times[:, column] = [*own, *[own[-1]] * (n_times - len(own))]
            is_set[:, column] |= run.previous < 0
        previous = np.array([rank[run.previous] if run.previous >= 0 else -1 for run in runs])
        return Stage(
            self._pool.resolve(params),
            self._pool.resolve(values),
            is_set,
            previous,
            times,
            np.array([run.start for run in runs]),
            is_steady,
        )


def _plain_numbers(network: Network) -> dict[str, float]:
    """Return the values of parameters and compartments that are numbers of the file and nothing else."""
    given = {p.id: p.value for p in network.parameters} | {c.id: c.size for c in network.compartments}
    computed = {a.variable for a in network.initial_assignments} | {r.variable for r in network.rules}
    return {name: value for name, value in given.items() if value is not None and name not in computed}
