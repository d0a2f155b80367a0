"""Growing the image from the spots, the loss of that, and its descent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hopfield_image.image import flower, grid_of, spots
from hopfield_image.network import annihilated, diffusion, first_values, hopfield
from icrn_core import FieldSolution, compile_icrn, minimise, simulate_field

# Time that the image has to grow, and how many neurons are seen, one for each colour.
END, N_VISIBLE = 12.5, 3


@dataclass(frozen=True)
class Stage:
    """A part of the training: points along a side, step of time, and steps of the descent."""

    points: int
    step: float
    n_steps: int


class Grower:
    """Grows pictures with ``n`` neurons.

    Parameters
    ----------
    n : int
        Number of neurons.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.dynamics = compile_icrn(hopfield(n).icrn)

    def grow(
        self,
        values: dict[str, Array],
        points: int,
        step: float,
        *,
        scheme: str = "strang",
        dtype: type = np.float32,
        n_pictures: int = 1,
        end: float = END,
    ) -> FieldSolution:
        """Return the fields of all neurons from the spots on.

        Parameters
        ----------
        values : mapping of str to array
            As of `network.first_values`.
        points : int
            Points along a side of the domain.
        step : float
            Of time; ``end`` is ``n_pictures`` multiples of it.
        scheme : {"strang", "etdrk2", "etdrk4"}
            Of `icrn_core.simulate_field`.
        dtype : dtype
            Of the fields.
        n_pictures : int
            How many times are saved after the first.
        end : float
            Time at the end.
        """
        grid, constants = grid_of(points), diffusion(values["theta"])
        n_steps = round(end / step)
        seed = np.zeros((self.n, *grid.shape))
        seed[:N_VISIBLE] = spots(grid)
        return simulate_field(
            self.dynamics,
            {"plus": seed, "minus": np.zeros(self.n)},
            {"W": values["W"], "V": values["V"], "k": 1.0},
            constants,
            grid,
            step=end / n_steps,
            n_steps=n_steps,
            save_every=n_steps // n_pictures,
            scheme=scheme,
            project=annihilated,
            dtype=dtype,
        )

    def loss(self, values: dict[str, Array], points: int, step: float, **choices: object) -> Array:
        """Return the mean square of what the visible neurons, x⁺ − x⁻, differ by from the flower."""
        target = flower(grid_of(points))
        found = picture(self.grow(values, points, step, **choices))
        return jnp.mean((found - target.astype(found.dtype)) ** 2)


def picture(solution: FieldSolution, at: int = -1) -> Array:
    """Return the visible neurons at one saved time, ``(3, *grid.shape)``."""
    shown = slice(0, N_VISIBLE)
    return solution.fields["plus"][at, shown] - solution.fields["minus"][at, shown]


def train(
    grower: Grower,
    stages: Sequence[Stage],
    *,
    learning_rate: float = 4e-3,
    seed: int = 0,
    start: dict[str, np.ndarray] | None = None,
    on_step: Callable[[Stage, int, float], None] = lambda stage, k, loss: None,
    checkpoints: Path | None = None,
) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Return trained values and the losses of each stage.

    Adam with decoupled weight decay of 10⁻⁴ on gradients of length 1 at most. The length of steps
    falls as a cosine over all stages together.

    Parameters
    ----------
    grower : Grower
    stages : sequence of Stage
        One after the other, each from the values the last one ended with: a coarse grid first costs
        little.
    learning_rate : float
        At the start.
    seed : int
        Of the first values.
    start : mapping of str to array, optional
        First values other than those.
    on_step : function
        Called with the stage, the step in it and the loss.
    checkpoints : path, optional
        Folder of files to go on from.
    """
    from optax import adamw, chain, clip_by_global_norm, cosine_decay_schedule

    values = first_values(grower.n, seed) if start is None else start
    total = sum(stage.n_steps for stage in stages)
    fall = cosine_decay_schedule(learning_rate, total, alpha=0.02)
    losses, done = [], 0
    for at, stage in enumerate(stages):
        found = minimise(
            lambda v, stage=stage: grower.loss(v, stage.points, stage.step),
            values,
            steps=stage.n_steps,
            optimiser=chain(clip_by_global_norm(1.0), adamw(lambda k, done=done: fall(k + done))),
            on_step=lambda k, loss, _, stage=stage: on_step(stage, k, loss),
            checkpoint=checkpoints and checkpoints / f"stage_{at}.npz",
            resume=checkpoints is not None,
        )
        values = {name: np.asarray(x) for name, x in found.best_values.items()}
        losses.append(found.history)
        done += stage.n_steps
    return values, losses


def checked(grower: Grower, values: dict[str, np.ndarray], stage: Stage) -> dict[str, float]:
    """Return the loss as it was trained, and with a step, grid, scheme and precision that were not."""
    points, step = stage.points, stage.step
    ways = {
        f"as trained: strang, step {step:g}, {points}², float32": (points, step, {}),
        f"step {step / 2:g}": (points, step / 2, {}),
        f"step {step / 4:g}": (points, step / 4, {}),
        f"etdrk4, step {step / 4:g}, float64": (points, step / 4, {"scheme": "etdrk4", "dtype": np.float64}),
        f"{2 * points}², step {step / 2:g}": (2 * points, step / 2, {}),
    }
    loss = jax.jit(grower.loss, static_argnames=("points", "step", "scheme", "dtype"))
    return {name: float(loss(values, at, h, **more)) for name, (at, h, more) in ways.items()}
