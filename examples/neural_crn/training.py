"""The loop over samples: inject one, let the chemistry run for a period, inject the next."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from icrn_core import compile_icrn, simulate
from icrn_core.dynamics import Dynamics
from icrn_core.solution import Solution
from neural_crn.constructions import FAST, Construction

# Two rails that both fall to -a run away after a time of 1 / (FAST a): ATOL is small beside 1 / FAST.
RTOL, ATOL = 1e-6, 1e-11


def injection(construction: Construction, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each sample adds to the concentrations, by base species.

    Parameters
    ----------
    construction : Construction
        The network.
    x, y : (n_samples, n_inputs), (n_samples,)
        Inputs and targets; each is split into what is above and below 0.

    Returns
    -------
    dict of str to array
        ``X``, ``(n_samples, n_inputs, 2)``, ``Y``, ``(n_samples, 2)``, and the dose of the clock.
    """
    rails = {name: np.stack([np.maximum(v, 0), np.maximum(-v, 0)], -1) for name, v in (("X", x), ("Y", y))}
    return rails | {name: np.full(len(y), dose) for name, dose in construction.clock.dose.items()}


class Learner:
    """A construction as it learns: its concentrations, carried on from one sample to the next.

    Parameters
    ----------
    construction : Construction
        The network with its initial weights.
    fast : float
        Rate constant of the fast reactions, per concentration and time.
    rtol, atol : float
        Tolerances of the adaptive solver; ``atol`` in concentration.
    """

    def __init__(
        self, construction: Construction, *, fast: float = FAST, rtol: float = RTOL, atol: float = ATOL
    ) -> None:
        self.construction = construction
        self.network = construction.network.with_fast_rate(fast)
        self.dynamics = compile_icrn(self.network.icrn)
        self.params = self.network.params
        self.state = {name: jnp.asarray(value) for name, value in self.network.state.items()}
        self.tolerances = rtol, atol

    def learn(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
        """Let the network see samples, in order, and return the signed weights after each.

        Parameters
        ----------
        x, y : (n_samples, n_inputs), (n_samples,)
            Inputs and targets.

        Returns
        -------
        tuple of array
            For each of ``construction.weights``, ``(n_samples, *shape)``.

        Raises
        ------
        IcrnError
            The solver failed.
        """
        added = injection(self.construction, np.asarray(x), np.asarray(y))
        start, period = self.state, self.construction.clock.period
        state, runs = _run(self.dynamics, start, self.params, added, period, *self.tolerances)
        runs.check()
        self.state = state
        return tuple(np.asarray(w.value(runs.states))[:, 0] for w in self.construction.weights)

    @property
    def weights(self) -> tuple[np.ndarray, ...]:
        """Signed weights, in the order of ``construction.weights``."""
        return tuple(np.asarray(weight.value(self.state)) for weight in self.construction.weights)


@jax.jit
def _run(
    dynamics: Dynamics, state: dict, params: dict, added: dict, period: float, rtol: float, atol: float
) -> tuple[dict, Solution]:
    """Return the state after the last sample, and the runs of all samples."""

    def one(state: dict, added: Mapping[str, Array]) -> tuple[dict, Solution]:
        state = {name: value + added[name] if name in added else value for name, value in state.items()}
        run = simulate(dynamics, state, params, jnp.array([period]), rtol=rtol, atol=atol)
        return {name: value[-1] for name, value in run.states.items()}, run

    return lax.scan(one, state, added)
