"""What a fit predicts: at the measurements, and in between."""

from __future__ import annotations

import numpy as np
import pytest
from report_problems import TRUE, exact

from converters.training.predictions import curves, predictions


def test_predictions_are_those_the_likelihood_is_made_of(report_fit):
    found = predictions(report_fit)
    data = report_fit.bound.objective.data
    terms = 0.5 * found.residuals**2 + np.log(found.sigma) + data.offsets
    assert terms.sum() == pytest.approx(report_fit.likelihood, rel=1e-8)


def test_predictions_at_the_true_values_are_exact(report_fit):
    bound = report_fit.bound
    theta = np.log10([TRUE[p.id] for p in bound.problem.fitted])
    found = predictions(bound, theta)
    want = [exact(m.observable, m.experiment, m.time) for m in bound.problem.measurements]
    np.testing.assert_allclose(found.y, want, rtol=1e-4)
    np.testing.assert_allclose(found.sigma, 0.02)


def test_curves_are_one_for_each_scaling_and_pass_through_the_predictions(report_fit):
    found = curves(report_fit, n_times=50)
    assert [(c.observable, c.experiment) for c in found] == [("b", "low"), ("b", "high"), ("x", "step")]
    at = predictions(report_fit)
    members = [k for curve in found for k in curve.measurements]
    assert sorted(members) == list(range(len(at.y)))
    for curve in found:
        assert curve.times[0] == 0.0 and curve.times[-1] == 8.0 and len(curve.times) >= 50
        for k in curve.measurements:
            time = report_fit.bound.problem.measurements[k].time
            assert curve.y[np.searchsorted(curve.times, time)] == pytest.approx(at.y[k], rel=1e-3)


def test_a_curve_begins_where_the_pre_equilibration_ends(report_fit):
    step = curves(report_fit, n_times=20)[2]
    assert step.y[0] == pytest.approx(1.0 / report_fit.values["kd"], rel=1e-4)
