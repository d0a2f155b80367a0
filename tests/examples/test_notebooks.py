"""The cells of every notebook run, one after the other."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
# What a notebook needs beside the package.
NEEDS = {
    "gray_scott_textures": ("matplotlib", "optax"),
    "hopfield_image": ("matplotlib", "optax"),
    "neural_crn": ("matplotlib", "roadrunner"),
    "winner_take_all": ("matplotlib", "optax", "mlxtend"),
}


def test_every_example_has_a_notebook():
    assert {path.stem for path in EXAMPLES.glob("*/*.ipynb")} == set(NEEDS)
    assert {path.parent.name for path in EXAMPLES.glob("*/run.py")} == set(NEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS)
def test_the_cells_of_a_notebook_run(name, tmp_path, monkeypatch):
    for package in NEEDS[name]:
        pytest.importorskip(package, reason=f"{package} is not installed")
    notebook = json.loads((EXAMPLES / name / f"{name}.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert notebook["nbformat"] == 4 and not any(cell["outputs"] for cell in cells)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(Image=lambda path: path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), f"a cell of {name}", "exec"), names)  # noqa: S102
