"""Laws of steady states: where the dynamics go, their derivatives, and what is refused."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_registry import CASES, Case, index_set, law, reaction
from stiff_problems import mass_action, network

from icrn_core import (
    IcrnError,
    IndexDomain,
    SteadyCode,
    compile_icrn,
    conservation_laws,
    simulate,
    steady_state,
)

ONE = IndexDomain()
STEADY: dict[str, Case] = {}
REFUSED: dict[str, tuple[Case, SteadyCode]] = {}


def of_lines(text, **given):
    """Return the mass-action case of lines ``number: A + B -> C``, zero where nothing is given."""
    reactions, params = mass_action(text)
    names = sorted({term.species.base for r in reactions for term in (*r.reactants, *r.products)})
    values = {name: given.get(name, 0.0) for name in names}
    return Case(network(names, reactions, params), values, params)


def ruled(rules, values, params):
    """Return the case of rate rules: variable → (law, slots)."""
    reactions = [reaction(name, ONE, [], [name], rule, slots) for name, (rule, slots) in rules.items()]
    return Case(network(list(values), reactions, params), values, params)


def steady(build):
    STEADY[build.__name__] = build()
    return build


@steady
def birth_and_death():
    return of_lines("3: -> X\n0.5: X ->", X=0.0)


@steady
def reversible_binding():
    """Two totals."""
    return of_lines("2: A + B -> C\n0.3: C -> A + B", A=1.0, B=2.0, C=0.1)


@steady
def enzyme_cycle():
    """Phosphorylation and back through complexes: totals of substrate and of both enzymes."""
    return of_lines(
        """1: S + E -> SE
        0.1: SE -> S + E
        0.7: SE -> P + E
        2: P + F -> PF
        0.2: PF -> P + F
        0.5: PF -> S + F""",
        S=3.0,
        E=0.4,
        F=0.5,
    )


@steady
def fast_and_slow():
    """Binding at 1e6 beside turnover at 1e-3; the free species are a million times rarer."""
    return of_lines(
        "1e6: A + B -> C\n1: C -> A + B\n1e-3: -> A\n1e-3: A ->\n1e-4: -> B\n1e-4: B ->\n1e-2: C ->",
        A=1.0,
        B=1.0,
    )


@steady
def exhausted():
    """All of A ends as B."""
    return of_lines("2: A -> B", A=1.5, B=0.25)


TOGGLE = law("minus", ("divide", "s0", ("plus", 1.0, ("power", "s2", 2.0))), "s1")


def toggle(u, v):
    """Return a bistable switch: two genes that repress each other."""
    return ruled(
        {"u": (TOGGLE, ["a", "u", "v"]), "v": (TOGGLE, ["a", "v", "u"])}, {"u": u, "v": v}, {"a": 4.0}
    )


@steady
def switch_up():
    return toggle(1.1, 1.0)


@steady
def switch_down():
    return toggle(1.0, 1.1)


for registered in ("dimerization_small", "nothing_happens", "empty_domain", "nobody"):
    STEADY[registered] = CASES[registered]()


def refused(code):
    def put(build):
        REFUSED[build.__name__] = (build(), code)
        return build

    return put


@refused(SteadyCode.NOT_REACHED)
def oscillator():
    """The Brusselator beyond its Hopf bifurcation: an unstable state inside a limit cycle."""
    return of_lines("1: -> X\n1: 2 X + Y -> 3 X\n3: X -> Y\n1: X ->", X=1.01, Y=3.0)


@refused(SteadyCode.UNSTABLE)
def oscillator_on_its_fixed_point():
    return of_lines("1: -> X\n1: 2 X + Y -> 3 X\n3: X -> Y\n1: X ->", X=1.0, Y=3.0)


@refused(SteadyCode.UNSTABLE)
def balanced_on_the_edge():
    """X' = X² − X at X = 1, where the rates cancel exactly and any other state runs away."""
    return of_lines("1: 2 X -> 3 X\n1: X ->", X=1.0)


@refused(SteadyCode.GROWING)
def growth():
    return of_lines("1: X -> 2 X", X=1.0)


@refused(SteadyCode.GROWING)
def accumulation():
    return of_lines("1: -> X", X=1.0)


@refused(SteadyCode.BROKEN_OFF)
def explosion():
    return of_lines("1: 2 X -> 3 X", X=1.0)


@refused(SteadyCode.NOT_DETERMINED)
def two_ways():
    """How much of A becomes B and how much C is decided on the way."""
    return of_lines("1: A -> B\n1: 2 A -> C", A=1.0)


@refused(SteadyCode.NOT_DETERMINED)
def pulsed():
    """A pulse that has gone by has added to a total: how much is not in the initial state."""
    dose = law("piecewise", "s0", ("lt", ("time",), "s1"), 0.0)
    reactions, params = mass_action("1: X -> Y\n0.5: Y -> X")
    feed = reaction("feed", ONE, [], ["X"], dose, ["dose", "until"])
    return Case(
        network(["X", "Y"], [*reactions, feed], [*params, "dose", "until"]),
        {"X": 0.2, "Y": 0.0},
        {**params, "dose": 0.3, "until": 2.0},
    )


