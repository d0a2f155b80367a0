"""The tables of `solve.py`: all figures as JSON, times and ratios as Markdown."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from peer_registry import COUNTED_ONLY, OURS, peer_class
from solve_rows import Options
from versions import versions

PACKAGES = (
    *("icrn-sbml", "jax", "numpy", "scipy", "libroadrunner", "python-copasi", "bngsim"),
    *("amici", "diffrax", "sbmltoodejax"),
)
CLOCKS = {"wall": "wall time", "cpu": "CPU time (all threads)"}
DISAGREES = 0.01  # an error above this at rtol 1e-9 is another model, not an error


def write_tables(records: list[dict], options: Options, out: Path) -> str:
    """Write JSON and Markdown beside each other; return the Markdown."""
    out.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg()[1],
        "threads": os.environ.get("OPENBLAS_NUM_THREADS", "default"),
        "versions": versions(PACKAGES),
        "repeats": options.repeats,
        "limit": options.limit,
        "budget": options.budget,
        "clock": options.clock,
    }
    out.with_suffix(".json").write_text(json.dumps({"about": about, "problems": records}, indent=1) + "\n")
    text = markdown(records, options, about)
    out.with_suffix(".md").write_text(text)
    return text


def markdown(records: list[dict], options: Options, about: dict) -> str:
    """Return the page: one table for each kind of row, geometric means, counts."""
    whole = [peer for peer in options.peers if peer not in COUNTED_ONLY]
    parts = [head(about)]
    kinds = dict.fromkeys(row for record in records for row in record["rows"])
    for kind in kinds:
        show = gradient_cell if kind == "gradient" else time_cell
        parts += [f"## {TITLES.get(kind, kind)}", row_table(records, kind, whole, show, options.clock)]
    counted = [kind for kind in kinds if kind.startswith("solve")]
    for kind in counted:
        parts += [
            f"## Steps / evaluations of f / Jacobians: {kind}",
            row_table(records, kind, options.peers, count_cell, options.clock),
        ]
    parts += ["## Problems", problem_table(records)]
    means = [mean_line(records, kind, whole) for kind in kinds]
    parts += ["## Geometric means of our time over theirs", "\n".join(line for line in means if line)]
    return "\n\n".join(part for part in parts if part) + "\n"


TITLES = {
    "cold": "Cold start: from nothing to a CSV, caches empty (rtol 1e-6)",
    "cold, caches kept": "Cold start again, with the caches of the first",
    "load": "Load and compile: from the file to the first result, simulator imported",
    "gradient": "Gradient by all parameters (rtol 1e-6)",
}


def head(about: dict) -> str:
    """Return what was measured, on what."""
    shown = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return "\n".join(
        [
            "# Times beside other simulators",
            "",
            f"{about['date']}, {about['machine']}, load {about['load']:.1f}, "
            f"OPENBLAS_NUM_THREADS {about['threads']}; {shown}.",
            "",
            f"Medians of {about['repeats']} turns of {CLOCKS[about['clock']]}, simulators in turns, each in "
            f"its own process; fewer where they would take more than {about['budget']:g} s in all, none "
            f"over {about['limit']:g} s. In brackets our time over theirs: below 1 we are faster. `e` is the "
            "error: max over species of max |a − b| / max(max |b|, 1e-3) against a solution at rtol 1e-12; "
            "of gradients, against central differences in random directions.",
        ]
    )


def row_table(records: Iterable[dict], kind: str, peers: list[str], cell: Callable, clock: str) -> str:
    """Return one row a problem, one column a simulator; simulators without any figure are left out."""
    rows = {r["problem"]: r["rows"][kind] for r in records if kind in r["rows"]}
    peers = [p for p in peers if any(cell(cells, p, clock) for cells in rows.values())]
    lines = ["| | " + " | ".join(peer_class(p).label for p in peers) + " |", "|---" * (len(peers) + 1) + "|"]
    for problem, cells in rows.items():
        shown = [cell(cells, p, clock) or cells.get("all", {}).get("failed", "–") for p in peers]
        lines.append(f"| {problem} | " + " | ".join(shown) + " |")
    return "\n".join(lines) if peers else ""


def time_cell(cells: dict, peer: str, clock: str) -> str:
    """Return a time, our ratio to it, and its error."""
    cell = cells.get(peer, {})
    if "wall" not in cell:
        return reason(cell)
    parts = [seconds(cell[clock])]
    if peer != OURS and "wall" in cells.get(OURS, {}):
        parts.append(f"({cells[OURS][clock] / cell[clock]:.2g})")
    if "error" in cell:
        parts.append(f"e {cell['error']:.0e}")
    if cell.get("failed members"):
        parts.append(f"{cell['failed members']} failed")
    return " ".join(parts)


def gradient_cell(cells: dict, peer: str, clock: str) -> str:
    """Return a time, forward solves it is worth, our ratio, memory, and its error."""
    cell = cells.get(peer, {})
    if "wall" not in cell:
        return reason(cell)
    parts = [time_cell(cells, peer, clock), f"= {cell[clock] / cell['forward'][clock]:.1f} solves"]
    if "gradient" in cell.get("bytes", {}):
        parts.append(f"{cell['bytes']['gradient'] / 1e6:.1f} MB")
    return ", ".join(parts)


def count_cell(cells: dict, peer: str, _clock: str) -> str:
    """Return the counts of a solve."""
    counts = cells.get(peer, {}).get("counts", {})
    error = f" e {cells[peer]['error']:.0e}" if counts and "error" in cells[peer] else ""
    kinds = ("steps", "rhs", "jacobians")
    return " / ".join(f"{counts[k]:.0f}" if k in counts else "–" for k in kinds) + error if counts else ""


def reason(cell: dict) -> str:
    """Return why there is no figure, short enough for a table."""
    return cell.get("failed", "").replace("|", "/")[:60]


def seconds(value: float) -> str:
    """Return a time with a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def mean_line(records: list[dict], kind: str, peers: list[str]) -> str:
    """Return geometric means of our time over each other's, by wall and by CPU time."""
    lines = []
    for peer in peers:
        pairs = [
            (r["rows"][kind][OURS], r["rows"][kind][peer])
            for r in records
            if all("wall" in r["rows"].get(kind, {}).get(p, {}) for p in (OURS, peer))
            and not _is_other(r, peer)
        ]
        if peer != OURS and pairs:
            wall, cpu = (geometric_mean([a[c] / b[c] for a, b in pairs]) for c in ("wall", "cpu"))
            lines.append(f"{peer_class(peer).label} {wall:.2g} (CPU {cpu:.2g}, {len(pairs)} problems)")
    return f"- {kind}: " + "; ".join(lines) if lines else ""


def _is_other(record: dict, peer: str) -> bool:
    return record["rows"].get("solve 1e-09", {}).get(peer, {}).get("error", 0.0) > DISAGREES


def geometric_mean(values: list[float]) -> float:
    """Return exp(mean(log))."""
    return math.exp(sum(map(math.log, values)) / len(values))


def problem_table(records: list[dict]) -> str:
    """Return sizes, the reference and what was left out."""
    lines = [
        "| | species | parameters | reference by | second, its difference | left out |",
        "|---|---|---|---|---|---|",
    ]
    for r in records:
        known = r.get("reference", {"by": "–", "second": "", "doubt": math.nan})
        gone = "; ".join(
            f"{peer_class(p).label}: {reason({'failed': why})}" for p, why in r["left out"].items()
        )
        second = f"{known['second']} {known['doubt']:.0e}" if known["second"] else "–"
        lines.append(
            f"| {r['problem']} | {r['n_species']} | {r['n_parameters']} | {known['by']} | {second} | {gone} |"
        )
    return "\n".join(lines)
