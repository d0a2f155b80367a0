"""Gene, signalling and DNA circuits, from their published equations."""

from __future__ import annotations

from itertools import pairwise
from random import Random  # its sequence for a seed is the same on every Python

import libsbml
from sbml_writing import ModelWriter, Source

MOLE, LITRE, SECOND = libsbml.UNIT_KIND_MOLE, libsbml.UNIT_KIND_LITRE, libsbml.UNIT_KIND_SECOND
ITEM = libsbml.UNIT_KIND_ITEM


def gene_network(n: int = 12, density: float = 0.25, seed: int = 2001) -> ModelWriter:
    """Return a random network of genes whose proteins block each other's promoters.

    Binding of protein j to promoter i is explicit (Kepler and Elston 2001): a bound promoter
    ``C_i_j`` is silent. Species are numbers of molecules per cell.
    """
    writer = ModelWriter(
        "gene_network",
        f"Inhibitory gene network, {n} genes",
        {
            "minute": [(SECOND, 1, 0, 60.0)],
            "fl": [(LITRE, 1, -15, 1.0)],
            "per_minute": [(SECOND, -1, 0, 60.0)],
            "per_item_minute": [(ITEM, -1, 0, 1.0), (SECOND, -1, 0, 60.0)],
        },
        substance="item",
        time="minute",
        volume="fl",
        compartment=("cell", 1.5),
        amounts=True,
    )
    random = Random(seed)

    def draw(low: float, high: float) -> float:
        return round(low + (high - low) * random.random(), 4)

    genes = range(1, n + 1)
    # each gene is blocked by at least one protein, and not by its own
    blocked_by = {}
    for i in genes:
        others = [j for j in genes if j != i]
        blocked_by[i] = [j for j in others if random.random() < density] or [random.choice(others)]
    edges = [(i, j) for i in genes for j in blocked_by[i]]

    for i in genes:
        writer.species(f"G_{i}", 2.0, f"free promoters of gene {i}")
    for i, j in edges:
        writer.species(f"C_{i}_{j}", 0.0, f"promoters of gene {i} blocked by protein {j}")
    for i in genes:
        writer.species(f"R_{i}", float(random.randint(0, 10)), f"mRNA {i}")
    for i in genes:
        writer.species(f"P_{i}", float(random.randint(0, 100)), f"protein {i}")
    for i, j in edges:
        writer.parameter(f"kb_{i}_{j}", draw(0.01, 0.05), "per_item_minute")
    for i, j in edges:
        writer.parameter(f"ku_{i}_{j}", draw(0.5, 2.0), "per_minute")
    for base, low, high in (("ktx", 1.0, 5.0), ("ktl", 2.0, 6.0), ("dr", 0.1, 0.4), ("dp", 0.02, 0.1)):
        for i in genes:
            writer.parameter(f"{base}_{i}", draw(low, high), "per_minute")

    for i, j in edges:
        writer.mass_action(
            f"block_{i}_{j}", [f"G_{i}", f"P_{j}"], [f"C_{i}_{j}"], f"kb_{i}_{j}", f"ku_{i}_{j}"
        )
    for i in genes:
        writer.mass_action(f"transcribe_{i}", [f"G_{i}"], [f"G_{i}", f"R_{i}"], f"ktx_{i}")
    for i in genes:
        writer.mass_action(f"translate_{i}", [f"R_{i}"], [f"R_{i}", f"P_{i}"], f"ktl_{i}")
    for i in genes:
        writer.mass_action(f"decay_R_{i}", [f"R_{i}"], [], f"dr_{i}")
    for i in genes:
        writer.mass_action(f"decay_P_{i}", [f"P_{i}"], [], f"dp_{i}")
    writer.describe(
        Source(
            "T. B. Kepler, T. C. Elston, Stochasticity in transcriptional regulation: origins, consequences, "
            "and mathematical representations, Biophysical Journal 81, 3116-3136, 2001.",
            ("https://identifiers.org/doi/10.1016/S0006-3495(01)75949-8",),
        ),
        [
            "Protein j binds the promoter of gene i and silences it: G_i + P_j = C_i_j. Free promoters are "
            "transcribed, G_i -&gt; G_i + R_i, messages translated, R_i -&gt; R_i + P_i, and both decay.",
            f"Who blocks whom ({len(edges)} of {n * (n - 1)} pairs) and all rate constants are drawn with "
            f"Python's random.Random({seed}). Species are molecules per cell, times are in minutes.",
        ],
    )
    return writer


