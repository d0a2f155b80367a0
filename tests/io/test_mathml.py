"""Every operator of the table is read, written and read again."""

from __future__ import annotations

import libsbml
import pytest
from io_samples import MATHML, formula_model

from icrn_io import (
    ModelIOError,
    UnsupportedFeatureError,
    apply,
    format_model,
    number,
    read_bytes,
    read_model,
    symbol,
)
from icrn_io.mathml import OPERATORS
from icrn_io.mathml_writer import format_math

A, B = symbol("a"), symbol("b")
CONDITION = apply("lt", (A, B))
ARGUMENTS = {
    "minus": [(A,), (A, B)],
    "root": [(number(3), A)],
    "log": [(number(2), A)],
    "power": [(A, B)],
    "divide": [(A, B)],
    "quotient": [(A, B)],
    "rem": [(A, B)],
    "delay": [(A, B)],
    "plus": [(), (A,), (A, B, A)],
    "times": [(), (A,), (A, B, A)],
    "max": [(A,), (A, B, A)],
    "min": [(A, B, A)],
    "piecewise": [(A, CONDITION), (A, CONDITION, B), (A, CONDITION, B, CONDITION, A)],
    "not": [(CONDITION,)],
    **{op: [(A, B)] for op in ("eq", "neq", "gt", "geq", "lt", "leq")},
    **{op: [(CONDITION, CONDITION)] for op in ("and", "or", "xor", "implies")},
    **{op: [()] for op in ("pi", "exponentiale", "true", "false", "time", "avogadro")},
}
BOOLEAN = {"eq", "neq", "gt", "geq", "lt", "leq", "and", "or", "xor", "implies", "not", "true", "false"}
CASES = [(op, args) for op in OPERATORS for args in ARGUMENTS.get(op, [(A,)])]


@pytest.mark.parametrize(("op", "args"), CASES, ids=[f"{op}-{len(args)}" for op, args in CASES])
def test_operator_round_trip(op: str, args: tuple) -> None:
    """The formula written is the formula read."""
    formula = apply(op, args)
    if op in BOOLEAN:
        formula = apply("piecewise", (number(1), formula, number(0)))
    text = format_math(formula).removeprefix(f'<math xmlns="{MATHML}">').removesuffix("</math>")
    assert read_model(formula_model(text)).rules[0].math is formula


def test_table_covers_libsbml() -> None:
    """Every function, relation, constant and csymbol of SBML core has its row."""
    rows = {kind for kinds in OPERATORS.values() for kind in kinds}
    prefixes = ("AST_FUNCTION_", "AST_LOGICAL_", "AST_RELATIONAL_", "AST_CONSTANT_", "AST_NAME_")
    other = {"AST_LOGICAL_EXISTS", "AST_LOGICAL_FORALL", "AST_CONSTANT_IMAGINARYI"}
    assert {name for name in dir(libsbml) if name.startswith(prefixes)} - other <= rows


def _with_functions(*definitions: tuple[str, str]) -> str:
    listed = "".join(
        f'<functionDefinition id="{name}"><math xmlns="{MATHML}"><lambda><bvar><ci>v</ci></bvar>{body}'
        "</lambda></math></functionDefinition>"
        for name, body in definitions
    )
    return f"<listOfFunctionDefinitions>{listed}</listOfFunctionDefinitions>"


def test_nested_functions_grow_linearly() -> None:
    """Sixty doublings share their subtrees; writing them out is refused, not attempted."""
    call = "<apply><ci>f{0}</ci><ci>v</ci></apply>"
    doubling = f"<apply><plus/><cn>0</cn>{call}{call}</apply>"
    functions = [("f0", "<ci>v</ci>"), *((f"f{i}", doubling.format(i - 1)) for i in range(1, 61))]
    network = read_model(formula_model("<apply><ci>f60</ci><ci>a</ci></apply>", _with_functions(*functions)))
    assert sum(1 for _ in network.rules[0].math) == 62
    with pytest.raises(ModelIOError, match="expands to more than"):
        format_model(network, fresh=True)


def test_recursive_function_is_named() -> None:
    """A function that calls itself through another is refused with the cycle."""
    functions = _with_functions(
        ("f", "<apply><ci>g</ci><ci>v</ci></apply>"), ("g", "<apply><ci>f</ci><ci>v</ci></apply>")
    )
    with pytest.raises(ModelIOError, match="f"):
        read_model(formula_model("<apply><ci>f</ci><ci>a</ci></apply>", functions))


def test_unknown_function_of_a_package_is_named() -> None:
    """A random distribution (package distrib) is refused by name."""
    call = (
        '<apply><csymbol encoding="text" '
        'definitionURL="http://www.sbml.org/sbml/symbols/distrib/normal">normal</csymbol>'
        "<ci>a</ci><ci>b</ci></apply>"
    )
    text = formula_model(call).replace(
        'level="3" version="2"',
        'level="3" version="2" '
        'xmlns:distrib="http://www.sbml.org/sbml/level3/version1/distrib/version1" distrib:required="true"',
        1,
    )
    with pytest.raises(UnsupportedFeatureError, match="normal"):
        read_bytes(text.encode())
