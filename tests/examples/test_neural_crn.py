"""Neural CRNs: they learn by reactions alone what gradient descent in software learns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from icrn_core import compile_icrn, read_text, simulate
from icrn_core.authoring import author
from neural_crn import checks, datasets
from neural_crn.clocks import phase_clock, ring_clock
from neural_crn.constructions import FAST, linear_regression, neural_ode, two_layers
from neural_crn.counting import linear_formula, molecularities, sizes
from neural_crn.experiments import ODE_PHASES, regression_construction, relu_start
from neural_crn.reference import ode_gradient, relu_gradient
from neural_crn.tellurium import roadrunner_epoch
from neural_crn.training import Learner, injection

EXAMPLE = Path(__file__).parents[2] / "examples" / "neural_crn"
BUILDERS = {
    "regression": lambda d: linear_regression(d, phase_clock()),
    "ring": lambda d: linear_regression(d, ring_clock()),
    "two layers": lambda d: two_layers(d, 3, phase_clock()),
    "ode": lambda d: neural_ode(d, phase_clock(ODE_PHASES)),
    "first order": lambda d: neural_ode(d, phase_clock(ODE_PHASES), first_order=True),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_every_reaction_has_one_or_two_reactants(name):
    assert set(molecularities(BUILDERS[name](2).network)) == {1, 2}


def test_a_third_reactant_and_other_laws_are_noticed():
    from icrn_core.authoring import reaction
    from icrn_core.notation import base_species

    A, B = base_species("A B")
    assert molecularities(author(reaction(2 * A + B >> B, 1.0), reaction(A >> B, 1.0))) == {1: 1, 3: 1}
    with pytest.raises(ValueError, match="'R1' is not mass action"):
        molecularities(author(reaction(A >> 0, law=A / (1 + A))))


@pytest.mark.parametrize("name", BUILDERS)
def test_sizes_are_linear_in_the_input_dimension(name):
    found = {d: sizes(BUILDERS[name](d)) for d in (1, 2, 3, 5)}
    for kind in ("species", "reactions"):
        assert " d + " in linear_formula({d: n[kind] for d, n in found.items()})
    assert len({n["indexed reactions"] for n in found.values()}) == 1
    with pytest.raises(ValueError, match="not linear"):
        linear_formula({1: 1, 2: 4, 3: 9})


@pytest.mark.parametrize("name", BUILDERS)
def test_networks_read_back_from_their_text(name):
    network = BUILDERS[name](2).network
    assert read_text(str(network)).icrn == network.icrn


@pytest.mark.parametrize("name", BUILDERS)
def test_the_host_injects_a_sample_and_nothing_else(name):
    construction = BUILDERS[name](2)
    added = injection(construction, np.array([[1.5, -2.0]]), np.array([-3.0]))
    np.testing.assert_array_equal(added.pop("X"), [[[1.5, 0.0], [0.0, 2.0]]])
    np.testing.assert_array_equal(added.pop("Y"), [[0.0, 3.0]])
    assert added.keys() == ({"token"} if name != "ring" else set())


def test_a_sample_is_added_to_what_is_there():
    x, y = np.array([[1.0, 0.5]]), np.array([-1.0])
    learner = Learner(BUILDERS["regression"](2))
    (expected,) = Learner(learner.construction).learn(x, y)
    half = {name: value[0] / 2 for name, value in injection(learner.construction, x, y).items()}
    learner.state |= {name: half[name] for name in ("X", "Y")}
    (found,) = learner.learn(x / 2, y / 2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_ring_is_a_travelling_wave():
    clock = ring_clock()
    network = author(*clock.reactions, values=clock.values)
    sixth = clock.period / 6
    run = simulate(
        compile_icrn(network.icrn), network.state, network.params, sixth * jnp.arange(7), rtol=1e-10
    ).check()
    for step, C in enumerate(np.asarray(run.states["C"])):
        np.testing.assert_allclose(C, np.roll(clock.values["C"], step), rtol=1e-5)


@pytest.fixture(scope="module")
def plane():
    return datasets.plane(40)


@pytest.mark.parametrize("clock", [phase_clock(), ring_clock()], ids=["phase", "ring"])
def test_regression_learns_as_stochastic_gradient_descent(plane, clock):
    """The ring's phases overlap and last a bit less than a third of a period: its rate is measured."""
    x, y = plane
    learner = Learner(regression_construction(clock, 0.2))
    (P,) = learner.learn(x, y)
    rates = P[0] / (y[0] * x[0])
    np.testing.assert_allclose(rates, rates[0], rtol=1e-6)
    np.testing.assert_allclose(rates[0], 0.2, rtol=0.01 if clock.dose else 0.2)
    expected = np.zeros(3)
    for one, target, found in zip(x, y, P, strict=True):
        expected = expected - rates[0] * (expected @ one - target) * one
        np.testing.assert_allclose(found, expected, atol=0.003)
    loss = [np.mean((x @ p - y) ** 2) / 2 for p in (np.zeros(3), P[-1])]
    assert loss[1] < 0.3 * loss[0]
    left = {name: np.abs(value).max() for name, value in learner.state.items() if name not in ("C", "P")}
    assert max(left.values()) < 1e-5, left


