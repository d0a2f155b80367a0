"""Gray–Scott on a periodic square: error against time of the schemes, and of a first-order splitting.

``python benchmarks/gray_scott.py`` authors U + 2V → 3V (1), V → ∅ (F + k), ∅ → U (F), U → ∅ (F) with
F = .037, k = .06, D_U = .2, D_V = .1 on 256 × 256 points, and integrates 200 time units with each scheme
and step, from two states: seeded noise with a spot in the middle (t = 0), and the pattern that has come of
it (t = 600). The error is ‖X − X*‖ / ‖X*‖ over both species at the end, X* being an ETDRK4 run of step
1/8 (its own error is estimated by halving). For comparison the same network, written by hand, is stepped
by explicit Euler for the reactions and backward Euler for diffusion, with complex Fourier transforms (Lie
splitting, order 1). Seconds are CPU seconds of whole runs, medians of repeats, without compilation; the
schemes take turns.

Results go to ``results/gray_scott.md``. They are figures, not a test.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from icrn_core import Grid, compile_icrn, simulate_field

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))
from gray_scott_textures.network import first_state, gray_scott

RESULTS = Path(__file__).resolve().parent / "results" / "gray_scott.md"
FEED, KILL = 0.037, 0.06
DIFFUSION = {"U": 0.2, "V": 0.1}
SPAN = 200.0
STARTS = {"noise and a spot, t = 0 to 200": 0.0, "the pattern, t = 600 to 800": 600.0}
STEPS = {
    "etdrk4": (8.0, 4.0, 2.0, 1.0, 0.5),
    "etdrk2": (8.0, 4.0, 2.0, 1.0, 0.5),
    "strang": (8.0, 4.0, 2.0, 1.0, 0.5),
    "backward Euler, by hand": (1.0, 0.5, 0.25),
}
TARGETS = {2.6e-3: 4.0, 1e-5: 50.0}


@partial(jax.jit, static_argnames="n_steps")
def backward_euler(state, step: float, n_steps: int):
    """Return the state after steps of a Lie splitting with complex transforms."""
    k = 2 * np.pi * np.fft.fftfreq(state.shape[-1])
    square = k[:, None] ** 2 + k**2
    constants = jnp.array([DIFFUSION["U"], DIFFUSION["V"]])[:, None, None]
    factor = 1.0 / (1.0 + step * constants * square)

    def advance(state, _):
        u, v = state
        flux = u * v * v
        reacted = state + step * jnp.stack([FEED * (1.0 - u) - flux, flux - (FEED + KILL) * v])
        return jnp.fft.ifft2(factor * jnp.fft.fft2(reacted)).real, None

    return lax.scan(advance, state, None, length=n_steps)[0]


def runner(dynamics, params: dict, grid: Grid, scheme: str, step: float, span: float) -> Callable:
    """Return what maps a state to that after a time span."""
    n_steps = round(span / step)
    if scheme not in ("etdrk4", "etdrk2", "strang"):
        return lambda state: backward_euler(state, step, n_steps)

    def run(state):
        values = {"U": state[0], "V": state[1]}
        solution = simulate_field(
            dynamics, values, params, DIFFUSION, grid, step=step, n_steps=n_steps, scheme=scheme
        )
        return jnp.stack([solution.fields["U"][-1], solution.fields["V"][-1]])

    return run


def relative(found, exact) -> float:
    """Return the relative error in the Euclidean norm; infinite where it is not finite."""
    error = float(jnp.linalg.norm(found - exact) / jnp.linalg.norm(exact))
    return error if np.isfinite(error) else np.inf


def measure(run_of: Callable, start, repeats: int) -> tuple[list[dict], float]:
    """Return a row for each scheme and step, and the estimated error of the reference."""
    exact, coarser = run_of("etdrk4", 0.125)(start), run_of("etdrk4", 0.25)(start)
    rows = [
        {"scheme": scheme, "h": step, "run": run_of(scheme, step), "seconds": []}
        for scheme, steps in STEPS.items()
        for step in steps
    ]
    for row in rows:
        row["error"] = relative(row["run"](start), exact)
    rows = [row for row in rows if row["error"] < 1.0]
    for _ in range(repeats):
        for row in rows:
            begun = time.process_time()
            jax.block_until_ready(row["run"](start))
            row["seconds"].append(time.process_time() - begun)
    for row in rows:
        row["seconds"] = statistics.median(row["seconds"])
    return rows, relative(coarser, exact) / 15.0


def compared(rows: list[dict]) -> list[str]:
    """Return a sentence for each target: the cheapest of ours against the splitting at that error."""
    theirs = [row for row in rows if row["scheme"] == "backward Euler, by hand"]
    found = []
    for error, factor in TARGETS.items():
        ours = min(
            (row for row in rows if row not in theirs and row["error"] <= error),
            key=lambda row: row["seconds"],
            default=None,
        )
        if ours is None:
            found.append(f"- error {error:.1e}: not reached by any of our rows.")
            continue
        # Its error is proportional to h, its time to 1 / h: what is not measured is extrapolated.
        near = min(theirs, key=lambda row: abs(np.log(row["error"] / error)))
        seconds = near["seconds"] * near["error"] / error
        found.append(
            f"- error {error:.1e}: `{ours['scheme']}` h = {ours['h']:g} takes {ours['seconds']:.3g} s (error "
            f"{ours['error']:.1e}), the splitting {seconds:.3g} s (from h = {near['h']:g}, error "
            f"{near['error']:.1e}, in proportion): "
            f"{seconds / ours['seconds']:.3g} times; the target is {factor:g}."
        )
    first, last = theirs[0], theirs[-1]
    steady = first["error"] / first["h"] / (last["error"] / last["h"])
    found.append(
        f"- error / h of the splitting at h = {first['h']:g} over that at h = {last['h']:g}: {steady:.2f}."
    )
    return found


def main() -> None:
    """Measure, print, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=256, help="points of each side")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each row; medians are given")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file to write the tables to")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    network = gray_scott().with_values(F=FEED, k=KILL)
    grid = Grid((options.points, options.points))
    dynamics = compile_icrn(network.icrn)
    run_of = partial(runner, dynamics, network.params, grid)
    lines = [
        f"# Gray–Scott, {options.points} × {options.points} points, periodic",
        "",
        f"Written by `benchmarks/gray_scott.py` on {datetime.now(UTC):%Y-%m-%d}: {platform.machine()}, "
        f"{jax.default_backend()}, float64, jax {jax.__version__}, CPU seconds of 200 time units, medians of "
        f"{options.repeats} runs. F = {FEED}, k = {KILL}, D = {DIFFUSION['U']} and {DIFFUSION['V']}, spacing "
        "1. Rows that end with an error above 1, or not finite, are left out: their step is too long.",
    ]
    for title, t0 in STARTS.items():
        start = jnp.asarray(first_state(options.points, options.seed))
        start = run_of("etdrk4", 0.5, span=t0)(start) if t0 else start
        rows, uncertainty = measure(partial(run_of, span=SPAN), start, options.repeats)
        lines += ["", f"## From {title}", "", "| scheme | h | error | CPU s |", "|---|---|---|---|"]
        lines += [f"| {r['scheme']} | {r['h']:g} | {r['error']:.1e} | {r['seconds']:.3g} |" for r in rows]
        lines += ["", f"The reference's own error is about {uncertainty:.0e}.", "", *compared(rows)]
        print("\n".join(lines), flush=True)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
