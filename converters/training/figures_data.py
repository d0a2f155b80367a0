"""Figures of data, fit and residuals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from converters.models import as_network
from converters.training.figures import (
    CURVE,
    INK,
    PALE,
    color,
    panels,
    parts,
    shortened,
    time_unit,
    with_unit,
)
from converters.training.predictions import Curve, Predictions
from converters.training.problem import Observable, TrainingProblem
from icrn_io.expression import Expression, infix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PER_FIGURE = 9
_MOST_FIGURES = 8
_MOST_IN_LEGEND = 8
_NAMES = {"normal": "normal", "laplace": "Laplace"}
_BASES = {"log": math.e, "log10": 10.0}


@dataclass(frozen=True)
class Panel:
    """One panel: the measurements of an observable in an experiment, or in all where each has one time.

    Attributes
    ----------
    observable : Observable
        The observable.
    experiment : str
        The experiment, "" for all of them side by side.
    members : tuple of int
        Positions of the measurements.
    """

    observable: Observable
    experiment: str
    members: tuple[int, ...]


def data_panels(problem: TrainingProblem) -> list[Panel]:
    """Return the panels that show all measurements, by observable, then experiment."""
    found = []
    for observable in problem.observables:
        by_experiment: dict[str, list[int]] = {}
        for position, m in enumerate(problem.measurements):
            if m.observable == observable.id:
                by_experiment.setdefault(m.experiment, []).append(position)
        has_one_time = all(
            len({problem.measurements[k].time for k in members}) == 1 for members in by_experiment.values()
        )
        if has_one_time and len(by_experiment) > 1:
            found.append(Panel(observable, "", tuple(k for own in by_experiment.values() for k in own)))
            continue
        found += [Panel(observable, name, tuple(members)) for name, members in by_experiment.items()]
    return found


def fit_figures(
    problem: TrainingProblem, predictions: Predictions, curves: Sequence[Curve]
) -> tuple[list[Figure], int]:
    """Return figures of data and fit, nine panels each, and how many panels are left out.

    Where there are too many, those with the largest residuals are shown.
    """
    every = data_panels(problem)
    most = _PER_FIGURE * _MOST_FIGURES
    left_out = max(len(every) - most, 0)
    if left_out:
        size = [float(np.sqrt(np.mean(predictions.residuals[list(p.members)] ** 2))) for p in every]
        chosen = sorted(sorted(range(len(every)), key=lambda k: -np.nan_to_num(size[k]))[:most])
        every = [every[k] for k in chosen]
    figures = []
    for part in parts(every, _PER_FIGURE):
        figure, axes = panels(len(part))
        for panel, ax in zip(part, axes, strict=True):
            _draw(ax, panel, problem, predictions, curves)
        figures.append(figure)
    return figures, left_out


def _draw(
    ax: Axes, panel: Panel, problem: TrainingProblem, predictions: Predictions, curves: Sequence[Curve]
) -> None:
    if panel.experiment:
        _draw_over_time(ax, panel, problem, predictions, curves)
    else:
        _draw_by_experiment(ax, panel, problem, predictions)
    if panel.observable.transformation in _BASES:
        ax.set_yscale("log")
    observable = panel.observable
    name = observable.name or observable.id
    ax.set_ylabel(with_unit(shortened(name, 26), observable.unit))
    n_experiments = len({e.id for e in problem.experiments})
    if panel.experiment and n_experiments > 1:
        ax.set_title(shortened(panel.experiment, 34), loc="left")


def _draw_over_time(
    ax: Axes, panel: Panel, problem: TrainingProblem, predictions: Predictions, curves: Sequence[Curve]
) -> None:
    own = [c for c in curves if c.observable == panel.observable.id and c.experiment == panel.experiment]
    measured = [problem.measurements[k].time for k in panel.members]
    finite = [t for t in measured if math.isfinite(t)]
    last = 1.12 * max(finite, default=1.0) or 1.0
    for number, curve in enumerate(own):
        shade = color(number) if len(own) > 1 else CURVE
        label = ", ".join(_plain(g) for g in curve.given) if 1 < len(own) <= _MOST_IN_LEGEND else None
        marker = "_" if len(curve.times) == 1 else None
        ax.plot(curve.times, curve.y, color=shade, lw=1.4, marker=marker, ms=12, label=label)
        _points(ax, panel, problem, predictions, curve.measurements, shade, last)
    steady = tuple(k for k in panel.members if math.isinf(problem.measurements[k].time))
    if steady:
        _points(ax, panel, problem, predictions, steady, CURVE, last)
        ax.plot([last] * len(steady), predictions.y[list(steady)], "_", color=CURVE, ms=12, mew=1.4)
        ax.axvline(last, color=PALE, lw=0.6, ls=":", zorder=0)
        ax.annotate(
            "∞", (last, 0), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points"
        )
    if len(own) > 1 and len(own) <= _MOST_IN_LEGEND:
        ax.legend(title=None, loc="best", handlelength=1.2)
    ax.set_xlabel(with_unit("time", time_unit(as_network(problem.model))))


def _plain(expression: Expression) -> str:
    return shortened(infix(expression), 18)


def _points(
    ax: Axes,
    panel: Panel,
    problem: TrainingProblem,
    predictions: Predictions,
    members: Sequence[int],
    shade: str,
    last: float,
) -> None:
    """Draw measurements with one σ; those of the steady state at the time ``last``."""
    members = list(members)
    times = np.array([problem.measurements[k].time for k in members])
    values = np.array([problem.measurements[k].value for k in members])
    bars = _error_bars(panel.observable, values, predictions.sigma[members])
    _marks(ax, np.where(np.isfinite(times), times, last), values, bars, shade)


def _marks(ax: Axes, x: np.ndarray, values: np.ndarray, bars: np.ndarray, shade: str) -> None:
    edge = INK if shade == CURVE else shade
    ax.errorbar(
        x,
        values,
        yerr=bars,
        fmt="o",
        ms=3.2,
        color=edge,
        ecolor=edge,
        elinewidth=0.8,
        capsize=1.5,
        alpha=0.85,
    )


def _error_bars(observable: Observable, values: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return lengths of the bars below and above, ``(2, n)``: one σ on the scale of the noise."""
    base = _BASES.get(observable.transformation)
    if base is None:
        return np.stack([sigma, sigma])
    return np.stack([values * (1 - base**-sigma), values * (base**sigma - 1)])


