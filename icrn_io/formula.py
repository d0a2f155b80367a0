"""Formulas in infix text, such as ``k1*S1/(K + S1)``, as expressions."""

from __future__ import annotations

from collections.abc import Mapping

import libsbml

from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression
from icrn_io.mathml import MathReader

_LOG2 = "<math xmlns='http://www.w3.org/1998/Math/MathML'><lambda><bvar><ci>x</ci></bvar>\
<apply><log/><logbase><cn>2</cn></logbase><ci>x</ci></apply></lambda></math>"


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
        In the infix language of SBML L3; ``log`` is the natural logarithm, as in PEtab.
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
    tree = libsbml.parseL3FormulaWithSettings(text.strip(), settings)
    if tree is None:
        reason = (libsbml.getLastParseL3Error() or "").strip().splitlines()
        raise ModelIOError(
            f"{where}: '{text}' is no formula: {reason[-1] if reason else 'it cannot be read'}"
        )
    return MathReader(names, {"log2": _Definition(_LOG2)}).read(tree, where)
