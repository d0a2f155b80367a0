"""Stochastic runs: their distributions, what they conserve, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from icrn_core import IcrnError
from icrn_core.authoring import author, reaction
from icrn_core.icrn import ICRN, BaseSpecies, Event, Reference
from icrn_core.notation import apply, as_formula, base_species, index_symbols, rate_constants
from icrn_core.stochastic import METHODS, compile_stochastic, simulate_stochastic

N_RUNS = 4000
TIMES = np.linspace(0.0, 20.0, 5)
i, j = index_symbols("i j", 3)
X, Y, D = base_species("X Y D")
k = rate_constants("k")


def run(network, n_runs=N_RUNS, times=TIMES, **options):
    compiled = compile_stochastic(network.icrn)
    return simulate_stochastic(
        compiled, network.state, network.params, times, n_runs=n_runs, **options
    ).check()


def assert_moments(samples, mean, variance, bias=0.0):
    """Mean within 4.5 standard errors (and a bias relative to it), variance within 15 %."""
    n = samples.shape[0]
    slack = 4.5 * np.sqrt(variance / n) + bias * mean + 1e-12
    assert (np.abs(samples.mean(axis=0) - mean) <= slack).all()
    np.testing.assert_allclose(samples.var(axis=0), variance, rtol=0.15, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_birth_and_death_have_the_moments_of_the_master_equation(method):
    """From n₀ = 100: survivors are binomial, newcomers Poisson."""
    birth, death = 30.0, 0.15
    network = author(reaction(0 >> X, birth), reaction(X >> 0, death), values={"X": 100})
    p = np.exp(-death * TIMES)
    born = birth / death * (1 - p)
    samples = np.asarray(run(network, method=method).states["X"])
    bias = 0.01 if method == "tau-leaping" else 0.0
    assert_moments(samples, 100 * p + born, 100 * p * (1 - p) + born, bias)


@pytest.mark.parametrize("method", METHODS)
def test_an_indexed_conversion_is_multinomial_and_conserves(method):
    """From one species to several: a share of each entry, and never a count lost or below zero."""
    rates = np.array([[0.0, 0.02, 0.03], [0.0, 0.0, 0.05], [0.0, 0.0, 0.0]])
    network = author(reaction(X[i] >> X[j], rates, where=i < j), values={"X": np.array([5000.0, 0.0, 0.0])})
    samples = np.asarray(run(network, method=method).states["X"])
    assert (samples.sum(axis=-1) == 5000).all()
    assert (samples >= 0).all()
    assert (samples == np.round(samples)).all()
    p = np.exp(-0.05 * TIMES)
    assert_moments(samples[..., 0], 5000 * p, 5000 * p * (1 - p), 0.01 if method == "tau-leaping" else 0.0)


def test_dimers_have_the_stationary_distribution_of_the_master_equation():
    """2 X ⇌ D from 20: detailed balance over the number of dimers."""
    on, off, n = 0.02, 0.3, 20
    law = on * X * (X - 1) / 2
    network = author(reaction(2 * X >> D, law=law), reaction(D >> 2 * X, off), values={"X": n})
    weights = [1.0]
    for d in range(n // 2):
        x = n - 2 * d
        weights.append(weights[-1] * on * x * (x - 1) / 2 / (off * (d + 1)))
    weights = np.array(weights) / sum(weights)
    samples = np.asarray(run(network, times=np.array([100.0])).states["D"])[:, 0].astype(int)
    found = np.bincount(samples, minlength=len(weights)) / len(samples)
    np.testing.assert_allclose(found, weights, atol=4.5 * np.sqrt(0.25 / len(samples)))


def test_a_switch_in_a_law_follows_the_counts():
    """A reaction that stops at 5."""
    law = apply("piecewise", 2.0, apply("gt", X, 5.0), 0.0)
    network = author(reaction(X >> 0, law=law), values={"X": 12})
    assert (np.asarray(run(network, 50, np.array([1e3])).states["X"]) == 5).all()


def test_the_seed_decides():
    network = author(reaction(X[i] >> 0, 0.1), values={"X": 20})
    first, same, other = (np.asarray(run(network, 3, seed=seed).states["X"]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_nothing_happens_without_propensity():
    network = author(reaction(X >> Y, 0.0), values={"X": 3})
    runs = run(network, 2)
    assert (np.asarray(runs.states["X"]) == 3).all()
    assert np.asarray(runs.n_events).tolist() == [0, 0]


REFUSED = {
    "unknown method": (lambda: run(author(reaction(X >> 0, 1.0)), method="gillespie"), "'gillespie'"),
    "fraction": (lambda: run(author(reaction(X >> 0, 1.0), values={"X": 0.5})), "found 0.5"),
    "negative": (lambda: run(author(reaction(X >> 0, 1.0), values={"X": -1})), "found -1"),
    "no runs": (lambda: run(author(reaction(X >> 0, 1.0)), n_runs=0), "at least 1"),
    "half a molecule": (lambda: run(author(reaction(0.5 * X >> 0, 1.0))), "no whole number"),
    "backward rate": (
        lambda: run(author(reaction(X >> Y, law=k * X - Y), values={"X": 3, "k": 0.1})),
        "two irreversible reactions",
    ),
    "too many events": (
        lambda: run(author(reaction(0 >> X, 1e3)), n_runs=2, max_events=10),
        "maximum number of events",
    ),
    "time": (
        lambda: run(author(reaction(X >> 0, law=apply("times", X, apply("time"))))),
        "depends on the time",
    ),
    "event": (
        lambda: compile_stochastic(
            ICRN(species=(BaseSpecies("A"),), events=(Event("e", Reference("A"), ()),))
        ),
        "no events",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_run_is_named(name):
    build, message = REFUSED[name]
    with pytest.raises(IcrnError) as error:
        build()
    assert message in str(error.value)


@pytest.mark.parametrize("method", METHODS)
def test_a_reaction_whose_reactants_are_not_all_there_does_not_happen(method):
    """k A² of 2 A → D is positive at A = 1, where nothing can happen; the same of a law without A."""
    A, B = base_species("A B")
    network = author(
        reaction(2 * A >> D, 1.0), reaction(B >> D, law=as_formula(3.0)), values={"A": 5.0, "B": 4.0}
    )
    runs = run(network, method=method)
    states = {name: np.asarray(x) for name, x in runs.check().states.items()}
    assert all((x >= 0).all() for x in states.values())
    assert (states["A"][:, -1] == 1).all() and (states["B"][:, -1] == 0).all()
    assert (states["D"][:, -1] == 6).all()
