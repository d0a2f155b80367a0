"""The process that holds one simulator with one problem and obeys requests on its standard input.

``python benchmarks/worker.py PEER PROBLEM.json``: one JSON object a line in, one out. A process
for each simulator keeps them from slowing each other down, and can be ended when a request takes
too long. Whatever a simulator prints goes to the standard error stream.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ours import Ours
from peers import LibRoadRunner, NotAvailableError, Peer
from problem import Problem

PEERS: dict[str, type[Peer]] = {"ours": Ours, "libroadrunner": LibRoadRunner}


class Worker:
    """Answers requests about one simulator and one problem."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def load(self) -> dict:
        """Import the simulator, then time the loading of the model."""
        seconds, _ = timed(self.peer.imported)
        loading, _ = timed(self.peer.load)
        return {"import": seconds, "load": loading}

    def solve(self, rtol: float, atol: float, repeats: int, save: str = "") -> dict:
        """Solve a few times; return the median of the wall and of the CPU seconds."""
        walls, cpus, result = [], [], None
        for _ in range(repeats):
            cpu = time.process_time()
            wall, result = timed(self.peer.solve, rtol, atol)
            walls.append(wall)
            cpus.append(time.process_time() - cpu)
        if save:
            np.save(save, self.peer.table(result))
        return {"wall": statistics.median(walls), "cpu": statistics.median(cpus)}


def timed(work: Callable, *arguments) -> tuple[float, object]:
    """Return the wall seconds of a call and its result."""
    start = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - start, result


def main() -> None:
    """Answer until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    name, problem = sys.argv[1:]
    worker = Worker(PEERS[name](Problem.load(Path(problem))))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except NotAvailableError as error:
            answer = {"unavailable": str(error)}
        except Exception as error:  # noqa: BLE001 (what goes wrong in a simulator is its cell)
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
