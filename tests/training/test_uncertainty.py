"""Laws of uncertainty: what Fisher information and profiles say where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest

from converters.training.binding import bind
from converters.training.problem import (
    Experiment,
    FitParameter,
    Measurement,
    Observable,
    ParameterPrior,
    TrainingProblem,
)
from converters.training.trust import profile_sentences
from icrn_core.errors import IcrnError
from icrn_core.likelihood import curvature
from icrn_core.multistart import FitOptions, Start, fit
from icrn_core.objective import Accuracy
from icrn_core.profiles import EndCode, ProfileOptions, profile
from icrn_core.uncertainty import fisher
from icrn_io import read_model
from icrn_io.expression import symbol
from icrn_io.formula import read_formula

ACCURATE = Accuracy(rtol=1e-9)
Z = 1.959963984540054
TIMES = np.array([0.5, 1.0, 2.0, 3.0, 5.0])


def problem(model, formula, parameters, values, noise="0.1"):
    """Return a problem with one observable, measured at `TIMES`, bound to its model."""
    network = read_model(f"model m\n{model}\nend")
    elements = (*network.compartments, *network.species, *network.parameters, *parameters)
    names = {element.id: symbol(element.id) for element in elements}
    observable = Observable("y", read_formula(formula, names, "y"), read_formula(noise, names, "noise"))
    data = tuple(Measurement("y", "e", float(t), float(v)) for t, v in zip(TIMES, values, strict=True))
    return bind(TrainingProblem(network, tuple(parameters), (Experiment("e"),), (observable,), data))


def log10(name, value, low=1e-3, high=1e3, prior=None):
    return FitParameter(name, value, scale="log10", lower=low, upper=high, prior=prior)


LINE = np.array([1.2, 1.4, 2.2, 2.4, 3.7])
SIGMA = 0.1


@cache
def line(low=-5.0):
    """x = a + b t: a linear problem with normal noise; returned at its minimum."""
    bound = problem(
        "a = 1; b = 0.5; x = a; x' = b",
        "x",
        [FitParameter("a", 1.0, lower=low, upper=5.0), FitParameter("b", 0.5, lower=-5.0, upper=5.0)],
        LINE,
    )
    return bound, np.linalg.lstsq(_design(), LINE, rcond=None)[0]


def _design():
    return np.stack([np.ones_like(TIMES), TIMES], axis=1)


@cache
def product():
    """A decays with k1 k2, and k3 does nothing that is seen; returned with what `fisher` says."""
    parameters = [log10("k1", 2.0), log10("k2", 0.3), log10("k3", 1.0), log10("A0", 2.0)]
    bound = problem(
        "k1 = 2; k2 = 0.3; k3 = 1; A0 = 2; A = A0; A -> ; k1*k2*A; B = 1; B -> ; k3*B",
        "A",
        parameters,
        2.0 * np.exp(-0.6 * TIMES),
    )
    return bound, fisher(bound.objective, bound.nominal, Accuracy(), bound.lower, bound.upper, names(bound))


def at(bound):
    return bound.objective, bound.nominal, ACCURATE, bound.lower, bound.upper


def names(bound):
    return [parameter.id for parameter in bound.problem.fitted]


def test_a_linear_problem_has_its_textbook_covariance() -> None:
    bound, best = line()
    found = fisher(bound.objective, best, ACCURATE, bound.lower, bound.upper)
    expected = np.linalg.inv(_design().T @ _design()) * SIGMA**2
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors, np.sqrt(np.diag(expected)), rtol=1e-9)
    np.testing.assert_allclose(found.high - found.low, 2 * Z * np.sqrt(np.diag(expected)), rtol=1e-9)
    np.testing.assert_allclose(found.linear_low, found.low)
    np.testing.assert_allclose(np.diag(found.correlation), 1.0)
    assert found.correlation[0, 1] == pytest.approx(expected[0, 1] / np.sqrt(expected[0, 0] * expected[1, 1]))
    assert found.sentences == ()


def test_the_profile_of_a_linear_problem_is_its_wald_interval() -> None:
    bound, best = line()
    around = fisher(bound.objective, best, ACCURATE, bound.lower, bound.upper)
    options = ProfileOptions(ACCURATE)
    every = profile(bound.objective, best, bound.lower, bound.upper, options=options, around=around)
    for k, found in enumerate(every):
        assert found.parameter == k and found.better is None
        assert not found.is_open_below and not found.is_open_above
        assert (found.low, found.high) == pytest.approx((around.low[k], around.high[k]), rel=1e-5)
        error = around.standard_errors[k]
        parabola = around.loss + 0.5 * ((found.values - best[k]) / error) ** 2
        np.testing.assert_allclose(found.losses, parabola, atol=1e-6)
        assert (np.diff(found.values) > 0).all()
        others = best[1 - k] + around.covariance[0, 1] / error**2 * (found.values - best[k])
        np.testing.assert_allclose(found.thetas[:, 1 - k], others, atol=1e-5)


def test_levels_set_the_width() -> None:
    bound, best = line()
    found = fisher(bound.objective, best, ACCURATE, bound.lower, bound.upper, level=0.6826894921370859)
    np.testing.assert_allclose(found.high - best, found.standard_errors, rtol=1e-9)


def test_expected_information_is_the_hessian_without_residuals() -> None:
    """Data that are what is predicted: the Hessian by differences of the gradient, σ known."""
    parameters = [log10("k1", 2.0), log10("k2", 0.3), log10("A0", 1.5)]
    t = TIMES
    bound = problem(
        "k1 = 2; k2 = 0.3; A0 = 1.5; A = A0; B = 0; A -> B; k1*A; B -> ; k2*B",
        "B",
        parameters,
        1.5 * 2.0 / 1.7 * (np.exp(-0.3 * t) - np.exp(-2.0 * t)),
    )
    found = fisher(*at(bound))
    step = 1e-3
    moves = np.concatenate([step * np.eye(3), -step * np.eye(3)])
    points = (bound.nominal + moves).T
    gradients = np.asarray(jax.jit(lambda x: curvature(bound.objective, x, ACCURATE).gradient)(points))
    hessian = (gradients[:3] - gradients[3:]) / (2 * step)
    np.testing.assert_allclose(found.information, hessian, rtol=1e-3, atol=1e-3 * np.abs(hessian).max())
    np.testing.assert_allclose(found.gradient, 0.0, atol=1e-4)
    np.testing.assert_allclose(found.covariance @ found.information, np.eye(3), atol=1e-8)
    np.testing.assert_allclose(found.linear_high, 10.0**found.high)


def test_observed_information_is_the_hessian_with_residuals() -> None:
    """y = a + 10^β t: the Hessian is known, also where nothing fits."""
    parameters = [FitParameter("a", 1.0, lower=-5.0, upper=5.0), log10("b", 0.5)]
    bound = problem("a = 1; b = 0.5; x = a; x' = b", "x", parameters, LINE)
    found = fisher(*at(bound), observed=True)
    slope, ln10 = np.log(10.0) * 0.5 * TIMES, np.log(10.0)
    residual = LINE - 1.0 - 0.5 * TIMES
    mixed = slope.sum()
    expected = np.array([[len(TIMES), mixed], [mixed, (slope**2 - residual * ln10 * slope).sum()]]) / SIGMA**2
    np.testing.assert_allclose(found.information, expected, rtol=1e-3)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(expected), rtol=1e-2)


def test_wide_linear_bounds_do_not_change_observed_information() -> None:
    def found(high):
        parameters = [FitParameter("k", 0.6, lower=0.0, upper=high)]
        bound = problem("k = 0.6; A = 2; A -> ; k*A", "A", parameters, 2.1 * np.exp(-0.6 * TIMES))
        return fisher(*at(bound), observed=True).information

    np.testing.assert_allclose(found(1e6), found(1.0), rtol=5e-3)


def test_observed_information_of_sharp_data_is_no_artefact_of_its_steps() -> None:
    """σ fitted, constants known to a thousandth: steps of two per cent would leave the parabola."""
    parameters = [log10("k", 0.6), log10("A0", 2.0), log10("s", 1e-3, low=1e-6)]
    off = 1e-3 * np.array([1.0, -1.5, 0.7, -0.8, 0.6])
    bound = problem(
        "k = 0.6; A0 = 2; s = 0.001; A = A0; A -> ; k*A",
        "A",
        parameters,
        2.0 * np.exp(-0.6 * TIMES) + off,
        "s",
    )
    expected, found = fisher(*at(bound)), fisher(*at(bound), observed=True)
    assert np.isfinite(found.standard_errors).all()
    np.testing.assert_allclose(found.standard_errors[:2], expected.standard_errors[:2], rtol=0.1)


def test_what_is_singular_stays_so_in_observed_information() -> None:
    bound, expected = product()
    found = fisher(
        bound.objective, bound.nominal, None, bound.lower, bound.upper, names(bound), observed=True
    )
    assert found.sentences == expected.sentences
    np.testing.assert_allclose(found.standard_errors, expected.standard_errors, rtol=1e-2)


def test_what_is_not_determined_is_named_and_has_no_small_error() -> None:
    _, found = product()
    texts = found.sentences
    assert len(texts) == 2
    assert texts[0].startswith("only the product k1·k2 is determined: k1 × 10 with k2 × 0.1")
    assert texts[1].startswith("'k3' is not determined: nothing that was measured depends on it")
    assert all(direction.is_structural for direction in found.directions)
    assert np.isinf(found.standard_errors[:3]).all() and np.isfinite(found.standard_errors[3])
    assert found.correlation[0, 1] == pytest.approx(-1.0)
    assert found.correlation[0, 2] == pytest.approx(0.0, abs=1e-6)
    assert found.covariance[0, 1] == -np.inf
    assert (found.linear_low[0], found.linear_high[0]) == (0.0, np.inf)


def test_a_curve_that_the_data_leave_open_is_not_told_as_a_product() -> None:
    """One datum, two constants in a curved relation: a factor ten along the tangent is seen at once."""
    parameters = [log10("k1", 0.42), log10("k2", 0.27)]
    network = "k1 = 0.42; k2 = 0.27; A = 1; B = 0; A -> B; k1*A; B -> ; k2*B"
    bound = problem(network, "B", parameters, [0.3] * 5)
    one = replace(bound.problem, measurements=bound.problem.measurements[:1])
    bound = bind(one)
    found = fisher(bound.objective, bound.nominal, Accuracy(), bound.lower, bound.upper, names(bound))
    (text,) = found.sentences
    assert "along a curve of their values" in text and "only the" not in text


def test_the_profile_of_what_is_not_determined_is_open() -> None:
    bound, around = product()
    box = bound.lower, bound.upper
    first, third, known = profile(bound.objective, bound.nominal, *box, [0, 2, 3], around=around)
    # k2 makes up for k1 until it meets its own bound.
    assert third.below is third.above is EndCode.BOUND
    assert (third.low, third.high) == (-3.0, 3.0)
    assert first.low < bound.nominal[0] - 2.5 and first.high > bound.nominal[0] + 2.4
    assert not known.is_open_below and not known.is_open_above
    inside = np.abs(first.values - bound.nominal[0]) < 2.4
    assert inside.sum() >= 5
    np.testing.assert_allclose(first.losses[inside], first.losses.min(), atol=0.02)
    np.testing.assert_allclose(first.thetas[inside][:, :2].sum(axis=1), np.log10(0.6), atol=0.05)


def test_a_scale_that_hides_in_other_parameters_is_found() -> None:
    """Only c A0 and A0 k are determined; the solver does not know of the symmetry."""
    parameters = [log10("k", 1.0), log10("A0", 2.0), log10("c", 0.5)]
    model = "k = 1; A0 = 2; c = 0.5; A = A0; P = 0; 2 A -> P; k*A^2"
    bound = problem(model, "c*A", parameters, 1.0 / (1.0 + 4.0 * TIMES), "0.01")
    found = fisher(bound.objective, bound.nominal, Accuracy(), bound.lower, bound.upper, names(bound))
    (direction,) = found.directions
    assert direction.is_structural and direction.parameters == (0, 1, 2)
    assert "k × 10 with A0 × 0.1 with c × 10" in direction.text
    assert np.isinf(found.standard_errors).all()
    np.testing.assert_allclose(np.abs(found.correlation), 1.0, rtol=1e-5)


def test_what_a_limit_hides_is_practical() -> None:
    """A fast step is not seen at its limit, though it would be elsewhere."""
    parameters = [log10("fast", 1e6, high=1e6 * 10), log10("slow", 0.5)]
    model = "fast = 1e6; slow = 0.5; A = 1; A -> B; fast*A; B = 0; B -> ; slow*B"
    bound = problem(model, "B", parameters, np.exp(-0.5 * TIMES))
    found = fisher(bound.objective, bound.nominal, Accuracy(), bound.lower, bound.upper, names(bound))
    (direction,) = found.directions
    assert direction.parameters == (0,) and not direction.is_structural
    assert "'fast' is not determined by the data" in direction.text
    assert np.isinf(found.standard_errors[0]) and np.isfinite(found.standard_errors[1])


def test_a_prior_makes_a_product_finite_and_fully_correlated() -> None:
    prior = ParameterPrior("normal", (0.0, 1.0), on_scale=True)
    parameters = [log10("k1", 1.0, prior=prior), log10("k2", 0.6)]
    model = "k1 = 1; k2 = 0.6; A = 1; A -> ; k1*k2*A"
    bound = problem(model, "A", parameters, np.exp(-0.6 * TIMES), "0.001")
    found = fisher(*at(bound))
    assert found.standard_errors[0] == pytest.approx(1.0, rel=1e-6)
    assert found.correlation[0, 1] == pytest.approx(-1.0, abs=1e-4)
    assert "only the product θ0·θ1 is determined well" in found.sentences[0]


def test_a_parameter_on_its_bound_is_fixed() -> None:
    bound, _ = line(low=1.5)
    (start,) = fit(
        bound.objective,
        bound.lower,
        bound.upper,
        [Start(0, np.array([2.0, 0.0]), np.array([2.0, 0.0]))],
        FitOptions(ACCURATE, hops=0),
    )
    assert start.theta[0] == 1.5
    found = fisher(bound.objective, start.theta, ACCURATE, bound.lower, bound.upper, names(bound))
    assert found.at_lower == (0,) and found.at_upper == ()
    assert found.sentences == ("'a' lies at its lower bound 1.5 and is taken as fixed",)
    assert np.isnan(found.standard_errors[0]) and np.isnan(found.correlation[0]).all()
    assert found.standard_errors[1] == pytest.approx(SIGMA / np.sqrt((TIMES**2).sum()))
    options = ProfileOptions(ACCURATE)
    (a,) = profile(bound.objective, start.theta, bound.lower, bound.upper, 0, options, found)
    assert a.low == 1.5 and a.below is EndCode.BOUND and a.above is EndCode.CROSSED


def test_a_point_that_is_no_minimum_is_told() -> None:
    bound, best = line()
    away, box = best + np.array([0.3, -0.05]), (bound.lower, bound.upper)
    found, _ = profile(bound.objective, away, *box, options=ProfileOptions(ACCURATE))
    assert found.better is not None
    assert abs(found.better[0] - best[0]) < 0.3


def _bad_cases():
    bound, best = line()
    o, low, high = bound.objective, bound.lower, bound.upper
    return {
        "point: expected shape (2,)": lambda: fisher(o, best[:1]),
        "lower bounds: expected shape (2,)": lambda: fisher(o, best, None, low[:1], high),
        "parameter 0 is 9.0, outside its bounds": lambda: fisher(o, np.array([9.0, 0.0]), None, low, high),
        "parameter 1 is nan": lambda: fisher(o, np.array([1.0, np.nan]), None, low, high),
        "1 names were given for 2 parameters": lambda: fisher(o, best, names=["a"]),
        "between 0 and 1, and 95 was given": lambda: fisher(o, best, level=95),
        "there is no parameter 2": lambda: profile(o, best, low, high, 2),
        "there is no parameter 0.5": lambda: profile(o, best, low, high, 0.5),
        "parameter 0 has no profile": lambda: profile(o, best, np.array([best[0], -5]), best, 0),
        "a run fails there": lambda: fisher(o, best, Accuracy(max_steps=1)),
    }


@pytest.mark.parametrize("message", _bad_cases())
def test_bad_input_is_refused(message: str) -> None:
    with pytest.raises(IcrnError) as raised:
        _bad_cases()[message]()
    assert message in str(raised.value)


def test_profiles_are_told_as_linear_values() -> None:
    bound, around = product()
    box = bound.lower, bound.upper
    third, known = profile(bound.objective, bound.nominal, *box, [2, 3], around=around)
    texts = profile_sentences(bound.problem, {"k3": third, "A0": known})
    assert texts[0].endswith("open below (looked down to 0.001), open above (looked up to 1000)")
    low, high = 10.0**known.low, 10.0**known.high
    assert texts[1] == f"profile likelihood of 'A0': from {low:.4g}, to {high:.4g}"
