"""A picture of weight matrices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from winner_take_all.digits import CLASSES


def save_weights(path: Path, matrices: Mapping[str, np.ndarray]) -> None:
    """Draw weight matrices ``(100, 3)``, a row of panels each and a panel for each class, as PNG."""
    side = len(CLASSES)
    figure = Figure(figsize=(1.5 * side + 1.0, 1.5 * len(matrices)), layout="constrained")
    FigureCanvasAgg(figure)
    for row, (name, weights) in enumerate(matrices.items()):
        images = weights.reshape(10, 10, side)
        panels = [figure.add_subplot(len(matrices), side, row * side + k + 1) for k in range(side)]
        for k, panel in enumerate(panels):
            drawn = panel.imshow(images[..., k], vmin=0.0, vmax=weights.max(), cmap="magma")
            panel.set_xticks([])
            panel.set_yticks([])
            if row == 0:
                panel.set_title(f"digit {CLASSES[k]}", fontsize=9)
        panels[0].set_ylabel(name, fontsize=9)
        figure.colorbar(drawn, ax=panels, shrink=0.8).ax.tick_params(labelsize=7)
    figure.savefig(path, dpi=100, format="png")
