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

from peer_processes import CellError, start_all
from peer_registry import OURS, PEERS
from problems import PROBLEMS, build
from solve_batches import batch, gradient
from solve_errors import make_reference
from solve_rows import Bench, Options, cold, load, solve
from solve_table import CLOCKS, write_tables

ROWS = {"cold": cold, "load": load, "solve": solve, "batch": batch, "gradient": gradient}


def examine(name: str, options: Options) -> dict:
    """Return the cells of one problem: row → simulator → figures or a reason."""
    record: dict = {"problem": name, "rows": {}}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        problem = build(name, Path(folder))
        record |= {"n_species": len(problem.species), "n_parameters": len(problem.parameters)}
        description = Path(folder, f"{name}.json")
        loaded, record["left out"] = start_all(stack, options.peers, description, options.limit)
        bench = Bench(problem, loaded, options)
        if reference := make_reference(loaded, problem.path):
            bench.reference = reference
            record["reference"] = {k: getattr(reference, k) for k in ("by", "second", "doubt")}
        for row in options.rows:
            try:
                record["rows"] |= ROWS[row](bench)
            except CellError as failure:
                record["rows"][row] = {"all": {"failed": str(failure)}}
            print(f"{name}: {row} done", flush=True)
    return record


def main() -> None:
    """Parse the command line, run, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), metavar="MODEL")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--sets", type=int, default=1000, help="parameter sets of a batch")
    parser.add_argument("--repeats", type=int, default=5, help="turns of every simulator")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds a cell may take")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds the turns of a cell may take")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what tables show; cpu when busy")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("results") / "solve")
    given = parser.parse_args()
    peers = [OURS, *(p for p in given.peers if p != OURS)]
    options = Options(given.rows, peers, given.repeats, given.limit, given.budget, given.sets, given.clock)
    records = []
    for name in given.models:
        records.append(examine(name, options))
        text = write_tables(records, options, given.out)
    print(text)


if __name__ == "__main__":
    main()
