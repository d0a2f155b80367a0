"""Fits of PEtab problems from random starts: what is reached, in what CPU time, beside a peer.

    python benchmarks/fit.py ../shared/data/petab-benchmarks Boehm_JProteomeRes2014 --starts 20 --peer

Each fit is a process of its own, compilation and, for the peer, building the model included.
Writes ``results/fit.json`` and ``results/fit.md``; problems that are not named keep their rows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from versions import versions

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "fit.json"
# Negative log-likelihoods at the published optima; with priors where these are part of the loss.
PUBLISHED = {
    "Boehm_JProteomeRes2014": 138.222,
    "Bruno_JExpBot2016": -46.688,
    "Fujita_SciSignal2010": -53.084,
    "Elowitz_Nature2000": -63.203,
    "Crauste_CellSystems2017": 190.965,
    "Brannmark_JBC2010": 141.889,
    "Borghans_BiophysChem1997": -83.324,
    "Zheng_PNAS2012": -278.334,
    "Weber_BMC2015": 296.202,
    "Bachmann_MSB2011": -419.13,
}


def measured(command: list[str], folder: str, limit: float) -> tuple[str, float, float]:
    """Run a command and return what it prints, and its wall and CPU seconds, children included.

    At the limit it is interrupted, and what it then prints counts.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "ICRN_CACHE": "off"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as process:
        try:
            printed, told = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            printed, told = process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not printed.strip():
        raise RuntimeError(told[-2000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return printed, time.monotonic() - began, cpu


def ours(problem: Path, options: argparse.Namespace, folder: str) -> dict:
    """Fit by the command, without cache, standard errors and other simulators."""
    command = [sys.executable, "-m", "converters.cli.train", str(problem), "--starts", str(options.starts)]
    command += ["--seed", str(options.seed), "--hops", str(options.hops), "--json", "--no-cache"]
    command += ["--no-errors", "--no-validate"]
    printed, wall, cpu = measured(command, folder, options.limit)
    losses = [start["loss"] for start in json.loads(printed)["starts"]]
    return {**row("icrn-train", losses, wall, cpu), "hops": options.hops}


def peer(problem: Path, options: argparse.Namespace, folder: str) -> dict:
    """Fit by AMICI, fides and pyPESTO, the model built anew."""
    command = [sys.executable, str(HERE / "fit_peer.py"), str(problem), str(options.starts)]
    printed, wall, cpu = measured(command, folder, options.limit)
    return row("AMICI + fides", json.loads(printed.splitlines()[-1])["losses"], wall, cpu)


def row(tool: str, losses: list, wall: float, cpu: float) -> dict:
    """Return one row of the table."""
    # Starts that were not begun when a fit was interrupted have no loss.
    finite = sorted(x for x in losses if x is not None and np.isfinite(x))
    return {"tool": tool, "n_starts": len(losses), "losses": finite, "wall": wall, "cpu": cpu}


def table(found: dict) -> str:
    """Return the results as a table."""
    lines = [
        "| problem | published | tool | starts | hops | best | within .01 / .1 of it | CPU s | wall s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in found["problems"].items():
        for own in rows.values():
            losses = np.array(own["losses"])
            near = [int((losses <= losses[0] + d).sum()) for d in (0.01, 0.1)]
            cells = (name, PUBLISHED.get(name, ""), own["tool"], own["n_starts"], own.get("hops", ""))
            cells += (f"{losses[0]:.4f}", f"{near[0]} / {near[1]}", f"{own['cpu']:.0f}", f"{own['wall']:.0f}")
            lines.append(f"| {' | '.join(map(str, cells))} |")
    said = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return "\n".join(
        [
            "# Fits from random starts",
            "",
            f"`python benchmarks/fit.py` on {found['machine']}; {said}. CPU seconds of the whole process: "
            "reading, compiling (for AMICI: building the C++ model), fitting. Starts of both are spread over "
            "the bounds; ours are moved on by hops (docs/training.md).",
            "",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Run the problems and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of PEtab problems, one folder each")
    parser.add_argument("names", nargs="+", help="problems")
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--hops", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds for each fit")
    parser.add_argument("--peer", action="store_true", help="run AMICI and fides too")
    options = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"problems": {}}
    found["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    found["versions"] = versions(("jax", "numpy", "scipy", "petab", "amici", "fides", "pypesto"))
    for name in options.names:
        problem = (options.folder / name / f"{name}.yaml").resolve()
        for tool in (ours, peer) if options.peer else (ours,):
            with tempfile.TemporaryDirectory() as folder:
                own = tool(problem, options, folder)
            found["problems"].setdefault(name, {})[own["tool"]] = own
            print(name, own["tool"], f"best {own['losses'][0]:.4f}, CPU {own['cpu']:.0f} s")
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        RESULTS.with_suffix(".md").write_text(table(found))


if __name__ == "__main__":
    main()
