"""What a fit says about its parameters: errors, intervals, profiles, and what data leave open."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from converters.engines.programs import float64
from converters.training.train import Fit
from icrn_core.errors import IcrnError
from icrn_core.profiles import Profile, ProfileOptions, profile
from icrn_core.uncertainty import Uncertainty, fisher
from icrn_io.errors import ModelIOError


def uncertainty(fit: Fit) -> Uncertainty | None:
    """Return standard errors and intervals from the observed information at the best point.

    Where that is no minimum along some direction, the expected information takes its place; None
    where the derivatives are not finite.
    """
    bound, names = fit.bound, [p.id for p in fit.bound.problem.fitted]
    given = (bound.objective, fit.theta, fit.options.fit.accuracy, bound.lower, bound.upper, names)
    with float64():
        for observed in (True, False):
            try:
                return fisher(*given, observed=observed)
            except IcrnError:
                continue
    return None


def profiles(fit: Fit, patterns: Sequence[str], around: Uncertainty | None = None) -> dict[str, Profile]:
    """Return the profile likelihoods of the parameters that shell patterns name.

    Raises
    ------
    ModelIOError
        A pattern names no fitted parameter, or a run fails at the best point.
    """
    names = [p.id for p in fit.bound.problem.fitted]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ModelIOError(f"--profile-likelihood {pattern}: no fitted parameter is called so")
    chosen = [k for k, name in enumerate(names) if any(fnmatchcase(name, pattern) for pattern in patterns)]
    bound, options = fit.bound, ProfileOptions(fit.options.fit.accuracy)
    with float64():
        try:
            found = profile(bound.objective, fit.theta, bound.lower, bound.upper, chosen, options, around)
        except IcrnError as error:
            raise ModelIOError(f"no profile likelihood: {error}") from None
    return {names[k]: own for k, own in zip(chosen, found, strict=True)}


def profile_record(own: Profile) -> dict[str, object]:
    """Return a profile as plain values; the ends of its interval None where it is open."""
    return {
        "values": np.asarray(own.values).tolist(),
        "losses": np.asarray(own.losses).tolist(),
        "low": None if own.is_open_below else float(own.low),
        "high": None if own.is_open_above else float(own.high),
    }
