"""What comes out of a fit: ``fit.json``, and the user's model with the fitted values in it."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from converters.folding import Folding
from converters.models import as_folding, as_network, with_overrides
from converters.training.train import Fit
from icrn_io.network import Network

if TYPE_CHECKING:
    from converters.training.cross_check import CrossCheck
    from icrn_core.profiles import Profile
    from icrn_core.uncertainty import Uncertainty

_FORMAT, _VERSION = "icrn-fit", 1
_PACKAGES = ("icrn-sbml", "jax", "numpy", "scipy", "python-libsbml", "petab")


def fitted_model(fit: Fit) -> Folding:
    """Return the model with the fitted values, and those of fixed parameters, in it.

    Parameters of observables alone, and what conditions set, have no place in the model.

    Raises
    ------
    ModelIOError
        The model cannot be read any more.
    """
    problem = fit.bound.problem
    network = as_network(problem.model)
    values = {p.id: p.value for p in problem.parameters if not p.is_fitted} | fit.values
    own = {name: x for name, x in values.items() if name in _elements(network) and math.isfinite(x)}
    return as_folding(with_overrides(problem.model, own))


def _elements(network: Network) -> set[str]:
    return {e.id for e in (*network.compartments, *network.species, *network.parameters)}


def fit_record(
    fit: Fit,
    check: CrossCheck | None = None,
    errors: Uncertainty | None = None,
    profiles: Mapping[str, Profile] | None = None,
) -> dict[str, object]:
    """Return everything about a fit as plain values; not finite numbers as None.

    Parameters
    ----------
    fit : Fit
        A fit.
    check : CrossCheck, optional
        What other simulators say of it.
    errors : Uncertainty, optional
        Standard errors and what the data leave open.
    profiles : mapping of str to Profile, optional
        Profile likelihoods by parameter.
    """
    bound, problem = fit.bound, fit.bound.problem
    values = fit.values
    parameters = [
        {
            "id": p.id,
            "value": values[p.id],
            "scale": p.scale,
            "on_scale": float(fit.theta[k]),
            "lower": p.lower,
            "upper": p.upper,
            "at_bound": bool(fit.theta[k] <= bound.lower[k] or fit.theta[k] >= bound.upper[k]),
        }
        for k, p in enumerate(problem.fitted)
    ]
    starts = [
        {
            "number": s.number,
            "loss": s.best_loss,
            "result": s.code.message,
            "iterations": len(s.history),
            "hops": s.n_hops,
            "failed_points": s.n_failed,
            "initial": s.initial.tolist(),
            "on_scale": None if s.best is None else s.best.tolist(),
            "history": s.history,
        }
        for s in fit.starts
    ]
    for k, parameter in enumerate(parameters if errors is not None else ()):
        parameter["standard_error_on_scale"] = float(errors.standard_errors[k])
        parameter["interval"] = [float(errors.linear_low[k]), float(errors.linear_high[k])]
    compared = {} if check is None else {"cross_check": {"passed": check.passed, **asdict(check)}}
    return _finite(
        {
            "format": _FORMAT,
            "version": _VERSION,
            "problem": problem.name,
            "is_trained": fit.is_trained,
            "was_interrupted": fit.was_interrupted,
            "negative_log_posterior": fit.loss,
            "negative_log_likelihood": fit.likelihood,
            "at_tighter_tolerances": fit.check.tight,
            "n_measurements": len(problem.measurements),
            "parameters": parameters,
            "fixed": {p.id: p.value for p in problem.parameters if not p.is_fitted},
            "seed": fit.options.seed,
            "rtol": fit.options.fit.accuracy.rtol,
            "seconds": fit.seconds,
            "cpu_seconds": fit.cpu_seconds,
            "versions": package_versions(),
            **compared,
            **_doubts(errors, profiles or {}),
            "starts": starts,
        }
    )


def _doubts(errors: Uncertainty | None, profiles: Mapping[str, Profile]) -> dict[str, object]:
    from converters.training.trust import profile_record

    found: dict[str, object] = {}
    if errors is not None:
        found["level"] = errors.level
        found["correlation"] = errors.correlation.tolist()
        found["notes"] = list(errors.sentences)
    if profiles:
        found["profiles"] = {name: profile_record(own) for name, own in profiles.items()}
    return found


def fit_json(
    fit: Fit,
    check: CrossCheck | None = None,
    errors: Uncertainty | None = None,
    profiles: Mapping[str, Profile] | None = None,
) -> str:
    """Return `fit_record` as JSON text."""
    return json.dumps(fit_record(fit, check, errors, profiles), indent=1) + "\n"


def _finite(x: object) -> object:
    if isinstance(x, dict):
        return {name: _finite(value) for name, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [_finite(value) for value in x]
    if isinstance(x, (float, np.floating)):
        return float(x) if math.isfinite(x) else None
    return x


def package_versions() -> dict[str, str]:
    """Return the versions of what took part, by package."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
