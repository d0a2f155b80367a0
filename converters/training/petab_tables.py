"""A problem as the tables of PEtab, format version 1."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from converters.models import as_network
from converters.training.petab_formula import petab_formula
from converters.training.problem import Experiment, FitParameter, Observable, ParameterPrior, TrainingProblem
from icrn_io import format_model
from icrn_io.errors import ModelIOError, UnsupportedFeatureError
from icrn_io.expression import Expression, apply, number, symbol

_ID = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_PRIORS = {
    "uniform": "uniform",
    "normal": "normal",
    "laplace": "laplace",
    "log-normal": "logNormal",
    "log-laplace": "logLaplace",
}


def new_files(problem: TrainingProblem, values: Mapping[str, float]) -> tuple[str, dict[str, bytes]]:
    """Return the name of the YAML file and all files of a problem, with other values of its parameters.

    Raises
    ------
    ModelIOError
        PEtab of version 1 has no place for something in the problem.
    """
    tables = _Tables(problem, values)
    stem = re.sub(r"\W+", "_", problem.name) or "problem"
    names = {kind: f"{kind}_{stem}.tsv" for kind in ("conditions", "observables", "measurements")}
    config = (
        f"format_version: 1\nparameter_file: parameters_{stem}.tsv\nproblems:\n"
        f"- condition_files:\n  - {names['conditions']}\n"
        f"  measurement_files:\n  - {names['measurements']}\n"
        f"  observable_files:\n  - {names['observables']}\n"
        f"  sbml_files:\n  - model_{stem}.xml\n"
    )
    files = {
        f"{stem}.yaml": config,
        names["conditions"]: _tsv(tables.conditions()),
        names["observables"]: _tsv(tables.observables()),
        names["measurements"]: _tsv(tables.measurements()),
        f"parameters_{stem}.tsv": _tsv(tables.parameters()),
    }
    contents = {name: text.encode("utf-8") for name, text in files.items()}
    contents[f"model_{stem}.xml"] = format_model(as_network(problem.model))
    return f"{stem}.yaml", contents


def _tsv(rows: list[dict[str, str]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, *([_plain(row.get(name, "")) for name in columns] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _plain(cell: str) -> str:
    return re.sub(r'[\s"]+', " ", cell)


def _real(value: float) -> str:
    return repr(float(value))


class _Tables:
    """The tables; a parameter that conditions set, or that is no parameter of the model, gets another id."""

    def __init__(self, problem: TrainingProblem, values: Mapping[str, float]) -> None:
        self._problem, self._values = problem, values
        self._network = as_network(problem.model)
        self._parameters = {p.id: p.value for p in self._network.parameters}
        places = {e.id for e in (*self._network.compartments, *self._network.species)}
        self._species = {s.id for s in self._network.species}
        set_ids = {n for e in problem.experiments for phase in e.phases for n in phase.changes}
        taken = {*places, *self._parameters, *set_ids, *(p.id for p in problem.parameters)}
        self._renamed: dict[str, str] = {}
        for p in problem.parameters:
            if p.id in places | set_ids:
                self._renamed[p.id] = _free(f"{p.id}_value", taken)
        self._columns = list(dict.fromkeys([*self._renamed, *sorted(set_ids)]))
        for observable in problem.observables:
            if not _ID.match(observable.id):
                raise ModelIOError(
                    f"'{observable.id}' is no id of PEtab: observables need letters, digits, _"
                )
        self._experiments = {e.id: self._named(e, k) for k, e in enumerate(problem.experiments)}

    def _named(self, experiment: Experiment, position: int) -> tuple[str, str]:
        """Return the conditions of an experiment: that of its pre-equilibration, or "", and its own."""
        starts = [phase.start for phase in experiment.phases]
        if starts not in ([0.0], [-math.inf, 0.0]):
            raise UnsupportedFeatureError(
                f"phases that begin at {', '.join(f'{s:g}' for s in starts)}",
                experiment.id,
                "PEtab of version 1 has a pre-equilibration and one phase from time 0",
            )
        name = experiment.id if _ID.match(experiment.id) else f"experiment_{position + 1}"
        return (f"before_{name}" if len(starts) == 2 else ""), name

    def _cell(self, expression: Expression, what: str) -> str:
        """Return a number or the id of a parameter, all that cells may hold."""
        if expression.op == "number":
            return _real(expression.payload)
        if expression.op == "symbol":
            return self._renamed.get(expression.payload, expression.payload)
        detail = "PEtab of version 1 takes numbers and ids of parameters there"
        raise UnsupportedFeatureError(f"a formula for {what}", petab_formula(expression), detail)

    def conditions(self) -> list[dict[str, str]]:
        """Return the condition table."""
        rows = []
        for experiment in self._problem.experiments:
            ids = [name for name in self._experiments[experiment.id] if name]
            given: dict[str, str] = {name: self._default(name) for name in self._columns}
            for name, phase in zip(ids, experiment.phases, strict=True):
                changes = {n: self._cell(x, f"'{n}' in '{experiment.id}'") for n, x in phase.changes.items()}
                given = {**given, **changes}
                rows.append({"conditionId": name, "conditionName": experiment.id, **given})
                # What moves goes on from where it is; everything else keeps its value.
                given = {n: "" if n in self._species else x for n, x in given.items()}
        return rows

    def _default(self, name: str) -> str:
        """Return what an id is in a condition that does not set it; "" for what the model says."""
        if name in self._renamed:
            return self._renamed[name]
        has_formula = any(a.variable == name for a in self._network.initial_assignments)
        value = self._parameters.get(name)
        return "" if value is None or has_formula else _real(value)

    def observables(self) -> list[dict[str, str]]:
        """Return the observable table."""
        return [
            {
                "observableId": o.id,
                "observableName": o.name,
                "observableFormula": petab_formula(_replaced(o.formula, self._placeholders(o, "observable"))),
                "noiseFormula": petab_formula(_replaced(o.noise, self._placeholders(o, "noise"))),
                "observableTransformation": o.transformation,
                "noiseDistribution": o.distribution,
            }
            for o in self._problem.observables
        ]

    def _placeholders(self, observable: Observable, stem: str) -> dict[str, str]:
        formula = observable.formula if stem == "observable" else observable.noise
        used = [name for name in observable.placeholders if name in formula.symbols()]
        return {name: f"{stem}Parameter{k}_{observable.id}" for k, name in enumerate(used, start=1)}

    def measurements(self) -> list[dict[str, str]]:
        """Return the measurement table."""
        observables = {o.id: o for o in self._problem.observables}
        has_before = any(before for before, _ in self._experiments.values())
        has_replicates = any(m.replicate for m in self._problem.measurements)
        rows = []
        for m in self._problem.measurements:
            before, condition = self._experiments[m.experiment]
            row = {"observableId": m.observable}
            row |= {"preequilibrationConditionId": before} if has_before else {}
            row |= {
                "simulationConditionId": condition,
                "measurement": _real(m.value),
                "time": _real(m.time),
            }
            observable = observables[m.observable]
            given = dict(zip(observable.placeholders, m.given, strict=True))
            for stem in ("observable", "noise"):
                cells = [self._cell(given[p], "a measurement") for p in self._placeholders(observable, stem)]
                row[f"{stem}Parameters"] = ";".join(cells)
            row |= {"replicateId": m.replicate} if has_replicates else {}
            rows.append(row)
        return rows

    def parameters(self) -> list[dict[str, str]]:
        """Return the parameter table."""
        named = self._named_anywhere()
        rows = []
        for p in self._problem.parameters:
            own = self._renamed.get(p.id, p.id)
            value = self._values.get(p.id, p.value)
            if not p.is_fitted and (own not in named or not math.isfinite(value)):
                continue
            row = {
                "parameterId": own,
                "parameterScale": p.scale,
                "lowerBound": _real(p.lower) if p.is_fitted else "",
                "upperBound": _real(p.upper) if p.is_fitted else "",
                "nominalValue": _real(value),
                "estimate": "1" if p.is_fitted else "0",
            }
            rows.append({**row, **_prior("objective", p, p.prior), **_prior("initialization", p, p.start)})
        return rows

    def _named_anywhere(self) -> set[str]:
        """Return ids that PEtab lets a parameter have: of the model, or named in a table."""
        named = {*self._parameters, *self._renamed.values()}
        for o in self._problem.observables:
            named |= o.formula.symbols() | o.noise.symbols()
        for m in self._problem.measurements:
            named |= {name for x in m.given for name in x.symbols()}
        for e in self._problem.experiments:
            named |= {name for phase in e.phases for x in phase.changes.values() for name in x.symbols()}
        return named


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _replaced(expression: Expression, names: Mapping[str, str]) -> Expression:
    """Return a formula with other ids."""
    done: dict[int, Expression] = {}
    for node in expression:
        if node.op == "symbol":
            done[id(node)] = symbol(names.get(node.payload, node.payload))
        elif node.op == "number":
            done[id(node)] = number(node.payload)
        else:
            done[id(node)] = apply(node.op, [done[id(arg)] for arg in node.args])
    return done[id(expression)]


def _prior(stem: str, parameter: FitParameter, prior: ParameterPrior | None) -> dict[str, str]:
    if prior is None:
        return {}
    if prior.kind not in _PRIORS:
        raise UnsupportedFeatureError(f"a prior of kind {prior.kind}", parameter.id, "PEtab 1 has none")
    kind = _PRIORS[prior.kind]
    kind = f"parameterScale{kind[0].upper()}{kind[1:]}" if prior.on_scale else kind
    return {f"{stem}PriorType": kind, f"{stem}PriorParameters": _joined(prior.parameters)}


def _joined(values: Iterable[float]) -> str:
    return ";".join(_real(value) for value in values)
