"""Pictures and movies of fields, drawn by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.field_solution import FieldSolution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Panels of one picture; entries beyond are left out.
_MOST_PANELS = 16


def save_snapshot(
    solution: FieldSolution, path: str | Path, *, at: int = -1, bases: Sequence[str] | None = None
) -> None:
    """Draw the fields of one saved time, a panel for each entry, into a PNG file.

    Lines in one dimension, images in two; of three, the middle slice of the first axis.

    Parameters
    ----------
    solution : FieldSolution
        From `icrn_core.simulate_field`.
    path : str or Path
        The file.
    at : int
        Which of the saved times.
    bases : sequence of str, optional
        Base species to draw; all if left out, at most 16 entries.

    Raises
    ------
    IcrnError
        Matplotlib is missing, or there is no such base species or time.
    """
    fields = list(_entries(solution, bases))
    n_times = len(solution.times)
    if not -n_times <= at < n_times:
        raise IcrnError(f"there are {n_times} saved times, found at={at}")
    figure, draw = _canvas(solution, fields)
    draw(at % n_times)
    figure.savefig(path, dpi=120, format="png")


def save_movie(
    solution: FieldSolution, path: str | Path, *, bases: Sequence[str] | None = None, fps: int = 12
) -> None:
    """Draw the fields of all saved times as a GIF, or as an MP4 where ffmpeg is installed.

    Parameters
    ----------
    solution : FieldSolution
        From `icrn_core.simulate_field`.
    path : str or Path
        The file; its suffix, ``.gif`` or ``.mp4``, says which.
    bases : sequence of str, optional
        Base species to draw; all if left out, at most 16 entries.
    fps : int
        Saved times per second.

    Raises
    ------
    IcrnError
        Another suffix, matplotlib or ffmpeg is missing, or there is no such base species.
    """
    path = Path(path)
    if path.suffix not in (".gif", ".mp4"):
        raise IcrnError(f"a movie is a .gif or .mp4 file, found '{path.name}'")
    figure, draw = _canvas(solution, list(_entries(solution, bases)))
    from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter

    if path.suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise IcrnError("an .mp4 file needs the program ffmpeg, which is not installed: save a .gif")
    writer = PillowWriter(fps=fps) if path.suffix == ".gif" else FFMpegWriter(fps=fps)
    FuncAnimation(figure, draw, frames=len(solution.times), blit=False).save(path, writer=writer)


def _entries(solution: FieldSolution, bases: Sequence[str] | None) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the title and the values ``(n_times, ...)`` of each entry that is drawn."""
    found = 0
    for name in bases if bases is not None else solution.fields:
        if name not in solution.fields:
            raise IcrnError(f"no base species is called '{name}' (there are: {', '.join(solution.fields)})")
        tensor = np.asarray(solution.fields[name])
        shape = tensor.shape[1 : tensor.ndim - len(solution.grid.shape)]
        for index in np.ndindex(*shape):
            if found == _MOST_PANELS:
                return
            found += 1
            values = tensor[(slice(None), *index)]
            values = values[:, values.shape[1] // 2] if values.ndim == 4 else values
            yield (f"{name}[{', '.join(map(str, index))}]" if index else name), values


def _canvas(solution: FieldSolution, fields: list[tuple[str, np.ndarray]]) -> tuple[Figure, object]:
    """Return a figure with a panel for each entry, and what draws the saved time of a number."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise IcrnError("pictures need matplotlib: pip install '.[plot]'") from error
    columns = math.ceil(math.sqrt(len(fields)))
    rows = math.ceil(len(fields) / columns)
    figure = Figure(figsize=(3.2 * columns, 3.0 * rows + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = [figure.add_subplot(rows, columns, k + 1) for k in range(len(fields))]
    x = solution.grid.axes[-1]
    drawn = []
    for panel, (title, values) in zip(panels, fields, strict=True):
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
        high = high if high > low else low + 1.0
        panel.set_title(title, fontsize=9)
        if values.ndim == 2:
            drawn.append(panel.plot(x, values[0], linewidth=1.2)[0])
            panel.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        else:
            drawn.append(panel.imshow(values[0], vmin=low, vmax=high, origin="lower", cmap="viridis"))
            figure.colorbar(drawn[-1], ax=panel, shrink=0.8)
            panel.set_xticks([])
            panel.set_yticks([])

    def draw(k: int) -> list:
        for artist, (_, values) in zip(drawn, fields, strict=True):
            artist.set_data(*((x, values[k]) if values.ndim == 2 else (values[k],)))
        figure.suptitle(f"t = {float(solution.times[k]):.6g}", fontsize=10)
        return drawn

    return figure, draw
