"""Events, switches on the state and delays against closed forms, and their derivatives."""

from __future__ import annotations

from dataclasses import replace

import hybrid_cases as cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hybrid_cases import TIME, entry, event, network, truth

from icrn_core import IcrnError, compile_icrn, simulate, simulate_batch, steady_state
from icrn_core.icrn import Delay, Event

TIMES = np.linspace(0.0, 5.0, 11)
TIGHT = {"rtol": 1e-9, "atol": 1e-12}


def run(icrn, values, params, times=TIMES, **options):
    """Return the states of a run that succeeded."""
    solution = simulate(compile_icrn(icrn), values, params, jnp.asarray(times), **{**TIGHT, **options})
    return solution.check().states


def refilled_at(t: float, x: float, k: float, low: float, dose: float) -> float:
    """The closed form of `cases.refilled`."""
    start = 0.0
    while start + np.log(x / low) / k <= t:
        start += np.log(x / low) / k
        x = low + dose
    return x * np.exp(-k * (t - start))


PARAMS = {"k": 1.0, "low": 0.5, "dose": 1.0}


def test_an_event_is_found_where_its_trigger_becomes_true():
    states = run(cases.refilled(), {"x": 2.0, "n": 0.0}, PARAMS)
    expected = [refilled_at(t, 2.0, **PARAMS) for t in TIMES]
    np.testing.assert_allclose(states["x"], expected, rtol=1e-8)
    assert states["n"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4]


def differences(function, params, step=1e-6):
    """Central differences by every param."""
    return {
        name: (function({**params, name: value + step}) - function({**params, name: value - step}))
        / (2 * step)
        for name, value in params.items()
    }


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_gradients_hold_the_shift_of_events(mode):
    dynamics = compile_icrn(cases.refilled())

    def end(params):
        options = {"rtol": 1e-10, "atol": 1e-13, "differentiate": mode}
        return simulate(dynamics, {"x": 2.0, "n": 0.0}, params, jnp.array([5.0]), **options).states["x"][-1]

    found = (jax.grad if mode == "reverse" else jax.jacfwd)(end)(PARAMS)
    for name, value in differences(lambda p: refilled_at(5.0, 2.0, **p), PARAMS).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)


def test_a_batch_is_its_runs_and_their_gradients():
    dynamics = compile_icrn(cases.refilled())
    doses = jnp.array([0.3, 1.0, 2.5])

    def end(dose):
        params = {**PARAMS, "dose": dose}
        return simulate(dynamics, {"x": 2.0, "n": 0.0}, params, jnp.array([5.0]), **TIGHT).states["x"][-1]

    found = jax.vmap(jax.value_and_grad(end))(doses)
    for k, dose in enumerate(doses.tolist()):
        expected = refilled_at(5.0, 2.0, 1.0, 0.5, dose)
        np.testing.assert_allclose(found[0][k], expected, rtol=1e-7)
        slope = (
            refilled_at(5.0, 2.0, 1.0, 0.5, dose + 1e-6) - refilled_at(5.0, 2.0, 1.0, 0.5, dose - 1e-6)
        ) / 2e-6
        np.testing.assert_allclose(found[1][k], slope, rtol=1e-5)
    states = simulate_batch(
        dynamics, {"x": 2.0, "n": 0.0}, {**PARAMS, "dose": doses}, jnp.array([0.0, 5.0]), **TIGHT
    ).states
    np.testing.assert_allclose(states["x"][:, -1], found[0], rtol=1e-7)


def test_a_switch_on_the_state_ends_a_step_and_its_shift_is_in_the_gradient():
    dynamics = compile_icrn(cases.switched())

    def end(top):
        params = {"top": top, "k": 3.0}
        return simulate(dynamics, {"x": 0.0, "z": 0.0}, params, jnp.array([2.0]), **TIGHT).states["z"][-1]

    # z = k (2 - top)
    value, slope = jax.value_and_grad(end)(0.7)
    np.testing.assert_allclose([value, slope], [3.9, -3.0], rtol=1e-9)


