"""The runs that the measurements of a problem need, as stages of an objective.

An experiment is a chain of phases; each is a run that goes on from the end of the one before.
Phases that are equal, with all before them, are one run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from converters.engines.icrn import joined
from converters.folding import Folding
from converters.training.pool import Pool
from converters.training.problem import Experiment, Measurement, Phase, TrainingProblem
from icrn_core.objective import Stage
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression

if TYPE_CHECKING:
    from converters.training.binding import _Places

# How long a pre-equilibration may take, in the model's unit of time.
_LONG = 1e8


@dataclass(eq=False)
class _Run:
    """One run; handles of the pool by position."""

    level: int
    previous: int
    params: dict[int, int]
    values: dict[int, int]
    start: float
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
        self._params = pool.numbers(joined(folding.icrn.constants, folding.values))
        self._values = pool.numbers(joined(folding.icrn.species, folding.values))
        self._elsewhere: dict[tuple[str, str], int] = {}
        self._numbers = _plain_numbers(folding)
        common = {p.id: pool.parameter(p.id) for p in problem.parameters}
        self._runs: list[_Run] = []
        self._keys: dict[tuple, int] = {}
        self._chains = {e.id: self._chain(e, common, defaults) for e in problem.experiments}
        self._starts = {e.id: [phase.start for phase in e.phases] for e in problem.experiments}

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
            run = self._run(level, previous, given if level == 0 else changes, given, phase)
            for name, handle in given.items():
                self._elsewhere[experiment.id, name] = handle
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
        self, level: int, previous: int, changes: Mapping[str, int], given: Mapping[str, int], phase: Phase
    ) -> int:
        params, values = {}, {}
        for name, handle in given.items():
            kind, position = self._places.find(name) or ("", 0)
            if kind == "param":
                params[position] = handle
            elif kind == "state" and name in changes:
                values[position] = handle
            elif kind == "assigned":
                raise ModelIOError(f"'{name}' cannot be set: a rule gives its value at all times")
        start = 0.0 if math.isinf(phase.start) else phase.start
        key = (level, previous, tuple(params.items()), tuple(values.items()), phase.start)
        if key not in self._keys:
            self._keys[key] = len(self._runs)
            self._runs.append(_Run(level, previous, params, values, start))
            if math.isinf(phase.start):
                self._runs[-1].times.add(_LONG)
        return self._keys[key]

    def unplaced(self, experiment: str, name: str) -> int:
        """Return the handle of an id that no law of the model reads."""
        if (experiment, name) in self._elsewhere:
            return self._elsewhere[experiment, name]
        if name in self._pool:
            return self._pool.parameter(name)
        return self._number(name)

    def samples(self, measurements: Iterable[Measurement]) -> tuple[np.ndarray, np.ndarray]:
        """Return the run and output time of every sampled state, and the sample of each measurement."""
        wanted = []
        for m in measurements:
            starts, chain = self._starts[m.experiment], self._chains[m.experiment]
            if m.time < max(starts[0], 0.0):
                raise ModelIOError(
                    f"a measurement of '{m.observable}' is at time {m.time}, before experiment "
                    f"'{m.experiment}' begins"
                )
            k = max(k for k, start in enumerate(starts) if start <= m.time)
            time = m.time if math.isfinite(m.time) else _LONG
            self._runs[chain[k]].times.add(time)
            wanted.append((chain[k], time))
        for starts, chain in zip(self._starts.values(), self._chains.values(), strict=True):
            for run, following in zip(chain, starts[1:], strict=False):
                if math.isfinite(self._runs[run].start) and not self._runs[run].times & {_LONG}:
                    self._runs[run].times.add(following)
        self._order = sorted(range(len(self._runs)), key=lambda k: self._runs[k].level)
        rank = {run: position for position, run in enumerate(self._order)}
        moments = [{t: k for k, t in enumerate(sorted(run.times))} for run in self._runs]
        pairs = list(dict.fromkeys(wanted))
        index = {pair: k for k, pair in enumerate(pairs)}
        table = np.array([(rank[run], moments[run][time]) for run, time in pairs], dtype=int).reshape(-1, 2)
        return table, np.array([index[pair] for pair in wanted], dtype=int)

    def stages(self) -> tuple[Stage, ...]:
        """Return the runs by level; to be called after `samples`, when the pool is complete."""
        rank = {run: position for position, run in enumerate(self._order)}
        levels = sorted({run.level for run in self._runs})
        return tuple(self._stage([k for k in self._order if self._runs[k].level == n], rank) for n in levels)

    def _stage(self, members: list[int], rank: Mapping[int, int]) -> Stage:
        runs = [self._runs[k] for k in members]
        params = np.repeat(self._params[:, None], len(runs), axis=1)
        values = np.repeat(self._values[:, None], len(runs), axis=1)
        is_set = np.zeros(values.shape, dtype=bool)
        n_times = max(max(len(run.times) for run in runs), 1)
        times = np.zeros((n_times, len(runs)))
        for column, run in enumerate(runs):
            for position, handle in run.params.items():
                params[position, column] = handle
            for position, handle in run.values.items():
                values[position, column] = handle
                is_set[position, column] = True
            own = sorted(run.times) or [run.start]
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
        )


def _plain_numbers(folding: Folding) -> dict[str, float]:
    """Return the values of parameters and compartments that are numbers of the file and nothing else."""
    skeleton = folding.skeleton
    given = {p.id: p.value for p in skeleton.parameters} | {c.id: c.size for c in skeleton.compartments}
    computed = {a.variable for a in skeleton.initial_assignments} | {r.variable for r in skeleton.rules}
    return {name: value for name, value in given.items() if value is not None and name not in computed}
