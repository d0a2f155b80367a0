"""One small class per simulator, imported only when its process uses it.

Every class loads the SBML file of a problem and integrates it from 0 to its end; ``solve`` is
what is timed, ``table`` brings its result to amounts of shape ``(n_points, n_species)`` afterwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module

import numpy as np
from problem import Problem


class NotAvailableError(Exception):
    """A simulator is not installed, or cannot do what a row asks for; the message says which."""


class Peer(ABC):
    """A simulator with a problem loaded.

    Attributes
    ----------
    label : str
        Its name in tables.
    needs : str
        The module that must be installed.
    """

    label = ""
    needs = ""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.times = np.linspace(0.0, problem.end, problem.n_points)

    @classmethod
    def imported(cls):
        """Return the simulator's module.

        Raises
        ------
        NotAvailableError
            It is not installed.
        """
        try:
            return import_module(cls.needs)
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

    def set_values(self, values: Mapping[str, float]) -> None:
        """Set constants by id for the runs that follow."""
        raise NotAvailableError(f"{self.label} has no way to set constants here")

    def counts(self) -> dict[str, int]:
        """Return counts of the last solve, as far as the simulator tells."""
        return {}


class LibRoadRunner(Peer):
    """libRoadRunner: CVODE's BDF with a dense difference Jacobian, LLVM-compiled rates."""

    label = "libRoadRunner"
    needs = "roadrunner"

    def load(self) -> None:
        """Compile the model without LLVM's optimisation, which loads four times faster."""
        roadrunner = self.imported()
        roadrunner.Logger.disableLogging()
        roadrunner.Config.setValue(roadrunner.Config.LLVM_BACKEND, roadrunner.Config.LLJIT)
        self.runner = roadrunner.RoadRunner(self.problem.path)
        self.runner.setIntegrator("cvode")
        self.integrator = self.runner.getIntegrator()
        self.integrator.setValue("stiff", True)
        self.integrator.setValue("maximum_num_steps", 1_000_000)
        self.runner.timeCourseSelections = ["time", *self.problem.species]

    def solve(self, rtol: float, atol: float):
        """Reset time and species, integrate."""
        self.integrator.setValue("relative_tolerance", rtol)
        self.integrator.setValue("absolute_tolerance", atol)
        self.runner.reset()
        return self.runner.simulate(0.0, self.problem.end, self.problem.n_points)

    def table(self, result) -> np.ndarray:
        """Return the selected columns."""
        return np.array(result, dtype=np.float64)[:, 1:]

    def set_values(self, values: Mapping[str, float]) -> None:
        """Set constants; `solve` resets what depends on the initial state."""
        for name, value in values.items():
            self.runner.setValue(name, value)
