"""What a command loads before it answers: nothing heavy that its work does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"antimony", "jax", "jaxlib", "libsbml", "matplotlib", "numpy", "rich", "scipy", "sympy"}
MODEL = str(ROOT / "models" / "dimerization.xml")

# Command line -> the heavy packages that it may load.
CASES = {
    ("import_", "--help"): {"rich"},
    ("simulate", "--help"): {"rich"},
    ("validate", "--help"): {"rich"},
    ("export", "--help"): {"rich"},
    ("show", "--help"): {"rich"},
    ("train", "--help"): {"rich"},
    ("simulate", "--version"): set(),
    ("import_", MODEL, "-o", "model.icrn"): {"libsbml", "numpy"},
    ("show", "model.icrn"): {"numpy"},
    ("simulate", "model.icrn", "--end", "1", "-o", "c.csv"): {"jax", "jaxlib", "numpy", "scipy"},
}
LOADED = """
import sys
from importlib import import_module
sys.argv = ["icrn", *sys.argv[2:]]
app = import_module(f"converters.cli.{%r}").app
try:
    app()
finally:
    print("loaded:", *sorted({name.split(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands run, one after the other: the first ones write what later ones read."""
    return tmp_path_factory.mktemp("startup")


@pytest.mark.parametrize("words", CASES, ids=lambda words: " ".join(words[:2]).replace(MODEL, "MODEL"))
def test_a_command_loads_only_what_it_needs(words, folder) -> None:
    code = LOADED % words[0]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "loaded:" in done.stdout, done.stderr
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    assert loaded & HEAVY <= CASES[words], done.stderr
