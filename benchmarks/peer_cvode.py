"""Simulators built on CVODE(S) or LSODA: libRoadRunner, bngsim, COPASI, AMICI."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
from peers import MAX_STEPS, Loss, NotAvailableError, Peer, scratch


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
        self.integrator.setValue("maximum_num_steps", MAX_STEPS)
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

    def gradient(self, loss: Loss, rtol: float, atol: float) -> tuple[float, np.ndarray]:
        """Contract forward sensitivities."""
        self.runner.setSensitivitySolver("forward")
        solver = self.runner.getSensitivitySolver()
        solver.setValue("relative_tolerance", rtol)
        solver.setValue("absolute_tolerance", atol)
        solver.setValue("maximum_num_steps", MAX_STEPS)
        table = self.table(self.solve(rtol, atol))
        self.runner.reset()
        # By all parameters: of a selection, libRoadRunner 2.10 returns those of the model's first ones.
        span = 0.0, self.problem.end, self.problem.n_points
        _, found, parameters, species = self.runner.timeSeriesSensitivities(*span)
        picked = np.ix_(
            range(len(found)),
            [species.index(name) for name in self.problem.species],
            [parameters.index(name) for name in self.problem.parameters],
        )
        return loss.by_sensitivities(table, np.moveaxis(np.asarray(found), 1, 2)[picked])


class Bngsim(Peer):
    """bngsim: CVODES with an analytic Jacobian, KLU where it is sparse; C code from 256 species."""

    label = "bngsim"
    needs = "bngsim"

    def load(self) -> None:
        """Read the model; code is generated and compiled in an empty cache."""
        os.environ["BNGSIM_CODEGEN_CACHE_DIR"] = str(scratch("bngsim"))
        bngsim = self.imported()
        self.model = bngsim.Model.from_sbml(self.problem.path)
        self.simulator = bngsim.Simulator(self.model, method="ode")
        self.with_sensitivities = None
        self.columns = self._columns(self.model.species_names)

    def _columns(self, names) -> list[int]:
        positions = {name: k for k, name in enumerate(names)}
        return [positions[name] for name in self.problem.species]

    def solve(self, rtol: float, atol: float):
        """Reset the state, integrate."""
        return self._run(self.simulator, rtol, atol)

    def _run(self, simulator, rtol: float, atol: float):
        self.model.reset()
        span = (0.0, self.problem.end)
        return simulator.run(span, self.problem.n_points, rtol=rtol, atol=atol, max_steps=MAX_STEPS)

    def table(self, result) -> np.ndarray:
        """Return concentrations times the sizes of compartments."""
        return np.asarray(result.species)[:, self.columns] * self.sizes

    def counts(self, result) -> dict[str, int]:
        """Return what CVODES counts."""
        names = {"steps": "n_steps", "rhs": "n_rhs_evals", "jacobians": "n_jac_evals"}
        return {name: int(result.solver_stats[key]) for name, key in names.items()}

    def set_values(self, values: Mapping[str, float]) -> None:
        """Set constants."""
        self.model.set_params(dict(values))

    def gradient(self, loss: Loss, rtol: float, atol: float) -> tuple[float, np.ndarray]:
        """Contract forward sensitivities."""
        if self.with_sensitivities is None:
            names = list(self.problem.parameters)
            self.with_sensitivities = self.imported().Simulator(
                self.model, method="ode", sensitivity_params=names
            )
        result = self._run(self.with_sensitivities, rtol, atol)
        found = np.asarray(result.sensitivities)[:, self.columns] * self.sizes[:, None]
        return loss.by_sensitivities(self.table(result), found)


class Copasi(Peer):
    """COPASI: LSODA with a dense difference Jacobian, rates interpreted."""

    label = "COPASI"
    needs = "COPASI"

    def load(self) -> None:
        """Import the model and configure its time course."""
        copasi = self.imported()
        self.data_model = copasi.CRootContainer.addDatamodel()
        if not self.data_model.importSBML(self.problem.path):
            raise NotAvailableError("COPASI cannot import the model")
        model = self.data_model.getModel()
        model.forceCompile()
        self.task = self.data_model.getTask("Time-Course")
        self.task.setMethodType(copasi.CTaskEnum.Method_deterministic)
        problem = self.task.getProblem()
        problem.setAutomaticStepSize(False)
        problem.setTimeSeriesRequested(True)
        problem.setDuration(self.problem.end)
        problem.setStepNumber(self.problem.n_points - 1)
        self.task.getMethod().getParameter("Max Internal Steps").setIntValue(MAX_STEPS)
        self.model = model
        self.constants = {v.getSBMLId(): v for v in model.getModelValues()}

    def solve(self, rtol: float, atol: float):
        """Run the task from the initial values."""
        method = self.task.getMethod()
        method.getParameter("Relative Tolerance").setDblValue(rtol)
        method.getParameter("Absolute Tolerance").setDblValue(atol)
        if not self.task.process(True):
            raise NotAvailableError(f"COPASI failed: {self.task.getProcessError()}")
        return self.task.getTimeSeries()

    def table(self, result) -> np.ndarray:
        """Return concentrations times the sizes of compartments."""
        columns = {result.getSBMLId(k, self.data_model): k for k in range(result.getNumVariables())}
        picked = [columns[name] for name in self.problem.species]
        rows = range(result.getRecordedSteps())
        return np.array([[result.getConcentrationData(i, k) for k in picked] for i in rows]) * self.sizes

    def set_values(self, values: Mapping[str, float]) -> None:
        """Set initial values of the model's constants."""
        changed = self.imported().ObjectStdVector()
        for name, value in values.items():
            self.constants[name].setInitialValue(value)
            changed.append(self.constants[name].getInitialValueReference())
        self.model.updateInitialValues(changed)


