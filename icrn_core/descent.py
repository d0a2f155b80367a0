"""`minimise`: descent of a loss of one's own by gradients, with optax."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from icrn_core.coordinates import coordinates
from icrn_core.descent_file import digest, read_checkpoint, write_checkpoint
from icrn_core.descent_steps import Run, Steps, mean_of_finite
from icrn_core.errors import IcrnError
from icrn_core.optimisers import check_lbfgs, transformation
from icrn_core.samples import Samples

PyTree = Any

_OPTIMISERS = ("adam", "adamw", "sgd", "lbfgs")
_LEARNING_RATE = 1e-2


@dataclass(frozen=True)
class Descent:
    """What `minimise` returns.

    Attributes
    ----------
    values : pytree of arrays
        The tensors after the last step.
    loss : float
        Mean over the last steps that were finite, one epoch of them at most; without
        minibatches the loss at which the last step started.
    best_values, best_loss : pytree of arrays, float
        Without minibatches the tensors with the lowest loss. With them those near the end of
        the epoch whose steps had the lowest mean loss, and that mean.
    history : (n_steps,)
        The loss at which each step started, on its samples; NaN where the step failed.
    n_steps, n_failed : int
        Steps made, and how many of them met a loss or gradient that was not finite.
    ended : {"steps", "interrupted", "stopped"}
        All steps made; Ctrl-C; ``on_step`` said so.
    """

    values: PyTree
    loss: float
    best_values: PyTree
    best_loss: float
    history: np.ndarray
    n_steps: int
    n_failed: int
    ended: str


def minimise(
    loss: Callable[..., Array],
    start: PyTree,
    *,
    data: PyTree = None,
    batch_size: int | None = None,
    steps: int = 1000,
    optimiser: Any = "adam",
    learning_rate: float | Callable | None = None,
    scales: PyTree = None,
    bounds: PyTree = None,
    mask: PyTree = None,
    seed: int = 0,
    on_step: Callable[[int, float, PyTree], bool | None] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 60.0,
    resume: bool = False,
) -> Descent:
    """Minimise a loss over tensors by its gradient.

    The optimiser moves coordinates u, one for each entry that varies, u ← u + optimiser(∂loss/∂u),
    with value = u (linear), exp(u) (log) or 10^u (log10); after each step u is projected to the
    nearest point within the bounds. "non-negative" is linear with the lower bound 0: entries can
    reach 0 exactly, start there and leave it again, which no smooth map of u onto the positive
    numbers allows (its derivative vanishes where the value does).

    A step that meets a loss or gradient that is not finite, or ends in coordinates that are not,
    is not made: the optimiser forgets it, and u goes half of the way back to where the loss was
    finite last.

    Parameters
    ----------
    loss : callable
        ``loss(tensors)`` or, with data, ``loss(tensors, batch)``: a scalar, in JAX. It is compiled.
    start : pytree of arrays
        The tensors at the start, such as a mapping by base.
    data : pytree of arrays, optional
        Each with an axis of samples first.
    batch_size : int, optional
        Samples of one step, drawn without repetition in a seeded order, anew for each epoch; all
        where it is left out.
    steps : int
        Steps in all, those of a resumed run included.
    optimiser : {"adam", "adamw", "sgd", "lbfgs"} or optax.GradientTransformation
        "lbfgs" searches along its line, keeps no bounds and takes no minibatches.
    learning_rate : float or optax schedule, optional
        In coordinates, .01 by default; of a named optimiser other than "lbfgs".
    scales : str or mapping of str to str, optional
        "linear" (the default), "log", "log10" or "non-negative"; for all tensors, or by name.
    bounds : (lower, upper) or mapping of str to such pairs, optional
        Of the values; each a number or an array that fits the tensor.
    mask : bool array or mapping of str to bool array, optional
        False where an entry keeps its value, to the last bit.
    seed : int
        Of the order of the samples.
    on_step : callable, optional
        Called with the number of steps made, the loss at which the last one started and the
        tensors after it; the descent ends when it returns True.
    checkpoint : path, optional
        File to go on from: written every ``checkpoint_every`` seconds and at the end, also after
        Ctrl-C, under a temporary name that is then changed.
    checkpoint_every : float
        Seconds; 0 for every step.
    resume : bool
        Go on from the checkpoint where there is one: to the same result as without a stop. The
        loss itself cannot be compared with the one that the checkpoint was written for; the start,
        data, optimiser and other options are.

    Returns
    -------
    Descent

    Raises
    ------
    IcrnError
        An option does not fit; the loss is no scalar; it is not finite at the start, or in any
        step; the checkpoint cannot be written, read, or is of another problem; optax is missing.

    Examples
    --------
    >>> found = minimise(lambda t: (t["x"] - 3.0) ** 2, {"x": 0.0}, learning_rate=0.1)
    >>> round(float(found.best_values["x"]), 6)
    3.0
    """
    if not isinstance(steps, int | np.integer) or steps < 0:
        raise IcrnError(f"steps is a whole number, 0 or more, not {steps!r}")
    if on_step is not None and not callable(on_step):
        raise IcrnError(f"on_step is a function of (step, loss, tensors), not {on_step!r}")
    parts = coordinates(start, scales, bounds, mask)
    samples = Samples(data, batch_size, seed)
    rule = transformation(optimiser, learning_rate)
    if optimiser == "lbfgs":
        check_lbfgs(parts, batch_size)
    file = _checked_path(checkpoint, checkpoint_every, resume)
    descent = Steps(loss, start, parts, samples, rule)
    problem = _problem(descent, optimiser, learning_rate) if file else {}
    run = descent.begin()
    if resume and file.exists():
        run = read_checkpoint(file, problem, run)
    saved = time.monotonic()
    ended = "steps"
    try:
        while run.step < steps:
            run = descent.advance(run)
            if on_step and on_step(int(run.step), float(run.history[-1]), descent.values(run.place.free)):
                ended = "stopped"
                break
            if file and time.monotonic() - saved >= checkpoint_every:
                write_checkpoint(file, problem, run)
                saved = time.monotonic()
    except KeyboardInterrupt:
        if not run.step:
            raise
        ended = "interrupted"
    if file:
        write_checkpoint(file, problem, run)
    return _result(descent, run, ended)


def _result(descent: Steps, run: Run, ended: str) -> Descent:
    """Return what was found; raise `IcrnError` if no step had a finite loss."""
    n_failed = int(np.isnan(run.history).sum())
    if run.step and n_failed == run.step:
        raise IcrnError(f"the loss or its gradient was not finite in any of {run.step} steps")
    loss = mean_of_finite(run.history[-descent.samples.n_batches :])
    best, best_loss = run.best, float(run.best_loss)
    if not np.isfinite(best_loss):  # no epoch was finished
        best, best_loss = run.place.free, loss
    return Descent(
        values=descent.values(run.place.free),
        loss=loss,
        best_values=descent.values(best),
        best_loss=best_loss,
        history=run.history,
        n_steps=int(run.step),
        n_failed=n_failed,
        ended=ended,
    )


def _checked_path(checkpoint: str | Path | None, every: float, resume: bool) -> Path | None:
    if checkpoint is None:
        if resume:
            raise IcrnError("resume needs checkpoint, the file to go on from")
        return None
    if not isinstance(every, float | int) or not every >= 0:
        raise IcrnError(f"checkpoint_every is a number of seconds, 0 or more, not {every!r}")
    path = Path(checkpoint)
    if not path.parent.is_dir():
        raise IcrnError(f"the folder of the checkpoint '{path}' does not exist")
    return path


def _problem(descent: Steps, optimiser: Any, learning_rate: Any) -> dict[str, str]:
    """Return what a descent depends on, as texts by option."""
    parts, samples = descent.parts, descent.samples
    memory = jax.eval_shape(descent.rule.init, [part.first() for part in parts])
    shapes = [f"{leaf.dtype}{leaf.shape}" for leaf in jax.tree.leaves(memory)]
    return {
        "start": digest(*(part.start for part in parts)) + str([part.name for part in parts]),
        "scales": str([part.scale for part in parts]),
        "mask": digest(*(part.varies for part in parts)),
        "bounds": digest(*(bound for part in parts for bound in (part.lower, part.upper))),
        "data": digest(*jax.tree.leaves(samples.data)) + str(jax.tree.structure(samples.data)),
        "batch_size": str(samples.batch_size),
        "seed": str(samples.seed),
        "optimiser": f"{optimiser if isinstance(optimiser, str) else 'given'} {shapes}",
        "learning_rate": "a schedule" if callable(learning_rate) else str(learning_rate),
    }
