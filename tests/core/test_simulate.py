"""Laws of the integrators: order, stiffness, gradients, batches, and how runs end."""

from __future__ import annotations

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_registry import CASES, index_set, law, of, product, reaction
from scipy.linalg import expm

from icrn_core import (
    ICRN,
    BaseSpecies,
    IcrnError,
    IndexDomain,
    IndexSymbol,
    RateConstant,
    ResultCode,
    compile_icrn,
    simulate,
)
from icrn_core.integrate import STEPPERS
from icrn_core.stepping import interpolate

ONE = IndexDomain()
FIFTH_ORDER = ("rodas5p", "dopri5")


def forced_logistic() -> ICRN:
    """x' = x (1 − x) cos t, which has a closed form."""
    rate = law("times", "s0", ("minus", 1.0, "s0"), ("cos", ("time",)))
    return ICRN(species=(BaseSpecies("x"),), reactions=(reaction("grow", ONE, [], ["x"], rate, ["x"]),))


def forced_logistic_at(t, x0):
    """Closed form of `forced_logistic`."""
    return 1 / (1 + (1 / x0 - 1) * np.exp(-np.sin(t)))


def robertson() -> ICRN:
    return ICRN(
        species=tuple(map(BaseSpecies, "ABC")),
        constants=tuple(RateConstant(f"k{n}") for n in (1, 2, 3)),
        reactions=(
            reaction("r1", ONE, ["A"], ["B"], product(2), ["k1", "A"]),
            reaction("r2", ONE, ["2 B"], ["B", "C"], law("times", "s0", ("power", "s1", 2.0)), ["k2", "B"]),
            reaction("r3", ONE, ["B", "C"], ["A", "C"], product(3), ["k3", "B", "C"]),
        ),
    )


ROBERTSON_VALUES = {"A": 1.0, "B": 0.0, "C": 0.0}
ROBERTSON_PARAMS = {"k1": 0.04, "k2": 3e7, "k3": 1e4}


def fixed_steps(name, dynamics, x0, end, n, theta=None):
    """Integrate with n equal steps; with theta, also interpolate inside the first one."""
    prepared = dynamics.prepare(jnp.zeros((0, 1)), jnp.zeros((1, 1)))
    step = jax.jit(lambda t, h, y: STEPPERS[name].step(dynamics, prepared, t, h, y, (None, None))[0])
    y, h = jnp.array([[x0]]), jnp.array([end / n])
    for k in range(n):
        result = step(k * h, h, y)
        if theta is not None:
            return float(interpolate(theta, y, result.end, result.dense)[0, 0])
        y = result.end
    return float(y[0, 0])


@pytest.mark.parametrize("name", FIFTH_ORDER)
def test_steppers_converge_with_order_five(name):
    dynamics = compile_icrn(forced_logistic())
    errors = [
        abs(fixed_steps(name, dynamics, 0.3, 2.0, n) - forced_logistic_at(2.0, 0.3)) for n in (8, 16, 32)
    ]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > 4.6).all() and (orders < 6.5).all(), orders


@pytest.mark.parametrize("name", FIFTH_ORDER)
def test_dense_output_has_order_four(name):
    dynamics = compile_icrn(forced_logistic())
    steps = np.array([0.8, 0.4, 0.2, 0.1])
    for theta in (0.25, 0.6):
        errors = [
            abs(fixed_steps(name, dynamics, 0.3, h, 1, theta) - forced_logistic_at(theta * h, 0.3))
            for h in steps
        ]
        # The local error of an interpolant of order 4 falls with the fifth power of the step.
        assert np.log2(errors[-2] / errors[-1]) > 4.5, errors


@pytest.mark.parametrize("name", STEPPERS)
@pytest.mark.parametrize("rtol", [1e-4, 1e-7, 1e-10])
def test_error_follows_the_tolerance(name, rtol):
    dynamics = compile_icrn(forced_logistic())
    times = np.linspace(0.0, 10.0, 33)
    solution = simulate(dynamics, {"x": 0.3}, {}, times, rtol=rtol, atol=rtol, solver=name).check()
    np.testing.assert_allclose(solution.states["x"], forced_logistic_at(times, 0.3), rtol=0, atol=100 * rtol)


