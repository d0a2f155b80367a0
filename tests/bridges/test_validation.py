"""Cross-validation: what counts as a difference, and that a wrong trajectory is seen."""

import dataclasses
import json

import numpy as np
import pytest

from converters import time_course
from converters.engines import copasi
from converters.time_course import TimeCourse
from converters.validation import Comparison, Report, compare_courses, cross_validate
from converters.validation_report import html_page, rich_table, summary_lines
from icrn_io import read_model
from icrn_io.errors import ModelIOError

MODEL = """
model decay
  compartment c = 2; species A in c, B in c; A = 3; B = 0
  J: A -> B; c*k*A; k = 0.7
end
"""
TIMES = [0.0, 1.0, 2.0]


@pytest.fixture(scope="module")
def network():
    return read_model(MODEL)


@pytest.fixture(scope="module")
def report(network):
    return cross_validate(network, TIMES)


def test_engines_agree(report):
    assert report.passed
    assert [c.engine for c in report.comparisons] == ["tellurium", "copasi"]
    for comparison in report.comparisons:
        assert [d.species for d in comparison.differences] == ["A", "B"]
        assert 0 < comparison.worst.max_relative < 1e-6
        np.testing.assert_allclose(comparison.differences[0].largest, 3.0)
        assert comparison.refined == ()
    assert not dataclasses.replace(report, tolerance=0.0).passed


def test_a_wrong_trajectory_is_seen(network, monkeypatch):
    right = copasi.run

    def wrong(*arguments):
        course = right(*arguments)
        bent = {**course.concentrations, "B": course.concentrations["B"] * (1 + 3e-5)}
        return dataclasses.replace(course, concentrations=bent)

    monkeypatch.setattr(copasi, "run", wrong)
    report = cross_validate(network, TIMES, engines=["copasi"])
    assert not report.passed
    worst = report.comparisons[0].worst
    assert (worst.species, worst.time) == ("B", 2.0)
    np.testing.assert_allclose(worst.max_relative, 3e-5, rtol=1e-2)
    assert report.comparisons[0].verdicts(report.tolerance) == ("ok", "differs")
    assert "; 1 still do when both run at rtol 1e-12" in summary_lines(report)[0]
    assert "<td>differs</td>" in html_page(report)


def test_integration_error_is_told_from_a_difference_of_models(network, monkeypatch):
    right = copasi.run

    def sloppy(network, times, settings):
        course = right(network, times, settings)
        error = 1e4 * settings.rtol
        return dataclasses.replace(
            course, concentrations={k: v * (1 + error) for k, v in course.concentrations.items()}
        )

    monkeypatch.setattr(copasi, "run", sloppy)
    report = cross_validate(network, TIMES, engines=["copasi"])
    assert report.passed
    assert report.comparisons[0].verdicts(report.tolerance) == ("refined", "refined")
    assert "none does when both run at rtol 1e-12" in summary_lines(report)[0]
    assert not cross_validate(network, TIMES, engines=["copasi"], refine=False).passed


def test_an_engine_that_cannot_run_is_named_and_does_not_pass(network, monkeypatch):
    def fail(*_):
        raise ModelIOError("copasi: on <strike>")

    monkeypatch.setattr(copasi, "run", fail)
    report = cross_validate(network, TIMES)
    assert not report.passed
    assert report.comparisons[0].error == ""
    assert report.comparisons[1].error == "copasi: on <strike>"
    assert "on &lt;strike&gt;" in html_page(report)
    assert "<strike>" not in html_page(report)


def test_overrides_reach_every_engine(network):
    report = cross_validate(network, TIMES, overrides={"A": 12.0, "k": 0.1})
    assert report.passed
    for comparison in report.comparisons:
        np.testing.assert_allclose(comparison.differences[0].largest, 12.0)


GAPS = {
    "equal": ([1.0, 2.0], [1.0, 2.0], 0.0),
    "relative to the largest": ([1.0, 2.0], [1.0, 4.0], 0.5),
    "below the floor": ([0.0, 1e-9], [0.0, 0.0], 1e-3),
    "both NaN": ([np.nan, 2.0], [np.nan, 2.0], 0.0),
    "one NaN": ([np.nan, 2.0], [1.0, 2.0], np.inf),
    "the other NaN": ([1.0, 2.0], [np.nan, 2.0], np.inf),
    "same infinity": ([np.inf, 2.0], [np.inf, 2.0], 0.0),
    "other infinity": ([np.inf, 2.0], [-np.inf, 2.0], np.inf),
}


@pytest.mark.parametrize("case", GAPS)
@pytest.mark.parametrize("quantity", ["amount", "concentration"])
def test_what_counts_as_a_difference(case, quantity):
    a, b, expected = GAPS[case]

    def course(series):
        own, other = {"X": np.array(series)}, {"X": np.zeros(2)}
        pair = (own, other) if quantity == "amount" else (other, own)
        return TimeCourse(np.array([0.0, 1.0]), *pair)

    (difference,) = compare_courses(course(a), course(b), {"X": quantity}, floor=1e-6)
    np.testing.assert_allclose(difference.max_relative, expected, rtol=1e-12)


def test_json_is_strict_and_says_everything(report):
    infinite = dataclasses.replace(report.comparisons[0].differences[0], max_relative=np.inf)
    broken = dataclasses.replace(report, comparisons=(Comparison("copasi", (infinite,)),))
    for each in (report, broken):
        tree = json.loads(each.to_json(), parse_constant=pytest.fail)
        assert tree["passed"] == each.passed
        assert tree["times"] == TIMES
        assert tree["comparisons"][0]["differences"][0]["species"] == "A"
    assert not broken.passed


def test_reports_are_self_contained_and_show_every_species(report):
    page = html_page(report)
    assert "http" not in page
    assert page.count("<td>A</td>") == page.count("<td>B</td>") == 2
    assert rich_table(report, limit=1).row_count == 2


def test_arguments_are_checked_before_anything_runs(network, monkeypatch):
    monkeypatch.setattr(time_course, "run_time_course", pytest.fail)
    with pytest.raises(ModelIOError, match="no engine"):
        cross_validate(network, TIMES, engines=["matlab"])
    with pytest.raises(ModelIOError, match="tolerance"):
        cross_validate(network, TIMES, tolerance=0.0)
    with pytest.raises(ModelIOError, match="ascend"):
        cross_validate(network, [2.0, 1.0])


def test_a_report_without_species_passes():
    empty = Report("m", (0.0,), 1e-8, 1e-12, 1e-5, 1e-6, 0.0, (Comparison("copasi"),))
    assert empty.passed
    assert "no species" in summary_lines(empty)[0]