def phosphorelay(n: int = 8) -> ModelWriter:
    """Return a phosphorelay of ``n`` layers (Csikasz-Nagy, Cardelli and Soyer 2011)."""
    writer = ModelWriter(
        "phosphorelay",
        f"Phosphorelay of {n} layers",
        {
            "umol": [(MOLE, 1, -6, 1.0)],
            "fl": [(LITRE, 1, -15, 1.0)],
            "per_s": [(SECOND, -1, 0, 1.0)],
            "fl_per_umol_s": [(LITRE, 1, -15, 1.0), (MOLE, -1, -6, 1.0), (SECOND, -1, 0, 1.0)],
        },
        substance="umol",
        time="second",
        volume="fl",
        compartment=("cell", 0.8),
    )
    layers = range(1, n + 1)
    writer.parameter("k_signal", 0.1, "per_s", "autophosphorylation of the first layer")
    writer.parameter("k_hydrolysis", 0.05, "per_s", "hydrolysis in the last layer")
    for i in layers[:-1]:
        writer.parameter(
            f"kf_{i}", round(1.0 + 0.1 * i, 4), "fl_per_umol_s", f"transfer from layer {i} to {i + 1}"
        )
    for i in layers[:-1]:
        writer.parameter(
            f"kr_{i}", round(0.5 - 0.05 * i, 4), "fl_per_umol_s", f"transfer from layer {i + 1} to {i}"
        )
    for i in layers:
        writer.species(f"L_{i}", 1.0, f"layer {i}, unphosphorylated")
    for i in layers:
        writer.species(f"Lp_{i}", 0.0, f"layer {i}, phosphorylated")
    writer.mass_action("signal", ["L_1"], ["Lp_1"], "k_signal")
    for i in layers[:-1]:
        writer.mass_action(
            f"transfer_{i}", [f"Lp_{i}", f"L_{i + 1}"], [f"L_{i}", f"Lp_{i + 1}"], f"kf_{i}", f"kr_{i}"
        )
    writer.mass_action("hydrolysis", [f"Lp_{n}"], [f"L_{n}"], "k_hydrolysis")
    writer.describe(
        Source(
            "A. Csikasz-Nagy, L. Cardelli, O. S. Soyer, Response dynamics of phosphorelays suggest their "
            "potential utility in cell signalling, Journal of the Royal Society Interface 8, 480-488, 2011.",
            ("https://identifiers.org/doi/10.1098/rsif.2010.0336",),
        ),
        [
            "A phosphate enters at layer 1, is handed from layer to layer, Lp_i + L_(i+1) = L_i + "
            "Lp_(i+1), and "
            "leaves by hydrolysis in the last layer.",
            "The rate constants are of the paper's orders of magnitude, and differ from layer to layer.",
        ],
    )
    return writer


def seesaw_wiring(widths: tuple[int, ...], random: Random) -> dict[int, list[int]]:
    """Return which nodes feed each node of a layered circuit, numbered layer by layer from 1.

    Every node after the first layer has two inputs from the layer before, chosen at random,
    such that no node of a layer but the last goes unused.
    """
    feeds: dict[int, list[int]] = {}
    first = 1
    for width, following in pairwise(widths):
        layer = list(range(first, first + width))
        first += width
        stubs = random.sample(layer * 2, 2 * width)[: 2 * following]
        stubs += random.choices(layer, k=2 * following - len(stubs))
        for position in range(following):
            pair = sorted(set(stubs[2 * position : 2 * position + 2]))
            if len(pair) == 1:
                pair = sorted([*pair, random.choice([node for node in layer if node not in pair])])
            feeds[first + position] = pair
    return feeds


