"""Gray–Scott textures: the loss and its gradient, the features, and a descent, at a small size."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("optax", reason="optax is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from gray_scott_textures import run
from gray_scott_textures.network import TARGETS, Medium, Rates, balance, first_state, patterns
from gray_scott_textures.texture import distance, features, grams, random_filters
from gray_scott_textures.training import (
    LOWER,
    UPPER,
    Stage,
    circle,
    descend,
    growing,
    landscape,
    loss_of,
    loss_terms,
    moments,
    n_within,
    published,
    sides,
    target_of,
)

FOLDER = Path(__file__).parents[2] / "examples" / "gray_scott_textures"
SIZE = 40


@pytest.fixture(scope="module")
def made():
    """Two patterns of each target, ``(2, 2, 40, 40)``."""
    return {name: patterns(rates, SIZE, range(2), span=2000.0) for name, rates in TARGETS.items()}


@pytest.fixture(scope="module")
def medium():
    return Medium(SIZE, dtype=np.float64)


def test_the_medium_is_gray_scott():
    n, h, rates = 16, 1e-4, Rates(0.037, 0.06)
    state = first_state(n, 1)
    U, V = state
    wave = 2 * np.pi * np.fft.fftfreq(n)
    square = wave[:, None] ** 2 + wave**2

    def laplacian(x):
        return np.fft.ifft2(-square * np.fft.fft2(x)).real

    rate = [
        0.2 * laplacian(U) - U * V**2 + rates.F * (1 - U),
        0.1 * laplacian(V) + U * V**2 - (rates.F + rates.k) * V,
    ]
    found = (Medium(n, h, np.float64).after(state, rates, h) - state) / h
    np.testing.assert_allclose(found, rate, atol=1e-3)


def test_first_states_are_noise_and_a_spot():
    U, V = first_state(20, 0)
    spot = np.zeros((20, 20))
    spot[9:12, 9:12] = 1.0
    for noise in (U - 1.0, V - spot):
        assert 0.0 <= noise.min() < 0.01 < 0.17 < noise.max() <= 0.18
    assert not np.array_equal(U - 1.0, V - spot)


def test_a_span_is_a_whole_number_of_steps(medium):
    with pytest.raises(ValueError, match="25 is not a whole number of steps of 10"):
        medium.after(first_state(SIZE, 0), TARGETS["kappa"], 25.0)


@pytest.mark.parametrize("name", TARGETS)
def test_a_pattern_at_rest_is_balanced(made, name):
    found = balance(made[name][0])
    np.testing.assert_allclose(found, TARGETS[name], atol=2e-4)


def test_features_move_with_the_pattern(made):
    image = jnp.asarray(made["delta"][0], jnp.float64)
    filters = random_filters(image[None], seed=3)
    moved = jnp.roll(image, (5, -11), axis=(1, 2))
    for one, other in zip(features(filters, image), features(filters, moved), strict=True):
        assert float(jnp.std(one)) > 0.1
        np.testing.assert_allclose(other, jnp.roll(one, (5, -11), axis=(1, 2)), atol=1e-12)
    for one, other in zip(grams(filters, image), grams(filters, moved), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-11)
    turned = distance(grams(filters, image[:, ::-1]), grams(filters, image))
    assert float(turned) > 1e-6  # where things are does not matter; how they lie to each other does


def test_features_tell_patterns_apart(made):
    filters = random_filters(jnp.asarray(np.concatenate(list(made.values()))), seed=0)
    of = {name: [grams(filters, pattern) for pattern in own] for name, own in made.items()}
    within = [distance(*own) for own in of.values()]
    between = [
        distance(a, b) for one in of for other in of if one < other for a in of[one] for b in of[other]
    ]
    assert min(between) > 3 * max(within)
    assert np.mean(between) > 10 * np.mean(within)


def test_gradient_is_that_of_finite_differences(medium, made):
    target = target_of(made["kappa"][0].astype(np.float64), made["kappa"])
    loss = jax.jit(loss_of(medium, target))
    at = Rates(0.0373, 0.0602)
    found = jax.jit(jax.grad(loss))(at)
    h = 1e-7
    across = (float(loss(at._replace(F=at.F + h))) - float(loss(at._replace(F=at.F - h)))) / (2 * h)
    along = (float(loss(at._replace(k=at.k + h))) - float(loss(at._replace(k=at.k - h)))) / (2 * h)
    np.testing.assert_allclose(found, [across, along], rtol=1e-4)
    target = target_of(made["kappa"][0], made["kappa"])
    single = jax.jit(jax.grad(loss_of(Medium(SIZE), target)))(Rates(*map(np.float32, at)))
    assert single.F.dtype == np.float32
    np.testing.assert_allclose(single, found, rtol=2e-3)


@pytest.mark.parametrize(("name", "span"), [("kappa", 300.0), ("lambda", 30.0), ("delta", 300.0)])
def test_the_loss_is_lowest_at_the_target(made, name, span):
    rates, pattern = TARGETS[name], made[name][0]
    loss = jax.jit(loss_of(Medium(SIZE), target_of(pattern, pattern[None]), span))
    at = float(loss(rates))
    for radius in (0.001, 0.005, 0.015):
        around = circle(rates, radius, 6)
        assert at < min(float(loss(Rates(F, k))) for F, k in zip(*around, strict=True)) / 3


def test_a_pattern_that_died_is_no_target(made):
    dead = np.zeros_like(made["kappa"][0])
    with pytest.raises(ValueError, match="a pattern has died"):
        target_of(made["kappa"][0], np.stack([made["kappa"][0], dead]))


def test_terms_of_the_loss(medium, made):
    pattern, other = made["delta"][:2].astype(np.float64)
    wanted = np.stack([[x.mean(axis=(1, 2)), x.var(axis=(1, 2))] for x in (pattern, other)]).mean(axis=0)
    target = target_of(pattern, np.stack([pattern, other]))
    np.testing.assert_allclose(target.moments, wanted.ravel(), rtol=1e-6)
    rates = Rates(0.1, 0.02)  # beyond both wells
    terms = loss_terms(medium, target, rates, 30.0)
    state = medium.after(target.pattern, rates, 30.0)
    off = np.sum((np.asarray(moments(state)) / target.moments - 1.0) ** 2)
    np.testing.assert_allclose(terms["moments"], off, rtol=1e-6)
    beyond = ((0.1 - UPPER.F) / (UPPER.F - LOWER.F)) ** 2 + ((LOWER.k - 0.02) / (UPPER.k - LOWER.k)) ** 2
    np.testing.assert_allclose(terms["wells"], beyond)
    whole = 0.5 * terms["texture"] + terms["moments"] + 100.0 * terms["wells"]
    np.testing.assert_allclose(loss_of(medium, target, 30.0)(rates), whole)
    assert 0.0 < terms["texture"] < 1.0
    assert loss_terms(medium, target, TARGETS["delta"], 30.0)["wells"] == 0.0


def test_a_short_descent_comes_nearer(made):
    rates, medium = TARGETS["kappa"], Medium(SIZE)
    target = target_of(made["kappa"][0], made["kappa"])
    starts = circle(rates, 0.015, 2)
    paths = descend(medium, target, starts, [Stage(30.0, 20, 2e-3)])
    assert paths.rates.F.shape == (21, 2)
    np.testing.assert_allclose(paths.rates.F[0], starts.F, rtol=1e-6)
    off = np.hypot(paths.rates.F - rates.F, paths.rates.k - rates.k)
    assert np.all(off[-1] < 0.2 * off[0])
    ends = [Rates(*(way[-1, start] for way in paths.rates)) for start in range(2)]
    loss = jax.jit(loss_of(medium, target, 30.0))
    np.testing.assert_allclose(paths.loss, [loss(end) for end in ends], rtol=1e-3)


def test_starts_are_on_a_circle():
    center = TARGETS["delta"]
    F, k = circle(center, 0.015, 10)
    np.testing.assert_allclose(np.hypot(F - center.F, k - center.k), 0.015)
    np.testing.assert_allclose([F.mean(), k.mean()], center)
    assert np.argmax(F) == 0


def test_stages_end_at_the_published_span():
    assert [stage.span for stage in growing()] == [30.0, 100.0, 300.0]
    assert sum(stage.steps for stage in growing(50)) == 50
    assert published() == ((300.0, 201, 1e-3),)


def test_a_landscape_is_the_loss_at_its_points():
    def loss(rates):
        return rates.F + 10 * rates.k

    center = Rates(0.03, 0.06)
    F, k = sides(center, 0.01, 3)
    found = landscape(loss, center, 0.01, 3)
    np.testing.assert_allclose(found, F[:, None] + 10 * k, rtol=1e-6)
    np.testing.assert_allclose(F, [0.02, 0.03, 0.04])


def test_within_counts_the_larger_error():
    found = Rates(np.array([0.030, 0.0319, 0.030]), np.array([0.06, 0.0581, 0.0621]))
    assert n_within(found, Rates(0.03, 0.06)) == 2


def test_the_script_writes_what_it_says(tmp_path, capsys):
    small = "--targets kappa --stages published --starts 2 --iterations 2 --size 32 --age 600"
    run.main([*small.split(), "--references", "2", "--grid", "3", "--out", str(tmp_path / "found")])
    out = capsys.readouterr().out.splitlines()
    assert out[2].startswith("| kappa | 0.03700, 0.06000 |")
    found = json.loads((tmp_path / "found" / "textures.json").read_text("utf-8"))["found"]["kappa"]
    assert np.shape(found["F"]) == (3, 2)
    assert np.shape(found["landscapes"][0]["loss"]) == (3, 3)
    for name in ("patterns.png", "landscapes.png"):
        assert (tmp_path / "found" / name).read_bytes().startswith(b"\x89PNG")
