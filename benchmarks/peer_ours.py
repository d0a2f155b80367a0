"""Our own side of the benchmark: read, fold, compile, `simulate` as a user calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from peers import Loss, NotAvailableError, Peer


class Ours(Peer):
    """The folded network in JAX: the plain call of `simulate`, and `simulate_batch` on all cores."""

    label = "icrn-sbml"
    needs = "icrn_core"

    def load(self) -> None:
        """Read, fold, compile to tensor operations (XLA compiles at the first solve)."""
        import jax

        jax.config.update("jax_enable_x64", True)
        from converters.models import as_folding
        from icrn_core import compile_icrn

        self.folding = as_folding(self.problem.path)
        icrn = self.folding.icrn
        self.dynamics = compile_icrn(icrn)
        self.values = {base.name: self.folding.values[base.name] for base in icrn.species}
        self.params = {base.name: self.folding.values[base.name] for base in icrn.constants}
        self.compiled: dict[tuple, Callable] = {}

    def solve(self, rtol: float, atol: float):
        """Call `simulate` and wait for the result."""
        import jax

        from icrn_core import simulate

        solution = simulate(self.dynamics, self.values, self.params, self.times, rtol=rtol, atol=atol)
        return jax.block_until_ready(solution)

    def table(self, result) -> np.ndarray:
        """Return the entries of the state's tensors by original id."""
        result.check()
        return self.columns(result.states)

    def columns(self, states: Mapping) -> np.ndarray:
        """Return amounts from tensors by base species, shape (..., n_points, n_species)."""
        flat = {
            name: np.asarray(state).reshape(
                *np.shape(state)[: np.ndim(state) - np.ndim(self.values[name])], -1
            )
            for name, state in states.items()
        }
        picked = [self.folding.identity.positions[name] for name in self.problem.species]
        return np.stack([flat[base][..., k] for base, k in picked], axis=-1)

    def counts(self, result) -> dict[str, int]:
        """Return what the integrator counts."""
        names = {"steps": "n_steps", "rejected": "n_rejected", "rhs": "n_rhs", "jacobians": "n_jac"}
        return {name: int(getattr(result.statistics, key)) for name, key in names.items()}

    def batched_params(self, sets: np.ndarray) -> dict[str, np.ndarray]:
        """Return parameter tensors with a leading axis for the members."""
        params = {name: np.repeat(np.asarray(p)[None], len(sets), 0) for name, p in self.params.items()}
        for column, name in zip(sets.T, self.problem.parameters, strict=True):
            base, position = self.folding.identity.positions[name]
            params[base].reshape(len(sets), -1)[:, position] = column
        return params

    def batch(self, sets: np.ndarray, rtol: float, atol: float):
        """Call `simulate_batch` and wait for the result."""
        import jax

        from icrn_core import simulate_batch

        params = self.batched_params(sets)
        return jax.block_until_ready(
            simulate_batch(self.dynamics, self.values, params, self.times, rtol=rtol, atol=atol)
        )

    def program(self, rtol: float, atol: float) -> Callable:
        """Return the solution as a function of the parameters."""
        from icrn_core import simulate

        return lambda params: simulate(self.dynamics, self.values, params, self.times, rtol=rtol, atol=atol)

    def tables(self, results) -> np.ndarray:
        """Return amounts of a batch; NaN where a member failed."""
        found = self.columns(results.states)
        return np.where(np.asarray(results.result)[:, None, None] == 0, found, np.nan)

    def loss(self, loss: Loss, rtol: float, atol: float) -> Callable:
        """Return the loss, and result code and steps tried beside it, as a function of the parameters."""
        import jax.numpy as jnp

        program = self.program(rtol, atol)
        picked = [self.folding.identity.positions[name] for name in self.problem.species]

        def value(params):
            solution = program(params)
            states, counts = solution.states, solution.statistics
            flat = {name: s.reshape(s.shape[0], -1) for name, s in states.items()}
            table = jnp.stack([flat[base][:, k] for base, k in picked], axis=1)
            square = jnp.sum(((table - loss.data) / loss.scale) ** 2)
            return square, (solution.result, counts.n_steps + counts.n_rejected)

        return value

    def gradient(self, loss: Loss, rtol: float, atol: float) -> tuple[float, np.ndarray]:
        """Take the discrete adjoint by all parameters of the model."""
        import jax

        key = ("gradient", rtol, atol)
        if key not in self.compiled:
            program = jax.value_and_grad(self.loss(loss, rtol, atol), has_aux=True)
            self.compiled[key] = jax.jit(program).lower(self.params).compile()
        (value, (code, _)), gradient = jax.device_get(self.compiled[key](self.params))
        if code:
            raise NotAvailableError(f"the run ended with result code {code}")
        places = [self.folding.identity.positions[name] for name in self.problem.parameters]
        return float(value), np.array([np.ravel(gradient[base])[k] for base, k in places])

    def gradient_memory(self, rtol: float, atol: float) -> dict[str, int]:
        """Return the bytes that XLA says the gradient's program and the forward solve's need."""
        import jax

        forward = jax.jit(self.program(rtol, atol)).lower(self.params).compile()
        programs = {"gradient": self.compiled["gradient", rtol, atol], "forward": forward}
        memory = {name: program.memory_analysis() for name, program in programs.items()}
        return {name: int(m.temp_size_in_bytes + m.output_size_in_bytes) for name, m in memory.items()}
