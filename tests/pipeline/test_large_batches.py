"""Batches whose arrays are too large for one kernel."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from converters import fold_network
from icrn_core import compile_icrn, simulate
from icrn_io import read_model


@pytest.mark.slow
def test_gradient_of_a_wide_batch_is_that_of_each_run(models_dir):
    """727 moving entries in 128 lanes: XLA would share such arrays out to threads."""
    folding = fold_network(read_model(models_dir / "winner_take_all.xml"))
    dynamics = compile_icrn(folding.icrn)
    values = {base.name: folding.values[base.name] for base in folding.icrn.species}
    params = {base.name: folding.values[base.name] for base in folding.icrn.constants}

    def loss(scale):
        scaled = {name: x * scale for name, x in params.items()}
        states = simulate(dynamics, values, scaled, np.array([0.0, 0.01]), rtol=1e-6).states
        return sum(jnp.sum(x**2) for x in states.values())

    scales = jnp.linspace(0.9, 1.1, 128)
    found = jax.jit(jax.vmap(jax.grad(loss)))(scales)
    alone = jax.jit(jax.grad(loss))
    np.testing.assert_allclose(found[::60], [alone(s) for s in scales[::60]], rtol=1e-6)
