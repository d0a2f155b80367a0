"""Clocks of reactions: which species is there says which phase it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import numpy as np

from icrn_core.authoring import Reaction, fast, reaction
from icrn_core.notation import Formula, base_species, index_symbols


@dataclass(frozen=True)
class Clock:
    """Reactions that make one species after the other abundant, and what they need.

    Attributes
    ----------
    phases : mapping of str to Formula
        Name of a phase → the species that is there while it lasts; it acts as a catalyst.
    reactions : tuple of Reaction
        Of the clock alone.
    values : mapping of str to float or array
        Initial concentrations and rate constants by base.
    period : float
        From one sample to the next, in units of time.
    duration : float
        Of a phase, about.
    dose : mapping of str to float
        What is injected with every sample, by base species.
    """

    phases: Mapping[str, Formula]
    reactions: tuple[Reaction, ...]
    values: Mapping[str, object]
    period: float
    duration: float
    dose: Mapping[str, float] = field(default_factory=dict)


def phase_clock(
    phases: Sequence[str] = ("forward", "feedback", "wash"),
    *,
    switch: float = 3000.0,
    decay: float = 1.0,
    rest: float = 15.0,
) -> Clock:
    """Return a clock that one dose of a token sets going: every phase but the last takes a unit of time.

    The token turns into the species of the first phase and into thresholds for those after it. Each
    phase makes the species of the next at the rate 1, its threshold takes that away by annihilation
    until it is used up itself, and then autocatalysis switches::

        token >> C[first] + threshold[2] + threshold[3] + ...
        C[here] >> C[here] + C[next]          rate 1
        C[here] + threshold[here] >> 0        fast, not in the first phase
        C[here] + C[next] >> 2 C[next]        switch
        C[last] >> 0                          decay

    Parameters
    ----------
    phases : sequence of str
        Names in order; the last one is that of clearing.
    switch : float
        Rate constant of the autocatalysis, per concentration and time: a switch takes about 10 / switch.
    decay : float
        Rate constant of the decay of the last species, per time.
    rest : float
        How long the last phase takes until the next sample, in units of time.
    """
    here, next_ = index_symbols("here next", phases)
    C, threshold, token = base_species("C threshold token")
    first, *later = phases
    reactions = (
        reaction(token >> reduce(add, (threshold[phase] for phase in later), C[first]), 1e3, name="start"),
        reaction(C[here] >> C[here] + C[next_], 1.0, where=next_ == here + 1, name="ripen"),
        fast(C[here] + threshold[here] >> 0, where=here != 0, name="hold"),
        reaction(C[here] + C[next_] >> 2 * C[next_], switch, where=next_ == here + 1, name="turn"),
        reaction(C[phases[-1]] >> 0, decay, name="end"),
    )
    period = len(later) + rest
    return Clock({phase: C[phase] for phase in phases}, reactions, {}, period, 1.0, {"token": 1.0})


# The wave that travels along the ring unchanged, C_i(t) = C_{i-1}(t - period / 6), of total 1 and least
# concentration 1e-5: two neighbours are abundant. Found by shooting.
_WAVE = (0.499970000400016, 0.499970000400016, 1.99995999839996e-5, 1e-5, 1e-5, 1.99995999839996e-5)
_WAVE_PERIOD = 69.0813976283287


def ring_clock(rate: float = 5.0) -> Clock:
    """Return six species in a ring that turn into one another for ever: C_i + C_{i+1} → 2 C_{i+1}.

    C1 washes, C3 loads and runs forward, C5 feeds back; those between keep the phases apart. It needs
    no token. The ring conserves C1 + … + C6, C1 C3 C5 and C2 C4 C6, and begins as a travelling wave
    that turns from C6 to C1, so that a period begins with the wash and ends after the feedback.

    Parameters
    ----------
    rate : float
        Rate constant, per concentration and time; the period is 69.08 / rate, of which a phase takes a third.
    """
    here, next_ = index_symbols("here next", range(1, 7))
    C = base_species("C")
    turn = reaction(C[here] + C[next_] >> 2 * C[next_], rate, where=next_ == (here + 1) % 6, name="turn")
    start = np.roll(_WAVE, 5)
    phases = {"wash": C[1], "forward": C[3], "feedback": C[5]}
    period = _WAVE_PERIOD / rate
    return Clock(phases, (turn,), {"C": start}, period, period / 3)
