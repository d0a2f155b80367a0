"""Derivatives of expression trees."""

from __future__ import annotations

from collections.abc import Callable

from converters.lowering.formulas import ONE, ZERO, negative, product, quotient, total
from icrn_io.expression import Expression, apply, number

TIME = apply("time")


def derivative(formula: Expression, variable: Expression) -> Expression | None:
    """Return the partial derivative of a formula, None where it has an operator that has none.

    Parameters
    ----------
    formula : Expression
        Any formula. Where it jumps, the derivative is that of its pieces.
    variable : Expression
        A symbol, or `TIME`.
    """
    found: dict[Expression, Expression | None] = {}
    for node in formula:
        inner = [found[arg] for arg in node.args]
        if node is variable:
            found[node] = ONE
        elif node.op == "piecewise":
            found[node] = _piecewise(node.args, inner)
        elif all(part is ZERO for part in inner):
            found[node] = ZERO
        elif None in inner or node.op not in _RULES:
            found[node] = None
        else:
            found[node] = _RULES[node.op](node.args, inner)
    return found[formula]


def _piecewise(args: tuple[Expression, ...], inner: list[Expression | None]) -> Expression | None:
    values = [part for k, part in enumerate(inner) if k % 2 == 0]
    if None in values:
        return None
    if all(value is ZERO for value in values):
        return ZERO
    return apply(
        "piecewise", [arg if k % 2 else part for k, (arg, part) in enumerate(zip(args, inner, strict=True))]
    )


def _times(args: tuple[Expression, ...], inner: list[Expression]) -> Expression:
    return total(product([*args[:k], part, *args[k + 1 :]]) for k, part in enumerate(inner))


def _minus(args: tuple[Expression, ...], inner: list[Expression]) -> Expression:
    return negative(inner[0]) if len(args) == 1 else total([inner[0], negative(inner[1])])


def _divide(args: tuple[Expression, ...], inner: list[Expression]) -> Expression:
    (above, below), (d_above, d_below) = args, inner
    first = quotient(d_above, below)
    second = quotient(product([above, d_below]), product([below, below]))
    return total([first, negative(second)])


def _power(args: tuple[Expression, ...], inner: list[Expression]) -> Expression:
    (base, exponent), (d_base, d_exponent) = args, inner
    less = total([exponent, number(-1.0)])
    by_base = product([exponent, apply("power", [base, less]), d_base])
    by_exponent = ZERO
    if d_exponent is not ZERO:
        by_exponent = product([apply("power", [base, exponent]), apply("ln", [base]), d_exponent])
    return total([by_base, by_exponent])


def _root(args: tuple[Expression, ...], inner: list[Expression]) -> Expression | None:
    degree, base = args
    return None if inner[0] is not ZERO else _power((base, quotient(ONE, degree)), [inner[1], ZERO])


def _log(args: tuple[Expression, ...], inner: list[Expression]) -> Expression | None:
    base, x = args
    return None if inner[0] is not ZERO else quotient(inner[1], product([x, apply("ln", [base])]))


def _abs(args: tuple[Expression, ...], inner: list[Expression]) -> Expression:
    return apply("piecewise", [inner[0], apply("geq", [args[0], ZERO]), negative(inner[0])])


def _function(slope: Callable[[Expression], Expression]):
    """Return the chain rule of a function of one operand with the slope given."""
    return lambda args, inner: product([slope(args[0]), inner[0]])


def _of(op: str) -> Callable[[Expression], Expression]:
    return lambda x: apply(op, [x])


def _squared(x: Expression) -> Expression:
    return apply("power", [x, number(2.0)])


def _one_over(x: Expression) -> Expression:
    return quotient(ONE, x)


def _less(a: Expression, b: Expression) -> Expression:
    return apply("minus", [a, b])


def _sqrt(x: Expression) -> Expression:
    return apply("root", [number(2.0), x])


_RULES: dict[str, Callable] = {
    "plus": lambda args, inner: total(inner),
    "minus": _minus,
    "times": _times,
    "divide": _divide,
    "power": _power,
    "root": _root,
    "log": _log,
    "abs": _abs,
    "exp": _function(_of("exp")),
    "ln": _function(_one_over),
    "sin": _function(_of("cos")),
    "cos": _function(lambda x: negative(apply("sin", [x]))),
    "tan": _function(lambda x: total([ONE, _squared(apply("tan", [x]))])),
    "sinh": _function(_of("cosh")),
    "cosh": _function(_of("sinh")),
    "tanh": _function(lambda x: _less(ONE, _squared(apply("tanh", [x])))),
    "arcsin": _function(lambda x: _one_over(_sqrt(_less(ONE, _squared(x))))),
    "arccos": _function(lambda x: negative(_one_over(_sqrt(_less(ONE, _squared(x)))))),
    "arctan": _function(lambda x: _one_over(total([ONE, _squared(x)]))),
    "arcsinh": _function(lambda x: _one_over(_sqrt(total([ONE, _squared(x)])))),
    "arccosh": _function(lambda x: _one_over(_sqrt(_less(_squared(x), ONE)))),
    "arctanh": _function(lambda x: _one_over(_less(ONE, _squared(x)))),
}
