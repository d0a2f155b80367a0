"""From nothing to a table of numbers: what another simulator's cold start is timed with.

``python benchmarks/peer_cold.py PEER PROBLEM.json OUT.csv`` reads the model, integrates it once at
rtol 1e-6 and atol 1e-9, and writes a CSV file with a column for each species.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from peer_registry import peer_class
from peers import NotAvailableError
from problem import Problem


def main() -> None:
    """Run one simulator once."""
    name, description, out = sys.argv[1:]
    problem = Problem.load(Path(description))
    peer = peer_class(name)(problem)
    try:
        peer.load()
        table = peer.table(peer.solve(1e-6, 1e-9))
    except NotAvailableError as error:
        sys.exit(str(error))
    np.savetxt(out, table, delimiter=",", header=",".join(problem.species))


if __name__ == "__main__":
    main()
