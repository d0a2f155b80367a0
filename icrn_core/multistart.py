"""`fit`: many starts of a trust region with Gauss–Newton curvature, side by side.

Every round asks for the curvature where a start has moved to, all starts as lanes of one solve,
and then for the loss at several lengths of the step at once: a loss costs a small part of a
curvature, so that a radius too long or too short costs no round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from icrn_core import kernel
from icrn_core.errors import IcrnError
from icrn_core.likelihood import curvature, losses
from icrn_core.objective import Accuracy, Objective
from icrn_core.scales import SCALES
from icrn_core.trust_region import bounded_step, model_change, updated_secant

# Lengths of a step that are tried together, in units of the radius.
_LENGTHS = (4.0, 1.0, 0.25, 0.0625)
_SHORTEST = 1e-7
# Rounds over which there has to be noticeable progress, else a start counts as converged.
_PATIENCE = 10
# Points that are drawn for a start until runs succeed there.
_MOST_DRAWS = 20
# Lanes that one evaluation of the curvature fills, if there are as many.
_LANES = 64


class StartCode(IntEnum):
    """How a start ended."""

    WAITING = 0
    CONVERGED = 1
    MAX_ITERATIONS = 2
    NOT_FINITE = 3

    @property
    def message(self) -> str:
        """What happened, in words."""
        return ("waiting", "converged", "the most iterations were made", "no run succeeds at the start")[self]


_ARRAYS = ("initial", "theta", "best", "secant", "last_step", "last_gradient", "gradient", "information")


@dataclass(eq=False)
class Start:
    """One start and where it has come to.

    Attributes
    ----------
    number : int
        Its number.
    initial, theta : (n_fitted,) float
        Where it began and where it is, on the scales of the parameters.
    loss : float
        There; ``inf`` before the first evaluation.
    radius : float
        Of the trust region.
    code : StartCode
        How it ended.
    n_iterations, n_failed, n_hops : int
        Rounds since the last hop, points at which runs failed, and hops.
    best, best_loss
        The best point of all descents, and the loss there.
    secant, last_step, last_gradient
        What the Hessian has beside the Fisher information, as steps have shown it, and the last
        step taken and the gradient before it, in units of `step_units`.
    gradient, information
        Gradient and Fisher information at ``theta``, in the same units; None where they are yet
        to be found.
    history : list of float
        Loss after every round.
    held : tuple of int
        Parameters that stay as they are.
    """

    number: int
    initial: np.ndarray
    theta: np.ndarray
    loss: float = np.inf
    radius: float = 1.0
    code: StartCode = StartCode.WAITING
    n_iterations: int = 0
    n_failed: int = 0
    n_hops: int = 0
    best: np.ndarray | None = None
    secant: np.ndarray | None = None
    last_step: np.ndarray | None = None
    last_gradient: np.ndarray | None = None
    gradient: np.ndarray | None = None
    information: np.ndarray | None = None
    best_loss: float = np.inf
    history: list[float] = field(default_factory=list)
    held: tuple[int, ...] = ()

    def record(self) -> dict[str, object]:
        """Return everything as plain values, from which `from_record` makes the start again."""
        arrays = {name: x.tolist() for name, x in vars(self).items() if isinstance(x, np.ndarray)}
        return {**vars(self), **arrays, "code": int(self.code)}

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Start:
        """Return the start that `record` described."""
        arrays = {name: np.array(record[name], dtype=float) for name in _ARRAYS if record[name] is not None}
        held = tuple(record.get("held", ()))
        return cls(**{**record, **arrays, "held": held, "code": StartCode(record["code"])})


@dataclass(frozen=True)
class FitOptions:
    """How a fit is made.

    Attributes
    ----------
    accuracy : Accuracy
        Tolerances of the runs.
    max_iterations : int
        Most rounds of one descent.
    tolerance : float
        Progress of ten rounds below this part of 1 + |loss| is none.
    rough : float
        The same for descents that are followed by a hop: what crawls along a valley far from
        the best is not worth the time, and the best point is descended from again at the end.
    hops : int
        How often a start that has converged goes on from its best point with some parameters
        drawn anew: local minima with parameters on their bounds are left like that.
    seed : int
        For these draws.
    """

    accuracy: Accuracy = field(default_factory=Accuracy)
    max_iterations: int = 500
    tolerance: float = 1e-7
    rough: float = 1e-5
    hops: int = 3
    seed: int = 0


def fit(
    objective: Objective,
    lower: np.ndarray,
    upper: np.ndarray,
    starts: Iterable[Start],
    options: FitOptions | None = None,
    on_round: Callable[[list[Start]], None] | None = None,
    following: Callable[[Start], Start | None] | None = None,
) -> list[Start]:
    """Minimise an objective from many starts.

    Parameters
    ----------
    objective : Objective
        What is minimised.
    lower, upper : (n_fitted,)
        Bounds on the scales of the parameters.
    starts : iterable of Start
        Where to begin, or go on: a start that has ended is left as it is.
    options : FitOptions, optional
        How.
    on_round : callable, optional
        Called with all starts after every round; what it raises ends the fit.
    following : callable, optional
        Called with each start when it has ended; a start that it returns, of a new number, is
        made as well. The compiled programs and the lanes are those of the others.

    Returns
    -------
    list of Start
        The same starts, changed in place, by number, and those that followed.

    Raises
    ------
    IcrnError
        A start lies outside the bounds or has another length.
    """
    options = options or FitOptions()
    every = sorted(starts, key=lambda start: start.number)
    check_starts(objective, lower, upper, every)
    rounds = _Rounds(objective, lower, upper, options)
    rounds.run(every, on_round or (lambda _: None), following or (lambda _: None))
    return every


def check_starts(objective: Objective, lower: np.ndarray, upper: np.ndarray, starts: list[Start]) -> None:
    """Raise `IcrnError` if a start has the wrong length or lies outside the bounds."""
    for start in starts:
        if np.shape(start.theta) != (objective.n_fitted,):
            raise IcrnError(
                f"start {start.number} has shape {np.shape(start.theta)}, "
                f"and {objective.n_fitted} parameters are fitted"
            )
        outside = np.flatnonzero(~((start.theta >= lower) & (start.theta <= upper)))
        if len(outside):
            k = outside[0]
            raise IcrnError(
                f"start {start.number}: parameter {k} is {start.theta[k]} on its scale, outside its bounds "
                f"[{lower[k]}, {upper[k]}]"
            )


def _total(objective: Objective, accuracy: Accuracy, theta: jnp.ndarray, tolerances: tuple) -> jnp.ndarray:
    rtol, atol = tolerances
    return losses(objective, theta, replace(accuracy, rtol=rtol, atol=atol))[0]


def _tolerances(accuracy: Accuracy) -> tuple[float, float]:
    """Return the tolerances as arguments of a program, an absolute one that is not given as NaN."""
    return accuracy.rtol, np.nan if accuracy.atol is None else accuracy.atol


@cache
def _loss_program() -> Callable:
    """Return one program for each objective, accuracy and number of points, however many fits are made."""
    return jax.jit(_total, static_argnums=(0, 1), compiler_options=kernel.compiler_options())


@cache
def curvature_program() -> Callable:
    """Return `curvature` compiled, as `_loss_program`."""
    return jax.jit(
        curvature, static_argnames=("objective", "accuracy"), compiler_options=kernel.compiler_options()
    )


def _losses(
    objective: Objective, accuracy: Accuracy, tolerances: tuple[float, float], theta: jnp.ndarray
) -> jnp.ndarray:
    return _loss_program()(objective, accuracy, theta, tolerances)


def _batch_size(objective: Objective, n_starts: int) -> int:
    """Return how many starts are looked at together."""
    return max(1, min(_LANES // objective.n_runs, n_starts))


def tightened_loss(
    objective: Objective, theta: np.ndarray, accuracy: Accuracy, n_starts: int, factor: float = 10.0
) -> float:
    """Return the loss at tolerances smaller by a factor, by the program of a fit with so many starts."""
    n = 2 * len(_LENGTHS) * _batch_size(objective, n_starts)
    points = jnp.repeat(jnp.asarray(theta)[:, None], n, axis=1)
    return float(_losses(objective, accuracy, _tolerances(accuracy.tightened(factor)), points)[0])


class _Rounds:
    """The loop; a batch holds so many starts, others wait until one ends."""

    def __init__(
        self, objective: Objective, lower: np.ndarray, upper: np.ndarray, options: FitOptions
    ) -> None:
        self._objective = objective
        self._lower, self._upper, self._options = lower, upper, options
        self._loss = partial(_losses, objective, options.accuracy, _tolerances(options.accuracy))
        self._curvature = partial(curvature_program(), objective, accuracy=options.accuracy)
        self._units = step_units(objective, lower, upper)

    def run(
        self,
        every: list[Start],
        on_round: Callable[[list[Start]], None],
        following: Callable[[Start], Start | None],
    ) -> None:
        """Go on until every start has ended, and those that follow."""
        waiting = [start for start in every if start.code is StartCode.WAITING]
        # Of all starts, so that a fit that goes on computes what it would have computed.
        self._n_batch = _batch_size(self._objective, len(every))
        while waiting:
            batch = waiting[: self._n_batch]
            self._bend(batch)
            live = [start for start in batch if start.gradient is not None]
            if live:
                self._move(live)
            on_round(every)
            after = [following(start) for start in batch if start.code is not StartCode.WAITING]
            after = [start for start in after if start is not None]
            check_starts(self._objective, self._lower, self._upper, after)
            every.extend(after)
            waiting = [start for start in (*waiting, *after) if start.code is StartCode.WAITING]

    def _bend(self, batch: list[Start]) -> None:
        """Find gradient and curvature of those that have moved."""
        moved = [start for start in batch if start.gradient is None]
        if not moved:
            return
        found = self._curvature(self._padded([start.theta for start in moved], self._n_batch))
        values = [np.asarray(x) for x in found]
        for k, start in enumerate(moved):
            loss, gradient, hessian = (x[k] for x in values)
            if not np.isfinite(loss) or not np.isfinite(hessian).all():
                start.n_failed += 1
                self._end(start, StartCode.NOT_FINITE)
                continue
            start.loss = float(loss)
            if not start.n_iterations:
                start.history.append(start.loss)
            units = self._units.copy()
            units[list(start.held)] = 0.0
            gradient, hessian = gradient * units, hessian * np.outer(units, units)
            if start.last_step is not None:
                change = gradient - start.last_gradient - hessian @ start.last_step
                start.secant = updated_secant(start.secant, start.last_step, change)
                start.last_step = start.last_gradient = None
            start.gradient, start.information = gradient, hessian

    def _padded(self, rows: list[np.ndarray], n: int) -> jnp.ndarray:
        return jnp.asarray(np.stack([*rows, *[rows[-1]] * (n - len(rows))], axis=1))

    def _move(self, batch: list[Start]) -> None:
        """Try steps of several lengths, of both models, from every start and take the best."""
        n = 2 * len(_LENGTHS)
        steps = [self._steps(start) for start in batch]
        points = [
            np.clip(start.theta + step * self._units, self._lower, self._upper)
            for start, own in zip(batch, steps, strict=True)
            for step, _ in own
        ]
        found = np.asarray(self._loss(self._padded(points, n * self._n_batch)))[: len(points)]
        for k, start in enumerate(batch):
            own = slice(n * k, n * k + n)
            self._judge(start, steps[k], points[own], found[own])

    def _steps(self, start: Start) -> list[tuple[np.ndarray, float]]:
        """Return steps with the change that their model predicts."""
        down, up = (self._lower - start.theta) / self._units, (self._upper - start.theta) / self._units
        down[list(start.held)] = up[list(start.held)] = 0.0
        gradient, information = start.gradient, start.information
        models = [information, information if start.secant is None else information + start.secant]
        found = []
        for model in models:
            for length in _LENGTHS:
                step = bounded_step(gradient, model, (down, up), length * start.radius)
                found.append((step, model_change(gradient, model, step)))
        return found

    def _judge(
        self,
        start: Start,
        steps: list[tuple[np.ndarray, float]],
        points: list[np.ndarray],
        found: np.ndarray,
    ) -> None:
        """Take the best of the steps that were tried, or none; set the next radius."""
        start.n_iterations += 1
        start.n_failed += int((~np.isfinite(found)).sum())
        is_last = start.n_hops > self._options.hops or not self._options.hops
        small = (self._options.tolerance if is_last else self._options.rough) * (1.0 + abs(start.loss))
        predicted = [change for _, change in steps]
        best = int(np.argmin(np.where(np.isfinite(found), found, np.inf)))
        gain = start.loss - found[best]
        if np.isfinite(gain) and gain > 0:
            step = steps[best][0]
            length = float(np.linalg.norm(step))
            agrees = gain > 0.75 * -predicted[best]
            start.radius = max(
                length * (2.0 if agrees else 1.0 if gain > 0.25 * -predicted[best] else 0.5), _SHORTEST
            )
            start.theta, start.loss = points[best], float(found[best])
            start.last_step, start.last_gradient = step, start.gradient
            start.gradient = start.information = None
        else:
            start.radius *= _LENGTHS[-1] / 4
        start.history.append(start.loss)
        recent = start.history[-_PATIENCE - 1 :] if start.n_iterations >= _PATIENCE else [np.inf]
        is_flat = -min(predicted) < 1e-3 * small or recent[0] - start.loss < small
        if start.radius < _SHORTEST or is_flat:
            self._end(start, StartCode.CONVERGED)
        elif start.n_iterations >= self._options.max_iterations:
            self._end(start, StartCode.MAX_ITERATIONS)

    def _end(self, start: Start, code: StartCode) -> None:
        """End a descent: hop from the best point found, descend from it again, or end the start."""
        start.gradient = start.information = None
        if start.loss < start.best_loss:
            start.best, start.best_loss = start.theta, start.loss
        if start.best is None and start.n_failed < _MOST_DRAWS:
            start.theta = self._drawn(start, start.n_failed)
            return
        hops = self._options.hops
        if start.best is None or start.n_hops > hops or not hops:
            start.code = code
            if start.best is not None:
                start.theta, start.loss = start.best, start.best_loss
            return
        start.n_hops += 1
        start.n_iterations = 0
        start.radius, start.loss = 1.0, np.inf
        start.secant = start.last_step = start.last_gradient = None
        start.theta = start.best if start.n_hops > hops else self._hopped(start)

    def _hopped(self, start: Start) -> np.ndarray:
        """Return the best point with one parameter drawn anew, or every other time with a quarter of them."""
        drawn = self._drawn(start, start.n_hops)
        random = np.random.default_rng([self._options.seed, start.number, start.n_hops, 1])
        free = np.setdiff1d(np.arange(len(drawn)), start.held)
        chosen = random.permutation(free)[: 1 if start.n_hops % 2 else max(1, len(free) // 4)]
        return np.where(np.isin(np.arange(len(drawn)), chosen), drawn, start.best)

    def _drawn(self, start: Start, number: int) -> np.ndarray:
        """Return a point drawn between the bounds, or five units around where one is missing."""
        center = start.initial if start.best is None else start.best
        low = np.where(np.isfinite(self._lower), self._lower, center - 5 * self._units)
        high = np.where(np.isfinite(self._upper), self._upper, center + 5 * self._units)
        drawn = np.random.default_rng([self._options.seed, start.number, number]).uniform(low, high)
        drawn[list(start.held)] = center[list(start.held)]
        return drawn


def step_units(objective: Objective, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return what counts as a step of one: a factor of ten, or a tenth of the range on a linear scale.

    Parameters
    ----------
    lower, upper : (n_fitted,)
        Bounds on the scales of the parameters; a linear scale without them counts as ten wide.
    """
    width = np.where(np.isfinite(upper - lower) & (upper > lower), upper - lower, 10.0)
    kinds = objective.scales
    return np.select(
        [kinds == SCALES.index("lin"), kinds == SCALES.index("log")], [0.1 * width, np.log(10.0)], 1.0
    )


