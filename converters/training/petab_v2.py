"""PEtab problems (format version 2) as `TrainingProblem`.

Parameters have no scale here: those with a positive lower bound are fitted by their decimal
logarithm, the others as they are. Priors are densities of the parameter itself; that bounds cut
them off only adds a constant, which is left out.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

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
from icrn_core.noise import PRIORS
from icrn_io.errors import ModelIOError, UnsupportedFeatureError
from icrn_io.expression import Expression, number, symbol
from icrn_io.formula import read_formula
from icrn_io.network import Network

TABLES = (
    "parameter_files",
    "condition_files",
    "experiment_files",
    "observable_files",
    "measurement_files",
    "mapping_files",
)
_REQUIRED = {
    "parameter_files": ("parameterId", "estimate"),
    "condition_files": ("conditionId", "targetId", "targetValue"),
    "experiment_files": ("experimentId", "time", "conditionId"),
    "observable_files": ("observableId", "observableFormula", "noiseFormula"),
    "measurement_files": ("observableId", "time", "measurement"),
    "mapping_files": ("petabEntityId", "modelEntityId"),
}
_NOISES = {
    "": ("lin", "normal"),
    "normal": ("lin", "normal"),
    "laplace": ("lin", "laplace"),
    "log-normal": ("log", "normal"),
    "log-laplace": ("log", "laplace"),
}
_ONE_PARAMETER = ("chisquare", "exponential", "rayleigh")

Row = Mapping[str, str]


def read_petab_v2(files: Mapping[str, Sequence[Path]], network: Network, name: str) -> TrainingProblem:
    """Return the problem that the tables describe.

    Parameters
    ----------
    files : mapping of str to sequence of Path
        Tables by their kind, one of `TABLES`.
    network : Network
        The model.
    name : str
        What reports call the problem.

    Raises
    ------
    ModelIOError
        The tables contradict each other or the model.
    UnsupportedFeatureError
        A construct that is not supported.
    """
    tables = {kind: _rows(files.get(kind, ()), _REQUIRED[kind]) for kind in TABLES}
    _check_mapping(tables["mapping_files"])
    parameters = tuple(_parameter(row) for row in tables["parameter_files"])
    names = formula_scope(network, parameters)
    observables = {row["observableId"]: _observable(row, names) for row in tables["observable_files"]}
    changes = _Changes(tables["condition_files"], network, parameters)
    experiments = _experiments(tables["experiment_files"], changes)
    measurements = [
        _measurement(k, row, observables, {p.id: names[p.id] for p in parameters})
        for k, row in enumerate(tables["measurement_files"], start=1)
    ]
    if any(m.experiment == "" for m in measurements):
        experiments.append(Experiment(""))  # the model as it is
    _check_measured(measurements, experiments)
    return TrainingProblem(
        network, parameters, tuple(experiments), tuple(observables.values()), tuple(measurements), name
    )


def _rows(paths: Iterable[Path], required: Sequence[str]) -> list[Row]:
    """Return the rows of tables, with cells as text; missing ones are empty."""
    found = []
    for path in paths:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = list(csv.reader(file, delimiter="\t"))
        header = [cell.strip() for cell in table[0]] if table else []
        for column in required:
            if column not in header:
                raise ModelIOError(f"{path.name}: the column '{column}' is missing")
        for cells in table[1:]:
            row = dict(zip(header, [cell.strip() for cell in cells], strict=False))
            row = {key: "" if cell.lower() == "nan" else cell for key, cell in row.items()}
            if any(row.values()):
                found.append({key: row.get(key, "") for key in (*header, *required)})
    return found


def _check_mapping(rows: Iterable[Row]) -> None:
    for row in rows:
        # A line that only gives a name to an id changes nothing.
        if row["modelEntityId"] not in ("", row["petabEntityId"]):
            raise UnsupportedFeatureError(
                "mapping table entry", row["petabEntityId"], f"it stands for '{row['modelEntityId']}'"
            )


def _number(text: str, default: float, where: str) -> float:
    try:
        return float(text) if text else default
    except ValueError:
        raise ModelIOError(f"{where}: a number is expected, not '{text}'") from None


def _parameter(row: Row) -> FitParameter:
    where = f"parameter '{row['parameterId']}'"
    is_fitted = row["estimate"].lower() in ("true", "1")
    lower = _number(row.get("lowerBound", ""), -math.inf, f"{where}, lowerBound")
    value = _number(row.get("nominalValue", ""), math.nan, f"{where}, nominalValue")
    if not is_fitted and not math.isfinite(value):
        raise ModelIOError(f"{where} is not estimated and has no nominalValue")
    prior = _prior(row, where) if is_fitted else None
    return FitParameter(
        id=row["parameterId"],
        value=value,
        is_fitted=is_fitted,
        scale="log10" if lower > 0 else "lin",
        lower=lower,
        upper=_number(row.get("upperBound", ""), math.inf, f"{where}, upperBound"),
        prior=prior,
        start=prior,
    )


def _prior(row: Row, where: str) -> ParameterPrior | None:
    name = row.get("priorDistribution", "")
    if not name:
        return None
    kind = {"chi-squared": "chisquare"}.get(name, name)
    if kind not in PRIORS:
        raise UnsupportedFeatureError(f"prior distribution '{name}' of parameter", row["parameterId"])
    texts = [text for text in row.get("priorParameters", "").split(";") if text.strip()]
    values = tuple(_number(text.strip(), math.nan, f"{where}, priorParameters") for text in texts)
    expected = 1 if kind in _ONE_PARAMETER else 2
    if len(values) != expected or not all(map(math.isfinite, values)):
        raise ModelIOError(f"{where}: the prior '{name}' has {expected} parameter(s), found {len(values)}")
    return ParameterPrior(kind, values)


def _observable(row: Row, names: Mapping[str, Expression]) -> Observable:
    where = f"observable '{row['observableId']}'"
    if row.get("noiseDistribution", "") not in _NOISES:
        raise UnsupportedFeatureError(
            f"noise distribution '{row['noiseDistribution']}' of observable", row["observableId"]
        )
    transformation, distribution = _NOISES[row.get("noiseDistribution", "")]
    of_formula, of_noise = (_ids(row.get(f"{stem}Placeholders", "")) for stem in ("observable", "noise"))
    for placeholder in (*of_formula, *of_noise):
        if placeholder in names:
            raise ModelIOError(f"{where}: the placeholder '{placeholder}' is also an id of the problem")
    scope = {**names, **{p: symbol(p) for p in of_formula}}
    formula = read_formula(row["observableFormula"], scope, where)
    scope = {**scope, **{p: symbol(p) for p in of_noise}, row["observableId"]: formula}
    return Observable(
        id=row["observableId"],
        formula=formula,
        noise=read_formula(row["noiseFormula"], scope, f"noise of {where}"),
        transformation=transformation,
        distribution=distribution,
        placeholders=(*of_formula, *of_noise),
        name=row.get("observableName", ""),
    )


def _ids(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


class _Changes:
    """What conditions set, by their ids."""

    def __init__(self, rows: Iterable[Row], network: Network, parameters: Iterable[FitParameter]) -> None:
        self._rows: dict[str, dict[str, str]] = {}
        self._names = {p.id: symbol(p.id) for p in parameters}
        self._sizes = {c.id for c in network.compartments}
        self._elements = {e.id for e in (*network.compartments, *network.species, *network.parameters)} | set(
            self._names
        )
        for row in rows:
            self._rows.setdefault(row["conditionId"], {})[row["targetId"]] = row["targetValue"]

    def at(self, conditions: Iterable[str], time: float, is_first: bool, experiment: str):
        """Return what conditions that are applied together set."""
        found: dict[str, Expression] = {}
        for condition in conditions:
            if condition not in self._rows:
                raise ModelIOError(
                    f"experiment '{experiment}' names condition '{condition}', which is missing"
                )
            for target, text in self._rows[condition].items():
                if target in found:
                    raise ModelIOError(f"experiment '{experiment}': two conditions at once set '{target}'")
                found[target] = self._value(condition, target, text, time, is_first)
        return found

    def _value(self, condition: str, target: str, text: str, time: float, is_first: bool) -> Expression:
        where = f"condition '{condition}', target '{target}'"
        if target not in self._elements:
            raise ModelIOError(f"{where}: no compartment, species or parameter has this id")
        if target in self._sizes and not is_first:
            raise UnsupportedFeatureError("compartment size that changes within an experiment", target)
        # What else the model has may be named in PEtab: the state at the start of the period.
        state = {name: symbol(name) for name in self._elements}
        value = cell_expression(text, {**state, **self._names}, where)
        if value.symbols() - set(self._names):
            raise UnsupportedFeatureError(
                "target value that reads the model,", text, f"{where}: only parameters of the problem can be"
            )
        if "time" in value.operators():
            if math.isinf(time):
                raise UnsupportedFeatureError("time in a target value of a pre-equilibration,", text, where)
            value = _at_time(value, time)
        return value


def _at_time(formula: Expression, time: float) -> Expression:
    if formula.op == "time":
        return number(time)
    return Expression(formula.op, tuple(_at_time(arg, time) for arg in formula.args), formula.payload)


def _experiments(rows: Iterable[Row], changes: _Changes) -> list[Experiment]:
    periods: dict[str, dict[float, list[str]]] = {}
    for row in rows:
        time = _number(row["time"], math.nan, f"experiment '{row['experimentId']}', time")
        if math.isnan(time) or time == math.inf:
            raise ModelIOError(
                f"experiment '{row['experimentId']}': a period cannot begin at '{row['time']}'"
            )
        at = periods.setdefault(row["experimentId"], {}).setdefault(time, [])
        at.extend(condition for condition in (row["conditionId"],) if condition)
    found = []
    for experiment, at in periods.items():
        times = sorted(at)
        phases = [Phase(t, changes.at(at[t], t, k == 0, experiment)) for k, t in enumerate(times)]
        if times == [-math.inf]:
            phases.append(Phase(0.0))  # nothing changes then
        found.append(Experiment(experiment, tuple(phases)))
    return found


def _measurement(
    position: int, row: Row, observables: Mapping[str, Observable], names: Mapping[str, Expression]
) -> Measurement:
    where = f"measurement {position}"
    observable = observables.get(row["observableId"])
    if observable is None:
        raise ModelIOError(f"{where} is of observable '{row['observableId']}', which is missing")
    texts = [*_ids(row.get("observableParameters", "")), *_ids(row.get("noiseParameters", ""))]
    if len(texts) != len(observable.placeholders):
        raise ModelIOError(
            f"{where}: '{observable.id}' has {len(observable.placeholders)} placeholder(s), and "
            f"{len(texts)} value(s) are given"
        )
    return Measurement(
        observable=observable.id,
        experiment=row.get("experimentId", ""),
        time=_number(row["time"], math.nan, f"{where}, time"),
        value=_number(row["measurement"], math.nan, f"{where}, measurement"),
        given=tuple(cell_expression(text, names, where) for text in texts),
        replicate=row.get("replicateId", ""),
    )


def _check_measured(measurements: Iterable[Measurement], experiments: Iterable[Experiment]) -> None:
    known = {experiment.id for experiment in experiments}
    for position, m in enumerate(measurements, start=1):
        if m.experiment not in known:
            raise ModelIOError(f"measurement {position} is of experiment '{m.experiment}', which is missing")
        if math.isnan(m.time) or m.time == -math.inf or not math.isfinite(m.value):
            raise ModelIOError(
                f"measurement {position}: time {m.time} and value {m.value} are no measurement"
            )
