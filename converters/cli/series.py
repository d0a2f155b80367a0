"""Time grids in, CSV and pictures out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

from icrn_io.errors import ModelIOError
from icrn_io.files import write_atomically

if TYPE_CHECKING:
    from converters.time_course import TimeCourse
    from icrn_io.network import Network

_MAX_CURVES = 20
_LINES = ("-", "--")  # ten colours each


def time_grid(start: float | None, end: float | None, points: int) -> np.ndarray:
    """Return evenly spaced times; a start of None is 0, and not the user's.

    Raises
    ------
    typer.BadParameter
        There is no end, it is not finite, or it is before the start.
    """
    if end is None:
        raise typer.BadParameter("give --end T or --times FILE")
    if not (isfinite(end) and isfinite(start or 0.0)):
        raise typer.BadParameter(
            f"--end {end}: times must be finite"
            if start is None or isfinite(start)
            else f"--start {start}: times must be finite"
        )
    if end < (start or 0.0):
        raise typer.BadParameter(f"--end {end} is before " + ("0" if start is None else f"--start {start}"))
    return np.linspace(start or 0.0, end, points)


def read_times(path: str) -> np.ndarray:
    """Return the times of a file: numbers between white space, commas or semicolons.

    Raises
    ------
    ModelIOError
        It cannot be read, or holds something else.
    """
    try:
        words = re.split(r"[\s,;]+", Path(path).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ModelIOError(f"cannot read output times from '{path}': {error}") from None
    try:
        return np.array([float(word) for word in words if word])
    except ValueError as error:
        raise ModelIOError(f"output times in '{path}' must be numbers: {error}") from None


def species_series(course: TimeCourse, network: Network, quantity: str) -> dict[str, np.ndarray]:
    """Return the series of every species in file order.

    Parameters
    ----------
    quantity : {"symbol", "amount", "concentration"}
        ``symbol``: what the id stands for in formulas.
    """
    from converters.quantities import symbol_quantities

    own = symbol_quantities(network)
    chosen = {name: own[name] if quantity == "symbol" else quantity for name in own}
    return {
        name: (course.amounts if kind == "amount" else course.concentrations)[name]
        for name, kind in chosen.items()
    }


def csv_text(times: np.ndarray, columns: Mapping[str, np.ndarray]) -> str:
    """Return a table with a header; every number by its shortest exact representation."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["time", *columns])
    writer.writerows(zip(times.tolist(), *(column.tolist() for column in columns.values()), strict=True))
    return buffer.getvalue()


def plot_course(path: str, times: np.ndarray, columns: Mapping[str, np.ndarray], network: Network) -> None:
    """Draw the series that vary most into an image file, whose format its suffix picks.

    Raises
    ------
    ModelIOError
        matplotlib is missing, does not know the format, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ModelIOError("--plot needs matplotlib: pip install 'icrn-sbml[plot]'") from None
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    shown = sorted(columns, key=lambda name: -_range(columns[name]))[:_MAX_CURVES]
    for number, name in enumerate(name for name in columns if name in shown):
        axes.plot(times, columns[name], _LINES[number // 10], label=name)
    axes.set_ylabel("species, in the unit of each id")
    axes.set_xlabel("time" + (f" ({network.units.time})" if network.units.time else ""))
    hidden = len(columns) - len(shown)
    axes.set_title(f"{network.id}: {len(shown)} of {len(columns)} species" if hidden else network.id)
    figure.legend(loc="outside right upper", fontsize="small")
    buffer = io.BytesIO()
    try:
        figure.savefig(buffer, format=Path(path).suffix.lstrip(".") or "png", dpi=150)
    except ValueError as error:
        raise ModelIOError(f"cannot draw '{path}': {error}") from None
    write_atomically(path, buffer.getvalue())


def _range(series: np.ndarray) -> float:
    finite = series[np.isfinite(series)]
    return float(np.ptp(finite)) if finite.size else 0.0
