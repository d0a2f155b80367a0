"""Real models move in this toolkit as they do in libRoadRunner."""

from __future__ import annotations

import numpy as np
import pytest

from converters import cross_validate, fold_network
from icrn_io import read_model

TIMES = np.linspace(0.0, 10.0, 11)
LARGEST = 200_000  # bytes; larger files are in the benchmark table
N_PARTS = 9
N_AGREEING = 30  # of every fourth file


def outcome(path) -> str:
    """Return "agrees", "refused", "no reference", or what differs."""
    folding = fold_network(read_model(path))
    if folding.unsupported:
        return "refused"
    report = cross_validate(folding, TIMES, engines=("tellurium",), tolerance=1e-4)
    if report.passed:
        return "agrees"
    return "no reference" if report.comparisons[0].error else f"{path.name}: {report}"


def outcomes_of(data_dir, first, part) -> list[str]:
    files = sorted(p for p in data_dir.glob("biomodels/*.xml") if p.stat().st_size < LARGEST)[first::4]
    return [outcome(path) for path in files[part::N_PARTS]]


@pytest.mark.parametrize("part", range(N_PARTS))
def test_biomodels_agree_with_libroadrunner(data_dir, part):
    outcomes = outcomes_of(data_dir, 0, part)
    assert set(outcomes) <= {"agrees", "refused", "no reference"}
    assert outcomes.count("agrees") * N_PARTS >= N_AGREEING - 2 * N_PARTS


@pytest.mark.slow
@pytest.mark.parametrize("part", range(N_PARTS))
@pytest.mark.parametrize("first", [1, 2, 3])
def test_the_other_biomodels_agree_too(data_dir, first, part):
    assert set(outcomes_of(data_dir, first, part)) <= {"agrees", "refused", "no reference"}
