"""Gradients, robustness, sizes, and the epoch in libRoadRunner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from neural_crn import datasets
from neural_crn.clocks import phase_clock, ring_clock
from neural_crn.constructions import FAST, Construction, linear_regression, neural_ode, two_layers
from neural_crn.counting import linear_formula, molecularities, sizes
from neural_crn.experiments import ODE_PHASES, ODE_START, Weights, regression_construction, relu_start
from neural_crn.outcome import Outcome
from neural_crn.reference import ode_gradient, relu_gradient
from neural_crn.tellurium import roadrunner_epoch
from neural_crn.training import Learner

DIMENSIONS = (1, 2, 4, 8, 16)


def gradients(n_samples: int = 20, rate: float = 1e-3) -> Outcome:
    """Compare the weight changes of single samples with backpropagation (B) and autodiff (C)."""
    x, y = datasets.xor(n_samples, seed=1)
    layers = two_layers(3, 8, phase_clock(), rate).start(*relu_start(8))
    found, exact = sample_gradients(layers, x, y, rate, relu_gradient)
    cosines = np.sum(found * exact, 1) / np.linalg.norm(found, axis=1) / np.linalg.norm(exact, axis=1)
    figures = {
        "two layers: 1 - least cosine with backpropagation": float(1.0 - cosines.min()),
        "two layers: relative difference to backpropagation": relative(found, exact),
    }
    x, y = datasets.bilinear(n_samples)
    ode = neural_ode(3, phase_clock(ODE_PHASES), rate).start(
        np.array([0.5, -0.3, 0.2]), np.array([0.4, 0.8, -0.3])
    )
    found, exact = sample_gradients(ode, x, y, rate, ode_gradient)
    figures["neural ODE: relative difference to autodiff"] = relative(found, exact)
    return Outcome(f"Gradients of {n_samples} samples, learning rate {rate:g}", figures)


def sample_gradients(
    construction: Construction, x: np.ndarray, y: np.ndarray, rate: float, gradient: Callable[..., Weights]
) -> tuple[np.ndarray, np.ndarray]:
    """Return -Δweights / rate of each sample, and the gradient at the weights before it.

    Returns
    -------
    found, exact : (n_samples, n_weights)
        All weights in one row.
    """
    learner = Learner(construction, rtol=1e-8)
    before, found, exact = learner.weights, [], []
    for one, target, *after in zip(x, y, *learner.learn(x, y), strict=True):
        exact.append(flat(gradient(*before, one, target)))
        found.append((flat(before) - flat(after)) / rate)
        before = after
    return np.array(found), np.array(exact)


def flat(weights: Weights) -> np.ndarray:
    """Return all weights in one row."""
    return np.concatenate([np.ravel(w) for w in weights])


def relative(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the root mean square difference over the root mean square."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def small_cases() -> dict[str, tuple[Construction, np.ndarray, np.ndarray]]:
    """Return every construction with initial weights and 20 samples, by name."""
    plane, xor, bilinear = datasets.plane(20), datasets.xor(20, seed=1), datasets.bilinear(20)
    phases = phase_clock(ODE_PHASES)
    return {
        "linear regression": (regression_construction(phase_clock(), 0.08), *plane),
        "linear regression, ring": (regression_construction(ring_clock(), 0.08), *plane),
        "two layers": (two_layers(3, 8, phase_clock(), 0.05).start(*relu_start(8)), *xor),
        "neural ODE": (neural_ode(3, phases, 0.1).start(*ODE_START), *bilinear),
        "neural ODE, first order": (
            neural_ode(3, phases, 0.1, first_order=True).start(*ODE_START),
            *bilinear,
        ),
    }


def robustness() -> Outcome:
    """Compare the weight change over 20 samples with 10 times the fast rate, and with shorter steps."""
    figures = {}
    for name, (construction, x, y) in small_cases().items():
        start = flat(Learner(construction).weights)

        def change(start=start, construction=construction, x=x, y=y, **options) -> np.ndarray:
            learner = Learner(construction, **options)
            learner.learn(x, y)
            return flat(learner.weights) - start

        usual = change()
        figures[f"{name}: fast rates {10 * FAST:g}"] = relative(change(fast=10 * FAST, atol=1e-12), usual)
        figures[f"{name}: rtol 1e-9, atol 1e-13"] = relative(change(rtol=1e-9, atol=1e-13), usual)
    return Outcome("Relative change of the weight change over 20 samples", figures)


def roadrunner() -> Outcome:
    """Let libRoadRunner learn an epoch from the exported SBML, and compare the weights.

    The epoch has 100 samples for linear regression and 20 for the others.
    """
    figures = {}
    for name, (construction, x, y) in small_cases().items():
        if name.startswith("linear"):
            x, y = datasets.plane(100)
        learner = Learner(construction, rtol=1e-10, atol=1e-14)
        learner.learn(x, y)
        with TemporaryDirectory() as folder:
            other = roadrunner_epoch(construction, x, y, Path(folder) / "network.xml")
        ours, theirs = flat(learner.weights), flat(other)
        largest = float(np.abs(ours - theirs).max() / np.abs(ours).max())
        figures[f"{name}: {len(y)} samples, largest difference over largest weight"] = largest
    return Outcome("The same weights in libRoadRunner", figures)


def counting() -> Outcome:
    """Count species and reactions at several input dimensions d, and reactants of every reaction."""
    builders = {
        "linear regression": lambda d: linear_regression(d, phase_clock()),
        "linear regression, ring": lambda d: linear_regression(d, ring_clock()),
        "two layers, 8 hidden units": lambda d: two_layers(d, 8, phase_clock()),
        "neural ODE": lambda d: neural_ode(d, phase_clock(ODE_PHASES)),
        "neural ODE, first order": lambda d: neural_ode(d, phase_clock(ODE_PHASES), first_order=True),
    }
    figures = {}
    for name, build in builders.items():
        by_dimension = {d: sizes(build(d)) for d in DIMENSIONS}
        for kind in by_dimension[1]:
            numbers = {d: n[kind] for d, n in by_dimension.items()}
            listed = ", ".join(map(str, numbers.values()))
            figures[f"{name}: {kind}"] = f"{linear_formula(numbers)} ({listed})"
        most = max(max(molecularities(build(d).network)) for d in DIMENSIONS)
        figures[f"{name}: most reactants of a reaction"] = most
    dimensions = ", ".join(map(str, DIMENSIONS))
    return Outcome(f"Sizes at input dimensions d = {dimensions}", figures)
