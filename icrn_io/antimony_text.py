"""Antimony text to and from SBML, through the antimony library and its global state.

antimony passes numbers on with 15 significant digits (stoichiometries with 6). Literals that
need more travel as placeholders that survive and are put back afterwards.
"""

from __future__ import annotations

import re
import threading
from itertools import count
from textwrap import shorten

import antimony

from icrn_io.errors import ModelIOError

# The library keeps every model it has loaded in global variables.
_lock = threading.Lock()

_UNSIGNED = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LITERAL = re.compile(rf"(?<![\w.]){_UNSIGNED}(?![\w.])")
_UNREAD = re.compile(r"/\*.*?\*/|//[^\n]*|#[^\n]*|\"[^\"\n]*\"", re.DOTALL)
_STATEMENT = re.compile(
    r"(?:^|[;\n])[ \t]*(?:(?P<block>model|module|end)\b|(?P<reaction>\w+)[ \t]*:(?!=)[^;\n]*?(?:->|=>))"
)
_STOICHIOMETRY = re.compile(rf"(?<= stoichiometry=\"){_UNSIGNED}(?=\")")


def antimony_to_sbml(text: str, name: str) -> str:
    """Return the SBML L3 translation of the last (main) model of an Antimony text.

    Raises
    ------
    ModelIOError
        A syntax error, with the line and, where it can be told, the column.
    """
    _refuse_repeated_reactions(text, name)
    hidden = _Hidden(text)
    with _lock:
        _forget()
        try:
            if antimony.loadAntimonyString(hidden.hide(text, _LITERAL, 15)) == -1:
                reason = _explain(hidden.restore(_last_error()), text)
                raise ModelIOError(f"{name}: not valid Antimony: {reason}")
            sbml = antimony.getSBMLString(antimony.getMainModuleName())
            if not sbml:
                raise ModelIOError(f"{name}: the Antimony has no SBML translation: {_last_error()}")
        finally:
            _forget()
    return hidden.restore(sbml)


def _refuse_repeated_reactions(text: str, name: str) -> None:
    """Raise for two reactions of one id: antimony would keep the last without a word."""
    plain = _UNREAD.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    seen: dict[str, int] = {}
    for match in _STATEMENT.finditer(plain):
        if match["block"]:
            seen = {}
            continue
        start = match.start("reaction")
        first = seen.setdefault(match["reaction"], start)
        if first != start:
            lines = [plain.count("\n", 0, at) + 1 for at in (first, start)]
            raise ModelIOError(
                f"{name}: not valid Antimony: reaction '{match['reaction']}' is defined twice, "
                f"on lines {lines[0]} and {lines[1]}; ids must be unique"
            )


def sbml_to_antimony(sbml: str, name: str) -> str:
    """Return the Antimony translation of an SBML text; it can have lost something.

    Raises
    ------
    ModelIOError
        antimony cannot load the SBML.
    """
    hidden = _Hidden(sbml)
    plain = hidden.hide(hidden.hide(sbml, _STOICHIOMETRY, 6), _LITERAL, 15)
    with _lock:
        _forget()
        try:
            if antimony.loadSBMLString(plain) == -1:
                raise ModelIOError(f"{name}: the SBML has no Antimony translation: {_last_error()}")
            text = antimony.getAntimonyString(antimony.getMainModuleName())
        finally:
            _forget()
    return hidden.restore(text)


class _Hidden:
    """Numbers that stand in for literals with too many digits."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._literals: dict[str, str] = {}
        self._stand_ins = {6: map(str, count(731001)), 15: (f"{n}.000001" for n in count(731000000))}

    def hide(self, text: str, pattern: re.Pattern[str], digits: int) -> str:
        """Return the text with every literal that needs more digits replaced."""

        def stand_in(match: re.Match[str]) -> str:
            literal = match[0]
            if literal in self._literals or float(f"{float(literal):.{digits}g}") == float(literal):
                return literal
            key = next(s for s in self._stand_ins[digits] if s not in self._text)
            self._literals[key] = literal
            return key

        return pattern.sub(stand_in, text)

    def restore(self, text: str) -> str:
        """Return the text with the literals put back."""
        if not self._literals:
            return text
        return _LITERAL.sub(lambda match: self._literals.get(match[0], match[0]), text)


def _forget() -> None:
    """Free what the library holds: without this it leaks every model."""
    antimony.clearPreviousLoads()
    antimony.freeAll()


def _last_error() -> str:
    message = " ".join((antimony.getLastError() or "no reason given").split())
    return re.sub(r"^Error in model string,\s*", "", message)


def _explain(message: str, text: str) -> str:
    """Add the column and the text of the line that a message of antimony names."""
    found = re.match(r"line (\d+):\s*(.*)", message)
    lines = text.splitlines()
    if not found or int(found[1]) > len(lines):
        return message
    number, what = int(found[1]), found[2]
    line = lines[number - 1].rstrip()
    column = _column(what, line)
    place = f"line {number}" if column is None else f"line {number}, column {column}"
    return f"{place}: {what} (in '{shorten(line, 80)}')"


def _column(what: str, line: str) -> int | None:
    """Return the column of a mistake; antimony tells none, so the token must stand only once."""
    if "unexpected end of file" in what or r"'\n'" in what:
        return len(line) + 1
    token = re.search(r"unexpected (?:'([^']+)'|([^\s,]+))", what)
    token = (token[1] or token[2]) if token else None
    return line.find(token) + 1 if token and line.count(token) == 1 else None
