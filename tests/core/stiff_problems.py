"""The stiff test set of Hairer and Wanner as networks, with published end values.

E. Hairer, G. Wanner, Solving Ordinary Differential Equations II (1996), section IV.10;
F. Mazzia, C. Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008), which
publishes the end values. ``field`` is each problem's right-hand side as it is printed there,
so that the network can be held against it, and the end values against another integrator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from core_registry import assign, law, product, reaction

from icrn_core import ICRN, AssignedQuantity, BaseSpecies, IndexDomain, IndexedReaction, RateConstant

ONE = IndexDomain()


@dataclass(frozen=True)
class StiffProblem:
    """A stiff problem with what is known about it.

    Attributes
    ----------
    icrn, values, params
        The network and its values.
    expected : dict of float to dict of str to float
        Time → values by species; the last time is the published one.
    floor : dict of str to float
        By species the size below which its relative error is not asked for: the absolute
        tolerance is ``rtol * floor``.
    field : callable
        The published right-hand side, ``field(t, y)`` with y in the order of ``icrn.species``.
    totals : tuple of dict
        Linear combinations of species that do not change.
    atol : float or None
        One absolute tolerance in the place of ``floor``.
    """

    icrn: ICRN
    values: dict[str, float]
    params: dict[str, float]
    expected: dict[float, dict[str, float]]
    floor: dict[str, float]
    field: Callable[[float, np.ndarray], Sequence[float]]
    totals: tuple[dict[str, float], ...] = ()
    atol: float | None = None

    @property
    def names(self) -> list[str]:
        """Names of the species, in the order of the state."""
        return [species.name for species in self.icrn.species]

    @property
    def times(self) -> list[float]:
        """Times at which values are known."""
        return list(self.expected)

    def tolerance(self, rtol: float) -> dict[str, float]:
        """Return the absolute tolerance by species."""
        return {name: rtol * size if self.atol is None else self.atol for name, size in self.floor.items()}

    def errors(self, found: dict[str, np.ndarray], rtol: float) -> dict[str, float]:
        """Return by species the largest error in units of the tolerance, ``atol + rtol |y|``.

        ``found`` holds values at ``times`` by species.
        """
        atol = self.tolerance(rtol)
        known = {name: np.array([row[name] for row in self.expected.values()]) for name in self.names}
        return {
            name: float(np.max(np.abs(np.asarray(found[name]) - y) / (atol[name] + rtol * np.abs(y))))
            for name, y in known.items()
        }


PROBLEMS: dict[str, Callable[[], StiffProblem]] = {}


def problem(build: Callable[[], StiffProblem]) -> Callable[[], StiffProblem]:
    """Put a problem in the registry under the function's name."""
    PROBLEMS[build.__name__] = build
    return build


def mass_action(text: str) -> tuple[list[IndexedReaction], dict[str, float]]:
    """Return the reactions and rate constants of lines ``number: A + 2 B -> C``."""
    reactions, params = [], {}
    for k, line in enumerate(text.strip().splitlines(), 1):
        number, _, equation = line.partition(":")
        left, right = ([t.strip() for t in side.split("+") if t.strip()] for side in equation.split("->"))
        slots = [f"k{k}"]
        for term in left:
            count, _, species = term.rpartition(" ")
            slots += [species] * int(count or 1)
        params[f"k{k}"] = float(number)
        reactions.append(reaction(f"r{k}", ONE, left, right, product(len(slots)), slots))
    return reactions, params


def rate(name: str, rule, slots: Sequence[str]) -> IndexedReaction:
    """Return the rate rule of a variable: a reaction without reactants."""
    return reaction(f"rate_{name}", ONE, [], [name], rule, slots)


def network(species: Sequence[str], reactions: Sequence[IndexedReaction], constants: Sequence[str], **more):
    """Return the ICRN of single species, reactions and constants."""
    return ICRN(
        species=tuple(map(BaseSpecies, species)),
        constants=tuple(map(RateConstant, constants)),
        reactions=tuple(reactions),
        **more,
    )


def every(names: Sequence[str], floor: float) -> dict[str, float]:
    """Return one floor for all species."""
    return dict.fromkeys(names, floor)


def start(names: Sequence[str], **given: float) -> dict[str, float]:
    """Return initial values, zero where none is given."""
    return {name: given.get(name, 0.0) for name in names}


