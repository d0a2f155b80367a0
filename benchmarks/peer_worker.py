"""The process that holds one simulator with one problem and obeys requests on its standard input.

``python benchmarks/peer_worker.py PEER PROBLEM.json``: one JSON object a line in, one out. A process
for each simulator keeps them from slowing each other down, and can be ended when a request takes
too long. Whatever a simulator prints goes to the standard error stream.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from peer_registry import peer_class
from peers import Loss, NotAvailableError, Peer
from problem import Problem


class Worker:
    """Answers requests about one simulator and one problem."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.loss: Loss | None = None

    def load(self) -> dict:
        """Import the simulator, then load the model."""
        importing, _ = timed(self.peer.imported)
        loading, _ = timed(self.peer.load)
        return {"import": importing["wall"], **loading}

    def solve(self, rtol: float, atol: float, repeats: int, save: str) -> dict:
        """Solve a few times; return medians, and counts of the last solve."""
        samples = []
        for _ in range(repeats):
            sample, result = timed(self.peer.solve, rtol, atol)
            samples.append(sample)
        np.save(save, self.peer.table(result))
        return {**medians(samples), "counts": self.peer.counts(result)}

    def batch(self, sets: str, rtol: float, atol: float, repeats: int, save: str) -> dict:
        """Solve for every row of a file of parameters."""
        parameters = np.load(sets)
        samples = []
        for _ in range(repeats):
            sample, results = timed(self.peer.batch, parameters, rtol, atol)
            samples.append(sample)
        np.save(save, self.peer.tables(results))
        return medians(samples)

    def gradient(self, data: str, rtol: float, atol: float, repeats: int, save: str) -> dict:
        """Take the gradient of the loss against a file of data, whose last row is the scale."""
        if self.loss is None:
            table = np.load(data)
            self.loss = Loss(table[:-1], table[-1])
        samples, forward = [], []
        for _ in range(repeats):
            sample, (value, gradient) = timed(self.peer.gradient, self.loss, rtol, atol)
            samples.append(sample)
            forward.append(timed(self.peer.solve, rtol, atol)[0])
        np.save(save, gradient)
        return {**medians(samples), "loss": value, "forward": medians(forward)}

    def gradient_memory(self, rtol: float, atol: float) -> dict:
        """Return bytes by XLA's account."""
        return self.peer.gradient_memory(rtol, atol)


def timed(work: Callable, *arguments) -> tuple[dict[str, float], object]:
    """Return the wall and CPU seconds of a call, and its result."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = work(*arguments)
    wall = time.perf_counter() - wall
    return {"wall": wall, "cpu": cpu_seconds() - cpu}, result


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, its threads, and compilers it has run."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def medians(samples: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each kind of seconds."""
    return {kind: statistics.median(sample[kind] for sample in samples) for kind in samples[0]}


def main() -> None:
    """Answer until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    name, problem = sys.argv[1:]
    worker = Worker(peer_class(name)(Problem.load(Path(problem))))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except NotAvailableError as error:
            answer = {"failed": str(error)}
        except Exception as error:  # noqa: BLE001 (what goes wrong in a simulator is its cell)
            answer = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]}
        answers.write(json.dumps(answer, default=float) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
