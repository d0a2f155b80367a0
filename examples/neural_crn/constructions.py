"""Networks that learn: linear regression, a two-layer ReLU network, a neural ODE.

A sample (x, y) is injected as ``X[i, s]`` and ``Y[s]``; all signed variables are two species each
(`DualRail`). A phase of the clock is the presence of its species, a catalyst: *forward* loads the sample
and integrates the error, *feedback* lets the error change the weights, *wash* takes away all that
belongs to the sample. Every reaction has one or two reactants.

Source of the idea: Nagipogu and Reif, Neural CRNs, arXiv 2409.00034.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from icrn_core.authoring import AuthoredNetwork, Reaction, author, reaction
from icrn_core.dual_rail import DualRail, signs
from icrn_core.notation import base_species, index_symbols, rate_constants

from neural_crn.clocks import Clock

FAST = 1e6  # rate constant of annihilation, per concentration and time
TURN = 100.0  # rate constant of what the species of a phase do, per concentration and time

s, t, u = signs("s t u")
PRODUCT, OPPOSITE = u == (s + t) % 2, u != (s + t) % 2  # u is the sign of a product of s and t, or of -s and t


@dataclass(frozen=True)
class Construction:
    """A network that learns, with its clock.

    Attributes
    ----------
    network : AuthoredNetwork
        Its annihilations are fast reactions without a rate.
    clock : Clock
        What says when a sample is due.
    weights : tuple of DualRail
        What is learned.
    """

    network: AuthoredNetwork
    clock: Clock
    weights: tuple[DualRail, ...]

    def start(self, *weights: np.ndarray) -> Construction:
        """Return the construction with initial weights, signed, in the order of ``weights``."""
        values = {}
        for weight, value in zip(self.weights, weights, strict=True):
            values |= weight.split(value)
        return replace(self, network=self.network.with_values(**values))


class _Sample:
    """What happens to a sample whatever is learned: loaded, handed to the feedback, washed away."""

    def __init__(self, n_inputs: int, clock: Clock) -> None:
        self.i = index_symbols("i", n_inputs)
        self.X, self.XF, self.XB = base_species("X XF XB")
        self.Y, self.YF = base_species("Y YF")
        self.clock = clock

    def reactions(self) -> list[Reaction]:
        i, X, XF, XB, Y, YF = self.i, self.X, self.XF, self.XB, self.Y, self.YF
        forward, feedback, wash = (self.clock.phases[name] for name in ("forward", "feedback", "wash"))
        return [
            reaction(X[i, s] + forward >> XF[i, s] + forward, TURN, name="load"),
            reaction(Y[s] + forward >> YF[s] + forward, TURN, name="load_target"),
            reaction(XF[i, s] + feedback >> XB[i, s] + feedback, TURN, name="turn_input"),
            reaction(YF[s] + feedback >> feedback, TURN, name="end_target"),
            reaction(XB[i, s] + wash >> wash, TURN, name="clear_input"),
        ]


def linear_regression(n_inputs: int, clock: Clock, rate: float = 0.05) -> Construction:
    """Return a network that fits y = P · x by stochastic gradient descent.

    In the forward phase ``E' = P · x - y``, in the feedback phase ``P' = -rate E x``, so that a sample
    moves the weights by -rate T_forward T_feedback (P · x - y) x, along the gradient of half the squared
    error. The target runs through the same integrator as the prediction, whatever the phases are like.

    Parameters
    ----------
    n_inputs : int
        Length of x. An intercept is an input that is always 1.
    clock : Clock
        With the phases forward, feedback and wash.
    rate : float
        Rate constant of the weight change, per concentration and time.
    """
    sample = _Sample(n_inputs, clock)
    i, XF, XB, YF = sample.i, sample.XF, sample.XB, sample.YF
    P, E, eta = DualRail("P"), DualRail("E"), rate_constants("eta")
    wash = clock.phases["wash"]
    network = author(
        *clock.reactions,
        *sample.reactions(),
        reaction(P[i, s] + XF[i, t] >> P[i, s] + XF[i, t] + E[u], 1.0, where=PRODUCT, name="predict"),
        reaction(YF[s] >> YF[s] + E[t], 1.0, where=s != t, name="compare"),
        reaction(E[s] + XB[i, t] >> E[s] + XB[i, t] + P[i, u], eta, where=OPPOSITE, name="update"),
        reaction(E[s] + wash >> wash, TURN, name="clear_error"),
        E.annihilation(),
        P.annihilation(i),
        values={"eta": rate, **clock.values},
        name="linear_regression",
    )
    return Construction(network, clock, (P,))
