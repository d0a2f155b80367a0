"""Types of command-line options that the examples share: what does not fit ends with one line."""

from __future__ import annotations

import argparse
import math


def count(text: str) -> int:
    """Return a whole number from 1 up."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, found '{text}'")
    return int(text)


def positive(text: str) -> float:
    """Return a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found '{text}'")
    return value
