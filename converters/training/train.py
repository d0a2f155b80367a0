"""`train`: a problem fitted from many starts, checked at tighter tolerances."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from converters.engines.programs import float64
from converters.training.binding import BoundProblem, bind
from converters.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from converters.training.problem import ParameterPrior, TrainingProblem
from icrn_core.likelihood import prior_terms
from icrn_core.multistart import FitOptions, Start, draw_starts, fit, tightened_loss
from icrn_core.scales import from_linear, to_linear
from icrn_io.errors import ModelIOError

# By how much the loss may change when the tolerances are ten times tighter, over 1 + |loss|.
_STEADY = 1e-4


@dataclass(frozen=True)
class TrainingOptions:
    """How a problem is trained.

    Attributes
    ----------
    n_starts : int
        Number of starts.
    seed : int
        For everything that is drawn.
    sampling : {"latin-hypercube", "sobol", "uniform"}
        How starts are spread between the bounds.
    from_values : bool
        Whether the first start is at the values of the problem.
    fit : FitOptions
        Optimiser; its seed is replaced by this one.
    checkpoint : str or None
        File that holds where the fit has come to.
    interval : float
        Seconds between checkpoints.
    resume : bool
        Go on from the checkpoint, if there is one.
    workers : int
        Processes of this machine that share the starts, 0 for none but this one.
    cluster : str
        Address of a Dask scheduler whose workers share them.
    """

    n_starts: int = 20
    seed: int = 0
    sampling: str = "latin-hypercube"
    from_values: bool = False
    fit: FitOptions = field(default_factory=FitOptions)
    checkpoint: str | None = None
    interval: float = 10.0
    resume: bool = False
    workers: int = 0
    cluster: str = ""


@dataclass(frozen=True)
class Check:
    """The fit looked at again at ten times tighter tolerances.

    Attributes
    ----------
    loss, tight : float
        With the tolerances of the fit, and with tighter ones.
    """

    loss: float
    tight: float

    @property
    def is_stable(self) -> bool:
        """Whether both agree; what does not is an artefact of the integrator."""
        return bool(abs(self.tight - self.loss) <= _STEADY * (1 + abs(self.loss)))


@dataclass(frozen=True, eq=False)
class Fit:
    """What `train` returns.

    Attributes
    ----------
    bound : BoundProblem
        The problem and its objective.
    options : TrainingOptions
        How it was trained.
    starts : tuple of Start
        Where every start ended, the best first.
    likelihood : float
        Negative log-likelihood at the best point, without priors.
    check : Check
        The verdict at tighter tolerances.
    seconds, cpu_seconds : float
        Of the fit, compilation included.
    was_interrupted : bool
        Whether it was broken off.
    """

    bound: BoundProblem
    options: TrainingOptions
    starts: tuple[Start, ...]
    likelihood: float
    check: Check
    seconds: float
    cpu_seconds: float
    was_interrupted: bool = False

    @property
    def theta(self) -> np.ndarray:
        """The best point, on the scales of the parameters."""
        return self.starts[0].best

    @property
    def loss(self) -> float:
        """What was minimised, at the best point."""
        return self.starts[0].best_loss

    @property
    def values(self) -> dict[str, float]:
        """Fitted values by id."""
        return linear_values(self.bound, self.theta)

    @property
    def is_trained(self) -> bool:
        """Whether the result holds at tighter tolerances."""
        return self.check.is_stable


def linear_values(bound: BoundProblem, theta: np.ndarray) -> dict[str, float]:
    """Return values by id of a point on the scales of the parameters; bounds are met exactly."""
    with float64():
        values = np.array(to_linear(bound.objective.scales, jnp.asarray(theta)))
    parameters = bound.problem.fitted
    lower, upper = (np.array([getattr(p, name) for p in parameters]) for name in ("lower", "upper"))
    values = np.where(theta <= bound.lower, lower, np.where(theta >= bound.upper, upper, values))
    return {parameter.id: float(x) for parameter, x in zip(parameters, values, strict=True)}


def train(
    problem: TrainingProblem,
    options: TrainingOptions | None = None,
    on_round: Callable[[Sequence[Start]], None] | None = None,
) -> Fit:
    """Fit a problem from many starts.

    Parameters
    ----------
    problem : TrainingProblem
        Model, data and parameters.
    options : TrainingOptions, optional
        How.
    on_round : callable, optional
        Called with all starts after every round. A ``KeyboardInterrupt``, also of its own, ends
        the fit with the best point so far.

    Returns
    -------
    Fit

    Raises
    ------
    ModelIOError
        The problem does not fit the model, the checkpoint cannot be used, or no start has a
        point at which the model can be simulated.
    KeyboardInterrupt
        The fit was broken off before a point was found.
    """
    options = options or TrainingOptions()
    began, cpu = time.monotonic(), time.process_time()
    if not problem.fitted:
        raise ModelIOError("no parameter is to be fitted: mark at least one")
    bound = bind(problem)
    settings = replace(options.fit, seed=options.seed)
    with float64():
        starts, keep = _prepared(bound, options, settings)
        was_interrupted = False
        try:
            _run(bound, starts, options, settings, keep, on_round)
        except KeyboardInterrupt:
            was_interrupted = True
        keep(starts)
        return _finished(bound, options, starts, (began, cpu), was_interrupted)


def _prepared(
    bound: BoundProblem, options: TrainingOptions, settings: FitOptions
) -> tuple[list[Start], Callable[[list[Start]], None]]:
    """Return the starts, new or from the checkpoint, and what writes the checkpoint."""
    initial = initial_points(bound, options)
    key = fingerprint(bound, settings, initial)
    path = options.checkpoint
    starts = [Start(k, point, point.copy()) for k, point in enumerate(initial)]
    if options.resume and path is not None and Path(path).exists():
        starts = load_checkpoint(path, key)
    keep = partial(save_checkpoint, path, key) if path is not None else lambda _: None
    return starts, keep


def _run(
    bound: BoundProblem,
    starts: list[Start],
    options: TrainingOptions,
    settings: FitOptions,
    keep: Callable[[list[Start]], None],
    on_round: Callable[[Sequence[Start]], None] | None,
) -> None:
    """Run the starts here or elsewhere, and write a checkpoint every so often."""
    last = time.monotonic()

    def after(every: list[Start]) -> None:
        nonlocal last
        if time.monotonic() - last >= options.interval:
            keep(every)
            last = time.monotonic()
        if on_round is not None:
            on_round(every)

    if options.workers or options.cluster:
        from converters.training.cluster import fit_on_cluster

        fit_on_cluster(bound.problem, starts, settings, options.workers, options.cluster, after)
    else:
        fit(bound.objective, bound.lower, bound.upper, starts, settings, after)


def _finished(
    bound: BoundProblem,
    options: TrainingOptions,
    starts: list[Start],
    began: tuple[float, float],
    was_interrupted: bool,
) -> Fit:
    for start in starts:
        if start.loss < start.best_loss:
            start.best, start.best_loss = start.theta, start.loss
    if all(start.best is None for start in starts):
        if was_interrupted:  # before anything was found, as while compiling
            raise KeyboardInterrupt
        raise ModelIOError(
            "the model could not be simulated at any of the points that were tried, or an observable or its "
            "noise has no finite value there: narrow the bounds, raise --max-steps, or look at a run with "
            "icrn-simulate"
        )
    ranked = tuple(sorted(starts, key=lambda start: (start.best_loss, start.number)))
    best = ranked[0]
    accuracy, objective = options.fit.accuracy, bound.objective
    prior = float(prior_terms(objective, jnp.asarray(best.best)[:, None])[0])
    check = Check(best.best_loss, tightened_loss(objective, best.best, accuracy, options.n_starts))
    seconds, cpu = time.monotonic() - began[0], time.process_time() - began[1]
    return Fit(bound, options, ranked, best.best_loss - prior, check, seconds, cpu, was_interrupted)


def initial_points(bound: BoundProblem, options: TrainingOptions) -> np.ndarray:
    """Return where the starts begin, ``(n_starts, n_fitted)``."""
    lower, upper = _drawing_box(bound)
    points = draw_starts(lower, upper, options.n_starts, options.seed, options.sampling)
    random = np.random.default_rng([options.seed, 1])
    for k, parameter in enumerate(bound.problem.fitted):
        if parameter.start is not None:
            drawn = _from_prior(parameter.start, bound.objective.scales[k], options.n_starts, random)
            points[:, k] = np.clip(drawn, bound.lower[k], bound.upper[k])
    if options.from_values:
        known = np.isfinite(bound.nominal)
        _check_nominal(bound, known)
        points[0] = np.where(known, bound.nominal, points[0])
    return points


def _drawing_box(bound: BoundProblem) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds on the scales, any where a distribution of start values is given instead."""
    lower, upper = bound.lower.copy(), bound.upper.copy()
    for k, parameter in enumerate(bound.problem.fitted):
        if (np.isfinite(lower[k]) and np.isfinite(upper[k])) or parameter.start is not None:
            lower[k], upper[k] = (np.nan_to_num(x, neginf=-1.0, posinf=1.0) for x in (lower[k], upper[k]))
            continue
        raise ModelIOError(
            f"parameter '{parameter.id}' has no finite bounds on its {parameter.scale} scale "
            f"({parameter.lower:g} to {parameter.upper:g}): starts are drawn between them, give both"
        )
    return lower, upper


