"""From nothing to a table of numbers: what a cold start is timed with.

``python benchmarks/cold.py PEER PROBLEM.json OUT.csv`` reads the model, integrates it once at
rtol 1e-6 and atol 1e-9, and writes a CSV file with a column for each species.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from peers import NotAvailableError, Peer
from problem import Problem
from registry import OURS, peer_class


def ours(problem: Problem) -> np.ndarray:
    """Run as the command does, by `run_time_course`."""
    from converters import run_time_course

    times = np.linspace(0.0, problem.end, problem.n_points)
    course = run_time_course(problem.path, times, rtol=1e-6, atol=1e-9)
    return np.stack([course.amounts[name] for name in problem.species], axis=1)


def theirs(peer: Peer) -> np.ndarray:
    """Load and solve."""
    peer.load()
    return peer.table(peer.solve(1e-6, 1e-9))


def main() -> None:
    """Run one simulator once."""
    name, description, out = sys.argv[1:]
    problem = Problem.load(Path(description))
    try:
        table = ours(problem) if name == OURS else theirs(peer_class(name)(problem))
    except NotAvailableError as error:
        sys.exit(str(error))
    np.savetxt(out, table, delimiter=",", header=",".join(problem.species))


if __name__ == "__main__":
    main()
