"""Families of binding, signalling and neural networks whose index structure is known.

A family is a function of its sizes that returns a `Generated`: network, keys, ground truth.
"""

from __future__ import annotations

from itertools import pairwise

from acceptance_maker import Generated, Maker, axis, power, times

from icrn_io.expression import Expression, apply, symbol


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
    return m.finished({"M": "{0}", "D": "{0}_{1}"})


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
                m.reaction(("bind_self", p, q), pair, dimer, squared_law(pair[0], dimer[0], there, back))
            else:
                m.mass_action(("bind", p, q), pair, dimer, there, back)
    return m.finished({"M": "{0}", "D": "{0}_{1}_dimer"})


def squared_law(monomer: str, dimer: str, there: tuple, back: tuple):
    """Return the law ``cell*(kf*M^2 - kr*D)``."""
    square = power(symbol(monomer), 2)

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
    return w.finished()


def hopfield(n: int, rails: str = "signed", style: str = "global", seed: int = 6) -> Generated:
    """Neurons that excite each other, x_i → x_i + x_j, and degrade, 3x → 2x.

    ``rails``: "one", or two rails x⁺, x⁻ per neuron that annihilate, with the weights of all
    four pairs of rails ("full") or, by the sign of each weight, of two of them ("signed").
    Two rails may also be read as one more index set of two labels. With the weights of all
    pairs of rails nothing but names tells ``x⁺_i`` and ``x⁻_i`` from two neurons.
    """
    w = Maker("hopfield", seed, style)
    neurons, names = axis("neuron", n), ["x"] if rails == "one" else ["xp", "xm"]
    for name in names:
        for i in neurons:
            w.mass_action(("degrade", i) if rails == "one" else (f"degrade{name}", i), *cubic(w, name, i))
    for i in neurons:
        for j in neurons:
            is_same = w.rng.random() < 0.5  # the sign of the weight
            for a in names if i != j else []:
                for b in names:
                    if rails != "signed" or (a == b) == is_same:
                        x, y = w.species(a, i), w.species(b, j)
                        w.mass_action((f"excite_{a}_{b}", i, j), [x], [x, y], (f"w{a}{b}", i, j))
    for i in neurons if len(names) == 2 else []:
        w.mass_action(("annihilate", i), [w.species("xp", i), w.species("xm", i)], [], ("k_ann",))
    patterns = {"x": "{0}", "xp": "{0}_plus", "xm": "{0}_minus"}
    if rails == "one":
        return w.finished(patterns)
    opaque = [(3, (2 * n,))] if rails == "full" else []
    return w.finished(patterns, also=[(3, (2, n))], opaque=opaque, may_list=rails == "signed")


def cubic(w: Maker, base: str, label) -> tuple:
    """Return reactants, products and rate of ``3x → 2x``."""
    x = w.species(base, label)
    return [x] * 3, [x] * 2, ("k_deg",)


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
    return w.finished(patterns)


def saturated_law(substrate: str, vmax: tuple, km: tuple):
    """Return the law ``cell*vmax*S/(km + S)``."""
    s = symbol(substrate)
    return lambda k: apply("divide", [times(symbol("cell"), k(*vmax), s), apply("plus", [k(*km), s])])


def receptor_sites(n: int, m: int, s: int, style: str = "global", seed: int = 7) -> Generated:
    """L_i + R_j ⇌ C_ij, C_ij + U_js → C_ij + V_js, V_js → U_js: sites s of receptors j."""
    w = Maker("receptor sites", seed, style)
    ligands, receptors, sites = axis("ligand", n), axis("receptor", m), axis("site", s)
    for i in ligands:
        for j in receptors:
            pair, c = [w.species("L", i), w.species("R", j)], w.species("C", i, j)
            w.mass_action(("bind", i, j), pair, [c], ("kon", i, j), ("koff", i))
            for at in sites:
                bare, marked = w.species("U", j, at), w.species("V", j, at)
                w.mass_action(("phosphorylate", i, j, at), [c, bare], [c, marked], ("kp", i, j, at))
    for j in receptors:
        for at in sites:
            w.mass_action(("erase", j, at), [w.species("V", j, at)], [w.species("U", j, at)], ("kd", at))
    patterns = {"L": "{0}", "R": "{0}", "C": "{0}_{1}", "U": "{0}_{1}", "V": "{0}_p{1}"}
    return w.finished(patterns)


def gate_array(n: int, m: int, o: int, style: str = "global", seed: int = 8) -> Generated:
    """A layer of seesaw gates, all to all: w_ji + G_ik ⇌ I_ji + y_ik, thresholds and reporters."""
    w = Maker("gate array", seed, style)
    inputs, gates, outputs = axis("input", n), axis("gate", m), axis("output", o)
    for j in inputs:
        for i in gates:
            for k in outputs:
                left = [w.species("w", j, i), w.species("G", i, k)]
                right = [w.species("I", j, i), w.species("y", i, k)]
                w.mass_action(("seesaw", j, i, k), left, right, ("k_seesaw",), ("k_seesaw",))
            w.mass_action(("threshold", j, i), [w.species("w", j, i), w.species("Th", j, i)], [], ("k_th",))
    for i in gates:
        for k in outputs:
            pair = [w.species("y", i, k), w.species("Rep", k)]
            w.mass_action(("report", i, k), pair, [w.species("F", k)], ("k_rep",))
    return w.finished()


def seesaw_cascade(widths: tuple[int, ...], style: str = "global", seed: int = 9) -> Generated:
    """Layers of seesaw gates, two random inputs per node; label 0 of the nodes is the fuel.

    The wiring is random: nodes are one index set, and the wires w_ji, of which there are few,
    may as well be listed as another.
    """
    w = Maker("seesaw cascade", seed, style)
    nodes = axis("node", 1 + sum(widths))
    feeds = wiring(w, nodes, widths)
    outputs = nodes[-widths[-1] :]
    targets = {i: [k for k in feeds if i in feeds[k]] for i in nodes}
    fuel, n_wires = nodes[0], 0
    for i, inputs in feeds.items():
        n_wires += len(inputs) + (i not in outputs)
        for j in inputs:
            signal = w.species("w", j, i)
            if i in outputs:
                report = [signal, w.species("Rep", i)]
                w.mass_action(("report", j, i), report, [w.species("F", i)], ("k_rep",))
                continue
            w.mass_action(("threshold", j, i), [signal, w.species("Th", j, i)], [], ("k_th",))
            for k in [fuel, *targets[i]]:
                left, right = [signal, w.species("G", i, k)], [w.species("I", j, i), w.species("w", i, k)]
                w.mass_action(("seesaw", j, i, k), left, right, ("k_seesaw",), ("k_seesaw",))
    return w.finished(also=[(3, (len(outputs), n_wires))])


def wiring(w: Maker, nodes: list, widths: tuple[int, ...]) -> dict:
    """Return the two inputs of every node behind the first layer; no node goes unused."""
    feeds, first = {}, 1
    for width, following in pairwise(widths):
        layer = nodes[first : first + width]
        first += width
        for position, node in enumerate(nodes[first : first + following]):
            other = (position + 1 + int(w.rng.integers(width - 1))) % width
            feeds[node] = [layer[position % width], layer[other]]
    return feeds
