"""Networks authored in Python and as text: what they mean, that text reads back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from icrn_core import IcrnError, compile_icrn
from icrn_core.authoring import AuthoredNetwork, author, fast, reaction
from icrn_core.dual_rail import DualRail, signs
from icrn_core.notation import apply, base_species, index_symbols, rate_constants, relu
from icrn_core.text_reader import read_text

rng = np.random.default_rng(0)
NETWORKS: dict[str, tuple[AuthoredNetwork, object]] = {}


def network(build):
    """Register a network and the rates of change that it must have, by base species."""
    NETWORKS[build.__name__] = build()
    return build


@network
def weighted_sum():
    i, j = index_symbols("i j", 3, 4)
    X, W, P = base_species("X W P")
    a = rate_constants("a")
    values = {"a": rng.random((3, 4)), "X": rng.random(3), "W": rng.random((3, 4)), "P": rng.random((3, 4))}

    def expected(X, W, P, a):
        v = a * X[:, None] * W
        return {"X": np.zeros(3), "W": -v, "P": v}

    return author(reaction(X[i] + W[i, j] >> X[i] + P[i, j], a[i, j]), values=values), expected


@network
def annihilation_of_different_ones():
    """A number as rate, a condition, symbols declared without a range."""
    j, k = index_symbols("j k")
    m = index_symbols("m", 4)
    S, A = base_species("S A")
    values = {"S": rng.random(4), "A": rng.random((4, 4))}

    def expected(S, A, **_):
        v = 3.6e-3 * S[:, None] * S * A * (1 - np.eye(4))
        return {"S": 2.0 - v.sum(0) - v.sum(1), "A": -v}

    return author(
        reaction(S[j] + S[k] + A[j, k] >> 0, 3.6e-3, where=j != k), reaction(0 >> S[m], 2), values=values
    ), expected


@network
def labels_and_literals():
    gene, other = index_symbols("gene other", ["lacI", "tetR", "cI"])
    D, M = base_species("D"), base_species("M", gene)
    F, k = rate_constants("F k")
    values = {"D": rng.random((3, 3)), "M": rng.random(3), "F": 0.3, "k": 0.7}

    def expected(D, M, F, k, **_):
        change = -np.diag((F + k) * np.diag(D))
        change[0] += 1.5 * M[1] ** 2
        return {"D": change, "M": np.array([0, -2 * (1.5 * M[1] ** 2 * 3), 0])}

    return author(
        reaction(D[gene, gene] >> 0, F + k),
        reaction(2 * M["tetR"] >> D["lacI", other], 1.5),
        values=values,
    ), expected


@network
def dual_rail_weights():
    i, j = index_symbols("i j", 5)
    plus, minus = base_species("plus minus")
    W, kdeg = rate_constants("W kdeg")
    weights = rng.normal(size=(5, 5))
    values = {"W": weights, "kdeg": 0.1, "plus": rng.random(5), "minus": rng.random(5)}

    def expected(plus, minus, W, kdeg):
        up, down = np.maximum(W, 0).T @ plus, np.maximum(-W, 0).T @ plus
        return {"plus": up - kdeg * plus**3, "minus": down}

    return author(
        reaction(plus[i] >> plus[i] + plus[j], relu(W[i, j])),
        reaction(plus[i] >> plus[i] + minus[j], relu(-W[i, j])),
        reaction(3 * plus[i] >> 2 * plus[i], kdeg),
        values=values,
    ), expected


@network
def ring_clock():
    i, j = index_symbols("i j", 6)
    C = base_species("C")

    def expected(C, **_):
        v = 2.5 * C * np.roll(C, -1)
        return {"C": np.roll(v, 1) - v}

    return author(
        reaction(C[i] + C[j] >> 2 * C[j], 2.5, where=j == (i + 1) % 6), values={"C": rng.random(6)}
    ), expected


@network
def symmetric_dimers():
    """Every unordered pair once; what reads one half of a dimer reads both."""
    p, q = index_symbols("p q", 4)
    M, B = base_species("M B")
    D = base_species("D", symmetric=True)
    on, off = rate_constants("on off")
    dimers = np.triu(rng.random((4, 4)))
    on_rates = rng.random((4, 4))
    values = {"M": rng.random(4), "D": dimers, "on": on_rates + on_rates.T, "off": 0.4}

    def expected(M, B, D, on, off, **_):
        v = np.triu(on * M[:, None] * M - off * D)
        whole = D + D.T - np.diag(np.diag(D))
        return {"M": -v.sum(0) - v.sum(1), "D": v, "B": 0.2 * whole.sum(1)}

    return author(
        reaction(M[p] + M[q] >> D[p, q], on[p, q]),
        reaction(D[p, q] >> M[p] + M[q], off),
        reaction(D[p, q] >> D[p, q] + B[p], 0.2),
        values=values,
    ), expected


@network
def exchange_along_symmetric_bonds():
    """X[p] → X[q] over the bond of p and q is no reaction of unordered pairs."""
    p, q = index_symbols("p q", 3)
    X, D = base_species("X"), base_species("D", symmetric=True)
    values = {"X": rng.random(3), "D": np.triu(rng.random((3, 3)))}

    def expected(X, D, **_):
        v = 0.7 * X[:, None] * (D + np.triu(D, 1).T)
        return {"X": v.sum(0) - v.sum(1), "D": np.zeros((3, 3))}

    return author(reaction(X[p] + D[p, q] >> X[q] + D[p, q], 0.7), values=values), expected


@network
def whole_laws_and_masks():
    i, j = index_symbols("i j", 3)
    X, E = base_species("X E")
    K = rate_constants("K")
    mask = np.array([[True, False, True], [False, False, True], [True, False, False]])
    values = {"X": rng.random(3), "K": rng.random(3), "E": rng.random(3)}

    def expected(X, E, K, **_):
        v = mask * 0.5 * E[:, None] * X / (K + X)
        return {"X": -v.sum(0) - 2.0**X, "E": np.zeros(3)}

    law = apply("power", 2.0, X[j])
    return author(
        reaction(X[j] + E[i] >> E[i], law=0.5 * E[i] * X[j] / (K[j] + X[j]), where=mask.T),
        reaction(X[j] >> 0, law=law),
        values=values,
    ), expected


@network
def signed_variables():
    """y' = Wx with W of both signs: x[s] makes y of the same sign by W⁺, of the other by W⁻; z' = −z."""
    i, j, (s, t) = *index_symbols("i j", 3), signs("s t")
    x, y = DualRail("x"), DualRail("y")
    weights = rng.normal(size=(3, 3))
    W = rate_constants("W")
    values = {"W": weights, **x.split(rng.normal(size=3)), **y.split(rng.normal(size=3))}

    def expected(x, y, W, **_):
        up, down = np.maximum(W, 0).T, np.maximum(-W, 0).T
        plus, minus = up @ x[:, 0] + down @ x[:, 1], up @ x[:, 1] + down @ x[:, 0]
        v = 50.0 * y[:, 0] * y[:, 1]
        return {"x": np.zeros((3, 2)), "y": np.stack([plus - v, minus - v], axis=1)}

    return author(
        reaction(x[i, s] >> x[i, s] + y[j, s], relu(W[i, j])),
        reaction(x[i, s] >> x[i, s] + y[j, t], relu(-W[i, j]), where=s != t),
        y.annihilation(i, rate=50.0),
        values=values,
    ), expected


@pytest.mark.parametrize("name", NETWORKS)
def test_rates_of_change_are_those_of_the_notation(name):
    authored, expected = NETWORKS[name]
    dynamics = compile_icrn(authored.icrn)
    y, p = dynamics.pack_state(authored.state), dynamics.pack_params(authored.params)
    found = dynamics.unpack_state(dynamics.vector_field(0.0, y, p))
    for base, rate in expected(**authored.values).items():
        np.testing.assert_allclose(found[base], rate, rtol=1e-12, atol=1e-14, err_msg=base)


@pytest.mark.parametrize("name", NETWORKS)
def test_text_reads_back_as_the_same_network(name):
    authored, _ = NETWORKS[name]
    text = str(authored)
    again = read_text(text)
    assert again.icrn == authored.icrn
    for base, tensor in authored.values.items():
        np.testing.assert_array_equal(again.values[base], tensor)
    assert str(again) == text


def test_signed_variables_are_split_and_put_together():
    x = DualRail("x")
    value = rng.normal(size=(2, 3))
    state = x.split(value)
    assert (state["x"] >= 0).all()
    assert (state["x"].prod(axis=-1) == 0).all()
    np.testing.assert_allclose(x.value(state), value)
    assert x.annihilation(index_symbols("i", 3)).is_fast
    with pytest.raises(IcrnError, match="expected 2 signs"):
        x.value({"x": np.zeros(3)})


def test_latex_shows_every_reaction():
    i, j = index_symbols("i j", 4)
    X, S, k = base_species("X"), base_species("S_out"), rate_constants("k")
    text = author(
        reaction(2 * X[i] + X[j] >> S, (k + 1) / 2, where=(i < j) & (i != 2)),
        fast(X[i] + S >> 0),
        reaction(X[0] >> 0, law=k * X[0] / (1 + X[0])),
    )._repr_latex_()
    assert text.splitlines() == [
        r"\begin{align*}",
        r"  2\, X_{i} + X_{j} &\xrightarrow{\frac{k + 1}{2}} \mathrm{S\_out} && i \in I,\ j \in I;\ "
        r"( i < j ) \wedge ( i \neq 2 ) \\",
        r"  X_{i} + \mathrm{S\_out} &\xrightarrow{\text{fast}} \varnothing && i \in I \\",
        r"  X_{0} &\xrightarrow{v = \frac{k \, X_{0}}{1 + X_{0}}} \varnothing",
        r"\end{align*}",
    ]


def test_text_as_a_biologist_writes_it():
    authored = read_text("""
        model cells            // comments
          index p, q in P = 1..3; index g = {lacI, tetR}
          M[p] + M[q] -> D[p,q]; k[p,q] for p < q and not (p == 0 and q == 2)
          bind: 2 M[1] + 0.5 G[g] -> ; F + 2*F^2
          D[p,q] -> ; Vm*D[p,q]/(K + D[p,q])
          M = 2; k = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
          F = 0.1
          G[tetR] = 3   # one entry
          D[1, 3] = 4
        end""")
    assert authored.icrn.name == "cells"
    assert [r.domain.size for r in authored.icrn.reactions] == [2, 2, 9]
    assert authored.values["G"].tolist() == [0, 3]
    assert authored.values["D"][0, 2] == 4
    assert np.isnan(authored.values["Vm"])
    assert authored.icrn.reactions[1].reactants[1].stoichiometry == 0.5


def test_what_was_given_stays_when_values_change():
    authored, _ = NETWORKS["weighted_sum"]
    changed = authored.with_values(X=2.0)
    assert changed.values["X"].tolist() == [2, 2, 2]
    assert changed.values["W"] is authored.values["W"]
    assert changed.icrn is authored.icrn


def test_few_tuples_become_a_relation_and_all_become_the_product():
    i, j = index_symbols("i j", 8)
    X = base_species("X")
    diagonal, product = (
        author(reaction(X[i] + X[j] >> 0, 1.0, where=where)).icrn.reactions[0].domain
        for where in (i == j, i >= 0)
    )
    assert diagonal.relation is not None
    assert product.mask is None and product.relation is None


i, j, k = index_symbols("i j k", 3, 3, 4)
lost = index_symbols("lost")
X, Y = base_species("X Y")
Z = base_species("Z", i)
c = rate_constants("c")
REFUSED = {
    "no rate": (lambda: reaction(X[i] >> 0), "give its rate constant"),
    "two rates": (lambda: reaction(X[i] >> 0, 1.0, law=c), "give its rate constant"),
    "no change": (lambda: reaction(X[i], 1.0), "reactants >> products"),
    "negative rate": (lambda: reaction(X[i] >> 0, -1.0), "0 up, found -1"),
    "negative rates": (lambda: reaction(X[i] >> 0, [1.0, -2.0, 0.0]), "0 up, found -2"),
    "negative constant": (lambda: author(reaction(X[i] >> 0, c[i]), values={"c": -3}), "'c' is negative"),
    "rate that is no number": (lambda: reaction(X[i] >> 0, "fast"), "found str"),
    "rate of species": (lambda: reaction(X[i] >> 0, c * X[i]), "reads the species 'X[i]'"),
    "sets that disagree": (
        lambda: author(reaction(X[i] >> 0, 1.0), reaction(X[k] >> 0, 1.0)),
        "0, 1, 2, but the first index of 'X'|0, 1, 2",
    ),
    "no range": (lambda: author(reaction(X[lost] >> 0, 1.0)), "has no range"),
    "other rank": (lambda: author(reaction(X[i] >> X[i, j], 1.0)), "'X' has 1 indices elsewhere, found 2"),
    "declared rank": (lambda: author(reaction(Z >> 0, 1.0)), "'Z' has 1 indices elsewhere, found 0"),
    "rates of another shape": (lambda: author(reaction(X[i] >> 0, np.ones(4))), "(4,), expected (3,)"),
    "value of another shape": (
        lambda: author(reaction(X[i] >> 0, 1.0), values={"X": np.ones(2)}),
        "(2,), expected (3,)",
    ),
    "value of nothing": (
        lambda: author(reaction(X[i] >> 0, c), values={"cc": 1.0}),
        "'cc', but no base is called so: did you mean 'c'",
    ),
    "unknown label": (lambda: author(reaction(X[i] + X["lacI"] >> 0, 1.0)), "has no label 'lacI'"),
    "mask of another shape": (
        lambda: author(reaction(X[i] >> 0, 1.0, where=np.ones(2, bool))),
        "shape (3,) for (i), found bool of shape (2,)",
    ),
    "chained condition": (lambda: reaction(X[i] + X[j] >> 0, 1.0, where=i < j < k), "join conditions by &"),
    "two symbols of a name": (
        lambda: author(reaction(X[i] + X[index_symbols("i", 3)] >> 0, 1.0)),
        "two index symbols are called 'i'",
    ),
    "two bases of a name": (lambda: author(reaction(X[i] >> 0, rate_constants("X")[i])), "called 'X'"),
    "formula as a side": (lambda: author(reaction(X[i] * X[j] >> 0, 1.0)), "expected a sum of species"),
    "constant as reactant": (lambda: author(reaction(c >> 0, 1.0)), "expected a sum of species"),
    "bad name": (lambda: base_species("2X"), "'2X' is no name"),
    "bad label": (lambda: index_symbols("i", ["a b"]), "'a b'"),
    "no labels": (lambda: index_symbols("i", 0), "no range"),
    "label twice": (lambda: index_symbols("i", ["a", "a"]), "'a' more than once"),
    "too many ranges": (lambda: index_symbols("i j", 1, 2, 3), "expected 2 ranges"),
    "bad index": (lambda: X[1.5], "found|not float"),
    "symmetric over two sets": (lambda: base_species("D", i, k, symmetric=True), "same labels"),
    "text without rate": (lambda: read_text("A -> B;"), "line 1: a reaction needs its rate"),
    "text without semicolon": (lambda: read_text("\nA -> B"), "line 2: 'A -> B'"),
    "text of no formula": (lambda: read_text("A -> B; k*("), "cannot be read as a formula"),
    "text with a call": (lambda: read_text("A -> B; __import__(k)"), "no function is called '__import__'"),
    "text with an attribute": (lambda: read_text("A -> B; k.real"), "cannot stand in a formula"),
    "text of no number": (lambda: read_text("A -> B; k\nk = open"), "line 2: 'open' is no number"),
    "text with ragged lists": (lambda: read_text("A -> B; k\nk = [[1], [2, 3]]"), "equal lengths"),
    "text of nonsense": (lambda: read_text("hello"), "is no statement"),
    "text with an undeclared symbol": (
        lambda: read_text("index i = 1..2\nX[i] -> ; k for i < j"),
        "line 2: 'j' is no index symbol",
    ),
    "text with an undeclared index": (
        lambda: read_text("X[i] + Y -> ; 1"),
        "line 1: 'i' is neither an index symbol nor one of its labels",
    ),
    "text with two models": (
        lambda: read_text("model a\nX -> ; 1\nend\nmodel b\nend"),
        "line 4: 'model b' stands behind the end of the model",
    ),
    "text with a bad label": (lambda: read_text("index i = {a b, c}"), "line 1: 'a b' is no label"),
    "text with a negative rate": (
        lambda: read_text("X -> ; -0.3"),
        "line 1: a reaction (X >> 0): a rate is a number from 0 up, found -0.3",
    ),
    "text with an infinite value": (lambda: read_text("X -> ; k\nk = 1e400"), "'k' is not finite: inf"),
    "value that is missing": (
        lambda: author(reaction(Y >> 0, 1.0), values={"Y": np.nan}),
        "'Y' is not finite",
    ),
    "value that is no number": (lambda: author(reaction(Y >> 0, 1.0), values={"Y": "x"}), "'Y' is no number"),
    "negative rate by with_values": (
        lambda: author(reaction(Y >> 0, rate_constants("c")), values={"c": 1.0}).with_values(c=-1.0),
        "'c' is negative: -1",
    ),
    "word as a name": (lambda: rate_constants("fast"), "'fast' is a word of the notation"),
    "keyword as a name": (lambda: rate_constants("lambda"), "'lambda' is a word of the notation"),
    "two reactions of a name": (
        lambda: author(fast(X[i] >> 0, name="x"), reaction(Y >> 0, 1.0, name="x")),
        "two reactions are called 'x'",
    ),
    "reactions in a list": (lambda: author([reaction(Y >> 0, 1.0)]), "one after the other, found list"),
    "base and symbol of a name, as text": (
        lambda: str(author(reaction(X[i] >> 0, 1.0), reaction(Y >> 0, rate_constants("i")))),
        "a base and an index symbol are called 'i'",
    ),
    "text of an unknown label": (
        lambda: read_text("index i = 1..3\nX[i] -> ; 1\nX[4] = 2"),
        "line 3: 'X[4]': index set 'I' has no label '4'",
    ),
    "text with a symbol twice": (lambda: read_text("index i = 1..3\nindex i = 1..4"), "declared twice"),
    "text of positions beyond": (
        lambda: read_text("index i = 1..3\nX[i] -> ; 1 for i in {3}"),
        "positions 0 to 2, found 3",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_named(name):
    build, message = REFUSED[name]
    with pytest.raises(IcrnError) as error:
        build()
    assert any(part in str(error.value) for part in message.split("|")), str(error.value)


def test_bases_that_are_declared_alike_are_one():
    i = index_symbols("i", 3)
    decay = reaction(base_species("A")[i] >> 0, 1.0)
    network = author(decay, reaction(0 >> base_species("A")[0], 2.0))
    assert [base.shape for base in network.icrn.species] == [(3,)]
    with pytest.raises(IcrnError, match="two bases are called 'A'"):
        author(decay, reaction(base_species("A", symmetric=True)[i, i] >> 0, 1.0))


def dimer_tuples(where):
    p, q = index_symbols("p q", 4)
    M, D = base_species("M"), base_species("D", symmetric=True)
    network = author(reaction(M[p] + M[q] >> D[p, q], 1.0, where=where(p, q)), values={"M": 1.0})
    (found,) = network.icrn.reactions
    return {tuple(row) for row in found.domain.tuples()[:, :2].tolist()}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (lambda p, q: p > q, {(p, q) for p in range(4) for q in range(p)}),
        (lambda p, q: q == (p + 1) % 4, {(0, 1), (1, 2), (2, 3), (3, 0)}),
        (lambda p, q: (p == 2) & (q == 0), {(2, 0)}),
        (lambda p, q: p != q, {(p, q) for q in range(4) for p in range(q)}),
        (lambda p, q: p >= 0, {(p, q) for q in range(4) for p in range(q + 1)}),
    ],
)
def test_of_two_orders_of_a_pair_one_is_kept_and_a_single_one_always(where, expected):
    assert dimer_tuples(where) == expected


def test_either_half_of_a_symmetric_species_may_be_given():
    p, q = index_symbols("p q", 3)
    M, D = base_species("M"), base_species("D", symmetric=True)
    rules = [reaction(D[p, q] >> M[p] + M[q], 1.0)]
    given = np.array([[0.0, 0, 0], [3, 0, 0], [0, 2, 0]])
    for values in (given, given.T, given + given.T):
        np.testing.assert_array_equal(author(*rules, values={"D": values}).values["D"], given.T)
    text = "symmetric D[p,q]".join(["index p, q = 0..2\n", "\nD[p,q] -> M[p] + M[q]; 1\nD = 1; D[2,0] = 5\n"])
    assert read_text(text).values["D"].tolist() == [[1, 1, 5], [0, 1, 1], [0, 0, 1]]
    with pytest.raises(IcrnError, match=r"'D' is symmetric.*\(0, 1\) and \(1, 0\) are 1 and 3"):
        author(*rules, values={"D": given + np.triu(np.ones((3, 3)))})


def test_what_happens_once_for_a_pair_has_one_rate():
    p, q = index_symbols("p q", 3)
    M, D, (a, k) = base_species("M"), base_species("D", symmetric=True), rate_constants("a k")
    change = M[p] + M[q] >> D[p, q]
    rates = np.arange(9.0).reshape(3, 3)
    with pytest.raises(IcrnError, match=r"'k_R1' is 1 at \(0, 1\) and 3"):
        author(reaction(change, rates))
    with pytest.raises(IcrnError, match=r"exchange of 'p' and 'q'.*not its rate 'a.p.'"):
        author(reaction(change, a[p]))
    author(reaction(change, np.triu(rates)))
    author(reaction(change, rates + rates.T))
    author(reaction(change, a[p] * a[q] + k[p, q]), values={"k": 1.0})
    author(reaction(change, a[p], where=p <= q))
    network = author(reaction(change, k[p, q]), values={"k": 1.0})
    with pytest.raises(IcrnError, match=r"'k' is 1 at \(0, 1\) and 3"):
        network.with_values(k=rates)
    with pytest.raises(IcrnError, match=r"'k' is 1 at \(0, 2\) and 5"):
        read_text("index p, q = 0..2\nsymmetric D[p,q]\nM[p] + M[q] -> D[p,q]; k[p,q]\nk = 1; k[2,0] = 5")


def test_labels_are_told_from_symbols_of_the_same_name():
    s = index_symbols("p", ["p", "q"])
    x = DualRail("x")
    i = index_symbols("n", 3)
    for network in (
        author(reaction(X[s] >> X["p"], 1.0), values={"X": 1.0}),
        author(x.annihilation(i), reaction(0 >> x[i, "p"], 1.0)),
    ):
        again = read_text(str(network))
        assert again.icrn == network.icrn and str(again) == str(network)
    assert '-> X["p"]' in str(author(reaction(X[s] >> X["p"], 1.0)))


def test_signs_and_small_stoichiometries_are_read_back():
    A, B = base_species("A B")
    network = author(reaction(1e-7 * A >> B, law=-1 * A + 2 * A), name="signs")
    assert read_text(str(network)).icrn == network.icrn


def test_numbers_stand_on_either_side_of_an_index():
    A, B = base_species("A B")
    j = index_symbols("j", 6)
    masks = [author(reaction(A[j] >> B[j], 1.0, where=w)) for w in (2 * j == 4, 1 + j == 3, 5 - j == 3)]
    assert [n.icrn.reactions[0].domain.tuples().ravel().tolist() for n in masks] == [[2], [2], [2]]


def test_a_condition_that_nothing_fulfils_makes_no_reaction(tmp_path):
    i, j = index_symbols("i j", 3)
    network = author(reaction(X[i] >> 0, 1.0, where=(i < j) & (j < i)), values={"X": 1.0})
    assert network.icrn.reactions[0].domain.size == 0
