"""Exported simulations: the same numbers from a file, and nothing but such files is taken."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
from core_registry import CASES

from icrn_core import IcrnError, compile_icrn, export_simulation, load_simulation, simulate

pytest.importorskip("flatbuffers")

ROOT = Path(__file__).parents[2]
N_TIMES = 8
EXPORTED = sorted(CASES)[::4]  # every construct would take minutes


@pytest.fixture(scope="module")
def case():
    """A model with its dynamics, and its exported bytes with default values."""
    made = CASES[sorted(CASES)[0]]()
    dynamics = compile_icrn(made.icrn)
    data = export_simulation(dynamics, N_TIMES, values=made.values, params=made.params, has_gradient=True)
    return made, dynamics, data


def same(a, b) -> None:
    for name, tensor in b.states.items():
        np.testing.assert_allclose(a.states[name], tensor, rtol=1e-12, atol=1e-14)
    for name, tensor in b.params.items():
        np.testing.assert_array_equal(a.params[name], tensor)
    assert [int(n) for n in a.statistics] == [int(n) for n in b.statistics]
    assert int(a.result) == int(b.result)
    assert a.states.keys() == b.states.keys()


@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_simulation_is_the_simulation(name) -> None:
    made = CASES[name]()
    dynamics = compile_icrn(made.icrn)
    loaded = load_simulation(export_simulation(dynamics, N_TIMES))
    times = np.linspace(0.0, made.end, N_TIMES)
    options = {"rtol": 1e-8, "atol": 1e-10}
    same(
        loaded(made.values, made.params, times=times, **options),
        simulate(dynamics, made.values, made.params, times, **options),
    )


def test_the_program_has_no_marks_for_one_backend(case) -> None:
    made, dynamics, data = case
    # The same program is traced with marks first, and must not be taken from there.
    simulate(dynamics, made.values, made.params, np.linspace(0.0, made.end, N_TIMES)).check()
    for file in (data, export_simulation(dynamics, N_TIMES)):
        assert "xla_cpu_small_call" not in load_simulation(file)._exported.mlir_module()


def test_fewer_times_and_other_values_need_no_new_export(case) -> None:
    made, dynamics, data = case
    loaded = load_simulation(data)
    times = np.linspace(0.0, made.end, N_TIMES - 3)
    params = {name: 1.1 * np.asarray(tensor) for name, tensor in made.params.items()}
    found = loaded(params=params, times=times)
    assert all(len(tensor) == len(times) for tensor in found.states.values())
    same(found, simulate(dynamics, made.values, params, times))


def test_gradients_are_those_of_simulate(case) -> None:
    made, dynamics, data = case
    loaded = load_simulation(data)
    times = np.linspace(0.0, made.end, N_TIMES)

    def loss(solution):
        return sum((tensor**2).sum() for tensor in solution.states.values())

    ours = jax.grad(lambda p: loss(loaded(made.values, p, times=times)))(made.params)
    theirs = jax.grad(lambda p: loss(simulate(dynamics, made.values, p, times)))(made.params)
    for name, tensor in theirs.items():
        np.testing.assert_allclose(ours[name], tensor, rtol=1e-9, atol=1e-12)


def test_the_file_runs_where_there_is_only_jax(case, tmp_path) -> None:
    made, dynamics, data = case
    (tmp_path / "model.jaxexport").write_bytes(data)
    code = (
        "import sys, icrn_core, jax; jax.config.update('jax_enable_x64', True)\n"
        "s = icrn_core.load_simulation('model.jaxexport')(times=[0.0, float(sys.argv[1])]).check()\n"
        "print(*[x for t in s.states.values() for x in t.ravel().tolist()])\n"
        "others = {'libsbml', 'sympy', 'icrn_io', 'converters'}\n"
        "print(sorted({n.split('.')[0] for n in sys.modules} & others))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(made.end)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    numbers, loaded = done.stdout.splitlines()
    here = simulate(dynamics, made.values, made.params, np.array([0.0, made.end]))
    flat = np.concatenate([np.ravel(tensor) for tensor in here.states.values()])
    np.testing.assert_allclose([float(word) for word in numbers.split()], flat, rtol=1e-12, atol=1e-14)
    assert loaded == "[]"


def test_equal_models_make_equal_headers_and_labels_are_kept(case) -> None:
    made, dynamics, _ = case
    labels = {made.icrn.species[0].name: [f"e{k}" for k in range(made.icrn.species[0].size)]}
    header = load_simulation(export_simulation(dynamics, N_TIMES, labels=labels)).header
    assert header.labels == {name: tuple(ids) for name, ids in labels.items()}
    assert [(b.name, b.shape) for b in header.species] == [(b.name, b.shape) for b in made.icrn.species]
    assert header.platforms == (jax.default_backend(),)


def changed(data: bytes, member: str, change) -> bytes:
    """Return the file with one member replaced, or left out if the change gives None."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            part = change(old.read(info)) if info.filename == member else old.read(info)
            if part is not None:
                new.writestr(info.filename, part)
    return buffer.getvalue()


def in_header(**entries):
    """Return a change of the header's entries."""

    def change(data: bytes) -> bytes:
        return json.dumps({**json.loads(data), **entries}).encode()

    return lambda file: changed(file, "header.json", change)


DAMAGED = {
    "no zip": (lambda data: b"not a zip", "no exported simulation"),
    "cut off": (lambda data: data[: len(data) // 2], "no exported simulation"),
    "no header": (lambda data: changed(data, "header.json", lambda part: None), "no header"),
    "header of something else": (in_header(format="other"), "no header of the format"),
    "header that is a list": (lambda data: changed(data, "header.json", lambda part: b"[]"), "no header"),
    "later version": (in_header(version=99), "version 99"),
    "other program": (lambda data: changed(data, "program.bin", lambda part: part + b"x"), "damaged"),
    "array left out": (lambda data: changed(data, "arrays/0.npy", lambda part: None), "damaged"),
    "shapes changed": (in_header(n_times=5), "damaged"),
    "entry missing": (in_header(species=None), "cannot be read"),
    "entry unknown": (in_header(author="me"), "unknown entries"),
    "other machine": (in_header(platforms=["tpu"]), "exported for tpu"),
    "other JAX": (in_header(calling_convention=1), "does not understand"),
    "other statistics": (in_header(statistics=["n_steps"]), "another version"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_other_and_damaged_files_are_refused(damage, case) -> None:
    change, message = DAMAGED[damage]
    with pytest.raises(IcrnError, match=message):
        load_simulation(change(case[2]))


def test_what_does_not_fit_is_refused(case, tmp_path) -> None:
    _, dynamics, data = case
    loaded = load_simulation(data)
    with pytest.raises(IcrnError, match=f"1 to {N_TIMES}"):
        loaded(times=np.linspace(0.0, 1.0, N_TIMES + 1))
    with pytest.raises(IcrnError, match="ascend"):
        loaded(times=[1.0, 0.5])
    with pytest.raises(IcrnError, match="nonsense"):
        loaded({"nonsense": np.zeros(1)}, times=[1.0])
    with pytest.raises(IcrnError, match="holds no values"):
        load_simulation(export_simulation(dynamics, 1))(times=[1.0])
    with pytest.raises(IcrnError, match="cannot be read"):
        load_simulation(tmp_path / "missing")
    with pytest.raises(IcrnError, match="no solver is called"):
        export_simulation(dynamics, 1, solver="euler")
    with pytest.raises(IcrnError, match="n_times"):
        export_simulation(dynamics, 0)
    with pytest.raises(IcrnError, match="64-bit"), jax.enable_x64(False):
        load_simulation(data)