def gradient_pair(construction, x, y, rate, gradient):
    found, exact = checks.sample_gradients(construction, x, y, rate, gradient)
    cosine = np.sum(found * exact, 1) / np.linalg.norm(found, axis=1) / np.linalg.norm(exact, axis=1)
    return checks.relative(found, exact), cosine


def test_two_layers_change_along_the_gradient():
    x, y = datasets.xor(6, seed=1)
    construction = two_layers(3, 3, phase_clock(), 1e-3).start(*relu_start(3))
    difference, cosine = gradient_pair(construction, x, y, 1e-3, relu_gradient)
    assert difference < 0.005
    assert cosine.min() > 0.99999


def test_the_ode_changes_along_the_gradient():
    """Also where states and inputs are negative."""
    x, y = datasets.bilinear(4)
    x = x * [1.0, -1.0, 1.0]
    construction = neural_ode(3, phase_clock(ODE_PHASES), 1e-3)
    construction = construction.start(np.array([0.5, -0.3, 0.2]), np.array([0.4, 0.8, -0.3]))
    difference, cosine = gradient_pair(construction, x, y, 1e-3, ode_gradient)
    assert difference < 0.005
    assert cosine.min() > 0.9999


def test_the_first_order_gradient_is_that_of_a_state_that_passes_the_error_on():
    x, y = datasets.bilinear(3)
    weights = np.array([0.5, -0.3, 0.2]), np.array([0.4, 0.8, -0.3])

    def gradient(theta, w, x, y):
        _, by_w = ode_gradient(theta, w, x, y)
        z = ode_gradient(theta, w, x, y - 1.0)[1] - by_w  # the gradient by w is (output - y) z
        return x * w * (by_w / z), by_w

    construction = neural_ode(3, phase_clock(ODE_PHASES), 1e-3, first_order=True).start(*weights)
    difference, _ = gradient_pair(construction, x, y, 1e-3, gradient)
    assert difference < 0.005


def test_faster_annihilation_changes_little(plane):
    x, y = plane[0][:5], plane[1][:5]
    construction = regression_construction(phase_clock(), 0.2)
    (usual,), (faster,) = (
        Learner(construction, fast=rate, atol=1e-12).learn(x, y) for rate in (FAST, 10 * FAST)
    )
    assert checks.relative(faster, usual) < 0.01


@pytest.mark.parametrize("name", ["linear regression", "linear regression, ring", "neural ODE"])
def test_libroadrunner_learns_the_same_weights(name, tmp_path):
    pytest.importorskip("roadrunner", reason="libRoadRunner is not installed: pip install '.[validate]'")
    construction, x, y = checks.small_cases()[name]
    x, y = x[:3], y[:3]
    learner = Learner(construction, rtol=1e-10, atol=1e-14)
    learner.learn(x, y)
    found = roadrunner_epoch(construction, x, y, tmp_path / "network.xml")
    for ours, theirs in zip(learner.weights, found, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-6, atol=1e-8)


def test_the_script_writes_figures_and_curves(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
    command = [sys.executable, EXAMPLE / "run.py", "regression", "--epochs", "2", "--samples", "10"]
    done = subprocess.run([*command, "--out", tmp_path], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "| ring oscillator: loss at epoch 1 |" in done.stdout
    found = json.loads((tmp_path / "regression.json").read_text("utf-8"))
    assert {name: len(curve) for name, curve in found["curves"].items()} == {
        "phase clock": 3,
        "ring oscillator": 3,
    }
    assert (tmp_path / "regression.png").stat().st_size > 5000
    assert (tmp_path / "figures.md").read_text("utf-8").strip() == done.stdout.strip()
