"""Conditions of experiments: which values of the model each one changes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from converters.training.csv_file import did_you_mean, read_csv
from converters.training.problem import FitParameter
from converters.training.values import element_ids, ruled_ids, written_values
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression, number, symbol
from icrn_io.formula import read_formula
from icrn_io.network import Network


def read_conditions(path: str | os.PathLike[str]) -> dict[str, dict[str, float | str]]:
    """Return the conditions of a CSV file with columns ``condition`` and ids of the model.

    A cell is a number, or a formula over parameters; an empty one leaves the model's value.

    Raises
    ------
    ModelIOError
        The file cannot be read, or a condition has no name or has two rows.
    """
    table = read_csv(path)
    if "condition" not in table.header:
        names = ", ".join(map(repr, table.header))
        raise table.error(f"expected a column 'condition', found {names}", table.header_row)
    at = table.header.index("condition")
    found: dict[str, dict[str, float | str]] = {}
    for row, cells in table.rows:
        name = cells[at]
        if not name:
            raise table.error("the condition has no name", row, at)
        if name in found:
            raise table.error(f"condition '{name}' has a row already: give each one row", row, at)
        found[name] = {
            column: _number_or_text(cell)
            for k, (column, cell) in enumerate(zip(table.header, cells, strict=True))
            if k != at and cell and cell.lower() not in ("na", "nan")
        }
    return found


def _number_or_text(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


class Conditions:
    """Reads what conditions change, as formulas over parameters of the problem.

    Parameters
    ----------
    network : Network
        The model.
    parameters : sequence of FitParameter
        What is fitted.
    follows : mapping of str to str
        Id of the model → the parameter with another name that it follows.

    Attributes
    ----------
    constants : dict of str to FitParameter
        Constants of the model that formulas name, which become fixed parameters of the problem.
    """

    def __init__(
        self, network: Network, parameters: tuple[FitParameter, ...], follows: Mapping[str, str]
    ) -> None:
        self._settable = set(element_ids(network)) - ruled_ids(network)
        self._all = set(element_ids(network))
        changing = {rule.variable for rule in network.rules if hasattr(rule, "variable")}
        values = written_values(network)
        self._values = {p.id: values[p.id] for p in network.parameters if p.id not in changing}
        self._values |= {c.id: values[c.id] for c in network.compartments if c.id not in changing}
        self._fitted = {p.id: symbol(p.id) for p in parameters} | {n: symbol(p) for n, p in follows.items()}
        self.constants: dict[str, FitParameter] = {}

    def changes(self, condition: str, given: Mapping[str, float | str]) -> dict[str, Expression]:
        """Return the changes of a condition.

        Raises
        ------
        ModelIOError
            An id cannot be set, or a value is no finite number or formula.
        """
        return {name: self._change(condition, name, value) for name, value in given.items()}

    def _change(self, condition: str, name: str, value: float | str) -> Expression:
        where = f"condition '{condition}', '{name}'"
        if name not in self._settable:
            if name in self._all:
                raise ModelIOError(f"{where}: cannot be set: an assignment rule gives its value at all times")
            near = did_you_mean(name, self._settable)
            raise ModelIOError(
                f"{where}: the model has no such species, parameter or compartment{near and ': ' + near}"
            )
        if isinstance(value, str):
            return self._formula(value, where)
        if not abs(float(value)) < float("inf"):
            raise ModelIOError(f"{where}: expected a finite number, found {value}")
        return number(float(value))

    def _formula(self, text: str, where: str) -> Expression:
        names = {name: symbol(name) for name, value in self._values.items() if value is not None}
        formula = read_formula(text, {**names, **self._fitted}, where)
        for name in formula.symbols() & names.keys() - self._fitted.keys():
            if name not in {p.payload for p in self._fitted.values()}:
                self.constants[name] = FitParameter(name, self._values[name], is_fitted=False)
        return formula
