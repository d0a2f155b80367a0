"""Events of all kinds of triggers, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from converters import run_time_course
from icrn_io import read_model

TIMES = np.linspace(0, 20, 41)


def doses(every: float, first: float, k: float, last: int = 10_000):
    """Return x with x' = -k x, 0 at first, and 1 more at each of the moments, as a function of time."""

    def x(t):
        at = first + every * np.arange(last)
        passed = t[:, None] - at
        return np.where(passed >= -1e-12, np.exp(-k * np.maximum(passed, 0.0)), 0.0).sum(axis=1)

    return x


# Text, and what a variable is.
MODELS = {
    "a period": ("x = 0; x' = -0.3*x; E: at time%5 == 2: x = x + 1", "x", doses(5, 2, 0.3)),
    "windows of a period": ("x = 0; x' = -0.3*x; E: at time%0.7 < 0.1: x = x + 1", "x", doses(0.7, 0.7, 0.3)),
    "a short pulse of a period": (
        "x = 0; x' = piecewise(5, time - 4*floor(time/4) < 0.01, 0)", "x",
        lambda t: 0.05 * np.floor(t / 4) + 5 * np.minimum(t % 4, 0.01),
    ),
    "what turns": (
        "x = 0; x' = -0.1*x; E: at sin(time) > 0.999: x = x + 1", "x",
        doses(2 * np.pi, np.arcsin(0.999), 0.1),
    ),
    "equality with a time": ("n = 0; E: at time == 3.3: n = n + 1; F: at time == 4: n = n + 10", "n",
                             lambda t: (t >= 3.3) + 10.0 * (t >= 4)),
    "equality with a time that moves": (
        "x = 0; x' = -x; next = 1.5; E: at time == next: x = x + 1, next = next + 1.5", "x",
        doses(1.5, 1.5, 1),
    ),
    "equality of the state": ("x = 0; x' = 1; n = 0; E: at x == 3.3: n = n + 1", "n", lambda t: t >= 3.3),
    "a number that jumps": ("x = 0; x' = 1; n = 0; E: at floor(x/3.3): n = n + 1", "n", lambda t: t >= 3.3),
    "what holds only after a moment": ("n = 0; E: at time > 4: n = 1", "n", lambda t: t > 4),
    "what holds at a moment": ("n = 0; E: at time >= 4: n = 1", "n", lambda t: t >= 4),
    "a moment of the past": ("n = 0; E: at time > 0: n = 1", "n", lambda t: t > 0),
    "either and not both": (
        "x = 0; x' = 1; n = 0; E: at xor(x > 2.2, x > 5.1): n = n + 1;"
        "G: at not(x > 3.3) || x > 7.1: n = n + 10",
        "n", lambda t: (t > 2.2) + 10.0 * (t > 7.1),
    ),
    "events that set off events": (
        "x = 0; y = 0; z = 0; E: at time >= 2.2: x = 1; F: at x > 0.5: y = 1; G: at y > 0.5: z = x + y", "z",
        lambda t: 2.0 * (t >= 2.2),
    ),
    "a stoichiometry that an event sets": (
        "species S = 1; k = 1; R: -> k S; 1; E: at time >= 2.2: k = 3", "S",
        lambda t: 1 + t + 2 * np.maximum(t - 2.2, 0),
    ),
    "a compartment that an event sets": (
        "compartment C = 2; species A in C; A = 3; E: at time >= 2.2: C = 4", "A",
        lambda t: np.where(t >= 2.2, 1.5, 3.0),
    ),
    "thousands of events": ("x = 0; x' = 1; n = 0; E: at x >= 0.0101: x = 0, n = n + 1", "n",
                            lambda t: np.floor(t / 0.0101 + 1e-6)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_events_happen_when_their_triggers_become_true(name):
    text, variable, expected = MODELS[name]
    course = run_time_course(read_model(text), TIMES, rtol=1e-9, atol=1e-12)
    found = course.concentrations.get(variable, course.values.get(variable))
    np.testing.assert_allclose(found, expected(TIMES), rtol=1e-6, atol=1e-8)
