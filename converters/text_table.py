"""Tables of plain text whose long cells go on in further lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

_GAP = "  "


def aligned(rows: Sequence[Sequence[str]], most: Sequence[int], indent: str = "  ") -> Iterator[str]:
    """Yield the lines of a table.

    Parameters
    ----------
    rows : sequence of sequence of str
        Its cells; every row has as many.
    most : sequence of int
        Greatest width of each column; longer cells are broken, at spaces where they have some.
    indent : str
        What every line begins with.
    """
    widths = [
        min(limit, max((len(cell) for cell in column), default=0))
        for limit, column in zip(most, zip(*rows, strict=True), strict=False)
    ]
    for row in rows:
        cells = [_lines(cell, width) for cell, width in zip(row, widths, strict=True)]
        for line in zip_longest(*cells, fillvalue=""):
            padded = (f"{part:<{width}}" for part, width in zip(line, widths, strict=True))
            yield f"{indent}{_GAP.join(padded)}".rstrip()


def paragraph(text: str, width: int = 108, indent: str = "  ", hanging: str = "    ") -> list[str]:
    """Return a text in lines of some width, all but the first indented by ``hanging``."""
    return wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _lines(cell: str, width: int) -> list[str]:
    if len(cell) <= width:
        return [cell]
    return wrap(cell, width, subsequent_indent="  ", break_on_hyphens=False)
