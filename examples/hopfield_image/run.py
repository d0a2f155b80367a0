"""Train a reaction–diffusion network of dual-rail neurons to grow a picture, and check the solution.

``python examples/hopfield_image/run.py --out FOLDER`` trains all weights and diffusion constants of 64
neurons so that the three visible ones, started as three spots, are the colours of a flower after 12.5
units of time. The descent begins on a coarse grid. What is trained is then run with halved steps, on a
finer grid and with another scheme: a solution of the equations has the same loss in all of them.

Written to the folder: ``loss.png``, ``pictures.png``, ``growth.gif``, ``values.npz`` with the trained values,
``figures.json``, and checkpoints from which ``--resume`` goes on.

Example: ``python examples/hopfield_image/run.py --neurons 16 --points 24 --steps 100 0 --out /tmp/flower``
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

# The folder above, so that the modules here are found as a package, and hide no others.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import jax
import numpy as np

from hopfield_image.image import flower, grid_of
from hopfield_image.pictures import save_losses, save_pictures
from hopfield_image.training import END, Grower, Stage, checked, train
from icrn_core.pictures import save_movie
from options import count, positive

STEP = 0.25


def main() -> None:
    """Train, check, draw, and print the figures."""
    options = parsed()
    jax.config.update("jax_enable_x64", True)
    options.out.mkdir(parents=True, exist_ok=True)
    grower = Grower(options.neurons)
    coarse, fine = options.steps
    stages = [Stage(options.points // 2, STEP, coarse), Stage(options.points, STEP, fine)]
    stages = [stage for stage in stages if stage.n_steps]
    begun = time.process_time()

    def progress(stage: Stage, k: int, loss: float) -> None:
        if k % 10 == 0:
            print(f"{stage.points}², step {k}: log10 loss {np.log10(loss):.3f}", file=sys.stderr, flush=True)

    values, losses = train(
        grower,
        stages,
        learning_rate=options.rate,
        seed=options.seed,
        on_step=progress,
        checkpoints=options.out if options.resume else None,
    )
    seconds = time.process_time() - begun
    found = checked(grower, values, stages[-1])
    figures = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {jax.default_backend()}, jax {jax.__version__}",
        "neurons": options.neurons,
        "learning_rate": options.rate,
        "seed": options.seed,
        "stages": [vars(stage) for stage in stages],
        "training CPU seconds, with compilation": round(seconds),
        "log10 loss of a blank": float(np.log10((flower(grid_of(options.points)) ** 2).mean())),
        "log10 loss at the start": float(np.log10(losses[0][0])),
        "log10 loss at the end": {name: float(np.log10(x)) for name, x in found.items()},
    }
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    (options.out / "figures.json").write_text(
        json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    np.savez(options.out / "values.npz", **values)
    draw(grower, values, losses, stages, options.out)


def parsed() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--neurons", type=count, default=64, help="number of neurons, from 3 up (64)")
    add("--points", type=count, default=48, help="points along a side of the domain, an even number (48)")
    add(
        "--steps",
        type=int,
        nargs=2,
        default=(600, 300),
        metavar=("COARSE", "FINE"),
        help="steps of the descent with half as many points along a side, and with all (600 300)",
    )
    add("--rate", type=positive, default=4e-3, help="first length of the descent's steps (.004)")
    add("--seed", type=int, default=0, help="of the first values (0)")
    add("--resume", action="store_true", help="write checkpoints, and go on from those of the folder")
    add("--out", type=Path, required=True, help="folder for pictures and figures")
    options = parser.parse_args()
    if (
        options.neurons < 3
        or options.points < 8
        or options.points % 2
        or min(options.steps) < 0
        or not sum(options.steps)
    ):
        parser.error("there are at least 3 neurons, an even number of at least 8 points, and one step")
    return options


def draw(grower: Grower, values: dict, losses: list[np.ndarray], stages: list[Stage], out: Path) -> None:
    """Write the pictures of a training."""
    last = stages[-1]
    save_losses(out / "loss.png", losses, stages)
    growth = grower.grow(values, last.points, STEP, n_pictures=5)
    longer = grower.grow(values, last.points, STEP, n_pictures=10, end=2 * END)
    save_pictures(out / "pictures.png", growth, longer, flower(growth.grid))
    save_movie(growth, out / "growth.gif", bases=["plus"], fps=2)


if __name__ == "__main__":
    main()
