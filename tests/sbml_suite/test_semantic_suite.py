"""The SBML semantic test suite: every case is simulated rightly or refused by name."""

from __future__ import annotations

import random

import pytest
from suite_cases import passes, simulated_cases

from converters import run_time_course
from icrn_io import ModelIOError

N_CASES = 135
N_AGREEING = 120


def run_case(case) -> str:
    """Return "agrees", "refused" or what is wrong."""
    rtol = min(1e-8, 1e-3 * case.tolerances["relative"])
    atol = min(1e-12, 1e-4 * case.tolerances["absolute"])
    try:
        course = run_time_course(case.model, case.times, rtol=rtol, atol=atol)
    except ModelIOError:
        return "refused"
    found = case.found(course)
    wrong = [n for n, series in case.expected().items() if not passes(found[n], series, **case.tolerances)]
    return f"case {case.number}: {', '.join(wrong)} wrong" if wrong else "agrees"


@pytest.mark.parametrize("part", range(9))
def test_sampled_cases_agree(data_dir, part):
    cases = simulated_cases(data_dir / "sbml-test-suite")
    sample = random.Random(20250101).sample(cases, N_CASES)
    outcomes = [run_case(case) for case in sample[part::9]]
    assert not [outcome for outcome in outcomes if outcome.startswith("case")]
    assert outcomes.count("agrees") * 9 >= N_AGREEING - 9


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_no_case_is_silently_wrong(data_dir, part):
    outcomes = [run_case(case) for case in simulated_cases(data_dir / "sbml-test-suite")[part::20]]
    assert not [outcome for outcome in outcomes if outcome.startswith("case")]
    assert outcomes.count("agrees") > 0.9 * len(outcomes)
