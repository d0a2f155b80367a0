"""Formulas in the infix language of PEtab."""

from __future__ import annotations

import math
from functools import reduce

from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression

_SIGNS = {"plus": " + ", "minus": " - ", "times": " * ", "divide": " / ", "power": " ^ "}
_RELATIONS = {"lt": " < ", "leq": " <= ", "gt": " > ", "geq": " >= ", "eq": " == ", "neq": " != "}
_LOGIC = {"and": " && ", "or": " || "}
_FUNCTIONS = {
    name: name for name in ("exp", "ln", "abs", "sin", "cos", "tan", "sinh", "cosh", "tanh", "piecewise")
}
_FUNCTIONS |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_BASES = {10.0: "log10", 2.0: "log2"}


def petab_formula(expression: Expression) -> str:
    """Return a formula as PEtab writes it, every operation in parentheses.

    Raises
    ------
    UnsupportedFeatureError
        An operator or number that PEtab does not have.
    """
    done: dict[int, str] = {}
    for node in expression:
        done[id(node)] = _text(node, [done[id(arg)] for arg in node.args])
    text = done[id(expression)]
    return text[1:-1] if expression.op in _SIGNS else text


def _text(node: Expression, args: list[str]) -> str:
    if node.op == "symbol":
        return str(node.payload)
    if node.op == "number" and math.isfinite(node.payload):
        text = repr(node.payload).removesuffix(".0")
        return f"({text})" if text.startswith("-") else text
    if node.op == "time":
        return "time"
    if node.op == "minus" and len(args) == 1:
        return f"(-{args[0]})"
    if node.op == "log" and len(args) == 2:
        name = _BASES.get(node.args[0].payload if node.args[0].op == "number" else None)
        return f"{name}({args[1]})" if name else f"(ln({args[1]}) / ln({args[0]}))"
    if node.op == "root" and len(args) == 2:
        is_square = node.args[0].op == "number" and node.args[0].payload == 2
        return f"sqrt({args[1]})" if is_square else f"({args[1]} ^ (1 / {args[0]}))"
    if node.op == "not":
        return f"(!{args[0]})"
    for table, most in ((_SIGNS, None), (_RELATIONS, 2), (_LOGIC, None)):
        if node.op in table and args and len(args) <= (most or len(args)):
            return f"({table[node.op].join(args)})"
    if node.op in ("min", "max") and len(args) > 1:
        return reduce(lambda a, b: f"{node.op}({a}, {b})", args)  # PEtab's take two
    if node.op in _FUNCTIONS and args:
        return f"{_FUNCTIONS[node.op]}({', '.join(args)})"
    raise UnsupportedFeatureError(f"'{node.op}' in a formula", str(node.payload or node.op), "PEtab has none")