@refused(SteadyCode.ELSEWHERE)
def slow_leak():
    """The run seems to stand still, but the steady state is where all has leaked away."""
    return of_lines("1: A -> B\n1: B -> A\n1e-12: A ->", A=1.0)


@refused(SteadyCode.NON_FINITE)
def never_given():
    return of_lines("1: A ->", A=np.nan)


@refused(SteadyCode.TIME_DEPENDENT)
def driven():
    """An input that returns to the same value at the times at which the run is looked at."""
    wave = ("sin", ("times", 2 * np.pi, ("time",)))
    rule = law("times", 1e4, ("minus", ("plus", 1.0, wave), "s0"))
    return ruled({"x": (rule, ["x"])}, {"x": 1.0}, {})


@cache
def dynamics_of(name):
    """Return the compiled case; what JAX compiled for it is kept with it."""
    return compile_icrn((STEADY[name] if name in STEADY else REFUSED[name][0]).icrn)


def found(name, **options):
    case = STEADY[name] if name in STEADY else REFUSED[name][0]
    return steady_state(dynamics_of(name), case.values, case.params, **options)


@pytest.mark.parametrize("name", STEADY)
def test_a_long_simulation_ends_there(name):
    case = STEADY[name]
    given = found(name).check()
    times = np.linspace(0.0, 1e6, 16)
    run = simulate(dynamics_of(name), case.values, case.params, times, rtol=1e-10, atol=1e-14).check()
    for base, tensor in given.state.items():
        np.testing.assert_allclose(tensor, run.states[base][-1], rtol=1e-7, atol=1e-11, err_msg=base)


@pytest.mark.parametrize("name", STEADY)
def test_nothing_changes_there(name):
    dynamics = dynamics_of(name)
    given = found(name).check()
    y, params = dynamics.pack_state(given.state), dynamics.pack_params(given.params)
    turnover = np.abs(dynamics.jacobian(1e9, y, params)) @ np.abs(y) + 1e-12
    assert (np.abs(dynamics.vector_field(1e9, y, params)) <= 1e-9 * turnover).all()


@pytest.mark.parametrize("name", [name for name in STEADY if name != "nobody"])
def test_gradient_is_the_central_difference(name):
    """By params, and by initial values through the totals."""
    case = STEADY[name]
    rng = np.random.default_rng(1)
    weights = jax.tree.map(lambda x: rng.normal(size=np.shape(x)), case.values)

    def seen(values, params):
        state = steady_state(dynamics_of(name), values, params, rtol=1e-13).state
        return sum((weights[base] * x).sum() for base, x in state.items())

    arguments = jax.tree.map(jnp.asarray, (case.values, case.params))
    gradient = jax.grad(seen, argnums=(0, 1))(*arguments)
    for _ in range(2):
        direction = jax.tree.map(lambda x: rng.normal(size=x.shape) * x, arguments)
        ahead, behind = (
            seen(*jax.tree.map(lambda x, d, s=s: x + s * d, arguments, direction)) for s in (1e-4, -1e-4)
        )
        slope = sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)))
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-4, rtol=1e-5, atol=1e-8)


def test_forward_mode_equals_reverse_mode():
    case, dynamics = STEADY["enzyme_cycle"], dynamics_of("enzyme_cycle")

    def seen(params):
        return steady_state(dynamics, case.values, params).state["P"]

    forward, reverse = jax.jit(jax.jacfwd(seen))(case.params), jax.jit(jax.jacrev(seen))(case.params)
    for name, slope in forward.items():
        np.testing.assert_allclose(reverse[name], slope, rtol=1e-9, err_msg=name)


def test_the_branch_is_that_of_the_initial_state():
    up, down = (found(name).check().state for name in ("switch_up", "switch_down"))
    assert up["u"] > 3.5 > 0.5 > up["v"]
    np.testing.assert_allclose([up["u"], up["v"]], [down["v"], down["u"]], rtol=1e-9)


@pytest.mark.parametrize("name", REFUSED)
def test_no_steady_state_is_refused_with_a_message(name):
    _, code = REFUSED[name]
    given = found(name)
    assert SteadyCode(int(given.result)) == code
    with pytest.raises(IcrnError, match=code.message.split(":")[0].split("(")[0]):
        given.check()


def test_second_derivatives():
    """X = k1 / k2."""
    case, dynamics = STEADY["birth_and_death"], dynamics_of("birth_and_death")

    def state(k):
        return steady_state(dynamics, case.values, {"k1": k[0], "k2": k[1]}).state["X"]

    np.testing.assert_allclose(jax.hessian(state)(np.array([2.0, 0.5])), [[0, -4], [-4, 32]], atol=1e-7)


