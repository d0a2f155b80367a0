"""Small problems that the tests fit."""

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
from icrn_io.expression import number, symbol

CHAIN = """
model chain
  compartment c = 1
  species A in c, B in c, C in c
  A = 1; B = 0; C = 0
  k1 = 0.5; k2 = 0.2; dose = 1
  A -> B; k1*A*dose
  B -> C; k2*B
end
"""


def exact_chain(t: float, k1: float, k2: float, dose: float = 1.0) -> float:
    """Return B of the chain."""
    k = k1 * dose
    return k / (k2 - k) * (np.exp(-k * t) - np.exp(-k2 * t))


def chain_problem(
    k1: float = 0.7, k2: float = 0.3, sigma: float = 0.01, seed: int | None = None
) -> TrainingProblem:
    """Return measurements of B at two doses, with noise where there is a seed."""
    random = np.random.default_rng(seed)
    doses = {"low": 0.5, "high": 2.0}
    measurements = tuple(
        Measurement(
            "b", name, t, exact_chain(t, k1, k2, dose) + (0 if seed is None else random.normal(0, sigma))
        )
        for name, dose in doses.items()
        for t in (0.5, 1.0, 2.0, 4.0, 8.0)
    )
    return TrainingProblem(
        model=read_model(CHAIN),
        parameters=(
            FitParameter("k1", 0.5, scale="log10", lower=1e-3, upper=1e3),
            FitParameter("k2", 0.2, scale="log10", lower=1e-3, upper=1e3),
        ),
        experiments=tuple(
            Experiment(name, (Phase(0.0, {"dose": number(dose)}),)) for name, dose in doses.items()
        ),
        observables=(Observable("b", symbol("B"), number(sigma)),),
        measurements=measurements,
        name="chain",
    )
