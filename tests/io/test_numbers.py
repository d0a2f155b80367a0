"""Every number is the float64 nearest to its decimal text, in and out."""

from __future__ import annotations

import math
import random
import struct

import pytest
from io_samples import formula_model, level_3

from icrn_io import (
    AssignmentRule,
    Network,
    Parameter,
    apply,
    format_model,
    infix,
    number,
    read_bytes,
    read_model,
    symbol,
)

NUMBERS = {
    "<cn>0.30000000000000004</cn>": 0.30000000000000004,
    '<cn type="integer">-7</cn>': -7.0,
    '<cn type="e-notation">1.5<sep/>-9</cn>': 1.5e-9,
    '<cn type="e-notation">123.456789<sep/>-300</cn>': 123.456789e-300,
    '<cn type="e-notation">6.02214076<sep/>23</cn>': 6.02214076e23,
    "<cn> 1E22 </cn>": 1e22,
    "<cn>4.9406564584124654e-324</cn>": 5e-324,
    "<cn>-0.0</cn>": -0.0,
    "<infinity/>": math.inf,
    "<apply><minus/><infinity/></apply>": -math.inf,
}


@pytest.mark.parametrize(("text", "value"), NUMBERS.items())
def test_formula_numbers(text: str, value: float) -> None:
    """A number of a formula is exact."""
    assert read_model(formula_model(text)).rules[0].math is number(value)


def test_rational_and_nan() -> None:
    """A rational is a quotient of two exact numbers; NaN is the one NaN."""
    assert read_model(formula_model('<cn type="rational">1<sep/>3</cn>')).rules[0].math is apply(
        "divide", (number(1), number(3))
    )
    assert read_model(formula_model("<notanumber/>")).rules[0].math is number(math.nan)


def _random_floats(n: int, seed: int) -> list[float]:
    rng = random.Random(seed)
    values = [struct.unpack("d", rng.randbytes(8))[0] for _ in range(n)]
    return [v for v in values if math.isfinite(v) and abs(v) > 2.3e-308]


@pytest.mark.parametrize("fmt", ["sbml", "antimony"])
def test_random_values_survive(fmt: str) -> None:
    """Random float64 values survive writing and reading, as attributes and in formulas."""
    values = [*_random_floats(200, seed=3), 0.1 + 0.2, 1 / 3, 1e22]
    parameters = tuple(Parameter(f"p{i}", v) for i, v in enumerate(values))
    variables = tuple(Parameter(f"x{i}", is_constant=False) for i in range(len(values)))
    rules = tuple(
        AssignmentRule(f"x{i}", apply("times", (number(abs(v)), symbol("p0")))) for i, v in enumerate(values)
    )
    network = Network(id="m", parameters=parameters + variables, rules=rules)
    again = read_bytes(format_model(network, fmt))
    got = {p.id: p.value for p in again.parameters}
    assert [got[p.id] for p in parameters] == values
    assert {r.variable: r.math for r in again.rules} == {r.variable: r.math for r in rules}


@pytest.mark.parametrize(("text", "value"), [("INF", math.inf), ("-INF", -math.inf), ("NaN", math.nan)])
def test_special_values_are_held(text: str, value: float) -> None:
    """Infinite and NaN values are valid SBML: they are held, equal to themselves, and written back."""
    body = f'<listOfParameters><parameter id="a" value="{text}" constant="true"/></listOfParameters>'
    network = read_model(level_3(body))
    assert repr(network.parameters[0].value) == repr(value)
    assert read_bytes(format_model(network, fresh=True)) == network == read_model(level_3(body))


def test_sums_are_flat_and_keep_their_order() -> None:
    """N-ary sums stay n-ary, of any width; a sum on the right stays nested."""
    wide = read_model(formula_model(f"<apply><plus/>{'<ci>a</ci>' * 500}</apply>")).rules[0].math
    assert len(wide.args) == 500
    inner = "<apply><plus/><ci>a</ci><ci>b</ci></apply>"
    right = read_model(formula_model(f"<apply><plus/><cn>1</cn>{inner}</apply>")).rules[0].math
    assert [arg.op for arg in right.args] == ["number", "plus"]
    order = read_model(formula_model(f"<apply><plus/>{inner}<cn>1</cn><cn>2</cn></apply>")).rules[0].math
    assert infix(order) == "a + b + 1 + 2"
