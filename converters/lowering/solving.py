"""Solve ``0 = g(z)`` for ``z`` on the expression tree, where there is exactly one solution."""

from __future__ import annotations

from math import pi

from converters.lowering.formulas import ONE, ZERO, negative, product, quotient, total
from icrn_io.expression import Expression, apply, number

# Coefficients of a polynomial in the unknown, constant first.
Polynomial = tuple[Expression, ...]

_MOST_DEGREE = 6


def solution(formula: Expression, unknown: str) -> Expression | None:
    """Return the one real solution of ``0 = formula`` for a symbol, None where none is certain.

    Sums, products and quotients are brought to one numerator ``a z + b``, so that ``z = -b/a``
    (where ``a`` vanishes there is no solution, and the result is not finite). A formula in which
    the unknown stands once is undone function by function, as long as each is injective.
    """
    fraction = rational(formula, unknown)
    if fraction is not None:
        above = fraction[0]
        if len(above) == 2:
            return quotient(negative(above[0]), above[1])
        if len(above) < 2:
            return None  # the unknown cancels
    return _undone(formula, unknown) if _count(formula, unknown) == 1 else None


def _trimmed(polynomial: list[Expression]) -> Polynomial:
    while len(polynomial) > 1 and polynomial[-1] is ZERO:
        polynomial.pop()
    return tuple(polynomial)


def _sum(*polynomials: Polynomial) -> Polynomial:
    length = max(map(len, polynomials))
    return _trimmed([total(p[k] for p in polynomials if k < len(p)) for k in range(length)])


