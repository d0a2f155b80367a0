"""F and k of the Gray–Scott network from its patterns κ, λ and δ: descents from a circle around each.

Prints a table of what was found, and writes ``patterns.png``, ``landscapes.png`` and ``textures.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

# The folder above, so that the modules here are found as a package, and hide no others.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import jax
import numpy as np

from gray_scott_textures.network import TARGETS, Medium, Rates, balance, patterns
from gray_scott_textures.pictures import Panel, save_landscapes, save_patterns
from gray_scott_textures.training import (
    circle,
    descend,
    growing,
    landscape,
    loss_of,
    n_within,
    published,
    target_of,
)

EXAMPLE = """example:
  python examples/gray_scott_textures/run.py --targets kappa --starts 4 --iterations 50 --out found
"""
HEAD = "| target | F, k | best run: F, k | mean of runs: F, k | largest error | within .002 | balance: F, k |"


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--targets", nargs="+", choices=TARGETS, default=list(TARGETS), help="patterns to learn from (all)")
    add("--stages", choices=("growing", "published"), default="growing",
        help="runs that grow to a span of 300, or of that span from the first step on (growing)")  # fmt: skip
    add("--starts", type=int, default=10, help="descents for each target (10)")
    add("--radius", type=float, default=0.015, help="of the circle of starts, in F and k (.015)")
    add("--iterations", type=int, help="steps of Adam (150 growing, 201 published)")
    add("--size", type=int, default=100, help="points of each side (100)")
    add("--age", type=float, default=5000.0, help="time at which a pattern is the target (5000)")
    add("--references", type=int, default=10,
        help="patterns whose mean moments are wanted; the first of them is the target (10)")  # fmt: skip
    add("--grid", type=int, default=31, help="points of each side of the drawn landscapes (31)")
    add("--seed", type=int, default=0, help="of the noise of the first pattern; others count on (0)")
    add("--filter-seed", type=int, default=0, help="of the random filters (0)")
    add("--out", type=Path, default=Path("gray_scott_textures"), help="folder of what is written")
    return parser.parse_args(arguments)


def studied(name: str, options: argparse.Namespace, medium: Medium) -> tuple[dict, list[Panel], list]:
    """Return what was found for one target, the panels of its stages, and pattern and found pattern."""
    wanted = TARGETS[name]
    seeds = range(options.seed, options.seed + options.references)
    begun = time.process_time()
    references = patterns(wanted, options.size, seeds, options.age)
    say(f"{name}: {len(seeds)} patterns, {time.process_time() - begun:.0f} CPU s")
    target = target_of(references[0], references, options.filter_seed)
    make = growing if options.stages == "growing" else published
    stages = make() if options.iterations is None else make(options.iterations)
    begun = time.process_time()
    paths = descend(medium, target, circle(wanted, options.radius, options.starts), stages)
    seconds = time.process_time() - begun
    ends = Rates(*(way[-1] for way in paths.rates))
    best = int(np.argmin(paths.loss))
    say(f"{name}: {n_within(ends, wanted)} of {options.starts} within .002, {seconds:.0f} CPU s")
    panels, done = [], 0
    for span, steps, _ in stages:
        done += steps
        levels = landscape(loss_of(medium, target, span), wanted, 1.3 * options.radius, options.grid)
        title = f"{name}: loss after {span:g}, {done} steps"
        panels.append(Panel(title, levels, wanted, 1.3 * options.radius, paths, done))
    recovered = Rates(float(ends.F[best]), float(ends.k[best]))
    again = patterns(recovered, options.size, seeds[:1], options.age)[0]
    means = np.mean(references, axis=(0, 2, 3))
    found = {
        "target": wanted._asdict(),
        "mean_U": float(means[0]),
        "mean_V": float(means[1]),
        "balance": balance(references[0])._asdict(),
        "best": recovered._asdict(),
        "mean": {"F": float(ends.F.mean()), "k": float(ends.k.mean())},
        "largest_error": float(max(np.max(abs(ends.F - wanted.F)), np.max(abs(ends.k - wanted.k)))),
        "n_within": n_within(ends, wanted),
        "cpu_seconds": seconds,
        "loss": paths.loss.tolist(),
        "F": paths.rates.F.tolist(),
        "k": paths.rates.k.tolist(),
        "landscapes": {f"{stage.span:g}": p.loss.tolist() for stage, p in zip(stages, panels, strict=True)},
    }
    return found, panels, [references[0], again]


def row(name: str, found: dict, n_starts: int) -> str:
    """Return the line of a target in the table."""
    names = ("target", "best", "mean", "balance")
    pairs = {key: f"{found[key]['F']:.5f}, {found[key]['k']:.5f}" for key in names}
    return (
        f"| {name} | {pairs['target']} | {pairs['best']} | {pairs['mean']} | {found['largest_error']:.5f} | "
        f"{found['n_within']} of {n_starts} | {pairs['balance']} |"
    )


def say(line: str) -> None:
    """Tell how far things are."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Descend, draw, and write."""
    options = parsed(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    medium = Medium(options.size)
    results, rows, drawn = {}, [], []
    print(HEAD, "|---|---|---|---|---|---|---|", sep="\n", flush=True)
    for name in options.targets:
        results[name], panels, pair = studied(name, options, medium)
        rows.append(panels)
        drawn.append(pair)
        print(row(name, results[name], options.starts), flush=True)
    save_landscapes(options.out / "landscapes.png", list(zip(*rows, strict=True)))
    targets, found = zip(*drawn, strict=True)
    save_patterns(options.out / "patterns.png", {"target": targets, "recovered": found}, options.targets)
    settings = {key: str(x) if isinstance(x, Path) else x for key, x in vars(options).items()}
    text = json.dumps({"settings": settings, "jax": jax.__version__, "found": results}, indent=1)
    (options.out / "textures.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
