"""Dimerization of n monomers, M_p + M_q ⇌ D_pq: setup and one simulation, beside libRoadRunner and ``icrn``.

``python benchmarks/dimerization.py --icrn PYTHON`` declares the network (2 n² reactions for all ordered
pairs, rate constants and initial concentrations uniform in (0, 1), t = 0..1), makes it ready and simulates it
once, in each simulator in a process of its own that has imported it already:

- icrn-sbml: authored, compiled, `simulate` at rtol 1e-6, atol 1e-9, float64;
- libRoadRunner: SBML read from a file, CVODE (Adams, as the problem is not stiff) at the same tolerances;
- icrn, the library of the ICRN paper, by its own protocol: Euler steps of 1e-3, float32. It needs Python 3.12
  or newer: ``--icrn`` is an interpreter that has it. Given also as RK4 in float64 with steps of .01.

The error is the largest over all species at t = 1 of |a − b| / max |b|, against SciPy's DOP853 in float64 at
rtol 1e-12 with the equations written in NumPy. Seconds are CPU seconds of a process, medians of ``--repeats``
processes, which take turns.

Results go to ``results/dimerization.md``. They are figures, not a test.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "dimerization.md"
RTOL, ATOL, END = 1e-6, 1e-9, 1.0
COLUMNS = ("n", "reactions", "simulator", "setup s", "first run s", "setup + run s", "next run s", "error")


def drawn(n: int) -> dict[str, np.ndarray]:
    """Return values: rate constants ``k`` and ``b``, ``(n, n)``, and concentrations ``M`` and ``D``."""
    rng = np.random.default_rng(0)
    shapes = {"k": (n, n), "b": (n, n), "M": (n,), "D": (n, n)}
    return {name: rng.random(shape) for name, shape in shapes.items()}


def authored(n: int):
    """Return the network in the notation of the paper."""
    from icrn_core import author, base_species, index_symbols, rate_constants, reaction

    p, q = index_symbols("p q", n)
    M, D = base_species("M D")
    k, b = rate_constants("k b")
    return author(
        reaction(M[p] + M[q] >> D[p, q], k[p, q]),
        reaction(D[p, q] >> M[p] + M[q], b[p, q]),
        values=drawn(n),
        name="dimerization",
    )


def ours(n: int, _: Path) -> dict:
    """Declare, compile and simulate twice with this library."""
    import jax

    from icrn_core import compile_icrn, simulate

    jax.config.update("jax_enable_x64", True)
    ticks = [time.process_time()]
    network = authored(n)
    dynamics = compile_icrn(network.icrn)
    ticks.append(time.process_time())
    for _ in range(2):
        solution = simulate(
            dynamics, network.state, network.params, np.array([END]), rtol=RTOL, atol=ATOL, solver="dopri5"
        )
        jax.block_until_ready(solution.states)
        ticks.append(time.process_time())
    solution.check()
    return figures(ticks, solution.states["M"][-1], solution.states["D"][-1])


def libroadrunner(n: int, folder: Path) -> dict:
    """Load the SBML file and simulate twice with libRoadRunner."""
    from roadrunner import Config, RoadRunner

    Config.setValue(Config.LLVM_BACKEND, Config.LLJIT)
    Config.setValue(Config.LLJIT_OPTIMIZATION_LEVEL, Config.NONE)
    Config.setValue(Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES, True)
    ticks = [time.process_time()]
    simulator = RoadRunner(str(folder / f"{n}.xml"))
    ticks.append(time.process_time())
    simulator.integrator.relative_tolerance, simulator.integrator.absolute_tolerance = RTOL, ATOL
    simulator.integrator.stiff = False
    simulator.timeCourseSelections = [f"M_{p}" for p in range(n)] + [
        f"D_{p}_{q}" for p in range(n) for q in range(n)
    ]
    for _ in range(2):
        simulator.resetToOrigin()
        end = np.array(simulator.simulate(0, END, 2))[-1]
        ticks.append(time.process_time())
    return figures(ticks, end[:n], end[n:])


def figures(ticks: list[float], monomers, dimers) -> dict:
    """Return times and the state at the end."""
    setup, first, after = np.diff(ticks).tolist()
    state = [*np.ravel(monomers).tolist(), *np.ravel(dimers).tolist()]
    return {"setup s": setup, "first run s": first, "next run s": after, "state": state}


def reference(n: int) -> np.ndarray:
    """Return M and D at the end, by SciPy."""
    from scipy.integrate import solve_ivp

    values = drawn(n)

    def rate(_, y):
        M, D = y[:n], y[n:].reshape(n, n)
        flux = values["k"] * M[:, None] * M - values["b"] * D
        return np.concatenate([-flux.sum(axis=0) - flux.sum(axis=1), flux.ravel()])

    start = np.concatenate([values["M"], values["D"].ravel()])
    return solve_ivp(rate, (0.0, END), start, method="DOP853", rtol=1e-12, atol=1e-15).y[:, -1]


def measured(command: list[str], limit: float, exact: np.ndarray) -> dict | None:
    """Return the figures of a process, or nothing if it takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    state = np.array(found.pop("state"))
    return {**found, "error": float(np.abs(state - exact).max() / np.abs(exact).max())}


