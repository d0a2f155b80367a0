"""Molecular neural networks and the dimerization benchmark, from their published equations."""

from __future__ import annotations

from random import Random  # its sequence for a seed is the same on every Python

import libsbml
from sbml_writing import ModelWriter, Source

MOLE, LITRE, SECOND = libsbml.UNIT_KIND_MOLE, libsbml.UNIT_KIND_LITRE, libsbml.UNIT_KIND_SECOND

ICRN_PAPER = (
    "I. Lee, A. Buse, E. Winfree, Indexed chemical reaction networks, 31st International "
    "Conference on DNA Computing and Molecular Programming (DNA 31), 2025."
)
ICRN_LIBRARY = "https://pypi.org/project/icrn/"

DIGITS = {
    7: [
        "..........",
        ".########.",
        ".########.",
        "......##..",
        ".....##...",
        ".....##...",
        "....##....",
        "....##....",
        "...##.....",
        "..........",
    ],
    8: [
        "..........",
        "...####...",
        "..##..##..",
        "..##..##..",
        "...####...",
        "...####...",
        "..##..##..",
        "..##..##..",
        "...####...",
        "..........",
    ],
    9: [
        "..........",
        "...####...",
        "..##..##..",
        "..##..##..",
        "...#####..",
        "......##..",
        "......##..",
        ".....##...",
        "...###....",
        "..........",
    ],
}


def smoothed(digit: int) -> list[float]:
    """Return the drawn digit blurred by the 3 x 3 binomial kernel, row by row."""
    rows = DIGITS[digit]
    weights = {-1: 1, 0: 2, 1: 1}

    def ink(row: int, column: int) -> int:
        return int(0 <= row < 10 and 0 <= column < 10 and rows[row][column] == "#")

    return [
        sum(weights[a] * weights[b] * ink(row + a, column + b) for a in weights for b in weights) / 16
        for row in range(10)
        for column in range(10)
    ]


def brightest(image: list[float], count: int) -> set[int]:
    """Return the positions of the ``count`` brightest pixels, the earlier one of equals."""
    return set(sorted(range(len(image)), key=lambda pixel: (-image[pixel], pixel))[:count])


