"""Rows of `solve.py`: cold start, loading, one solve; each asks simulators for figures in turns."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from peer_processes import CellError, Process, cold_start
from peer_registry import COUNTED_ONLY
from problem import Problem
from solve_errors import Reference

BURST = 0.1  # seconds a simulator solves on end before it is another's turn
MOST = 20
LOOSE = (1e-6, 1e-9)


@dataclass(frozen=True)
class Options:
    """What is run: rows, simulators, turns, the seconds a request and all turns may take, what is shown."""

    rows: list[str]
    peers: list[str]
    repeats: int
    limit: float
    budget: float
    n_sets: int
    clock: str


class Bench:
    """A problem, the processes that have it loaded, and what is known of its solution."""

    def __init__(self, problem: Problem, loaded: dict[str, Process], options: Options) -> None:
        self.problem, self.loaded, self.options = problem, loaded, options
        self.reference: Reference | None = None

    def in_turns(
        self, request: Callable[[Process, int, str], dict], check: Callable[[np.ndarray], dict]
    ) -> dict[str, dict]:
        """Ask every simulator in turns; return medians and what the check says, or what failed.

        The first request, in which code may be compiled, is left out of the medians. Those that
        would take longer than the budget in all get fewer turns, but one at least.
        """
        cells, samples, bursts, turns = {}, {}, {}, {}
        for peer, process in self.loaded.items():
            save = str(Path(self.problem.path).with_suffix(f".{peer}.npy"))
            try:
                first, again = request(process, 1, save), request(process, 1, save)
                cells[peer] = {**again, "first": first["wall"], **check(np.load(save))}
            except CellError as failure:
                cells[peer] = {"failed": str(failure)}
                continue
            bursts[peer] = int(np.clip(BURST / again["wall"], 1, MOST))
            turns[peer] = int(np.clip(self.options.budget / again["wall"], 1, self.options.repeats))
            samples[peer] = []
        for turn in range(self.options.repeats):
            for peer in [p for p in samples if turn < turns[p]]:
                try:
                    save = str(Path(self.problem.path).with_suffix(f".{peer}.npy"))
                    samples[peer].append(request(self.loaded[peer], bursts[peer], save))
                except CellError as failure:
                    cells[peer] = {"failed": str(failure)}
                    del samples[peer]
        for peer, taken in samples.items():
            cells[peer] |= _medians(taken) | {"walls": [s["wall"] for s in taken]}
            if "forward" in taken[0]:
                cells[peer]["forward"] = _medians([s["forward"] for s in taken])
        return cells


def load(bench: Bench) -> dict[str, dict]:
    """Load the model in fresh processes: import, load, first solve; caches empty."""
    problem, options = bench.problem, bench.options
    description = Path(problem.path).with_suffix(".json")
    samples: dict[str, list[dict]] = {p: [] for p in bench.loaded if p not in COUNTED_ONLY}
    failed = {}
    for _ in range(options.repeats):
        for peer in [p for p in samples if p not in failed and not _is_enough(samples[p], options.budget)]:
            with Process(peer, description, options.limit) as process:
                try:
                    answer = process.ask("load")
                    save = str(Path(problem.path).with_suffix(f".{peer}.npy"))
                    first = process.ask("solve", rtol=LOOSE[0], atol=LOOSE[1], repeats=1, save=save)
                except CellError as failure:
                    failed[peer] = {"failed": str(failure)}
                    continue
                parts = {"import": answer["import"], "load": answer["wall"], "first": first["wall"]}
                total = {kind: answer[kind] + first[kind] for kind in ("wall", "cpu")}
                samples[peer].append({**parts, **total})
    return {"load": {p: failed.get(p) or _medians(taken) for p, taken in samples.items()}}


def cold(bench: Bench) -> dict[str, dict]:
    """From nothing to a CSV in a fresh process, with empty caches and with those of the last run."""
    options = bench.options
    description = Path(bench.problem.path).with_suffix(".json")
    rows: dict[str, dict] = {"cold": {}, "cold, caches kept": {}}
    samples = {row: {p: [] for p in options.peers if p not in COUNTED_ONLY} for row in rows}
    for _ in range(options.repeats):
        for peer, taken in samples["cold"].items():
            if peer in rows["cold"] or _is_enough(taken, options.budget):
                continue
            with tempfile.TemporaryDirectory() as cache:
                for row in rows:
                    try:
                        samples[row][peer].append(cold_start(peer, description, cache, options.limit))
                    except CellError as failure:
                        rows["cold"][peer] = rows["cold, caches kept"][peer] = {"failed": str(failure)}
                        break
    for row, by_peer in samples.items():
        rows[row] |= {p: _medians(taken) for p, taken in by_peer.items() if p not in rows[row]}
    return rows


def _is_enough(taken: list[dict], budget: float) -> bool:
    return sum(sample["wall"] for sample in taken) > budget


def _medians(taken: list[dict]) -> dict:
    kinds = [kind for kind, value in taken[0].items() if isinstance(value, float)]
    return {kind: statistics.median(s[kind] for s in taken) for kind in kinds} | {"n": len(taken)}


def solve(bench: Bench) -> dict[str, dict]:
    """Return one solve at each pair of tolerances, with its error."""
    rows = {}
    for rtol, atol in bench.problem.tolerances:

        def request(process: Process, n: int, save: str, rtol: float = rtol, atol: float = atol) -> dict:
            return process.ask("solve", rtol=rtol, atol=atol, repeats=n, save=save)

        def check(table: np.ndarray) -> dict:
            return {"error": bench.reference.error(table)} if bench.reference else {}

        rows[f"solve {rtol:.0e}"] = bench.in_turns(request, check)
    return rows
