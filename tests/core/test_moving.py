"""Entries of the state that nothing changes cost nothing and are no less exact.

The law for holes: a case padded with entries that no reaction touches moves as the case does,
in as many steps, with the same gradients. The law for still entries that are read: their
gradients are finite differences.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_registry import CASES, Case, law, of, product, reaction

from icrn_core import (
    ICRN,
    BaseSpecies,
    IndexDomain,
    IndexSet,
    RateConstant,
    ResultCode,
    compile_icrn,
    simulate,
)
from icrn_core.crossings import decided

TIME = 0.4
# Cases with entries that no reaction changes, and their number.
STILL = {
    "sparse_and_boundary": 25 + 5 + 2,
    "dense_over_still": 18 * 19 // 2 + 18,
    "still_in_a_moving_compartment": 1 + 3 + 1 + 1 + 1,
    "masked": 0,
    "compartments": 1,
    "empty_domain": 1,
    "nothing_happens": 2,
    "dimerization_dense": 0,
}
PADDED = ("dimerization_small", "dimerization_dense", "sparse_and_boundary", "assigned_chain", "masked")


def padded(given: Case, extra: int = 2) -> Case:
    """Return the case with index sets longer than its domains, so that tensors have holes."""

    def longer(sets):
        return tuple(IndexSet(s.name, (*s.labels, *(f"hole{k}" for k in range(extra)))) for s in sets)

    def wide(base):
        return replace(base, index_sets=longer(base.index_sets))

    def domain(old):
        symbols = tuple(replace(x, index_set=longer((x.index_set,))[0]) for x in old.symbols)
        if old.relation is not None or not symbols:
            return replace(old, symbols=symbols)
        mask = np.ones(old.shape, bool) if old.mask is None else old.mask
        return IndexDomain(symbols, mask=np.pad(mask, [(0, extra)] * mask.ndim))

    def tensors(old):
        return {
            name: np.pad(x, [(0, extra)] * np.ndim(x), constant_values=0.7) if np.ndim(x) else x
            for name, x in old.items()
        }

    icrn = replace(
        given.icrn,
        species=tuple(map(wide, given.icrn.species)),
        constants=tuple(map(wide, given.icrn.constants)),
        assigned=tuple(map(wide, given.icrn.assigned)),
        reactions=tuple(replace(r, domain=domain(r.domain)) for r in given.icrn.reactions),
        assignments=tuple(replace(a, domain=domain(a.domain)) for a in given.icrn.assignments),
    )
    return Case(icrn, tensors(given.values), tensors(given.params), given.end)


def inner(tensor, like):
    """Return the entries of a padded tensor, time first or not, that are in the one it was made from."""
    lead = np.ndim(tensor) - np.ndim(like)
    return tensor[(slice(None),) * lead + tuple(slice(n) for n in np.shape(like))]


@pytest.mark.parametrize("name", STILL)
def test_moving_entries_are_those_with_net_stoichiometry(name):
    dynamics = compile_icrn(CASES[name]().icrn)
    assert dynamics.n_state - dynamics.n_moving == STILL[name]
    assert len(dynamics.arrays[dynamics.plan.held]) == STILL[name]


@pytest.mark.parametrize("name", CASES)
def test_moving_rates_and_jacobian_are_parts_of_the_whole_ones(name):
    case = CASES[name]()
    dynamics = compile_icrn(case.icrn)
    state, params = dynamics.initialise(case.values, case.params)
    y, p = dynamics.pack_state(state), dynamics.pack_params(params)
    at = np.asarray(dynamics.moving(jnp.arange(dynamics.n_state)))

    @jax.jit
    def parts(t, y, p):
        time, moving = t[None], dynamics.moving(y)[:, None]
        given = time, moving, decided(dynamics, dynamics.prepare(p[:, None], y[:, None]), time, moving)
        forms = (dynamics.prepared_field, dynamics.prepared_jacobian, dynamics.prepared_time_derivative)
        return [form(*given)[:, 0] for form in forms]

    @jax.jit
    def whole(t, y, p):
        return [
            form(t, y, p) for form in (dynamics.vector_field, dynamics.jacobian, dynamics.time_derivative)
        ]

    t = jnp.asarray(TIME)
    (found, values, found_drift), (field, expected, drift) = parts(t, y, p), whole(t, y, p)
    np.testing.assert_array_equal(np.delete(field, at), 0.0)
    np.testing.assert_allclose(found, field[at], rtol=1e-13, atol=1e-13)
    jacobian = np.zeros((len(at), len(at)))
    jacobian[dynamics.jacobian_pattern] = values
    np.testing.assert_allclose(jacobian, np.asarray(expected)[np.ix_(at, at)], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found_drift, drift[at], rtol=1e-12, atol=1e-13)


def test_a_slot_that_reads_nothing_that_moves_is_not_differentiated():
    plan = compile_icrn(CASES["dense_over_still"]().icrn).plan
    assert [len(group.wanted) for group in plan.dense] == [2, 1]


@pytest.mark.parametrize("solver", ["rodas5p", "dopri5"])
@pytest.mark.parametrize("name", PADDED)
def test_holes_change_neither_trajectory_nor_steps(name, solver):
    case = CASES[name]()
    times = np.linspace(0.0, case.end, 4)
    plain, holed = (
        simulate(compile_icrn(c.icrn), c.values, c.params, times, solver=solver).check()
        for c in (case, padded(case))
    )
    assert plain.statistics == holed.statistics
    for base, states in plain.states.items():
        given = case.values[base]
        np.testing.assert_allclose(inner(holed.states[base], given), states, rtol=1e-11, atol=1e-13)
        rest = np.array(holed.states[base])
        rest[(slice(None), *map(slice, given.shape))] = 0.7
        np.testing.assert_array_equal(rest, 0.7)


@pytest.mark.parametrize("solver", ["rodas5p", "dopri5"])
@pytest.mark.parametrize("name", ["dimerization_small", "sparse_and_boundary"])
def test_holes_change_no_gradient(name, solver):
    case = CASES[name]()

    def gradient(given):
        dynamics = compile_icrn(given.icrn)

        def total(values, params):
            states = simulate(dynamics, values, params, [0.5, case.end], solver=solver).states
            parts = (inner(x, case.values[b]).reshape(-1) for b, x in states.items())
            return sum(jnp.cos(1.0 + jnp.arange(x.size)) @ x for x in parts)

        return jax.jit(jax.grad(total, argnums=(0, 1)))(given.values, given.params)

    for plain, holed in zip(gradient(case), gradient(padded(case)), strict=True):
        for base, slope in plain.items():
            found = np.array(inner(holed[base], slope))
            np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-11, err_msg=base)
            rest = np.array(holed[base])
            rest[tuple(map(slice, np.shape(slope)))] = 0.0
            np.testing.assert_array_equal(rest, 0.0)


@pytest.mark.parametrize("solver", ["rodas5p", "dopri5"])
@pytest.mark.parametrize("name", ["sparse_and_boundary", "dense_over_still", "still_in_a_moving_compartment"])
def test_gradient_by_what_stands_still_is_the_central_difference(name, solver):
    case = CASES[name]()
    dynamics = compile_icrn(case.icrn)
    times = np.array([0.0, 0.4, 1.0]) * case.end
    is_moving = np.zeros(dynamics.n_state)
    is_moving[np.asarray(dynamics.moving(jnp.arange(dynamics.n_state)))] = 1.0

    @jax.jit
    def total(values):
        states = simulate(dynamics, values, case.params, times, rtol=1e-10, atol=1e-12, solver=solver).states
        return sum((jnp.cos(1.0 + jnp.arange(x.size)) * x.reshape(-1)).sum() for x in states.values())

    gradient = dynamics.pack_state(jax.jit(jax.grad(total))(case.values))
    rng = np.random.default_rng(5)
    for part in (1 - is_moving, is_moving, 1 - is_moving):
        direction = dynamics.unpack_state(jnp.asarray(part * rng.normal(size=dynamics.n_state)))
        ahead, behind = (
            total({b: x + s * direction[b] for b, x in case.values.items()}) for s in (1e-5, -1e-5)
        )
        slope = gradient @ dynamics.pack_state(direction)
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-5, rtol=2e-5, atol=1e-6)


def test_forward_mode_holds_what_stands_still():
    case = CASES["sparse_and_boundary"]()
    dynamics = compile_icrn(case.icrn)

    def total(fuel, mode):
        values = {**case.values, "fuel": fuel}
        return sum(x.sum() for x in simulate(
            dynamics, values, case.params, [0.5, case.end], rtol=1e-9, differentiate=mode
        ).states.values())  # fmt: skip

    forward = jax.jit(jax.jacfwd(lambda x: total(x, "forward")))(case.values["fuel"])
    reverse = jax.jit(jax.grad(lambda x: total(x, "reverse")))(case.values["fuel"])
    np.testing.assert_allclose(reverse, forward, rtol=1e-7)


def test_vmap_over_what_stands_still_equals_a_loop():
    case = CASES["sparse_and_boundary"]()
    dynamics = compile_icrn(case.icrn)

    def run(factor):
        return simulate(
            dynamics, {**case.values, "fuel": factor * case.values["fuel"]}, case.params, [0.5, 1.0]
        )

    factors = np.array([0.1, 1.0, 20.0])
    batch = jax.vmap(run)(factors)
    for k, factor in enumerate(factors):
        single = run(factor)
        assert int(batch.statistics.n_steps[k]) == int(single.statistics.n_steps)
        for name, states in single.states.items():
            np.testing.assert_allclose(batch.states[name][k], states, rtol=1e-11)


def test_tolerances_of_what_stands_still_do_not_matter():
    case = CASES["sparse_and_boundary"]()
    dynamics = compile_icrn(case.icrn)
    tolerance = np.full(dynamics.n_state, 1e-15)
    tolerance[np.asarray(dynamics.moving(jnp.arange(dynamics.n_state)))] = 1e-9
    by_base = {name: np.asarray(x) for name, x in dynamics.unpack_state(tolerance).items()}
    runs = [
        simulate(dynamics, case.values, case.params, [1.0], atol=atol)
        for atol in (1e-9, tolerance, by_base, 1e-3)
    ]
    steps = [int(run.statistics.n_steps) for run in runs]
    assert steps[0] == steps[1] == steps[2] > steps[3]


def test_what_stands_still_is_unknown_at_times_not_reached():
    icrn = ICRN(
        species=(BaseSpecies("x"), BaseSpecies("b", is_boundary=True)),
        reactions=(
            reaction("grow", IndexDomain(), ["b"], ["x"], law("times", "s0", "s1", "s1"), ["b", "x"]),
        ),
    )
    solution = simulate(compile_icrn(icrn), {"x": 1.0, "b": 1.0}, {}, [0.0, 0.5, 2.0])
    assert ResultCode(int(solution.result)) != ResultCode.SUCCESS
    np.testing.assert_array_equal(np.isnan(solution.states["b"]), [False, False, True])
    np.testing.assert_array_equal(np.isnan(solution.states["x"]), [False, False, True])


def test_choice_of_solver_counts_what_moves():
    sets = (IndexSet("a", tuple(f"a{k}" for k in range(1500))),)
    icrn = ICRN(
        species=(BaseSpecies("X", sets), BaseSpecies("Y")),
        constants=(RateConstant("k"),),
        reactions=(reaction("decay", IndexDomain(), ["Y"], [], product(2), ["k", "Y"]),),
    )
    case = of(icrn)
    solution = simulate(compile_icrn(icrn), case.values, case.params, [1.0]).check()
    assert int(solution.statistics.n_jac) > 0
