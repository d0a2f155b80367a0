"""The tables of `solve.py`: all figures as JSON, times and ratios as Markdown."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from solve_rows import Options
from worker import PEERS

PACKAGES = ("icrn-sbml", "jax", "numpy", "scipy", "libroadrunner", "python-copasi", "bngsim", "diffrax")


def versions() -> dict[str, str]:
    """Return the versions of Python and of what took part; "not installed" where it is not."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def write_tables(records: list[dict], options: Options, out: Path) -> str:
    """Write JSON and Markdown beside each other; return the Markdown."""
    out.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg()[0],
        "versions": versions(),
        "repeats": options.repeats,
        "limit": options.limit,
    }
    out.with_suffix(".json").write_text(json.dumps({"about": about, "problems": records}, indent=1) + "\n")
    text = markdown(records, options)
    out.with_suffix(".md").write_text(text)
    return text


def markdown(records: list[dict], options: Options) -> str:
    """Return the page."""
    labels = [PEERS[peer].label for peer in options.peers]
    lines = ["| problem | row | " + " | ".join(labels) + " |", "|---|---" + "|---" * len(labels) + "|"]
    for record in records:
        for row, cells in record["rows"].items():
            if not row.startswith("solve"):
                continue
            ours = cells.get("ours", {}).get("wall")
            shown = [cell_text(cells.get(peer, {}), ours, peer == "ours") for peer in options.peers]
            lines.append(f"| {record['problem']} | {row} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def cell_text(cell: dict, ours: float | None, is_ours: bool) -> str:
    """Return the time of a cell in ms, with the ratio of ours to it."""
    if "wall" not in cell:
        return cell.get("failed", "")
    text = f"{1e3 * cell['wall']:.3g} ms"
    return text if is_ours or ours is None else f"{text} ({ours / cell['wall']:.2g}×)"
