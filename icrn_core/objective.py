"""What is minimised when a model is fitted: runs, formulas of observables and noise, measurements.

What is fitted is a vector θ on the scales of its parameters. All numbers that a run, an
observable or a noise formula can name stand in one *pool*: the parameters θ stands for, fixed
numbers, and formulas of these. Runs come in *stages*: a run may begin where one of an earlier
stage ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from icrn_core.conservation import Laws
from icrn_core.dynamics import Dynamics
from icrn_core.law import Law
from icrn_core.noise import Transformed


class Formulas(NamedTuple):
    """Formulas of one law, one for each row.

    Attributes
    ----------
    law : Law
        The common law.
    is_symbol : tuple of bool
        For each slot whether it reads a symbol of the model, else an entry of the pool.
    at : tuple of (n_rows,) int arrays
        For each slot, the symbol or the entry of the pool.
    rows : (n_rows,) int
        Which results these are.
    """

    law: Law
    is_symbol: tuple[bool, ...]
    at: tuple[np.ndarray, ...]
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Stage:
    """Runs that can be integrated together.

    Attributes
    ----------
    params : (n_params, n_runs) int
        Entries of the pool.
    values : (n_state, n_runs) int
        Initial values, entries of the pool, in ``initial_unit``.
    is_set : (n_state, n_runs) bool
        Whether a run begins with the initial value, not with what it goes on from.
    previous : (n_runs,) int
        The run, counted through all stages, at whose end each one begins; -1 for none.
    times : (n_times, n_runs) float
        Output times, ascending; the last is the end.
    t0 : (n_runs,) float
        Initial times.
    is_steady : bool
        Whether the runs are to the steady state: ``times`` are then a tenth of the longest time
        and that, the same for all, and the state at both is the steady one.
    laws : Laws or None
        Conservation laws of each of these runs, ``(n_runs, ...)`` (`icrn_core.steady_laws`); None
        where derivatives are to be taken through the steps.
    """

    params: np.ndarray
    values: np.ndarray
    is_set: np.ndarray
    previous: np.ndarray
    times: np.ndarray
    t0: np.ndarray
    is_steady: bool = False
    laws: Laws | None = None


class Prior(NamedTuple):
    """A prior of one parameter; ``on_scale``: of its scaled value."""

    parameter: int
    kind: str
    a: float
    b: float
    on_scale: bool


@dataclass(frozen=True, eq=False)
class Objective:
    """What is minimised; made by a binding of data to a model.

    Attributes
    ----------
    dynamics : Dynamics
        From `compile_icrn`.
    scales : (n_fitted,) int
        Positions in `icrn_core.scales.SCALES`.
    numbers : (n_numbers,) float
        Fixed entries of the pool; they follow the parameters that are fitted.
    derived : tuple of Formulas
        Entries of the pool after these, by formulas over the entries before.
    n_derived : int
        Their number.
    stages : tuple of Stage
        Runs.
    run, moment : (n_samples,) int
        Run and output time of each sampled state.
    sample : (n_data,) int
        Sample of each measurement.
    observables, noises : tuple of Formulas
        Formulas of the observables and noise parameters of the measurements.
    data : Transformed
        Measurements.
    priors : tuple of Prior
        Priors.
    """

    dynamics: Dynamics
    scales: np.ndarray
    numbers: np.ndarray
    derived: tuple[Formulas, ...]
    n_derived: int
    stages: tuple[Stage, ...]
    run: np.ndarray
    moment: np.ndarray
    sample: np.ndarray
    observables: tuple[Formulas, ...]
    noises: tuple[Formulas, ...]
    data: Transformed
    priors: tuple[Prior, ...] = ()

    @property
    def n_fitted(self) -> int:
        """Number of parameters that are fitted."""
        return len(self.scales)

    @property
    def n_data(self) -> int:
        """Number of measurements."""
        return len(self.sample)

    @property
    def n_runs(self) -> int:
        """Number of runs for one θ."""
        return sum(len(stage.previous) for stage in self.stages)


@dataclass(frozen=True)
class Accuracy:
    """How an objective's runs are integrated; as of `icrn_core.simulate`."""

    rtol: float = 1e-6
    atol: float | None = None
    max_steps: int = 10_000
    solver: str = "auto"

    def tightened(self, factor: float = 10.0) -> Accuracy:
        """Return tolerances smaller by a factor."""
        atol = None if self.atol is None else self.atol / factor
        return replace(self, rtol=self.rtol / factor, atol=atol, max_steps=10 * self.max_steps)
