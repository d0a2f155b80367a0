"""Families of gene circuits, relays, ring oscillators and lattices whose index structure is known."""

from __future__ import annotations

from collections.abc import Iterable

from acceptance_maker import At, Generated, Maker, axis, power, times

from icrn_io.expression import Expression, apply, number, symbol


def repressed(activity: Expression, *repressors: tuple[str, Expression]) -> Expression:
    """Return ``activity / (1 + (P/K)^2 + ...)``."""
    terms = [power(apply("divide", [symbol(p), k]), 2) for p, k in repressors]
    return apply("divide", [activity, apply("plus", [number(1), *terms])])


def gene_network(n: int, density: float = 1.0, style: str = "global", seed: int = 11) -> Generated:
    """Proteins j block promoters i: G_i + P_j ⇌ C_ij; transcription, translation, two decays.

    Which protein blocks which promoter is random below full density: then the blocked
    promoters may as well be listed by an index set of their own.
    """
    w = Maker("gene network", seed, style)
    genes = axis("gene", n)
    edges = random_pairs(w, genes, density)
    for i, j in edges:
        pair, blocked = [w.species("G", i), w.species("P", j)], [w.species("C", i, j)]
        w.mass_action(("block", i, j), pair, blocked, ("kb", i, j), ("ku", i, j))
    for i in genes:
        g, r, p = (w.species(base, i) for base in "GRP")
        w.mass_action(("transcribe", i), [g], [g, r], ("ktx", i))
        w.mass_action(("translate", i), [r], [r, p], ("ktl", i))
        w.mass_action(("decayR", i), [r], [], ("dr", i))
        w.mass_action(("decayP", i), [p], [], ("dp", i))
    patterns = {"G": "{0}_promoter", "R": "{0}_mRNA", "P": "{0}", "C": "{0}_promoter_{1}"}
    also = [(5, (n, len(edges)))] if density < 1 else []
    return w.finished(patterns, also=also, may_list=density < 1)


def random_pairs(w: Maker, labels: list[At], density: float) -> list[tuple[At, At]]:
    """Return pairs of different labels; every label is first in one of them and second in one."""
    n = len(labels)
    pairs = []
    for i in labels:
        for j in labels:
            is_next = j.position == (i.position + 1) % n
            if i != j and (w.rng.random() < density or is_next):
                pairs.append((i, j))
    return pairs


def hill_network(n: int, density: float = 1.0, style: str = "global", seed: int = 12) -> Generated:
    """Proteins are made at a_ij / (1 + (P_j/K)^2) for every protein j that represses i, and decay."""
    w = Maker("hill network", seed, style)
    genes = axis("gene", n)
    for i, j in random_pairs(w, genes, density):
        p, repressor = w.species("P", i), w.species("P", j)
        w.reaction(
            ("make", i, j), [], [p], lambda k, i=i, j=j, r=repressor: repressed(k("a", i, j), (r, k("K")))
        )
    for i in genes:
        p = w.species("P", i)
        w.reaction(("decay", i), [p], [], lambda k, p=p, i=i: times(k("d", i), symbol(p)))
    return w.finished({"P": "{0}"}, may_list=density < 1)


def two_repressors(n: int, style: str = "global", seed: int = 13) -> Generated:
    """Every protein is repressed by two others, drawn at random: a relation over three genes."""
    w = Maker("two repressors", seed, style)
    genes = axis("gene", n)
    for i in genes:
        others = [genes[(i.position + 1 + k) % n] for k in w.rng.permutation(n - 1)[:2]]
        p, (first, second) = w.species("P", i), (w.species("P", o) for o in others)

        def law(k, i=i, first=first, second=second) -> Expression:
            return repressed(k("a", i), (first, k("K")), (second, k("K")))

        w.reaction(("make", i), [], [p], law)
        w.reaction(("decay", i), [p], [], lambda k, p=p, i=i: times(k("d", i), symbol(p)))
    return w.finished({"P": "{0}"})


def phosphorelay(n: int, rates: str = "vector", everywhere: bool = False, seed: int = 14) -> Generated:
    """A phosphate enters at layer 1, is handed on, H_i + L_(i+1) ⇌ L_i + H_(i+1), and leaves.

    It leaves in the last layer, or ``everywhere``.
    """
    w = Maker("phosphorelay", seed)
    layers = axis("layer", n)
    low, high = ([w.species(base, i) for i in layers] for base in "LH")
    w.mass_action(("signal",), [low[0]], [high[0]], ("k_signal",))
    for i in layers[:-1]:
        here, there = i.position, i.position + 1
        index = (i,) if rates == "vector" else ()
        left, right = [high[here], low[there]], [low[here], high[there]]
        w.mass_action(("transfer", i), left, right, ("kf", *index), ("kr", *index))
    for i in layers if everywhere else layers[-1:]:
        w.mass_action(("leave", i), [high[i.position]], [low[i.position]], ("k_leave",))
    return w.finished({"L": "{0}", "H": "{0}_P"})


def repressilator(n: int, rates: str = "scalar", style: str = "global", seed: int = 15) -> Generated:
    """Gene i represses gene i + 1 around a ring: mRNA made, translated, both decay."""
    w = Maker("repressilator", seed, style)
    genes = axis("gene", n)
    for i in genes:
        index = (i,) if rates == "vector" else ()
        m, p = w.species("m", i), w.species("p", i)
        repressor = w.species("p", genes[i.position - 1])
        w.reaction(("make", i), [], [m], repressilator_law(repressor, index))
        w.reaction(("translate", i), [], [p], lambda k, m=m, x=index: times(k("kt", *x), symbol(m)))
        w.reaction(("decaym", i), [m], [], lambda k, m=m, x=index: times(k("dm", *x), symbol(m)))
        w.reaction(("decayp", i), [p], [], lambda k, p=p, x=index: times(k("dp", *x), symbol(p)))
    return w.finished({"m": "{0}_mRNA", "p": "{0}"})


