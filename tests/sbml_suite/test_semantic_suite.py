"""The SBML semantic test suite: every case is simulated rightly or refused by name."""

from __future__ import annotations

import random

import pytest
from suite_cases import time_courses
from suite_outcomes import outcome_of

N_CASES = 135
# Cases whose external model definitions are in files that the data folder does not hold.
_INCOMPLETE = frozenset({"01165", "01168", "01471", "01472", "01477"})


def cases_in(data_dir):
    """Return the time courses whose files are complete."""
    return [c for c in time_courses(data_dir / "sbml-test-suite") if c.number not in _INCOMPLETE]


def bad(outcomes) -> list[str]:
    """Return what is neither right nor refused by name."""
    return [f"{o.number}: {o.status}, {o.reason}" for o in outcomes if o.status in ("wrong", "failed")]


@pytest.mark.parametrize("part", range(9))
def test_sampled_cases_pass_or_are_refused(data_dir, part):
    sample = random.Random(20250101).sample(cases_in(data_dir), N_CASES)
    outcomes = [outcome_of(case) for case in sample[part::9]]
    assert not bad(outcomes)


@pytest.mark.parametrize(
    "tag", ["AlgebraicRule", "CSymbolRateOf", "AssignedVariableStoichiometry", "FastReaction", "NoMathML"]
)
def test_lowered_constructs_pass(data_dir, tag):
    events = {"EventNoDelay", "EventWithDelay", "CSymbolDelay"}
    cases = [c for c in cases_in(data_dir) if tag in c.tags and not c.tags & events]
    outcomes = [outcome_of(case) for case in random.Random(1).sample(cases, min(8, len(cases)))]
    assert [o for o in outcomes if o.status != "passed"] == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_no_case_is_silently_wrong(data_dir, part):
    assert not bad(outcome_of(case) for case in cases_in(data_dir)[part::20])
