"""One question, three engines: the time course of a model under its original ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from os import PathLike

    from converters.folding import Folding
    from icrn_io.network import Network


@dataclass(frozen=True, eq=False)
class TimeCourse:
    """What a model does over time, by original id; every array is ``(n_times,)`` float64.

    Attributes
    ----------
    times : float64 array, shape (n_times,)
        In the model's time unit.
    amounts, concentrations : mapping of str to float64 array
        Of every species; concentration = amount / compartment size at that time.
    values : mapping of str to float64 array
        Of every parameter, compartment, reaction (its flux, in extent per time) and species
        reference that has an id. A reversible reaction has one flux, forward minus backward.
        An engine leaves out what it cannot report.
    engine : str
        Name of the engine that made it.
    """

    times: np.ndarray
    amounts: Mapping[str, np.ndarray]
    concentrations: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    engine: str = ""


@dataclass(frozen=True)
class EngineSettings:
    """How an engine integrates.

    Attributes
    ----------
    rtol, atol : float
        Relative and absolute error per step; the absolute one in the unit of the engine's
        state, which is amount for all three.
    solver : str or None
        Name of the engine's integrator, None for its stiff default.
    max_steps : int
        Most internal steps the engine may take.
    effort : {"full", "quick"}
        How well the engine ``icrn`` compiles, see `run_time_course`.
    """

    rtol: float = 1e-8
    atol: float = 1e-12
    solver: str | None = None
    max_steps: int = 1_000_000
    effort: Literal["full", "quick"] = "full"


def run_time_course(
    model: str | PathLike[str] | Network | Folding,
    times,
    engine: str = "icrn",
    rtol: float = 1e-8,
    atol: float | None = None,
    overrides: Mapping[str, float] | None = None,
    solver: str | None = None,
    max_steps: int = 1_000_000,
    effort: Literal["full", "quick"] = "full",
    method: Literal["ode", "ssa", "tau-leaping"] = "ode",
    seed: int = 0,
) -> TimeCourse:
    """Run a model from time 0 and report it at the given times.

    Parameters
    ----------
    model : path, Network or Folding
        A model file (SBML, Antimony or ``.icrn``), or what was read or folded from one.
    times : array_like, shape (n_times,)
        Output times in the model's time unit: finite, ascending, not negative. Integration
        starts at 0 whatever the first one is (SBML L3V2, section 3.4.8).
    engine : {"icrn", "tellurium", "copasi"}
        What integrates.
    rtol, atol : float
        Relative and absolute tolerance, see `EngineSettings`; the absolute one, if left out, is
        1e-12, or less where all amounts are small (`converters.tolerance.default_atol`).
    overrides : mapping of str to float, optional
        Id → value, see `converters.overrides.apply_overrides`.
    solver : str, optional
        Name of the engine's integrator; its stiff default if left out.
    max_steps : int
        Most internal steps.
    effort : {"full", "quick"}
        How well the engine ``icrn`` compiles a system of up to 150 variables: quick compiles in
        a third of the time and runs 1.2 to 1.7 times as long, which pays for one run.
    method : {"ode", "ssa", "tau-leaping"}
        Integrate rates of change, or let reactions happen at random moments: one run of
        `converters.run_stochastic` by the engine ``icrn``, without tolerances and solver.
    seed : int
        Of a stochastic run.

    Returns
    -------
    TimeCourse
        The same quantities whatever the engine.

    Raises
    ------
    ModelIOError
        The model cannot be read, a time, tolerance, engine or override does not fit, or the
        engine failed (`EngineError`).
    UnsupportedFeatureError
        The engine cannot run a construct of the model.
    """
    from converters.engines.registry import find_engine
    from converters.lowering.plain import refuse_missing_values
    from converters.missing import without_invented
    from converters.models import as_folding, as_network, with_overrides
    from converters.tolerance import default_atol
    from icrn_io.errors import ModelIOError

    chosen = find_engine(engine)
    grid = check_times(times)
    if effort not in ("full", "quick"):
        raise ModelIOError(f"effort is 'full' or 'quick', not {effort!r}")
    if method != "ode" and engine != "icrn":
        raise ModelIOError(f"method '{method}' is run by the engine 'icrn', not by '{engine}'")
    model = with_overrides(model, overrides or {})
    folding = as_folding(model)
    if method != "ode":
        return _stochastic(folding, grid, method, seed)
    atol = default_atol(folding) if atol is None else atol
    settings = EngineSettings(
        check_tolerance("rtol", rtol), check_tolerance("atol", atol), solver, max_steps, effort
    )
    if chosen.wants == "folding":
        return chosen.run(folding, grid, settings)
    # libRoadRunner and COPASI would take 0 or 1 for a value that is missing.
    refuse_missing_values(folding)
    network = as_network(model)
    return without_invented(chosen.run(network, grid, settings), network)


def _stochastic(folding: Folding, times: np.ndarray, method: str, seed: int) -> TimeCourse:
    from converters.enumerate import enumerate_network
    from converters.stochastic import run_stochastic

    runs = run_stochastic(folding, times, method=method, seed=seed)
    network = enumerate_network(folding)
    sizes = {c.id: np.nan if c.size is None else c.size for c in network.compartments}
    amounts = {species_id: counts[0] for species_id, counts in runs.counts.items()}
    concentrations = {s.id: amounts[s.id] / sizes[s.compartment] for s in network.species}
    return TimeCourse(runs.times, amounts, concentrations, engine="icrn")


def check_times(times) -> np.ndarray:
    """Return output times as a float64 array, shape (n_times,).

    Raises
    ------
    ModelIOError
        There are none, or they are not numbers, not finite, negative or not ascending.
    """
    from icrn_io.errors import ModelIOError

    try:
        grid = np.atleast_1d(np.asarray(times, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ModelIOError(f"output times must be numbers: {error}") from None
    if grid.ndim != 1 or grid.size == 0:
        raise ModelIOError(f"output times must be a list of at least one number, not of shape {grid.shape}")
    if not np.isfinite(grid).all():
        bad = int(np.flatnonzero(~np.isfinite(grid))[0])
        raise ModelIOError(f"output time number {bad + 1} is {grid[bad]}: it must be finite")
    if grid[0] < 0:
        raise ModelIOError(
            f"the first output time is {grid[0]}: none can be before 0, where integration starts"
        )
    if (np.diff(grid) < 0).any():
        bad = int(np.flatnonzero(np.diff(grid) < 0)[0])
        raise ModelIOError(f"output times must ascend: {grid[bad]} is followed by {grid[bad + 1]}")
    return grid


def check_tolerance(name: str, value: float) -> float:
    """Return a tolerance as a float; refuse one that is not positive and finite."""
    from icrn_io.errors import ModelIOError

    if not (np.isfinite(value) and value > 0):
        raise ModelIOError(f"{name} is {value}: it must be positive and finite")
    return float(value)


def grid_from_zero(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ascending distinct times that start at 0, and where each asked one stands in them."""
    grid, positions = np.unique(np.concatenate([[0.0], times]), return_inverse=True)
    return grid, positions.reshape(-1)[1:]
