"""PEtab problems (format version 1) as `TrainingProblem`; tables are read by the package petab."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from converters.training.problem import (
    Experiment,
    FitParameter,
    Measurement,
    Observable,
    ParameterPrior,
    Phase,
    TrainingProblem,
)
from converters.training.tables import cell_expression, formula_scope
from icrn_io.errors import ModelIOError, UnsupportedFeatureError
from icrn_io.expression import Expression, number, symbol
from icrn_io.formula import read_formula

if TYPE_CHECKING:
    import pandas as pd
    import petab.v1

    from icrn_io.network import Network

_PLACEHOLDER = re.compile(r"\b(?:observable|noise)Parameter(\d+)_(\w+)\b")
_PRIORS = {
    "uniform": "uniform",
    "normal": "normal",
    "laplace": "laplace",
    "logNormal": "log-normal",
    "logLaplace": "log-laplace",
}


def read_petab_v1(problem: petab.v1.Problem, network: Network, name: str) -> TrainingProblem:
    """Return the problem that the tables describe.

    Raises
    ------
    ModelIOError
        The tables contradict each other or the model.
    UnsupportedFeatureError
        A construct that is not supported.
    """
    parameters = _parameters(problem.parameter_df)
    names = formula_scope(network, parameters)
    observables = _observables(problem.observable_df, names)
    _check_measured_noise(problem.measurement_df, observables)
    experiments, keys = _experiments(problem, network, names)
    measurements = _measurements(problem.measurement_df, observables, keys, names)
    return TrainingProblem(network, parameters, experiments, tuple(observables.values()), measurements, name)


def _given(row: pd.Series, column: str) -> bool:
    value = row.get(column)
    return value is not None and value == value and value != ""


def _parameters(table: pd.DataFrame) -> tuple[FitParameter, ...]:
    found = []
    for parameter_id, row in table.iterrows():
        value = float(row["nominalValue"]) if _given(row, "nominalValue") else math.nan
        is_fitted = bool(int(row["estimate"]))
        if not is_fitted and not math.isfinite(value):
            raise ModelIOError(f"parameter '{parameter_id}' is not estimated and has no nominalValue")
        found.append(
            FitParameter(
                id=str(parameter_id),
                value=value,
                is_fitted=is_fitted,
                scale=str(row["parameterScale"]) if _given(row, "parameterScale") else "lin",
                lower=float(row["lowerBound"]) if _given(row, "lowerBound") else -math.inf,
                upper=float(row["upperBound"]) if _given(row, "upperBound") else math.inf,
                prior=_prior(row, "objectivePrior", str(parameter_id)),
                start=_prior(row, "initializationPrior", str(parameter_id)),
            )
        )
    return tuple(found)


def _prior(row: pd.Series, stem: str, parameter_id: str) -> ParameterPrior | None:
    if not _given(row, f"{stem}Type"):
        return None
    kind = str(row[f"{stem}Type"])
    on_scale = kind.startswith("parameterScale")
    plain = kind.removeprefix("parameterScale")
    plain = plain[0].lower() + plain[1:]
    if plain not in _PRIORS:
        raise UnsupportedFeatureError(f"prior of type {kind}", parameter_id)
    if _given(row, f"{stem}Parameters"):
        values = _prior_numbers(str(row[f"{stem}Parameters"]), kind, parameter_id)
    elif plain == "uniform":
        return None  # the bounds themselves
    else:
        raise ModelIOError(f"parameter '{parameter_id}': the prior of type {kind} has no parameters")
    return ParameterPrior(_PRIORS[plain], values, on_scale)


def _prior_numbers(text: str, kind: str, parameter_id: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(";"))
    except ValueError:
        values = ()
    if len(values) != 2 or not all(map(math.isfinite, values)):
        raise ModelIOError(
            f"parameter '{parameter_id}': a prior of type {kind} has two numbers 'a;b', found '{text}'"
        )
    return values


def _observables(table: pd.DataFrame, names: dict[str, Expression]) -> dict[str, Observable]:
    found = {}
    for observable_id, row in table.iterrows():
        where = f"observable '{observable_id}'"
        formula, noise = str(row["observableFormula"]), str(row["noiseFormula"])
        placeholders = sorted(
            {m.group(0) for m in _PLACEHOLDER.finditer(f"{formula} {noise}")},
            key=lambda text: (not text.startswith("observable"), int(_PLACEHOLDER.match(text).group(1))),
        )
        others = [p for p in placeholders if _PLACEHOLDER.match(p).group(2) != observable_id]
        if others:
            raise ModelIOError(f"{where}: '{others[0]}' is a placeholder of another observable")
        scope = {**names, **{p: symbol(p) for p in placeholders}}
        read = read_formula(formula, scope, where)
        observable = Observable(
            id=str(observable_id),
            formula=read,
            noise=read_formula(noise, {**scope, str(observable_id): read}, f"noise of {where}"),
            transformation=str(row["observableTransformation"])
            if _given(row, "observableTransformation")
            else "lin",
            distribution=str(row["noiseDistribution"]) if _given(row, "noiseDistribution") else "normal",
            placeholders=tuple(placeholders),
            name=str(row["observableName"]) if _given(row, "observableName") else "",
        )
        found[observable.id] = observable
    return found


def _check_measured_noise(table: pd.DataFrame, observables: Mapping[str, Observable]) -> None:
    """Refuse a noise model that is given by measurement (as drafts of PEtab had it) and differs."""
    for column, name in (
        ("observableTransformation", "transformation"),
        ("noiseDistribution", "distribution"),
    ):
        for position, (observable, cell) in enumerate(
            zip(table["observableId"].astype(str), table.get(column, ()), strict=False)
        ):
            own = getattr(observables[observable], name)
            if cell == cell and cell not in ("", None, own):
                raise UnsupportedFeatureError(
                    f"column {column} of the measurement table, for observable",
                    observable,
                    f"measurement {position + 1} says {cell} and the observable {own}; "
                    "give it in the observable table",
                )


def _experiments(
    problem: petab.v1.Problem, network: Network, names: dict[str, Expression]
) -> tuple[tuple[Experiment, ...], dict[tuple[str, str], str]]:
    table = problem.condition_df
    params = {p.id: p.value for p in network.parameters}
    sizes = {c.id for c in network.compartments}
    changes = {}
    for condition, row in table.iterrows():
        cells = {
            column: row[column]
            for column in table.columns
            if column != "conditionName" and _given(row, column)
        }
        changes[str(condition)] = {
            str(column): cell_expression(cell, names, f"condition '{condition}', column '{column}'")
            for column, cell in cells.items()
        }
    data = problem.measurement_df
    before = data.get("preequilibrationConditionId")
    pairs = zip(
        [""] * len(data) if before is None else before.fillna("").astype(str),
        data["simulationConditionId"].astype(str),
        strict=True,
    )
    experiments, keys = [], {}
    for pre, main in dict.fromkeys(pairs):
        phases = (Phase(-math.inf, changes[pre]),) if pre else ()
        phases = (*phases, Phase(0.0, changes[main]))
        if pre:
            resized = [name for name in changes[main] if name in sizes]
            if any(changes[pre].get(name) is not changes[main][name] for name in resized):
                raise UnsupportedFeatureError(
                    "compartment size that changes after pre-equilibration", resized[0]
                )
            phases = (phases[0], Phase(0.0, {**_reset(changes[pre], changes[main], params), **changes[main]}))
        keys[pre, main] = f"{pre} then {main}" if pre and pre != main else main
        experiments.append(Experiment(keys[pre, main], phases))
    return tuple(experiments), keys


def _reset(
    before: Mapping[str, Expression], after: Mapping[str, Expression], params: Mapping[str, float | None]
) -> dict[str, Expression]:
    """Return what parameters are again where only the pre-equilibration sets them.

    Species keep the state of the pre-equilibration; parameters take the value of the model.
    """
    found = {}
    for name in before:
        if name in after or name not in params:
            continue
        if params[name] is None:
            raise ModelIOError(f"parameter '{name}' has no value after the pre-equilibration that sets it")
        found[name] = number(params[name])
    return found


def _measurements(
    table: pd.DataFrame,
    observables: dict[str, Observable],
    keys: dict[tuple[str, str], str],
    names: dict[str, Expression],
) -> tuple[Measurement, ...]:
    found = []
    for position, row in table.reset_index(drop=True).iterrows():
        where = f"measurement {position + 1}"
        observable = observables[str(row["observableId"])]
        pre = str(row["preequilibrationConditionId"]) if _given(row, "preequilibrationConditionId") else ""
        values = {}
        for stem, column in (("observable", "observableParameters"), ("noise", "noiseParameters")):
            cells = str(row[column]).split(";") if _given(row, column) else []
            for k, cell in enumerate(cells, start=1):
                values[f"{stem}Parameter{k}_{observable.id}"] = cell_expression(cell.strip(), names, where)
        missing = [p for p in observable.placeholders if p not in values]
        if missing:
            raise ModelIOError(f"{where} of '{observable.id}' gives no value for {', '.join(missing)}")
        unknown = [p for p in values if p not in observable.placeholders]
        if unknown:
            raise ModelIOError(
                f"{where} gives a value for {unknown[0]}, which is not in a formula of '{observable.id}'"
            )
        found.append(
            Measurement(
                observable=observable.id,
                experiment=keys[pre, str(row["simulationConditionId"])],
                time=float(row["time"]),
                value=float(row["measurement"]),
                given=tuple(values[p] for p in observable.placeholders),
                replicate=str(row["replicateId"]) if _given(row, "replicateId") else "",
            )
        )
    return tuple(found)
