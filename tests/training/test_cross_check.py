"""Fitted values in other simulators: agreement, disagreement, and what cannot be run."""

from __future__ import annotations

from dataclasses import replace

import pytest

import converters.training.cross_check as module
from converters.errors import EngineError
from converters.training.cross_check import cross_check, summary_lines


@pytest.fixture(scope="module")
def checked(report_fit):
    return cross_check(report_fit)


@pytest.mark.parametrize("k", [0, 1])
def test_simulators_agree_through_phases_and_pre_equilibration(checked, k):
    engine = checked.engines[k]
    assert engine.verdict == "agrees" and not engine.not_run
    assert {d.observable for d in engine.differences} == {"b", "x"}
    assert engine.worst.relative < 1e-4
    assert engine.likelihood == pytest.approx(engine.reference, abs=1e-3)


def test_the_whole_is_passed_and_said_engine_by_engine(checked, report_fit):
    assert checked.passed and not checked.differs
    assert checked.likelihood == pytest.approx(report_fit.likelihood, rel=1e-8)
    lines = summary_lines(checked)
    assert "tellurium agrees" in lines[0] and "copasi agrees" in lines[1]


def test_other_values_do_not_agree(report_fit):
    start = replace_best(report_fit, 1e-2)
    found = cross_check(report_fit, engines=("tellurium",), values={"k1": start})
    assert found.differs and not found.passed
    assert found.engines[0].verdict == "differs"
    assert "tellurium DIFFERS" in summary_lines(found)[0]


def replace_best(fit, change: float) -> float:
    return fit.values["k1"] * (1 + change)


def test_a_phase_that_an_engine_refuses_is_named_and_the_others_are_compared(report_fit, monkeypatch):
    run = module.run_time_course

    def refusing(model, times, engine, overrides, **others):
        if overrides.get("dose") == 2.0:
            raise EngineError(engine, "has no such construct")
        return run(model, times, engine=engine, overrides=overrides, **others)

    monkeypatch.setattr(module, "run_time_course", refusing)
    engine = cross_check(report_fit, engines=("tellurium",)).engines[0]
    assert engine.verdict == "incomplete"
    assert [name for name, _ in engine.not_run] == ["high"]
    assert engine.n_compared == 10
    assert engine.likelihood == pytest.approx(engine.reference, abs=1e-3)


def test_a_missing_simulator_is_a_note(report_fit, monkeypatch):
    monkeypatch.setitem(
        module.ENGINES, "tellurium", replace(module.ENGINES["tellurium"], needs="no_such_package")
    )
    found = cross_check(report_fit, engines=("tellurium",))
    assert found.engines[0].verdict == "not installed"
    assert not found.passed and not found.differs
    assert "pip install 'icrn-sbml[validate]'" in summary_lines(found)[0]
    assert "tellurium" not in module.installed_engines()
