"""Expressions into MathML text with exact numbers.

libsbml writes 15 significant digits, which loses bits of most float64 values; here every
number is written by its shortest exact representation.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression
from icrn_io.mathml import CSYMBOLS, OPERATORS

MAX_CHARACTERS = 50_000_000
"""Longest formula written: shared subtrees expand in XML, at worst exponentially."""

_OPEN = '<math xmlns="http://www.w3.org/1998/Math/MathML">'
_SYMBOL_URL = "http://www.sbml.org/sbml/symbols/"
_QUALIFIER = {"root": "degree", "log": "logbase"}
_CONSTANTS = frozenset({"pi", "exponentiale", "true", "false"})


def format_math(expression: Expression, renamed: Mapping[str, str] | None = None) -> str:
    """Return the ``<math>`` element of an expression.

    Parameters
    ----------
    expression : Expression
        What to write.
    renamed : mapping of str to str, optional
        Ids to be written under another name.

    Raises
    ------
    ModelIOError
        An operator that MathML in SBML does not have, or a formula of unreasonable length.
    """
    renamed = renamed or {}
    done: dict[int, str] = {}
    for node in expression:
        text = _node(node, [done[id(arg)] for arg in node.args], renamed)
        if len(text) > MAX_CHARACTERS:
            raise ModelIOError(f"a formula expands to more than {MAX_CHARACTERS} characters of MathML")
        done[id(node)] = text
    return f"{_OPEN}{done[id(expression)]}</math>"


def _node(node: Expression, args: list[str], renamed: Mapping[str, str]) -> str:
    op = node.op
    if op == "symbol":
        return f"<ci>{escape(renamed.get(node.payload, node.payload))}</ci>"
    if op == "number":
        return _number(node.payload)
    if op not in OPERATORS:
        raise ModelIOError(f"the operator '{op}' has no MathML element in SBML")
    if op in CSYMBOLS:
        head = f'<csymbol encoding="text" definitionURL="{_SYMBOL_URL}{op}">{op}</csymbol>'
        return f"<apply>{head}{''.join(args)}</apply>" if args else head
    if op in _CONSTANTS:
        return f"<{op}/>"
    if op == "piecewise":
        pieces = [f"<piece>{v}{c}</piece>" for v, c in zip(args[::2], args[1::2], strict=False)]
        otherwise = [f"<otherwise>{args[-1]}</otherwise>"] if len(args) % 2 else []
        return f"<piecewise>{''.join(pieces + otherwise)}</piecewise>"
    if op in _QUALIFIER:
        tag = _QUALIFIER[op]
        return f"<apply><{op}/><{tag}>{args[0]}</{tag}>{args[1]}</apply>"
    return f"<apply><{op}/>{''.join(args)}</apply>"


def _number(value: float) -> str:
    if value != value:
        return "<notanumber/>"
    if value in (float("inf"), float("-inf")):
        return "<infinity/>" if value > 0 else "<apply><minus/><infinity/></apply>"
    return f"<cn>{repr(value).removesuffix('.0')}</cn>"
