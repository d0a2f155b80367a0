"""The SBML semantic test suite: every case is simulated rightly, or refused as the ledger says."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import suite_tables
from run_suite import main
from suite_cases import SuiteCase, passes, time_courses
from suite_ledger import LEDGER, breaches, format_ledger, read_ledger, renewed
from suite_outcomes import MISSING_FILE, Outcome, outcome_of

N_CASES = 150
N_PARTS = 10
N_OF_A_TAG = 2


@pytest.fixture(scope="module")
def cases(data_dir) -> list[SuiteCase]:
    return time_courses(data_dir / "sbml-test-suite")


def sample(cases: list[SuiteCase]) -> list[SuiteCase]:
    """Return `N_CASES` cases in an order drawn with a seed, at first some of each tag."""
    drawn = random.Random(20250101).sample(cases, len(cases))
    tags = sorted({tag for case in cases for tag in case.tags})
    first = [case for tag in tags for case in [c for c in drawn if tag in c.tags][:N_OF_A_TAG]]
    return list(dict.fromkeys(first + drawn))[:N_CASES]


@pytest.mark.parametrize("part", range(N_PARTS))
def test_sampled_cases_end_as_the_ledger_says(cases, part):
    assert breaches(map(outcome_of, sample(cases)[part::N_PARTS]), read_ledger()) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_every_case_ends_as_the_ledger_says(cases, part):
    assert breaches(map(outcome_of, cases[part::20]), read_ledger()) == []


def test_files_of_external_models_that_are_absent_are_named(cases):
    from icrn_io import ModelIOError, read_model

    numbers = [number for number, name in read_ledger().items() if name == MISSING_FILE]
    found = [case for case in cases if case.number in numbers]
    assert len(found) == len(numbers)
    for case in found:
        with pytest.raises(ModelIOError, match=r"external model definition '\w+' needs the file '.*xml'"):
            read_model(case.model)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("found", "expected", "is_right"),
    [
        (1.0, 1.0, True),
        (1.0 + 1.0e-3 + 0.9e-2, 1.0, True),  # absolute and relative together
        (1.0 + 1.0e-3 + 1.1e-2, 1.0, False),
        (0.9e-3, 0.0, True),
        (1.1e-3, 0.0, False),
        (-1.0 - 1.1e-2 - 1e-3, -1.0, False),
        (-100.0 - 0.9, -100.0, True),
        (NAN, NAN, True),
        (NAN, 0.0, False),
        (0.0, NAN, False),
        (INF, INF, True),
        (-INF, INF, False),
        (1e300, INF, False),
        (INF, 1e300, False),
        (NAN, INF, False),
    ],
)
def test_the_rule_to_pass(found, expected, is_right):
    rule = {"absolute": 1e-3, "relative": 1e-2}
    assert passes(np.array([found]), np.array([expected]), **rule) is is_right
    # One value decides: no norm over the others.
    many = np.array([0.0] * 99 + [expected])
    assert passes(np.array([0.0] * 99 + [found]), many, **rule) is is_right


LEDGER_CASES = {
    ("passed", "", None): "",
    ("passed", "", "delay"): "passed, but is in the ledger",
    ("refused", "delay", "delay"): "",
    ("refused", "delay", None): "is not in the ledger",
    ("refused", "delay", "fast reaction"): "is in the ledger for 'fast reaction'",
    ("wrong", "S1", None): "wrong: S1",
    ("failed", "crash", "delay"): "failed: crash",
}


@pytest.mark.parametrize("case", LEDGER_CASES, ids=str)
def test_what_breaks_the_ledger(case):
    status, reason, known = case
    told = breaches([Outcome("00001", status, reason)], {} if known is None else {"00001": known})
    assert len(told) == bool(LEDGER_CASES[case])
    assert LEDGER_CASES[case] in "".join(told)


def test_a_written_ledger_is_read_again(tmp_path):
    ledger = {"00003": 'a "quoted" construct', "00001": "delay", "00002": "delay"}
    path = tmp_path / "refused.toml"
    path.write_text(format_ledger(ledger), encoding="utf-8")
    assert read_ledger(path) == ledger
    found = [Outcome("00001", "passed"), Outcome("00004", "refused", "event")]
    assert renewed(ledger, found) == {"00002": "delay", "00003": ledger["00003"], "00004": "event"}
    assert LEDGER.read_text(encoding="utf-8") == format_ledger(read_ledger())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cases", "nowhere"], "no folder nowhere"),
        (["--cases", "."], "holds no time courses"),
        (["--engine", "matlab"], "invalid choice: 'matlab'"),
        (["--workers", "0"], "0 is not positive"),
        (["99999"], "no time-course case 99999"),
        (["EventPriorities"], "did you mean EventPriority"),
        (["--engine", "copasi", "--write-ledger"], "engine icrn only"),
    ],
)
def test_what_cannot_be_run_is_told(arguments, message, cases, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_an_engine_that_is_not_installed_is_told(cases, capsys, monkeypatch):
    monkeypatch.setattr("run_suite.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as caught:
        main(["--engine", "tellurium", "26"])
    assert caught.value.code == 2
    assert "pip install" in capsys.readouterr().err


def test_the_command_runs_cases(cases, tmp_path):
    script = Path(__file__).with_name("run_suite.py")
    command = [sys.executable, script, "1", "--workers", "1", "--json", tmp_path / "found.json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "| all | 1 | 1 | 0 | 0 | 0 | 100.0 |" in done.stdout
    assert "1 cases: as expected" in done.stderr
    assert json.loads((tmp_path / "found.json").read_text("utf-8"))["passed"] == ["00001"]


def test_tables_are_those_of_the_results_and_the_ledger():
    assert suite_tables.stale() == {}, "run python tests/sbml_suite/suite_tables.py"
    others = json.loads((suite_tables.RESULTS / "suite-icrn.json").read_text("utf-8"))["others"]
    assert {number: reason for number, (_, reason) in others.items()} == read_ledger()
    assert {status for status, _ in others.values()} <= {"refused"}
