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

from icrn_core.authoring import AuthoredNetwork, Reaction, author, fast, reaction
from icrn_core.dual_rail import DualRail, signs
from icrn_core.notation import base_species, index_symbols, rate_constants
from neural_crn.clocks import Clock

FAST = 1e7  # rate constant of annihilation, per concentration and time
TURN = 1e3  # rate constant of what the species of a phase do, per concentration and time

s, t, u = signs("s t u")
k_phase, eta = rate_constants("k_phase eta")
# u is the sign of the product of two variables with the signs s and t, or the opposite sign.
PRODUCT = u == (s + t) % 2
OPPOSITE = u != (s + t) % 2


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
            reaction(X[i, s] + forward >> XF[i, s] + forward, k_phase, name="load"),
            reaction(Y[s] + forward >> YF[s] + forward, k_phase, name="load_target"),
            reaction(XF[i, s] + feedback >> XB[i, s] + feedback, k_phase, name="turn_input"),
            reaction(YF[s] + feedback >> feedback, k_phase, name="end_target"),
            reaction(XB[i, s] + wash >> wash, k_phase, name="clear_input"),
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
    P, E = DualRail("P"), DualRail("E")
    wash = clock.phases["wash"]
    network = author(
        *clock.reactions,
        *sample.reactions(),
        reaction(P[i, s] + XF[i, t] >> P[i, s] + XF[i, t] + E[u], 1.0, where=PRODUCT, name="predict"),
        reaction(YF[s] >> YF[s] + E[t], 1.0, where=s != t, name="compare"),
        reaction(E[s] + XB[i, t] >> E[s] + XB[i, t] + P[i, u], eta, where=OPPOSITE, name="update"),
        reaction(E[s] + wash >> wash, k_phase, name="clear_error"),
        E.annihilation(),
        P.annihilation(i),
        values={"k_phase": TURN, "eta": rate, **clock.values},
        name="linear_regression",
    )
    return Construction(network, clock, (P,))


def two_layers(n_inputs: int, n_hidden: int, clock: Clock, rate: float = 0.1) -> Construction:
    """Return a network that fits y = V · relu(W x) by stochastic gradient descent.

    In the forward phase ``Z' = W x`` and ``E' = 2 (V · relu(Z) - Yint)`` with ``Yint' = y``: both sides
    of the error are integrated twice, so that it is right at any time. Once Z⁺ and Z⁻ have annihilated,
    relu(Z) is Z⁺. In the feedback phase ``V' = -rate E relu(Z)``; the adjoint ``A' = 2 E V`` of a unit
    is made for all units and destroyed by Z⁻ where the unit is off; ``W' = -rate A x``. With the phases
    of unit length of `phase_clock`, the learning rate of both layers is ``rate``.

    Parameters
    ----------
    n_inputs : int
        Length of x, with the 1 for the intercepts.
    n_hidden : int
        Number of hidden units.
    clock : Clock
        With the phases forward, feedback and wash.
    rate : float
        Rate constant of the weight change, per concentration and time.
    """
    sample = _Sample(n_inputs, clock)
    i, XF, XB, YF = sample.i, sample.XF, sample.XB, sample.YF
    h = index_symbols("h", n_hidden)
    W, V, Z, ZB, A, E, EB = (DualRail(name) for name in ("W", "V", "Z", "ZB", "A", "E", "EB"))
    YI = base_species("YI")
    feedback, wash = clock.phases["feedback"], clock.phases["wash"]
    network = author(
        *clock.reactions,
        *sample.reactions(),
        reaction(W[h, i, s] + XF[i, t] >> W[h, i, s] + XF[i, t] + Z[h, u], 1.0, where=PRODUCT, name="hidden"),
        reaction(V[h, s] + Z[h, "p"] >> V[h, s] + Z[h, "p"] + E[s], 2.0, name="output"),
        reaction(YF[s] >> YF[s] + YI[s], 1.0, name="delay_target"),
        reaction(YI[s] >> YI[s] + E[t], 2.0, where=s != t, name="compare"),
        reaction(Z[h, s] + feedback >> ZB[h, s] + feedback, k_phase, name="turn_hidden"),
        reaction(E[s] + feedback >> EB[s] + feedback, k_phase, name="turn_error"),
        reaction(YI[s] + feedback >> feedback, k_phase, name="end_delay"),
        reaction(EB[s] + ZB[h, "p"] >> EB[s] + ZB[h, "p"] + V[h, t], eta, where=s != t, name="update_output"),
        reaction(EB[s] + V[h, t] >> EB[s] + V[h, t] + A[h, u], 2.0, where=PRODUCT, name="adjoint"),
        fast(ZB[h, "n"] + A[h, s] >> ZB[h, "n"], name="gate"),
        reaction(
            A[h, s] + XB[i, t] >> A[h, s] + XB[i, t] + W[h, i, u], eta, where=OPPOSITE, name="update_hidden"
        ),
        reaction(ZB[h, s] + wash >> wash, k_phase, name="clear_hidden"),
        reaction(EB[s] + wash >> wash, k_phase, name="clear_error"),
        reaction(A[h, s] + wash >> wash, k_phase, name="clear_adjoint"),
        *(variable.annihilation(h) for variable in (Z, ZB, A, V)),
        *(variable.annihilation() for variable in (E, EB)),
        W.annihilation(h, i),
        values={"k_phase": TURN, "eta": rate, **clock.values},
        name="two_layers",
    )
    return Construction(network, clock, (W, V))


