"""Run cases of the SBML semantic test suite and print a table by tier and tag.

python tests/sbml_suite/run_suite.py                          # all time courses of $ICRN_DATA
python tests/sbml_suite/run_suite.py 26 EventPriority         # by number and by tag
python tests/sbml_suite/run_suite.py --engine tellurium --json found.json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from suite_cases import TIERS, SuiteCase, time_courses
from suite_outcomes import Outcome, outcome_of, outcomes

_STATUSES = ("passed", "wrong", "refused", "failed")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where a case is wrong or failed."""
    given = _parser().parse_args(arguments)
    folder = given.cases or _default_folder()
    if not folder.is_dir():
        print(f"{folder}: there is no such folder: give the suite's folder of cases", file=sys.stderr)
        return 1
    cases = chosen(time_courses(folder), given.which)
    if given.sample and given.sample < len(cases):
        cases = sorted(random.Random(given.seed).sample(cases, given.sample), key=lambda c: c.number)
    if not cases:
        print(f"{folder}: no time-course case fits {' '.join(given.which) or 'it'}", file=sys.stderr)
        return 1
    found: dict[str, Outcome] = {}
    run = partial(outcome_of, engine=given.engine)
    for outcome in outcomes(cases, run, given.workers, given.seconds):
        found[outcome.number] = outcome
        if outcome.status != "passed":
            print(f"{outcome.number} {outcome.status}: {outcome.reason}", file=sys.stderr, flush=True)
    print(table(cases, found))
    if given.json:
        rows = [outcome.as_dict() for outcome in _in_order(found)]
        text = json.dumps({"engine": given.engine, "cases": rows}, indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")
    return int(any(o.status in ("wrong", "failed") for o in found.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("which", nargs="*", help="numbers and tags of cases; all if left out")
    parser.add_argument("--cases", type=Path, help="folder of the suite's cases; default: under ICRN_DATA")
    parser.add_argument("--engine", choices=("icrn", "tellurium", "copasi"), default="icrn")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=120.0, help="time limit of a case (default 120)")
    parser.add_argument("--sample", type=int, help="run only so many, drawn with --seed")
    parser.add_argument("--seed", type=int, default=20250101)
    parser.add_argument("--json", type=Path, help="write the outcome of every case to this file")
    return parser


def _default_folder() -> Path:
    data = os.environ.get("ICRN_DATA")
    root = Path(data) if data else Path(__file__).parents[2].parent / "shared" / "data"
    return root / "sbml-test-suite"


def chosen(cases: list[SuiteCase], which: list[str]) -> list[SuiteCase]:
    """Return the cases with one of the numbers or tags; all if none is named."""
    numbers = {name.zfill(5) for name in which if name.isdigit()}
    tags = {name for name in which if not name.isdigit()}
    return [case for case in cases if not which or case.number in numbers or case.tags & tags]


def _in_order(found: dict[str, Outcome]) -> list[Outcome]:
    return [found[number] for number in sorted(found)]


def table(cases: list[SuiteCase], found: dict[str, Outcome]) -> str:
    """Return the counts by tier and by tag, and the refused cases by reason, as Markdown."""
    by_tier = {tier: [c for c in cases if c.tier == tier] for tier in TIERS}
    tags = sorted({tag for case in cases for tag in case.tags})
    by_tag = {tag: [c for c in cases if tag in c.tags] for tag in tags}
    lines = [*_rows("tier", {**by_tier, "all": cases}, found), "", *_rows("tag", by_tag, found)]
    reasons: dict[str, list[str]] = {}
    for outcome in _in_order(found):
        if outcome.status == "refused":
            reasons.setdefault(outcome.reason, []).append(outcome.number)
    if reasons:
        lines += ["", "| refused | cases |", "|---|---|"]
        lines += [f"| {reason} | {', '.join(numbers)} |" for reason, numbers in sorted(reasons.items())]
    return "\n".join(lines)


def _rows(head: str, groups: dict[str, list[SuiteCase]], found: dict[str, Outcome]) -> list[str]:
    lines = [f"| {head} | cases | {' | '.join(_STATUSES)} | % passed |", "|---" * 7 + "|"]
    for name, cases in groups.items():
        if cases:
            counts = Counter(found[case.number].status for case in cases)
            share = 100 * counts["passed"] / len(cases)
            cells = " | ".join(str(counts[status]) for status in _STATUSES)
            lines.append(f"| {name} | {len(cases)} | {cells} | {share:.1f} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
