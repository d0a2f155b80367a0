"""Formulas in infix text, such as ``k1*S1/(K + S1)``, as expressions."""

from __future__ import annotations

from collections.abc import Mapping

import libsbml

from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression
from icrn_io.mathml import MathReader, node_type

_LAMBDA = "<math xmlns='http://www.w3.org/1998/Math/MathML'><lambda><bvar><ci>x</ci></bvar>{}</lambda></math>"
_LOG2 = _LAMBDA.format("<apply><log/><logbase><cn>2</cn></logbase><ci>x</ci></apply>")
_SIGN = _LAMBDA.format(
    "<piecewise><piece><cn>1</cn><apply><gt/><ci>x</ci><cn>0</cn></apply></piece>"
    "<piece><cn>-1</cn><apply><lt/><ci>x</ci><cn>0</cn></apply></piece>"
    "<otherwise><cn>0</cn></otherwise></piecewise>"
)
# Constants of the infix language that give way to ids.
_CONSTANTS = {
    libsbml.AST_CONSTANT_PI: "pi",
    libsbml.AST_CONSTANT_E: "exponentiale",
    libsbml.AST_NAME_AVOGADRO: "avogadro",
}


class _Definition:
    """A function that the infix language knows and SBML does not."""

    def __init__(self, mathml: str) -> None:
        self._math = libsbml.readMathMLFromString(mathml)

    def getMath(self) -> libsbml.ASTNode:  # noqa: N802 - the name that libsbml gives it
        return self._math


def read_formula(text: str, names: Mapping[str, Expression], where: str) -> Expression:
    """Return an infix formula as an expression.

    Parameters
    ----------
    text : str
        In the infix language of SBML L3, with what PEtab has otherwise: ``log(x)`` is the natural
        logarithm, ``log(x, b)`` the one to base b, and ``log2`` and ``sign`` are known. An id of
        the names goes before a constant of the same name.
    names : mapping of str to Expression
        Every id that the formula may name, with what it stands for.
    where : str
        What the formula belongs to, for messages.

    Raises
    ------
    ModelIOError
        The text is no formula, or names what does not exist.
    """
    settings = libsbml.L3ParserSettings()
    settings.setParseLog(libsbml.L3P_PARSE_LOG_AS_LN)
    settings.setComparisonCaseSensitivity(libsbml.L3P_COMPARE_BUILTINS_CASE_SENSITIVE)
    tree = libsbml.parseL3FormulaWithSettings(text.strip(), settings)
    if tree is None:
        reason = (libsbml.getLastParseL3Error() or "").strip().splitlines()
        raise ModelIOError(
            f"{where}: '{text}' is no formula: {reason[-1] if reason else 'it cannot be read'}"
        )
    _adapt(tree, names)
    return MathReader(names, {"log2": _Definition(_LOG2), "sign": _Definition(_SIGN)}).read(tree, where)


def _adapt(tree: libsbml.ASTNode, names: Mapping[str, Expression]) -> None:
    """Put the base of a logarithm first, and ids where the parser saw a constant."""
    of = libsbml.ASTNode  # called by class, see `icrn_io.mathml`
    stack = [tree]
    while stack:
        node = stack.pop()
        kind = node_type(node)
        stack.extend(of.getChild(node, k) for k in range(of.getNumChildren(node)))
        if _CONSTANTS.get(kind) in names:
            of.setType(node, libsbml.AST_NAME)
            of.setName(node, _CONSTANTS[kind])
        elif kind == libsbml.AST_FUNCTION_LOG and of.getNumChildren(node) == 2:
            first = of.getChild(node, 0)
            # log10(x) is read as this, with the base in place.
            if not (node_type(first) == libsbml.AST_INTEGER and of.getInteger(first) == 10):
                base = of.deepCopy(of.getChild(node, 1))
                of.removeChild(node, 1)
                of.prependChild(node, base)
