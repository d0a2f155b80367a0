"""Authored networks as LaTeX, for papers and notebooks."""

from __future__ import annotations

from icrn_core.authoring import AuthoredNetwork, Reaction, symbols_of
from icrn_core.icrn import IndexDomain
from icrn_core.notation import Condition, Entry, Formula

_BINDING = {"plus": 1, "minus": 1, "times": 2, "divide": 5, "power": 4}
_SIGNS = {"plus": " + ", "minus": " - ", "times": r" \, "}
_WORDS = {"and": r"\wedge", "or": r"\vee", "not": r"\neg", "!=": r"\neq", "<=": r"\leq", ">=": r"\geq"}
_WORDS |= {"==": "=", "%": r"\bmod", "in": r"\in"}


def latex_of(network: AuthoredNetwork) -> str:
    """Return the indexed reactions as a LaTeX ``align*`` environment, rates over the arrows."""
    rows = [_row(authored, network.indexed[authored.name].domain) for authored in network.reactions]
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _row(authored: Reaction, domain: IndexDomain) -> str:
    left, right = (_side(side) for side in (authored.change.left, authored.change.right))
    if authored.is_fast:
        rate = r"\text{fast}"
    elif authored.law is None:
        rate = _formula(authored.rate, 0)
    else:
        rate = f"v = {_formula(authored.law, 0)}"
    return f"  {left} &\\xrightarrow{{{rate}}} {right} && {_range(authored, domain)}".rstrip(" &")


def _side(side: Formula | None) -> str:
    if side is None:
        return r"\varnothing"
    if side.op == "plus":
        return " + ".join(map(_side, side.args))
    if side.op == "times":
        return f"{side.args[0].value:g}\\, {_entry(side.args[1].value)}"
    return _entry(side.value)


def _range(authored: Reaction, domain: IndexDomain) -> str:
    known = {index.name for index in symbols_of(authored)}
    symbols = [s for s in domain.symbols if s.name in known]
    text = ",\\ ".join(f"{_name(s.name)} \\in {_name(s.index_set.name)}" for s in symbols)
    if authored.where is None:
        return text
    if not isinstance(authored.where, Condition) or len(str(authored.where)) > 60:
        return f"{text};\\ {domain.size} \\text{{ tuples}}"
    words = str(authored.where).replace("(", " ( ").replace(")", " ) ").split()
    shown = " ".join(_WORDS.get(word) or (_name(word) if word[0].isalpha() else word) for word in words)
    return f"{text};\\ {shown}"


def _formula(formula: Formula, binding: int) -> str:
    if formula.op == "entry":
        return _entry(formula.value)
    if formula.op == "number":
        return f"{formula.value:g}"
    if formula.op == "divide":
        return rf"\frac{{{_formula(formula.args[0], 0)}}}{{{_formula(formula.args[1], 0)}}}"
    own = _BINDING.get(formula.op)
    if own is None:
        return rf"\mathrm{{{formula.op}}}({', '.join(_formula(arg, 0) for arg in formula.args)})"
    if formula.op == "power":
        text = f"{_formula(formula.args[0], own + 1)}^{{{_formula(formula.args[1], 0)}}}"
    elif len(formula.args) == 1:
        own, text = 3, f"-{_formula(formula.args[0], 3)}"
    else:
        first, *rest = formula.args
        text = _SIGNS[formula.op].join([_formula(first, own), *(_formula(arg, own + 1) for arg in rest)])
    return f"({text})" if own < binding else text


def _entry(entry: Entry) -> str:
    return _name(entry.base.name) + (
        f"_{{{','.join(_name(str(i)) for i in entry.indices)}}}" if entry.indices else ""
    )


def _name(name: str) -> str:
    escaped = name.replace("_", r"\_")
    return escaped if len(name) == 1 or name.isdigit() else rf"\mathrm{{{escaped}}}"
