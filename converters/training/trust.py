"""What a fit says about its parameters: errors, intervals, profiles, and what data leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from converters.engines.programs import float64
from converters.training.csv_file import did_you_mean
from converters.training.problem import TrainingProblem
from converters.training.train import Fit
from icrn_core.errors import IcrnError
from icrn_core.profiles import Profile, ProfileOptions, profile
from icrn_core.scales import SCALES, to_linear
from icrn_core.uncertainty import Uncertainty, fisher
from icrn_io.errors import ModelIOError

_EXPECTED = (
    "standard errors are from the expected Fisher information: runs fail so close to the best point that "
    "the Hessian is not known"
)


def uncertainty(fit: Fit) -> Uncertainty | None:
    """Return standard errors and intervals from the observed information at the best point.

    Where a run near that point fails, the expected information takes its place, with a note; None
    where the derivatives are not finite.
    """
    bound, names = fit.bound, [p.id for p in fit.bound.problem.fitted]
    given = (bound.objective, fit.theta, fit.options.fit.accuracy, bound.lower, bound.upper, names)
    with float64():
        for observed in (True, False):
            try:
                return replace(fisher(*given, observed=observed), note="" if observed else _EXPECTED)
            except IcrnError:
                continue
    return None


def check_profiled(problem: TrainingProblem, patterns: Sequence[str]) -> None:
    """Raise `ModelIOError` if a pattern for profile likelihoods names no fitted parameter."""
    names = [p.id for p in problem.fitted]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = did_you_mean(pattern, names) or f"there are {', '.join(names[:8])}"
            raise ModelIOError(f"--profile-likelihood {pattern}: no fitted parameter is called so: {near}")


def exact_fits(fit: Fit) -> list[str]:
    """Return a sentence for each noise parameter that has gone to its lower bound.

    Where the model meets all data of an observable, the likelihood has no bound as σ falls.
    """
    bound = fit.bound
    noises = _noise_names(bound.problem)
    own = [p.id for k, p in enumerate(bound.problem.fitted) if fit.theta[k] <= bound.lower[k]]
    return [
        f"the noise '{name}' lies at its lower bound: the data are met exactly, or too few, and the "
        "likelihood and all intervals follow from that bound; give sd with the data"
        for name in own
        if name in noises
    ]


def _noise_names(problem: TrainingProblem) -> set[str]:
    """Return every id that a noise formula names, itself or by what a measurement gives."""
    observables = {observable.id: observable for observable in problem.observables}
    found: set[str] = set()
    for measurement in problem.measurements:
        observable = observables[measurement.observable]
        own = {node.payload for node in observable.noise if node.op == "symbol"}
        given = dict(zip(observable.placeholders, measurement.given, strict=True))
        named = (node.payload for name in own & set(given) for node in given[name] if node.op == "symbol")
        found |= own | set(named)
    return found


def profiles(fit: Fit, patterns: Sequence[str], around: Uncertainty | None = None) -> dict[str, Profile]:
    """Return the profile likelihoods of the parameters that shell patterns name.

    Raises
    ------
    ModelIOError
        A pattern names no fitted parameter, or a run fails at the best point.
    """
    check_profiled(fit.bound.problem, patterns)
    names = [p.id for p in fit.bound.problem.fitted]
    chosen = [k for k, name in enumerate(names) if any(fnmatchcase(name, pattern) for pattern in patterns)]
    bound, options = fit.bound, ProfileOptions(fit.options.fit.accuracy)
    with float64():
        try:
            found = profile(bound.objective, fit.theta, bound.lower, bound.upper, chosen, options, around)
        except IcrnError as error:
            raise ModelIOError(f"no profile likelihood: {error}") from None
    return {names[k]: own for k, own in zip(chosen, found, strict=True)}


def profile_sentences(problem: TrainingProblem, found: Mapping[str, Profile]) -> list[str]:
    """Return the intervals of profiles in words, as linear values."""
    scales = {p.id: SCALES.index(p.scale) for p in problem.fitted}
    sentences = []
    for name, own in found.items():
        low, high = (
            float(to_linear(np.array([scales[name]]), np.array([end]))[0]) for end in (own.low, own.high)
        )
        below = f"open below (looked down to {low:.4g})" if own.is_open_below else f"from {low:.4g}"
        above = f"open above (looked up to {high:.4g})" if own.is_open_above else f"to {high:.4g}"
        sentences.append(f"profile likelihood of '{name}': {below}, {above}")
        if own.better is not None:
            sentences[-1] += "; on the way a better point than the best one was found: fit with more starts"
    return sentences


def profile_record(own: Profile) -> dict[str, object]:
    """Return a profile as plain values; the ends of its interval None where it is open."""
    return {
        "values_on_scale": np.asarray(own.values).tolist(),
        "losses": np.asarray(own.losses).tolist(),
        "low_on_scale": None if own.is_open_below else float(own.low),
        "high_on_scale": None if own.is_open_above else float(own.high),
    }
