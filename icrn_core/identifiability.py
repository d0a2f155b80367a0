"""Directions in which parameters can be moved without the data noticing, told in words.

With x the parameters in units of a factor ten (a tenth of the range on a linear scale) and F the
Fisher information in them, a move v changes the loss by ½ vᵀFv. Directions with less than 1.92 for
a move of length one, eigenvalues of F below 3.84, are not determined by the data. They span a
space whose eigenvectors are arbitrary; a basis with many zeros, by Gauss–Jordan elimination,
keeps apart what has nothing to do with each other.

That a direction is *structural*, that no data of this kind would determine it, is concluded where
the information on the parameters involved is singular to the accuracy of the runs, here and
at points all over the box of bounds (rank test of Rothenberg, Econometrica 39, 1971). Else it
is *practical*: these values, or these data, leave it open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icrn_core.scales import SCALES

# Half the 95 % quantile of χ² with one degree of freedom.
THRESHOLD = 1.92
# Entries of a direction that count, of those that are singular and of others.
_EXACT, _LOOSE = 1e-3, 0.1
# An eigenvalue above this, a standard error below a hundred factors of ten, is not put down to
# inexact sensitivities: these err along what is determined best.
_SURELY = 1e-4
# Rises of the loss below this are rounding.
_LEAST = 1e-6
# The part of a move by which a direction is told that holds close by only.
_NEAR = 0.01


@dataclass(frozen=True, eq=False)
class Direction:
    """Parameters that cannot be told apart, or one that cannot be told at all.

    Attributes
    ----------
    parameters : tuple of int
        Those that take part.
    moves : (n_moves, n_fitted) float
        Independent moves on the scales of the parameters; the parameter that moves most moves by a
        factor ten, or a tenth of its range on a linear scale.
    loss : float
        By how much the quadratic loss rises at most along one of the moves.
    is_structural : bool
        Whether the data would be the same for all values of the parameters.
    text : str
        In words.
    """

    parameters: tuple[int, ...]
    moves: np.ndarray
    loss: float
    is_structural: bool
    text: str


def spectrum(information: np.ndarray, relative: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return eigenvalues, eigenvectors and the eigenvalue up to which the matrix is singular.

    Parameters
    ----------
    information : (n, n) float
        Positive semidefinite.
    relative : float
        Error of sensitivities squared, as part of the largest eigenvalue. It counts up to 1e-4; the
        rounding of floats, n times 2e-16 of the largest eigenvalue, always does.
    """
    values, vectors = np.linalg.eigh(information)
    n, largest = len(values), max(values[-1], 0.0) if len(values) else 0.0
    return values, vectors, max(min(relative * largest, _SURELY), n * np.finfo(float).eps * largest)


def loose_directions(
    information: np.ndarray,
    units: np.ndarray,
    scales: np.ndarray,
    names: Sequence[str],
    relative: float,
    elsewhere: Sequence[np.ndarray] = (),
) -> tuple[Direction, ...]:
    """Return the directions that the data do not determine, structural ones first.

    Parameters
    ----------
    information : (n, n) float
        Fisher information on the scales of the parameters; zero rows for fixed ones do no harm,
        they are left out.
    units : (n,) float
        What a move of one is on each scale; 0 for parameters that are fixed.
    scales : (n,) int
        Positions in `icrn_core.scales.SCALES`.
    names : sequence of str
        What the parameters are called.
    relative : float
        Eigenvalues below this part of the largest one are rounding.
    elsewhere : sequence of (n, n) float
        The information at other points.
    """
    free = np.flatnonzero(units)
    scaled = _scaled(information, units, free)
    values, vectors, rounding = spectrum(scaled, relative)
    is_singular = values <= rounding
    is_loose = ~is_singular & (values < 2 * THRESHOLD)
    found = []
    for chosen, tolerance in ((is_singular, _EXACT), (is_loose, _LOOSE)):
        for moves in _apart(vectors[:, chosen], tolerance):
            members = np.flatnonzero((np.abs(moves) >= tolerance).any(axis=0))
            others = [_scaled(there, units, free[members]) for there in elsewhere]
            structural = tolerance == _EXACT and _is_singular_everywhere(others, len(moves), relative)
            loss = float(max(0.5 * move @ scaled @ move for move in moves))
            words = _Words([names[k] for k in free[members]], scales[free[members]], units[free[members]])
            bent = structural and not _is_straight(others, moves[:, members], relative)
            text = words.sentence(moves[:, members], max(loss, 0.0), structural, bent)
            whole = np.zeros((len(moves), len(units)))
            whole[:, free] = moves * units[free]
            found.append(Direction(tuple(map(int, free[members])), whole, max(loss, 0.0), structural, text))
    return tuple(sorted(found, key=lambda direction: not direction.is_structural))


def _scaled(information: np.ndarray, units: np.ndarray, at: np.ndarray) -> np.ndarray:
    return information[np.ix_(at, at)] * np.outer(units[at], units[at])


def _is_singular_everywhere(others: list[np.ndarray], n_null: int, relative: float) -> bool:
    for information in others:
        values, _, rounding = spectrum(information, relative)
        if (values <= rounding).sum() < n_null:
            return False
    return True