def test_output_times_do_not_limit_the_steps():
    dynamics = compile_icrn(forced_logistic())
    steps = [
        int(simulate(dynamics, {"x": 0.3}, {}, np.linspace(0, 10, n)).statistics.n_steps) for n in (2, 2000)
    ]
    assert steps[0] == steps[1] < 200


def test_robertson_to_the_end():
    """Values at t = 1e11 of the test set for IVP solvers (Mazzia, Magherini 2008)."""
    dynamics = compile_icrn(robertson())
    solution = simulate(
        dynamics, ROBERTSON_VALUES, ROBERTSON_PARAMS, [4e1, 1e11], rtol=1e-9, atol=1e-18
    ).check()
    end = [float(solution.states[name][-1]) for name in "ABC"]
    np.testing.assert_allclose(
        end, [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050], rtol=1e-6
    )
    assert int(solution.statistics.n_steps) < 3000


@pytest.mark.parametrize("name", CASES)
def test_solvers_agree(name):
    case = CASES[name]()
    dynamics = compile_icrn(case.icrn)
    times = np.linspace(0.0, case.end, 5)
    runs = [
        simulate(dynamics, case.values, case.params, times, rtol=1e-9, atol=1e-11, solver=solver).check()
        for solver in FIFTH_ORDER
    ]
    for base in case.icrn.species:
        np.testing.assert_allclose(runs[0].states[base.name], runs[1].states[base.name], rtol=1e-6, atol=1e-8)


GRADIENT_CASES = ("dimerization_small", "relation_with_repeats", "assigned_chain", "compartments", "pulse")


@pytest.mark.parametrize(
    ("name", "solver"), [*itertools.product(GRADIENT_CASES, FIFTH_ORDER), ("dimerization_small", "dop853")]
)
def test_gradient_is_the_central_difference(name, solver):
    case = CASES[name]()
    dynamics = compile_icrn(case.icrn)
    times = np.array([0.0, 0.3, 0.55, 1.0]) * case.end

    @jax.jit
    def total(values, params):
        states = simulate(dynamics, values, params, times, rtol=1e-10, atol=1e-12, solver=solver).states
        return sum((jnp.cos(1.0 + jnp.arange(x.size)) * x.reshape(-1)).sum() for x in states.values())

    gradient = jax.jit(jax.grad(total, argnums=(0, 1)))(case.values, case.params)
    leaves, tree = jax.tree.flatten((case.values, case.params))
    rng = np.random.default_rng(3)
    for _ in range(3):
        # Zeros stay: they are thresholds or absent.
        direction = jax.tree.unflatten(
            tree, [rng.normal(size=np.shape(x)) * (np.asarray(x) != 0) for x in leaves]
        )
        ahead, behind = (
            total(*jax.tree.map(lambda x, d, s=s: x + s * d, (case.values, case.params), direction))
            for s in (1e-5, -1e-5)
        )
        slope = sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)))
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-5, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["compartments", "pulse"])
def test_forward_mode_equals_reverse_mode(name):
    case = CASES[name]()
    dynamics = compile_icrn(case.icrn)

    def last(params, mode):
        states = simulate(
            dynamics, case.values, params, [0.5, case.end], rtol=1e-9, differentiate=mode
        ).states
        return sum(x.sum() for x in states.values())

    forward = jax.jit(jax.jacfwd(lambda p: last(p, "forward")))(case.params)
    reverse = jax.jit(jax.grad(lambda p: last(p, "reverse")))(case.params)
    for constant, slope in forward.items():
        np.testing.assert_allclose(reverse[constant], slope, rtol=1e-7, atol=1e-8, err_msg=constant)


def test_gradient_of_a_stiff_problem():
    dynamics = compile_icrn(robertson())

    @jax.jit
    def last(params):
        return simulate(dynamics, ROBERTSON_VALUES, params, [40.0], rtol=1e-10, atol=1e-14).states["A"][0]

    gradient = jax.grad(last)(ROBERTSON_PARAMS)
    for name, value in ROBERTSON_PARAMS.items():
        ahead, behind = (last({**ROBERTSON_PARAMS, name: value * (1 + s)}) for s in (1e-4, -1e-4))
        np.testing.assert_allclose(gradient[name], (ahead - behind) / (2e-4 * value), rtol=1e-5)