def draw_starts(
    lower: np.ndarray, upper: np.ndarray, n: int, seed: int, method: str = "latin-hypercube"
) -> np.ndarray:
    """Return points spread over a box, ``(n, n_fitted)``.

    Parameters
    ----------
    method : {"latin-hypercube", "sobol", "uniform"}
        How they are spread.

    Raises
    ------
    IcrnError
        A bound is missing, or the method is unknown.
    """
    from scipy.stats import qmc

    if not (np.isfinite(lower) & np.isfinite(upper)).all():
        k = int(np.flatnonzero(~(np.isfinite(lower) & np.isfinite(upper)))[0])
        raise IcrnError(
            f"parameter {k} has no finite bounds on its scale, between which starts could be drawn"
        )
    samplers = {
        "latin-hypercube": lambda d: qmc.LatinHypercube(d, rng=np.random.default_rng(seed)).random(n),
        "sobol": lambda d: qmc.Sobol(d, rng=np.random.default_rng(seed)).random_base2((n - 1).bit_length())[
            :n
        ],
        "uniform": lambda d: np.random.default_rng(seed).random((n, d)),
    }
    if method not in samplers:
        raise IcrnError(f"no sampling is called '{method}' (there are: {', '.join(samplers)})")
    return lower + samplers[method](len(lower)) * (upper - lower)
