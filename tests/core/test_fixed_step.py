"""Steppers of fixed length and fast reactions: orders, positivity, conservation, what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from icrn_core import IcrnError, ResultCode, compile_icrn, simulate
from icrn_core.authoring import author, fast, reaction
from icrn_core.fixed_step import SCHEMES, simulate_fixed
from icrn_core.limiting import limiting_reagents
from icrn_core.notation import base_species, index_symbols
from icrn_core.text_reader import read_text

i, j, k = index_symbols("i j k", 4)
A, B, C, X, Y, E = base_species("A B C X Y E")
ORDERS = {"euler": 1, "rk4": 4, "patankar": 2}


def binding():
    """Two-body reactions, a repeated reactant, a source."""
    return author(
        reaction(A + B >> C, 3.0),
        reaction(C >> A + B, 0.5),
        reaction(2 * B >> A, 1.0),
        reaction(0 >> B, 0.4),
        values={"A": 1.0, "B": 0.5, "C": 0.1},
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_order(scheme):
    network = binding()
    exact = simulate(
        compile_icrn(network.icrn), network.state, network.params, [1.0], rtol=1e-12, atol=1e-14
    ).states
    errors = []
    for n in (40, 80):
        given = {"step": 1.0 / n, "n_steps": n, "save_every": n, "scheme": scheme}
        found = simulate_fixed(network.icrn, network.state, network.params, **given).check()
        assert float(found.times[-1]) == pytest.approx(1.0)
        errors.append(max(abs(float(found.states[name][-1] - exact[name][0])) for name in exact))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(ORDERS[scheme], abs=0.15)


def test_patankar_stays_positive_and_conserves_at_any_step():
    """A → B with k h = 3, where clipping to zero makes 3 out of 1; and nothing divides by zero."""
    network = author(reaction(A >> B, 3.0), reaction(B + C >> A, 1e3), values={"A": 1.0})
    for step in (1.0, 1e3):
        states = simulate_fixed(
            network.icrn, network.state, network.params, step=step, n_steps=5, scheme="patankar"
        ).states
        assert min(float(x.min()) for x in states.values()) >= 0
        np.testing.assert_allclose(states["A"] + states["B"], 1.0, rtol=1e-12)
    clipped = np.maximum(np.asarray([1.0, 0.0]) + np.asarray([-3.0, 3.0]), 0.0)
    assert clipped.sum() == 3.0


@pytest.mark.parametrize("seed", range(3))
def test_patankar_keeps_every_conservation_law(seed):
    """Exchange of partners, X[i] + Y[j] → X[j] + Y[i] beside decay chains: ΣX and ΣX + ΣY."""
    rng = np.random.default_rng(seed)
    network = author(
        reaction(X[i] + Y[j] >> X[j] + Y[i], 10 ** rng.uniform(-2, 2, (4, 4))),
        reaction(X[i] >> X[j], rng.random((4, 4)), where=i < j),
        values={"X": rng.random(4), "Y": rng.random(4) * np.array([1, 0, 1, 1])},
    )
    states = (
        simulate_fixed(network.icrn, network.state, network.params, step=0.5, n_steps=20, scheme="patankar")
        .check()
        .states
    )
    for name in "XY":
        np.testing.assert_allclose(states[name].sum(axis=1), network.values[name].sum(), rtol=1e-11)
        assert float(states[name].min()) >= 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_gradient_is_the_central_difference(scheme):
    network = binding()

    def end(rate):
        params = {**network.params, "k_R1": rate}
        return simulate_fixed(
            network.icrn, network.state, params, step=0.1, n_steps=10, scheme=scheme
        ).states["C"][-1]

    difference = (end(3.0 + 1e-5) - end(3.0 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(end)(3.0), difference, rtol=1e-7)


def test_a_step_that_is_too_long_is_told():
    network = author(reaction(2 * A >> 3 * A, 1.0), values={"A": 1e200})
    found = simulate_fixed(network.icrn, network.state, network.params, step=1e200, n_steps=3, scheme="rk4")
    assert found.result == ResultCode.UNSTABLE
    with pytest.raises(IcrnError, match="step is too long"):
        found.check()


@pytest.mark.parametrize(("scheme", "most"), [("euler", 2 / 30), ("rk4", 2.7853 / 30)])
def test_an_unstable_step_is_refused_with_the_longest_that_is_not(scheme, most):
    network = author(reaction(A >> B, 29.0), reaction(B >> A, 1.0), values={"A": 1.0})
    given = (network.icrn, network.state, network.params)
    with pytest.raises(
        IcrnError, match=f"step of 0.1 is unstable for '{scheme}'.*rate 30.*at most {most:.4g}"
    ):
        simulate_fixed(*given, step=0.1, n_steps=20, scheme=scheme)
    found = simulate_fixed(*given, step=0.99 * most, n_steps=400, scheme=scheme).check()
    assert float(found.states["A"][-1]) == pytest.approx(1 / 30, abs=1e-2)
    simulate_fixed(*given, step=0.1, n_steps=20, scheme="patankar").check()


def test_an_oscillation_is_not_refused():
    network = author(reaction(A >> 0, law=B), reaction(0 >> B, law=A), values={"A": 1.0, "B": 1.0})
    simulate_fixed(network.icrn, network.state, network.params, step=0.1, n_steps=5, scheme="euler").check()


def test_other_reactions_see_states_in_which_fast_ones_have_ended():
    """dx/dt = 1 − 2 max(x, 0) + max(−x, 0) / 2 of x = A − B, order 4 up to its kink."""
    network = author(
        reaction(0 >> A, 1.0),
        reaction(A >> 0, 2.0),
        reaction(B >> 0, 0.5),
        fast(A + B >> 0),
        values={"B": 1.0},
    )
    crossing = 2.0 * np.log(1.5)
    found = simulate_fixed(
        network.icrn,
        network.state,
        network.params,
        step=crossing / 8,
        n_steps=16,
        project=limiting_reagents(network),
    ).check()
    x = found.states["A"] - found.states["B"]
    times = np.asarray(found.times)
    after = np.maximum(times - crossing, 0.0)
    exact = np.where(times < crossing, 2.0 - 3.0 * np.exp(-times / 2), 0.5 * (1.0 - np.exp(-2.0 * after)))
    np.testing.assert_allclose(x, exact, atol=1e-5)


def test_fast_reactions_stop_where_a_reactant_is_used_up():
    network = author(
        fast(A + 2 * B >> C), fast(C + E >> X[0]), values={"A": 3.0, "B": 2.0, "E": 0.25, "X": np.zeros(4)}
    )
    found = limiting_reagents(network)(network.state)
    assert [float(found[name]) for name in "ABCE"] == [2.0, 0.0, 0.75, 0.0]
    assert found["X"].tolist() == [0.25, 0, 0, 0]


def test_fast_annihilation_in_every_tuple_and_point():
    rng = np.random.default_rng(0)
    network = author(fast(X[i] + Y[i] >> 0))
    state = {"X": rng.random((4, 5)), "Y": rng.random((4, 5))}
    found = limiting_reagents(network)(state)
    np.testing.assert_allclose(found["X"], np.maximum(state["X"] - state["Y"], 0), atol=1e-15)
    np.testing.assert_allclose(found["Y"], np.maximum(state["Y"] - state["X"], 0), atol=1e-15)


def test_a_large_rate_comes_near_to_a_fast_reaction():
    """X is made faster than Y: of annihilation by limiting reagent and by k = 10⁴ … 10⁶."""
    network = author(reaction(0 >> A, 2.0), reaction(0 >> B, 1.0), fast(A + B >> 0), name="rails")
    project = limiting_reagents(network)
    fixed = simulate_fixed(
        network.icrn, network.state, network.params, step=0.05, n_steps=40, scheme="euler", project=project
    ).check()
    np.testing.assert_allclose(fixed.states["A"][-1], 2.0, rtol=1e-12)
    errors = []
    for rate in (1e4, 1e6):
        finite = network.with_fast_rate(rate)
        assert finite.icrn.name == "rails"
        states = simulate(compile_icrn(finite.icrn), finite.state, finite.params, [2.0], rtol=1e-9).states
        errors.append(abs(float(states["A"][0]) - 2.0))
    assert errors[1] < errors[0] < 1e-3


def test_text_of_fast_reactions_reads_back():
    network = author(fast(X[i] + Y[j] >> 0, where=i == j), reaction(0 >> X[i], 1.0), values={"X": 2.0})
    again = read_text(str(network))
    assert again.icrn == network.icrn
    assert again.fast == network.fast
    assert str(again) == str(network)


def simulated(**options):
    network = binding()
    return simulate_fixed(
        network.icrn, network.state, network.params, **{"step": 0.1, "n_steps": 2, **options}
    )


REFUSED = {
    "unknown scheme": (lambda: simulated(scheme="heun"), "no scheme is called 'heun'"),
    "no step": (lambda: simulated(step=0.0), "positive number, not 0.0"),
    "steps that do not fit": (lambda: simulated(n_steps=5, save_every=2), "no multiple of save_every = 2"),
    "missing values": (
        lambda: simulate_fixed(binding().icrn, {}, binding().params, step=0.1, n_steps=1),
        "base species",
    ),
    "two takers": (
        lambda: limiting_reagents(author(fast(X[i] + Y[i] >> 0), fast(X[i] >> A))),
        "'X[0]' is a reactant of two fast reactions ('R1' and 'R2')",
    ),
    "two takers in one": (lambda: limiting_reagents(author(fast(X[i] + Y[j] >> 0))), "('R1', twice)"),
    "circle": (
        lambda: limiting_reagents(author(fast(X[i] >> Y[i]), fast(Y[i] >> X[i]))),
        "'R1', 'R2' feed each other",
    ),
    "catalyst": (lambda: limiting_reagents(author(fast(A + B >> A))), "uses and makes 'A'"),
    "source": (lambda: limiting_reagents(author(fast(0 >> A))), "has no reactant"),
    "no change": (lambda: fast(A), "reactants >> products"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_named(name):
    build, message = REFUSED[name]
    with pytest.raises(IcrnError) as error:
        build()
    assert message in str(error.value)


def test_a_batch_is_its_runs():
    network = binding()

    def end(a):
        return simulate_fixed(
            network.icrn, {**network.state, "A": a}, network.params, step=0.1, n_steps=5, scheme="patankar"
        ).states["C"][-1]

    a = jnp.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(jax.vmap(end)(a), [end(x) for x in a], rtol=1e-12)


@pytest.mark.parametrize("step", [10.0, 100.0, 1000.0])
def test_patankar_is_positive_or_says_that_it_failed(step):
    """More is made than is used up: the equations of a step have solutions that are negative too."""
    networks = [
        author(
            reaction(A + B >> C, 1.0),
            reaction(C >> 2 * A, c),
            reaction(A >> B, a),
            values={"A": 1.0, "B": b},
        )
        for c, a, b in ((0.1, 0.3, 0.2), (1.0, 0.0, 1.0))
    ]
    for network in networks:
        found = simulate_fixed(
            network.icrn, network.state, network.params, step=step, n_steps=30, scheme="patankar"
        )
        least = min(float(x.min()) for x in found.states.values())
        assert least >= -1e-12 or found.result == ResultCode.UNSTABLE


def test_values_that_are_not_finite_are_named():
    network = author(reaction(A >> B, 1.0))
    for values, params, message in (
        ({"A": np.nan, "B": 0.0}, {"k_R1": 1.0}, "base species 'A' has a value that is not finite: nan"),
        ({"A": 1.0, "B": 0.0}, {"k_R1": np.inf}, "rate constant 'k_R1' has a value that is not finite: inf"),
    ):
        with pytest.raises(IcrnError, match=message):
            simulate_fixed(network.icrn, values, params, step=0.1, n_steps=2)
    with pytest.raises(IcrnError, match=r"expected an ICRN, such as network.icrn, found AuthoredNetwork"):
        simulate_fixed(network, network.state, network.params, step=0.1, n_steps=2)
