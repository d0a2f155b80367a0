"""Write the tables of README.md and docs/sbml.md from the results that are kept.

python tests/sbml_suite/suite_tables.py            # write
python tests/sbml_suite/suite_tables.py --check    # exit 1 where a table is not up to date
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from suite_outcomes import STATUSES
from suite_report import rows, share

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
ENGINES = {"icrn": "icrn-sbml", "tellurium": "libRoadRunner", "copasi": "COPASI"}


def main(arguments: list[str] | None = None) -> int:
    """Write the tables, or tell which are not up to date."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args(arguments)
    old = stale()
    for path, text in old.items():
        print(f"{path.relative_to(ROOT)}: {'not up to date' if given.check else 'written'}", file=sys.stderr)
        if not given.check:
            path.write_text(text, encoding="utf-8")
    return int(given.check and bool(old))


def stale() -> dict[Path, str]:
    """Return the files whose tables are not those of the results, with their right text."""
    results = {name: json.loads((RESULTS / f"suite-{name}.json").read_text("utf-8")) for name in ENGINES}
    tables = {
        "support": support(results["icrn"]),
        "passed": passed(results),
        "ends": ends(results),
        "runs": runs(results),
        "constructs": rows("construct", results["icrn"]["constructs"]),
        "tags": rows("tag", results["icrn"]["tags"]),
        "others": others(results),
    }
    found = {}
    for path in (ROOT / "README.md", ROOT / "docs" / "sbml.md"):
        text = path.read_text(encoding="utf-8")
        new = filled(text, tables)
        if new != text:
            found[path] = new
    return found


def filled(text: str, tables: dict[str, str]) -> str:
    """Return a page with each ``<!-- table NAME -->`` followed by the table of that name."""

    def table(match: re.Match) -> str:
        return f"{match[1]}\n{tables[match[2]]}\n{match[3]}"

    pattern = r"(<!-- table ([\w-]+) -->)\n.*?(<!-- end of the table -->)"
    return re.sub(pattern, table, text, flags=re.DOTALL)


def support(result: dict) -> str:
    """Return what is supported: cases, passed, and what is refused by name."""
    lines = ["| cases with | number | passed | refused by name |", "|---|---|---|---|"]
    for name, count in result["constructs"].items():
        reasons = [f"{reason}: {n}" for reason, n in count.get("reasons", {}).items()]
        lines.append(f"| {name} | {count['cases']} | {count['passed']} | {', '.join(reasons)} |")
    count = result["tiers"]["all"]
    lines.append(f"| **all** | **{count['cases']}** | **{count['passed']}** | **{count['refused']}** |")
    return "\n".join(lines)


def passed(results: dict[str, dict]) -> str:
    """Return the percentage passed by tier and engine."""
    lines = [f"| tier | cases | {' | '.join(ENGINES.values())} |", "|---" * (2 + len(ENGINES)) + "|"]
    for tier, count in results["icrn"]["tiers"].items():
        cells = " | ".join(share(results[name]["tiers"][tier]) for name in ENGINES)
        lines.append(f"| {tier} | {count['cases']} | {cells} |")
    return "\n".join(lines)


def ends(results: dict[str, dict]) -> str:
    """Return how many cases ended in which way, by engine."""
    lines = [f"| | {' | '.join(STATUSES)} |", "|---" * (1 + len(STATUSES)) + "|"]
    for name, label in ENGINES.items():
        count = results[name]["tiers"]["all"]
        lines.append(f"| {label} | {' | '.join(str(count[status]) for status in STATUSES)} |")
    return "\n".join(lines)


def runs(results: dict[str, dict]) -> str:
    """Return when and with what each engine was run."""
    lines = ["| | date | versions | CPU seconds |", "|---|---|---|---|"]
    for name, label in ENGINES.items():
        about = results[name]["about"]
        versions = ", ".join(f"{package} {number}" for package, number in about["versions"].items())
        lines.append(f"| {label} | {about['date']} | {versions} | {about['cpu seconds']:.0f} |")
    return "\n".join(lines)


def others(results: dict[str, dict]) -> str:
    """Return the cases that did not pass, by engine, status and reason."""
    lines = ["| | status | reason | cases |", "|---|---|---|---|"]
    for name, label in ENGINES.items():
        groups: dict[tuple[str, str], list[str]] = {}
        for number, (status, reason) in results[name]["others"].items():
            groups.setdefault((status, _plain(status, reason)), []).append(number)
        for (status, reason), numbers in sorted(groups.items()):
            lines.append(f"| {label} | {status} | {reason} | {', '.join(numbers)} |")
    return "\n".join(lines)


def _plain(status: str, reason: str) -> str:
    # Which variables are wrong is of one case only.
    return "" if status == "wrong" else reason.split(": ", 1)[-1].replace("|", "\\|")[:90]


if __name__ == "__main__":
    sys.exit(main())
