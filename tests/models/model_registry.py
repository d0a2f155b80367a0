"""What each model of `models/` must be: its size, and its rates of change by the published equations.

An oracle takes the concentrations ``x`` (amounts for the models in molecules), the parameters
``p`` and the compartment size, and returns the rate of change of each species it speaks of.
A case is added by adding an entry to `CASES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Values = Mapping[str, float]
Oracle = Callable[[Values, Values], dict[str, float]]


@dataclass(frozen=True)
class ModelCase:
    """A model file, the numbers of its species and reactions, and its oracle."""

    file: str
    n_species: int
    n_reactions: int
    oracle: Oracle
    doi: str = ""
    generated: bool = True


def tensor(values: Values, base: str, *labels) -> np.ndarray:
    """Gather ``base_i_j...`` into an array over the given label lists; 0 where there is none."""
    shape = tuple(map(len, labels))
    out = np.zeros(shape)
    for index in np.ndindex(shape):
        out[index] = values.get(
            "_".join([base, *(str(axis[k]) for axis, k in zip(labels, index, strict=True))]), 0.0
        )
    return out


def spread(base: str, array: np.ndarray, *labels) -> dict[str, float]:
    """The inverse of `tensor`."""
    return {
        "_".join([base, *(str(axis[k]) for axis, k in zip(labels, index, strict=True))]): float(array[index])
        for index in np.ndindex(array.shape)
    }


def winner_take_all(x: Values, p: Values) -> dict[str, float]:
    i, j = range(1, 101), range(1, 4)
    X, XF = tensor(x, "X", i), tensor(x, "XF", i)
    W, P, A = tensor(x, "W", i, j), tensor(x, "P", i, j), tensor(x, "A", j, j)
    SG, S, RG, YF, Y, Rep = (tensor(x, base, j) for base in ("SG", "S", "RG", "YF", "Y", "Rep"))
    multiply = 36.0 * X[:, None] * W * XF[:, None]
    add = 36.0 * P * SG
    annihilate = 3.6e-3 * S[:, None] * S[None, :] * A
    restore = 1.8e-4 * S * RG * YF
    report = 3.6 * Y * Rep
    return {
        **spread("X", np.zeros(100), i),
        **spread("W", -multiply, i, j),
        **spread("XF", -multiply.sum(1), i),
        **spread("P", multiply - add, i, j),
        **spread("SG", -add.sum(0), j),
        **spread("S", add.sum(0) - annihilate.sum(0) - annihilate.sum(1), j),
        **{k: v for k, v in spread("A", -annihilate, j, j).items() if k in x},
        **spread("RG", -restore, j),
        **spread("YF", -restore, j),
        **spread("Y", restore - report, j),
        **spread("Rep", -report, j),
        **spread("F", report, j),
    }


def dimerization(x: Values, p: Values) -> dict[str, float]:
    i = range(1, 21)
    M, D = tensor(x, "M", i), tensor(x, "D", i, i)
    flux = tensor(p, "kf", i, i) * np.outer(M, M) - tensor(p, "kr", i, i) * D
    return {**spread("M", -flux.sum(0) - flux.sum(1), i), **spread("D", flux, i, i)}


def hopfield(x: Values, p: Values) -> dict[str, float]:
    i = range(1, 17)
    plus, minus = tensor(x, "xp", i), tensor(x, "xm", i)
    wpp, wpm, wmp, wmm = (tensor(p, f"w{rails}", i, i) for rails in ("pp", "pm", "mp", "mm"))
    annihilate = p["k_ann"] * plus * minus
    return {
        **spread("xp", plus @ wpp + minus @ wmp - p["k_deg"] * plus**3 - annihilate, i),
        **spread("xm", minus @ wmm + plus @ wpm - p["k_deg"] * minus**3 - annihilate, i),
    }


def gene_network(x: Values, p: Values) -> dict[str, float]:
    i = range(1, 13)
    G, R, P = (tensor(x, base, i) for base in "GRP")
    block = tensor(p, "kb", i, i) * np.outer(G, P) - tensor(p, "ku", i, i) * tensor(x, "C", i, i)
    ktx, ktl, dr, dp = (tensor(p, base, i) for base in ("ktx", "ktl", "dr", "dp"))
    return {
        **spread("G", -block.sum(1), i),
        **{k: v for k, v in spread("C", block, i, i).items() if k in x},
        **spread("R", ktx * G - dr * R, i),
        **spread("P", ktl * R - dp * P - block.sum(0), i),
    }


def phosphorelay(x: Values, p: Values) -> dict[str, float]:
    i = range(1, 9)
    free, bound = tensor(x, "L", i), tensor(x, "Lp", i)
    handed = tensor(p, "kf", i[:-1]) * bound[:-1] * free[1:] - tensor(p, "kr", i[:-1]) * free[:-1] * bound[1:]
    d_bound = np.zeros(8)
    d_bound[0] += p["k_signal"] * free[0]
    d_bound[-1] -= p["k_hydrolysis"] * bound[-1]
    d_bound[:-1] -= handed
    d_bound[1:] += handed
    return {**spread("L", -d_bound, i), **spread("Lp", d_bound, i)}


def seesaw_cascade(x: Values, p: Values) -> dict[str, float]:
    i = range(31)  # node 0 is the fuel
    w, G, bound, Th = (tensor(x, base, i, i) for base in ("w", "G", "I", "Th"))
    Rep = tensor(x, "Rep", i)
    seesaw = 5e-5 * (np.einsum("ji,ik->jik", w, G) - np.einsum("ji,ik->jik", bound, w))
    fed = np.zeros((31, 31), bool)  # (j, i): node i seesaws with an input from node j
    gate = np.zeros((31, 31), bool)  # (i, k): node i has a gate with an output for node k
    for name in x:
        base, *node = name.split("_")
        if base == "I":
            fed[int(node[0]), int(node[1])] = True
        elif base == "G":
            gate[int(node[0]), int(node[1])] = True
    seesaw *= fed[:, :, None] & gate[None, :, :]
    threshold = 2e-3 * w * Th
    report = 2e-3 * w * Rep
    rates = {
        "w": seesaw.sum(0) - seesaw.sum(2) - threshold - report,
        "G": -seesaw.sum(0),
        "I": seesaw.sum(2),
        "Th": -threshold,
    }
    out = {k: v for base, rate in rates.items() for k, v in spread(base, rate, i, i).items() if k in x}
    ends = {**spread("Rep", -report.sum(0), i), **spread("Fluor", report.sum(0), i)}
    return {**out, **{k: v for k, v in ends.items() if k in x}}


def repressilator(x: Values, p: Values) -> dict[str, float]:
    ring = {"lacI": "cI", "tetR": "lacI", "cI": "tetR"}  # gene: its repressor
    rates = {}
    for gene, repressor in ring.items():
        m, protein = x[f"m_{gene}"], x[f"p_{gene}"]
        # box 1 of the paper in molecules and minutes: half-lives 2 and 10 min, 20 proteins per transcript
        rates[f"m_{gene}"] = 0.03 + 29.97 / (1 + (x[f"p_{repressor}"] / 40) ** 2) - np.log(2) / 2 * m
        rates[f"p_{gene}"] = 20 * np.log(2) / 2 * m - np.log(2) / 10 * protein
    return rates


def michaelis_menten_cascade(x: Values, p: Values) -> dict[str, float]:
    def mm(limit: float, km: float, substrate: str) -> float:
        return limit * x[substrate] / (km + x[substrate])

    v1 = mm(2.5, 10, "MKKK") / (1 + x["MAPK_PP"] / 9)
    v2 = mm(0.25, 8, "MKKK_P")
    v3, v4 = (mm(0.025 * x["MKKK_P"], 15, s) for s in ("MKK", "MKK_P"))
    v5, v6 = (mm(0.75, 15, s) for s in ("MKK_PP", "MKK_P"))
    v7, v8 = (mm(0.025 * x["MKK_PP"], 15, s) for s in ("MAPK", "MAPK_P"))
    v9, v10 = (mm(0.5, 15, s) for s in ("MAPK_PP", "MAPK_P"))
    return {
        "MKKK": v2 - v1,
        "MKKK_P": v1 - v2,
        "MKK": v6 - v3,
        "MKK_P": v3 + v5 - v4 - v6,
        "MKK_PP": v4 - v5,
        "MAPK": v10 - v7,
        "MAPK_P": v7 + v9 - v8 - v10,
        "MAPK_PP": v8 - v9,
    }


def gray_scott(x: Values, p: Values) -> dict[str, float]:
    u, v, feed, k = x["U"], x["V"], 0.036, 0.05725
    return {"U": -u * v**2 + feed * (1 - u), "V": u * v**2 - (feed + k) * v}


CASES = [
    ModelCase("winner_take_all.xml", 827, 612, winner_take_all, "10.1038/s41586-018-0289-6"),
    ModelCase("dimerization.xml", 420, 400, dimerization),
    ModelCase("hopfield.xml", 32, 528, hopfield, "10.1073/pnas.79.8.2554"),
    ModelCase("gene_network.xml", 70, 82, gene_network, "10.1016/S0006-3495(01)75949-8"),
    ModelCase("phosphorelay.xml", 16, 9, phosphorelay, "10.1098/rsif.2010.0336"),
    ModelCase("seesaw_cascade.xml", 180, 132, seesaw_cascade, "10.1126/science.1200520"),
    ModelCase("repressilator.ant", 6, 12, repressilator, "10.1038/35002125", generated=False),
    ModelCase(
        "michaelis_menten_cascade.ant",
        8,
        10,
        michaelis_menten_cascade,
        "10.1046/j.1432-1327.2000.01197.x",
        generated=False,
    ),
    ModelCase("gray_scott.ant", 2, 4, gray_scott, "10.1016/0009-2509(84)87017-7", generated=False),
]
