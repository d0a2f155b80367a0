"""Pictures of the training: losses, and the image as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hopfield_image.training import Stage, picture
from icrn_core import FieldSolution

# Of the published training, 256 neurons on 100 × 100 points: steps, log10 of the mean squared error.
PUBLISHED = ((1000, -1.80), (5000, -2.79), (10000, -3.13), (29901, -4.05))


def save_losses(path: Path, losses: Sequence[np.ndarray], stages: Sequence[Stage]) -> None:
    """Draw the losses of all stages, one after the other, with the published ones as crosses."""
    figure, panels = _figure(1, (5.5, 3.4))
    done = 1
    for values, stage in zip(losses, stages, strict=True):
        label = f"{stage.points} × {stage.points} points"
        panels[0].plot(np.arange(done, done + len(values)), np.log10(values), linewidth=0.9, label=label)
        done += len(values)
    panels[0].plot(*zip(*PUBLISHED, strict=True), "kx", label="published, fails at half the step")
    panels[0].set_xscale("log")
    panels[0].set_xlabel("step of the descent")
    panels[0].set_ylabel("log10 of the mean squared error")
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=110, format="png")


def save_pictures(path: Path, growth: FieldSolution, longer: FieldSolution, target: np.ndarray) -> None:
    """Draw the visible neurons at the saved times, the target, and the neurons after twice the time."""
    shown = [(f"t = {float(t):.4g}", picture(growth, k)) for k, t in enumerate(growth.times)]
    shown += [("target", target), (f"t = {float(longer.times[-1]):.4g}", picture(longer))]
    figure, panels = _figure(len(shown), (1.7 * len(shown), 2.0))
    for panel, (title, colours) in zip(panels, shown, strict=True):
        panel.imshow(np.clip(np.moveaxis(np.asarray(colours), 0, -1), 0.0, 1.0))
        panel.set_title(title, fontsize=9)
        panel.set_axis_off()
    figure.savefig(path, dpi=90, format="png")


def _figure(n: int, size: tuple[float, float]) -> tuple[Figure, list]:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [figure.add_subplot(1, n, k + 1) for k in range(n)]
