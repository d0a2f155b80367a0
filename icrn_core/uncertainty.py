"""What a fit says about its parameters: standard errors, correlations, and what stays open.

With the expected Fisher information F(θ) of an `icrn_core.objective.Objective` at its minimum, the
covariance of the parameters, on their scales, is about F⁻¹, and Wald's interval of a parameter is
θₖ ± z √(F⁻¹)ₖₖ with the normal quantile z (Seber and Wild, Nonlinear Regression, 1989, ch. 5).
A likelihood that is no parabola is followed by `icrn_core.profiles` instead. Where a model does not
fit its data, the *observed* information, the Hessian of the loss, can differ much from the
expected one; it is found by central differences of the gradient (Efron and Hinkley, Biometrika
65, 1978).

Parameters on a bound are taken as fixed. A parameter that takes part in a direction in which F is
singular has an infinite standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import jax.numpy as jnp
import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.identifiability import Direction, loose_directions, spectrum
from icrn_core.multistart import curvature_program, step_units
from icrn_core.objective import Accuracy, Objective
from icrn_core.scales import SCALES, to_linear

# Longest step of differences, in units of a factor ten, the most points side by side.
_STEP, _LANES = 1e-2, 32
# Shortest one, in units of a factor ten, or as part of a value on a linear scale.
_LEAST_STEP = 1e-4
# Share of an undetermined direction from which on a parameter takes part in it.
_TAKES_PART = 1e-3
# Sensitivities are trusted to so many times the tolerance of the runs.
_TRUST = 10.0
# How far on the way to points drawn in the box the rank of the information is looked at.
_AWAY = (0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Uncertainty of parameters, on their scales where nothing else is said.

    Attributes
    ----------
    names : tuple of str
        What the parameters are called.
    theta, values : (n_fitted,) float
        The point, and as linear values.
    loss : float
        The loss there.
    gradient, information : (n_fitted,), (n_fitted, n_fitted) float
        Gradient of the loss and Fisher information, expected or observed, priors included.
    covariance, correlation : (n_fitted, n_fitted) float
        Of the parameters; ``inf`` and the limit where a direction is undetermined, NaN for
        parameters on a bound.
    standard_errors : (n_fitted,) float
        ``inf`` where undetermined, NaN on a bound.
    low, high, linear_low, linear_high : (n_fitted,) float
        Wald intervals, on the scales and as linear values. Bounds do not cut them.
    level : float
        Their level.
    at_lower, at_upper : tuple of int
        Parameters that lie on a bound, taken as fixed.
    directions : tuple of Direction
        What the data do not determine.
    note : str
        What else restricts the numbers.
    """

    names: tuple[str, ...]
    theta: np.ndarray
    values: np.ndarray
    loss: float
    gradient: np.ndarray
    information: np.ndarray
    covariance: np.ndarray
    correlation: np.ndarray
    standard_errors: np.ndarray
    low: np.ndarray
    high: np.ndarray
    linear_low: np.ndarray
    linear_high: np.ndarray
    level: float
    at_lower: tuple[int, ...]
    at_upper: tuple[int, ...]
    directions: tuple[Direction, ...]
    note: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What restricts the numbers, in words."""
        sides = ((self.at_lower, "lower"), (self.at_upper, "upper"))
        bounds = [
            f"'{self.names[k]}' lies at its {side} bound {self.values[k]:.4g} and is taken as fixed"
            for own, side in sides
            for k in own
        ]
        note = (self.note,) if self.note else ()
        return (*note, *bounds, *(direction.text for direction in self.directions))


def fisher(
    objective: Objective,
    theta: np.ndarray,
    accuracy: Accuracy | None = None,
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    level: float = 0.95,
    observed: bool = False,
) -> Uncertainty:
    """Return what the Fisher information says about the parameters at a minimum of the loss.

    Parameters
    ----------
    objective : Objective
        What was minimised.
    theta : (n_fitted,) float
        The minimum, on the scales of the parameters.
    accuracy : Accuracy, optional
        Tolerances of the runs.
    lower, upper : (n_fitted,) float, optional
        Bounds on the scales, infinite if not given.
    names : sequence of str, optional
        What the parameters are called, θ0, θ1, … if not given.
    level : float
        Of the intervals.
    observed : bool
        Whether to take the observed information where the expected one is not singular.

    Raises
    ------
    IcrnError
        Something has the wrong length or lies outside its range, or a run fails at θ.
    """
    accuracy = accuracy or Accuracy()
    theta, lower, upper = checked_point(objective, theta, lower, upper)
    names = _checked_names(names, objective.n_fitted)
    z = quantile(level)
    units = step_units(objective, lower, upper)
    found = curvature_program()(objective, jnp.asarray(theta[:, None]), accuracy=accuracy)
    loss, gradient, information = (np.asarray(x[0]) for x in found)
    if not (np.isfinite(loss) and np.isfinite(information).all()):
        raise IcrnError("the loss or its derivatives are not finite at this point: a run fails there")
    at_lower, at_upper = on_bounds(theta, lower, upper)
    free_units = np.where(at_lower | at_upper, 0.0, units)
    relative = (_TRUST * accuracy.rtol) ** 2
    if observed:
        information = _observed(objective, theta, accuracy, information, free_units, relative)
    covariance, correlation = _covariance(information, free_units, relative)
    errors = np.sqrt(np.diag(covariance))
    elsewhere = ()
    if np.isinf(errors).any():
        elsewhere = _information_away(objective, accuracy, _points_away(theta, lower, upper, units))
    low, high = theta - z * errors, theta + z * errors
    return Uncertainty(
        names,
        theta,
        *_linear(objective, theta),
        float(loss),
        gradient,
        information,
        covariance,
        correlation,
        errors,
        low,
        high,
        *_linear(objective, low, high),
        level,
        tuple(map(int, np.flatnonzero(at_lower))),
        tuple(map(int, np.flatnonzero(at_upper))),
        loose_directions(information, free_units, objective.scales, names, relative, elsewhere),
    )


def _observed(
    objective: Objective,
    theta: np.ndarray,
    accuracy: Accuracy,
    expected: np.ndarray,
    units: np.ndarray,
    relative: float,
) -> np.ndarray:
    """Return the Hessian of the loss, zero along directions in which the expected one is singular."""
    free = np.flatnonzero(units)
    steps = _difference_steps(objective, theta, expected, units)
    moves = np.diag(steps)[free]
    points = np.concatenate([theta + moves, theta - moves])
    n = min(_LANES, len(points))
    slopes = []
    for first in range(0, len(points), max(n, 1)):
        part = points[first : first + n]
        filled = np.concatenate([part, np.repeat(part[-1:], n - len(part), axis=0)])
        found = curvature_program()(objective, jnp.asarray(filled.T), accuracy=accuracy.tightened())
        slopes.append(np.asarray(found.gradient)[: len(part), free] * units[free])
    slopes = np.concatenate([np.zeros((0, len(free))), *slopes])
    if not np.isfinite(slopes).all():
        raise IcrnError("the gradient is not finite near this point: a run fails there")
    hessian = (slopes[: len(free)] - slopes[len(free) :]) / (2 * steps[free] / units[free])[:, None]
    by = np.outer(units[free], units[free])
    values, vectors, rounding = spectrum(expected[np.ix_(free, free)] * by, relative)
    closed = vectors[:, values > rounding]
    onto = closed @ closed.T
    whole = np.zeros_like(expected)
    whole[np.ix_(free, free)] = onto @ (0.5 * (hessian + hessian.T)) @ onto / by
    return whole


def _difference_steps(
    objective: Objective, theta: np.ndarray, expected: np.ndarray, units: np.ndarray
) -> np.ndarray:
    """Return steps of differences on the scales of the parameters.

    A part of the standard error with all others known: further away the loss is no parabola, and
    what is determined sharply gave an indefinite Hessian. Not below what runs resolve.
    """
    with np.errstate(divide="ignore"):
        alone = 1.0 / np.sqrt(np.diag(expected))
    is_linear = objective.scales == SCALES.index("lin")
    least = _LEAST_STEP * np.where(is_linear, np.abs(theta), units)
    return np.minimum(_STEP * units, np.maximum(0.3 * alone, least))


def _linear(objective: Objective, *points: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(to_linear(objective.scales, jnp.asarray(point))) for point in points]


def _covariance(information: np.ndarray, units: np.ndarray, relative: float) -> tuple[np.ndarray, np.ndarray]:
    """Return covariance and correlation, in the limit where variance in singular directions is infinite."""
    n = len(units)
    covariance, correlation = np.full((n, n), np.nan), np.full((n, n), np.nan)
    free = np.flatnonzero(units)
    inside = np.ix_(free, free)
    by = np.outer(units[free], units[free])
    values, vectors, rounding = spectrum(information[inside] * by, relative)
    is_open = values <= rounding
    closed, null = vectors[:, ~is_open], vectors[:, is_open]
    finite = (closed / values[~is_open]) @ closed.T
    spread = null @ null.T
    takes_part = np.sqrt(np.diag(spread)) > _TAKES_PART
    both = np.outer(takes_part, takes_part) & (np.abs(spread) > _TAKES_PART**2)
    covariance[inside] = np.where(both, np.copysign(np.inf, spread), finite * by)
    limit = np.where(takes_part[:, None] & takes_part, spread, np.where(both.any(axis=1), 0.0, finite))
    limit = np.where(takes_part[:, None] & ~takes_part, 0.0, limit)
    size = np.sqrt(np.diag(limit))
    correlation[inside] = np.clip(limit / np.outer(size, size), -1.0, 1.0)
    return covariance, correlation


def _points_away(
    theta: np.ndarray, lower: np.ndarray, upper: np.ndarray, units: np.ndarray
) -> list[np.ndarray]:
    """Return points on the way to some drawn in the box, five steps wide where it is open."""
    low = np.where(np.isfinite(lower), lower, theta - 5 * units)
    high = np.where(np.isfinite(upper), upper, theta + 5 * units)
    random = np.random.default_rng(0)
    return [theta + way * (random.uniform(low, high) - theta) for way in _AWAY]


def _information_away(objective: Objective, accuracy: Accuracy, points: list[np.ndarray]) -> list[np.ndarray]:
    """Return the information at those points where no run fails."""
    # One at a time: the program is that of the minimum.
    found = [curvature_program()(objective, jnp.asarray(p[:, None]), accuracy=accuracy) for p in points]
    return [np.asarray(x.hessian[0]) for x in found if jnp.isfinite(x.loss[0] + x.hessian.sum())]


def quantile(level: float) -> float:
    """Return z with P(|Z| ≤ z) = level, Z standard normal; raise `IcrnError` for no level."""
    if not 0.0 < level < 1.0:
        raise IcrnError(f"the level of an interval lies between 0 and 1, and {level} was given")
    return NormalDist().inv_cdf(0.5 * (1.0 + level))


def on_bounds(theta: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which parameters lie on the lower and on the upper bound, to rounding."""
    small = 1e-9 * np.maximum(1.0, np.abs(theta))
    is_low = theta - lower <= small
    return is_low, (upper - theta <= small) & ~is_low


def checked_point(
    objective: Objective, theta: np.ndarray, lower: np.ndarray | None, upper: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a point and its bounds as arrays; raise `IcrnError` if they do not fit."""
    n = objective.n_fitted
    lower = np.full(n, -np.inf) if lower is None else lower
    upper = np.full(n, np.inf) if upper is None else upper
    theta, lower, upper = (np.asarray(x, dtype=float) for x in (theta, lower, upper))
    for name, x in (("point", theta), ("lower bounds", lower), ("upper bounds", upper)):
        if x.shape != (n,):
            raise IcrnError(f"{name}: expected shape ({n},) for the parameters fitted, found {x.shape}")
    outside = np.flatnonzero(~((theta >= lower) & (theta <= upper)))
    if len(outside):
        k = outside[0]
        raise IcrnError(f"parameter {k} is {theta[k]}, outside its bounds [{lower[k]}, {upper[k]}]")
    return theta, lower, upper


def _checked_names(names: Sequence[str] | None, n: int) -> tuple[str, ...]:
    names = tuple(f"θ{k}" for k in range(n)) if names is None else tuple(names)
    if len(names) != n:
        raise IcrnError(f"{len(names)} names were given for {n} parameters")
    return names
