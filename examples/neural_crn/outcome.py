"""What an experiment found, as a table and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Outcome:
    """What an experiment found.

    Attributes
    ----------
    title : str
        Of the experiment.
    figures : dict of str to float or str
        By what they are.
    curves : dict of str to list of float
        Values before learning and after each epoch, by line of the plot.
    quantity : str
        What the curves show.
    """

    title: str
    figures: dict[str, float | str] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    quantity: str = "loss"

    def table(self) -> str:
        """Return the figures as a table in Markdown."""
        rows = [f"| {what} | {_shown(value)} |" for what, value in self.figures.items()]
        return "\n".join([f"| {self.title} | |", "|---|---|", *rows])


def _shown(value: float | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def save_curves(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw the curves of some outcomes of one quantity into a PNG file; losses logarithmically.

    Parameters
    ----------
    outcomes : sequence of Outcome
        A panel for each quantity.
    path : Path
        The file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(outcomes), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, outcome in zip(figure.subplots(1, len(outcomes), squeeze=False)[0], outcomes, strict=True):
        for (name, curve), style in zip(outcome.curves.items(), ("o-", "x--", "s:"), strict=False):
            panel.plot(range(len(curve)), curve, style, markersize=4, linewidth=1.2, label=name)
        if "loss" in outcome.quantity:
            panel.set_yscale("log")
        panel.set_title(outcome.title, fontsize=10)
        panel.set_xlabel("epoch")
        panel.set_ylabel(outcome.quantity)
        panel.legend(frameon=False)
    figure.savefig(path, dpi=100)