@pytest.mark.parametrize("solver", FIFTH_ORDER)
@pytest.mark.parametrize("name", ["pulse", "relation_with_repeats"])
def test_few_stored_states_give_the_same_gradient(name, solver):
    case = CASES[name]()
    # Without comparisons of the state, which are refused.
    reactions = tuple(reaction for reaction in case.icrn.reactions if reaction.name != "guarded")
    dynamics = compile_icrn(replace(case.icrn, reactions=reactions))
    times = np.array([0.0, 0.3, 0.55, 1.0]) * case.end

    def total(values, params, mode):
        # Not a square number of passes, and more than are taken.
        options = {"rtol": 1e-7, "solver": solver, "max_steps": 1000, "differentiate": mode}
        states = simulate(dynamics, values, params, times, **options).states
        return sum((jnp.cos(1.0 + jnp.arange(x.size)) * x.reshape(-1)).sum() for x in states.values())

    scales = np.array([1.0, 1.3, 0.8])
    batch = {k: scales.reshape(-1, *[1] * np.ndim(v)) * v for k, v in case.params.items()}
    found = {}
    for mode in ("reverse", "checkpointed"):
        gradient = jax.grad(total, argnums=(0, 1))
        found[mode] = jax.vmap(lambda p, g=gradient, m=mode: g(case.values, p, m))(batch)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11), *map(found.get, found))


def test_more_steps_than_can_be_stored_have_a_gradient():
    """A fast oscillation, x'' = −ω² x, of which the phase after many periods is sensitive to ω."""
    icrn = ICRN(
        species=tuple(map(BaseSpecies, ("x", "v"))),
        constants=(RateConstant("w"),),
        reactions=(
            reaction("move", ONE, [], ["x"], product(2), ["w", "v"]),
            reaction("pull", ONE, ["v"], [], product(2), ["w", "x"]),
        ),
    )
    dynamics = compile_icrn(icrn)

    def end(w, mode):
        options = {"rtol": 1e-9, "atol": 1e-9, "solver": "dopri5", "differentiate": mode}
        solution = simulate(dynamics, {"x": 1.0, "v": 0.0}, {"w": w}, [500.0], **options)
        return solution.states["x"][0], (solution.result, solution.statistics.n_steps)

    slope, (code, n_steps) = jax.jit(jax.grad(lambda w: end(w, "checkpointed"), has_aux=True))(3.0)
    assert code == ResultCode.SUCCESS
    assert n_steps > 4096
    np.testing.assert_allclose(slope, -500.0 * np.sin(1500.0), rtol=1e-4)
    slope, (code, _) = jax.jit(jax.grad(lambda w: end(w, "reverse"), has_aux=True))(3.0)
    assert code == ResultCode.TOO_MANY_TO_STORE
    assert np.isnan(slope)


def test_a_narrow_pulse_is_not_missed():
    case = CASES["pulse"]()
    dynamics = compile_icrn(case.icrn)
    np.testing.assert_allclose(
        dynamics.breakpoints(dynamics.pack_params(case.params)), [1.28, 1.30], rtol=1e-15
    )
    for solver in STEPPERS:
        solution = simulate(
            dynamics, case.values, case.params, [1.2, 1.29, 1.3, 3.0], solver=solver, rtol=1e-8
        ).check()
        k, top = 0.5, 100.0 / 0.5
        peak = top * (1 - np.exp(-k * 0.02))
        expected = [0.0, top * (1 - np.exp(-k * 0.01)), peak, peak * np.exp(-k * 1.7)]
        np.testing.assert_allclose(solution.states["X"], expected, rtol=1e-6, atol=1e-12)


def test_vmap_equals_a_loop():
    case = CASES["relation_with_repeats"]()
    dynamics = compile_icrn(case.icrn)
    factors = np.array([0.5, 1.0, 3.0])

    def run(factor):
        return simulate(dynamics, case.values, {**case.params, "Km": factor * case.params["Km"]}, [0.5, 1.0])

    batch = jax.vmap(run)(factors)
    for k, factor in enumerate(factors):
        single = run(factor)
        for name, state in single.states.items():
            np.testing.assert_allclose(batch.states[name][k], state, rtol=1e-12)
        assert int(batch.statistics.n_steps[k]) == int(single.statistics.n_steps)
    batch.check()


