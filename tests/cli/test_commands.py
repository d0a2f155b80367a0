"""The commands: results on stdout, the rest on stderr, one line and exit code 1 for what fails."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from converters.archive import load_folding, save_folding
from converters.cli import app as shared
from converters.cli import export, import_, show, simulate, validate
from icrn_io import read_model

COMMANDS = {
    "icrn-import": import_,
    "icrn-show": show,
    "icrn-simulate": simulate,
    "icrn-export": export,
    "icrn-validate": validate,
}
MODEL = """
model decay
  compartment c = 2; species A_1 in c, A_2 in c, B_1 in c, B_2 in c; A_1 = 3; A_2 = 1; B_1 = 0; B_2 = 0
  J1: A_1 -> B_1; c*k_1*A_1; k_1 = 0.7
  J2: A_2 -> B_2; c*k_2*A_2; k_2 = 0.1
end
"""


def call(command: str, *arguments: str, stdin: str | None = None):
    """Run a command in this process: exit code, standard output, standard error."""
    captured = {}

    def work():
        result = CliRunner().invoke(COMMANDS[command].app, list(arguments), input=stdin, prog_name=command)
        captured["result"] = result
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        raise SystemExit(result.exit_code)

    error, sys.stderr = sys.stderr, io.StringIO()
    try:
        code = shared.exit_code(work)
        told = sys.stderr.getvalue()
    finally:
        sys.stderr = error
    return code, captured["result"].stdout, captured["result"].stderr + told


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decay.ant").write_text(MODEL)
    return tmp_path


@pytest.fixture
def archive(folder):
    assert call("icrn-import", "decay.ant")[0] == 0
    (folder / "decay.ant").unlink()
    return folder / "decay.icrn"


def test_import_writes_the_stem_and_prints_the_fold(folder):
    code, out, err = call("icrn-import", "decay.ant")
    assert code == 0
    assert "A[i] → B[i]" in out
    assert "exact" in out
    assert "wrote decay.icrn" in err
    assert load_folding("decay.icrn").skeleton.id == "decay"
    assert sorted(os.listdir()) == ["decay.ant", "decay.icrn"]


def test_import_of_standard_input_as_json_with_a_report(folder):
    code, out, _ = call("icrn-import", "-", "-o", "x.icrn", "--json", "--report", "x.html", stdin=MODEL)
    assert code == 0
    tree = json.loads(out)
    assert (tree["n_species"], tree["n_reactions"], len(tree["reactions"])) == (4, 2, 1)
    assert "A[i]" in Path("x.html").read_text(encoding="utf-8")
    assert load_folding("x.icrn").skeleton.id == "decay"


def test_flat_import_has_no_index_structure(folder):
    code, out, _ = call("icrn-import", "decay.ant", "--flat", "--json")
    assert code == 0
    assert "A[i]" not in out
    assert len(json.loads(out)["reactions"]) == 1


HINTS = """
[index_sets]
Site = ["2", "1"]
[bases]
Alpha = "A_{n:Site}"
"""


def test_import_with_hints(folder):
    (folder / "hints.toml").write_text(HINTS)
    code, out, _ = call("icrn-import", "decay.ant", "--hints", "hints.toml")
    assert code == 0
    assert "Alpha[s] → B[s]" in out
    assert "Site (2): 2, 1" in out
    assert "hints.toml: 1 base as given" in out
    assert load_folding("decay.icrn").identity.entries["Alpha"] == ("A_2", "A_1")
    assert "Alpha[s] → B[s]" in call("icrn-show", "decay.icrn")[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[bases", "hints.toml: is no valid TOML"),
        ('[bases]\nA = "Z_{i}"', "hints.toml: bases.A: no id fits the pattern 'Z_{i}'"),
        ('[base]\nA = "A_{i}"', "hints.toml: base: unknown key"),
    ],
)
def test_bad_hints_are_refused_in_one_line(folder, text, message):
    (folder / "hints.toml").write_text(text)
    code, out, err = call("icrn-import", "decay.ant", "--hints", "hints.toml")
    assert (code, out) == (1, "")
    assert message in err and err.count("\n") == 1
    assert not (folder / "decay.icrn").exists()


def test_hints_and_flat_exclude_each_other(folder):
    (folder / "hints.toml").write_text(HINTS)
    assert call("icrn-import", "decay.ant", "--hints", "hints.toml", "--flat")[0] == 2
    assert call("icrn-import", "decay.ant", "--hints", "none.toml")[0] == 1


def test_a_search_that_is_cut_short_is_told(folder):
    code, out, err = call("icrn-import", "decay.ant", "--fold-seconds", "0", "--json")
    assert code == 0
    assert "cut short after 0 s" in err
    assert json.loads(out)["report"]["is_complete"] is False
    assert call("icrn-import", "decay.ant", "--fold-seconds", "-1")[0] == 2


def test_the_report_as_json(folder):
    report = json.loads(call("icrn-import", "decay.ant", "--json")[1])["report"]
    (group,) = report["groups"]
    expected = {"name": "R1", "n_reactions": 2, "form": "dense", "pattern": "every i", "density": 1.0}
    assert expected.items() <= group.items() and group["ids"] == ["J1", "J2"]
    assert {
        "n_groups",
        "n_strict",
        "flat_bits",
        "folded_bits",
        "fold_seconds",
        "check_seconds",
    } <= report.keys()
    assert {"lists", "near_misses", "hints", "is_complete"} <= report.keys()


def test_fresh_exports_bring_their_structure_along(folder):
    (folder / "hints.toml").write_text(HINTS)
    assert call("icrn-import", "decay.ant", "--hints", "hints.toml")[0] == 0
    assert call("icrn-export", "decay.icrn", "-o", "fresh.xml", "--fresh", "--set", "k_1=2")[0] == 0
    assert call("icrn-export", "decay.icrn", "-o", "patched.xml")[0] == 0
    assert call("icrn-export", "decay.icrn", "-o", "fresh.omex", "--fresh")[0] == 0
    assert call("icrn-export", "decay.icrn", "-o", "fresh.ant", "--fresh")[0] == 0
    first = load_folding("decay.icrn").icrn
    for name, keeps in (
        ("fresh.xml", True),
        ("fresh.omex", True),
        ("patched.xml", False),
        ("fresh.ant", False),
    ):
        assert call("icrn-import", name, "-o", "again.icrn")[0] == 0
        assert (load_folding("again.icrn").icrn.species == first.species) is keeps, name


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("dir/m.xml", "m.icrn"),
        ("m.v2.xml.gz", "m.v2.icrn"),
        ("-", "model.icrn"),
        ("m", "m.icrn"),
        (".ant", ".ant.icrn"),
    ],
)
def test_the_default_name_of_an_import(model, expected):
    assert import_.default_output(model) == expected


def test_show_in_every_form(archive):
    assert "A[i] → B[i]" in call("icrn-show", "decay.icrn")[1]
    assert json.loads(call("icrn-show", "decay.icrn", "--json")[1])["name"] == "decay"
    assert call("icrn-show", "decay.icrn", "--latex")[1].startswith(r"\begin{align*}")
    code, out, _ = call("icrn-show", "decay.icrn", "--graph", "g.svg")
    assert (code, out) == (0, "")
    assert Path("g.svg").read_text(encoding="utf-8").count('class="node"') == 3
    assert call("icrn-show", "decay.icrn", "--latex", "--json")[0] == 2


def columns(text: str) -> dict[str, np.ndarray]:
    rows = list(csv.reader(io.StringIO(text)))
    return {name: np.array([float(row[k]) for row in rows[1:]]) for k, name in enumerate(rows[0])}


def test_simulate_writes_exact_numbers(archive):
    code, out, err = call("icrn-simulate", "decay.icrn", "--end", "2", "--points", "3", "--set", "k_1=0.5")
    assert (code, err) == (0, "")
    table = columns(out)
    assert list(table) == ["time", "A_1", "A_2", "B_1", "B_2"]
    np.testing.assert_allclose(table["A_1"], 3 * np.exp(-0.5 * table["time"]), rtol=1e-7)
    np.testing.assert_allclose(table["A_2"], np.exp(-0.1 * table["time"]), rtol=1e-7)
    assert out.splitlines()[1] == "0.0,3.0,1.0,0.0,0.0"


def test_simulate_random_reactions(archive):
    arguments = ("icrn-simulate", "decay.icrn", "--end", "20", "--points", "5", "--method", "ssa")
    more = ("--quantity", "amount", "--seed")
    runs = [columns(call(*arguments, *more, seed)[1]) for seed in ("1", "1", "2")]
    totals = [sum(run[name] for name in ("A_1", "A_2", "B_1", "B_2")) for run in runs]
    assert all((total == total[0]).all() for total in totals)
    assert all((run["A_1"] == np.round(run["A_1"])).all() for run in runs)
    assert all((runs[0][name] == runs[1][name]).all() for name in runs[0])


def test_simulate_options(archive):
    Path("times.txt").write_text("0.5, 1\n2;3\n")
    arguments = [
        "decay.icrn",
        "--times",
        "times.txt",
        "--quantity",
        "amount",
        "--all",
        "-o",
        "x.csv",
        "--plot",
        "x.png",
    ]
    code, out, err = call("icrn-simulate", *arguments)
    assert (code, out) == (0, "")
    assert "wrote x.csv" in err
    table = columns(Path("x.csv").read_text(encoding="utf-8"))
    assert table["time"].tolist() == [0.5, 1.0, 2.0, 3.0]
    np.testing.assert_allclose(table["A_2"], 2 * np.exp(-0.1 * table["time"]), rtol=1e-7)
    np.testing.assert_allclose(table["J2"], 0.1 * table["A_2"], rtol=1e-12)
    assert Path("x.png").read_bytes().startswith(b"\x89PNG")


def test_simulate_by_another_engine_from_standard_input(folder):
    code, out, _ = call(
        "icrn-simulate", "-", "--end", "1", "--points", "2", "--engine", "copasi", stdin=MODEL
    )
    assert code == 0
    np.testing.assert_allclose(columns(out)["A_1"], 3 * np.exp([0, -0.7]), rtol=1e-6)


def test_a_compiled_simulation_is_exported_with_values_and_ids(archive):
    pytest.importorskip("flatbuffers")
    from icrn_core import load_simulation

    assert (
        call("icrn-export", "decay.icrn", "-o", "decay.jaxexport", "--set", "k_1=2", "--points", "3")[0] == 0
    )
    found = load_simulation("decay.jaxexport")
    solution = found(times=[0.0, 1.0], rtol=1e-9).check()
    labels = {name: ids for name, ids in found.header.labels.items() if "A_1" in ids}
    ((base, ids),) = labels.items()
    amounts = dict(zip(ids, np.asarray(solution.states[base])[-1].ravel(), strict=True))
    np.testing.assert_allclose(amounts["A_1"], 2 * 3 * np.exp(-2.0), rtol=1e-6)


def test_export_gives_the_model_back(archive, folder):
    original = read_model(MODEL)
    for name in ("x.xml", "x.sbml", "x.ant"):
        assert call("icrn-export", "decay.icrn", "-o", name)[0] == 0
        again = read_model(folder / name)
        assert [s.id for s in again.species] == [s.id for s in original.species]
        assert {p.id: p.value for p in again.parameters} == {"k_1": 0.7, "k_2": 0.1}
    assert read_model(folder / "x.xml") == original
    assert call("icrn-export", "decay.icrn", "-o", "y.xml", "--set", "k_1=2", "--fresh")[0] == 0
    assert {p.id: p.value for p in read_model(folder / "y.xml").parameters} == {"k_1": 2.0, "k_2": 0.1}
    assert call("icrn-export", "decay.icrn", "-o", "x.omex")[0] == 0
    assert read_model(folder / "x.omex") == original


def test_validate_passes_and_reports(archive):
    code, out, _ = call("icrn-validate", "decay.icrn", "--end", "5", "--report", "v.html")
    assert code == 0
    assert "tellurium: all 4 species agree" in out
    assert "copasi: all 4 species agree" in out
    assert "agrees" in Path("v.html").read_text(encoding="utf-8")


def test_validate_fails_above_the_tolerance(archive):
    code, out, err = call(
        "icrn-validate",
        "decay.icrn",
        "--against",
        "copasi",
        "--tolerance",
        "1e-13",
        "--atol",
        "1e-25",
        "--json",
    )
    assert code == 1
    assert json.loads(out)["passed"] is False
    assert err.count("\n") == 1
    assert "differ" in err


REFUSED = {
    "no such file": (["icrn-import", "none.xml"], "no such file"),
    "not a model": (["icrn-import", "junk.xml"], "junk.xml"),
    "syntax error": (["icrn-import", "typo.ant"], "line 2"),
    "folded already": (["icrn-import", "decay.icrn"], "folded already"),
    "over the input": (["icrn-simulate", "decay.ant", "--end", "1", "-o", "./decay.ant"], "it is the input"),
    "over the archive": (["icrn-validate", "decay.icrn", "--report", "decay.icrn"], "it is the input"),
    "over each other": (
        ["icrn-simulate", "decay.ant", "--end", "1", "-o", "x.png", "--plot", "x.png"],
        "an output already",
    ),
    "missing value in tellurium": (
        ["icrn-simulate", "missing.ant", "--end", "1", "--engine", "tellurium"],
        "no value is given for 'k'",
    ),
    "missing value in copasi": (
        ["icrn-simulate", "missing.ant", "--end", "1", "--engine", "copasi"],
        "no value is given for 'k'",
    ),
    "missing value": (["icrn-import", "missing.ant"], "no value is given for 'k'"),
    "another suffix": (["icrn-import", "decay.ant", "-o", "x.zip"], "ends in .icrn"),
    "nowhere to write": (["icrn-import", "decay.ant", "-o", "none/x.icrn"], "no folder"),
    "nowhere to report": (["icrn-import", "decay.ant", "--report", "none/x.html"], "no folder"),
    "nowhere to simulate": (["icrn-simulate", "decay.ant", "--end", "1", "-o", "none/x.csv"], "no folder"),
    "nowhere to draw": (["icrn-simulate", "decay.ant", "--end", "1", "--plot", "none/x.png"], "no folder"),
    "a folder to draw": (["icrn-simulate", "decay.ant", "--end", "1", "--plot", "."], "is a folder"),
    "show a model": (["icrn-show", "decay.ant"], "icrn-import"),
    "show a damaged file": (["icrn-show", "bad.icrn"], "bad.icrn"),
    "simulate a damaged file": (["icrn-simulate", "bad.icrn", "--end", "1"], "bad.icrn"),
    "unknown id": (["icrn-simulate", "decay.ant", "--end", "1", "--set", "k_l=3"], "did you mean 'k_"),
    "varying lag": (["icrn-simulate", "lag.ant", "--end", "1", "-o", "x"], "delay"),
    "random fractions": (["icrn-simulate", "half.ant", "--end", "1", "--method", "ssa"], "whole numbers"),
    "random in another engine": (
        ["icrn-simulate", "decay.ant", "--end", "1", "--method", "ssa", "--engine", "copasi"],
        "engine 'icrn'",
    ),
    "unknown solver": (["icrn-simulate", "decay.ant", "--end", "1", "--solver", "euler"], "euler"),
    "negative start": (["icrn-simulate", "decay.ant", "--start", "-1", "--end", "1"], "none can be before 0"),
    "bad tolerance": (["icrn-simulate", "decay.ant", "--end", "1", "--rtol", "0"], "rtol"),
    "no times": (["icrn-simulate", "decay.ant", "--times", "none.txt"], "none.txt"),
    "times of words": (["icrn-simulate", "decay.ant", "--times", "typo.ant"], "numbers"),
    "plot of no format": (["icrn-simulate", "decay.ant", "--end", "1", "--plot", "x.xyz"], "xyz"),
    "export to no format": (["icrn-export", "decay.icrn", "-o", "x.pdf"], "x.pdf"),
    "export to nowhere": (["icrn-export", "decay.icrn", "-o", "none/x.xml"], "no folder"),
    "export of an unknown id": (["icrn-export", "decay.icrn", "-o", "x.xml", "--set", "zz=1"], "'zz'"),
    "unknown engine": (["icrn-validate", "decay.icrn", "--against", "matlab"], "matlab"),
    "validate a varying lag": (["icrn-validate", "lag.ant", "--report", "x.html"], "delay"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_one_line_and_leaves_no_file(case, archive, folder):
    arguments, message = REFUSED[case]
    (folder / "decay.ant").write_text(MODEL)
    (folder / "junk.xml").write_text("junk")
    (folder / "typo.ant").write_text("model m\n  A -> -> B;\nend\n")
    (folder / "lag.ant").write_text("species A = 1; J: A -> ; delay(A, 1 + A)")
    (folder / "half.ant").write_text("species A = 0.5; J: A -> ; A")
    (folder / "missing.ant").write_text("species A = 1; J: A -> ; k*A")
    (folder / "bad.icrn").write_bytes(archive.read_bytes()[:-100])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = call(*arguments)
    assert code == 1
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after == before


USAGE = {
    "no arguments": (["icrn-import"], "MODEL"),
    "unknown option": (["icrn-show", "x.icrn", "--purple"], "--purple"),
    "no end": (["icrn-simulate", "decay.ant"], "--end"),
    "end before start": (["icrn-simulate", "decay.ant", "--start", "5", "--end", "1"], "before"),
    "infinite end": (["icrn-simulate", "decay.ant", "--end", "inf"], "finite"),
    "end before zero": (["icrn-validate", "decay.ant", "--end", "-1"], "before 0"),
    "end and times": (["icrn-simulate", "decay.ant", "--end", "1", "--times", "t.txt"], "one of"),
    "graph of no format": (["icrn-show", "decay.icrn", "--graph", "x.png"], ".svg"),
    "no points": (["icrn-simulate", "decay.ant", "--end", "1", "--points", "0"], "points"),
    "setting of no value": (["icrn-simulate", "decay.ant", "--end", "1", "--set", "k_1"], "ID=VALUE"),
    "setting of a word": (["icrn-simulate", "decay.ant", "--end", "1", "--set", "k_1=x"], "ID=VALUE"),
    "set twice": (["icrn-simulate", "decay.ant", "--end", "1", "--set", "k=1", "--set", "k=2"], "twice"),
    "no output": (["icrn-export", "decay.icrn"], "-o"),
    "no engine": (["icrn-validate", "decay.ant", "--against", ","], "at least one engine"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_exits_with_2(case, folder):
    arguments, message = USAGE[case]
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_version_a_number(command):
    code, out, _ = call(command, "--help")
    assert code == 0
    assert f"Example:  {command} " in out
    code, out, _ = call(command, "--version")
    assert code == 0
    assert out.startswith("icrn-sbml ")


def as_program(command: str, *arguments: str, **options):
    module = COMMANDS[command].__name__
    script = f"import sys; sys.argv = {[command, *arguments]!r}; from {module} import main; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, encoding="utf-8", **options
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_starts_without_the_heavy_libraries(command):
    module = COMMANDS[command].__name__
    script = (
        f"import sys\nfrom {module} import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'jax', 'libsbml', 'antimony', 'roadrunner', 'COPASI', 'sympy', 'numpy'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, encoding="utf-8"
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_program_says_one_line_whatever_the_simulators_print(folder):
    (folder / "blow_up.ant").write_text("species A = 1; J: -> A; A^2")
    result = as_program(
        "icrn-simulate", "blow_up.ant", "--end", "2", "--engine", "tellurium", "-o", "x.csv", cwd=folder
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: tellurium: ")
    assert result.stderr.count("\n") == 1
    assert os.listdir(folder) == ["decay.ant", "blow_up.ant"] or not (folder / "x.csv").exists()


def test_a_program_done_exits_with_0(folder):
    result = as_program("icrn-import", "decay.ant", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "wrote decay.icrn\n")
    save_folding(load_folding(folder / "decay.icrn"), folder / "again.icrn")
    assert (folder / "again.icrn").read_bytes() == (folder / "decay.icrn").read_bytes()


def test_a_defect_is_one_line_too(folder, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("converters.fold.fold_network", fail)
    code, _, err = call("icrn-import", "decay.ant")
    assert code == 1
    assert err.count("\n") == 1
    assert "please report" in err
    assert os.listdir(folder) == ["decay.ant"]
