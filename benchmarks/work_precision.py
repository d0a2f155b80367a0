"""A work–precision plot for each problem: error against time over a range of tolerances.

``python benchmarks/work_precision.py`` solves every problem with every simulator at rtol 1e-3 to
1e-10 (atol a thousandth of it), in turns, against a solution at rtol 1e-12, and writes
``results/work_precision.json``, ``results/work_precision_MODEL.png``, and
``results/work_precision.md``: our time over another's at the error that the other reaches at rtol 1e-6.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from peer_processes import CellError, Process, start_all
from peer_registry import OURS, PEERS, peer_class
from problems import PROBLEMS, build
from solve_errors import FLOOR, make_reference
from solve_rows import Bench, Options

RTOLS = tuple(10.0**-k for k in range(3, 11))


def curves(name: str, options: Options) -> dict:
    """Return, for each simulator, its times and errors by tolerance."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        problem = build(name, Path(folder))
        loaded, gone = start_all(stack, options.peers, Path(folder, f"{name}.json"), options.limit)
        for peer, why in gone.items():
            print(f"{name}: {peer} left out: {why}")
        bench = Bench(problem, loaded, options)
        bench.reference = make_reference(loaded, problem.path)
        if bench.reference is None:
            raise CellError(f"no simulator solves {name} at rtol 1e-12")
        points: dict[str, list] = {peer: [] for peer in loaded}
        for rtol in RTOLS:
            for peer, cell in one_tolerance(bench, rtol).items():
                if "wall" in cell:
                    points[peer].append(
                        {"rtol": rtol, "seconds": cell[options.clock], "error": cell["error"]}
                    )
        known = bench.reference
        return {
            "problem": name,
            "clock": options.clock,
            "reference": [known.by, known.second, known.doubt],
            "points": points,
        }


def one_tolerance(bench: Bench, rtol: float) -> dict[str, dict]:
    """Return times and errors at one tolerance."""

    def request(process: Process, n: int, save: str) -> dict:
        return process.ask("solve", rtol=rtol, atol=FLOOR * rtol, repeats=n, save=save)

    return bench.in_turns(request, lambda table: {"error": bench.reference.error(table)})


def plot(record: dict, path: Path) -> None:
    """Draw error against time, one line a simulator."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.4), layout="constrained")
    for peer, points in record["points"].items():
        kept = [(p["seconds"], p["error"]) for p in points if np.isfinite(p["error"]) and p["error"] > 0]
        if kept:
            style = {"linewidth": 2.5, "color": "black"} if peer == OURS else {"linewidth": 1.2}
            axes.loglog(*zip(*kept, strict=True), marker="o", label=peer_class(peer).label, **style)
    doubt = record["reference"][2]
    if np.isfinite(doubt):
        axes.axhline(doubt, color="grey", linestyle=":", label="difference of two references")
    axes.set(xlabel=f"{record['clock']} seconds a solve", ylabel="error", title=record["problem"])
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def seconds_at(points: list[dict], error: float) -> float:
    """Return the time at an error, between points by power law, NaN outside them.

    Only points that no faster one beats in error count.
    """
    best = sorted(((p["error"], p["seconds"]) for p in points if p["error"] > 0), reverse=True)
    errors, seconds = [], []
    for found, taken in best:
        while seconds and seconds[-1] >= taken:
            errors.pop()
            seconds.pop()
        errors.append(found)
        seconds.append(taken)
    if not errors or error < errors[-1]:
        return float("nan")
    logs = np.log(errors[::-1]), np.log(seconds[::-1])
    return float(np.exp(np.interp(np.log(error), *logs)))


def equal_error_table(records: dict[str, dict]) -> str:
    """Return Markdown: our time over theirs at the error they reach at rtol 1e-6."""
    peers = list(dict.fromkeys(p for r in records.values() for p in r["points"] if p != OURS))
    lines = ["# Our time over theirs at equal error", "", "At the error the other reaches at rtol 1e-6.", ""]
    lines.append("| | " + " | ".join(peer_class(p).label for p in peers) + " |")
    lines.append("|---" * (len(peers) + 1) + "|")
    for name, record in records.items():
        cells = []
        for peer in peers:
            theirs = [p for p in record["points"].get(peer, []) if np.isclose(p["rtol"], 1e-6)]
            ours = seconds_at(record["points"][OURS], theirs[0]["error"]) if theirs else float("nan")
            cells.append(f"{ours / theirs[0]['seconds']:.2g} (e {theirs[0]['error']:.0e})" if theirs else "–")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the command line, run, write the figures and plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), metavar="MODEL")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=["libroadrunner", "bngsim", "copasi"])
    parser.add_argument("--repeats", type=int, default=5, help="turns of every simulator")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds a solve may take")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds the turns of a point may take")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu on a busy machine")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("results"))
    given = parser.parse_args()
    peers = [OURS, *(p for p in given.peers if p != OURS)]
    options = Options(["solve"], peers, given.repeats, given.limit, given.budget, 0, given.clock)
    given.out.mkdir(parents=True, exist_ok=True)
    store = given.out / "work_precision.json"
    records = json.loads(store.read_text()) if store.exists() else {}
    for name in given.models:
        try:
            records[name] = curves(name, options)
        except CellError as failure:
            print(failure)
            continue
        store.write_text(json.dumps(records, indent=1) + "\n")
        (given.out / "work_precision.md").write_text(equal_error_table(records))
        plot(records[name], given.out / f"work_precision_{name}.png")
        print(f"{name} done", flush=True)


if __name__ == "__main__":
    main()
