"""Fits the chain slowly, for tests that break it off: ``python fit_in_a_process.py CHECKPOINT``."""

from __future__ import annotations

import sys
import time

import jax
from training_problems import chain_problem

from converters.training.train import TrainingOptions, train
from icrn_core.multistart import FitOptions


def slow_options(checkpoint: str | None, resume: bool = False) -> TrainingOptions:
    """Return what the broken-off and the whole fit have in common."""
    return TrainingOptions(
        n_starts=4, seed=3, fit=FitOptions(hops=2), checkpoint=checkpoint, interval=0.0, resume=resume
    )


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    train(chain_problem(seed=1), slow_options(sys.argv[1]), lambda _: time.sleep(0.3))