def test_runs_of_a_large_batch_are_those_of_single_runs():
    """More runs than lanes, of unequal lengths: lanes are refilled, and steps stay each run's own."""
    dynamics = compile_icrn(robertson())
    times = jnp.array([0.1, 10.0, 1e3])
    k2 = 3e7 * np.geomspace(1e-6, 1.0, 70)

    def run(k2):
        params = ROBERTSON_PARAMS | {"k2": k2}
        return simulate(dynamics, ROBERTSON_VALUES, params, times, rtol=1e-6, atol=1e-10)

    batch = jax.jit(jax.vmap(run))(jnp.asarray(k2)).check()
    assert len(set(batch.statistics.n_steps.tolist())) > 10
    single = jax.jit(run)
    for member in (0, 31, 32, 35, 69):
        alone = single(k2[member])
        assert int(alone.statistics.n_steps) == int(batch.statistics.n_steps[member])
        for name, states in alone.states.items():
            np.testing.assert_allclose(batch.states[name][member], states, rtol=1e-9, atol=1e-15)


def pulsed_chain(n) -> ICRN:
    """X[i] → X[i+1], twice as fast before t = 1/2, and from everywhere into H."""
    sets = index_set("c", n)
    i, j = (IndexSymbol(name, sets) for name in "ij")
    at = np.arange(n)
    steps = IndexDomain((i, j), relation=np.stack([at[:-1], at[1:]], axis=1))
    pulse = law("times", "s0", "s1", ("piecewise", 2.0, ("lt", ("time",), 0.5), 1.0))
    everywhere = IndexDomain((i,), relation=at[:, None])
    return ICRN(
        species=(BaseSpecies("X", (sets,)), BaseSpecies("H")),
        constants=(RateConstant("k"), RateConstant("q")),
        reactions=(
            reaction("hop", steps, ["X[i]"], ["X[j]"], pulse, ["k", "X[i]"]),
            reaction("fall", everywhere, ["X[i]"], ["H"], product(2), ["q", "X[i]"]),
        ),
    )


# Sums of 4096 entries and more are not compiled as smaller ones are (see `icrn_core.kernel`).
@pytest.mark.parametrize(("n", "n_runs"), [(130, 33), (4500, 1)])
@pytest.mark.parametrize("solver", FIFTH_ORDER)
def test_large_states_and_batches_keep_their_totals_and_gradients(n, n_runs, solver):
    dynamics = compile_icrn(pulsed_chain(n))
    values = {"X": np.linspace(1.0, 2.0, n), "H": 0.0}
    q = np.linspace(0.1, 0.2, n_runs)

    def end(q):
        found = simulate(dynamics, values, {"k": 1.0, "q": q}, [1.0], solver=solver, rtol=1e-8)
        return found.states["H"][0], found

    slopes, found = jax.vmap(jax.grad(end, has_aux=True))(q)
    found.check()
    total = values["X"].sum()
    np.testing.assert_allclose(found.states["X"].sum(axis=-1) + found.states["H"], total, rtol=1e-9)
    # X falls at the rate q wherever it is.
    np.testing.assert_allclose(found.states["H"][:, 0], total * (1 - np.exp(-q)), rtol=1e-6)
    np.testing.assert_allclose(slopes, total * np.exp(-q), rtol=1e-6)


def test_explicit_runs_of_stiff_systems_can_end_early():
    dynamics = compile_icrn(robertson())
    options = {"solver": "dopri5", "ends_if_stiff": True, "atol": 1e-9}
    solution = simulate(dynamics, ROBERTSON_VALUES, ROBERTSON_PARAMS, [40.0], **options)
    assert solution.result == ResultCode.STIFF
    assert int(solution.statistics.n_steps) < 200
    with pytest.raises(IcrnError, match="rodas5p"):
        solution.check()
    smooth = compile_icrn(forced_logistic())
    assert simulate(smooth, {"x": 0.3}, {}, [10.0], **options).result == ResultCode.SUCCESS


