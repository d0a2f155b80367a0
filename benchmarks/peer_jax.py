"""JAX peers, and SciPy's solvers, on our own vector field; sbmltoodejax on its own."""

from __future__ import annotations

import sys
from importlib import import_module

import numpy as np
from peer_ours import Ours
from peers import MAX_STEPS, NotAvailableError, Peer, scratch


class FieldPeer(Ours):
    """A solver that is given our vector field and Jacobian over the whole state."""

    def load(self) -> None:
        """Load as we do; pack the initial state and parameters."""
        super().load()
        dynamics = self.dynamics
        packed = dynamics.pack_state(self.values), dynamics.pack_params(self.params)
        self.y0, self.packed = dynamics.initial_vectors(*packed)

    def batch(self, sets: np.ndarray, rtol: float, atol: float):
        """Refuse: a batch measures whole simulators."""
        raise NotAvailableError("not timed for solvers on our field")

    gradient = Peer.gradient


class Kvaerno5(FieldPeer):
    """diffrax: Kvaerno5 with its default Newton iteration, Jacobian by forward mode."""

    label = "diffrax Kvaerno5, our field"
    needs = "diffrax"
    most_species = 130

    def load(self) -> None:
        """Load and write the integration down."""
        diffrax = self.imported()
        super().load()
        import jax

        def run(y, packed, rtol, atol):
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(self.dynamics.vector_field),
                diffrax.Kvaerno5(),
                0.0,
                self.problem.end,
                None,
                y,
                packed,
                saveat=diffrax.SaveAt(ts=self.times),
                stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
                max_steps=MAX_STEPS,
                adjoint=diffrax.DirectAdjoint(),
                throw=False,
            )
            return solution.ys, solution.stats, solution.result == diffrax.RESULTS.successful

        self.run = jax.jit(run)

    def solve(self, rtol: float, atol: float):
        """Integrate and wait."""
        import jax

        return jax.block_until_ready(self.run(self.y0, self.packed, rtol, atol))

    def table(self, result) -> np.ndarray:
        """Unpack the states."""
        import jax

        states, _, is_done = result
        if not bool(is_done):
            raise NotAvailableError("diffrax did not reach the end")
        return self.columns(jax.vmap(self.dynamics.unpack_state)(states))

    def counts(self, result) -> dict[str, int]:
        """Return what diffrax counts."""
        return {"steps": int(result[1]["num_steps"])}


class Scipy(FieldPeer):
    """One of SciPy's solvers, stepped by hand; of interest for its counts, not its speed."""

    needs = "scipy.integrate"
    method = ""

    def load(self) -> None:
        """Load, and compile field and Jacobian."""
        super().load()
        import jax

        field, jacobian = jax.jit(self.dynamics.vector_field), jax.jit(self.dynamics.jacobian)
        self.field = lambda t, y: np.asarray(field(t, y, self.packed))
        self.jacobian = lambda t, y: np.asarray(jacobian(t, y, self.packed))

    def solve(self, rtol: float, atol: float):
        """Step to the end and interpolate at the output times."""
        solver_class = getattr(import_module(self.needs), self.method)
        jac = {"jac": self.jacobian}
        solver = solver_class(
            self.field, 0.0, np.asarray(self.y0), self.problem.end, rtol=rtol, atol=atol, **jac
        )
        states, n_steps = [np.asarray(self.y0)], 0
        while solver.status == "running":
            if solver.step() is not None:
                raise NotAvailableError(f"SciPy's {self.method} stopped at t = {solver.t:g}")
            n_steps += 1
            due = self.times[len(states) :][self.times[len(states) :] <= solver.t]
            if len(due):
                states += list(solver.dense_output()(due).T)
        counts = {
            "steps": n_steps,
            "rhs": solver.nfev,
            "jacobians": solver.njev,
            "factorisations": solver.nlu,
        }
        return np.stack(states), counts

    def table(self, result) -> np.ndarray:
        """Unpack the states."""
        import jax

        return self.columns(jax.vmap(self.dynamics.unpack_state)(result[0]))

    def counts(self, result) -> dict[str, int]:
        """Return what SciPy counts."""
        return result[1]


class ScipyBDF(Scipy):
    """BDF, orders 1 to 5."""

    label, method = "SciPy BDF, our field", "BDF"


class ScipyRadau(Scipy):
    """Radau IIA of order 5."""

    label, method = "SciPy Radau, our field", "Radau"


class ScipyLSODA(Scipy):
    """LSODA, Adams and BDF."""

    label, method = "SciPy LSODA, our field", "LSODA"


class SbmlToOdeJax(Peer):
    """sbmltoodejax: generated JAX code with rates in float32, explicit `odeint` from output to output."""

    label = "sbmltoodejax"
    needs = "sbmltoodejax"
    most_species = 30

    def load(self) -> None:
        """Generate the module and import it."""
        import jax

        jax.config.update("jax_enable_x64", True)
        self.imported()
        generation = import_module("sbmltoodejax.modulegeneration")
        parse = import_module("sbmltoodejax.parse")
        folder = scratch("sbmltoodejax")
        name = f"bench_{self.problem.name}"
        data = parse.ParseSBMLFile(self.problem.path)
        generation.GenerateModel(data, str(folder / f"{name}.py"))
        sys.path.insert(0, str(folder))
        self.module = import_module(name)
        self.rollouts: dict[tuple[float, float], object] = {}

    def solve(self, rtol: float, atol: float):
        """Roll out and wait."""
        import jax

        key = (rtol, atol)
        if key not in self.rollouts:
            step = self.problem.end / (self.problem.n_points - 1)
            self.rollouts[key] = self.module.ModelRollout(deltaT=step, atol=atol, rtol=rtol)
        return jax.block_until_ready(self.rollouts[key](self.problem.n_points)[0])

    def table(self, result) -> np.ndarray:
        """Return the states, which are amounts."""
        step = next(iter(self.rollouts.values())).modelstepfunc
        picked = [step.y_indexes[name] for name in self.problem.species]
        return np.asarray(result)[picked].T