def _from_prior(prior: ParameterPrior, scale: int, n: int, random: np.random.Generator) -> np.ndarray:
    """Return draws on the scale of a parameter."""
    a, b = (*prior.parameters, 0.0)[:2]
    draws = {
        "uniform": lambda: random.uniform(a, b, n),
        "normal": lambda: random.normal(a, b, n),
        "laplace": lambda: random.laplace(a, b, n),
        "log-normal": lambda: np.exp(random.normal(a, b, n)),
        "log-laplace": lambda: np.exp(random.laplace(a, b, n)),
        "log-uniform": lambda: np.exp(random.uniform(np.log(a), np.log(b), n)),
        "cauchy": lambda: a + b * random.standard_cauchy(n),
        "chisquare": lambda: random.chisquare(a, n),
        "exponential": lambda: random.exponential(a, n),
        "gamma": lambda: random.gamma(a, b, n),
        "rayleigh": lambda: random.rayleigh(a, n),
    }
    drawn = draws[prior.kind]()
    return drawn if prior.on_scale else from_linear(np.full(n, scale), drawn)


def _check_nominal(bound: BoundProblem, known: np.ndarray) -> None:
    outside = known & ~((bound.nominal >= bound.lower) & (bound.nominal <= bound.upper))
    if outside.any():
        parameter = bound.problem.fitted[int(np.flatnonzero(outside)[0])]
        raise ModelIOError(
            f"the value of '{parameter.id}', {parameter.value:g}, lies outside its bounds, "
            f"{parameter.lower:g} to {parameter.upper:g}: widen them, or change the value"
        )
