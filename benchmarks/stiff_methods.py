"""Which implicit method suits reaction networks: counts of each, priced with the same linear algebra.

``python benchmarks/stiff_methods.py`` integrates every problem by Rodas5P, BDF of variable order,
Radau IIA and the SDIRK method Kvaerno5 at one tolerance, counts evaluations, factorisations and
solves, and multiplies them by what each costs in our compiled form. So methods are compared, not
programs. Writes ``results/stiff_methods.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from peer_jax import Kvaerno5, ScipyBDF, ScipyRadau
from peer_ours import Ours
from peers import NotAvailableError
from problems import PROBLEMS, build
from versions import versions

SMALL = [name for name in PROBLEMS if name not in ("dimerization_60", "dimerization_200")]
# Newton iterations of an SDIRK stage, which diffrax does not count, and its stages.
ITERATIONS, SDIRK_STAGES = 2, 6
# What complex arithmetic costs over real.
COMPLEX = 4
REPEATS = 200


def unit_costs(ours: Ours) -> dict[str, float]:
    """Return microseconds of one evaluation, Jacobian, factorisation and solve, in one kernel."""
    import jax
    import jax.numpy as jnp

    from icrn_core.kernel import one_kernel
    from icrn_core.linear import linear_solver

    dynamics = ours.dynamics
    y0, params = dynamics.initial_vectors(dynamics.pack_state(ours.values), dynamics.pack_params(ours.params))
    prepared = dynamics.prepare(params[:, None], y0[:, None])
    y, t, shift = dynamics.moving(y0)[:, None], jnp.zeros(1), jnp.full(1, 1e4)
    jacobian = dynamics.prepared_jacobian(t, y, prepared)
    factors = linear_solver(dynamics).factor(jacobian, shift)

    def seconds(once: Callable, start, *rest) -> float:
        def many(start, *rest):
            return jax.lax.fori_loop(0, REPEATS, lambda _, x: once(x, *rest), start)

        program = jax.jit(lambda *args: one_kernel(many, *args))
        jax.block_until_ready(program(start, *rest))
        times = []
        for _ in range(9):
            begin = time.perf_counter()
            jax.block_until_ready(program(start, *rest))
            times.append(time.perf_counter() - begin)
        return float(np.median(times)) / REPEATS * 1e6

    def again(shift, dynamics, jacobian):
        # The next one depends on this one: it would be taken out of the loop otherwise.
        factors = linear_solver(dynamics).factor(jacobian, shift)
        return shift + 1e-30 * jax.tree.leaves(factors)[0].reshape(-1)[:1]

    return {
        "rhs": seconds(lambda y, d, p: y + 1e-12 * d.prepared_field(t, y, p), y, dynamics, prepared),
        "jacobian": seconds(
            lambda j, d, y, p: d.prepared_jacobian(t, y + 1e-15 * j[:1], p), jacobian, dynamics, y, prepared
        ),
        "factor": seconds(again, shift, dynamics, jacobian),
        "solve": seconds(lambda y, d, f: linear_solver(d).solve(f, y), y, dynamics, factors),
    }


def work(method: str, counts: dict) -> dict[str, float]:
    """Return how often each unit is needed."""
    if method == "rodas5p":
        tried = counts["steps"] + counts["rejected"]
        return {"rhs": 8 * tried, "jacobian": tried, "factor": tried, "solve": 8 * tried}
    if method == "kvaerno5":
        inner = SDIRK_STAGES * ITERATIONS * counts["steps"]
        return {"rhs": inner, "jacobian": counts["steps"], "factor": counts["steps"], "solve": inner}
    rhs, jacobians, factors = counts["rhs"], counts["jacobians"], counts["factorisations"]
    if method == "bdf":
        return {"rhs": rhs, "jacobian": jacobians, "factor": factors, "solve": rhs}
    # Radau solves a real and a complex system for three evaluations, and factorises both.
    each = 1 + COMPLEX
    return {"rhs": rhs, "jacobian": jacobians, "factor": factors / 2 * each, "solve": rhs / 3 * each}


def examine(name: str, rtol: float) -> dict:
    """Return costs, counts, errors and priced times of one problem."""
    with tempfile.TemporaryDirectory() as folder:
        problem = build(name, Path(folder))
        peers = {"rodas5p": Ours, "bdf": ScipyBDF, "radau": ScipyRadau, "kvaerno5": Kvaerno5}
        loaded = {method: peer(problem) for method, peer in peers.items()}
        record: dict = {"problem": name, "methods": {}}
        for method, peer in loaded.items():
            try:
                peer.load()
                if method == "rodas5p":
                    record["cost"] = unit_costs(peer)
                    reference = peer.table(peer.solve(1e-11, 1e-14))
                result = peer.solve(rtol, 1e-3 * rtol)
                table, counts = peer.table(result), peer.counts(result)
            except NotAvailableError as reason:
                record["methods"][method] = {"left out": str(reason)}
                continue
            scale = np.maximum(np.abs(reference).max(axis=0), 1e-3)
            needed = work(method, counts)
            record["methods"][method] = {
                "counts": counts,
                "error": float(np.max(np.abs(table - reference) / scale)),
                "ms": sum(record["cost"][unit] * number for unit, number in needed.items()) / 1e3,
            }
    return record


def markdown(records: list[dict], about: dict) -> str:
    """Return the page."""
    methods = list(records[0]["methods"])
    lines = [
        "# Implicit methods, priced alike",
        "",
        f"rtol {about['rtol']:g}; "
        + ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
        "",
        "Milliseconds if every method had our rates of change, Jacobian, elimination and substitutions, "
        "and the error (maximum over species and times, relative to each species' maximum). Kvaerno5 is "
        f"taken to need {ITERATIONS} Newton iterations for each of {SDIRK_STAGES} stages.",
        "",
        "| problem | rhs, Jacobian, factor, solve (µs) | " + " | ".join(methods) + " |",
        "|---" * (len(methods) + 2) + "|",
    ]
    ratios: dict[str, list[float]] = {method: [] for method in methods}
    for record in records:
        found = record["methods"]
        cells = []
        for method in methods:
            if "ms" not in found[method]:
                cells.append("–")
                continue
            steps = found[method]["counts"]["steps"]
            cells.append(f"{found[method]['ms']:.3g} ms, {steps} steps, error {found[method]['error']:.0e}")
            ratios[method].append(found[method]["ms"] / found["rodas5p"]["ms"])
        costs = ", ".join(f"{cost:.3g}" for cost in record["cost"].values())
        lines.append(f"| {record['problem']} | {costs} | " + " | ".join(cells) + " |")
    means = [f"{np.exp(np.mean(np.log(r))):.2f} ({len(r)})" for r in ratios.values()]
    lines += ["| geometric mean over rodas5p (problems) | | " + " | ".join(means) + " |", ""]
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, run, write the tables."""
    import jax

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=PROBLEMS, default=SMALL, metavar="MODEL")
    parser.add_argument("--rtol", type=float, default=1e-6)
    parser.add_argument(
        "-o", "--out", type=Path, default=Path(__file__).with_name("results") / "stiff_methods"
    )
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    about = {"rtol": given.rtol, "versions": versions(("jax", "scipy", "diffrax"))}
    records = []
    for name in given.models:
        records.append(examine(name, given.rtol))
        print(f"{name}: done", flush=True)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.with_suffix(".json").write_text(json.dumps({**about, "problems": records}, indent=1) + "\n")
        given.out.with_suffix(".md").write_text(markdown(records, about), encoding="utf-8")
    print(markdown(records, about))


if __name__ == "__main__":
    main()
