"""Batches and gradients on whatever device JAX finds, with the share of its peak that is reached.

``python benchmarks/gpu.py --peak-bytes 4.8e12 --peak-flops 3.4e13`` solves each problem for
batches of parameter sets and takes gradients of a loss for them, and writes
``results/gpu_DEVICE.json`` and ``.md``. On a machine without an accelerator it runs on the CPU and
says so.

Bytes and operations are those of XLA's cost analysis, which counts the body of a loop once; they are
multiplied by the steps of the slowest member, since a mapped loop runs until that one is done. That
is an estimate: what is outside the loop is multiplied too, loops inside its body are not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from peer_ours import Ours
from peers import Loss
from problem import Problem
from problems import PROBLEMS, build
from solve_errors import FLOOR

RTOL, ATOL = 1e-6, 1e-9
COLUMNS = (
    *("problem", "row", "sets", "compile s", "run s", "sets/s", "steps", "failed"),
    *("GB/s", "GF/s", "of peak bytes", "of peak flops", "MB"),
)


def main() -> None:
    """Parse the command line, run, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    small = ["boehm", "fujita", "elowitz", "bachmann"]
    parser.add_argument("--models", nargs="+", choices=PROBLEMS, default=small, metavar="MODEL")
    parser.add_argument("--sets", nargs="+", type=int, default=[1, 100, 1000, 10_000])
    parser.add_argument("--gradient-sets", nargs="+", type=int, default=[1, 100])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peak-bytes", type=float, help="bytes/s the device's memory can do")
    parser.add_argument("--peak-flops", type=float, help="float64 operations/s the device can do")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("results"))
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    device = jax.devices()[0]
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models:
            problem = build(name, Path(folder))
            peer = Ours(problem)
            peer.load()
            for n_sets in given.sets:
                rows.append(examine(name, "batch", peer, parameter_sets(problem, n_sets), given))
            for n_sets in given.gradient_sets:
                rows.append(examine(name, "gradient", peer, parameter_sets(problem, n_sets), given))
    write(rows, device, given)


def parameter_sets(problem: Problem, n_sets: int) -> np.ndarray:
    """Return parameter sets log-uniform within a factor of 2 of the nominal ones."""
    factors = 2 ** np.random.default_rng(0).uniform(-1, 1, (n_sets, len(problem.parameters)))
    return np.array(problem.nominal) * factors


def examine(name: str, row: str, peer: Ours, sets: np.ndarray, given: argparse.Namespace) -> dict:
    """Return the figures of one row."""
    params = jax.device_put(peer.batched_params(sets))
    program = forward(peer) if row == "batch" else with_gradient(peer)
    start = time.perf_counter()
    compiled = jax.jit(jax.vmap(program)).lower(params).compile()
    compile_seconds = time.perf_counter() - start
    codes, steps, *_ = jax.block_until_ready(compiled(params))
    seconds = median_seconds(lambda: jax.block_until_ready(compiled(params)), given.repeats)
    loops = int(np.max(steps))
    record = {"problem": name, "row": row, "sets": len(sets), "compile s": compile_seconds, "run s": seconds}
    record |= {"sets/s": len(sets) / seconds, "steps": loops, "failed": int(np.sum(np.asarray(codes) != 0))}
    record |= shares(compiled, loops, seconds, given)
    print(" ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in record.items()))
    return record


def forward(peer: Ours) -> Callable:
    """Return result code, steps tried and states as a function of the parameters."""
    solve = peer.program(RTOL, ATOL)

    def program(params):
        solution = solve(params)
        counts = solution.statistics
        return solution.result, counts.n_steps + counts.n_rejected, solution.states

    return program


def with_gradient(peer: Ours) -> Callable:
    """Return result code, steps tried, and the gradient of a loss as a function of the parameters."""
    table = peer.table(peer.solve(RTOL, ATOL))
    loss = Loss(0.8 * table, np.maximum(np.abs(table).max(axis=0), FLOOR))
    program = jax.value_and_grad(peer.loss(loss, RTOL, ATOL), has_aux=True)

    def gradient(params):
        (_, (code, steps)), found = program(params)
        return code, steps, found

    return gradient


def median_seconds(run: Callable, repeats: int) -> float:
    """Return the median wall time of some runs."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def shares(compiled, loops: int, seconds: float, given: argparse.Namespace) -> dict[str, float]:
    """Return bytes and operations a second, and their shares of the peaks given."""
    analysis = compiled.cost_analysis()
    cost = analysis[0] if isinstance(analysis, list) else analysis
    n_bytes, n_flops = (loops * float(cost.get(key, 0.0)) for key in ("bytes accessed", "flops"))
    memory = compiled.memory_analysis()
    found = {"GB/s": n_bytes / seconds / 1e9, "GF/s": n_flops / seconds / 1e9}
    if given.peak_bytes:
        found["of peak bytes"] = n_bytes / seconds / given.peak_bytes
    if given.peak_flops:
        found["of peak flops"] = n_flops / seconds / given.peak_flops
    return found | {"MB": (memory.temp_size_in_bytes + memory.output_size_in_bytes) / 1e6}


def write(rows: list[dict], device, given: argparse.Namespace) -> None:
    """Write JSON and Markdown named after the kind of device."""
    is_cpu = device.platform == "cpu"
    title = f"# Batches and gradients on {device.device_kind}"
    note = "No accelerator was found: these are figures of the CPU.\n\n" if is_cpu else ""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for row in rows:
        cells = [row.get(column, "") for column in COLUMNS]
        lines.append("| " + " | ".join(f"{c:.3g}" if isinstance(c, float) else str(c) for c in cells) + " |")
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"gpu_{device.platform}"
    about = {"device": device.device_kind, "platform": device.platform, "jax": jax.__version__}
    about |= {"rtol": RTOL, "atol": ATOL, "peak bytes/s": given.peak_bytes, "peak flops": given.peak_flops}
    path.with_suffix(".json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
    path.with_suffix(".md").write_text(f"{title}\n\n{note}" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
