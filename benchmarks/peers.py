"""What every simulator of the benchmark is: load a problem, solve it, a batch, a gradient.

A class imports its simulator only when its process uses it. ``solve``, ``batch`` and ``gradient``
are what is timed; ``table`` and ``tables`` bring their results to amounts afterwards.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
from problem import Problem

MAX_STEPS = 1_000_000


class NotAvailableError(Exception):
    """A simulator is not installed, or cannot do what a row asks for; the message says which."""


class Peer(ABC):
    """A simulator with a problem.

    Attributes
    ----------
    label : str
        Its name in tables.
    needs : str
        The module that must be installed.
    most_species : int
        Larger problems are not tried.
    """

    label = ""
    needs = ""
    most_species = 10**9

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.times = np.linspace(0.0, problem.end, problem.n_points)
        self.sizes = np.array(problem.sizes)

    def imported(self):
        """Return the simulator's module.

        Raises
        ------
        NotAvailableError
            It is not installed, or the problem is not for it.
        """
        if len(self.problem.species) > self.most_species:
            raise NotAvailableError(f"not tried above {self.most_species} species")
        try:
            return import_module(self.needs)
        except ModuleNotFoundError as error:
            raise NotAvailableError(f"not installed ({error.name})") from None

    @abstractmethod
    def load(self) -> None:
        """Read the file and prepare everything up to the first solve."""

    @abstractmethod
    def solve(self, rtol: float, atol: float):
        """Integrate once from the initial state; return the simulator's own result."""

    @abstractmethod
    def table(self, result) -> np.ndarray:
        """Return amounts of a result, shape (n_points, n_species)."""

    def counts(self, result) -> dict[str, int]:
        """Return steps and evaluations of a result, as far as the simulator tells."""
        return {}

    def set_values(self, values: Mapping[str, float]) -> None:
        """Set constants by id for the runs that follow."""
        raise NotAvailableError("no parameter sets here")

    def batch(self, sets: np.ndarray, rtol: float, atol: float):
        """Solve for each row of parameters; by default one after another, the nominal ones last."""
        results = []
        for row in sets:
            self.set_values(dict(zip(self.problem.parameters, row.tolist(), strict=True)))
            results.append(self.table(self.solve(rtol, atol)))
        self.set_values(dict(zip(self.problem.parameters, self.problem.nominal, strict=True)))
        return results

    def tables(self, results) -> np.ndarray:
        """Return amounts of a batch, (n_sets, n_points, n_species); NaN where a member failed."""
        return np.stack(results)

    def gradient(self, loss: Loss, rtol: float, atol: float) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient by the problem's parameters."""
        raise NotAvailableError("has no gradient")


class Loss:
    """Sum of squares of scaled differences, ``Σ ((x - data) / scale)²``.

    Attributes
    ----------
    data : (n_points, n_species)
        What the amounts are compared with.
    scale : (n_species,)
        Size of each species.
    """

    def __init__(self, data: np.ndarray, scale: np.ndarray) -> None:
        self.data, self.scale = data, scale

    def by_sensitivities(self, table: np.ndarray, sensitivities: np.ndarray) -> tuple[float, np.ndarray]:
        """Return loss and gradient from ∂x/∂p, shape (n_points, n_species, n_parameters)."""
        residual = (table - self.data) / self.scale
        return float(np.sum(residual**2)), 2 * np.einsum("ts,tsp->p", residual / self.scale, sensitivities)


def scratch(name: str) -> Path:
    """Return a folder for what a simulator generates, inside the cache folder of this process."""
    folder = Path(os.environ["XDG_CACHE_HOME"], name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
