"""Templates to sympy and back, by the table of `icrn_core.functions` and its derived inverse."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from icrn_core.errors import IcrnError
from icrn_core.functions import OPERATORS, operator

if TYPE_CHECKING:
    import sympy


def to_sympy(template: tuple | float, slots: Sequence[sympy.Expr]) -> sympy.Basic:
    """Return a rate-law template as a sympy expression.

    Parameters
    ----------
    template : tuple or float
        As in `icrn_core.icrn.RateLaw`.
    slots : sequence of sympy expressions
        What stands in each slot.

    Raises
    ------
    IcrnError
        An operator that is not in the table.
    """
    import sympy as sp

    if not isinstance(template, tuple):
        value = float(template)
        return sp.Integer(int(value)) if value.is_integer() else sp.Float(value, 17)
    name, *operands = template
    if name == "slot":
        return slots[operands[0]]
    if name == "number":
        return to_sympy(operands[0], slots)
    if name == "time":
        return sp.Symbol("time", real=True)
    given = [to_sympy(operand, slots) for operand in operands]
    if name == "piecewise":
        pairs = list(zip(given[0::2], given[1::2], strict=False))
        otherwise = [(given[-1], True)] if len(given) % 2 else []
        return sp.Piecewise(*pairs, *otherwise)
    return operator(name, len(given)).sympy(sp, *given)


@cache
def _inverse() -> dict[type, str]:
    """Return sympy head → MathML name, read off what each row makes of fresh symbols."""
    import sympy as sp

    found: dict[type, str] = {}
    for row in OPERATORS.values():
        if row.kind == "constant":
            continue
        symbols = sp.symbols(f"x0:{len(row.sample)}", **({} if row.kind == "logic" else {"real": True}))
        made = row.sympy(sp, *symbols)
        # Rows that sympy writes with other heads (a root is a power) have no head of their own.
        if set(made.args) == set(symbols):
            found.setdefault(made.func, row.name)
    return found


def from_sympy(expression: sympy.Basic, slots: Sequence[sympy.Basic]) -> tuple | float:
    """Return a sympy expression as a rate-law template; the inverse of `to_sympy` in value.

    Raises
    ------
    IcrnError
        A symbol that is no slot, or a function that no operator of the table stands for.
    """
    import sympy as sp

    if expression in slots:
        return ("slot", list(slots).index(expression))
    if expression == sp.Symbol("time", real=True):
        return ("time",)
    for row in OPERATORS.values():
        if row.kind == "constant" and expression == row.sympy(sp):
            return (row.name,)
    if expression.is_Rational and not expression.is_Integer:
        return ("divide", float(expression.p), float(expression.q))
    if expression.is_Number:
        return float(expression)
    if isinstance(expression, sp.Piecewise):
        return _piecewise_from(expression, slots)
    name = _inverse().get(expression.func)
    if name is None:
        raise IcrnError(
            f"sympy's '{expression.func.__name__}' in '{expression}' has no operator in the table"
        )
    return (name, *(from_sympy(arg, slots) for arg in expression.args))


def _piecewise_from(expression: sympy.Piecewise, slots: Sequence[sympy.Basic]) -> tuple:
    operands: list = []
    for value, condition in expression.args:
        operands.append(from_sympy(value, slots))
        if condition == True:  # noqa: E712 - sympy's true is not Python's
            break
        operands.append(from_sympy(condition, slots))
    return ("piecewise", *operands)