def _draw_by_experiment(ax: Axes, panel: Panel, problem: TrainingProblem, predictions: Predictions) -> None:
    members = list(panel.members)
    names = list(dict.fromkeys(problem.measurements[k].experiment for k in members))
    x = np.array([names.index(problem.measurements[k].experiment) for k in members], dtype=float)
    values = np.array([problem.measurements[k].value for k in members])
    ax.plot(x, predictions.y[members], "_", color=CURVE, ms=9, mew=1.6)
    _marks(ax, x, values, _error_bars(panel.observable, values, predictions.sigma[members]), CURVE)
    times = sorted({problem.measurements[k].time for k in members})
    if len(times) == 1:
        unit = time_unit(as_network(problem.model))
        at = "steady state" if math.isinf(times[0]) else f"at time {times[0]:g} {unit}"
        ax.set_title(at.strip(), loc="left")
    if len(names) <= 8:
        labels = [n if len(n) <= 16 else f"…{n[-15:]}" for n in names]
        ax.set_xticks(range(len(names)), labels, rotation=45, ha="right", rotation_mode="anchor", size=7)
        ax.set_xlabel("experiment")
    else:
        ax.set_xlabel("experiment, in the order of the problem")


def residual_figure(problem: TrainingProblem, predictions: Predictions) -> Figure:
    """Return residuals over σ against time, and against quantiles of their distribution."""
    figure, (left, right) = panels(2, 4.8, 3.0, 2)
    times = np.array([m.time for m in problem.measurements])
    finite = times[np.isfinite(times)]
    last = 1.08 * (finite.max() if len(finite) else 1.0) or 1.0
    ids = [o.id for o in problem.observables if any(m.observable == o.id for m in problem.measurements)]
    for number, observable in enumerate(ids):
        own = np.array([m.observable == observable for m in problem.measurements])
        x = np.where(np.isfinite(times[own]), times[own], last)
        label = shortened(observable, 18) if len(ids) <= _MOST_IN_LEGEND else None
        left.plot(x, predictions.residuals[own], "o", ms=3.2, color=color(number), alpha=0.75, label=label)
    for height in (-2, 0, 2):
        left.axhline(height, color=PALE, lw=0.8, ls="-" if height == 0 else "--", zorder=0)
    unit = time_unit(as_network(problem.model))
    left.set_xlabel(with_unit("time", unit) + (", ∞ at the right" if len(finite) < len(times) else ""))
    left.set_ylabel("residual / σ")
    if 1 < len(ids) <= _MOST_IN_LEGEND:
        figure.legend(loc="outside upper center", ncols=4, handletextpad=0.2)
    _quantiles(right, predictions.residuals, _distribution(problem))
    return figure


def _distribution(problem: TrainingProblem) -> str:
    used = {m.observable for m in problem.measurements}
    kinds = {o.distribution for o in problem.observables if o.id in used}
    return kinds.pop() if len(kinds) == 1 else "normal"


def _quantiles(ax: Axes, residuals: np.ndarray, distribution: str) -> None:
    sorted_ones = np.sort(residuals)
    shares = (np.arange(len(sorted_ones)) + 0.5) / len(sorted_ones)
    if distribution == "laplace":
        expected = np.sign(shares - 0.5) * -np.log(1 - 2 * np.abs(shares - 0.5))
    else:
        expected = np.array([NormalDist().inv_cdf(p) for p in shares])
    reach = max(np.abs(expected).max(), 1.0)
    ax.plot([-reach, reach], [-reach, reach], color=PALE, lw=0.8)
    ax.plot(expected, sorted_ones, "o", ms=3.2, color=CURVE, alpha=0.75)
    ax.set_xlabel(f"quantile of the {_NAMES[distribution]} distribution")
    ax.set_ylabel("residual / σ, sorted")