def _is_straight(others: list[np.ndarray], moves: np.ndarray, relative: float) -> bool:
    """Whether the same moves change nothing at other points either."""
    units = moves / np.linalg.norm(moves, axis=1, keepdims=True)
    for information in others:
        _, _, rounding = spectrum(information, relative)
        rise = np.einsum("mi,ij,mj->m", units, information, units)
        # Moves are known to a few digits only.
        if (rise > np.maximum(rounding, _EXACT**2 * np.trace(information))).any():
            return False
    return True


def _apart(vectors: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """Return bases ``(n_moves, n)`` of parts of the space that share no parameters."""
    basis = _eliminated(vectors.T)
    takes_part = np.abs(basis) >= tolerance
    groups: list[tuple[set[int], list[int]]] = []
    for row, own in enumerate(takes_part):
        members, rows = set(np.flatnonzero(own)), [row]
        for group in [g for g in groups if g[0] & members]:
            groups.remove(group)
            members, rows = members | group[0], group[1] + rows
        groups.append((members, rows))
    return [basis[sorted(rows)] for _, rows in sorted(groups, key=lambda g: min(g[0]))]


def _eliminated(rows: np.ndarray) -> np.ndarray:
    """Return the space of the rows in reduced form, by pivots as large as possible, each row up to ±1."""
    rows = rows.copy()
    for k in range(len(rows)):
        i, j = np.unravel_index(np.argmax(np.abs(rows[k:])), rows[k:].shape)
        rows[[k, k + i]] = rows[[k + i, k]]
        rows[k] /= rows[k, j]
        for other in range(len(rows)):
            if other != k:
                rows[other] -= rows[other, j] * rows[k]
    return rows / np.abs(rows).max(axis=1, keepdims=True, initial=0.0) if len(rows) else rows


class _Words:
    """Sentences on a few parameters."""

    def __init__(self, names: list[str], scales: np.ndarray, units: np.ndarray) -> None:
        self._names, self._units = names, units
        self._is_linear = scales == SCALES.index("lin")

    def sentence(self, moves: np.ndarray, loss: float, is_structural: bool, is_bent: bool) -> str:
        """Return what the moves ``(n_moves, n_members)`` say; bent ones hold close by only."""
        n_moves, n = moves.shape
        if is_bent and n > 1:
            told = "; ".join(self._move(move * _NEAR) for move in moves)
            listed = ", ".join(f"'{name}'" for name in self._names)
            way = "curve" if n_moves == 1 else "surface"
            return (
                f"{listed} are not determined each: along a {way} of their values, here in the direction "
                f"{told}, the data notice nothing"
            )
        told = "; ".join(self._move(move) for move in moves)
        rise = f"{loss:.2g} only" if loss >= _LEAST else f"less than {_LEAST:g}"
        effect = "without the data noticing" if is_structural else f"with the loss rising by {rise}"
        well = "determined" if is_structural else "determined well"
        if n == n_moves == 1:
            if is_structural:
                return f"'{self._names[0]}' is not determined: nothing that was measured depends on it"
            return f"'{self._names[0]}' is not determined by the data: it can change, {told}, {effect}"
        if n == n_moves + 1 and (self._is_linear.all() or not self._is_linear.any()):
            return f"only {self._combination(moves)} is {well}: {told}, {effect}"
        listed = ", ".join(f"'{name}'" for name in self._names)
        return f"{listed} are not {well} each: they can change together, {told}, {effect}"

    def _move(self, move: np.ndarray) -> str:
        # Told so that the first that moves goes up.
        move = move * np.sign(move[np.argmax(np.abs(move) > _EXACT)])
        parts = []
        for name, step, unit, is_linear in zip(self._names, move, self._units, self._is_linear, strict=True):
            if abs(step) > _EXACT:
                sign = "+" if step > 0 else "−"
                change = f"{sign} {abs(step) * unit:.3g}" if is_linear else f"× {10.0**step:.3g}"
                parts.append(f"{name} {change}")
        return " with ".join(parts)

    def _combination(self, moves: np.ndarray) -> str:
        """Return the one combination that no move changes."""
        kept = np.linalg.svd(moves)[2][-1]
        kept = kept / self._units if self._is_linear.all() else kept
        weights = _simple(kept * np.sign(kept[0]))
        if self._is_linear.all():
            parts = [_term(abs(w), name) for w, name in zip(weights, self._names, strict=True)]
            signs = [" + " if w > 0 else " − " for w in weights[1:]]
            text = parts[0] + "".join(map("".join, zip(signs, parts[1:], strict=True)))
            return f"the {'sum' if (weights > 0).all() else 'difference'} {text}"
        top = [_power(name, w) for w, name in zip(weights, self._names, strict=True) if w > 0]
        bottom = [_power(name, -w) for w, name in zip(weights, self._names, strict=True) if w < 0]
        if not bottom:
            return f"the product {'·'.join(top)}"
        below = "·".join(bottom)
        return f"the ratio {'·'.join(top)}/{f'({below})' if len(bottom) > 1 else below}"


def _simple(weights: np.ndarray) -> np.ndarray:
    """Return weights as small whole numbers if they are nearly in such a ratio."""
    weights = weights / np.abs(weights).min()
    for factor in (1, 2, 3):
        whole = np.round(weights * factor)
        if np.allclose(weights * factor, whole, rtol=0.02, atol=0.0) and np.abs(whole).max() < 10:
            return whole
    return weights


def _power(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:.3g}"


def _term(weight: float, name: str) -> str:
    return name if weight == 1 else f"{weight:.3g}·{name}"
