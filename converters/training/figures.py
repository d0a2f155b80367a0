"""What the figures of a report share: matplotlib, colours, labels, and SVG for a page of HTML."""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from icrn_io.errors import ModelIOError
from icrn_io.network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, CURVE, BAD, PALE = "#1c2733", "#1f6fb2", "#b3261e", "#9fb3c8"
# Colours that are told apart with the common kinds of colour blindness (Okabe and Ito, 2008).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5f4690", "#737373")
_STYLE = {
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
}
_SECONDS = {1.0: "s", 60.0: "min", 3600.0: "h", 86400.0: "d", 1e-3: "ms"}


def style():
    """Return the context in which figures are made and written.

    Raises
    ------
    ModelIOError
        Matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
    except ImportError:
        raise ModelIOError("a report needs matplotlib: pip install 'icrn-sbml[plot]'") from None
    return rc_context(_STYLE)


def panels(n: int, width: float = 3.2, height: float = 2.3, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels; sizes of one in inches."""
    from matplotlib.figure import Figure

    n_columns = min(columns, n)
    n_rows = -(-n // n_columns)
    figure = Figure(figsize=(width * n_columns, height * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for unused in axes[n:]:
        unused.set_axis_off()
    return figure, list(axes[:n])


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element; its ids are its own among several on a page."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.hashsalt": "figure"}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r'\bid="', f'id="{own}-', text)
    text = re.sub(r'xlink:href="#', f'href="#{own}-', text)
    text = text.replace("url(#", f"url(#{own}-")
    text = re.sub(r' xmlns:xlink="[^"]*"', "", text)
    return text.strip()


def shortened(text: str, width: int = 30) -> str:
    """Return a label on at most two lines, the middle left out if it is longer."""
    if len(text) > 2 * width:
        text = f"{text[:width]}…{text[-width + 2 :]}"
    return "\n".join(textwrap.wrap(text, width)) or text


def with_unit(name: str, unit: str) -> str:
    """Return the label of an axis."""
    return f"{name} [{unit}]" if unit else name


def time_unit(network: Network) -> str:
    """Return the model's unit of time as people write it, "" if it gives none."""
    unit = network.units.time
    definition = {d.id: d for d in network.unit_definitions}.get(unit)
    if definition is None:
        return {"second": "s", "dimensionless": ""}.get(unit, unit)
    if len(definition.units) == 1:
        kind, exponent, scale, multiplier = definition.units[0]
        seconds = multiplier * 10.0**scale
        if kind == "second" and exponent == 1:
            return _SECONDS.get(seconds, f"{seconds:g} s")
    return definition.name or definition.id


def color(k: int) -> str:
    """Return the colour of the k-th of several."""
    return COLORS[k % len(COLORS)]


def parts(items: Sequence, size: int) -> list[Sequence]:
    """Return a sequence in parts of at most some size."""
    return [items[k : k + size] for k in range(0, len(items), size)]
