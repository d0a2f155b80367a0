"""Enumerated example networks, small, as SBML in libRoadRunner and in this toolkit.

``python benchmarks/example_networks.py`` authors the networks of the examples and of the ICRN paper with
few indices, writes each as SBML, and compares the time courses of all species in libRoadRunner, which reads
that file, with ours: the largest difference over the largest value of the species. Both integrate at rtol
1e-10, atol 1e-14. Fast reactions have a rate constant of 1e3 here, so that both integrate the same stiff
equations.

Results go to ``results/example_networks.md``. They are figures; tests hold them to 1e-6.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np

from converters import cross_validate, enumerate_network
from converters.authored import authored_folding
from icrn_core import AuthoredNetwork, author, base_species, fast, index_symbols, rate_constants, reaction

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))
from gray_scott_textures.network import gray_scott
from hopfield_image.network import first_values, hopfield
from neural_crn.clocks import phase_clock
from neural_crn.constructions import linear_regression, two_layers
from neural_crn.training import injection
from winner_take_all.classifier import winner_take_all

RESULTS = Path(__file__).resolve().parent / "results" / "example_networks.md"
RTOL, ATOL, TOLERANCE, FAST = 1e-10, 1e-14, 1e-6, 1e3
COLUMNS = ("network", "species", "reactions", "time", "largest difference", "of")


def dimerization(symmetric: bool) -> AuthoredNetwork:
    """Return five monomers that all dimerize, with dimers of ordered or of unordered pairs."""
    rng = np.random.default_rng(0)
    p, q = index_symbols("p q", 5)
    M = base_species("M")
    D = base_species("D", symmetric=symmetric)
    k, b = rate_constants("k b")
    forward, back = (x + x.T for x in rng.random((2, 5, 5)))
    return author(
        reaction(M[p] + M[q] >> D[p, q], k[p, q]),
        reaction(D[p, q] >> M[p] + M[q], b[p, q]),
        values={"M": rng.random(5), "k": forward, "b": back},
    )


def digits() -> AuthoredNetwork:
    """Return the winner-take-all network with eight pixels, five of them on."""
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.0, 40.0, (8, 3))
    doses = 5.0 * (np.arange(8) < 5)
    return winner_take_all(8).with_values(X=doses, W=weights, XF=2.0 * weights.sum(axis=1))


def neurons() -> AuthoredNetwork:
    """Return four well-mixed dual-rail neurons, whose species annihilate at a finite rate."""
    network = hopfield(4)
    i = index_symbols("i", 4)
    plus, minus = base_species("plus minus")
    values = {name: 3.0 * x for name, x in first_values(4, seed=2).items() if name != "theta"}
    return author(
        *network.reactions,
        fast(plus[i] + minus[i] >> 0),
        values={**network.params, **values, "plus": [1.0, 0.5, 0.0, 0.0], "minus": [0.0, 0.0, 0.5, 1.0]},
    ).with_fast_rate(FAST)


def learner(construction) -> AuthoredNetwork:
    """Return a network that learns, with one sample and a dose of its clock in it."""
    added = injection(construction, np.array([[0.5, -0.8]]), np.array([0.3]))
    network = construction.network
    values = {name: network.values[name] + x[0] for name, x in added.items()}
    return network.with_values(**values).with_fast_rate(FAST)


NETWORKS: dict[str, tuple[Callable[[], AuthoredNetwork], float]] = {
    "dimerization, ordered pairs": (lambda: dimerization(symmetric=False), 1.0),
    "dimerization, unordered pairs": (lambda: dimerization(symmetric=True), 1.0),
    "winner-take-all, 8 pixels": (digits, 10.0),
    "Gray–Scott, well mixed": (lambda: gray_scott().with_values(U=1.0, V=0.3), 200.0),
    "four dual-rail neurons": (neurons, 5.0),
    "neural CRN, regression, one sample": (lambda: learner(linear_regression(2, phase_clock())), 6.0),
    "neural CRN, two layers, one sample": (lambda: learner(two_layers(2, 2, phase_clock())), 6.0),
}


def row(name: str) -> tuple:
    """Return the figures of one network."""
    build, end = NETWORKS[name]
    folding = authored_folding(build())
    network = enumerate_network(folding)
    report = cross_validate(
        folding, np.linspace(0.0, end, 51), ("tellurium",), rtol=RTOL, atol=ATOL, tolerance=TOLERANCE
    )
    (comparison,) = report.comparisons
    if comparison.error:
        raise RuntimeError(f"{name}: {comparison.error}")
    worst = comparison.worst
    sizes = (len(network.species), len(network.reactions))
    return name, *sizes, f"{end:g}", f"{worst.max_relative:.1e}", f"`{worst.species}`"


def main() -> None:
    """Compare, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="file to write the table to")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    lines = [
        "# Example networks, enumerated, in libRoadRunner",
        "",
        f"Written by `benchmarks/example_networks.py` on {datetime.now(UTC):%Y-%m-%d}: {platform.machine()}, "
        f"jax {version('jax')}, libroadrunner {version('libroadrunner')}; rtol {RTOL:g}, atol {ATOL:g} in "
        "both, 51 times; differences are relative to the largest value of the species.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    print("\n".join(lines), flush=True)
    for name in NETWORKS:
        lines.append("| " + " | ".join(map(str, row(name))) + " |")
        print(lines[-1], flush=True)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
