"""Stochastic runs of a model, by original id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from os import PathLike

    from converters.folding import Folding
    from icrn_core.authoring import AuthoredNetwork
    from icrn_io.network import Network


@dataclass(frozen=True, eq=False)
class StochasticCourse:
    """Runs of a model with random reactions.

    Attributes
    ----------
    times : (n_times,)
        In the model's time unit.
    counts : mapping of str to float64 array
        Species id → counts, ``(n_runs, n_times)``.
    n_events : (n_runs,) int array
        Events, or leaps.
    """

    times: np.ndarray
    counts: Mapping[str, np.ndarray]
    n_events: np.ndarray


def run_stochastic(
    model: str | PathLike[str] | Network | Folding | AuthoredNetwork,
    times,
    n_runs: int = 1,
    method: str = "ssa",
    seed: int = 0,
    overrides: Mapping[str, float] | None = None,
    epsilon: float = 0.03,
    max_events: int = 10_000_000,
) -> StochasticCourse:
    """Run a model as a Markov jump process: amounts are counts, kinetic laws are propensities.

    Parameters
    ----------
    model : path, Network, Folding or AuthoredNetwork
        As for `converters.run_time_course`. Initial amounts are whole numbers.
    times : array_like, (n_times,)
        Output times: finite, ascending, not negative. Runs start at 0.
    n_runs : int
        Number of runs; they are lanes of one compiled loop.
    method : {"ssa", "tau-leaping"}
        See `icrn_core.simulate_stochastic`.
    seed : int
        The same seed gives the same runs.
    overrides : mapping of str to float, optional
        Id → value.
    epsilon : float
        Of tau-leaping.
    max_events : int
        Most events, or leaps, between two output times.

    Returns
    -------
    StochasticCourse

    Raises
    ------
    ModelIOError
        The model cannot be read or run; the message names what is in the way.
    """
    from converters.engines.programs import float64
    from converters.errors import EngineError
    from converters.lowering.plain import plain_folding
    from converters.models import as_folding, with_overrides
    from converters.refusal import refuse_unsupported
    from converters.time_course import check_times
    from icrn_core.errors import IcrnError
    from icrn_core.stochastic import compile_stochastic, simulate_stochastic

    grid = check_times(times)
    folding = plain_folding(as_folding(with_overrides(model, overrides or {})))
    refuse_unsupported(folding)
    icrn = folding.icrn
    values, params = (
        {base.name: folding.values[base.name] for base in bases} for bases in (icrn.species, icrn.constants)
    )
    try:
        with float64():
            network = compile_stochastic(icrn)
            runs = simulate_stochastic(
                network,
                values,
                params,
                grid,
                n_runs=n_runs,
                seed=seed,
                method=method,
                epsilon=epsilon,
                max_events=max_events,
            ).check()
    except IcrnError as error:
        raise EngineError("icrn", str(error)) from None
    known = {species.id for species in folding.skeleton.species}
    counts = {}
    for base, tensor in runs.states.items():
        columns = np.asarray(tensor).reshape(n_runs, len(grid), -1)
        for position, element_id in enumerate(folding.identity.entries[base]):
            if element_id in known:
                counts[element_id] = columns[:, :, position]
    return StochasticCourse(grid, counts, np.asarray(runs.n_events))
