"""Neural CRNs: run the experiments, print their figures, save learning curves.

Example: python examples/neural_crn/run.py regression xor --epochs 5 --out results
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

# The folder above, so that the modules here are found as a package, and hide no others.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import jax

from neural_crn import checks, experiments
from neural_crn.outcome import Outcome
from options import count

EXPERIMENTS: dict[str, Callable[..., Outcome]] = {
    "regression": experiments.regression,
    "noisy": experiments.noisy_regression,
    "rings": lambda **options: experiments.classification("rings", **options),
    "xor": lambda **options: experiments.classification("xor", **options),
    "bilinear": experiments.bilinear,
}
CHECKS: dict[str, Callable[..., Outcome]] = {
    "gradients": checks.gradients,
    "robustness": checks.robustness,
    "roadrunner": checks.roadrunner,
    "counting": checks.counting,
}


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for."""
    parser = _parser()
    options = parser.parse_args(arguments)
    missing = [name for name in ("matplotlib", "roadrunner") if find_spec(name) is None]
    if missing:
        parser.error(f"{' and '.join(missing)} not installed: pip install '.[plot,validate]'")
    jax.config.update("jax_enable_x64", True)
    options.out.mkdir(parents=True, exist_ok=True)
    given = {"n_epochs": options.epochs, "n_samples": options.samples}
    given = {name: value for name, value in given.items() if value is not None}
    outcomes = {}
    for name in options.what or [*EXPERIMENTS, *CHECKS]:
        print(f"{name} ...", file=sys.stderr)
        start = time.perf_counter()
        outcome = EXPERIMENTS[name](**given) if name in EXPERIMENTS else CHECKS[name]()
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        print(outcome.table(), end="\n\n", flush=True)
        if outcome.curves:
            (options.out / f"{name}.png").write_bytes(outcome.picture())
        _write(options.out / f"{name}.json", json.dumps(vars(outcome), indent=1))
        outcomes[name] = outcome
    _write(options.out / "figures.md", "\n\n".join(outcome.table() for outcome in outcomes.values()))


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", "utf-8")


def _parser() -> argparse.ArgumentParser:
    description, _, example = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=description, epilog=example)
    known = list(EXPERIMENTS | CHECKS)
    parser.add_argument("what", nargs="*", metavar="WHAT", choices=known, help=f"{', '.join(known)}; all")
    parser.add_argument("--epochs", type=count, help="of the learning curves")
    parser.add_argument("--samples", type=count, help="in an epoch of the learning curves")
    parser.add_argument(
        "--out", type=Path, default=Path("."), metavar="FOLDER", help="for PNG, JSON, Markdown"
    )
    return parser


if __name__ == "__main__":
    main()
