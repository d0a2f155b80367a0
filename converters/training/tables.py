"""What the tables of both versions of PEtab have in common: cells, and ids that formulas may name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from converters.training.problem import FitParameter
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression, number, symbol
from icrn_io.formula import read_formula
from icrn_io.network import Network


def formula_scope(network: Network, parameters: Iterable[FitParameter]) -> dict[str, Expression]:
    """Return every id that a formula of the data may name, with what it stands for."""
    laws = {reaction.id: reaction.kinetic_law for reaction in network.reactions if reaction.kinetic_law}
    elements = (*network.compartments, *network.species, *network.parameters, *parameters)
    return {**{element.id: symbol(element.id) for element in elements}, **laws}


def cell_expression(cell: object, names: Mapping[str, Expression], where: str) -> Expression:
    """Return a cell that holds a number or a formula.

    Raises
    ------
    ModelIOError
        It is neither, or no finite number.
    """
    try:
        value = float(cell)
    except ValueError:
        return read_formula(str(cell), names, where)
    if not math.isfinite(value):
        raise ModelIOError(f"{where}: a finite number or the id of a parameter is expected, not {cell}")
    return number(value)
