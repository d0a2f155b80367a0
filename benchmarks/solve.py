"""Times of reading, solving, batches and gradients beside other simulators, in one run.

``python benchmarks/solve.py`` builds every problem as one SBML file that all simulators read,
runs each simulator in a process of its own, lets them take turns, and writes medians and ratios to
``results/solve.json`` and ``results/solve.md``.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from problems import PROBLEMS, build
from processes import CellError, Process
from solve_rows import ROWS, Options
from solve_table import write_tables
from worker import PEERS

OURS = "ours"


def examine(name: str, options: Options) -> dict:
    """Return the cells of one problem: row → simulator → figures or a reason."""
    record: dict = {"problem": name, "rows": {}}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        problem = build(name, Path(folder))
        record |= {"n_species": len(problem.species), "n_parameters": len(problem.parameters)}
        description = Path(folder, f"{name}.json")
        loaded: dict[str, Process] = {}
        record["rows"]["load"] = loading = {}
        for peer in options.peers:
            process = stack.enter_context(Process(peer, description, options.limit))
            try:
                loading[peer] = process.ask("load")
                loaded[peer] = process
            except CellError as failure:
                loading[peer] = {"failed": str(failure)}
        for row in options.rows:
            record["rows"] |= ROWS[row](problem, loaded, options)
    return record


def main() -> None:
    """Parse the command line, run, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), metavar="MODEL")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--repeats", type=int, default=5, help="turns of every simulator")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds a cell may take")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("results") / "solve")
    given = parser.parse_args()
    peers = [OURS, *(p for p in given.peers if p != OURS)]
    options = Options(given.rows, peers, given.repeats, given.limit)
    records = []
    for name in given.models:
        records.append(examine(name, options))
        text = write_tables(records, options, given.out)
        print(f"{name} done", flush=True)
    print(text)


if __name__ == "__main__":
    main()