def commands(n: int, folder: Path, icrn: str | None) -> dict[str, list[str]]:
    """Return what runs each simulator."""
    own = [sys.executable, __file__, "--folder", str(folder), "--one"]
    found = {"icrn-sbml": [*own, "ours", str(n)], "libRoadRunner": [*own, "libroadrunner", str(n)]}
    if icrn:
        peer = [icrn, str(HERE / "icrn_peer.py"), "dimerization", str(folder / f"{n}.npz")]
        found["icrn, Euler 1e-3, float32"] = [*peer, "Euler", "1e-3", "float32"]
        found["icrn, RK4 .01, float64"] = [*peer, "RK4", "1e-2", "float64"]
    return found


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sizes", type=int, nargs="*", default=(20, 60), help="numbers of monomers (20 60)")
    add("--repeats", type=int, default=3, help="processes of each row; medians are given (3)")
    add("--limit", type=float, default=600.0, help="seconds after which a process is ended (600)")
    add("--icrn", help="a Python that has the package icrn")
    add("--out", type=Path, default=RESULTS, help="file to write the table to")
    add("--one", nargs=2, help=argparse.SUPPRESS)
    add("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(
            json.dumps(
                {"ours": ours, "libroadrunner": libroadrunner}[options.one[0]](
                    int(options.one[1]), options.folder
                )
            )
        )
        return
    lines = [
        "# Dimerization: declare, make ready, simulate once",
        "",
        f"Written by `benchmarks/dimerization.py` on {datetime.now(UTC):%Y-%m-%d}: {platform.machine()}, jax "
        f"{version('jax')}, libroadrunner {version('libroadrunner')}; CPU seconds, medians of "
        f"{options.repeats}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for n in options.sizes:
            for line in rows(n, Path(folder), options):
                lines.append(line)
                print(line, flush=True)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(n: int, folder: Path, options: argparse.Namespace):
    """Yield the lines of one size; the simulators take turns."""
    from converters import enumerate_network
    from converters.authored import authored_folding
    from icrn_io import write_model

    write_model(enumerate_network(authored_folding(authored(n))), folder / f"{n}.xml")
    np.savez(folder / f"{n}.npz", **drawn(n))
    exact, runs = reference(n), {}
    todo = commands(n, folder, options.icrn)
    for _ in range(options.repeats):
        for name, command in list(todo.items()):
            found = measured(command, options.limit, exact)
            if found is None:
                del todo[name]
            else:
                runs.setdefault(name, []).append(found)
    for name in commands(n, folder, options.icrn):
        if name not in runs:
            yield f"| {n} | {2 * n * n} | {name} | over {options.limit:g} | | | | |"
            continue
        setup, first, after, error = (
            statistics.median(run[key] for run in runs[name])
            for key in ("setup s", "first run s", "next run s", "error")
        )
        cells = (setup, first, setup + first, after, error)
        yield f"| {n} | {2 * n * n} | {name} | " + " | ".join(f"{x:.2g}" for x in cells) + " |"


if __name__ == "__main__":
    main()
