"""Our own side of the benchmark: read, fold, compile, `simulate` as a user calls it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from peers import Peer


class Ours(Peer):
    """The folded network in JAX; the plain call of `icrn_core.simulate`."""

    label = "icrn-sbml"
    needs = "icrn_core"

    def load(self) -> None:
        """Read, fold, compile to tensor operations (XLA compiles at the first solve)."""
        import jax

        jax.config.update("jax_enable_x64", True)
        import converters
        import icrn_io
        from icrn_core import compile_icrn

        self.folding = converters.fold_network(icrn_io.read_model(self.problem.path))
        icrn = self.folding.icrn
        self.dynamics = compile_icrn(icrn)
        self.values = {base.name: self.folding.values[base.name] for base in icrn.species}
        self.params = {base.name: self.folding.values[base.name] for base in icrn.constants}

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
        positions = self.folding.identity.positions
        flat = {
            name: np.asarray(s).reshape(*s.shape[: s.ndim - np.ndim(self.values[name])], -1)
            for name, s in states.items()
        }
        picked = [positions[i] for i in self.problem.species]
        return np.stack([flat[base][..., k] for base, k in picked], axis=-1)

    def counts(self) -> dict[str, int]:
        """Return steps and evaluations of one more solve at the last tolerances."""
        return {}