def ends(names: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    """Return values in the order of the species by name."""
    return dict(zip(names, values, strict=True))


@problem
def robertson() -> StiffProblem:
    """Three species whose sizes at the end are 2e-8, 8e-14 and 1, over eleven decades of time."""
    reactions, params = mass_action(
        """0.04: A -> B
        3e7: 2 B -> B + C
        1e4: B + C -> A + C"""
    )

    def field(_, y):
        a, b, c = y
        return (
            -0.04 * a + 1e4 * b * c,
            0.04 * a - 1e4 * b * c - 3e7 * b * b,
            3e7 * b * b,
        )

    return StiffProblem(
        network("ABC", reactions, params),
        start("ABC", A=1.0),
        params,
        {1e11: ends("ABC", (0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050e00))},
        {"A": 1e-8, "B": 1e-14, "C": 1.0},
        field,
        ({"A": 1.0, "B": 1.0, "C": 1.0},),
    )


@problem
def hires() -> StiffProblem:
    """High irradiance responses of photomorphogenesis (Schäfer 1975)."""
    names = [f"y{k}" for k in range(1, 9)]
    reactions, params = mass_action(
        """0.0007: -> y1
        1.71: y1 -> y2
        0.43: y2 -> y1
        8.32: y3 -> y1
        8.32: y2 -> y4
        1.71: y3 -> y4
        0.43: y4 -> y3
        0.035: y5 -> y3
        0.69: y4 -> y6
        1.71: y5 -> y6
        0.43: y6 -> y5
        0.43: y7 -> y5 + y8
        0.69: y7 -> y6 + y8
        0.69: y7 -> y8
        280: y6 + y8 -> y7"""
    )

    def field(_, y):
        y1, y2, y3, y4, y5, y6, y7, y8 = y
        return (
            -1.71 * y1 + 0.43 * y2 + 8.32 * y3 + 0.0007,
            1.71 * y1 - 8.75 * y2,
            -10.03 * y3 + 0.43 * y4 + 0.035 * y5,
            8.32 * y2 + 1.71 * y3 - 1.12 * y4,
            -1.745 * y5 + 0.43 * y6 + 0.43 * y7,
            -280 * y6 * y8 + 0.69 * y4 + 1.71 * y5 - 0.43 * y6 + 0.69 * y7,
            280 * y6 * y8 - 1.81 * y7,
            -280 * y6 * y8 + 1.81 * y7,
        )

    return StiffProblem(
        network(names, reactions, params),
        start(names, y1=1.0, y8=0.0057),
        params,
        {321.8122: ends(
            names,
            (0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
             0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2),
        )},
        every(names, 1e-4),
        field,
        ({"y7": 1.0, "y8": 1.0},),
    )  # fmt: skip


@problem
def van_der_pol() -> StiffProblem:
    """Van der Pol's relaxation oscillator in scaled time, ε = 1e-6 (μ = 1000), by rate rules."""
    rule = law("divide", ("minus", ("times", ("minus", 1.0, ("power", "s0", 2.0)), "s1"), "s0"), "s2")
    reactions = [
        rate("x", law("plus", "s0", 0.0), ["v"]),
        rate("v", rule, ["x", "v", "epsilon"]),
    ]

    def field(_, y):
        x, v = y
        return v, ((1 - x * x) * v - x) / 1e-6

    return StiffProblem(
        network("xv", reactions, ["epsilon"]),
        start("xv", x=2.0),
        {"epsilon": 1e-6},
        {2.0: ends("xv", (0.1706167732170483e1, -0.8928097010247975e0))},
        every("xv", 1.0),
        field,
    )


@problem
def oregonator() -> StiffProblem:
    """Field and Noyes's model of the Belousov–Zhabotinskii reaction, one period and a bit."""
    names = ["y1", "y2", "y3"]
    slots = ["s", "y1", "y2", "q"]
    rule1 = law(
        "times",
        "s0",
        ("plus", "s2", ("times", "s1", ("minus", ("minus", 1.0, ("times", "s3", "s1")), "s2"))),
    )
    rule2 = law("divide", ("minus", "s3", ("times", ("plus", 1.0, "s1"), "s2")), "s0")
    rule3 = law("times", "s0", ("minus", "s1", "s2"))
    reactions = [
        rate("y1", rule1, slots),
        rate("y2", rule2, ["s", "y1", "y2", "y3"]),
        rate("y3", rule3, ["w", "y1", "y3"]),
    ]

    def field(_, y):
        y1, y2, y3 = y
        return (
            77.27 * (y2 + y1 * (1 - 8.375e-6 * y1 - y2)),
            (y3 - (1 + y1) * y2) / 77.27,
            0.161 * (y1 - y3),
        )

    return StiffProblem(
        network(names, reactions, ["s", "q", "w"]),
        start(names, y1=1.0, y2=2.0, y3=3.0),
        {"s": 77.27, "q": 8.375e-6, "w": 0.161},
        {360.0: ends(names, (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3))},
        every(names, 1.0),
        field,
    )


@problem
def e5() -> StiffProblem:
    """A chemical pyrolysis over thirteen decades of time, with species from 2e-3 down to 9e-23.

    ``y2 = y3 + y4`` at all times. The printed end values, 8.8677e-23 and 8.8548e-23 for y2 and
    y3 with y4 = 0, break this by the rounding of the run they come from, and agree with it to
    7e-4; ``y1`` is printed as 1e-291 where it is below exp(-7890). The values here are those of
    the system from which y2 is eliminated and y1 replaced by its logarithm (which a test holds
    them against); where one is below 1e-30 it stands as zero.

    The absolute tolerance is what 64-bit floats hold of fluxes of 1e-7 over steps of 1e3.
    """
    names = ["y1", "y2", "y3", "y4"]
    reactions, params = mass_action(
        """7.89e-10: y1 -> y2 + y3
        1.1e7: y1 + y3 -> y4
        1.13e9: y2 + y3 ->
        1.13e3: y4 -> y3"""
    )

    def field(_, y):
        y1, y2, y3, y4 = y
        return (
            -7.89e-10 * y1 - 1.1e7 * y1 * y3,
            7.89e-10 * y1 - 1.13e9 * y2 * y3,
            7.89e-10 * y1 - 1.1e7 * y1 * y3 + 1.13e3 * y4 - 1.13e9 * y2 * y3,
            1.1e7 * y1 * y3 - 1.13e3 * y4,
        )

    known = {
        1e1: (0.0017599259497681843, 1.3846281519379972e-11, 7.637003853007679e-13, 1.3082581134079205e-11),
        1e3: (0.0016180769999076764, 1.3822370304983454e-10, 8.251573500681832e-12, 1.2997212954915272e-10),
        1e5: (7.48132082242899e-06, 2.373478156120647e-12, 2.212358668958217e-12, 1.6111948716242984e-13),
        1e7: (4.715033363039995e-10, 1.8188895860806723e-14, 1.8188812376786425e-14, 8.348402029631729e-20),
        1e9: (3.131714832935539e-14, 1.4840957952869567e-16, 1.4840957948345194e-16, 4.5243728279778525e-26),
        1e11: (0.0, 1.0192582568142155e-20, 1.0192582568142155e-20, 0.0),
        1e13: (0.0, 8.861233521288416e-23, 8.861233521288416e-23, 0.0),
    }
    return StiffProblem(
        network(names, reactions, params),
        start(names, y1=1.76e-3),
        params,
        {time: ends(names, values) for time, values in known.items()},
        every(names, 1.0),
        field,
        ({"y2": 1.0, "y3": -1.0, "y4": -1.0},),
        atol=1e-18,
    )


@problem
def pollution() -> StiffProblem:
    """Air pollution (Verwer 1994): 20 species, 25 reactions."""
    names = [f"y{k}" for k in range(1, 21)]
    reactions, params = mass_action(
        """0.35: y1 -> y2 + y3
        26.6: y2 + y4 -> y1
        12300: y2 + y5 -> y1 + y6
        0.00086: y7 -> 2 y5 + y8
        0.00082: y7 -> y8
        15000: y6 + y7 -> y5 + y8
        0.00013: y9 -> y5 + y8 + y10
        24000: y6 + y9 -> y11
        16500: y2 + y11 -> y1 + y10 + y12
        9000: y1 + y11 -> y13
        0.022: y13 -> y1 + y11
        12000: y2 + y10 -> y1 + y14
        1.88: y14 -> y5 + y7
        16300: y1 + y6 -> y15
        4800000: y3 -> y4
        0.00035: y4 -> y16
        0.0175: y4 -> y3
        1e8: y16 -> 2 y6
        4.44e11: y16 -> y3
        1240: y6 + y17 -> y5 + y18
        2.1: y19 -> y2
        5.78: y19 -> y1 + y3
        0.0474: y1 + y4 -> y19
        1780: y1 + y19 -> y20
        3.12: y20 -> y1 + y19"""
    )

    def field(_, y):
        y1, y2, y3, y4, y5, y6, y7, _, y9, y10, y11, _, y13, y14, _, y16, y17, _, y19, y20 = y
        r1, r2, r3, r4, r5 = 0.35 * y1, 26.6 * y2 * y4, 12300 * y5 * y2, 0.86e-3 * y7, 0.82e-3 * y7
        r6, r7, r8, r9, r10 = 15e3 * y7 * y6, 0.13e-3 * y9, 24e3 * y9 * y6, 16500 * y11 * y2, 9e3 * y11 * y1
        r11, r12, r13, r14, r15 = 0.022 * y13, 12e3 * y10 * y2, 1.88 * y14, 16300 * y1 * y6, 4.8e6 * y3
        r16, r17, r18, r19, r20 = 0.35e-3 * y4, 0.0175 * y4, 1e8 * y16, 0.444e12 * y16, 1240 * y17 * y6
        r21, r22, r23, r24, r25 = 2.1 * y19, 5.78 * y19, 0.0474 * y1 * y4, 1780 * y19 * y1, 3.12 * y20
        return (
            -r1 - r10 - r14 - r23 - r24 + r2 + r3 + r9 + r11 + r12 + r22 + r25,
            -r2 - r3 - r9 - r12 + r1 + r21,
            -r15 + r1 + r17 + r19 + r22,
            -r2 - r16 - r17 - r23 + r15,
            -r3 + 2 * r4 + r6 + r7 + r13 + r20,
            -r6 - r8 - r14 - r20 + r3 + 2 * r18,
            -r4 - r5 - r6 + r13,
            r4 + r5 + r6 + r7,
            -r7 - r8,
            -r12 + r7 + r9,
            -r9 - r10 + r8 + r11,
            r9,
            -r11 + r10,
            -r13 + r12,
            r14,
            -r18 - r19 + r16,
            -r20,
            r20,
            -r21 - r22 - r24 + r23 + r25,
            -r25 + r24,
        )

    return StiffProblem(
        network(names, reactions, params),
        start(names, y2=0.2, y4=0.04, y7=0.1, y8=0.3, y9=0.01, y17=0.007),
        params,
        {60.0: ends(
            names,
            (0.5646255480022769e-01, 0.1342484130422339e+00, 0.4139734331099427e-08, 0.5523140207484359e-02,
             0.2018977262302196e-06, 0.1464541863493966e-06, 0.7784249118997964e-01, 0.3245075353396018e+00,
             0.7494013383880406e-02, 0.1622293157301561e-07, 0.1135863833257075e-07, 0.2230505975721359e-02,
             0.2087162882798630e-03, 0.1396921016840158e-04, 0.8964884856898295e-02, 0.4352846369330103e-17,
             0.6899219696263405e-02, 0.1007803037365946e-03, 0.1772146513969984e-05, 0.5682943292316392e-04),
        )},
        {**every(names, 1e-9), "y16": 1e-18},
        field,
        (
            {"y17": 1.0, "y18": 1.0},
            {"y1": 1.0, "y2": 1.0, "y13": 1.0, "y15": 1.0, "y19": 1.0, "y20": 2.0},
        ),
    )  # fmt: skip


@problem
def akzo_nobel() -> StiffProblem:
    """The Akzo Nobel reaction: FLB and ZHU with carbon dioxide; roots, powers, one assigned species.

    The published form is a differential–algebraic system whose sixth equation is
    ``y6 = Ks y1 y4``: here an assigned quantity.
    """
    names = [f"y{k}" for k in range(1, 6)]
    params = dict(
        zip(("k1", "k2", "k3", "k4", "K", "kla", "Ks", "p", "H"),
            (18.7, 0.58, 0.09, 0.42, 34.4, 3.3, 115.83, 0.9, 737.0), strict=True)
    )  # fmt: skip
    root = ("power", "s2", 0.5)
    reactions = [
        reaction("r1", ONE, ["2 y1", "0.5 y2"], ["y3"], law("times", "s0", ("power", "s1", 4.0), root),
                 ["k1", "y1", "y2"]),
        reaction("r2", ONE, ["y3", "y4"], ["y1", "y5"], product(3), ["k2", "y3", "y4"]),
        reaction("r3", ONE, ["y1", "y5"], ["y3", "y4"], law("divide", ("times", "s0", "s1", "s2"), "s3"),
                 ["k2", "y1", "y5", "K"]),
        reaction("r4", ONE, ["y1", "y2", "2 y4"], [], law("times", "s0", "s1", ("power", "s2", 2.0)),
                 ["k3", "y1", "y4"]),
        reaction("r5", ONE, ["0.5 y2"], ["y5"], law("times", "s0", ("power", "s1", 2.0), root),
                 ["k4", "y6", "y2"]),
        reaction("inflow", ONE, [], ["y2"], law("times", "s0", ("minus", ("divide", "s1", "s2"), "s3")),
                 ["kla", "p", "H", "y2"]),
    ]  # fmt: skip

    def field(_, y):
        y1, y2, y3, y4, y5 = y
        y6 = 115.83 * y1 * y4
        r1, r2, r3 = 18.7 * y1**4 * y2**0.5, 0.58 * y3 * y4, 0.58 / 34.4 * y1 * y5
        r4, r5 = 0.09 * y1 * y4**2, 0.42 * y6**2 * y2**0.5
        return (
            -2 * r1 + r2 - r3 - r4,
            -0.5 * r1 - r4 - 0.5 * r5 + 3.3 * (0.9 / 737 - y2),
            r1 - r2 + r3,
            -r2 + r3 - 2 * r4,
            r2 - r3 + r5,
        )

    return StiffProblem(
        network(
            names,
            reactions,
            params,
            assigned=(AssignedQuantity("y6"),),
            assignments=(assign("equilibrium", ONE, "y6", product(3), ["Ks", "y1", "y4"]),),
        ),
        start(names, y1=0.444, y2=0.00123, y4=0.007),
        params,
        {180.0: ends(
            names,
            (0.1150794920661702e0, 0.1203831471567715e-2, 0.1611562887407974e0, 0.3656156421249283e-3,
             0.1708010885264404e-1),
        )},
        every(names, 1e-4),
        field,
    )  # fmt: skip


@problem
def ring_modulator() -> StiffProblem:
    """A circuit of four diodes mixing a low and a high frequency (Horneber 1976), Cs = 2e-12.

    Every term of a balance is a reaction that makes or takes the variable, with the coefficient
    as its stoichiometry; the voltages and currents of the diodes are assigned.
    """
    names = [f"y{k}" for k in range(1, 16)]
    c, cs, cp, lh, ls1, ls2 = 1.6e-8, 2e-12, 1e-8, 4.45, 2e-3, 5e-4
    r, rp, rg1, rg2, ri, rc = 25000.0, 50.0, 36.3, 17.3, 50.0, 600.0
    gamma, delta = 40.67286402e-9, 17.7493332
    # Each balance is a row of terms over a common inductance or capacitance.
    balances = {
        "y1": (c, {"y8": 1, "y10": -0.5, "y11": 0.5, "y14": 1, "y1": -1 / r}),
        "y2": (c, {"y9": 1, "y12": -0.5, "y13": 0.5, "y15": 1, "y2": -1 / r}),
        "y3": (cs, {"y10": 1, "i1": -1, "i4": 1}),
        "y4": (cs, {"y11": -1, "i2": 1, "i3": -1}),
        "y5": (cs, {"y12": 1, "i1": 1, "i3": -1}),
        "y6": (cs, {"y13": -1, "i2": -1, "i4": 1}),
        "y7": (cp, {"y7": -1 / rp, "i1": 1, "i2": 1, "i3": -1, "i4": -1}),
        "y8": (lh, {"y1": -1}),
        "y9": (lh, {"y2": -1}),
        "y10": (ls2, {"y1": 0.5, "y3": -1, "y10": -rg2}),
        "y11": (ls2, {"y1": -0.5, "y4": 1, "y11": -rg2}),
        "y12": (ls2, {"y2": 0.5, "y5": -1, "y12": -rg2}),
        "y13": (ls2, {"y2": -0.5, "y6": 1, "y13": -rg2}),
        "y14": (ls1, {"y1": -1, "u1": 1, "y14": -(ri + rg1)}),
        "y15": (ls1, {"y2": -1, "y15": -(rc + rg1)}),
    }
    reactions = []
    for name, (unit, terms) in balances.items():
        for source, weight in terms.items():
            side = [f"{abs(weight) / unit!r} {name}"]
            left, right = (side, []) if weight < 0 else ([], side)
            reactions.append(reaction(f"{name}_{source}", ONE, left, right, product(1), [source]))

    def wave(size: float, frequency: float):
        return law("times", size, ("sin", ("times", 2 * np.pi * frequency, ("time",))))

    def diode(*signs: int):
        voltage = ("plus", *(("times", float(sign), f"s{k}") for k, sign in enumerate(signs)))
        return law("times", gamma, ("minus", ("exp", ("times", delta, voltage)), 1.0))

    assignments = (
        assign("in1", ONE, "u1", wave(0.5, 1e3), []),
        assign("in2", ONE, "u2", wave(2.0, 1e4), []),
        assign("d1", ONE, "i1", diode(1, -1, -1, -1), ["y3", "y5", "y7", "u2"]),
        assign("d2", ONE, "i2", diode(-1, 1, -1, -1), ["y4", "y6", "y7", "u2"]),
        assign("d3", ONE, "i3", diode(1, 1, 1, 1), ["y4", "y5", "y7", "u2"]),
        assign("d4", ONE, "i4", diode(-1, -1, 1, 1), ["y3", "y6", "y7", "u2"]),
    )

    def field(t, y):
        y1, y2, y3, y4, y5, y6, y7, y8, y9, y10, y11, y12, y13, y14, y15 = y
        u1, u2 = 0.5 * np.sin(2e3 * np.pi * t), 2 * np.sin(2e4 * np.pi * t)
        q1, q2, q3, q4 = (
            gamma * (np.exp(delta * u) - 1)
            for u in (y3 - y5 - y7 - u2, -y4 + y6 - y7 - u2, y4 + y5 + y7 + u2, -y3 - y6 + y7 + u2)
        )
        return (
            (y8 - 0.5 * y10 + 0.5 * y11 + y14 - y1 / r) / c,
            (y9 - 0.5 * y12 + 0.5 * y13 + y15 - y2 / r) / c,
            (y10 - q1 + q4) / cs,
            (-y11 + q2 - q3) / cs,
            (y12 + q1 - q3) / cs,
            (-y13 - q2 + q4) / cs,
            (-y7 / rp + q1 + q2 - q3 - q4) / cp,
            -y1 / lh,
            -y2 / lh,
            (0.5 * y1 - y3 - rg2 * y10) / ls2,
            (-0.5 * y1 + y4 - rg2 * y11) / ls2,
            (0.5 * y2 - y5 - rg2 * y12) / ls2,
            (-0.5 * y2 + y6 - rg2 * y13) / ls2,
            (-y1 + u1 - (ri + rg1) * y14) / ls1,
            (-y2 - (rc + rg1) * y15) / ls1,
        )

    return StiffProblem(
        network(
            names,
            reactions,
            [],
            assigned=tuple(map(AssignedQuantity, ("u1", "u2", "i1", "i2", "i3", "i4"))),
            assignments=assignments,
        ),
        start(names),
        {},
        {1e-3: ends(names, (
            -0.2339057358486745e-1, -0.7367485485540825e-2, 0.2582956709291169, -0.4064465721283450,
            -0.4039455665149794, 0.2607966765422943, 0.1106761861269975, 0.2939904342435596e-6,
            -0.2840029933642329e-7, 0.7267198267264553e-3, 0.7929487196960840e-3, -0.7255283495698965e-3,
            -0.7941401968526521e-3, 0.7088495416976114e-4, 0.2390059075236570e-4,
        ))},
        every(names, 1e-3),
        field,
    )  # fmt: skip
