"""Every case of the SBML suite that is imported is exported again as the same model."""

from __future__ import annotations

import random

import pytest
from round_trips import round_trip_of
from run_round_trip import all_cases

N_CASES = 40
N_PARTS = 20


def wrong_of(cases) -> list[str]:
    trips = [round_trip_of(case) for case in cases]
    found = [f"{t.number} {name}: {what}" for t in trips for name, what in t.wrong.items()]
    absent = [t for t in trips if t.status != "imported" and "external model" not in t.reason]
    return found + [f"{t.number}: {t.reason}" for t in absent]


@pytest.fixture(autouse=True)
def simulator():
    pytest.importorskip("roadrunner", reason="libRoadRunner is not installed")


@pytest.mark.parametrize("part", range(4))
def test_sampled_cases(data_dir, part):
    sample = random.Random(20250101).sample(all_cases(data_dir / "sbml-test-suite"), N_CASES)
    assert wrong_of(sample[part::4]) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(N_PARTS))
def test_all_cases(data_dir, part):
    assert wrong_of(all_cases(data_dir / "sbml-test-suite")[part::N_PARTS]) == []
