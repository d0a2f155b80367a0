"""Time and memory of folding generated networks of a thousand to 180,000 reactions.

``python benchmarks/fold_scale.py`` folds every network in a process of its own, prints a table
and, with ``--out``, writes it as Markdown. The networks are the families the tests generate,
with indexed ids (A) and with opaque ids in random order (C); they are made in memory, so no
reading is timed. Peak memory is that of the process while it folds, the network included. On a
busy machine look at the CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parents[1]
GENERATORS = ROOT / "tests" / "fold"

# Family: sizes that make about 10^3, 10^4 and 10^5 reactions, and the largest.
SIZES: dict[str, list[tuple[int, ...]]] = {
    "dimerization": [(22,), (71,), (224,), (300,)],
    "symmetric dimerization": [(44,), (140,), (300,), (446,)],
    "winner take all": [(45, 10), (160, 30), (800, 60)],
    "brusselator grid": [(9, 10), (29, 30), (92, 92)],
}
SECONDS = {2_000: 1.0, 20_000: 5.0, 120_000: 40.0, 200_000: 60.0}  # aims by number of reactions
GIGABYTES = 4.0
COLUMNS = (
    "network",
    "ids",
    "reactions",
    "species",
    "groups",
    "ratio in bits",
    "fold s",
    "proof s",
    "total s",
    "CPU s",
    "aim s",
    "peak GB",
)


def make_network(family: str, size: tuple[int, ...], naming: str):
    """Return a generated network under the ids of a naming."""
    sys.path.insert(0, str(GENERATORS))
    from acceptance_circuits import brusselator
    from acceptance_molecular import dimerization, symmetric_dimerization, winner_take_all
    from acceptance_naming import rename

    makers = {
        "dimerization": lambda n: dimerization(n, reversible=False),
        "symmetric dimerization": symmetric_dimerization,
        "winner take all": winner_take_all,
        "brusselator grid": lambda *shape: brusselator(shape),
    }
    return rename(makers[family](*size), naming)


def reset_peak() -> None:
    """Let the peak of the resident memory start from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_gigabytes() -> float:
    """Return the peak of the resident memory since `reset_peak`, in 10^9 bytes."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024 / 1e9


def measure(family: str, size: tuple[int, ...], naming: str) -> dict:
    """Fold one network in this process; return its figures."""
    from converters import fold_network
    from converters.collector import paused_collection

    with paused_collection():
        network = make_network(family, size, naming)

    reset_peak()
    start, cpu_start = perf_counter(), process_time()
    folding = fold_network(network)
    total, cpu = perf_counter() - start, process_time() - cpu_start
    report = folding.report
    return {
        "species": len(network.species),
        "reactions": len(network.reactions),
        "groups": len(report.groups),
        "ratio in bits": report.flat_bits / report.folded_bits,
        "fold s": report.fold_seconds,
        "proof s": report.check_seconds,
        "total s": total,
        "CPU s": cpu,
        "peak GB": peak_gigabytes(),
    }


def run_one(family: str, size: tuple[int, ...], naming: str, timeout: float) -> dict:
    """Measure in a process of its own; a run out of time or memory is said in its row."""
    name = f"{family} {'×'.join(map(str, size))}"
    command = [sys.executable, __file__, "--one", family, *map(str, size), naming]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", timeout=timeout, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"network": name, "ids": naming, "note": f"over {timeout:g} s"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with code {done.returncode}"]
        return {"network": name, "ids": naming, "note": last[0]}
    row = {"network": name, "ids": naming} | json.loads(done.stdout)
    row["aim s"] = next((s for n, s in SECONDS.items() if row["reactions"] <= n), float("inf"))
    return row


def line(row: dict) -> str:
    """Return a row as a line of a Markdown table; figures over their aim are bold."""
    cells = []
    for column in COLUMNS:
        value = row.get(column, "")
        text = f"{value:,}" if isinstance(value, int) else value
        if isinstance(value, float):
            text = f"{value:.0f}" if column == "aim s" else f"{value:.3g}"
        is_over = column == "total s" and value and value > row["aim s"]
        is_over = is_over or (column == "peak GB" and value and value > GIGABYTES)
        cells.append(f"**{text}**" if is_over else str(text))
    note = f" {row['note']}" if "note" in row else ""
    return "| " + " | ".join(cells) + " |" + note


def main() -> None:
    """Run every network and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="*", default=list(SIZES), help="names, or beginnings of them")
    parser.add_argument("--ids", nargs="*", choices=("A", "B", "C"), default=("A", "C"))
    parser.add_argument("--most", type=int, default=4, help="how many sizes of each family, smallest first")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds a network")
    parser.add_argument("--out", type=Path, help="file to write the table to, as Markdown")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        family, *size, naming = options.one
        print(json.dumps(measure(family, tuple(map(int, size)), naming)))
        return
    about = f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, "
    about += f"Python {platform.python_version()}; aims: seconds as listed, memory {GIGABYTES:g} GB."
    lines = ["# Folding at scale", "", f"Written by `benchmarks/fold_scale.py` on {about}", ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    print("\n".join(lines), flush=True)
    for family, sizes in SIZES.items():
        if any(family.startswith(name) for name in options.families):
            for size in sizes[: options.most]:
                for naming in options.ids:
                    lines.append(line(run_one(family, size, naming, options.timeout)))
                    print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
