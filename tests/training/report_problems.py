"""A small problem with what reports have to cope with: scalings, a log scale, a pre-equilibration."""

from __future__ import annotations

import numpy as np

from converters.training.problem import (
    Experiment,
    FitParameter,
    Measurement,
    Observable,
    Phase,
    TrainingProblem,
)
from icrn_io import read_model
from icrn_io.expression import apply, number, symbol

MODEL = """
model chain
  compartment c = 2
  species A in c, B in c, C in c, X in c
  A = 1; B = 0; C = 0; X = 0.5
  k1 = 0.5; k2 = 0.2; dose = 1; kd = 0.4
  A -> B; c*k1*A*dose
  B -> C; c*k2*B
  -> X; c*dose
  X -> ; c*kd*X
  unit time_unit = 60 second
end
"""
TRUE = {"k1": 0.7, "k2": 0.3, "kd": 0.5, "s_low": 2.0, "s_high": 3.0}
TIMES = (0.5, 1.0, 2.0, 4.0, 8.0)


def exact(observable: str, experiment: str, t: float) -> float:
    """Return an observable at the true values."""
    k1, k2, kd = TRUE["k1"], TRUE["k2"], TRUE["kd"]
    if observable == "x":
        return (3.0 - 2.0 * np.exp(-kd * t)) / kd
    k1 = k1 * {"low": 0.5, "high": 2.0}[experiment]
    return TRUE[f"s_{experiment}"] * k1 / (k2 - k1) * (np.exp(-k1 * t) - np.exp(-k2 * t))


def report_problem(sigma: float = 0.02, seed: int = 1) -> TrainingProblem:
    """Return noisy measurements of B at two doses with scalings of their own, and of X after a step."""
    random = np.random.default_rng(seed)
    rows = [
        Measurement("b", name, t, exact("b", name, t) + random.normal(0, sigma), (symbol(f"s_{name}"),))
        for name in ("low", "high")
        for t in TIMES
    ]
    rows += [
        Measurement("x", "step", t, exact("x", "step", t) * 10 ** random.normal(0, sigma)) for t in TIMES
    ]
    dosed = {name: {"dose": number(x)} for name, x in (("low", 0.5), ("high", 2.0), ("before", 1.0))}
    experiments = (
        Experiment("low", (Phase(0.0, dosed["low"]),)),
        Experiment("high", (Phase(0.0, dosed["high"]),)),
        Experiment("step", (Phase(-np.inf, dosed["before"]), Phase(0.0, {"dose": number(3.0)}))),
    )
    return TrainingProblem(
        model=read_model(MODEL),
        parameters=(
            *(FitParameter(name, 1.0, True, "log10", 1e-2, 1e2) for name in TRUE),
            FitParameter("sd", sigma, is_fitted=False),
        ),
        experiments=experiments,
        observables=(
            Observable(
                "b",
                apply("times", (symbol("scaling"), symbol("B"))),
                symbol("sd"),
                placeholders=("scaling",),
                name="B, arbitrary units",
            ),
            Observable("x", symbol("X"), symbol("sd"), "log10", unit="mmol/l"),
        ),
        measurements=tuple(rows),
        name="chain",
    )
