"""Compare this package's trajectories with those of independent simulators."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from converters.quantities import symbol_quantities
from converters.time_course import TimeCourse, check_times, check_tolerance, run_time_course

if TYPE_CHECKING:
    from os import PathLike

    from converters.folding import Folding
    from icrn_io.network import Network

_FLOOR_FACTOR = 10.0
_REFINEMENT = 1e-4
_SMALLEST_RTOL = 1e-13


@dataclass(frozen=True)
class Difference:
    """How far one species of one engine is from the ICRN's.

    Attributes
    ----------
    species : str
        Its id.
    quantity : {"amount", "concentration"}
        What is compared: what the id stands for in formulas.
    max_absolute : float
        ``max_t |a - b|``, a by the ICRN and b by the engine.
    max_relative : float
        ``max_t |a - b| / max(max_t |b|, floor)``.
    largest : float
        ``max_t |b|``.
    time : float
        When ``|a - b|`` is largest.
    """

    species: str
    quantity: str
    max_absolute: float
    max_relative: float
    largest: float
    time: float


@dataclass(frozen=True)
class Comparison:
    """One engine against the ICRN.

    Attributes
    ----------
    engine : str
        Its name.
    differences : tuple of Difference
        One per species in file order; empty where the engine gave nothing.
    seconds : float
        What its run took, loading included.
    error : str
        Why it gave nothing, "" otherwise.
    refined : tuple of Difference
        The same with both at ``refined_rtol``, where some species differed at the tolerances
        asked for; empty otherwise. A difference that vanishes there is integration error, one
        that stays is a difference between the models.
    refined_rtol : float
        The tighter relative tolerance, 0 without refinement.
    """

    engine: str
    differences: tuple[Difference, ...] = ()
    seconds: float = 0.0
    error: str = ""
    refined: tuple[Difference, ...] = ()
    refined_rtol: float = 0.0

    def verdicts(self, tolerance: float) -> tuple[str, ...]:
        """Return, per species, ``"ok"``, ``"refined"`` (agrees only when refined) or ``"differs"``."""
        refined = self.refined or self.differences
        return tuple(
            "ok" if a.max_relative <= tolerance else "refined" if b.max_relative <= tolerance else "differs"
            for a, b in zip(self.differences, refined, strict=True)
        )

    @property
    def worst(self) -> Difference | None:
        """The species with the largest relative difference, None without species."""
        return max(self.differences, key=lambda d: d.max_relative, default=None)


@dataclass(frozen=True)
class Report:
    """What `cross_validate` found.

    Attributes
    ----------
    model : str
        Id of the model, or its path.
    times : tuple of float
        Output times.
    rtol, atol : float
        Tolerances every engine ran with.
    tolerance : float
        Largest relative difference that passes.
    floor : float
        Scale below which a species is not judged relative to its own size,
        ``10 atol / tolerance``: differences up to ``10 atol`` always pass.
    seconds : float
        What the ICRN's run took, compilation included.
    comparisons : tuple of Comparison
        One per engine.
    """

    model: str
    times: tuple[float, ...]
    rtol: float
    atol: float
    tolerance: float
    floor: float
    seconds: float
    comparisons: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        """Whether every engine ran and every species agrees, at the latest when refined."""
        return not any(c.error or "differs" in c.verdicts(self.tolerance) for c in self.comparisons)

    def to_json(self) -> str:
        """Return everything as JSON; numbers that are not finite are written as strings."""
        tree = {**asdict(self), "passed": self.passed}
        return json.dumps(_finite(tree), indent=2, allow_nan=False)


def _finite(tree):
    if isinstance(tree, dict):
        return {key: _finite(item) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_finite(item) for item in tree]
    return repr(tree) if isinstance(tree, float) and not np.isfinite(tree) else tree


def cross_validate(
    model: str | PathLike[str] | Network | Folding,
    times,
    engines: Sequence[str] = ("tellurium", "copasi"),
    rtol: float = 1e-8,
    atol: float | None = None,
    overrides: Mapping[str, float] | None = None,
    tolerance: float = 1e-5,
    refine: bool = True,
) -> Report:
    """Run a model by the ICRN and by other engines, and compare every species.

    Parameters
    ----------
    model : path, Network or Folding
        As for `run_time_course`.
    times : array_like, shape (n_times,)
        Output times.
    engines : sequence of str
        What to compare with.
    rtol, atol, overrides
        As for `run_time_course`; the same for all.
    tolerance : float
        Largest relative difference that passes.
    refine : bool
        Where a species differs by more, run both again at tolerances 10^4 times tighter, to
        tell integration error from different models; species that then agree pass.

    Returns
    -------
    Report
        An engine that cannot run the model has its reason in ``Comparison.error``.

    Raises
    ------
    ModelIOError, UnsupportedFeatureError, IcrnError
        The ICRN itself cannot be run, or an argument does not fit.
    """
    from converters.engines.registry import find_engine
    from converters.models import as_folding, with_overrides
    from converters.tolerance import default_atol

    names = [find_engine(name).name for name in engines]
    grid = check_times(times)
    name = model if isinstance(model, str) else ""
    model = with_overrides(model, overrides or {})
    folding = as_folding(model)
    atol = default_atol(folding) if atol is None else atol
    floor = _FLOOR_FACTOR * check_tolerance("atol", atol) / check_tolerance("tolerance", tolerance)
    judge = _Judge(folding, grid, floor, tolerance)
    start = time.perf_counter()
    judge.ours(rtol, atol)
    seconds = time.perf_counter() - start
    comparisons = tuple(judge.compare(engine, rtol, atol, refine) for engine in names)
    label = folding.skeleton.id or folding.skeleton.name or name
    return Report(label, tuple(grid.tolist()), rtol, atol, tolerance, floor, seconds, comparisons)


class _Judge:
    """Runs the engines and compares them; the ICRN runs once per pair of tolerances."""

    def __init__(self, folding: Folding, grid: np.ndarray, floor: float, tolerance: float):
        self.folding, self.grid = folding, grid
        self.floor, self.tolerance = floor, tolerance
        self.quantities = symbol_quantities(folding.skeleton)
        self.courses: dict[tuple[float, float], TimeCourse] = {}

    def ours(self, rtol: float, atol: float) -> TimeCourse:
        """Return the time course by the ICRN."""
        if (rtol, atol) not in self.courses:
            self.courses[rtol, atol] = run_time_course(
                self.folding, self.grid, rtol=rtol, atol=atol, effort="quick"
            )
        return self.courses[rtol, atol]

    def differences(self, engine: str, rtol: float, atol: float) -> tuple[Difference, ...]:
        """Return the difference of every species at these tolerances."""
        theirs = run_time_course(self.folding, self.grid, engine=engine, rtol=rtol, atol=atol)
        return compare_courses(self.ours(rtol, atol), theirs, self.quantities, self.floor)

    def compare(self, engine: str, rtol: float, atol: float, refine: bool) -> Comparison:
        """Return the comparison with an engine, refined where species differ."""
        from icrn_io.errors import ModelIOError

        start = time.perf_counter()
        try:
            differences = self.differences(engine, rtol, atol)
        except ModelIOError as error:
            return Comparison(engine, error=str(error))
        found = Comparison(engine, differences, time.perf_counter() - start)
        tighter = max(rtol * _REFINEMENT, _SMALLEST_RTOL)
        if not refine or tighter >= rtol or "differs" not in found.verdicts(self.tolerance):
            return found
        try:
            refined = self.differences(engine, tighter, atol * _REFINEMENT)
        except ModelIOError:
            return found  # an engine that cannot go so far leaves the difference standing
        return replace(found, refined=refined, refined_rtol=tighter)


def compare_courses(
    ours: TimeCourse, theirs: TimeCourse, units: Mapping[str, str], floor: float
) -> tuple[Difference, ...]:
    """Return the difference of every species between two time courses at the same times.

    Parameters
    ----------
    ours, theirs : TimeCourse
        a and b of `Difference`.
    units : mapping of str to {"amount", "concentration"}
        Which quantity of each species to compare.
    floor : float
        See `Report`.
    """
    found = []
    for species, quantity in units.items():
        a = (ours.amounts if quantity == "amount" else ours.concentrations)[species]
        b = (theirs.amounts if quantity == "amount" else theirs.concentrations)[species]
        gaps = _gaps(a, b)
        largest = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
        at = int(np.argmax(gaps))
        gap = float(gaps[at])
        found.append(
            Difference(species, quantity, gap, gap / max(largest, floor), largest, float(ours.times[at]))
        )
    return tuple(found)


def _gaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return |a - b|; 0 where both are the same infinity or both NaN, infinite where only one is."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        gaps = np.abs(a - b)
    return np.where(same, 0.0, np.where(np.isnan(gaps), np.inf, gaps))
