"""Pictures of patterns, and of the loss with the ways of a descent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gray_scott_textures.network import Rates
from gray_scott_textures.training import Paths, sides


class Panel(NamedTuple):
    """A loss around a target, and the ways so far.

    Attributes
    ----------
    title : str
        Above it.
    loss : (n, n)
        F by k, from `landscape`.
    center, width : Rates, float
        Of the square.
    paths : Paths
        To draw.
    n_steps : int
        How many steps of them.
    """

    title: str
    loss: np.ndarray
    center: Rates
    width: float
    paths: Paths
    n_steps: int


def save_patterns(path: str | Path, rows: Mapping[str, Sequence[np.ndarray]], names: Sequence[str]) -> None:
    """Draw V of patterns ``(2, n, n)``, a row of panels for each entry and a column for each name."""
    height, width = len(rows), len(names)
    figure = Figure(figsize=(2.6 * width, 2.55 * height + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(height, width, squeeze=False)
    for j, name in enumerate(names):
        panels[0, j].set_title(name, fontsize=10)
        most = max(np.max(found[j][1]) for found in rows.values())
        for panel, (label, found) in zip(panels[:, j], rows.items(), strict=True):
            panel.imshow(
                found[j][1], origin="lower", cmap="viridis", vmin=0.0, vmax=most, interpolation="nearest"
            )
            panel.set_xticks([])
            panel.set_yticks([])
            if j == 0:
                panel.set_ylabel(label, fontsize=10)
    figure.savefig(path, dpi=75, format="png")


def save_landscapes(path: str | Path, rows: Sequence[Sequence[Panel]]) -> None:
    """Draw the losses, a row of panels for each stage: circles are starts, dots ends, a cross the target."""
    height, width = len(rows), len(rows[0])
    figure = Figure(figsize=(3.3 * width + 0.6, 3.0 * height + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(height, width, squeeze=False)
    for line, drawn in zip(panels, rows, strict=True):
        for panel, data in zip(line, drawn, strict=True):
            image = _landscape(panel, data)
        line[0].set_ylabel("k")
        figure.colorbar(image, ax=list(line), shrink=0.85, label="log10 of the loss")
    for panel in panels[-1]:
        panel.set_xlabel("F")
    figure.savefig(path, dpi=72, format="png")


def _landscape(panel, data: Panel):
    """Draw one panel and return its image."""
    F, k = sides(data.center, data.width, len(data.loss))
    level = np.log10(data.loss).T
    half = (F[1] - F[0]) / 2
    extent = (F[0] - half, F[-1] + half, k[0] - half, k[-1] + half)
    image = panel.imshow(
        level, origin="lower", extent=extent, cmap="magma", vmin=-3.0, vmax=1.0, interpolation="nearest"
    )
    panel.contour(F, k, level, levels=np.arange(-3.0, 1.5, 0.5), colors="white", linewidths=0.4)
    way_F, way_k = (way[: data.n_steps + 1] for way in data.paths.rates)
    panel.plot(way_F, way_k, color="deepskyblue", linewidth=0.8)
    panel.plot(way_F[0], way_k[0], "o", color="white", markerfacecolor="none", markersize=5)
    panel.plot(way_F[-1], way_k[-1], "o", color="white", markersize=3)
    panel.plot(*data.center, "x", color="lime", markersize=8, markeredgewidth=1.6)
    panel.set_xlim(extent[:2])
    panel.set_ylim(extent[2:])
    panel.set_title(data.title, fontsize=9)
    panel.locator_params(nbins=4)
    panel.tick_params(labelsize=7)
    return image
