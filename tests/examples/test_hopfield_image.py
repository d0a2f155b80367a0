"""A picture grown by dual-rail neurons: the equations, their gradient, and a short descent."""

from __future__ import annotations

import json
import sys

import jax
import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("optax", reason="optax is not installed")

from hopfield_image import run
from hopfield_image.image import flower, grid_of, spots
from hopfield_image.network import diffusion, first_values, hopfield
from hopfield_image.training import END, Grower, Stage, checked, picture, train

N, POINTS, STEP = 4, 12, 0.25


@pytest.fixture(scope="module")
def grower():
    return Grower(N)


@pytest.fixture(scope="module")
def values():
    """Weights large enough that neurons change their signs."""
    return {name: x * (2.0 if name != "theta" else 1.0) for name, x in first_values(N, seed=3).items()}


def by_hand(values: dict, points: int, n_steps: int) -> np.ndarray:
    """Return the neurons at the end, of ∂x/∂t = D ∇²x + W⁺ᵀ max(x, 0) − W⁻ᵀ max(−x, 0) − x³ in NumPy."""
    grid = grid_of(points)
    k = 2 * np.pi * np.fft.fftfreq(points, grid.spacing[0])
    constants = np.asarray(diffusion(values["theta"])["plus"])[:, None, None]
    decay = np.exp(-0.5 * END / n_steps * constants * (k[:, None] ** 2 + k**2))

    def diffused(x):
        return np.fft.ifft2(decay * np.fft.fft2(x)).real

    def rate(x):
        inputs = np.einsum("ij,ixy->jxy", values["W"], np.maximum(x, 0))
        return inputs - np.einsum("ij,ixy->jxy", values["V"], np.maximum(-x, 0)) - x**3

    x, h = np.zeros((N, points, points)), END / n_steps
    x[:3] = spots(grid)
    for _ in range(n_steps):
        x = diffused(x)
        k1 = rate(x)
        k2 = rate(x + h / 2 * k1)
        k3 = rate(x + h / 2 * k2)
        x = diffused(x + h / 6 * (k1 + 2 * k2 + 2 * k3 + rate(x + h * k3)))
    return x


def test_two_species_that_annihilate_are_one_signed_neuron(grower, values):
    found = np.asarray(picture(grower.grow(values, POINTS, STEP, dtype=np.float64)))
    expected = by_hand(values, POINTS, n_steps=50)
    assert expected[:3].min() < -0.1 and expected[:3].max() > 0.1
    np.testing.assert_allclose(found, expected[:3], atol=1e-10)


def test_the_loss_hardly_depends_on_the_step(grower, values):
    losses = checked(grower, values, Stage(POINTS, STEP, 1))
    np.testing.assert_allclose(list(losses.values())[:4], list(losses.values())[2], rtol=0.01)


def test_the_gradient_is_the_central_difference(grower, values):
    loss = jax.jit(lambda v: grower.loss(v, POINTS, STEP, dtype=np.float64))
    slopes = jax.grad(loss)(values)
    rng = np.random.default_rng(0)
    way = {name: rng.normal(size=x.shape) for name, x in values.items()}
    h = 1e-6
    ahead, behind = (loss({k: x + s * h * way[k] for k, x in values.items()}) for s in (1, -1))
    slope = sum(float(np.sum(np.asarray(slopes[k]) * way[k])) for k in way)
    assert slope == pytest.approx(float(ahead - behind) / (2 * h), rel=1e-5)


def test_a_short_descent_learns_the_sky(grower):
    stages = [Stage(8, 0.5, 12), Stage(POINTS, 0.5, 6)]
    values, losses = train(grower, stages, learning_rate=3e-2)
    assert [len(x) for x in losses] == [12, 6]
    assert losses[-1][-1] < 0.5 * losses[0][0]
    assert set(values) == {"W", "V", "theta"}


def test_the_network_has_six_kinds_of_reactions():
    assert [len(hopfield(n).icrn.reactions) for n in (3, 40)] == [6, 6]


def test_the_picture_is_the_same_on_every_grid():
    coarse, fine = flower(grid_of(24)), flower(grid_of(48))
    mean = fine.reshape(3, 24, 2, 24, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(coarse, mean, atol=0.12)
    assert fine.min() >= 0 and fine.max() <= 1 and spots(grid_of(24)).shape == (3, 24, 24)


def test_the_script_writes_what_it_says(tmp_path, monkeypatch, capsys):
    arguments = ["--neurons", "3", "--points", "8", "--steps", "2", "2", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
    run.main()
    figures = json.loads(capsys.readouterr().out)
    assert figures == json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert len(figures["log10 loss at the end"]) == 5
    for name in ("loss.png", "pictures.png", "growth.gif", "values.npz"):
        assert (tmp_path / name).stat().st_size > 0
