"""Tables in text files: cells with the row and column where they stand."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from icrn_io.errors import ModelIOError

_SEPARATORS = "\t;,"
_MISSING = frozenset({"", "na", "n/a", "nan"})


@dataclass(frozen=True)
class CsvFile:
    """A table as it stands in a file.

    Attributes
    ----------
    name : str
        What messages call it.
    header : tuple of str
        Names of the columns.
    header_row : int
        Row of the header; rows and columns are counted from 1, comments and blank lines too.
    rows : tuple of (int, tuple of str)
        Number of each row of data, and its cells, one for each column.
    """

    name: str
    header: tuple[str, ...]
    header_row: int
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def error(self, message: str, row: int | None = None, column: int | None = None) -> ModelIOError:
        """Return the error for a place: the number of a row, and the position of a column."""
        parts = [str(self.name)]
        if row is not None:
            parts.append(f"row {row}")
        if column is not None:
            parts.append(f"column {column + 1} ('{self.header[column]}')")
        return ModelIOError(f"{', '.join(parts)}: {message}")

    def number(self, text: str, row: int, column: int) -> float:
        """Return a cell as a number, NaN where it is missing.

        Raises
        ------
        ModelIOError
            It is neither.
        """
        if text.lower() in _MISSING:
            return math.nan
        try:
            value = float(text) if "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if math.isnan(value):
            comma = "," in text and _is_number(text.replace(",", "."))
            advice = "write a decimal point, not a comma" if comma else "leave it empty if it is missing"
            raise self.error(f"expected a number, found '{text}': {advice}", row, column)
        return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_csv(path: str | os.PathLike[str]) -> CsvFile:
    """Read a table: comma, semicolon or tab; UTF-8; a line that begins with ``#`` is a comment.

    Raises
    ------
    ModelIOError
        The file cannot be read, or is no table with a header and rows.
    """
    name = str(path)
    text = _text(path, name)
    lines = list(io.StringIO(text, newline=None))
    lines = ["\n" if line.lstrip().startswith("#") else line for line in lines]
    head = next((k for k, line in enumerate(lines) if line.strip()), None)
    if head is None:
        raise ModelIOError(f"{name}: the file is empty; expected a header and rows of data")
    rows = _parsed(lines, _separator(lines[head]), name)
    header_row, header = rows[0]
    while header and not header[-1]:
        header = header[:-1]
    table = CsvFile(name, header, header_row, ())
    _check_header(table)
    data = tuple((row, _fitted(table, row, cells)) for row, cells in rows[1:])
    if not data:
        raise ModelIOError(f"{name}: the file ends after its header; expected rows of data")
    return CsvFile(name, header, header_row, data)


def _text(path: str | os.PathLike[str], name: str) -> str:
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise ModelIOError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise ModelIOError(f"{name}: a directory; expected a CSV file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelIOError(f"{name}: the file cannot be read: {reason}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelIOError(
            f"{name}: no UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}); "
            "expected a table: save it as CSV in UTF-8"
        ) from None
    if "\0" in text:
        raise ModelIOError(f"{name}: a binary file; expected a table: save it as CSV in UTF-8")
    return text


def _separator(line: str) -> str:
    """Return what separates the cells of a header."""
    return max(_SEPARATORS, key=lambda mark: len(next(csv.reader([line], delimiter=mark))))


def _parsed(lines: list[str], separator: str, name: str) -> list[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    rows = []
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped):
                rows.append((reader.line_num, stripped))
    except csv.Error as error:
        raise ModelIOError(f"{name}, row {reader.line_num}: the row cannot be read: {error}") from None
    return rows


def _check_header(table: CsvFile) -> None:
    for column, name in enumerate(table.header):
        if not name:
            raise table.error("the column has no name: give it one", table.header_row, column)
        if name in table.header[:column]:
            first = table.header.index(name) + 1
            raise table.error(
                f"column {first} has the same name: name each column once", table.header_row, column
            )


def _fitted(table: CsvFile, row: int, cells: tuple[str, ...]) -> tuple[str, ...]:
    n = len(table.header)
    if len(cells) < n or any(cells[n:]):
        raise table.error(f"expected {n} cells, one for each column of the header, found {len(cells)}", row)
    return cells[:n]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message: the known names that are near."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else ""
