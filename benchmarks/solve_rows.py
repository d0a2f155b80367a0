"""The rows of `solve.py`: each asks the loaded simulators for figures, in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from problem import Problem
from processes import CellError, Process

BURST = 0.1  # seconds a simulator solves on end before it is another's turn
MOST = 20


@dataclass(frozen=True)
class Options:
    """What is run: rows, simulators, turns, and the seconds a cell may take."""

    rows: list[str]
    peers: list[str]
    repeats: int
    limit: float


def in_turns(
    loaded: Mapping[str, Process], request: Callable[[Process, int], dict], repeats: int
) -> dict[str, dict]:
    """Ask every simulator in turns; return medians, or what failed.

    The first request, in which code may be compiled, is left out of the medians and sets how
    often a simulator solves in a turn.
    """
    cells: dict[str, dict] = {}
    samples: dict[str, list[dict]] = {}
    bursts: dict[str, int] = {}
    for peer, process in loaded.items():
        try:
            first, again = request(process, 1), request(process, 1)
        except CellError as failure:
            cells[peer] = {"failed": str(failure)}
            continue
        bursts[peer] = int(np.clip(BURST / max(again["wall"], 1e-6), 1, MOST))
        cells[peer] = {"first": first["wall"]}
        samples[peer] = []
    for _ in range(repeats):
        for peer in list(samples):
            try:
                samples[peer].append(request(loaded[peer], bursts[peer]))
            except CellError as failure:
                cells[peer] = {"failed": str(failure)}
                del samples[peer]
    for peer, taken in samples.items():
        cells[peer] |= {kind: statistics.median(s[kind] for s in taken) for kind in ("wall", "cpu")}
        cells[peer] |= {"samples": [s["wall"] for s in taken]}
    return cells


def one_solve(problem: Problem, loaded: Mapping[str, Process], options: Options) -> dict[str, dict]:
    """Return one solve at each pair of tolerances."""
    rows = {}
    for rtol, atol in problem.tolerances:

        def request(process: Process, repeats: int, rtol: float = rtol, atol: float = atol) -> dict:
            save = str(Path(problem.path).with_suffix(f".{process.peer}.npy"))
            return process.ask("solve", rtol=rtol, atol=atol, repeats=repeats, save=save)

        rows[f"solve {rtol:.0e}"] = in_turns(loaded, request, options.repeats)
    return rows


ROWS: dict[str, Callable[[Problem, Mapping[str, Process], Options], dict[str, dict]]] = {"solve": one_solve}
