"""What a fit predicts: observables and noise at the measurements, and curves in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from converters.engines.programs import float64
from converters.training.binding import BoundProblem, bind
from converters.training.problem import Measurement, TrainingProblem
from converters.training.train import Fit
from icrn_core.objective import Accuracy
from icrn_core.prediction import Predicted, predict
from icrn_core.scales import to_linear
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression

# Points of all curves together: many curves have fewer each, but never less than the least.
_MOST_POINTS, _LEAST = 20_000, 30


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for the measurements of a problem, in their order.

    Attributes
    ----------
    y : (n_data,) float
        Observables, not scaled.
    sigma : (n_data,) float
        Noise parameters, on the scale of the noise: for an observable whose noise is on a
        decimal logarithm, in decades.
    residuals : (n_data,) float
        (T(measured) − T(y)) / σ with the transformation T of the noise.
    """

    y: np.ndarray
    sigma: np.ndarray
    residuals: np.ndarray


@dataclass(frozen=True, eq=False)
class Curve:
    """An observable over time in one experiment.

    Attributes
    ----------
    observable, experiment : str
        Their ids.
    given : tuple of Expression
        What the placeholders of the observable's formula stand for; those of its noise are not
        told apart.
    times, y : (n_times,) float
        Times in the model's unit, ascending, and the observable there, not scaled.
    measurements : tuple of int
        Positions of the measurements that the curve predicts.
    """

    observable: str
    experiment: str
    given: tuple[Expression, ...]
    times: np.ndarray
    y: np.ndarray
    measurements: tuple[int, ...]


def predictions(
    fit: Fit | BoundProblem, theta: np.ndarray | None = None, accuracy: Accuracy | None = None
) -> Predictions:
    """Return what is predicted for every measurement.

    Parameters
    ----------
    fit : Fit or BoundProblem
        A fit, or a bound problem with a point.
    theta : (n_fitted,) float, optional
        The point on the scales of the parameters; the best one of a fit if not given.
    accuracy : Accuracy, optional
        Tolerances of the runs; those of a fit if not given.

    Raises
    ------
    ModelIOError
        The model cannot be simulated at the point.
    """
    bound, theta, accuracy = _point(fit, theta, accuracy)
    z, y, sigma = _predicted(bound, theta, accuracy)
    return Predictions(y, sigma, (np.asarray(bound.objective.data.values) - z) / sigma)


def curves(
    fit: Fit | BoundProblem,
    theta: np.ndarray | None = None,
    accuracy: Accuracy | None = None,
    n_times: int = 200,
) -> tuple[Curve, ...]:
    """Return a smooth curve for each observable, experiment and scaling that is measured.

    Curves run from the beginning of the experiment, its pre-equilibration left out, to its last
    measurement; the times of the measurements are among theirs. Steady states have no curve.

    Parameters
    ----------
    fit, theta, accuracy
        As for `predictions`.
    n_times : int
        Times of a curve, besides those of measurements.

    Raises
    ------
    ModelIOError
        The model cannot be simulated at the point.
    """
    bound, theta, accuracy = _point(fit, theta, accuracy)
    problem = bound.problem
    groups = _groups(problem)
    if not groups:
        return ()
    n_times = min(n_times, max(_MOST_POINTS // len(groups), _LEAST))
    grids = _grids(problem, n_times)
    rows = []
    for (_, experiment, _), members in groups.items():
        like = problem.measurements[members[0]]
        rows += [replace(like, time=float(t), value=1.0) for t in grids[experiment]]
    dense = bind(replace(problem, measurements=tuple(rows)))
    _, y, _ = _predicted(dense, theta, accuracy)
    found, start = [], 0
    for (observable, experiment, given), members in groups.items():
        times = grids[experiment]
        here = y[start : start + len(times)]
        start += len(times)
        found.append(Curve(observable, experiment, given, times, here, tuple(members)))
    return tuple(found)


def _point(
    fit: Fit | BoundProblem, theta: np.ndarray | None, accuracy: Accuracy | None
) -> tuple[BoundProblem, np.ndarray, Accuracy]:
    if isinstance(fit, Fit):
        bound = fit.bound
        theta = fit.theta if theta is None else theta
        accuracy = accuracy or fit.options.fit.accuracy
    else:
        bound, accuracy = fit, accuracy or Accuracy()
    n = bound.objective.n_fitted
    if theta is None or np.shape(theta) != (n,):
        raise ModelIOError(f"a point of this problem has shape ({n},), not {np.shape(theta)}")
    return bound, np.asarray(theta, dtype=float), accuracy


def _predicted(
    bound: BoundProblem, theta: np.ndarray, accuracy: Accuracy
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return observables on the scale of the noise and as they are, and σ."""
    objective = bound.objective

    def evaluate(theta: jax.Array) -> tuple[Predicted, jax.Array]:
        found = predict(objective, theta, accuracy, "reverse")
        return found, to_linear(objective.data.scale, found.z)

    with float64():
        found, y = jax.jit(evaluate)(jnp.asarray(theta)[:, None])
    if not bool(found.works[0]):
        raise ModelIOError("the model cannot be simulated at this point: give more --max-steps")
    z, y, log_sigma = (np.asarray(x)[:, 0] for x in (found.z, y, found.log_sigma))
    return z, y, np.exp(log_sigma)


def _groups(problem: TrainingProblem) -> dict[tuple, list[int]]:
    """Return the measurements of each curve: (observable, experiment, given) → positions."""
    kept = {}
    for observable in problem.observables:
        named = observable.formula.symbols()
        kept[observable.id] = [k for k, name in enumerate(observable.placeholders) if name in named]
    groups: dict[tuple, list[int]] = {}
    for position, m in enumerate(problem.measurements):
        if math.isfinite(m.time):
            given = tuple(m.given[k] for k in kept[m.observable])
            groups.setdefault((m.observable, m.experiment, given), []).append(position)
    return groups


def _grids(problem: TrainingProblem, n_times: int) -> dict[str, np.ndarray]:
    """Return the times of the curves of every experiment."""
    starts = {e.id: max(e.phases[0].start, 0.0) for e in problem.experiments}
    measured: dict[str, list[float]] = {}
    for m in _finite(problem.measurements):
        measured.setdefault(m.experiment, []).append(m.time)
    return {
        experiment: np.unique([*np.linspace(starts[experiment], max(times), n_times), *times])
        for experiment, times in measured.items()
    }


def _finite(measurements: Sequence[Measurement]) -> list[Measurement]:
    return [m for m in measurements if math.isfinite(m.time)]
