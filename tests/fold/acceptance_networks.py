"""Families of networks whose index structure is known, from the papers they come from.

A family is a function of its sizes that returns a `Generated`: network, keys, ground truth.
``CASES`` lists the ones that folding is measured on.
"""

from __future__ import annotations

from collections.abc import Callable

from acceptance_maker import Generated, Maker, axis, times, truth

from icrn_io.expression import Expression, apply, number, symbol


def per(dimension: str, *index) -> tuple:
    """Return the labels a constant depends on: all of them, the first alone, or none."""
    return {"tensor": index, "vector": index[:1], "scalar": ()}[dimension]


def dimerization(
    n: int, reversible: bool = True, rates: str = "tensor", style: str = "global", seed: int = 1
) -> Generated:
    """M_p + M_q ⇌ D_pq for all ordered pairs, or as two irreversible reactions."""
    m = Maker("dimerization", seed, style)
    monomers = axis("monomer", n)
    for p in monomers:
        for q in monomers:
            pair, dimer = [m.species("M", p), m.species("M", q)], [m.species("D", p, q)]
            there, back = ("kf", *per(rates, p, q)), ("kr", *per(rates, p, q))
            if reversible:
                m.mass_action(("bind", p, q), pair, dimer, there, back)
            else:
                m.mass_action(("bind", p, q), pair, dimer, there)
                m.mass_action(("fall", p, q), dimer, pair, back)
    return m.finished(truth(1 if reversible else 2, n), {"M": "{0}", "D": "{0}_{1}"})


def symmetric_dimerization(
    n: int, squared: bool = False, rates: str = "tensor", style: str = "global", seed: int = 2
) -> Generated:
    """M_p + M_q ⇌ D_pq for p ≤ q; ``squared`` writes the diagonal with a power, another law."""
    m = Maker("symmetric dimerization", seed, style)
    monomers = axis("monomer", n)
    for p in monomers:
        for q in monomers[p.position :]:
            pair, dimer = [m.species("M", p), m.species("M", q)], [m.species("D", p, q)]
            there, back = ("kf", *per(rates, p, q)), ("kr", *per(rates, p, q))
            if squared and p == q:
                m.reaction(("bind", p, q), pair, dimer, squared_law(pair[0], dimer[0], there, back))
            else:
                m.mass_action(("bind", p, q), pair, dimer, there, back)
    return m.finished(truth(2 if squared else 1, n), {"M": "{0}", "D": "{0}_{1}_dimer"})


def squared_law(monomer: str, dimer: str, there: tuple, back: tuple):
    """Return the law ``cell*(kf*M^2 - kr*D)``."""
    square = apply("power", [symbol(monomer), number(2)])

    def law(k) -> Expression:
        difference = apply("minus", [times(k(*there), square), times(k(*back), symbol(dimer))])
        return times(symbol("cell"), difference)

    return law


def winner_take_all(
    n: int, m: int, one_sided: bool = False, style: str = "global", seed: int = 3
) -> Generated:
    """Multiply, sum, annihilate pairs, restore and report: n pixels, m digits."""
    w = Maker("winner take all", seed, style)
    pixels, digits = axis("pixel", n), axis("digit", m)
    for i in pixels:
        for j in digits:
            x, weight, fuel, p = (w.species(*s) for s in (("X", i), ("W", i, j), ("XF", i), ("P", i, j)))
            w.mass_action(("multiply", i, j), [x, weight, fuel], [x, p], ("k_multiply",))
    for i in pixels:
        for j in digits:
            w.mass_action(
                ("sum", i, j), [w.species("P", i, j), w.species("SG", j)], [w.species("S", j)], ("k_sum",)
            )
    for j in digits:
        for k in digits:
            if j.position < k.position or (not one_sided and j != k):
                trio = [w.species("S", j), w.species("S", k), w.species("A", j, k)]
                w.mass_action(("annihilate", j, k), trio, [], ("k_annihilate",))
    for j in digits:
        s, y = w.species("S", j), w.species("Y", j)
        w.mass_action(("restore", j), [s, w.species("RG", j), w.species("YF", j)], [s, y], ("k_restore",))
    for j in digits:
        w.mass_action(
            ("report", j), [w.species("Y", j), w.species("Rep", j)], [w.species("F", j)], ("k_report",)
        )
    return w.finished(truth(5, n, m))