def _product(first: Polynomial, second: Polynomial) -> Polynomial:
    parts: list[list[Expression]] = [[] for _ in range(len(first) + len(second) - 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            parts[i + j].append(product([a, b]))
    return _trimmed([total(terms) for terms in parts])


def _minus(polynomial: Polynomial) -> Polynomial:
    return tuple(map(negative, polynomial))


def rational(formula: Expression, unknown: str) -> tuple[Polynomial, Polynomial] | None:
    """Return a formula as a fraction of polynomials in a symbol, None where it is none.

    Parameters
    ----------
    formula : Expression
        Any formula.
    unknown : str
        The symbol.

    Returns
    -------
    tuple of (Polynomial, Polynomial) or None
        Coefficients of numerator and denominator, constant first, free of the symbol.
    """
    if unknown not in formula.symbols():
        return (formula,), (ONE,)
    op, args = formula.op, formula.args
    if op == "symbol":
        return (ZERO, ONE), (ONE,)
    if op == "piecewise":
        return _piecewise(args, unknown)
    if op == "power":
        return _power(*args, unknown)
    if op not in ("plus", "minus", "times", "divide"):
        return None
    parts = [rational(arg, unknown) for arg in args]
    if None in parts:
        return None
    if op == "minus":
        above, below = parts[-1]
        parts[-1] = _minus(above), below
    if op == "divide":
        above, below = parts[1]
        parts[1] = below, above
    found = parts[0]
    for above, below in parts[1:]:
        if op in ("plus", "minus"):
            if below == found[1]:
                found = _sum(found[0], above), below
            else:
                found = _sum(_product(found[0], below), _product(above, found[1])), _product(found[1], below)
        else:
            found = _product(found[0], above), _product(found[1], below)
        if max(map(len, found)) > _MOST_DEGREE + 1:
            return None
    return found


def _power(base: Expression, exponent: Expression, unknown: str) -> tuple[Polynomial, Polynomial] | None:
    degree = exponent.payload
    if exponent.op != "number" or degree != int(degree) or not 0 < degree <= _MOST_DEGREE:
        return None
    found = rational(base, unknown)
    if found is None:
        return None
    above, below = (ONE,), (ONE,)
    for _ in range(int(degree)):
        above, below = _product(above, found[0]), _product(below, found[1])
    return None if max(len(above), len(below)) > _MOST_DEGREE + 1 else (above, below)


def _piecewise(args: tuple[Expression, ...], unknown: str) -> tuple[Polynomial, Polynomial] | None:
    if any(unknown in condition.symbols() for condition in args[1::2]):
        return None
    values = [rational(value, unknown) for value in args[0::2]]
    if any(value is None or len(value[1]) > 1 for value in values):
        return None
    numerators = [[quotient(part, below[0]) for part in above] for above, below in values]
    above = []
    for k in range(max(map(len, numerators))):
        parts = [numerator[k] if k < len(numerator) else ZERO for numerator in numerators]
        operands = [x for pair in zip(parts, args[1::2], strict=False) for x in pair]
        above.append(apply("piecewise", [*operands, *parts[len(args) // 2 :]]))
    return tuple(above), (ONE,)


def _count(formula: Expression, unknown: str) -> int:
    """How often a symbol stands in a formula."""
    counts: dict[Expression, int] = {}
    for node in formula:
        own = int(node.op == "symbol" and node.payload == unknown)
        counts[node] = own + sum(counts[arg] for arg in node.args)
    return counts[formula]


def _undone(formula: Expression, unknown: str) -> Expression | None:
    """Return what the unknown is if it stands once in ``formula = 0``."""
    target: Expression | None = ZERO
    while formula.op != "symbol" and target is not None:
        where = next(k for k, arg in enumerate(formula.args) if unknown in arg.symbols())
        target = _one_undone(formula, where, target)
        formula = formula.args[where]
    return target


def _one_undone(formula: Expression, where: int, target: Expression) -> Expression | None:
    """Return what an operand must be for the operator to give the target, None where it is not certain."""
    op, args = formula.op, formula.args
    others = args[:where] + args[where + 1 :]
    if op == "plus":
        return total([target, *map(negative, others)])
    if op == "times":
        return quotient(target, product(others))
    if op == "minus":
        if len(args) == 1:
            return negative(target)
        return total([target, others[0]]) if where == 0 else total([others[0], negative(target)])
    if op == "divide":
        return product([target, others[0]]) if where == 0 else quotient(others[0], target)
    if op == "power":
        return _power_undone(others[0], where, target)
    if op == "root":
        inside = apply("power", [target, others[0]])
        return apply("piecewise", [inside, apply("geq", [target, ZERO])]) if where == 1 else None
    if op == "log":
        return apply("power", [others[0], target]) if where == 1 else None
    return _FUNCTIONS[op](target) if op in _FUNCTIONS else None


def _power_undone(other: Expression, where: int, target: Expression) -> Expression | None:
    if where == 1:
        return quotient(apply("ln", [target]), apply("ln", [other]))
    if other.op != "number" or other.payload == 0:
        return None
    if other.payload != int(other.payload):
        inside = apply("power", [target, number(1.0 / other.payload)])
        return apply("piecewise", [inside, apply("geq", [target, ZERO])])
    if int(other.payload) % 2 == 0:
        return None  # two solutions, or none
    up = apply("power", [target, number(1.0 / other.payload)])
    down = negative(apply("power", [negative(target), number(1.0 / other.payload)]))
    return apply("piecewise", [up, apply("geq", [target, ZERO]), down])


def _plain(op: str):
    return lambda target: apply(op, [target])


def _within(op: str, low: float, high: float):
    """Return how to undo a function that takes values between two numbers only."""

    def undo(target: Expression) -> Expression:
        inside = apply("and", [apply("gt", [target, number(low)]), apply("lt", [target, number(high)])])
        return apply("piecewise", [apply(op, [target]), inside])

    return undo


# Injective functions on the reals → how to undo them. Inverses that IEEE arithmetic defines
# where there is no solution are guarded: a missing solution must be NaN and not a number.
_FUNCTIONS = {
    "exp": _plain("ln"),
    "ln": _plain("exp"),
    "sinh": _plain("arcsinh"),
    "arcsinh": _plain("sinh"),
    "tanh": _plain("arctanh"),
    "arctanh": _plain("tanh"),
    "arctan": _within("tan", -pi / 2, pi / 2),
    "arcsin": _within("sin", -pi / 2, pi / 2),
    "arccos": lambda target: apply(
        "piecewise",
        [
            apply("cos", [target]),
            apply("and", [apply("geq", [target, ZERO]), apply("leq", [target, number(pi)])]),
        ],
    ),
}
