"""XLA compile time of a right-hand side: folded by templates, and one JAX expression per reaction.

``python benchmarks/compile_chen.py`` compiles both for Chen et al. 2009 (500 species, 827
reactions), alternating, in one process, alone and inside a loop (as a stepper uses them), and
prints medians and their ratios. Both are checked to give the same rates of change first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scalar_emission import param_values, scalar_rates

import converters
import icrn_io
from icrn_core import compile_icrn

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("ICRN_DATA", ROOT.parent / "shared" / "data"))
CHEN = DATA / "petab-benchmarks" / "Chen_MSB2009" / "model_Chen_MSB2009.xml"


def in_loop(field: Callable) -> Callable:
    """Return a function that takes 1000 small Euler steps along ``field(t, y, params)``."""

    def steps(t, y, params):
        return jax.lax.fori_loop(0, 1000, lambda k, y: y + 1e-9 * field(t + 1e-9 * k, y, params), y)

    return steps


def compile_seconds(field: Callable, arguments: tuple) -> tuple[float, float]:
    """Return the seconds of tracing and lowering, and of XLA's compilation, from cold caches."""
    jax.clear_caches()
    start = time.perf_counter()
    lowered = jax.jit(lambda *a: field(*a)).lower(*arguments)
    middle = time.perf_counter()
    lowered.compile()
    return middle - start, time.perf_counter() - middle


def check_equal(folding, dynamics, folded: np.ndarray, scalar: dict[str, float]) -> float:
    """Return the largest difference of the rates of change, relative to the largest rate.

    Raises
    ------
    ValueError
        They are not those of one system.
    """
    gaps, scale = [], max(map(abs, scalar.values()))
    for base, tensor in dynamics.unpack_state(folded).items():
        for species, rate in zip(folding.identity.entries[base], np.ravel(tensor), strict=True):
            if species:
                gaps.append(abs(float(rate) - scalar[species]))
    gap = max(gaps) / scale
    if not gap < 1e-10:
        raise ValueError(f"folded and scalar rates of change differ by {gap:.1e} of the largest rate")
    return gap


def main() -> None:
    """Measure and print; with ``--out`` also write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, default=CHEN)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results") / "compile_chen.json")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)

    network = icrn_io.read_model(options.model)
    start = time.perf_counter()
    folding = converters.fold_network(network)
    fold_seconds = time.perf_counter() - start
    dynamics = compile_icrn(folding.icrn)
    species = {base.name for base in folding.icrn.species}
    constants = {base.name for base in folding.icrn.constants}
    values = dynamics.pack_state({k: v for k, v in folding.values.items() if k in species})
    params = dynamics.pack_params({k: v for k, v in folding.values.items() if k in constants})
    y, params = dynamics.initial_vectors(values, params)
    y = y + np.random.default_rng(0).uniform(1.0, 2.0, y.shape)  # no species at zero

    ids = [i for base in folding.icrn.species for i in folding.identity.entries[base.name]]
    scalar = scalar_rates(network, ids)
    scalar_params = jnp.asarray(param_values(network), y.dtype)
    forms = {
        "folded": (dynamics.vector_field, (0.0, y, params)),
        "scalar": (scalar, (0.0, y, scalar_params)),
    }
    rates = {name: np.asarray(jax.jit(f)(*a)) for name, (f, a) in forms.items()}
    gap = check_equal(folding, dynamics, rates["folded"], dict(zip(ids, rates["scalar"], strict=True)))
    print(
        f"{options.model.stem}: {len(network.species)} species, {len(network.reactions)} reactions -> ",
        end="",
    )
    print(f"{len(folding.icrn.reactions)} indexed reactions, folded in {fold_seconds:.2f} s")
    print(
        f"rates of change agree to {gap:.0e} of the largest; jax {jax.__version__}, "
        f"medians of {options.repeats}"
    )

    table = {}
    for setting, wrap in (("alone", lambda f: f), ("in a loop", in_loop)):
        seconds = {name: [] for name in forms}
        for _ in range(options.repeats):
            for name, (field, arguments) in forms.items():
                seconds[name].append(compile_seconds(wrap(field), arguments))
        medians = {
            n: [statistics.median(column) for column in zip(*s, strict=True)] for n, s in seconds.items()
        }
        ratio = medians["scalar"][1] / medians["folded"][1]
        table[setting] = {"seconds": seconds, "medians": medians, "xla_ratio": ratio}
        for name, (lower, xla) in medians.items():
            print(f"{setting:10} {name:7} trace and lower {lower:7.3f} s   XLA {xla:7.3f} s")
        print(f"{setting:10} XLA scalar / folded = {ratio:.1f}")
    options.out.parent.mkdir(exist_ok=True)
    about = {"model": options.model.stem, "jax": jax.__version__, "cores": os.cpu_count(), "gap": gap}
    options.out.write_text(
        json.dumps({**about, "n_indexed": len(folding.icrn.reactions), **table}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