def test_the_absolute_tolerance_follows_the_initial_state():
    """A state of 1e-15 is integrated as accurately as one of 1."""
    dynamics = compile_icrn(robertson())
    errors = []
    for scale in (1.0, 1e-15):
        values = {name: scale * x for name, x in ROBERTSON_VALUES.items()}
        params = ROBERTSON_PARAMS | {"k2": 3e7 / scale, "k3": 1e4 / scale}
        tight = simulate(dynamics, values, params, [40.0], rtol=1e-11)
        loose = simulate(dynamics, values, params, [40.0], rtol=1e-5)
        errors.append(float(jnp.abs(loose.states["A"] / tight.states["A"] - 1.0)[0]))
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-3)
    assert errors[0] < 1e-5


def test_couplings_of_everything_with_everything_are_solved_densely():
    n = 120
    sets = index_set("p", n)
    domain = IndexDomain((IndexSymbol("i", sets), IndexSymbol("j", sets)))
    icrn = ICRN(
        species=(BaseSpecies("X", (sets,)),),
        constants=(RateConstant("k", (sets, sets)),),
        reactions=(reaction("jump", domain, ["X[i]"], ["X[j]"], product(2), ["k[i,j]", "X[i]"]),),
    )
    dynamics = compile_icrn(icrn)
    assert dynamics.elimination is None
    rng = np.random.default_rng(0)
    rates, start = rng.uniform(0.0, 2.0 / n, (n, n)), rng.uniform(size=n)

    def end(rates):
        options = {"solver": "rodas5p", "rtol": 1e-9}
        return simulate(dynamics, {"X": start}, {"k": rates}, [1.0], **options).states["X"][0]

    def exact(rates):
        return expm(rates.T - np.diag(rates.sum(axis=1))) @ start

    np.testing.assert_allclose(end(rates), exact(rates), rtol=1e-7)
    found = jax.grad(lambda rates: jnp.sum(end(rates) ** 2))(rates)
    change = 1e-4 * rng.uniform(size=(n, n)) / n
    expected = (np.sum(exact(rates + change) ** 2) - np.sum(exact(rates - change) ** 2)) / 2
    np.testing.assert_allclose(np.sum(found * change), expected, rtol=1e-5)


def test_limit_cases():
    for name in ("nothing_happens", "nobody"):
        case = CASES[name]()
        solution = simulate(compile_icrn(case.icrn), case.values, case.params, [0.0, 1.0, 5.0]).check()
        for base in case.icrn.species:
            np.testing.assert_array_equal(solution.states[base.name], np.stack([case.values[base.name]] * 3))


def test_only_the_initial_time():
    dynamics = compile_icrn(forced_logistic())
    solution = simulate(dynamics, {"x": 0.3}, {}, [2.0, 2.0], t0=2.0).check()
    np.testing.assert_array_equal(solution.states["x"], [0.3, 0.3])


def test_tolerance_by_species():
    dynamics = compile_icrn(robertson())
    tight = simulate(
        dynamics, ROBERTSON_VALUES, ROBERTSON_PARAMS, [40.0], atol={"B": 1e-14, "A": 1e-7, "C": 1e-7}
    )
    loose = simulate(dynamics, ROBERTSON_VALUES, ROBERTSON_PARAMS, [40.0], atol=1e-7)
    assert int(tight.statistics.n_steps) > int(loose.statistics.n_steps)


def quadratic_growth() -> ICRN:
    """x' = x², infinite at t = 1 / x₀."""
    rate = law("power", "s0", 2.0)
    return ICRN(species=(BaseSpecies("x"),), reactions=(reaction("grow", ONE, [], ["x"], rate, ["x"]),))


@pytest.mark.parametrize(
    ("icrn", "values", "options", "code", "says"),
    [
        (
            quadratic_growth,
            {"x": 1.0},
            {},
            {ResultCode.STEP_TOO_SMALL, ResultCode.NON_FINITE},
            r"stopped at t = 1\b",
        ),
        (forced_logistic, {"x": 0.3}, {"max_steps": 3}, {ResultCode.MAX_STEPS}, "max_steps"),
        (forced_logistic, {"x": np.nan}, {}, {ResultCode.NON_FINITE}, "x"),
    ],
)
def test_failures_are_codes_with_messages(icrn, values, options, code, says):
    solution = simulate(compile_icrn(icrn()), values, {}, [0.0, 2.0], **options)
    assert ResultCode(int(solution.result)) in code
    assert np.isnan(solution.states["x"][-1])
    with pytest.raises(IcrnError, match=says):
        solution.check()


