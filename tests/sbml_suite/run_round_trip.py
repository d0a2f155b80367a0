"""Import and export cases of the SBML semantic test suite in every way and print a table.

python tests/sbml_suite/run_round_trip.py                     # all time courses of $ICRN_DATA
python tests/sbml_suite/run_round_trip.py 26 comp             # by number and by tag
python tests/sbml_suite/run_round_trip.py --no-simulator --json found.json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from round_trips import EXPORTS, RoundTrip, round_trip_of
from run_suite import UsageError, chosen, default_folder
from suite_cases import SuiteCase
from suite_outcomes import outcomes


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where an export is wrong or a case failed."""
    given = _parser().parse_args(arguments)
    folder = given.cases or default_folder()
    if not folder.is_dir():
        print(f"{folder}: there is no such folder: give the suite's folder of cases", file=sys.stderr)
        return 1
    try:
        cases = chosen(all_cases(folder), given.which)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    if given.sample and given.sample < len(cases):
        cases = sorted(random.Random(given.seed).sample(cases, given.sample), key=lambda c: c.number)
    if not cases:
        print(f"{folder}: no case fits {' '.join(given.which) or 'it'}", file=sys.stderr)
        return 1
    run = partial(round_trip_of, simulator=None if given.no_simulator else "tellurium")
    found = []
    for outcome in outcomes(cases, run, given.workers, given.seconds):
        trip = outcome if isinstance(outcome, RoundTrip) else RoundTrip(**outcome.as_dict())
        found.append(trip)
        told = trip.wrong or ({trip.status: trip.reason} if trip.status != "imported" else {})
        for name, what in told.items():
            print(f"{trip.number} {name}: {what}", file=sys.stderr, flush=True)
    found.sort(key=lambda trip: trip.number)
    print(table(found))
    if given.json:
        text = json.dumps({"cases": [trip.as_dict() for trip in found]}, indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")
    return int(any(trip.wrong or trip.status == "failed" for trip in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("which", nargs="*", help="numbers and tags of cases; all if left out")
    parser.add_argument("--cases", type=Path, help="folder of the suite's cases; default: under ICRN_DATA")
    parser.add_argument("--no-simulator", action="store_true", help="compare networks only, no results")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=120.0, help="time limit of a case (default 120)")
    parser.add_argument("--sample", type=int, help="run only so many, drawn with --seed")
    parser.add_argument("--seed", type=int, default=20250101)
    parser.add_argument("--json", type=Path, help="write the outcome of every case to this file")
    return parser


def all_cases(folder: Path) -> list[SuiteCase]:
    """Return every case of a folder, also those that ask for no time course."""
    return [SuiteCase(path) for path in sorted(folder.iterdir()) if path.is_dir() and path.name.isdigit()]


def table(found: list[RoundTrip]) -> str:
    """Return what became of each export, and the refusals by reason, as Markdown."""
    imported = [trip for trip in found if trip.status == "imported"]
    lines = [f"{len(found)} cases, {len(imported)} importable", ""]
    lines += ["| export | same results | equal | refused | wrong |", "|---" * 5 + "|"]
    for name in EXPORTS:
        counts = Counter(_kind(trip.exports[name]) for trip in imported)
        cells = " | ".join(str(counts[kind]) for kind in ("same results", "equal", "refused", "wrong"))
        lines.append(f"| {name} | {cells} |")
    reasons = Counter(
        (name, _without_ids(said))
        for trip in imported
        for name, said in trip.exports.items()
        if _kind(said) == "refused"
    )
    if reasons:
        lines += ["", "| export | refused | cases |", "|---|---|---|"]
        lines += [f"| {name} | {said} | {count} |" for (name, said), count in reasons.most_common()]
    return "\n".join(lines)


def _without_ids(said: str) -> str:
    text = re.sub(r"'[^']*'", "…", said.removeprefix("refused: "))
    return re.sub(r"^\w+: |;.*| \(.*", "", text)


def _kind(said: str) -> str:
    if said.startswith("refused: "):
        return "refused"
    return said if said in ("same results", "equal") else "wrong"


if __name__ == "__main__":
    sys.exit(main())
