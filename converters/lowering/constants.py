"""Numbers that formulas stand for by themselves."""

from __future__ import annotations

from icrn_io.expression import Expression

_OPEN = frozenset({"time", "delay", "rateOf"})


def constant_value(formula: Expression) -> float | None:
    """Return the value of a formula that reads nothing; None where it reads something.

    It is computed by the operators that the dynamics use, in float64.
    """
    if formula.op == "number":
        return formula.payload
    if formula.symbols() or formula.operators() & _OPEN:
        return None
    from converters.engines.programs import float64
    from icrn_core.law import Law, canonical_law

    def template(node: Expression):
        return node.payload if node.op == "number" else (node.op, *map(template, node.args))

    with float64():
        law: Law = canonical_law(template(formula))[0]
        return float(law([], 0.0))
