"""The one table of operators: MathML name ↔ sympy ↔ JAX, and what is derived from it.

Each `Operator` says how an operator is evaluated in JAX and what it is in sympy; the inverse
(sympy → MathML) is derived. Truth values are numbers in arithmetic (true = 1) and non-zero
numbers are true in logic, as SBML Level 3 Version 2 (section 3.4.9) lets them mix.

Derivatives are finite wherever the value is used. At a point where an operator's value or
derivative is infinite the value stays what IEEE arithmetic says and the derivative is zero:
otherwise the branch of a ``piecewise`` that is not taken turns gradients into NaN, by 0 · ∞.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array, lax

from icrn_core.errors import IcrnError

Kind = Literal["number", "relation", "logic", "constant"]

# SBML L3V2 section 3.4.6 fixes the 2006 CODATA value, not the exact one of 2019.
AVOGADRO = 6.02214179e23


@dataclass(frozen=True)
class Operator:
    """One row of the table.

    Attributes
    ----------
    name : str
        MathML 2 element, or SBML csymbol.
    kind : {"number", "relation", "logic", "constant"}
        Numbers and relations take numbers, logic takes truth values; relations and logic
        give truth values.
    jax : callable
        Elementwise evaluation on arrays.
    sympy : callable
        ``sympy(sp, *operands)`` with the sympy module as the first argument, which is passed
        in so that the table does not import it.
    arity : tuple of (int, int or None)
        Fewest and most operands; None is any number.
    sample : tuple of float
        Operands where value and derivative are smooth, for tests.
    can_overflow : bool
        Whether finite operands can give a value or derivative that is not finite.
    """

    name: str
    kind: Kind
    jax: Callable[..., Array] = field(repr=False)
    sympy: Callable = field(repr=False)
    arity: tuple[int, int | None]
    sample: tuple[float, ...] = ()
    can_overflow: bool = False


def _guarded(function: Callable[..., Array], harmless: float, singular: Callable | None = None) -> Callable:
    """Return the function with a derivative of zero, to every order, at its singular points.

    ``harmless`` replaces the operands there in the differentiated copy; ``singular`` adds
    points where the value is finite and the derivative is not.
    """

    def call(*operands: Array) -> Array:
        value = function(*map(lax.stop_gradient, operands))
        bad = ~jnp.isfinite(value)
        if singular is not None:
            bad = bad | singular(*operands)
        return jnp.where(bad, value, function(*(jnp.where(bad, harmless, x) for x in operands)))

    return call


def _root(*operands: Array) -> Array:
    if len(operands) == 1:
        return jnp.sqrt(operands[0])
    degree, x = operands
    return jnp.where(degree == 2, jnp.sqrt(jnp.where(degree == 2, x, 1.0)), jnp.power(x, 1.0 / degree))


def _log(*operands: Array) -> Array:
    if len(operands) == 1:
        return jnp.log10(operands[0])
    base, x = operands
    return jnp.log(x) / jnp.log(base)


def _absolute(x: Array) -> Array:
    # The derivative at 0 is then 0, and not one of the two sides.
    return x * jnp.sign(x)


@jax.custom_jvp
def _power(x: Array, y: Array) -> Array:
    """x^y, with derivatives that stay finite at x = 0 and no complex branch for x < 0."""
    return jnp.power(x, y)


@_power.defjvp
def _power_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    value = _power(x, y)
    flat = (x == 0) & (y < 1)
    by_x = jnp.where(flat, 0.0, y * _power(jnp.where(flat, 1.0, x), y - 1.0))
    positive = x > 0
    by_y = jnp.where(positive, value * jnp.log(jnp.where(positive, x, 1.0)), 0.0)
    return value, by_x * dx + by_y * dy


@jax.custom_jvp
def _exp(x: Array) -> Array:
    """e^x, with derivative 0 where it overflows: in ``1/(1 + e^x)`` it meets a factor of 0."""
    return jnp.exp(x)


@_exp.defjvp
def _exp_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    value = _exp(primals[0])
    return value, jnp.where(jnp.isinf(value), 0.0, value) * tangents[0]


def _factorial(x: Array) -> Array:
    value = jnp.exp(jax.scipy.special.gammaln(x + 1.0))
    # gammaln is good to a few ulp: integers have an integer factorial.
    return value + lax.stop_gradient(jnp.where(x == jnp.floor(x), jnp.round(value) - value, 0.0))


def _chain(compare: Callable) -> Callable:
    """Relations are n-ary in MathML: a < b < c."""
    return lambda *xs: reduce(jnp.logical_and, (compare(a, b) for a, b in pairwise(xs)))


def _sympy_chain(name: str) -> Callable:
    return lambda sp, *xs: sp.And(*(getattr(sp, name)(a, b) for a, b in pairwise(xs)))


def _fold(function: Callable, start: float | bool) -> Callable:
    return lambda *xs: reduce(function, xs) if xs else jnp.asarray(start)


def _named(name: str) -> Callable:
    return lambda sp, *xs: getattr(sp, name)(*xs)


def _sympy_log(sp, *xs):
    return sp.log(xs[0], 10) if len(xs) == 1 else sp.log(xs[1], xs[0])


def _sympy_quotient(sp, a, b):
    return sp.sign(a / b) * sp.floor(sp.Abs(a / b))


def _unary(
    name: str, jax_function: Callable, sympy_name: str, sample: float, overflow: bool = False
) -> Operator:
    return Operator(name, "number", jax_function, _named(sympy_name), (1, 1), (sample,), overflow)


def _outside(limit: float) -> Callable:
    return lambda x: jnp.abs(x) >= limit


def _reciprocal_rows() -> list[Operator]:
    """sec, csc, cot and their kin: the function of which each is the reciprocal, or of 1/x."""
    rows = []
    for name, of, sample in (("sec", "cos", 0.7), ("csc", "sin", 0.7), ("cot", "tan", 0.7)):
        for end in ("", "h"):
            function = getattr(jnp, of + end)
            rows.append(_unary(name + end, lambda x, f=function: 1.0 / f(x), name + end, sample, True))
            inverse = getattr(jnp, "arc" + of + end)
            at = 0.4 if (name, end) == ("sec", "h") else 2.5
            direct = _guarded(lambda x, f=inverse: f(1.0 / x), at)
            rows.append(_unary("arc" + name + end, direct, "a" + name + end, at, True))
    return rows


def _trigonometric_rows() -> list[Operator]:
    rows = _reciprocal_rows()
    for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh"):
        rows.append(_unary(name, getattr(jnp, name), name, 0.7, name not in ("sin", "cos", "tanh")))
    inverses = (
        ("arcsin", 0.3, _outside(1.0)),
        ("arccos", 0.3, _outside(1.0)),
        ("arctan", 0.3, None),
        ("arcsinh", 0.3, None),
        ("arccosh", 1.7, lambda x: x <= 1.0),
        ("arctanh", 0.3, _outside(1.0)),
    )
    for name, at, singular in inverses:
        rows.append(_unary(name, _guarded(getattr(jnp, name), at, singular), "a" + name[3:], at))
    return rows


def _relation(name: str, compare: Callable, sympy_name: str, pairwise: bool = False) -> Operator:
    function = compare if pairwise else _chain(compare)
    return Operator(
        name, "relation", function, _sympy_chain(sympy_name), (2, 2 if pairwise else None), (1.0, 2.0)
    )


def _constant(name: str, value: float | bool, sympy: Callable) -> Operator:
    return Operator(name, "constant", lambda: jnp.asarray(value), sympy, (0, 0))


_ROWS = (
    Operator("plus", "number", _fold(jnp.add, 0.0), lambda sp, *xs: sp.Add(*xs), (0, None), (1.5, 2.5, 3.5)),
    Operator(
        "times", "number", _fold(jnp.multiply, 1.0), lambda sp, *xs: sp.Mul(*xs), (0, None), (1.5, 2.5), True
    ),
    Operator(
        "minus",
        "number",
        lambda *xs: -xs[0] if len(xs) == 1 else xs[0] - xs[1],
        lambda sp, *xs: -xs[0] if len(xs) == 1 else xs[0] - xs[1],
        (1, 2),
        (1.5, 4.5),
    ),
    Operator("divide", "number", jnp.divide, lambda sp, a, b: a / b, (2, 2), (1.5, 2.5), True),
    Operator("power", "number", _power, lambda sp, a, b: sp.Pow(a, b), (2, 2), (1.5, 2.5), True),
    Operator(
        "root",
        "number",
        _guarded(_root, 2.0, lambda *xs: xs[-1] == 0),
        lambda sp, *xs: sp.root(*xs[::-1]) if len(xs) == 2 else sp.sqrt(xs[0]),
        (1, 2),
        (3.0, 2.5),
    ),
    Operator("log", "number", _log, _sympy_log, (1, 2), (3.0, 2.5), True),
    _unary("ln", jnp.log, "log", 1.5, True),
    _unary("exp", _exp, "exp", 0.5, True),
    _unary("abs", _absolute, "Abs", -1.5),
    _unary("floor", jnp.floor, "floor", 1.5),
    _unary("ceiling", jnp.ceil, "ceiling", 1.5),
    _unary("factorial", _factorial, "factorial", 3.5, True),
    *_trigonometric_rows(),
    Operator("max", "number", _fold(jnp.maximum, -jnp.inf), _named("Max"), (1, None), (1.5, 2.5)),
    Operator("min", "number", _fold(jnp.minimum, jnp.inf), _named("Min"), (1, None), (1.5, 2.5)),
    Operator("quotient", "number", lambda a, b: jnp.trunc(a / b), _sympy_quotient, (2, 2), (-7.5, 2.0), True),
    Operator(
        "rem",
        "number",
        jnp.fmod,
        lambda sp, a, b: a - b * _sympy_quotient(sp, a, b),
        (2, 2),
        (-7.5, 2.0),
        True,
    ),
    _relation("eq", jnp.equal, "Eq"),
    _relation("neq", jnp.not_equal, "Ne", pairwise=True),
    _relation("lt", jnp.less, "Lt"),
    _relation("gt", jnp.greater, "Gt"),
    _relation("leq", jnp.less_equal, "Le"),
    _relation("geq", jnp.greater_equal, "Ge"),
    Operator("and", "logic", _fold(jnp.logical_and, True), _named("And"), (0, None), (1.0, 0.0)),
    Operator("or", "logic", _fold(jnp.logical_or, False), _named("Or"), (0, None), (1.0, 0.0)),
    Operator("xor", "logic", _fold(jnp.logical_xor, False), _named("Xor"), (0, None), (1.0, 0.0)),
    Operator("not", "logic", jnp.logical_not, _named("Not"), (1, 1), (1.0,)),
    Operator("implies", "logic", lambda a, b: ~a | b, _named("Implies"), (2, 2), (1.0, 0.0)),
    _constant("pi", jnp.pi, lambda sp: sp.pi),
    _constant("exponentiale", jnp.e, lambda sp: sp.E),
    _constant("avogadro", AVOGADRO, lambda sp: sp.Symbol("avogadro", positive=True)),
    _constant("true", True, lambda sp: sp.true),
    _constant("false", False, lambda sp: sp.false),
    _constant("infinity", jnp.inf, lambda sp: sp.oo),
    _constant("notanumber", jnp.nan, lambda sp: sp.nan),
)

OPERATORS: dict[str, Operator] = {row.name: row for row in _ROWS}
_GUARDED = {row.name: _guarded(row.jax, 1.5) for row in _ROWS if row.can_overflow}


def operator(name: str, n_operands: int) -> Operator:
    """Return the row of an operator.

    Raises
    ------
    IcrnError
        The operator is not in the table, or not with that many operands.
    """
    row = OPERATORS.get(name)
    if row is None:
        raise IcrnError(f"operator '{name}' cannot be evaluated; known are: {', '.join(sorted(OPERATORS))}")
    fewest, most = row.arity
    if n_operands < fewest or (most is not None and n_operands > most):
        expected = f"{fewest}" if most == fewest else f"{fewest} to {'any number' if most is None else most}"
        raise IcrnError(f"operator '{name}' takes {expected} operands, not {n_operands}")
    return row


def as_number(value: Array) -> Array:
    """Return truth values as 0. and 1., numbers unchanged."""
    return value.astype(float) if value.dtype == bool else value


def as_truth(value: Array) -> Array:
    """Return numbers as whether they differ from zero, truth values unchanged."""
    return value if value.dtype == bool else value != 0


def apply_operator(name: str, operands: list[Array], guard: bool) -> Array:
    """Evaluate one operator elementwise; ``guard`` makes its derivatives finite everywhere."""
    row = operator(name, len(operands))
    if row.kind == "logic":
        return row.jax(*map(as_truth, operands))
    function = _GUARDED.get(name, row.jax) if guard else row.jax
    return function(*map(as_number, operands))


def piecewise(operands: list[Array]) -> Array:
    """Evaluate value, condition, ..., and last the otherwise value (NaN where there is none)."""
    values = [as_number(value) for value in operands[0::2]]
    conditions = [as_truth(condition) for condition in operands[1::2]]
    result = values.pop() if len(operands) % 2 else jnp.asarray(jnp.nan)
    for value, condition in zip(reversed(values), reversed(conditions), strict=True):
        result = jnp.where(condition, value, result)
    return result