def test_a_narrow_pulse_of_the_state_is_not_stepped_over():
    inside = ("and", ("gt", "x", ("minus", "at", 1e-4)), ("lt", "x", ("plus", "at", 1e-4)))
    near = ("lt", ("times", ("minus", "x", "at"), ("minus", "x", "at")), 1e-8)
    rates = {"x": 1.0, "y": ("piecewise", 1.0, inside, 0.0), "z": ("piecewise", 1.0, near, 0.0)}
    for at in (0.7, 3.33):
        states = run(network(rates, ("at",)), dict.fromkeys(rates, 0.0), {"at": at}, [5.0])
        np.testing.assert_allclose([states["y"][0], states["z"][0]], 2e-4, rtol=1e-6)


def test_events_wait_and_keep_or_forget_what_they_saw():
    rates = {"x": 1.0, "kept": 0.0, "late": 0.0, "gone": 0.0}
    assigned = {
        "one": truth(("gt", "x", 1.0)),
        "pulse": truth(("and", ("gt", "x", 1.0), ("lt", "x", 1.5))),
        "wait": 1.0 + 0.0,
    }
    events = (
        event("one", "wait", kept="x"),
        event("one", "wait", flags=(True, True, False), late="x"),
        event("pulse", "wait", flags=(True, False, True), gone="x"),
    )
    icrn = network(rates, (), assigned, events)
    states = run(icrn, dict.fromkeys(rates, 0.0), {}, [1.9, 2.0, 3.0])
    # Triggered at 1 and executed at 2; an output at that moment shows the state after it.
    np.testing.assert_allclose(states["kept"], [0.0, 1.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(states["late"], [0.0, 2.0, 2.0], atol=1e-9)
    np.testing.assert_allclose(states["gone"], 0.0, atol=1e-12)


def test_the_gradient_by_a_delay_and_by_what_an_event_kept():
    icrn = network(
        {"x": ("minus", ("times", "k", "x")), "y": 0.0},
        ("k", "wait", "low"),
        {"falls": truth(("lt", "x", "low")), "twice": ("times", 2.0, "x")},
        (event("falls", "wait", y="twice", x="twice"),),
    )
    dynamics = compile_icrn(icrn)

    def end(params):
        states = simulate(dynamics, {"x": 1.0, "y": 0.0}, params, jnp.array([1.2]), **TIGHT).states
        return states["x"][-1] + 3.0 * states["y"][-1]

    def exact(p):
        # At log(1/low)/k the event keeps 2 low, and sets both a time ``wait`` later.
        at = np.log(1 / p["low"]) / p["k"] + p["wait"]
        return 2 * p["low"] * np.exp(-p["k"] * (1.2 - at)) + 6.0 * p["low"]

    params = {"k": 1.3, "wait": 0.4, "low": 0.6}
    np.testing.assert_allclose(end(params), exact(params), rtol=1e-8)
    found = jax.grad(end)(params)
    for name, value in differences(exact, params).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)


def test_priorities_decide_and_equal_ones_draw_lots():
    assigned = {
        "start": truth(("geq", TIME, 1.0)),
        "high": 2.0,
        "low": 1.0,
        "a": ("plus", ("times", 10.0, "x"), 1.0),
        "b": ("plus", ("times", 10.0, "x"), 2.0),
    }
    late = (True, True, False)
    ordered = network(
        {"x": 0.0},
        (),
        assigned,
        (event("start", "", "low", late, x="a"), event("start", "", "high", late, x="b")),
    )
    assert run(ordered, {"x": 0.0}, {}, [0.5, 1.0])["x"].tolist() == [0.0, 21.0]
    drawn = network(
        {"x": 0.0},
        (),
        assigned,
        (event("start", "", "low", late, x="a"), event("start", "", "low", late, x="b")),
    )
    ends = [run(drawn, {"x": 0.0}, {}, [2.0], seed=seed)["x"].tolist() for seed in range(4)]
    assert {end for (end,) in ends} == {12.0, 21.0}
    assert ends[0] == run(drawn, {"x": 0.0}, {}, [2.0], seed=0)["x"].tolist()


def test_the_initial_time_fires_what_was_not_true_before():
    assigned = {"is": truth(("gt", "x", 0.5)), "two": 2.0, "hears": truth(("gt", "y", 1.0)), "five": 5.0}
    events = (event("is", flags=(False, True, True), y="two"), event("hears", z="five"))
    icrn = network({"x": 0.0, "y": 0.0, "z": 0.0}, (), assigned, events)
    states = run(icrn, {"x": 1.0, "y": 0.0, "z": 0.0}, {}, [0.0, 1.0])
    # The first event sets off the second, both before the first output.
    assert states["y"].tolist() == [2.0, 2.0]
    assert states["z"].tolist() == [5.0, 5.0]
    silent = network({"x": 0.0, "y": 0.0, "z": 0.0}, (), assigned, (event("is", y="two"),))
    assert run(silent, {"x": 1.0, "y": 0.0, "z": 0.0}, {}, [0.0, 1.0])["y"].tolist() == [0.0, 0.0]


def test_events_without_end_are_told():
    assigned = {"on": truth(("gt", "x", 0.5)), "off": truth(("leq", "x", 0.5)), "zero": 0.0, "one": 1.0}
    icrn = network(
        {"x": 0.0}, (), assigned, (event("on", x="zero"), event("off", flags=(False, True, True), x="one"))
    )
    solution = simulate(compile_icrn(icrn), {"x": 0.0}, {}, jnp.array([1.0]), max_steps=100, **TIGHT)
    with pytest.raises(IcrnError, match="maximum number of steps"):
        solution.check()


def test_more_waiting_events_than_places_are_told():
    assigned = {"on": truth(("lt", "p", 0.01)), "never": 1e3, "one": 1.0}
    # p falls below 0.01 a hundred times, and every one waits.
    events = (event("on", "never", q="one"), event("on", p="one"))
    icrn = network({"p": -1.0, "q": 0.0}, (), assigned, events)
    solution = simulate(compile_icrn(icrn), {"p": 1.0, "q": 0.0}, {}, jnp.array([100.0]), **TIGHT)
    with pytest.raises(IcrnError, match="more events wait"):
        solution.check()


def test_a_delay_is_solved_by_the_method_of_steps():
    # x' = -r x(t-1), x = 1 before 0: a polynomial of degree n + 1 on [n, n + 1].
    states = run(cases.delayed(), {"x": 1.0, "y": 0.0}, {"r": 1.0, "lag": 1.0}, [0.5, 1.0, 2.0, 3.0])
    expected = [0.5, 0.0, -0.5, -1.0 / 6.0]
    np.testing.assert_allclose(states["x"], expected, atol=1e-8)
    np.testing.assert_allclose(states["y"], [1.0, 1.0, 0.0, -0.5], atol=1e-8)


def test_forward_mode_goes_through_delays_and_reverse_mode_says_no():
    dynamics = compile_icrn(cases.delayed())

    def end(r, mode):
        options = {**TIGHT, "differentiate": mode}
        params = {"r": r, "lag": 1.0}
        return simulate(dynamics, {"x": 1.0, "y": 0.0}, params, jnp.array([2.0]), **options).states["x"][-1]

    # x(2) = 1 - 2 r + r^2 / 2
    np.testing.assert_allclose(jax.jacfwd(lambda r: end(r, "forward"))(0.8), -1.2, rtol=1e-7)
    with pytest.raises(IcrnError, match="forward"):
        jax.grad(lambda r: end(r, "reverse"))(0.8)


@pytest.mark.parametrize(
    ("events", "delays", "message"),
    [
        ((Event("e", entry("nowhere"), ()),), (), "no base is called 'nowhere'"),
        ((Event("e", entry("x"), ((entry("k"), entry("x")),)),), (), "changes 'k', which is no base species"),
        ((Event("e", entry("x"), ((entry("x"), entry("k")), (entry("x"), entry("x")))),), (), "two values"),
        ((), (Delay(entry("k"), entry("x"), entry("k")),), "changes 'k'"),
    ],
)
def test_events_and_delays_that_fit_nothing_are_refused(events, delays, message):
    with pytest.raises(IcrnError, match=message):
        network({"x": 1.0}, ("k",), {}, events, delays)


def test_a_network_in_which_nothing_moves_has_modes_too():
    icrn = network({"x": 0.0}, (), {"on": truth(("gt", ("times", TIME, TIME), 4.0))})
    states = run(icrn, {"x": 1.0}, {}, [0.0, 3.0])
    assert states["x"].tolist() == [1.0, 1.0]


def test_a_lag_that_changes_is_refused():
    icrn = network({"x": 1.0, "y": 0.0}, (), {"a": "x"}, delays=(Delay(entry("y"), entry("a"), entry("x")),))
    with pytest.raises(IcrnError, match="lag 'x' of 'y' changes"):
        compile_icrn(icrn)


@pytest.mark.parametrize("icrn", [cases.refilled(), cases.delayed()], ids=["events", "delays"])
def test_steady_states_of_what_can_change_totals_are_refused(icrn):
    dynamics = compile_icrn(icrn)
    values = {base.name: 1.0 for base in icrn.species}
    params = {base.name: 0.5 for base in icrn.constants}
    with pytest.raises(IcrnError, match="events or delays"):
        steady_state(dynamics, values, params)


def test_a_switch_on_the_state_leaves_a_steady_state():
    """x' = a - x, and z' = [x < b] - z."""
    icrn = network(
        {
            "x": ("plus", "a", ("minus", "x")),
            "z": ("plus", truth(("lt", "x", "b")), ("minus", "z")),
        },
        ("a", "b"),
    )
    found = steady_state(compile_icrn(icrn), {"x": 0.0, "z": 0.0}, {"a": 2.0, "b": 1.0}).check()
    np.testing.assert_allclose([found.state["x"], found.state["z"]], [2.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("solver", ["rodas5p", "dopri5", "dop853"])
def test_what_stands_still_is_not_rounded_at_hundreds_of_events(solver):
    """y' = 50, taken back to 0 at 1; n counts, a flag stays 3, and x' = 1 while the flag equals 3."""
    icrn = network(
        {
            "y": 50.0,
            "n": 0.0,
            "flag": 0.0,
            "x": truth(("eq", "flag", 3.0)),
        },
        (),
        {"top": truth(("geq", "y", 1.0)), "zero": 0.0, "next": ("plus", "n", 1.0)},
        (event("top", y="zero", n="next"),),
    )
    values = {"y": 0.0, "n": 0.0, "flag": 3.0, "x": 0.0}
    states = run(icrn, values, {}, np.array([0.005, 1.333, 19.99]), solver=solver)
    assert states["n"].tolist() == [0, 66, 999]
    assert states["flag"].tolist() == [3, 3, 3]
    np.testing.assert_allclose(states["x"], [0.005, 1.333, 19.99], rtol=1e-9)


def test_derivatives_through_delays_beside_events_are_refused():
    """What an event does comes back after the lag, at a moment that shifts with k."""
    icrn = cases.refilled()
    species = (*icrn.species, *cases.delayed().species[1:])
    delay = Delay(entry("y"), entry("x"), entry("lag"))
    constants = (*icrn.constants, *cases.delayed().constants[1:])
    dynamics = compile_icrn(replace(icrn, species=species, constants=constants, delays=(delay,)))
    values, params = {"x": 2.0, "n": 0.0, "y": 0.0}, {**PARAMS, "lag": 1.0}

    def end(params):
        return simulate(dynamics, values, params, TIMES, differentiate="forward").check().states["y"][-1]

    assert np.isfinite(end(params))
    with pytest.raises(IcrnError, match="delays beside events"):
        jax.jacfwd(end)(params)