def test_what_was_not_found_has_no_gradient():
    case, _ = REFUSED["accumulation"]
    slope = jax.grad(lambda p: steady_state(dynamics_of("accumulation"), case.values, p).state["X"])(
        case.params
    )
    assert np.isnan(slope["k1"])


def test_a_batch_equals_a_loop():
    case, dynamics = STEADY["enzyme_cycle"], dynamics_of("enzyme_cycle")
    totals = np.array([0.2, 0.4, 3.0])

    def run(total):
        return steady_state(dynamics, {**case.values, "E": total}, case.params)

    batch = jax.vmap(run)(totals).check()
    for k, total in enumerate(totals):
        for base, tensor in run(total).state.items():
            np.testing.assert_allclose(batch.state[base][k], tensor, rtol=1e-9, err_msg=base)


def test_a_failed_search_of_a_batch_is_named():
    case, dynamics = STEADY["birth_and_death"], dynamics_of("birth_and_death")
    batch = jax.vmap(lambda k: steady_state(dynamics, case.values, {**case.params, "k2": k}))(
        np.array([0.5, 0.0])
    )
    with pytest.raises(IcrnError, match="run 1 of 2"):
        batch.check()


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_units_do_not_matter(scale):
    """Other units of amount and time give the same steady state, with tolerances to match."""
    case = STEADY["enzyme_cycle"]
    values = {name: scale * value for name, value in case.values.items()}
    params = {name: 1e3 * value / (scale if value >= 1 else 1) for name, value in case.params.items()}
    given = steady_state(dynamics_of("enzyme_cycle"), values, params, t_max=1e6, atol=1e-12 * scale).check()
    expected = found("enzyme_cycle").check()
    for base, tensor in given.state.items():
        np.testing.assert_allclose(tensor, scale * expected.state[base], rtol=1e-8, err_msg=base)


@pytest.mark.parametrize("name", CASES)
def test_laws_hold_and_are_all(name):
    """What a run keeps, whatever the params, is what the laws say: no more and no fewer."""
    case = CASES[name]()
    dynamics = compile_icrn(case.icrn)
    state, params = jax.jit(dynamics.initialise)(case.values, case.params)
    y, p = np.asarray(dynamics.pack_state(state)), np.asarray(dynamics.pack_params(params))
    laws = conservation_laws(dynamics, y, p, 3.0)
    dependent = np.asarray(laws.dependent)
    weights = np.asarray(laws.weights)[dependent]
    assert (np.asarray(laws.weights)[~dependent] == 0).all()
    np.testing.assert_array_equal(weights[:, dependent], np.eye(len(weights)))
    rng = np.random.default_rng(5)
    n = dynamics.n_state + 3
    changes = jax.jit(jax.vmap(dynamics.vector_field))(
        rng.uniform(0.0, 3.0, n),
        y * rng.uniform(0.7, 1.4, (n, len(y))) + rng.uniform(0.0, 0.1, (n, len(y))),
        p * rng.uniform(0.7, 1.4, (n, len(p))),
    )
    changes = np.asarray(changes).T
    size = np.abs(weights) @ np.abs(changes)
    assert (np.abs(weights @ changes) <= 1e-9 * size).all()
    if dynamics.n_state:
        largest = np.abs(changes).max(axis=0)
        sizes = np.linalg.svd(changes / np.where(largest > 0, largest, 1.0), compute_uv=False)
        assert len(weights) == dynamics.n_state - np.sum(sizes > 1e-12 * sizes[0])


def test_laws_can_be_given():
    case, dynamics = STEADY["reversible_binding"], dynamics_of("reversible_binding")
    y, params = dynamics.pack_state(case.values), dynamics.pack_params(case.params)
    laws = conservation_laws(dynamics, y, params, 0.0)
    given = steady_state(dynamics, case.values, case.params, laws=laws).check()
    for base, tensor in found("reversible_binding").check().state.items():
        np.testing.assert_allclose(given.state[base], tensor, rtol=1e-10, err_msg=base)


def test_totals_of_an_indexed_network_are_its_moieties():
    """In dimerization each monomer is kept, free or bound: dM/dt + Σ dD/dt over its dimers is 0."""
    case = CASES["dimerization_small"]()
    assert case.icrn.species[0].index_sets[0] == index_set("p", 4)
    dynamics = compile_icrn(case.icrn)
    y, params = dynamics.pack_state(case.values), dynamics.pack_params(case.params)
    laws = conservation_laws(dynamics, y, params, 0.0)
    assert int(laws.dependent.sum()) == 4
    for p in range(4):
        moiety = dynamics.pack_state({"M": np.eye(4)[p], "D": np.eye(4)[p][:, None] + np.eye(4)[p][None, :]})
        combination = np.asarray(laws.weights).T @ np.where(laws.dependent, moiety, 0.0)
        np.testing.assert_allclose(combination, moiety, atol=1e-9)
