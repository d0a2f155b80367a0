"""What ``icrn-train`` writes besides the model: report, PEtab files, what other simulators say."""

from __future__ import annotations

import json
import types

import pytest
from typer.testing import CliRunner

import converters.training.cross_check as checks
import converters.training.train as training
from converters.cli.train import app
from converters.training.petab_export import write_petab
from icrn_io.errors import ModelIOError

pytest.importorskip("petab.v1")
pytestmark = pytest.mark.filterwarnings("ignore:The .* is deprecated")


@pytest.fixture
def call(report_fit, tmp_path, monkeypatch):
    """Return what runs the command in an empty folder; the fit itself is that of the other tests."""
    problem = write_petab(report_fit, tmp_path / "problem")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "train", lambda *_: report_fit)
    return lambda *options: CliRunner().invoke(app, [str(problem), "-o", "out.icrn", *options])


def test_everything_that_is_asked_for_is_written(call, tmp_path):
    result = call("--report", "fit.html", "--petab", "fitted")
    assert result.exit_code == 0, result.output
    assert "tellurium agrees" in result.stdout and "copasi agrees" in result.stdout
    record = json.loads((tmp_path / "out.fit.json").read_text())
    assert record["cross_check"]["passed"]
    assert [e["verdict"] for e in record["cross_check"]["engines"]] == ["agrees", "agrees"]
    assert "reproduced by tellurium" in (tmp_path / "fit.html").read_text(encoding="utf-8")
    assert (tmp_path / "fitted" / "chain.yaml").exists()


def test_a_disagreement_is_an_error_and_the_result_is_still_written(call, tmp_path, monkeypatch):
    differing = checks.EngineCheck(
        "copasi", "differs", 5.0, 1.0, 15, (checks.ObservableDifference("b", "low", 2.0, 0.3, 1.0),)
    )
    found = checks.CrossCheck(1.0, 15, 1e-4, 1e-3, (differing,))
    monkeypatch.setattr(checks, "cross_check", lambda *_: found)
    result = call()
    assert result.exit_code != 0
    assert "copasi does not reproduce the fit" in str(result.exception)
    assert "copasi DIFFERS" in result.stdout
    record = json.loads((tmp_path / "out.fit.json").read_text())
    assert not record["cross_check"]["passed"]


def test_without_validation_nothing_is_run(call, tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "cross_check", lambda *_: pytest.fail("was run"))
    result = call("--no-validate")
    assert result.exit_code == 0, result.output
    assert "cross_check" not in json.loads((tmp_path / "out.fit.json").read_text())


def test_missing_simulators_are_passed_over_unless_asked_for(call, monkeypatch):
    gone = {
        name: types.SimpleNamespace(**{**vars(e), "needs": "no_such_package"})
        for name, e in checks.ENGINES.items()
    }
    monkeypatch.setattr(checks, "ENGINES", gone)
    monkeypatch.setattr(checks, "find_engine", gone.__getitem__)
    assert "not compared" not in call().output
    assert "pip install 'icrn-sbml[validate]'" in call("--validate").stdout


def test_a_folder_in_use_is_refused_before_the_fit(call, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("was fitted"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    result = call("--petab", "full")
    assert result.exit_code != 0 and "mine.txt" in str(result.exception)


@pytest.mark.parametrize("table", ["problem/measurements.tsv", "data.csv"])
def test_no_output_replaces_a_table_that_is_read(call, tmp_path, monkeypatch, table):
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("was fitted"))
    (tmp_path / "data.csv").write_text("time,B\n1,0.5\n")
    tables = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "problem").rglob("*.tsv"))
    target = tables[0] if table.startswith("problem") else table
    own = [] if table.startswith("problem") else ["--data", "data.csv"]
    result = call("--report", target, *own)
    assert result.exit_code != 0 and "it is an input" in str(result.exception)


def test_what_is_no_icrn_file_is_refused_as_output(call, monkeypatch):
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("was fitted"))
    assert "ends in .icrn" in str(call("-o", "fitted.xml").exception)


def test_a_profile_of_what_is_not_fitted_is_refused_before_the_fit(call, monkeypatch):
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("was fitted"))
    assert "did you mean 'k1'" in str(call("--profile-likelihood", "k11").exception)


def test_what_petab_has_no_form_for_costs_no_other_output(call, tmp_path, monkeypatch):
    def refused(*_):
        raise ModelIOError("no form")

    monkeypatch.setattr("converters.training.petab_export.write_petab", refused)
    result = call("--report", "fit.html", "--petab", "fitted")
    assert "no form" in str(result.exception)
    assert "best negative log-likelihood" in result.stdout and (tmp_path / "fit.html").exists()
