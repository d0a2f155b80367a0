"""Fits that several test modules look at."""

from __future__ import annotations

import pytest
from report_problems import report_problem


@pytest.fixture(scope="session")
def report_fit():
    """A fit of the problem of `report_problems`."""
    from converters.training.train import TrainingOptions, train
    from icrn_core.multistart import FitOptions

    return train(report_problem(), TrainingOptions(n_starts=3, fit=FitOptions(hops=0)))
