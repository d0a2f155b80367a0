"""What an experiment found, as a table and as a plot."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO


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

    def picture(self) -> bytes:
        """Return the curves as a PNG file; losses are logarithmic."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.8, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        panel = figure.add_subplot()
        for (name, curve), style in zip(self.curves.items(), ("o-", "x--", "s:"), strict=False):
            panel.plot(range(len(curve)), curve, style, markersize=4, linewidth=1.2, label=name)
        if "loss" in self.quantity:
            panel.set_yscale("log")
        panel.set_title(self.title, fontsize=10)
        panel.set_xlabel("epoch")
        panel.set_ylabel(self.quantity)
        panel.legend(frameon=False)
        buffer = BytesIO()
        figure.savefig(buffer, dpi=100, format="png")
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows."""
        return self.picture()


def _shown(value: float | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