def test_a_failed_run_of_a_batch_is_named():
    dynamics = compile_icrn(quadratic_growth())
    batch = jax.vmap(lambda x: simulate(dynamics, {"x": x}, {}, [0.5]))(np.array([0.1, 5.0, 0.2]))
    with pytest.raises(IcrnError, match="run 1 of 3"):
        batch.check()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"times": [1.0, 0.5]}, "ascend"),
        ({"times": [-1.0, 0.5]}, "before t0"),
        ({"times": 1.0}, "vector"),
        ({"solver": "euler"}, "no solver is called 'euler'"),
        ({"differentiate": "both"}, "'both'"),
        ({"values": {}}, "no values for base species 'A'"),
        ({"values": {**ROBERTSON_VALUES, "D": 1.0}}, "no base species is called 'D'"),
        ({"params": {**ROBERTSON_PARAMS, "k1": np.ones(2)}}, r"'k1' has shape \(\)"),
        ({"atol": {"Z": 1.0}}, "'Z'"),
    ],
)
def test_bad_requests_are_refused(change, says):
    request = {"values": ROBERTSON_VALUES, "params": ROBERTSON_PARAMS, "times": [1.0], **change}
    with pytest.raises(IcrnError, match=says):
        simulate(
            compile_icrn(robertson()),
            request.pop("values"),
            request.pop("params"),
            request.pop("times"),
            **request,
        )


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")
def test_single_precision_is_refused_at_tight_tolerances():
    dynamics = compile_icrn(forced_logistic())
    with jax.enable_x64(False):
        with pytest.raises(IcrnError, match="jax_enable_x64"):
            simulate(dynamics, {"x": 0.3}, {}, [1.0])
        solution = simulate(dynamics, {"x": np.float32(0.3)}, {}, [1.0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(solution.states["x"], forced_logistic_at(1.0, 0.3), rtol=1e-3)


def test_initial_assignments_run_in_order_and_convert_units():
    from core_registry import assign

    from icrn_core import AssignedQuantity, Placement

    icrn = ICRN(
        species=(
            BaseSpecies("X", (), Placement("V"), "amount", "concentration", "concentration"),
            BaseSpecies("Y", (), Placement("V"), "amount", "concentration", "amount"),
            BaseSpecies("Z", (), Placement("W"), "amount", "concentration", "concentration"),
        ),
        constants=(RateConstant("V"), RateConstant("k")),
        assigned=(AssignedQuantity("W"),),
        assignments=(assign("W", ONE, "W", law("times", 3.0, "s0"), ["V"]),),
        initial_assignments=(
            assign("V", ONE, "V", law("plus", "s0", 1.0), ["k"]),
            assign("Y", ONE, "Y", law("times", 2.0, "s0"), ["X"]),
        ),
    )
    dynamics = compile_icrn(icrn)
    nan = np.nan
    state, params = dynamics.initialise({"X": 5.0, "Y": nan, "Z": 7.0}, {"V": nan, "k": 3.0})
    assert {name: float(x) for name, x in params.items()} == {"V": 4.0, "k": 3.0}
    assert {name: float(x) for name, x in state.items()} == {"X": 20.0, "Y": 40.0, "Z": 84.0}
    slope = jax.grad(
        lambda k: dynamics.initialise({"X": 5.0, "Y": nan, "Z": 7.0}, {"V": nan, "k": k})[0]["Y"]
    )(3.0)
    assert float(slope) == 10.0


def test_what_was_never_given_is_named():
    case = of(robertson(), A=np.nan)
    with pytest.raises(IcrnError, match="not finite from the start: A"):
        simulate(compile_icrn(case.icrn), case.values, case.params, [1.0]).check()


def test_a_failed_run_has_no_gradient():
    """Zeros would pass for a stationary point."""
    dynamics = compile_icrn(robertson())

    def last(params, max_steps):
        solution = simulate(dynamics, ROBERTSON_VALUES, params, [1.0], solver="rodas5p", max_steps=max_steps)
        return sum(x[-1].sum() for x in solution.states.values())

    for max_steps, is_finite in ((1000, True), (3, False)):
        gradient = jax.grad(last)(ROBERTSON_PARAMS, max_steps)
        assert {bool(np.isfinite(x)) for x in gradient.values()} == {is_finite}
