"""The ledger: every case that is refused, by the construct that stands in the way."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from suite_outcomes import Outcome

LEDGER = Path(__file__).with_name("refused.toml")
_HEAD = """\
# Cases of the SBML semantic test suite that the toolkit refuses, by construct.
# A case that is refused and not here, or here and not refused so, fails the run.
# Written by: python tests/sbml_suite/run_suite.py --write-ledger
"""


def read_ledger(path: Path = LEDGER) -> dict[str, str]:
    """Return the construct by the number of the case."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {number: name for name, numbers in tomllib.loads(text).items() for number in numbers}


def format_ledger(ledger: Mapping[str, str]) -> str:
    """Return the text of the file."""
    lines = [_HEAD]
    for name in sorted(set(ledger.values())):
        numbers = ", ".join(f'"{number}"' for number in sorted(ledger) if ledger[number] == name)
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'"{quoted}" = [{numbers}]\n')
    return "\n".join(lines)


def renewed(ledger: Mapping[str, str], found: Iterable[Outcome]) -> dict[str, str]:
    """Return the ledger with what was found of the cases that were run; the others stay."""
    new = dict(ledger)
    for outcome in found:
        new.pop(outcome.number, None)
        if outcome.status == "refused":
            new[outcome.number] = outcome.reason
    return new


def breaches(found: Iterable[Outcome], ledger: Mapping[str, str]) -> list[str]:
    """Return a sentence for each outcome that is wrong, failed or other than the ledger says."""
    told = []
    for outcome in found:
        known = ledger.get(outcome.number)
        if outcome.status in ("wrong", "failed"):
            told.append(f"{outcome.number} {outcome.status}: {outcome.reason}")
        elif outcome.status == "passed" and known is not None:
            told.append(f"{outcome.number} passed, but is in the ledger as refused for '{known}'")
        elif outcome.status == "refused" and outcome.reason != known:
            listed = "is not in the ledger" if known is None else f"is in the ledger for '{known}'"
            told.append(f"{outcome.number} refused for '{outcome.reason}', but {listed}")
    return told
