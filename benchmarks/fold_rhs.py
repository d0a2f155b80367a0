"""Compile and evaluation time of a right-hand side: folded, and as one gather/scatter relation.

``python benchmarks/fold_rhs.py`` folds dimerization, M_p + M_q ⇌ D_pq for all ordered pairs,
twice: as the fold finds it, a dense product of index sets, and with ``flat_only``, where the
same reactions are one relation over lists of species and constants. Both are compiled by the
library as it is and timed on one core in float64, alternating, inside a loop (as a stepper
evaluates them), after a first run of each; the ratio is the median of the ratios of neighbouring
runs. They are checked to give the same rates first.
"""

from __future__ import annotations

import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import operator
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from converters import Folding, fold_network
from icrn_core import compile_icrn
from icrn_core.dynamics import Dynamics

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "fold"))
from acceptance_molecular import dimerization  # noqa: E402

COLUMNS = ("n", "written as", "reactions", "form", "compile s", "RHS µs", "JVP µs", "ratio of RHS")
RTOL = 1e-11


class Form:
    """A folded network compiled with its values; ``rates`` and ``pushed`` run in a loop."""

    def __init__(self, name: str, folding: Folding) -> None:
        self.name = name
        self.folding = folding
        self.dynamics: Dynamics = compile_icrn(folding.icrn)
        species = {b.name: folding.values[b.name] for b in folding.icrn.species}
        constants = {b.name: folding.values[b.name] for b in folding.icrn.constants}
        values = self.dynamics.pack_state({k: np.nan_to_num(v) for k, v in species.items()})
        params = self.dynamics.pack_params({k: np.nan_to_num(v) for k, v in constants.items()})
        self.y, self.params = self.dynamics.initial_vectors(values, params)
        self.runs: dict[str, Callable] = {}
        self.compile_seconds: list[float] = []

    def compile(self, n_loop: int) -> None:
        """Compile the loops from cold caches; note the time of the right-hand side's."""
        jax.clear_caches()
        start = time.perf_counter()
        arguments = (self.dynamics, self.y, self.params)
        rhs = jax.jit(lambda d, y, p: loop_rhs(d, y, p, n_loop)).lower(*arguments).compile()
        self.compile_seconds.append(time.perf_counter() - start)
        jvp = jax.jit(lambda d, y, p: loop_jvp(d, y, p, n_loop)).lower(*arguments).compile()
        self.runs = {"rhs": rhs, "jvp": jvp}

    def microseconds(self, kind: str, n_loop: int) -> float:
        """Time one run of a loop; return the time of one evaluation."""
        start = time.perf_counter()
        self.runs[kind](self.dynamics, self.y, self.params).block_until_ready()
        return (time.perf_counter() - start) / n_loop * 1e6

    def rates_by_id(self) -> dict[str, float]:
        """Return dX/dt by id of the species."""
        rates = self.dynamics.unpack_state(self.dynamics.vector_field(0.0, self.y, self.params))
        return {
            i: float(rate)
            for base, tensor in rates.items()
            for i, rate in zip(self.folding.identity.entries[base], np.ravel(tensor), strict=True)
            if i
        }


def as_one_lane(dynamics: Dynamics, y, params):
    """Return time, moving entries and what is prepared, as a solve of one run sees them."""
    prepared = dynamics.prepare(params[:, None], y[:, None])
    return jnp.zeros(1), dynamics.moving(y)[:, None], prepared


def loop_rhs(dynamics: Dynamics, y, params, n_loop: int):
    """Take small Euler steps; what params alone determine is computed once, as in a solve."""
    t, y, prepared = as_one_lane(dynamics, y, params)
    return jax.lax.fori_loop(0, n_loop, lambda k, y: y + 1e-9 * dynamics.prepared_field(t, y, prepared), y)


def loop_jvp(dynamics: Dynamics, y, params, n_loop: int):
    """Apply the Jacobian to a vector again and again, without forming it."""
    t, y, prepared = as_one_lane(dynamics, y, params)

    def push(k, v):
        moved = jax.jvp(lambda y: dynamics.prepared_field(t, y, prepared), (y + 1e-9 * v,), (v,))[1]
        return v + 1e-9 * moved

    return jax.lax.fori_loop(0, n_loop, push, jnp.ones_like(y))


def check_equal(first: Form, second: Form) -> None:
    """Compare the rates of change.

    Raises
    ------
    ValueError
        They are not those of one system.
    """
    one, other = first.rates_by_id(), second.rates_by_id()
    scale = max(map(abs, one.values()))
    gap = max(abs(one[i] - other[i]) for i in one) / scale
    if one.keys() != other.keys() or not gap < RTOL:
        raise ValueError(f"the rates of change differ by {gap:.1e} of the largest")


def measure(n: int, reversible: bool, repeats: int, compiles: int) -> list[dict]:
    """Return a row for each form of one network."""
    network = dimerization(n, reversible=reversible).network
    forms = [Form("dense", fold_network(network)), Form("relation", fold_network(network, flat_only=True))]
    check_equal(*forms)
    n_loop = max(100, 4_000_000 // n**2)
    for _ in range(compiles):
        for form in forms:
            form.compile(n_loop)
    times: dict[tuple[str, str], list[float]] = {}
    for k in range(repeats + 1):
        for kind in ("rhs", "jvp"):
            for form in forms:
                spent = form.microseconds(kind, n_loop)
                if k:  # the first is a warm-up
                    times.setdefault((form.name, kind), []).append(spent)
    median = {key: statistics.median(found) for key, found in times.items()}
    return [
        {
            "n": n,
            "written as": "reversible" if reversible else "two irreversible",
            "reactions": len(network.reactions),
            "form": form.name,
            "compile s": statistics.median(form.compile_seconds),
            "RHS µs": median[form.name, "rhs"],
            "JVP µs": median[form.name, "jvp"],
            "ratio of RHS": statistics.median(
                map(operator.truediv, times["relation", "rhs"], times[form.name, "rhs"])
            ),
        }
        for form in forms
    ]


def line(row: dict) -> str:
    """Return a row as a line of a Markdown table."""
    cells = [f"{row[c]:.3g}" if isinstance(row[c], float) else f"{row[c]}" for c in COLUMNS]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, print, and with ``--out`` write the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=(20, 60, 120), help="numbers of monomers")
    parser.add_argument("--repeats", type=int, default=31, help="runs of each loop; medians are given")
    parser.add_argument("--compiles", type=int, default=3, help="compilations of each form")
    parser.add_argument("--out", type=Path, help="file to write the table to")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    lines = [
        "# Right-hand side of dimerization: dense against one relation",
        "",
        f"Written by `benchmarks/fold_rhs.py` on {datetime.now(UTC):%Y-%m-%d}: {platform.machine()}, one "
        f"core, float64, jax {jax.__version__}, medians of {options.repeats}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    print("\n".join(lines), flush=True)
    for n in options.sizes:
        for reversible in (False, True):
            lines += map(line, measure(n, reversible, options.repeats, options.compiles))
            print("\n".join(lines[-2:]), flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