def repressilator_law(repressor: str, index: tuple):
    """Return the law ``basal + a/(1 + (P/K)^2)``."""
    return lambda k: apply("plus", [k("basal", *index), repressed(k("a", *index), (repressor, k("K")))])


def goodwin_ring(n: int, rates: str = "vector", style: str = "global", seed: int = 16) -> Generated:
    """X_i makes X_(i+1), the last represses the first, all decay."""
    w = Maker("goodwin ring", seed, style)
    steps = axis("layer", n)
    x = [w.species("X", i) for i in steps]
    w.reaction(("start", steps[0]), [], [x[0]], lambda k: repressed(k("a"), (x[-1], k("K"))))
    for i in steps:
        index = (i,) if rates == "vector" else ()
        here = x[i.position]
        if i.position + 1 < n:
            w.mass_action(("make", i), [here], [here, x[i.position + 1]], ("km", *index))
        w.mass_action(("decay", i), [here], [], ("d", *index))
    return w.finished({"X": "{0}"})


def catalytic_ring(n: int, rates: str = "scalar", style: str = "global", seed: int = 17) -> Generated:
    """C_i + C_(i+1) → 2 C_(i+1) around a ring."""
    w = Maker("catalytic ring", seed, style)
    ring = axis("neuron", n)
    for i in ring:
        here, following = w.species("C", i), w.species("C", ring[(i.position + 1) % n])
        index = (i,) if rates == "vector" else ()
        w.mass_action(("turn", i), [here, following], [following, following], ("k", *index))
    return w.finished({"C": "{0}"})


def brusselator(
    shape: tuple[int, ...],
    apart: bool = False,
    two_indices: bool = False,
    reversible: bool = False,
    style: str = "global",
    seed: int = 5,
) -> Generated:
    """∅ → X, 2X + Y → 3X, X → Y, X → ∅ in every cell; X and Y hop to the neighbours of theirs.

    Parameters
    ----------
    shape : tuple of int
        (n,) for a ring, (rows, columns) for a grid with walls.
    apart : bool
        Whether every cell is a compartment.
    two_indices : bool
        Whether cells of a grid are labelled by row and column.
    reversible : bool
        Whether the two directions of a hop are one reversible reaction.
    """
    w = Maker("brusselator", seed, style)
    cells = cells_of(shape, two_indices)
    for c in cells.values():
        brusselator_cell(w, c, apart)
    for a, b in neighbours(shape):
        for base in "XY":
            here, there = (w.species(base, *cells[at], within=place(w, cells[at], apart)) for at in (a, b))
            name = (f"hop{base}", *cells[a], *cells[b])
            if not reversible:
                w.reaction(name, [here], [there], hop(here, base))
            elif a < b:
                w.reaction(name, [here], [there], exchange(here, there, base))
    patterns = {"X": "X_{0}_{1}", "Y": "Y_{0}_{1}"} if two_indices else {"X": "X_{0}", "Y": "Y_{0}"}
    return w.finished(patterns, opaque=[(6, (len(cells),))])


def cells_of(shape: tuple[int, ...], two_indices: bool) -> dict[tuple[int, ...], tuple[At, ...]]:
    """Return the labels of every cell by its place."""
    if len(shape) == 1:
        return {(k,): (At("cell", k),) for k in range(shape[0])}
    places = [(r, c) for r in range(shape[0]) for c in range(shape[1])]
    if two_indices:
        return {(r, c): (At("row", r), At("column", c)) for r, c in places}
    return {at: (At("cell", k),) for k, at in enumerate(places)}


def neighbours(shape: tuple[int, ...]) -> Iterable[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield all ordered pairs of neighbours, around the ring or within the walls of the grid."""
    if len(shape) == 1:
        (n,) = shape
        for k in range(n):
            yield (k,), ((k + 1) % n,)
            yield ((k + 1) % n,), (k,)
        return
    rows, columns = shape
    for r in range(rows):
        for c in range(columns):
            for there in ((r + 1, c), (r, c + 1)):
                if there[0] < rows and there[1] < columns:
                    yield (r, c), there
                    yield there, (r, c)


def place(w: Maker, cell: tuple[At, ...], apart: bool) -> str:
    """Return the compartment of a cell."""
    return w.compartment("cell", *cell) if apart else w.compartment()


def hop(species: str, base: str):
    """Return the law ``D*X``."""
    return lambda k: times(k(f"D{base}"), symbol(species))


def exchange(here: str, there: str, base: str):
    """Return the law ``D*(X - X')``."""
    return lambda k: times(k(f"D{base}"), apply("minus", [symbol(here), symbol(there)]))


def brusselator_cell(w: Maker, c: tuple[At, ...], apart: bool) -> None:
    """Add the reactions of one cell."""
    home = place(w, c, apart)
    x, y = w.species("X", *c, within=home), w.species("Y", *c, within=home)
    size = symbol(home)
    cube = times(symbol(x), symbol(x), symbol(y))
    w.reaction(("feed", *c), [], [x], lambda k: times(size, k("a")))
    w.reaction(("grow", *c), [x, x, y], [x, x, x], lambda k: times(size, k("g"), cube))
    w.reaction(("turn", *c), [x], [y], lambda k: times(size, k("b"), symbol(x)))
    w.reaction(("drain", *c), [x], [], lambda k: times(size, k("d"), symbol(x)))
