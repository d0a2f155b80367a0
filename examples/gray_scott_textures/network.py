"""The Gray–Scott network on a periodic square, and the patterns that it makes."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from icrn_core import Grid, compile_icrn, simulate_field
from icrn_core.authoring import AuthoredNetwork, author, reaction
from icrn_core.notation import base_species, rate_constants

DIFFUSION = {"U": 0.2, "V": 0.1}


class Rates(NamedTuple):
    """Feed and kill constants, per unit of time: numbers, or an array of each."""

    F: float | Array
    k: float | Array


# Named after the patterns of Pearson (Science 261, 1993).
TARGETS = {"kappa": Rates(0.037, 0.06), "lambda": Rates(0.036, 0.05725), "delta": Rates(0.034, 0.063)}


def gray_scott() -> AuthoredNetwork:
    """Return U + 2V → 3V (1), V → ∅ (F + k), ∅ → U (F), U → ∅ (F) in the notation of indexed networks."""
    U, V = base_species("U V")
    F, k = rate_constants("F k")
    return author(
        reaction(U + 2 * V >> 3 * V, 1.0, name="growth"),
        reaction(V >> 0, F + k, name="kill"),
        reaction(0 >> U, F, name="feed"),
        reaction(U >> 0, F, name="outflow"),
        values=TARGETS["kappa"]._asdict(),
    )


class Medium:
    """Gray–Scott on a periodic square of ``n × n`` points at distance 1.

    Parameters
    ----------
    n : int
        Points of each side. The published size, 101, is prime and slow to transform; 100 is not.
    step : float
        Length of a step of ETDRK4, in units of time.
    dtype : dtype
        Of the fields, float32 or float64.
    """

    def __init__(self, n: int = 100, step: float = 10.0, dtype: np.dtype = np.float32) -> None:
        self.step, self.dtype = step, np.dtype(dtype)
        network = gray_scott()
        self._dynamics, self._params = compile_icrn(network.icrn), network.params
        self._grid = Grid((n, n), spacing=1.0, boundary="periodic")

    def after(self, state: Array, rates: Rates, span: float) -> Array:
        """Return U and V after a time span.

        Integrates ∂U/∂t = .2 ∇²U − UV² + F(1 − U), ∂V/∂t = .1 ∇²V + UV² − (F + k)V in JAX.

        Parameters
        ----------
        state : (2, n, n)
            U and V at the start.
        rates : Rates
            Two numbers, per unit of time.
        span : float
            Units of time: a whole number of steps.

        Returns
        -------
        (2, n, n)
            Not finite where the run blew up.
        """
        n_steps = round(span / self.step)
        if n_steps < 1 or not np.isclose(n_steps * self.step, span):
            raise ValueError(f"a span of {span:g} is not a whole number of steps of {self.step:g}")
        fields = simulate_field(
            self._dynamics,
            {"U": state[0], "V": state[1]},
            {**self._params, **rates._asdict()},
            DIFFUSION,
            self._grid,
            step=self.step,
            n_steps=n_steps,
            scheme="etdrk4",
            checkpoint="step",
            dtype=self.dtype,
        ).fields
        return jnp.stack([fields["U"][-1], fields["V"][-1]])


def first_state(n: int, seed: int) -> np.ndarray:
    """Return U and V at t = 0, ``(2, n, n)``.

    U = 1 and V = 0, each with uniform noise from 0 to .18, and 1 more of V on the central 3 × 3 points.
    """
    state = 0.18 * np.random.default_rng(seed).random((2, n, n))
    state[0] += 1.0
    middle = slice(n // 2 - 1, n // 2 + 2)
    state[1, middle, middle] += 1.0
    return state


def patterns(rates: Rates, n: int, seeds: range, span: float = 5000.0, step: float = 1.0) -> np.ndarray:
    """Return the patterns that come of noise, ``(n_seeds, 2, n, n)``, U and V, in float32.

    Parameters
    ----------
    rates : Rates
        Two numbers.
    n : int
        Points of each side.
    seeds : range
        Of the noise, one for each pattern.
    span : float
        Units of time from noise to pattern.
    step : float
        Of ETDRK4: patterns are chosen in the first 200 units, by fast transients, and take short steps.
    """
    medium = Medium(n, step)
    return np.stack([np.asarray(medium.after(first_state(n, seed), rates, span)) for seed in seeds])


def balance(pattern: np.ndarray) -> Rates:
    """Return the rates at which the means of U and V of a pattern ``(2, n, n)`` stand still.

    Diffusion moves nothing in or out, so that at rest ⟨UV²⟩ = F(1 − ⟨U⟩) = (F + k)⟨V⟩: what a
    descent finds can be compared with it.
    """
    U, V = np.asarray(pattern, np.float64)
    growth = np.mean(U * V * V)
    F = growth / (1.0 - U.mean())
    return Rates(float(F), float(growth / V.mean() - F))
