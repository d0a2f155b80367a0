"""Profile likelihoods: how far a parameter can go while all others make up for it.

    PL(c) = min over θ with θₖ = c of L(θ),    interval: {c : PL(c) − L(θ̂) ≤ z²/2}

with z the normal quantile of the level, 1.92 for 95 % (Raue et al., Bioinformatics 25, 2009). It
does not change when a parameter is put on another scale, and it is open on a side on which the
loss stays low up to the bound.

From the minimum, points go out in both directions by about equal steps of r = √(2 (PL − L(θ̂))),
which is a straight line where the loss is a parabola. At each point the other parameters begin
where the last two points lead and are fitted again. All directions of all parameters are made side
by side, as starts of one `icrn_core.multistart.fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.multistart import FitOptions, Start, StartCode, fit, step_units
from icrn_core.objective import Accuracy, Objective
from icrn_core.uncertainty import Uncertainty, checked_point, fisher, on_bounds, quantile

# Step in r, and how exactly its end is met.
_STEP, _NEAR = 0.5, 0.05
# Most corrections of an end, and most halvings of a step where runs fail.
_CORRECTIONS, _HALVINGS = 8, 5
# How much steps may grow, and their limit in units of a factor ten.
_GROWTH, _LONGEST = 3.0, 1.0
# A loss lower by this than at the minimum shows that it was none.
_LOWER = 0.01


class EndCode(IntEnum):
    """How a direction ended."""

    CROSSED = 0
    BOUND = 1
    MOST_POINTS = 2
    FAILED = 3

    @property
    def message(self) -> str:
        """What happened, in words."""
        return ("found", "open: the bound was reached", "open: the most points were made", "runs fail")[self]


@dataclass(frozen=True, eq=False)
class Profile:
    """The profile of one parameter, on its scale.

    Attributes
    ----------
    parameter : int
        Which.
    values, losses : (n_points,) float
        Its values, ascending, and the least loss at each.
    thetas : (n_points, n_fitted) float
        All parameters there.
    low, high : float
        The interval; how far it was followed where it is open.
    below, above : EndCode
        How the ends were met.
    threshold : float
        By how much the loss may rise inside the interval.
    better : (n_fitted,) float or None
        The best point, if one was found whose loss is clearly lower than that of the minimum: then
        the interval is that of no minimum.
    """

    parameter: int
    values: np.ndarray
    losses: np.ndarray
    thetas: np.ndarray
    low: float
    high: float
    below: EndCode
    above: EndCode
    threshold: float
    better: np.ndarray | None

    @property
    def is_open_below(self) -> bool:
        """Whether the loss stays below the threshold as far down as was looked."""
        return self.below is not EndCode.CROSSED

    @property
    def is_open_above(self) -> bool:
        """Whether the loss stays below the threshold as far up as was looked."""
        return self.above is not EndCode.CROSSED


@dataclass(frozen=True)
class ProfileOptions:
    """How profiles are made.

    Attributes
    ----------
    accuracy : Accuracy or None
        Tolerances of the runs, the usual ones if None.
    level : float
        Of the interval.
    max_points : int
        Most points in one direction.
    max_iterations : int
        Most rounds of the fit at a point.
    """

    accuracy: Accuracy | None = None
    level: float = 0.95
    max_points: int = 40
    max_iterations: int = 60


def profile(
    objective: Objective,
    theta: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    parameters: int | Sequence[int] | None = None,
    options: ProfileOptions | None = None,
    around: Uncertainty | None = None,
) -> list[Profile]:
    """Return the profile likelihood of parameters.

    Parameters
    ----------
    objective : Objective
        What was minimised.
    theta : (n_fitted,) float
        Its minimum, on the scales of the parameters.
    lower, upper : (n_fitted,) float
        Bounds on the scales.
    parameters : int or sequence of int, optional
        Which; all if not given.
    options : ProfileOptions, optional
        How.
    around : Uncertainty, optional
        What `fisher` says at the minimum, if that is known already.

    Raises
    ------
    IcrnError
        Something has the wrong length or lies outside its range, or a run fails at the minimum.
    """
    options = options or ProfileOptions()
    accuracy = options.accuracy or Accuracy()
    theta, lower, upper = checked_point(objective, theta, lower, upper)
    chosen = _checked_parameters(parameters, lower, upper)
    z = quantile(options.level)
    around = around or fisher(objective, theta, accuracy, lower, upper)
    units = step_units(objective, lower, upper)
    walks = [
        _Walk(k, side, around, (lower, upper), units, z, options.max_points)
        for k in chosen
        for side in (-1, 1)
    ]
    starts = _Starts(walks)
    small = 0.01 / (1.0 + abs(around.loss))
    how = FitOptions(accuracy, max_iterations=options.max_iterations, tolerance=small, hops=0)
    fit(objective, lower, upper, starts.first(), how, following=starts.following)
    pairs = zip(walks[::2], walks[1::2], strict=True)
    return [_joined(below, above, around.loss, 0.5 * z**2) for below, above in pairs]


class _Starts:
    """Turns points that walks ask for into starts, and tells the walks how these ended."""

    def __init__(self, walks: list[_Walk]) -> None:
        self._walks = walks
        self._of: dict[int, _Walk] = {}

    def first(self) -> list[Start]:
        """Return the first start of every walk that has one."""
        starts = [self._next(walk) for walk in self._walks]
        return [start for start in starts if start is not None]

    def following(self, start: Start) -> Start | None:
        """Return what follows a start that has ended."""
        walk = self._of[start.number]
        walk.take(start.theta, start.loss if start.code is not StartCode.NOT_FINITE else np.inf)
        return self._next(walk)

    def _next(self, walk: _Walk) -> Start | None:
        point = walk.next()
        if point is None:
            return None
        number = len(self._of)
        self._of[number] = walk
        return Start(number, initial=point, theta=point, radius=0.5, held=(walk.parameter,))


class _Walk:
    """One direction of one parameter: the points made, and the next one."""

    def __init__(
        self,
        parameter: int,
        side: int,
        around: Uncertainty,
        bounds: tuple[np.ndarray, np.ndarray],
        units: np.ndarray,
        target: float,
        max_points: int,
    ) -> None:
        self.parameter = parameter
        self.code: EndCode | None = None
        self._side, self._bounds, self._target, self._max_points = side, bounds, target, max_points
        self._bound = bounds[side > 0][parameter]
        self._longest = _LONGEST * units[parameter]
        self._reference = around.loss
        self._aside, bend = _aside(around, bounds, units, parameter)
        slope = max(side * around.gradient[parameter], 0.0)
        # Where the parabola s d + ½ b d² reaches ½ r², in a form that does not cancel.
        bottom = slope + np.sqrt(slope**2 + bend * _STEP**2)
        self._expected = _STEP**2 / bottom if bottom > 0 else np.inf
        # Points with r not above the target, outward, and the nearest one above.
        self.inside: list[tuple[np.ndarray, float]] = [(around.theta, around.loss)]
        self.outside: list[tuple[np.ndarray, float]] = []
        self._n_corrections = self._n_failed = 0

    def take(self, point: np.ndarray, loss: float) -> None:
        """Note the least loss at a point that was asked for."""
        if not np.isfinite(loss):
            self._n_failed += 1
            if self._n_failed > _HALVINGS or self.outside:
                self.code = EndCode.CROSSED if self.outside else EndCode.FAILED
            return
        self._n_corrections += bool(self.outside)
        (self.outside if self._root(loss) > self._target else self.inside).append((point, loss))
        if not self.outside and point[self.parameter] == self._bound:
            self.code = EndCode.BOUND
        elif self.outside and self._is_met():
            self.code = EndCode.CROSSED
        elif len(self.inside) > self._max_points:
            self.code = EndCode.MOST_POINTS

    def next(self) -> np.ndarray | None:
        """Return the next point to fit from, None at the end."""
        if self.code is None and self.inside[-1][0][self.parameter] == self._bound:
            self.code = EndCode.BOUND
        if self.code is not None:
            return None
        return self._between() if self.outside else self._outward()

    @property
    def end(self) -> float:
        """Where the interval ends, by interpolation of r; the outermost value where it is open."""
        value = self.inside[-1][0][self.parameter]
        if not self.outside:
            return float(value)
        return float(value + self._part() * (self.outside[-1][0][self.parameter] - value))

    def _root(self, loss: float) -> float:
        return float(np.sqrt(max(2.0 * (loss - self._reference), 0.0)))

    def _part(self) -> float:
        """Return which part of the way from the last point inside to that outside the target is."""
        near, far = self._root(self.inside[-1][1]), self._root(self.outside[-1][1])
        return (self._target - near) / (far - near)

    def _is_met(self) -> bool:
        near, far = self._root(self.inside[-1][1]), self._root(self.outside[-1][1])
        is_near = min(self._target - near, far - self._target) < _NEAR
        return is_near or far - near < 1.2 * _STEP or self._n_corrections >= _CORRECTIONS

    def _between(self) -> np.ndarray:
        (near, _), (far, _) = self.inside[-1], self.outside[-1]
        return near + np.clip(self._part(), 0.1, 0.9) * (far - near)

    def _outward(self) -> np.ndarray:
        last, loss = self.inside[-1]
        at = last[self.parameter]
        if len(self.inside) == 1:
            step, along = self._expected, self._aside
        else:
            before, loss_before = self.inside[-2]
            width = at - before[self.parameter]
            along = (last - before) / width
            rise = (self._root(loss) - self._root(loss_before)) / abs(width)
            step = min(_STEP / rise if rise > 0 else np.inf, _GROWTH * abs(width))
        step = min(step, self._longest) * 0.5**self._n_failed
        value = at + self._side * step
        value = self._bound if self._side * (value - self._bound) >= 0 else value
        point = np.clip(last + along * (value - at), *self._bounds)
        point[self.parameter] = value
        return point


def _aside(
    around: Uncertainty, bounds: tuple[np.ndarray, np.ndarray], units: np.ndarray, k: int
) -> tuple[np.ndarray, float]:
    """Return dθ/dθₖ along the profile at the minimum, −F_oo⁻¹ F_ok for the others, and its curvature."""
    along = np.zeros(len(units))
    along[k] = 1.0
    is_low, is_high = on_bounds(around.theta, *bounds)
    others = np.flatnonzero(~(is_low | is_high) & (np.arange(len(units)) != k))
    scaled = around.information * np.outer(units, units)
    solved = np.linalg.lstsq(scaled[np.ix_(others, others)], -scaled[others, k], rcond=1e-10)[0]
    along[others] = solved * units[others] / units[k]
    return along, max(float(along @ around.information @ along), 0.0)


def _joined(below: _Walk, above: _Walk, reference: float, threshold: float) -> Profile:
    """Return both directions of a parameter as one profile."""
    k = below.parameter
    points = [*below.inside, *below.outside, *above.inside[1:], *above.outside]
    points.sort(key=lambda pair: pair[0][k])
    thetas, losses = np.array([point for point, _ in points]), np.array([loss for _, loss in points])
    best = int(np.argmin(losses))
    better = thetas[best] if losses[best] < reference - _LOWER else None
    return Profile(
        k, thetas[:, k], losses, thetas, below.end, above.end, below.code, above.code, threshold, better
    )


def _checked_parameters(
    parameters: int | Sequence[int] | None, lower: np.ndarray, upper: np.ndarray
) -> list[int]:
    n = len(lower)
    chosen = list(range(n)) if parameters is None else np.atleast_1d(parameters).tolist()
    for k in chosen:
        if not (isinstance(k, int) and 0 <= k < n):
            raise IcrnError(f"there is no parameter {k}: {n} are fitted, counted from 0")
        if lower[k] == upper[k]:
            raise IcrnError(f"parameter {k} has no profile: its bounds are both {lower[k]}")
    return chosen