def ligand_receptor(
    n: int, m: int, rates: str = "tensor", style: str = "global", saturated: bool = False, seed: int = 4
) -> Generated:
    """L_i + R_j ⇌ C_ij, C_ij → P_ij (mass action or saturated), P_ij → E_ij."""
    w = Maker("ligand receptor", seed, style)
    ligands, receptors = axis("ligand", n), axis("receptor", m)
    for i in ligands:
        for j in receptors:
            c, p, e = (w.species(b, i, j) for b in "CPE")
            there, back = ("kon", *per(rates, i, j)), ("koff", *per(rates, i, j))
            w.mass_action(("bind", i, j), [w.species("L", i), w.species("R", j)], [c], there, back)
            rate = ("kp", *per(rates, i, j))
            if saturated:
                w.reaction(("phosphorylate", i, j), [c], [p], saturated_law(c, rate, ("km",)))
            else:
                w.mass_action(("phosphorylate", i, j), [c], [p], rate)
            w.mass_action(("internalise", i, j), [p], [e], ("ki", *per(rates, i, j)))
    patterns = {"L": "{0}", "R": "{0}", "C": "{0}_{1}", "P": "{0}_p{1}", "E": "{0}_{1}_endosome"}
    return w.finished(truth(3, n, m), patterns)


def saturated_law(substrate: str, vmax: tuple, km: tuple):
    """Return the law ``cell*vmax*S/(km + S)``."""
    s = symbol(substrate)
    return lambda k: apply("divide", [times(symbol("cell"), k(*vmax), s), apply("plus", [k(*km), s])])


def brusselator(n: int, apart: bool = False, style: str = "global", seed: int = 5) -> Generated:
    """∅ → X, 2X + Y → 3X, X → Y, X → ∅ in a ring of n cells, X and Y hop to both neighbours.

    ``apart`` gives every cell a compartment of its own.
    """
    w = Maker("brusselator", seed, style)
    cells = axis("cell", n)
    for c in cells:
        brusselator_cell(w, c, apart)
    for c in cells:
        for other in (cells[(c.position + 1) % n], cells[c.position - 1]):
            for base in "XY":
                here, there = (w.species(base, at, within=place(w, at, apart)) for at in (c, other))
                w.reaction((f"hop{base}", c, other), [here], [there], hop(here, f"D{base}"))
    return w.finished(truth(6, n), {"X": "X_{0}", "Y": "Y_{0}"})


def place(w: Maker, cell, apart: bool) -> str:
    """Return the compartment of a cell."""
    return w.compartment("cell", cell) if apart else w.compartment()


def hop(species: str, constant: str):
    """Return the law ``D*X``."""
    return lambda k: times(k(constant), symbol(species))


def brusselator_cell(w: Maker, c, apart: bool) -> None:
    """Add the reactions of one cell."""
    home = place(w, c, apart)
    x, y = w.species("X", c, within=home), w.species("Y", c, within=home)
    size = symbol(home)
    w.reaction(("feed", c), [], [x], lambda k: times(size, k("a")))
    cube = times(symbol(x), symbol(x), symbol(y))
    w.reaction(("grow", c), [x, x, y], [x, x, x], lambda k: times(size, k("g"), cube))
    w.reaction(("turn", c), [x], [y], lambda k: times(size, k("b"), symbol(x)))
    w.reaction(("drain", c), [x], [], lambda k: times(size, k("d"), symbol(x)))


CASES: dict[str, Callable[[], Generated]] = {
    "dimerization 6": lambda: dimerization(6),
    "dimerization 12": lambda: dimerization(12),
    "dimerization 6, two ways": lambda: dimerization(6, reversible=False),
    "dimerization 6, shared rates": lambda: dimerization(6, rates="scalar"),
    "dimerization 6, rates by one index": lambda: dimerization(6, rates="vector"),
    "dimerization 6, local rates": lambda: dimerization(6, style="local"),
    "dimerization 6, numbers": lambda: dimerization(6, style="number"),
    "symmetric dimerization 7": lambda: symmetric_dimerization(7),
    "symmetric dimerization 7, shared rates": lambda: symmetric_dimerization(7, rates="scalar"),
    "symmetric dimerization 7, squared diagonal": lambda: symmetric_dimerization(7, squared=True),
    "winner take all 20 x 3": lambda: winner_take_all(20, 3),
    "winner take all 12 x 5, pairs once": lambda: winner_take_all(12, 5, one_sided=True),
    "winner take all 12 x 4, numbers": lambda: winner_take_all(12, 4, style="number"),
    "ligand receptor 5 x 4": lambda: ligand_receptor(5, 4),
    "ligand receptor 5 x 4, by ligand": lambda: ligand_receptor(5, 4, rates="vector"),
    "ligand receptor 5 x 4, shared": lambda: ligand_receptor(5, 4, rates="scalar"),
    "ligand receptor 6 x 3, saturated": lambda: ligand_receptor(6, 3, saturated=True),
    "ligand receptor 6 x 3, local": lambda: ligand_receptor(6, 3, style="local"),
    "brusselator ring 10": lambda: brusselator(10),
    "brusselator ring 10, numbers": lambda: brusselator(10, style="number"),
    "brusselator ring 10, compartments": lambda: brusselator(10, apart=True),
}