def seesaw_cascade(
    widths: tuple[int, ...] = (8, 8, 8, 6), inputs_on: tuple[int, ...] = (1,), seed: int = 2011
) -> ModelWriter:
    """Return a cascade of amplifying seesaw gates (Qian and Winfree 2011).

    Signal ``w_j_i`` goes from node j to node i, gate ``G_i_k`` holds the output of node i for
    node k, gate ``I_j_i`` holds the input of node i from node j; node 0 stands for the fuel.
    """
    writer = ModelWriter(
        "seesaw_cascade",
        "Cascade of seesaw gates, layers of " + ", ".join(map(str, widths)) + " nodes",
        {
            "nmol": [(MOLE, 1, -9, 1.0)],
            "per_nM_s": [(LITRE, 1, 0, 1.0), (MOLE, -1, -9, 1.0), (SECOND, -1, 0, 1.0)],
        },
        substance="nmol",
        time="second",
        volume="litre",
        compartment=("tube", 1.0),
    )
    unit = 50.0  # nM; the paper's 1x
    random = Random(seed)
    feeds = seesaw_wiring(widths, random)
    n_nodes = sum(widths)
    outputs = range(n_nodes - widths[-1] + 1, n_nodes + 1)
    edges = [(j, i) for i in feeds for j in feeds[i]]
    inner = [i for i in feeds if i not in outputs]
    gates = [(i, k) for i in inner for k in feeds if i in feeds[k]]
    k_seesaw = writer.parameter("k_seesaw", 5e-5, "per_nM_s", "seesawing, either direction")
    k_threshold = writer.parameter("k_threshold", 2e-3, "per_nM_s", "thresholding")
    k_report = writer.parameter("k_report", 2e-3, "per_nM_s", "reporting")

    for j, i in edges:
        on = j in inputs_on
        writer.species(f"w_{j}_{i}", 0.9 * unit if on else 0.0, f"signal from node {j} to node {i}")
    for i in inner:
        writer.species(f"w_{i}_0", 2 * len([1 for a, _ in gates if a == i]) * unit, f"fuel of node {i}")
    for i, k in gates:
        writer.species(f"G_{i}_{k}", unit, f"gate of node {i} with the output for node {k}")
    for i in inner:
        writer.species(f"G_{i}_0", 0.0, f"gate of node {i} with its fuel")
    seesaws = [(j, i) for j, i in edges if i in inner]
    for j, i in seesaws:
        writer.species(f"I_{j}_{i}", 0.0, f"gate of node {i} with the input from node {j}")
    for j, i in seesaws:
        writer.species(f"Th_{j}_{i}", 0.2 * unit, f"threshold of node {i} for the input from node {j}")
    for i in outputs:
        writer.species(f"Rep_{i}", 1.5 * unit, f"reporter {i}")
    for i in outputs:
        writer.species(f"Fluor_{i}", 0.0, f"fluorescence {i}")

    for j, i in seesaws:
        for k in [0, *(b for a, b in gates if a == i)]:
            writer.mass_action(
                f"seesaw_{j}_{i}_{k}",
                [f"w_{j}_{i}", f"G_{i}_{k}"],
                [f"I_{j}_{i}", f"w_{i}_{k}"],
                k_seesaw,
                k_seesaw,
            )
    for j, i in seesaws:
        writer.mass_action(f"threshold_{j}_{i}", [f"w_{j}_{i}", f"Th_{j}_{i}"], [], k_threshold)
    for j, i in edges:
        if i in outputs:
            writer.mass_action(f"report_{j}_{i}", [f"w_{j}_{i}", f"Rep_{i}"], [f"Fluor_{i}"], k_report)
    writer.describe(
        Source(
            "L. Qian, E. Winfree, Scaling up digital circuit computation with DNA strand "
            "displacement cascades, "
            "Science 332, 1196-1201, 2011.",
            ("https://identifiers.org/doi/10.1126/science.1200520",),
        ),
        [
            "A node i exchanges strands with its neighbours, w_j_i + G_i_k = I_j_i + w_i_k, after "
            "its threshold "
            "has absorbed weak inputs, w_j_i + Th_j_i -&gt; waste; node 0 is the fuel, which "
            "releases the input "
            "again. Outputs are read by w_j_i + Rep_i -&gt; Fluor_i. Leak and toehold occlusion are "
            "left out, "
            "and waste is not tracked.",
            f"1x = {unit:g} nM. Inputs that are on ({', '.join(map(str, inputs_on))}) are 0.9x, the "
            "others 0. The "
            f"wiring is drawn with Python's random.Random({seed}).",
        ],
    )
    return writer
