"""Learning curves of the constructions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neural_crn import datasets
from neural_crn.clocks import Clock, phase_clock, ring_clock
from neural_crn.constructions import Construction, linear_regression, neural_ode, two_layers
from neural_crn.outcome import Outcome
from neural_crn.reference import ode_gradient, ode_output, relu_descent, relu_output
from neural_crn.training import RTOL, Learner

ODE_PHASES = ("forward", "read", "backward", "wash")
ODE_START = (np.zeros(3), np.full(3, -0.5))

Weights = tuple[np.ndarray, ...]


def half_square(output: np.ndarray, y: np.ndarray) -> float:
    """Return the loss of a data set: the mean of (output - y)² / 2."""
    return float(np.mean((np.asarray(output) - y) ** 2) / 2)


def learning_curve(
    construction: Construction,
    x: np.ndarray,
    y: np.ndarray,
    n_epochs: int,
    score: Callable[..., float],
    rtol: float = RTOL,
) -> tuple[list[float], Weights]:
    """Return ``score(*weights)`` before learning and after each epoch, and the last weights.

    The order of samples is shuffled in each epoch, with the epoch as seed (see `shuffled`).
    """
    learner = Learner(construction, rtol=rtol)
    curve = [score(*learner.weights)]
    for epoch in range(n_epochs):
        learner.learn(*shuffled(x, y, epoch))
        curve.append(score(*learner.weights))
    return curve, learner.weights


def shuffled(x: np.ndarray, y: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples in the order of an epoch."""
    order = np.random.default_rng(epoch).permutation(len(y))
    return x[order], y[order]


def regression(n_epochs: int = 20, n_samples: int = 100, rate: float = 0.08) -> Outcome:
    """Fit y = 0.7 + 1.5 x1 - 2 x2 (construction A) under both clocks, and compare with least squares."""
    x, y = datasets.plane(n_samples)
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    outcome = Outcome("Linear regression", curves={})
    # Nothing holds the ring to the beat of the samples: with longer steps it slips behind.
    clocks = {"phase clock": (phase_clock(), RTOL), "ring oscillator": (ring_clock(), 1e-8)}
    for name, (clock, rtol) in clocks.items():
        construction = regression_construction(clock, rate)
        curve, (P,) = learning_curve(construction, x, y, n_epochs, lambda P: half_square(x @ P, y), rtol)
        outcome.curves[name] = curve
        for epoch in (0, 1, 5, 10, 20):
            if epoch <= n_epochs:
                outcome.figures[f"{name}: loss at epoch {epoch}"] = curve[epoch]
        outcome.figures[f"{name}: largest difference to least squares"] = float(np.abs(P - best).max())
    return outcome


def regression_construction(clock: Clock, rate: float, n_inputs: int = 3) -> Construction:
    """Return construction A from zero weights, with about the learning rate ``rate`` per sample."""
    return linear_regression(n_inputs, clock, rate / clock.duration**2).start(np.zeros(n_inputs))


def noisy_regression(n_epochs: int = 20, n_samples: int = 100, rate: float = 0.02) -> Outcome:
    """Fit y = x1 + 2 x2 + 1 with noise of SD 0.4 and validate on other samples."""
    x, y = datasets.noisy_plane(n_samples)
    seen = datasets.noisy_plane(1000, seed=1)
    construction = regression_construction(phase_clock(), rate)
    curve, _ = learning_curve(construction, x, y, n_epochs, lambda P: half_square(seen[0] @ P, seen[1]))
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    figures = {
        "validation loss before learning": curve[0],
        f"validation loss at epoch {n_epochs}": curve[-1],
        "validation loss of least squares on the same samples": half_square(seen[0] @ best, seen[1]),
        "floor: half the variance of the noise": 0.08,
    }
    return Outcome("Linear regression with noise", figures, {"validation": curve}, "validation loss")


def classification(
    name: str, n_epochs: int = 10, n_samples: int = 200, n_hidden: int = 8, rate: float = 0.05
) -> Outcome:
    """Classify rings or xor (construction B) beside stochastic gradient descent in NumPy.

    Both start from the same weights and see the same samples in the same order. Test accuracy is
    that of the weights, on 1,000 other samples.
    """
    data = {"rings": datasets.rings, "xor": datasets.xor}[name]
    x, y = data(n_samples, seed=1)
    x_test, y_test = data(1000, seed=2)
    W, V = start = relu_start(n_hidden)

    def accuracy(W: np.ndarray, V: np.ndarray) -> float:
        return float(np.mean((relu_output(W, V, x_test) > 0.5) == y_test))

    construction = two_layers(x.shape[1], n_hidden, phase_clock(), rate).start(*start)
    curve, weights = learning_curve(construction, x, y, n_epochs, accuracy)
    software = [accuracy(W, V)]
    for epoch in range(n_epochs):
        W, V = relu_descent(W, V, *shuffled(x, y, epoch), rate)
        software.append(accuracy(W, V))
    figures = {
        "test accuracy before learning": curve[0],
        f"test accuracy at epoch {n_epochs}": curve[-1],
        f"test accuracy of NumPy at epoch {n_epochs}": software[-1],
        "test loss before learning": half_square(relu_output(*start, x_test), y_test),
        f"test loss at epoch {n_epochs}": half_square(relu_output(*weights, x_test), y_test),
        f"test loss of NumPy at epoch {n_epochs}": half_square(relu_output(W, V, x_test), y_test),
    }
    curves = {"chemistry": curve, "NumPy": software}
    return Outcome(f"Two layers, {name}", figures, curves, "test accuracy")


def relu_start(n_hidden: int, n_inputs: int = 3) -> Weights:
    """Return random weights from which construction B and NumPy start."""
    rng = np.random.default_rng(0)
    return rng.normal(0.0, 1.0, (n_hidden, n_inputs)), rng.normal(0.0, 0.5, n_hidden)


def bilinear(n_epochs: int = 10, n_samples: int = 100, rate: float = 0.1) -> Outcome:
    """Fit y = x1 x2 + x2² by the neural ODE (construction C), beside descent by autodiff."""
    x, y = datasets.bilinear(n_samples)

    def loss(theta: np.ndarray, w: np.ndarray) -> float:
        return half_square(ode_output(theta, w, x), y)

    curves = {}
    for name, first_order in {"adjoint": False, "first-order gradient": True}.items():
        construction = neural_ode(3, phase_clock(ODE_PHASES), rate, first_order=first_order)
        curves[name], _ = learning_curve(construction.start(*ODE_START), x, y, n_epochs, loss)
    weights = ODE_START
    curves["autodiff"] = [loss(*weights)]
    for epoch in range(n_epochs):
        for one, target in zip(*shuffled(x, y, epoch), strict=True):
            gradient = ode_gradient(*weights, one, target)
            weights = tuple(np.asarray(v - rate * g) for v, g in zip(weights, gradient, strict=True))
        curves["autodiff"].append(loss(*weights))
    figures = {"loss before learning": loss(*ODE_START)}
    figures |= {f"{name}: loss at epoch {n_epochs}": curve[-1] for name, curve in curves.items()}
    return Outcome("Neural ODE, y = x1 x2 + x2²", figures, curves)
