"""Shared by all tests: float64 in JAX, the shipped models, and the data that may be present."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# LLVM without optimisation halves the time that tests compile; results agree within rounding.
os.environ["XLA_FLAGS"] = f"--xla_backend_optimization_level=0 {os.environ.get('XLA_FLAGS', '')}"
# Tests run in parallel processes: threads of the linear algebra would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Commands leave the cache of whoever runs the tests alone.
os.environ["ICRN_CACHE"] = "off"

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module", autouse=True)
def fresh_programs():
    """Compiled programs are dropped after each module: some hundreds of them fill the memory."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of models that ship with the project."""
    return ROOT / "models"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real models and reference results; the test is skipped where it is absent."""
    folder = Path(os.environ.get("ICRN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}: set ICRN_DATA to the folder that holds it")
    return folder