def winner_take_all(shown: int = 9) -> ModelWriter:
    """Return the winner-take-all network that tells 7, 8 and 9 apart (Cherry and Qian 2018).

    Each memory holds the blurred drawing of a digit, scaled to 100 nM in all; the input is
    the 20 brightest pixels of the digit ``shown``, 5 nM each.
    """
    writer = ModelWriter(
        "winner_take_all",
        "Winner-take-all network, 100 pixels, 3 memories",
        {
            "nmol": [(MOLE, 1, -9, 1.0)],
            "hour": [(SECOND, 1, 0, 3600.0)],
            "per_nM_hour": [(LITRE, 1, 0, 1.0), (MOLE, -1, -9, 1.0), (SECOND, -1, 0, 3600.0)],
            "per_nM2_hour": [(LITRE, 2, 0, 1.0), (MOLE, -2, -9, 1.0), (SECOND, -1, 0, 3600.0)],
        },
        substance="nmol",
        time="hour",
        volume="litre",
        compartment=("tube", 1.0),
    )
    pixels, digits = range(1, 101), sorted(DIGITS)
    memories = range(1, len(digits) + 1)
    on = brightest(smoothed(shown), 20)
    weight = {}
    for j, digit in zip(memories, digits, strict=True):
        image = smoothed(digit)
        weight |= {(i, j): round(100 * image[i - 1] / sum(image), 2) for i in pixels}

    k = [
        writer.parameter("k_multiply", 36.0, "per_nM2_hour", "weight multiplication"),
        writer.parameter("k_sum", 36.0, "per_nM_hour", "summation"),
        writer.parameter("k_annihilate", 3.6e-3, "per_nM2_hour", "pairwise annihilation"),
        writer.parameter("k_restore", 1.8e-4, "per_nM2_hour", "signal restoration"),
        writer.parameter("k_report", 3.6, "per_nM_hour", "reporting"),
    ]
    for i in pixels:
        writer.species(f"X_{i}", 5.0 if i - 1 in on else 0.0, f"input, pixel {i}")
    for i in pixels:
        for j in memories:
            writer.species(f"W_{i}_{j}", weight[i, j], f"weight of pixel {i} in digit {digits[j - 1]}")
    for i in pixels:
        writer.species(f"XF_{i}", round(2 * sum(weight[i, j] for j in memories), 2), f"fuel, pixel {i}")
    for i in pixels:
        for j in memories:
            writer.species(f"P_{i}_{j}", 0.0)
    for base, initial, name in (
        ("SG", 100.0, "summation gate"),
        ("S", 0.0, "sum"),
        ("RG", 100.0, "restoration gate"),
        ("YF", 200.0, "restoration fuel"),
        ("Y", 0.0, "restored signal"),
        ("Rep", 200.0, "reporter"),
        ("F", 0.0, "fluorescent output"),
    ):
        for j, digit in zip(memories, digits, strict=True):
            writer.species(f"{base}_{j}", initial, f"{name}, digit {digit}")
    pairs = [(j, m) for j in memories for m in memories if j != m]
    for j, m in pairs:
        writer.species(f"A_{j}_{m}", 400.0, f"annihilator, digits {digits[j - 1]} and {digits[m - 1]}")

    for i in pixels:
        for j in memories:
            writer.mass_action(
                f"multiply_{i}_{j}", [f"X_{i}", f"W_{i}_{j}", f"XF_{i}"], [f"X_{i}", f"P_{i}_{j}"], k[0]
            )
    for i in pixels:
        for j in memories:
            writer.mass_action(f"sum_{i}_{j}", [f"P_{i}_{j}", f"SG_{j}"], [f"S_{j}"], k[1])
    for j, m in pairs:
        writer.mass_action(f"annihilate_{j}_{m}", [f"S_{j}", f"S_{m}", f"A_{j}_{m}"], [], k[2])
    for j in memories:
        writer.mass_action(f"restore_{j}", [f"S_{j}", f"RG_{j}", f"YF_{j}"], [f"S_{j}", f"Y_{j}"], k[3])
    for j in memories:
        writer.mass_action(f"report_{j}", [f"Y_{j}", f"Rep_{j}"], [f"F_{j}"], k[4])

    writer.describe(
        Source(
            "K. M. Cherry, L. Qian, Scaling up molecular pattern recognition with DNA-based "
            "winner-take-all neural networks, Nature 559, 370-376, 2018. As an indexed network: "
            f"{ICRN_PAPER}",
            ("https://identifiers.org/doi/10.1038/s41586-018-0289-6",),
            (ICRN_LIBRARY,),
        ),
        [
            "Inputs X_i are multiplied by the weights W_i_j of three memories, summed into S_j; the sums "
            "annihilate each other pairwise until one is left, which is restored and reported as F_j.",
            "X_i + W_i_j + XF_i -&gt; X_i + P_i_j; P_i_j + SG_j -&gt; S_j; S_j + S_m + A_j_m -&gt; nothing "
            "(j, m different); S_j + RG_j + YF_j -&gt; S_j + Y_j; Y_j + Rep_j -&gt; F_j.",
            "The memories hold blurred drawings of 7, 8 and 9 made for this file, not the published averages "
            f"of handwritten digits. The input is the 20 brightest pixels of the {shown}. "
            "Concentrations are in "
            "nM, times in hours; the output is read at 10 hours.",
        ],
    )
    return writer


def dimerization(n: int = 20, seed: int = 2025) -> ModelWriter:
    """Return random dimerization, ``M_p + M_q <-> D_p_q`` for all ordered pairs (Lee et al. 2025)."""
    writer = ModelWriter(
        "dimerization",
        f"Random dimerization of {n} monomers",
        {
            "nmol": [(MOLE, 1, -9, 1.0)],
            "per_s": [(SECOND, -1, 0, 1.0)],
            "per_nM_s": [(LITRE, 1, 0, 1.0), (MOLE, -1, -9, 1.0), (SECOND, -1, 0, 1.0)],
        },
        substance="nmol",
        time="second",
        volume="litre",
        compartment=("tube", 1.0),
    )
    draw = Random(seed).random
    indices = range(1, n + 1)
    pairs = [(p, q) for p in indices for q in indices]
    for p in indices:
        writer.species(f"M_{p}", draw())
    for p, q in pairs:
        writer.species(f"D_{p}_{q}", draw())
    for p, q in pairs:
        writer.parameter(f"kf_{p}_{q}", draw(), "per_nM_s")
    for p, q in pairs:
        writer.parameter(f"kr_{p}_{q}", draw(), "per_s")
    for p, q in pairs:
        writer.mass_action(
            f"dimerize_{p}_{q}", [f"M_{p}", f"M_{q}"], [f"D_{p}_{q}"], f"kf_{p}_{q}", f"kr_{p}_{q}"
        )
    writer.describe(
        Source(ICRN_PAPER, (), (ICRN_LIBRARY,)),
        [
            "Every ordered pair of monomers forms its own dimer, also a monomer with itself: M_p + "
            "M_q = D_p_q. "
            "Rate constants and initial concentrations are drawn from U(0, 1).",
            f"Drawn with Python's random.Random({seed}).random(), in file order.",
        ],
    )
    return writer


