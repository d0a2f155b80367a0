"""Rows of `solve.py` over many parameters: a batch of parameter sets, and the gradient of a loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from peer_processes import CellError, Process
from peer_registry import OURS
from solve_errors import FLOOR, difference
from solve_rows import LOOSE, Bench

TIGHT = (1e-9, 1e-12)
N_DIRECTIONS = 3
MOST_SPECIES = 30  # a batch of larger problems is no different, but takes long
STEP = 1e-3  # of the logarithm of a parameter


def batch(bench: Bench) -> dict[str, dict]:
    """Return many parameter sets, log-uniform within a factor of 2 of the nominal ones; small problems."""
    problem, n_sets = bench.problem, bench.options.n_sets
    if len(problem.species) > MOST_SPECIES:
        return {}
    factors = 2 ** np.random.default_rng(0).uniform(-1, 1, (n_sets, len(problem.parameters)))
    sets = Path(problem.path).with_suffix(".sets.npy")
    np.save(sets, np.array(problem.nominal) * factors)
    expected = solved_by_another(bench, sets)

    def request(process: Process, n: int, save: str) -> dict:
        return process.ask("batch", sets=str(sets), rtol=LOOSE[0], atol=LOOSE[1], repeats=n, save=save)

    def check(tables: np.ndarray) -> dict:
        errors = np.array([difference(a, b) for a, b in zip(tables, expected, strict=True)])
        return {
            "error": float(np.nanmax(errors)),
            "median error": float(np.nanmedian(errors)),
            "failed members": int(np.isnan(errors).sum()),
        }

    return {f"{n_sets} sets": bench.in_turns(request, check)}


def solved_by_another(bench: Bench, sets: Path) -> np.ndarray:
    """Solve a batch at rtol 1e-9 with another simulator, with ours where there is none."""
    save = str(sets.with_suffix(".expected.npy"))
    for peer in [p for p in ("bngsim", "libroadrunner", OURS) if p in bench.loaded]:
        try:
            bench.loaded[peer].ask(
                "batch", sets=str(sets), rtol=TIGHT[0], atol=TIGHT[1], repeats=1, save=save
            )
        except CellError:
            continue
        return np.load(save)
    raise CellError("no simulator solves the batch at rtol 1e-9")


def gradient(bench: Bench) -> dict[str, dict]:
    """Return the gradient of a sum of squares by all parameters.

    The data are 80 % of the reference with 10 % noise. Each gradient is compared with central differences
    along random directions in the logarithms of the parameters, solved by another simulator.
    """
    if bench.reference is None:
        raise CellError("no reference to make data from")
    problem, table = bench.problem, bench.reference.table
    measured = table * np.random.default_rng(1).normal(0.8, 0.1, size=table.shape)
    scale = np.maximum(np.max(np.abs(table), axis=0), FLOOR)
    data = Path(problem.path).with_suffix(".data.npy")
    np.save(data, np.concatenate([measured, scale[None]]))
    directions, slopes = central_differences(bench, measured, scale)
    nominal = np.array(problem.nominal)

    def request(process: Process, n: int, save: str) -> dict:
        return process.ask("gradient", data=str(data), rtol=LOOSE[0], atol=LOOSE[1], repeats=n, save=save)

    def check(found: np.ndarray) -> dict:
        gap = np.abs(directions @ (found * nominal) - slopes)
        return {"error": float(np.max(gap) / np.max(np.abs(slopes)))}

    cells = bench.in_turns(request, check)
    if "wall" in cells.get(OURS, {}):
        try:
            cells[OURS]["bytes"] = bench.loaded[OURS].ask("gradient_memory", rtol=LOOSE[0], atol=LOOSE[1])
        except CellError as failure:
            cells[OURS]["bytes"] = {"failed": str(failure)}
    return {"gradient": cells}


def central_differences(bench: Bench, data: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return random directions, (n_directions, n_parameters), and the slope of the loss along each."""
    nominal = np.array(bench.problem.nominal)
    directions = np.random.default_rng(2).normal(size=(N_DIRECTIONS, len(nominal)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    sets = Path(bench.problem.path).with_suffix(".directions.npy")
    np.save(sets, nominal * np.exp(STEP * np.concatenate([directions, -directions])))
    tables = solved_by_another(bench, sets)
    losses = np.sum(((tables - data) / scale) ** 2, axis=(1, 2))
    return directions, (losses[:N_DIRECTIONS] - losses[N_DIRECTIONS:]) / (2 * STEP)
