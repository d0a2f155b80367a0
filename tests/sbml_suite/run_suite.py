"""Run cases of the SBML semantic test suite and print a table by tier and by tag.

A value passes where |x - expected| <= absolute + relative * |expected|, with the tolerances
of the case; NaN and infinity equal themselves only. A case is passed, wrong, refused (by name)
or failed (an error that is no refusal, a crash, or out of time). What the toolkit itself
refuses is in the ledger refused.toml, and has to be refused for the construct it says there.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from suite_cases import SuiteCase, time_courses
from suite_ledger import LEDGER, breaches, format_ledger, read_ledger, renewed
from suite_outcomes import Outcome, again, outcome_of, outcomes
from suite_report import as_json, document, table

_EXAMPLES = """\
examples:
  python tests/sbml_suite/run_suite.py                      all time courses of $ICRN_DATA/sbml-test-suite
  python tests/sbml_suite/run_suite.py 26 EventPriority     by number and by tag
  python tests/sbml_suite/run_suite.py --sample 100         drawn with --seed
  python tests/sbml_suite/run_suite.py --cases ../semantic --workers 4 --seconds 60
  python tests/sbml_suite/run_suite.py --engine tellurium --json found.json
  python tests/sbml_suite/run_suite.py --write-ledger       after a construct was added

exit codes: 0 no case wrong or failed, and refused what the ledger says; 1 otherwise; 2 usage
"""
_ENGINES = {"icrn": "jax", "tellurium": "roadrunner", "copasi": "COPASI"}


class UsageError(Exception):
    """What was asked for cannot be run; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 where a case is wrong, failed or not refused as the ledger says."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        cases = _cases(given)
        _check_engine(given)
    except UsageError as error:
        parser.error(str(error))
    run = partial(outcome_of, engine=given.engine)
    found = {}
    for outcome in _told(outcomes(cases, run, given.workers, given.seconds), len(cases)):
        found[outcome.number] = outcome
    if given.engine != "icrn":
        found |= {outcome.number: outcome for outcome in again(cases, found.values(), run, given.seconds)}
    print(table(cases, found))
    if given.json:
        settings = {"seconds": given.seconds, "cases": len(cases)}
        given.json.write_text(as_json(document(cases, found, given.engine, settings)), encoding="utf-8")
    return _verdict(given, [found[case.number] for case in cases])


def _verdict(given: argparse.Namespace, found: list[Outcome]) -> int:
    if given.write_ledger:
        LEDGER.write_text(format_ledger(renewed(read_ledger(), found)), encoding="utf-8")
        print(f"written: {LEDGER}", file=sys.stderr)
    # The ledger is of the toolkit alone: others may refuse what they like.
    ledger = read_ledger() if given.engine == "icrn" else {o.number: o.reason for o in found if _refused(o)}
    told = breaches(found, ledger)
    for line in told:
        print(line, file=sys.stderr)
    verdict = "as expected" if not told else f"{len(told)} not as expected"
    print(f"{len(found)} cases: {verdict}", file=sys.stderr)
    return int(bool(told))


def _refused(outcome: Outcome) -> bool:
    return outcome.status == "refused"


def _told(found: Iterator[Outcome], n_cases: int) -> Iterator[Outcome]:
    """Pass outcomes on, with progress on standard error: a line that is rewritten on a terminal."""
    is_terminal, start, step = sys.stderr.isatty(), time.monotonic(), max(1, n_cases // 20)
    bad = 0
    for n, outcome in enumerate(found, 1):
        if outcome.status in ("wrong", "failed"):
            bad += 1
            print(f"{outcome.number} {outcome.status}: {outcome.reason}", file=sys.stderr)
        seconds = time.monotonic() - start
        line = f"{n} of {n_cases}, {bad} wrong or failed, {seconds:.0f} s"
        if is_terminal:
            print(f"\r{line}", end="" if n < n_cases else "\n", file=sys.stderr, flush=True)
        elif n % step == 0 or n == n_cases:
            print(line, file=sys.stderr, flush=True)
        yield outcome


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_suite.py",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("which", nargs="*", help="numbers and tags of cases; all if left out")
    add("--cases", type=Path, help="folder of the suite's cases (folders NNNNN); default: under ICRN_DATA")
    add("--engine", choices=tuple(_ENGINES), default="icrn")
    add("--workers", type=_positive, default=os.cpu_count() or 1, help="processes; default: all cores")
    add("--seconds", type=float, default=600.0, help="time limit of a case (default 600)")
    add("--sample", type=_positive, help="run only so many, drawn with --seed")
    add("--seed", type=int, default=20250101)
    add("--json", type=Path, help="write counts and outcomes to this file")
    add("--write-ledger", action="store_true", help="write what was refused into refused.toml")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def _cases(given: argparse.Namespace) -> list[SuiteCase]:
    folder = given.cases or default_folder()
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: give the suite's folder by --cases or set ICRN_DATA")
    cases = time_courses(folder)
    if not cases:
        raise UsageError(f"{folder} holds no time courses: expected folders NNNNN with NNNNN-settings.txt")
    cases = chosen(cases, given.which)
    if given.sample and given.sample < len(cases):
        drawn = random.Random(given.seed).sample(cases, given.sample)
        cases = sorted(drawn, key=lambda case: case.number)
    return cases


def _check_engine(given: argparse.Namespace) -> None:
    if find_spec(_ENGINES[given.engine]) is None:
        raise UsageError(
            f"the engine {given.engine} is not installed (no module {_ENGINES[given.engine]}): "
            "pip install '.[validate]'"
        )
    if given.write_ledger and given.engine != "icrn":
        raise UsageError("--write-ledger goes with the engine icrn only: the ledger is of this toolkit")


def default_folder() -> Path:
    """Return where the suite is looked for."""
    data = os.environ.get("ICRN_DATA")
    root = Path(data) if data else Path(__file__).parents[2].parent / "shared" / "data"
    return root / "sbml-test-suite"


def chosen(cases: list[SuiteCase], which: Sequence[str]) -> list[SuiteCase]:
    """Return the cases with one of the numbers or tags; all if none is named.

    Raises
    ------
    UsageError
        No case has that number or tag.
    """
    numbers = {name.zfill(5) for name in which if name.isdigit()}
    tags = {name for name in which if not name.isdigit()}
    known = {tag for case in cases for tag in case.tags}
    for name in sorted(numbers - {case.number for case in cases}):
        raise UsageError(f"there is no time-course case {name} in the folder")
    for name in sorted(tags - known):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
        raise UsageError(f"no case has the tag {name}: {hint}")
    return [case for case in cases if not which or case.number in numbers or case.tags & tags]


if __name__ == "__main__":
    sys.exit(main())
