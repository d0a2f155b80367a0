"""Measured values in a tidy table, wide or long.

wide: a column ``time`` and one for each observable; also ``condition``, ``replicate``, and the
standard deviations ``<observable>_sd``, or one column ``sd`` for all.
long: columns ``time``, ``observable`` and ``value``; also ``sd``, ``condition``, ``replicate``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from converters.training.csv_file import CsvFile, did_you_mean, read_csv
from icrn_io.errors import ModelIOError

_LONG = ("observable", "value")
_SHARED = ("time", "condition", "replicate", "sd")


@dataclass(frozen=True)
class Datum:
    """One measured value; ``sd`` NaN where its standard deviation is not given."""

    observable: str
    condition: str
    replicate: str
    time: float
    value: float
    sd: float
    row: int


def read_series(
    path: str | os.PathLike[str], known: Collection[str], why_not: Mapping[str, str]
) -> tuple[CsvFile, list[Datum]]:
    """Return the measured values of a file, in its order; missing ones are left out.

    Parameters
    ----------
    path : str or path
        The file.
    known : collection of str
        What can be measured.
    why_not : mapping of str to str
        Other ids of the model → why they cannot.

    Raises
    ------
    ModelIOError
        The file is no such table; the message names row and column.
    """
    table = read_csv(path)
    columns = _columns(table, known)
    if "time" not in columns:
        raise table.error(
            f"expected a column 'time', found {_listed(table.header)}: the first line names the columns",
            table.header_row,
        )
    is_long = all(name in columns for name in _LONG)
    reader = _Long if is_long else _Wide
    data = reader(table, columns, known, why_not).data()
    if not data:
        raise table.error("every value is missing: expected at least one measurement")
    return table, data


def _columns(table: CsvFile, known: Collection[str]) -> dict[str, int]:
    """Return the columns by name; ``Time`` counts as ``time`` where it is no id."""
    columns: dict[str, int] = {}
    for position, name in enumerate(table.header):
        plain = name.lower()
        is_word = plain in (*_SHARED, *_LONG) and name not in known and plain not in table.header
        name = plain if is_word else name
        if name in columns:
            raise table.error(f"there is a column '{name}' already", table.header_row, position)
        columns[name] = position
    return columns


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in list(names)[:6])
    return f"{shown}, …" if len(names) > 6 else shown


class _Reader:
    """What both forms share."""

    def __init__(
        self, table: CsvFile, columns: dict[str, int], known: Collection[str], why_not: Mapping[str, str]
    ) -> None:
        self._table, self._columns, self._known, self._why_not = table, columns, known, why_not

    def _cell(self, cells: tuple[str, ...], name: str) -> str:
        return cells[self._columns[name]] if name in self._columns else ""

    def _time(self, row: int, cells: tuple[str, ...]) -> float:
        column = self._columns["time"]
        time = self._table.number(cells[column], row, column)
        if math.isnan(time):
            raise self._table.error("the time is missing: expected a number, or inf", row, column)
        if time < 0:
            raise self._table.error(
                f"the time {time:g} is before 0, where simulations begin: shift the times", row, column
            )
        return time

    def _value(self, row: int, cells: tuple[str, ...], column: int) -> float:
        value = self._table.number(cells[column], row, column)
        if math.isinf(value):
            raise self._table.error("a measured value must be finite", row, column)
        return value

    def _sd(self, row: int, cells: tuple[str, ...], column: int | None) -> float:
        if column is None:
            return math.nan
        sd = self._table.number(cells[column], row, column)
        if sd <= 0 or math.isinf(sd):
            raise self._table.error(
                f"a standard deviation must be positive and finite, found {cells[column]}: leave the cell "
                "empty to have it fitted",
                row,
                column,
            )
        return sd

    def _unknown(self, name: str, row: int, column: int) -> ModelIOError:
        reason = self._why_not.get(name)
        near = did_you_mean(name, self._known)
        message = reason or (
            f"'{name}' is no species, compartment, reaction, changing parameter or observable: "
            f"{near or 'use an id of the model or define an observable of that name'}"
        )
        return self._table.error(message, row, column)


class _Wide(_Reader):
    """One column for each observable."""

    def data(self) -> list[Datum]:
        """Return the measured values."""
        measured = self._measured()
        latest: dict[tuple[str, str], float] = {}
        found = []
        for row, cells in self._table.rows:
            time = self._time(row, cells)
            key = self._cell(cells, "condition"), self._cell(cells, "replicate")
            self._check_order(row, time, key, latest)
            for name, (column, noise) in measured.items():
                value, sd = self._value(row, cells, column), self._sd(row, cells, noise)
                if not math.isnan(value):
                    found.append(Datum(name, *key, time, value, sd, row))
        return found

    def _check_order(
        self, row: int, time: float, key: tuple[str, str], latest: dict[tuple[str, str], float]
    ) -> None:
        if time < latest.get(key, 0.0):
            raise self._table.error(
                f"time {time:g} follows {latest[key]:g}: sort rows of one condition and replicate by time",
                row,
                self._columns["time"],
            )
        latest[key] = time

    def _measured(self) -> dict[str, tuple[int, int | None]]:
        """Return the columns of each observable: values and, if there are any, standard deviations."""
        values, noises = {}, {}
        for name, column in self._columns.items():
            if name == "time":
                continue
            is_word = name in _SHARED
            stem = name.removesuffix("_sd")
            is_noise = stem != name and stem in self._known
            if name in self._known:
                if is_word or is_noise:
                    raise self._error(
                        f"'{name}' is an id of the model, and could also be "
                        + ("a column of its own meaning" if is_word else f"the noise of '{stem}'")
                        + ": use the long form with columns time, observable, value",
                        column,
                    )
                values[name] = column
            elif is_noise:
                noises[stem] = column
            elif not is_word:
                raise self._unexpected(name, column)
        for stem, column in noises.items():
            if stem not in values:
                raise self._error(f"expected a column '{stem}' beside its noise", column)
        if not values:
            raise self._table.error(
                "no column holds measurements: expected ids of the model or observables beside the time",
                self._table.header_row,
            )
        common = self._columns.get("sd")
        return {name: (column, noises.get(name, common)) for name, column in values.items()}

    def _unexpected(self, name: str, column: int) -> ModelIOError:
        if name in _LONG:
            other = _LONG[1 - _LONG.index(name)]
            return self._error(f"a column '{name}' makes the long form, which needs '{other}' too", column)
        return self._unknown(name, self._table.header_row, column)

    def _error(self, message: str, column: int) -> ModelIOError:
        return self._table.error(message, self._table.header_row, column)


class _Long(_Reader):
    """One row for each measurement."""

    def data(self) -> list[Datum]:
        """Return the measured values."""
        for name, column in self._columns.items():
            if name not in (*_SHARED, *_LONG):
                raise self._table.error(
                    f"a table with columns observable and value has no column '{name}' (there may be sd, "
                    "condition, replicate): use the long or the wide form, not both",
                    self._table.header_row,
                    column,
                )
        at, value_at = (self._columns[name] for name in _LONG)
        found = []
        for row, cells in self._table.rows:
            name = cells[at]
            if name not in self._known:
                raise self._unknown(name, row, at)
            time = self._time(row, cells)
            value = self._value(row, cells, value_at)
            sd = self._sd(row, cells, self._columns.get("sd"))
            if not math.isnan(value):
                key = self._cell(cells, "condition"), self._cell(cells, "replicate")
                found.append(Datum(name, *key, time, value, sd, row))
        return found
