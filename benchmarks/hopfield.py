"""Gradient of a run of dual-rail neurons that diffuse: CPU seconds and memory.

``python benchmarks/hopfield.py --icrn PYTHON`` authors the Hopfield-like network of the ICRN paper,
x⁺_i → x⁺_i + x⁺_j at relu(W⁺_ij), x⁺_i → x⁺_i + x⁻_j at relu(−W⁺_ij), likewise for x⁻ with W⁻, and
3 x → 2 x at k, on a periodic 50 × 50 grid, and takes the gradient of the mean squared error of three
visible neurons after 125 steps of .1 by all weights and diffusion constants. The fast x⁺ + x⁻ → ∅ has ended
in every state that other reactions see (``project``). Steps are Strang's with Runge–Kutta steps of the
reactions. The package ``icrn``, the library of that paper, runs the same network and number of steps by its
own scheme (fast reactions once a step, a Runge–Kutta step, backward Euler for diffusion), in float32, without
checkpoints (it unrolls them); ``--icrn`` is a Python, 3.12 or newer, that has it.

Each row is a process of its own; seconds are CPU seconds, medians of repeats, without compilation. Memory is
XLA's account of the program's buffers (temporary, arguments, results), and the largest resident size of the
whole process, JAX included.

Results go to ``results/hopfield.md``. They are figures, not a test.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from icrn_core import Grid, compile_icrn, simulate_field

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))
from hopfield_image.network import annihilated, diffusion, first_values, hopfield

HERE = Path(__file__).resolve().parent
RESULTS, PEER = HERE / "results" / "hopfield.md", HERE / "icrn_peer.py"
STEP, N_STEPS, N_VISIBLE = 0.1, 125, 3
COLUMNS = (
    "program",
    "neurons",
    "grid",
    "dtype",
    "stores",
    "forward s",
    "gradient s",
    "buffers MB",
    "process MB",
    "loss",
)


def problem(n: int, points: int, dtype: np.dtype, stores: str) -> tuple[Callable, dict]:
    """Return the loss of trained tensors, and these."""
    trained = {name: x.astype(dtype) for name, x in first_values(n, seed=0).items()}
    grid = Grid((points, points))
    radius = np.hypot(*np.meshgrid(*(x - x.mean() for x in grid.axes)))
    seed = np.zeros((n, *grid.shape))
    seed[:N_VISIBLE] = 1.0 / (1.0 + np.exp(radius - 10.0))
    target = np.random.default_rng(1).random((N_VISIBLE, *grid.shape))
    dynamics = compile_icrn(hopfield(n).icrn)

    def loss(trained: dict):
        solution = simulate_field(
            dynamics,
            {"plus": seed, "minus": np.zeros(n)},
            {"W": trained["W"], "V": trained["V"], "k": 1.0},
            diffusion(trained["theta"]),
            grid,
            step=STEP,
            n_steps=N_STEPS,
            scheme="strang",
            checkpoint=stores,
            project=annihilated,
            dtype=dtype,
        )
        found = solution.fields["plus"][-1] - solution.fields["minus"][-1]
        return jnp.mean((found[:N_VISIBLE] - target.astype(dtype)) ** 2)

    return loss, trained


def timed(function: Callable, argument: dict, repeats: int) -> tuple[object, float, int]:
    """Return the result of a compiled function, its CPU seconds and the bytes of its buffers."""
    compiled = jax.jit(function).lower(argument).compile()
    used = compiled.memory_analysis()
    result = jax.block_until_ready(compiled(argument))
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        jax.block_until_ready(compiled(argument))
        seconds.append(time.process_time() - begun)
    n_bytes = used.temp_size_in_bytes + used.argument_size_in_bytes + used.output_size_in_bytes
    return result, statistics.median(seconds), n_bytes


def measure(neurons: int, points: int, dtype: str, stores: str, repeats: int) -> dict:
    """Return one row of the table."""
    loss, trained = problem(neurons, points, np.dtype(dtype), stores)
    _, forward, _ = timed(loss, trained, repeats)
    (value, slopes), backward, n_bytes = timed(jax.value_and_grad(loss), trained, repeats)
    if not all(bool(jnp.isfinite(x).all()) for x in slopes.values()):
        raise ValueError("the gradient is not finite")
    scale = 1024 if sys.platform != "darwin" else 1
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    figures = (
        "icrn-sbml",
        neurons,
        f"{points}²",
        dtype,
        stores,
        forward,
        backward,
        n_bytes / 1e6,
        resident / 1e6,
        float(value),
    )
    return dict(zip(COLUMNS, figures, strict=True))


def in_a_process(python: str, script: str, *arguments: object) -> dict:
    """Return what a process of its own prints last, as JSON."""
    command = [python, script, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return json.loads(done.stdout.splitlines()[-1])


def rows(options: argparse.Namespace) -> Iterator[dict]:
    """Yield the rows of the table as they are measured."""
    for n in options.sizes:
        for dtype in ("float32", "float64"):
            for stores in ("none", "step", "nested"):
                yield in_a_process(
                    sys.executable, __file__, "--row", n, options.points, dtype, stores, options.repeats
                )
        if options.icrn:
            run = (n, options.points, N_STEPS, STEP, 0, options.repeats)
            found = in_a_process(options.icrn, str(PEER), "hopfield", *run)
            yield dict.fromkeys(COLUMNS, "") | {
                "program": "icrn",
                "neurons": n,
                "grid": f"{options.points}²",
                "dtype": "float32",
                "stores": "all",
                **found,
            }


def line(row: dict) -> str:
    """Return a row as a line of a Markdown table."""
    cells = [f"{x:.3g}" if isinstance(x, float) else f"{x}" for x in row.values()]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=(32, 64), help="numbers of neurons")
    parser.add_argument("--points", type=int, default=50, help="points of each side")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each row; medians are given")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file to write the table to")
    parser.add_argument("--icrn", help="a Python that has the package icrn")
    parser.add_argument("--row", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    if options.row:
        neurons, points, dtype, stores, repeats = options.row
        print(json.dumps(measure(int(neurons), int(points), dtype, stores, int(repeats))))
        return
    lines = [
        f"# Gradient of {N_STEPS} steps of a network of dual-rail neurons on a grid",
        "",
        f"Written by `benchmarks/hopfield.py` on {datetime.now(UTC):%Y-%m-%d}: {platform.machine()}, "
        f"{jax.default_backend()}, jax {jax.__version__}, medians of {options.repeats}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    print("\n".join(lines), flush=True)
    for row in rows(options):
        lines.append(line(row))
        print(lines[-1], flush=True)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
