"""Laws of lowering: plain networks stay, names do not matter, and solutions are what SBML says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lowering_models import ABSENT, MODELS, REFUSED, missing_value, network_of

from converters import run_time_course
from converters.fold import fold_network
from converters.lowering import lower
from converters.lowering.plain import plain_folding
from converters.quantities import symbol_quantities
from icrn_io import (
    AlgebraicRule,
    AssignmentRule,
    ModelIOError,
    Network,
    Parameter,
    UnsupportedFeatureError,
    apply,
    number,
    read_model,
    symbol,
)
from icrn_io.checks import check_network

TIMES = np.linspace(0, 3, 7)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_lowered_is_plain_and_consistent(name):
    network = MODELS[name].network
    lowered = lower(network).network
    check_network(lowered)
    assert not fold_network(lowered).unsupported
    assert lower(lowered).network is lowered


def test_a_plain_network_and_its_folding_are_left_alone():
    network = read_model("species A = 1; k = 2; J: A -> ; k*A; x := A*k")
    assert lower(network).network is network
    folding = fold_network(network)
    assert plain_folding(folding) is folding


@pytest.mark.parametrize("name", MODELS)
def test_solutions_are_what_the_model_says(name):
    model = MODELS[name]
    course = run_time_course(model.network, TIMES)
    for element_id, law in model.expected.items():
        found = course.concentrations.get(element_id, course.values.get(element_id))
        np.testing.assert_allclose(found, np.broadcast_to(law(TIMES), TIMES.shape), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_only_ids_of_the_model_are_reported(name):
    network = MODELS[name].network
    course = run_time_course(network, TIMES)
    elements = (*network.compartments, *network.parameters, *network.reactions)
    named = {ref.id for r in network.reactions for ref in (*r.reactants, *r.products)}
    assert set(course.values) <= {e.id for e in elements} | named
    assert set(course.amounts) == {s.id for s in network.species}


@pytest.mark.parametrize("name", MODELS)
def test_taken_ids_change_nothing(name):
    """Ids that lowering would choose are taken by parameters of the model: others are chosen."""
    network = MODELS[name].network
    made = lower(network).network
    before = {e.id for e in (*network.parameters, *network.species, *network.reactions)}
    named = {ref.id for r in network.reactions for ref in (*r.reactants, *r.products)}
    new = {e.id for e in (*made.parameters, *made.species, *made.reactions)} - before - named
    crowded = replace(network, parameters=(*network.parameters, *(Parameter(i, 7.0) for i in sorted(new))))
    plain, other = run_time_course(network, TIMES), run_time_course(crowded, TIMES)
    for element_id, series in plain.concentrations.items():
        np.testing.assert_allclose(other.concentrations[element_id], series, rtol=1e-9, equal_nan=True)
    for element_id in new:
        np.testing.assert_array_equal(other.values[element_id], 7.0)


@pytest.mark.parametrize("name", [n for n, m in MODELS.items() if m.rates])
def test_rate_of_is_the_finite_difference(name):
    model = MODELS[name]
    step = 1e-4
    around = np.array([1.0 - step, 1.0, 1.0 + step])
    course = run_time_course(model.network, around, rtol=1e-12, atol=1e-14)
    quantities = symbol_quantities(model.network)
    for rate_id, element_id in model.rates.items():
        tables = {"amount": course.amounts, "concentration": course.concentrations}
        series = tables.get(quantities.get(element_id), course.values)[element_id]
        difference = (series[2] - series[0]) / (2 * step)
        np.testing.assert_allclose(course.values[rate_id][1], difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_certain_solution_is_refused_by_name(name):
    network, feature, message = REFUSED[name]
    with pytest.raises(UnsupportedFeatureError, match=message) as caught:
        run_time_course(network, TIMES)
    assert caught.value.feature == feature


def test_a_rule_that_no_number_fulfils_fails_the_run():
    network = network_of("z = 1; var z; x = 1; x' = -x", algebraic=("z^2 + x",))
    with pytest.raises(ModelIOError):
        run_time_course(network, TIMES)


@pytest.mark.parametrize("name", ABSENT)
def test_absent_math_is_as_if_the_element_were_not_there(name):
    with_absent, without = ABSENT[name]
    found, expected = run_time_course(with_absent, TIMES), run_time_course(without, TIMES)
    for element_id, series in expected.concentrations.items():
        np.testing.assert_array_equal(found.concentrations[element_id], series)


def test_overrides_of_a_species_reference_reach_the_lowered_network():
    network = MODELS["a stoichiometry that a rule reads"].network
    course = run_time_course(network, TIMES, overrides={"n": 5.0})
    np.testing.assert_allclose(course.concentrations["S"], 1 + 5 * 0.5 * TIMES, rtol=1e-8)
    np.testing.assert_array_equal(course.values["n"], 5.0)


def test_values_that_nothing_needs_may_be_missing():
    network = missing_value(read=False)
    course = run_time_course(network, TIMES)
    assert np.isnan(course.concentrations["idle"]).all()
    np.testing.assert_allclose(course.concentrations["A"], np.exp(-TIMES), rtol=1e-6)
    roadrunner = run_time_course(network, TIMES, engine="tellurium")
    assert np.isnan(roadrunner.concentrations["idle"]).all()
    with pytest.raises(ValueError, match="'idle'"):
        run_time_course(missing_value(read=True), TIMES)


@pytest.mark.parametrize(
    "name", [n for n, m in MODELS.items() if m.in_roadrunner and not (m.algebraic or m.fast)]
)
def test_what_libroadrunner_knows_agrees_with_it(name):
    network = MODELS[name].network
    ours = run_time_course(network, TIMES)
    theirs = run_time_course(network, TIMES, engine="tellurium", rtol=1e-10)
    for element_id, series in theirs.amounts.items():
        np.testing.assert_allclose(ours.amounts[element_id], series, rtol=1e-5, atol=1e-9)


def test_coupled_algebraic_rules_agree_with_linear_algebra():
    rng = np.random.default_rng(20250101)
    for size in (2, 3, 5):
        matrix, right = rng.normal(size=(size, size)), rng.normal(size=size)
        names = [f"z{k}" for k in range(size)]
        rows = [
            apply(
                "minus",
                [
                    apply(
                        "plus",
                        [apply("times", [number(a), symbol(z)]) for a, z in zip(row, names, strict=True)],
                    ),
                    number(b),
                ],
            )
            for row, b in zip(matrix, right, strict=True)
        ]
        network = Network(
            parameters=tuple(Parameter(z, None, False) for z in names), rules=tuple(map(AlgebraicRule, rows))
        )
        lowered = lower(network).network
        assert all(isinstance(rule, AssignmentRule) for rule in lowered.rules)
        course = run_time_course(network, [0.0, 1.0])
        found = [course.values[z][1] for z in names]
        np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-9)


def test_fast_autocatalysis_with_something_to_start_it_ends_where_it_is_stable():
    model = network_of("species A = 3, B = 0.5; F: A + B -> 2 B; A*B - 0.2*B^2", fast=("F",))
    course = run_time_course(model, TIMES)
    np.testing.assert_allclose(course.concentrations["A"], 3.5 * 0.2 / 1.2, rtol=1e-9)


def test_a_network_that_leaves_out_events_is_not_compiled():
    """The folded network alone would run, as if there were none."""
    from icrn_core import IcrnError, compile_icrn, simulate

    folding = fold_network(read_model("species A = 0; k = 0.5; J: A -> ; k*A; E: at time >= 1: A = A + 3"))
    with pytest.raises(IcrnError, match=r"leaves out event 'E'.*plain_folding"):
        compile_icrn(folding.icrn)
    plain = plain_folding(folding)
    values, params = (
        {base.name: plain.values[base.name] for base in bases}
        for bases in (plain.icrn.species, plain.icrn.constants)
    )
    found = simulate(compile_icrn(plain.icrn), values, params, [3.0], rtol=1e-9).states["A"]
    np.testing.assert_allclose(found, 3 * np.exp(-1.0), rtol=1e-7)