class Amici(Peer):
    """AMICI: CVODES with generated C++ and KLU; forward sensitivities."""

    label = "AMICI"
    needs = "amici"
    most_species = 150  # beyond that its compiler needs many minutes

    def load(self) -> None:
        """Generate C++, compile it, import it."""
        # AMICI looks for swig on the path; pip puts it beside the interpreter.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.amici = self.imported()
        self.sundials = import_module("amici.sim.sundials")
        importer = import_module("amici.importers.sbml").SbmlImporter
        folder = scratch(f"amici_{self.problem.name}")
        name = f"bench_{self.problem.name}"
        importer(self.problem.path).sbml2amici(name, folder, verbose=False)
        self.model = self.amici.import_model_module(name, folder).get_model()
        self.model.set_timepoints(self.times)
        self.solver = self.model.create_solver()
        self.solver.set_max_steps(MAX_STEPS)
        self.free = list(self.model.get_free_parameter_ids())
        positions = {name: k for k, name in enumerate(self.model.get_state_ids())}
        self.columns = [positions[name] for name in self.problem.species]

    def solve(self, rtol: float, atol: float):
        """Simulate without sensitivities."""
        self.solver.set_sensitivity_order(self.sundials.SensitivityOrder.none)
        return self._run(rtol, atol)

    def _run(self, rtol: float, atol: float):
        self.solver.set_relative_tolerance(rtol)
        self.solver.set_absolute_tolerance(atol)
        result = self.model.simulate(solver=self.solver)
        if result.status != 0:
            raise NotAvailableError(f"AMICI ended with status {result.status}")
        return result

    def table(self, result) -> np.ndarray:
        """Return concentrations times the sizes of compartments."""
        return np.asarray(result.x)[:, self.columns] * self.sizes

    def counts(self, result) -> dict[str, int]:
        """Return what CVODES counts."""
        names = {"steps": "numsteps", "rhs": "num_rhs_evals"}
        return {name: int(np.max(result[key])) for name, key in names.items()}

    def set_values(self, values: Mapping[str, float]) -> None:
        """Set free parameters."""
        for name, value in values.items():
            self.model.set_free_parameter_by_id(name, value)

    def gradient(self, loss: Loss, rtol: float, atol: float) -> tuple[float, np.ndarray]:
        """Contract forward sensitivities."""
        self.solver.set_sensitivity_order(self.sundials.SensitivityOrder.first)
        self.solver.set_sensitivity_method(self.sundials.SensitivityMethod.forward)
        result = self._run(rtol, atol)
        picked = [self.free.index(name) for name in self.problem.parameters]
        found = np.moveaxis(np.asarray(result.sx), 1, 2)[:, self.columns][:, :, picked]
        return loss.by_sensitivities(self.table(result), found * self.sizes[:, None])
