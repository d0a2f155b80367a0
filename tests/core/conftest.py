"""Strict JAX for the core: broadcasting between different ranks is an error."""

from __future__ import annotations

import jax
import pytest


@pytest.fixture(autouse=True)
def strict_ranks():
    """Raise where arrays of different rank are combined (scalars excepted)."""
    before = jax.config.jax_numpy_rank_promotion
    jax.config.update("jax_numpy_rank_promotion", "raise")
    yield
    jax.config.update("jax_numpy_rank_promotion", before)
