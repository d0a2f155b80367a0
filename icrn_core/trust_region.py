"""Steps of a trust region inside bounds.

A step s minimises the model gᵀs + ½ sᵀHs among ‖s / scale‖ ≤ Δ and lower ≤ x + s ≤ upper.
Without bounds it is exact (Moré and Sorensen, SIAM J. Sci. Stat. Comput. 4, 1983): H + λI is
solved with the λ that puts s on the border. Variables that a step would take over a bound are
put on it, and the others solved for again.

Where residuals stay large, the Fisher information is a poor Hessian. What it lacks, a matrix S,
is learnt from the steps taken (Dennis, Gay and Welsch, ACM Trans. Math. Softw. 7, 1981), here by
the symmetric update of rank one.
"""

from __future__ import annotations

import numpy as np

_AT_BOUND = 1e-12


def bounded_step(
    g: np.ndarray, h: np.ndarray, room: tuple[np.ndarray, np.ndarray], radius: float
) -> np.ndarray:
    """Return a step that lowers the model.

    Parameters
    ----------
    g, h : (n,), (n, n)
        Gradient and approximate Hessian, in units of the scale of each variable.
    room : pair of (n,)
        How far each variable may go down (not positive) and up (not negative).
    radius : float
        Δ.

    Returns
    -------
    (n,) array; zero where there is no way down.
    """
    down, up = room
    step = np.zeros_like(g)
    # What already lies on a bound and would leave the box stays.
    free = ~(((down > -_AT_BOUND) & (g > 0)) | ((up < _AT_BOUND) & (g < 0)))
    while free.any():
        left = np.sqrt(max(radius**2 - float(step[~free] @ step[~free]), 0.0))
        if left <= 1e-3 * radius:
            break
        slope = g[free] + h[np.ix_(free, ~free)] @ step[~free]
        own = _ball_step(slope, h[np.ix_(free, free)], left)
        trial = step.copy()
        trial[free] = own
        outside = free & ((trial < down) | (trial > up))
        if not outside.any():
            step = trial
            break
        step[outside] = np.clip(trial[outside], down[outside], up[outside])
        free &= ~outside
    return _better(g, h, room, radius, step)


def _better(
    g: np.ndarray, h: np.ndarray, room: tuple[np.ndarray, np.ndarray], radius: float, step: np.ndarray
) -> np.ndarray:
    """Return the step, or the best along the projected gradient if that lowers the model more."""
    down, up = room
    steepest = -g * radius / max(float(np.linalg.norm(g)), 1e-300)
    paths = [np.clip(steepest * 0.5**k, down, up) for k in range(12)]
    return min([step, *paths], key=lambda s: model_change(g, h, s))


def model_change(g: np.ndarray, h: np.ndarray, step: np.ndarray) -> float:
    """Return by how much the model changes along a step."""
    return float(g @ step + 0.5 * step @ h @ step)


def updated_secant(secant: np.ndarray | None, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return S with S·step = change, or as it was where that cannot be trusted.

    Parameters
    ----------
    secant : (n, n) or None
        S before, None for nothing.
    step : (n,)
        The step taken.
    change : (n,)
        What the gradient changed by beyond the Fisher information times the step.
    """
    if secant is None:
        secant = np.zeros((len(step), len(step)))
    known = float(step @ secant @ step)
    seen = float(step @ change)
    # What has been learnt elsewhere is too large where residuals have become small.
    if abs(known) > abs(seen) > 0:
        secant = secant * (abs(seen) / abs(known))
    missing = change - secant @ step
    size = float(missing @ step)
    if abs(size) <= 1e-8 * float(np.linalg.norm(missing)) * float(np.linalg.norm(step)):
        return secant
    return secant + np.outer(missing, missing) / size


def _ball_step(g: np.ndarray, h: np.ndarray, radius: float) -> np.ndarray:
    """Return the minimiser of the model among ‖s‖ ≤ radius."""
    values, vectors = np.linalg.eigh(h)
    along = vectors.T @ g
    # Below this shift H + λI is not positive definite.
    floor = max(-float(values[0]), 0.0) + 1e-14 * max(float(np.abs(values).max()), 1e-300)

    def size(shift: float) -> float:
        return float(np.linalg.norm(along / (values + shift)))

    if size(floor) <= radius:
        step = -vectors @ (along / (values + floor))
        if values[0] >= 0:
            return step
        # Downwards along a direction of negative curvature, to the border.
        rest = np.sqrt(max(radius**2 - float(step @ step), 0.0))
        return step + rest * vectors[:, 0] * (-1.0 if along[0] > 0 else 1.0)
    low, high = floor, floor + float(np.linalg.norm(along)) / radius
    # Newton's method on 1/‖s‖ - 1/Δ, kept inside an interval.
    shift = np.sqrt(low * high)
    for _ in range(60):
        parts = along / (values + shift)
        norm = float(np.linalg.norm(parts))
        if abs(norm - radius) <= 1e-6 * radius:
            break
        low, high = (shift, high) if norm > radius else (low, shift)
        shift += (norm - radius) / radius * norm**2 / max(float(np.sum(parts**2 / (values + shift))), 1e-300)
        if not low < shift < high:
            shift = np.sqrt(low * high)
    return -vectors @ (along / (values + shift))
