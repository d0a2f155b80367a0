"""F and k of the Gray–Scott network from its patterns κ, λ and δ: descents from a circle around each.

Prints a table of what was found, and writes ``patterns.png``, ``landscapes.png`` and ``textures.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    # The folder above, so that the modules here are found as a package, and hide no others.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import jax
import numpy as np

from gray_scott_textures.network import TARGETS, Medium, Rates, balance, patterns
from gray_scott_textures.pictures import Panel, save_landscapes, save_patterns
from gray_scott_textures.training import (
    Paths,
    Stage,
    Target,
    circle,
    descend,
    growing,
    landscape,
    loss_of,
    n_within,
    published,
    target_of,
)
from options import count, positive

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
    add("--starts", type=count, default=10, help="descents for each target (10)")
    add("--radius", type=positive, default=0.015, help="of the circle of starts, in F and k (.015)")
    add("--iterations", type=count, help="steps of Adam (150 growing, 201 published)")
    add("--size", type=count, default=100, help="points of each side (100)")
    add("--age", type=positive, default=5000.0, help="time at which a pattern is the target (5000)")
    add("--references", type=count, default=10,
        help="patterns whose mean moments are wanted; the first of them is the target (10)")  # fmt: skip
    add("--grid", type=count, default=31, help="points of each side of the drawn landscapes (31)")
    add("--seed", type=int, default=0, help="of the noise of the first pattern; others count on (0)")
    add("--filter-seed", type=int, default=0, help="of the random filters (0)")
    add("--out", type=Path, default=Path("gray_scott_textures"), help="folder of what is written")
    return parser.parse_args(arguments)


class Study(NamedTuple):
    """One target: its rates, patterns, stages and ways, and the CPU seconds of the descent."""

    wanted: Rates
    references: np.ndarray
    target: Target
    stages: tuple[Stage, ...]
    paths: Paths
    seconds: float

    @property
    def ends(self) -> Rates:
        """F and k of every start at the end, ``(n_starts,)`` each."""
        return Rates(*(way[-1] for way in self.paths.rates))

    @property
    def best(self) -> Rates:
        """F and k of the start with the lowest loss at the end."""
        first = int(np.argmin(self.paths.loss))
        return Rates(*(float(end[first]) for end in self.ends))


def studied(name: str, options: argparse.Namespace, medium: Medium) -> Study:
    """Make the patterns of one target, and descend."""
    wanted = TARGETS[name]
    begun = time.process_time()
    seeds = range(options.seed, options.seed + options.references)
    references = patterns(wanted, options.size, seeds, options.age)
    say(f"{name}: {len(seeds)} patterns, {time.process_time() - begun:.0f} CPU s")
    target = target_of(references[0], references, options.filter_seed)
    make = growing if options.stages == "growing" else published
    stages = make() if options.iterations is None else make(options.iterations)
    begun = time.process_time()
    paths = descend(medium, target, circle(wanted, options.radius, options.starts), stages)
    study = Study(wanted, references, target, stages, paths, time.process_time() - begun)
    within = f"{n_within(study.ends, wanted)} of {options.starts} within .002"
    say(f"{name}: {within}, {study.seconds:.0f} CPU s")
    return study


def panels_of(name: str, study: Study, options: argparse.Namespace, medium: Medium) -> list[Panel]:
    """Return a landscape for each stage, with the ways up to its end."""
    panels, done, width = [], 0, 1.3 * options.radius
    for span, steps, _ in study.stages:
        done += steps
        levels = landscape(loss_of(medium, study.target, span), study.wanted, width, options.grid)
        title = f"{name}: loss after {span:g}, {done} steps"
        panels.append(Panel(title, levels, study.wanted, width, study.paths, done))
    return panels


def record(study: Study, panels: list[Panel]) -> dict:
    """Return what is written of one target."""
    ends, wanted = study.ends, study.wanted
    U, V = np.mean(study.references, axis=(0, 2, 3)).tolist()
    return {
        "target": wanted._asdict(),
        "mean_U": U,
        "mean_V": V,
        "balance": balance(study.references[0])._asdict(),
        "best": study.best._asdict(),
        "mean": {"F": float(ends.F.mean()), "k": float(ends.k.mean())},
        "largest_error": float(max(np.max(abs(ends.F - wanted.F)), np.max(abs(ends.k - wanted.k)))),
        "n_within": n_within(ends, wanted),
        "cpu_seconds": study.seconds,
        "loss": study.paths.loss.tolist(),
        "F": study.paths.rates.F.tolist(),
        "k": study.paths.rates.k.tolist(),
        "landscapes": [
            {"span": s.span, "loss": p.loss.tolist()} for s, p in zip(study.stages, panels, strict=True)
        ],
    }


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
        study = studied(name, options, medium)
        rows.append(panels_of(name, study, options, medium))
        results[name] = record(study, rows[-1])
        again = patterns(study.best, options.size, range(options.seed, options.seed + 1), options.age)
        drawn.append((study.references[0], again[0]))
        print(row(name, results[name], options.starts), flush=True)
    save_landscapes(options.out / "landscapes.png", list(zip(*rows, strict=True)))
    targets, found = zip(*drawn, strict=True)
    save_patterns(options.out / "patterns.png", {"target": targets, "recovered": found}, options.targets)
    settings = {key: str(x) if isinstance(x, Path) else x for key, x in vars(options).items()}
    text = json.dumps({"settings": settings, "jax": jax.__version__, "found": results}, indent=1)
    (options.out / "textures.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
