"""Laws of directions that data leave open: which there are, and how they are told."""

from __future__ import annotations

import numpy as np
import pytest

from icrn_core.identifiability import THRESHOLD, loose_directions

LOG = 2


def told(rows, n=None, precision=1e3, scales=None, elsewhere=()):
    """Return what is said where only the combinations in rows, with the precision, are measured."""
    rows = np.array(rows, dtype=float)
    n = rows.shape[1] if n is None else n
    names = [f"k{k + 1}" for k in range(n)]
    scales = np.full(n, LOG) if scales is None else np.array(scales)
    information = rows.T @ (precision * rows)
    return loose_directions(information, np.ones(n), scales, names, 1e-10, elsewhere)


MEASURED = {
    "product": ([[1, 1]], "the product k1·k2"),
    "ratio": ([[1, -1]], "the ratio k1/k2"),
    "powers": ([[1, 2]], "the product k1·k2^2"),
    "three": ([[1, -1, -1]], "the ratio k1/(k2·k3)"),
    "roots": ([[2, 3]], "the product k1^2·k2^3"),
}


@pytest.mark.parametrize("name", MEASURED)
def test_the_one_combination_that_is_determined_is_named(name: str) -> None:
    rows, expected = MEASURED[name]
    (found,) = told(rows)
    assert found.is_structural and found.text.startswith(f"only {expected} is determined: ")
    assert np.allclose(found.moves @ np.array(rows[0]), 0.0, atol=1e-9)
    assert found.parameters == tuple(range(len(rows[0])))


def test_everything_determined_says_nothing() -> None:
    assert told(np.eye(3)) == ()


def test_linear_parameters_make_sums() -> None:
    (found,) = told([[2.0, -1.0]], scales=[0, 0])
    assert "only the difference 2·k1 − k2 is determined: k1 + 0.5 with k2 + 1" in found.text
    (found,) = told([[1.0, 1.0]], scales=[0, 0])
    assert "only the sum k1 + k2 is determined" in found.text


def test_directions_that_share_nothing_are_kept_apart() -> None:
    """Their eigenvalues are equal, so that eigenvectors mix them."""
    found = told([[1, 1, 0, 0, 0], [0, 0, 0, 1, -1]])
    assert [d.parameters for d in found] == [(0, 1), (2,), (3, 4)]
    assert "the product k1·k2" in found[0].text
    assert "'k3' is not determined" in found[1].text
    assert "the ratio k4/k5" in found[2].text


@pytest.mark.parametrize(("rise", "n"), [(0.9 * THRESHOLD, 1), (1.1 * THRESHOLD, 0)])
def test_a_factor_ten_counts_as_noticed_from_the_threshold_on(rise: float, n: int) -> None:
    found = told(np.diag([1.0, np.sqrt(2 * rise / 1e3)]))
    assert len(found) == n
    if n:
        assert not found[0].is_structural
        assert found[0].loss == pytest.approx(rise)
        assert (
            f"'k2' is not determined by the data: it can change, k2 × 10, with the loss rising by {rise:.2g}"
            in (found[0].text)
        )


def test_what_other_points_determine_is_not_structural() -> None:
    (found,) = told([[1, 1]], elsewhere=[np.eye(2)])
    assert not found.is_structural
    (found,) = told([[1, 1]], elsewhere=[np.ones((2, 2))])
    assert found.is_structural


def test_fixed_parameters_take_no_part() -> None:
    information = np.array([[1e3, 1e3], [1e3, 1e3]])
    found = loose_directions(information, np.array([1.0, 0.0]), np.array([LOG, LOG]), ["a", "b"], 1e-10)
    assert found == ()