def neural_ode(n_inputs: int, clock: Clock, rate: float = 0.1, *, first_order: bool = False) -> Construction:
    """Return a network that fits y = w · z(1), where z' = θ x - z |z| elementwise and z(0) = x.

    The forward phase integrates z, the phase *read* keeps z(1) and makes the error ``E' = 2 (w · z - y)``,
    the adjoint ``A' = E w`` and ``w' = -rate E z``. The phase *backward* runs z back, ``z' = z |z| - θ x``,
    the adjoint with it, ``A' = -2 |z| A``, and changes ``θ' = -rate A x``. The phases take one unit
    of time each, so that the learning rate is ``rate``. Of a signed z, 2 Z → Z on both rails is -z |z|.

    Parameters
    ----------
    n_inputs : int
        Length of x, of z, and of the weights θ and w.
    clock : Clock
        With the phases forward, read, backward and wash.
    rate : float
        Rate constant of the weight change. Running -z |z| back can diverge, and θ changes meanwhile:
        keep the rate well below 1.
    first_order : bool
        The adjoint stays w (w · z - y): z is not run back, which takes fewer reactions.
    """
    i = index_symbols("i", n_inputs)
    X, XF, XH, XB = base_species("X XF XH XB")
    Y, YF, YR = base_species("Y YF YR")
    theta, w, Z, ZH, ZB, A, E = (DualRail(name) for name in ("theta", "w", "Z", "ZH", "ZB", "A", "E"))
    forward, read, backward, wash = (clock.phases[p] for p in ("forward", "read", "backward", "wash"))
    run_back = [
        reaction(ZH[i, s] + backward >> ZB[i, s] + backward, k_phase, name="turn_state"),
        reaction(
            theta[i, s] + XB[i, t] >> theta[i, s] + XB[i, t] + ZB[i, u], 1.0, where=OPPOSITE, name="undrive"
        ),
        reaction(2 * ZB[i, s] >> 3 * ZB[i, s], 1.0, name="undamp"),
        reaction(ZB[i, t] + A[i, s] >> ZB[i, t], 2.0, name="shrink_adjoint"),
        reaction(ZB[i, s] + wash >> wash, k_phase, name="clear_state"),
        ZB.annihilation(i),
    ]
    drop_state = [reaction(ZH[i, s] + backward >> backward, k_phase, name="end_state")]
    network = author(
        *clock.reactions,
        reaction(X[i, s] + forward >> XF[i, s] + Z[i, s] + forward, k_phase, name="load"),
        reaction(Y[s] + forward >> YF[s] + forward, k_phase, name="load_target"),
        reaction(
            theta[i, s] + XF[i, t] >> theta[i, s] + XF[i, t] + Z[i, u], 1.0, where=PRODUCT, name="drive"
        ),
        reaction(2 * Z[i, s] >> Z[i, s], 1.0, name="damp"),
        reaction(XF[i, s] + read >> XH[i, s] + read, k_phase, name="hold_input"),
        reaction(Z[i, s] + read >> ZH[i, s] + read, k_phase, name="hold_state"),
        reaction(YF[s] + read >> YR[s] + read, k_phase, name="read_target"),
        reaction(w[i, s] + ZH[i, t] >> w[i, s] + ZH[i, t] + E[u], 2.0, where=PRODUCT, name="predict"),
        reaction(YR[s] >> YR[s] + E[t], 2.0, where=s != t, name="compare"),
        reaction(E[s] + ZH[i, t] >> E[s] + ZH[i, t] + w[i, u], eta, where=OPPOSITE, name="update_output"),
        reaction(E[s] + w[i, t] >> E[s] + w[i, t] + A[i, u], 1.0, where=PRODUCT, name="adjoint"),
        reaction(XH[i, s] + backward >> XB[i, s] + backward, k_phase, name="turn_input"),
        reaction(YR[s] + backward >> backward, k_phase, name="end_target"),
        reaction(E[s] + backward >> backward, k_phase, name="end_error"),
        *(drop_state if first_order else run_back),
        reaction(A[i, s] + XB[i, t] >> A[i, s] + XB[i, t] + theta[i, u], eta, where=OPPOSITE, name="update"),
        reaction(XB[i, s] + wash >> wash, k_phase, name="clear_input"),
        reaction(A[i, s] + wash >> wash, k_phase, name="clear_adjoint"),
        *(variable.annihilation(i) for variable in (Z, A, theta, w)),
        E.annihilation(),
        values={"k_phase": TURN, "eta": rate, **clock.values},
        name="neural_ode",
    )
    return Construction(network, clock, (theta, w))
