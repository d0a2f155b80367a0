"""Experimental time series in a CSV file as a problem to fit.

A value whose standard deviation the file gives has that as noise σ. The noise of all others of an
observable is one more parameter, ``sd_<observable>``: fitted on the scale log10 from a thousandth
to ten times the spread of these values (the greatest minus the least), starting at a tenth of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from converters.folding import Folding
from converters.models import as_folding, as_network, is_archive
from converters.training.choice import Choice, choose
from converters.training.conditions import Conditions
from converters.training.csv_file import CsvFile, did_you_mean
from converters.training.observables import defined_observables, own_names, plain_observable, why_not
from converters.training.problem import (
    Experiment,
    FitParameter,
    Measurement,
    Phase,
    TrainingProblem,
)
from converters.training.series import Datum, read_series
from converters.training.values import element_ids, measurable
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import Network

Noise = Literal["absolute", "relative"]
Condition = Mapping[str, float | str]


def read_table(
    path: str | os.PathLike[str],
    model: str | os.PathLike[str] | Network | Folding,
    *,
    fit: Iterable[str],
    fix: Iterable[str] = (),
    ties: Iterable[str] = (),
    observables: Mapping[str, str] | None = None,
    conditions: Mapping[str, Condition] | None = None,
    noise: Noise = "absolute",
    name: str = "",
) -> TrainingProblem:
    """Return the problem of fitting a model to the time series in a file.

    Parameters
    ----------
    path : str or path
        The data, see `converters.training.series`. Columns are species (in the unit of their
        ids), compartments, reactions (their fluxes), parameters with rules, and observables. An
        empty cell, NA or nan is missing; the time inf is the steady state; rows with the same
        time are several measurements.
    model : path, Network or Folding
        The model.
    fit, fix, ties : iterable of str
        What is fitted, see `converters.training.choice.choose`. Names that only observables and
        conditions use, such as a factor of scale, are fitted where a pattern names them with
        bounds; so are the settings of ``sd_<observable>``.
    observables : mapping of str to str, optional
        Name → infix formula over ids of the model and of parameters that are fitted.
    conditions : mapping of str to mapping, optional
        Condition → id → what it is there: a number, or an infix formula over constants and
        parameters that are fitted.
    noise : {"absolute", "relative"}
        Whether a fitted noise parameter is σ itself, or σ over the absolute measured value (at
        least a thousandth of the greatest one of the observable).
    name : str, optional
        What reports call the problem; the stem of the file if left out.

    Returns
    -------
    TrainingProblem
        To be bound by `converters.training.binding.bind`.

    Raises
    ------
    ModelIOError
        The file, a pattern, a formula or a condition does not fit; the message says where.
    """
    if noise not in ("absolute", "relative"):
        raise ModelIOError(f"noise is 'absolute' or 'relative', not {noise!r}")
    model = as_folding(model) if is_archive(model) else model
    model = model if isinstance(model, Folding) else as_network(model)
    network = as_network(model)
    fit = [fit] if isinstance(fit, str) else list(fit)
    formulas = {**(observables or {})}
    own = own_names(network, fit, formulas, conditions or {})
    defined = defined_observables(network, formulas, own)
    known = measurable(network) | defined
    table, data = read_series(path, known, why_not(network, known))
    noises = _noise_parameters(data, {*element_ids(network), *own}, noise)
    choice = choose(model, fit, fix, ties, {**dict.fromkeys(own), **{p.id: p for p in noises.values()}})
    experiments, constants = _experiments(table, data, conditions, network, choice)
    floors = _least_values(data) if noise == "relative" else {}
    return TrainingProblem(
        model,
        (*choice.parameters, *constants),
        experiments,
        tuple(
            plain_observable(name, known[name])
            for name in dict.fromkeys([*(d.observable for d in data), *defined])
        ),
        tuple(_measurement(d, noises, floors) for d in data),
        name or Path(path).stem,
    )


def _noise_parameters(data: list[Datum], taken: set[str], noise: Noise) -> dict[str, FitParameter]:
    """Return the noise parameter of each observable with values whose noise is not given."""
    values: dict[str, list[float]] = {}
    for datum in data:
        if datum.sd != datum.sd:
            values.setdefault(datum.observable, []).append(datum.value)
    found = {}
    for observable, own in values.items():
        name = f"sd_{observable}"
        while name in taken:
            name += "_"
        spread = 1.0 if noise == "relative" else max(own) - min(own) or max(map(abs, own)) or 1.0
        found[observable] = FitParameter(name, 0.1 * spread, True, "log10", 1e-3 * spread, 10 * spread)
    return found


def _experiments(
    table: CsvFile,
    data: list[Datum],
    conditions: Mapping[str, Condition] | None,
    network: Network,
    choice: Choice,
) -> tuple[tuple[Experiment, ...], tuple[FitParameter, ...]]:
    """Return an experiment for each condition, and the constants of the model that conditions name."""
    used = dict.fromkeys(datum.condition for datum in data)
    _check_conditions(table, data, conditions)
    reader = Conditions(network, choice.parameters, choice.follows)
    follows = {name: symbol(parameter) for name, parameter in choice.follows.items()}
    changes = {c: reader.changes(c, conditions[c]) if conditions else {} for c in used}
    _check_use(network, choice, list(changes.values()))
    experiments = tuple(Experiment(c or "data", (Phase(0.0, {**follows, **changes[c]}),)) for c in used)
    return experiments, tuple(reader.constants.values())


def _check_use(network: Network, choice: Choice, changes: list[Mapping[str, Expression]]) -> None:
    """Raise if every condition sets a parameter that is fitted, so that nothing depends on it."""
    named = {name for change in changes for formula in change.values() for name in formula.symbols()}
    always = set.intersection(*map(set, changes))
    elements = set(element_ids(network))
    targets = {p.id: {p.id} & elements for p in choice.parameters}
    for name, parameter in choice.follows.items():
        targets[parameter].add(name)
    for parameter, own in targets.items():
        if own and own <= always and parameter not in named:
            raise ModelIOError(
                f"'{parameter}' is to be fitted, and every condition gives its value: "
                "do not fit it, or leave it out of a condition"
            )


def _check_conditions(table: CsvFile, data: list[Datum], conditions: Mapping[str, Condition] | None) -> None:
    column = next((k for k, name in enumerate(table.header) if name.lower() == "condition"), None)
    for datum in data:
        if not conditions and datum.condition:
            raise table.error(
                f"condition '{datum.condition}' is defined nowhere: give a table of conditions, with a "
                "column 'condition' and one for each id of the model that a condition sets",
                datum.row,
                column,
            )
        if conditions and datum.condition not in conditions:
            near = did_you_mean(datum.condition, conditions)
            found = (
                f"no condition is called '{datum.condition}'"
                if datum.condition
                else "the condition is missing"
            )
            there = "there are " + ", ".join(map(repr, list(conditions)[:6]))
            raise table.error(f"{found}: {near or there}", datum.row, column)


def _least_values(data: list[Datum]) -> dict[str, float]:
    """Return, for each observable, the value below which relative noise shrinks no further."""
    found: dict[str, float] = {}
    for datum in data:
        found[datum.observable] = max(found.get(datum.observable, 0.0), 1e-3 * abs(datum.value))
    return found


def _measurement(
    datum: Datum, noises: Mapping[str, FitParameter], floors: Mapping[str, float]
) -> Measurement:
    if datum.sd == datum.sd:
        sigma = number(datum.sd)
    else:
        sigma = symbol(noises[datum.observable].id)
        if floors:
            least = floors[datum.observable] or 1.0
            sigma = apply("times", (sigma, number(max(abs(datum.value), least))))
    experiment = datum.condition or "data"
    return Measurement(datum.observable, experiment, datum.time, datum.value, (sigma,), datum.replicate)
