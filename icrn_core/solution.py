"""A saved run: times, tensors by base species, statistics, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from icrn_core.errors import IcrnError


class ResultCode(IntEnum):
    """How a run ended; ``message`` says it in words."""

    SUCCESS = 0
    MAX_STEPS = 1
    STEP_TOO_SMALL = 2
    NON_FINITE = 3
    TOO_MANY_TO_STORE = 4
    STIFF = 5
    TOO_MANY_EVENTS = 6
    UNSTABLE = 7

    @property
    def message(self) -> str:
        """What happened and what to do."""
        return _MESSAGES[self]


_MESSAGES = {
    ResultCode.SUCCESS: "success",
    ResultCode.MAX_STEPS: (
        "the maximum number of steps was reached: raise max_steps, loosen rtol or use 'rodas5p'; events "
        "or switches that set each other off without end reach it too"
    ),
    ResultCode.STEP_TOO_SMALL: (
        "the step size became too small: a singularity, or tolerances below rounding error"
    ),
    ResultCode.NON_FINITE: (
        "the rate of change is not finite: a missing value, a division by zero, an overflow, an "
        "algebraic rule without a solution, or a delay over more than the 2,048 steps that are kept"
    ),
    ResultCode.TOO_MANY_TO_STORE: (
        "more steps than reverse-mode differentiation can store: use differentiate='checkpointed'"
    ),
    ResultCode.TOO_MANY_EVENTS: (
        "more events wait for their execution than can be held: shorten delays or thin out triggers"
    ),
    ResultCode.UNSTABLE: "the state is not finite: the step is too long for the scheme",
    ResultCode.STIFF: "explicit steps are limited by stability: the system is stiff, use 'rodas5p'",
}


class Statistics(NamedTuple):
    """Counts of a run: accepted and rejected steps, evaluations of f and of its Jacobian."""

    n_steps: Array
    n_rejected: Array
    n_rhs: Array
    n_jac: Array


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, eq=False)
class Solution:
    """What `simulate` returns; a pytree.

    Attributes
    ----------
    times : (n_times,)
        Output times.
    states : dict of str to array
        Base species → ``(n_times, *shape)`` in its ``state_unit``; NaN at times not reached.
    params : dict of str to array
        Rate constants after initial assignments.
    statistics : Statistics
        Steps and evaluations.
    result : int array
        A `ResultCode`.
    reached : scalar
        Time at which the run ended.
    """

    times: Array
    states: dict[str, Array]
    params: dict[str, Array]
    statistics: Statistics
    result: Array
    reached: Array

    def tree_flatten(self) -> tuple[tuple, None]:
        """Return the fields as children."""
        return (self.times, self.states, self.params, self.statistics, self.result, self.reached), None

    @classmethod
    def tree_unflatten(cls, _: None, children: tuple) -> Solution:
        """Return the solution with these fields."""
        return cls(*children)

    def __repr__(self) -> str:
        if isinstance(self.result, jax.core.Tracer):
            return "Solution(traced)"
        shapes = ", ".join(f"{name}{tuple(np.shape(s))}" for name, s in self.states.items())
        codes = {ResultCode(int(code)).message for code in np.ravel(self.result)}
        return (
            f"Solution({shapes}; {int(np.sum(self.statistics.n_steps))} steps; {' / '.join(sorted(codes))})"
        )

    def check(self) -> Solution:
        """Return the solution if the run, or every run of a batch, succeeded.

        Raises
        ------
        IcrnError
            A run ended early; the message says when, why and what to do.
        """
        codes, reached = np.ravel(self.result), np.ravel(self.reached)
        failed = np.flatnonzero(codes != ResultCode.SUCCESS)
        if not len(failed):
            return self
        first = failed[0]
        which = f"run {first} of {len(codes)} ({len(failed)} failed)" if len(codes) > 1 else "the simulation"
        detail = self._not_finite() if codes[first] == ResultCode.NON_FINITE else ""
        message = ResultCode(int(codes[first])).message
        raise IcrnError(f"{which} stopped at t = {reached[first]:.6g}: {message}{detail}")

    def _not_finite(self) -> str:
        named = {**self.params, **{name: state[..., 0, :] if state.ndim > 1 else state[0]
                                   for name, state in self.states.items()}}  # fmt: skip
        bad = [name for name, values in named.items() if not np.isfinite(values).all()]
        return f" (not finite from the start: {', '.join(bad[:5])})" if bad else ""
