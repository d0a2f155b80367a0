"""Compare this package's trajectories with those of independent simulators."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from converters.quantities import symbol_quantities
from converters.time_course import TimeCourse, check_times, check_tolerance, run_time_course

if TYPE_CHECKING:
    from os import PathLike

    from converters.folding import Folding
    from icrn_io.network import Network

_FLOOR_FACTOR = 10.0


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
    """

    engine: str
    differences: tuple[Difference, ...] = ()
    seconds: float = 0.0
    error: str = ""

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
        """Whether every engine ran and every species agrees within the tolerance."""
        return all(
            not comparison.error and all(d.max_relative <= self.tolerance for d in comparison.differences)
            for comparison in self.comparisons
        )

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
    atol: float = 1e-12,
    overrides: Mapping[str, float] | None = None,
    tolerance: float = 1e-5,
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
    from converters.models import as_folding, as_network, with_overrides

    names = [find_engine(name).name for name in engines]
    grid = check_times(times)
    floor = _FLOOR_FACTOR * check_tolerance("atol", atol) / check_tolerance("tolerance", tolerance)
    name = model if isinstance(model, str) else ""
    model = with_overrides(model, overrides or {})
    folding = as_folding(model)
    network = as_network(model) if not isinstance(model, (str, bytes)) else as_network(folding)
    units = symbol_quantities(network)
    start = time.perf_counter()
    ours = run_time_course(folding, grid, rtol=rtol, atol=atol)
    seconds = time.perf_counter() - start
    comparisons = tuple(_compare(engine, network, ours, units, floor, (rtol, atol)) for engine in names)
    label = network.id or network.name or name
    return Report(label, tuple(grid.tolist()), rtol, atol, tolerance, floor, seconds, comparisons)


def _compare(engine, network, ours: TimeCourse, units, floor: float, tolerances) -> Comparison:
    from icrn_io.errors import ModelIOError

    rtol, atol = tolerances
    start = time.perf_counter()
    try:
        theirs = run_time_course(network, ours.times, engine=engine, rtol=rtol, atol=atol)
    except ModelIOError as error:
        return Comparison(engine, error=str(error))
    seconds = time.perf_counter() - start
    return Comparison(engine, compare_courses(ours, theirs, units, floor), seconds)


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