def hopfield(n: int = 16, n_patterns: int = 3, seed: int = 34) -> ModelWriter:
    """Return a dual-rail chemical Hopfield memory, ``x_i' = sum_j W_ji x_j - k_deg x_i^3``.

    ``x_i = xp_i - xm_i``; the weights are the outer products of random patterns over ``n``,
    without the diagonal. The initial state is the first pattern with three signs flipped.
    """
    writer = ModelWriter(
        "hopfield",
        f"Dual-rail Hopfield associative memory, {n} neurons",
        {
            "nmol": [(MOLE, 1, -9, 1.0)],
            "hour": [(SECOND, 1, 0, 3600.0)],
            "per_hour": [(SECOND, -1, 0, 3600.0)],
            "per_nM_hour": [(LITRE, 1, 0, 1.0), (MOLE, -1, -9, 1.0), (SECOND, -1, 0, 3600.0)],
            "per_nM2_hour": [(LITRE, 2, 0, 1.0), (MOLE, -2, -9, 1.0), (SECOND, -1, 0, 3600.0)],
        },
        substance="nmol",
        time="hour",
        volume="litre",
        compartment=("tube", 1.0),
    )
    random = Random(seed)
    patterns = [[random.choice((-1, 1)) for _ in range(n)] for _ in range(n_patterns)]
    flipped = set(random.sample(range(n), 3))
    neurons = range(1, n + 1)
    weight = {
        (i, j): sum(pattern[i - 1] * pattern[j - 1] for pattern in patterns) / n
        for i in neurons
        for j in neurons
        if i != j
    }
    start = {i: (-1 if i - 1 in flipped else 1) * patterns[0][i - 1] for i in neurons}
    writer.parameter("k_deg", 1.0, "per_nM2_hour", "cubic degradation")
    writer.parameter("k_ann", 1000.0, "per_nM_hour", "annihilation of the two rails")
    for rail, sign in (("xp", 1), ("xm", -1)):
        for i in neurons:
            writer.species(f"{rail}_{i}", 0.5 if start[i] == sign else 0.0)
    # W+ and W- are equal here, and each has its own rate constants as in the general network
    families = [(a, b) for a in "pm" for b in "pm"]
    for a, b in families:
        for (i, j), w in weight.items():
            if (w > 0) == (a == b):
                writer.parameter(f"w{a}{b}_{i}_{j}", abs(w), "per_hour")
    for a, b in families:
        for (i, j), w in weight.items():
            if (w > 0) == (a == b):
                writer.mass_action(
                    f"excite_{a}{b}_{i}_{j}", [f"x{a}_{i}"], [f"x{a}_{i}", f"x{b}_{j}"], f"w{a}{b}_{i}_{j}"
                )
    for rail in ("xp", "xm"):
        for i in neurons:
            writer.mass_action(f"degrade_{rail}_{i}", [f"{rail}_{i}"] * 3, [f"{rail}_{i}"] * 2, "k_deg")
    for i in neurons:
        writer.mass_action(f"annihilate_{i}", [f"xp_{i}", f"xm_{i}"], [], "k_ann")
    as_signs = ["".join("+" if value > 0 else "-" for value in pattern) for pattern in patterns]
    writer.describe(
        Source(
            "J. J. Hopfield, Neural networks and physical systems with emergent collective computational "
            f"abilities, PNAS 79, 2554-2558, 1982. As a dual-rail reaction network: {ICRN_PAPER}",
            ("https://identifiers.org/doi/10.1073/pnas.79.8.2554",),
            (ICRN_LIBRARY,),
        ),
        [
            "Neuron i has the value xp_i - xm_i. A positive weight excites the same rail of the "
            "other neuron, "
            "a negative one the opposite rail; 3x -&gt; 2x on each rail bounds the values and xp_i + "
            "xm_i -&gt; "
            "nothing keeps the rails apart.",
            f"Stored patterns: {', '.join(as_signs)}. The initial state is the first one with "
            f"{len(flipped)} signs flipped; the network recovers it within 10 hours.",
        ],
    )
    return writer
