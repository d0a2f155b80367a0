"""Laws of the compiled rate of change, over the registry."""

from __future__ import annotations

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from core_oracle import Oracle
from core_registry import CASES, dimerization, draw

from icrn_core import compile_icrn
from icrn_core.dense import axis_sum
from icrn_core.icrn import (
    ICRN,
    AssignedQuantity,
    BaseSpecies,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    RateConstant,
    RateLaw,
    Reference,
    Term,
)

TIME = 0.4


class Compiled:
    """The functions of a `Dynamics`, jitted once for all tests of a case."""

    def __init__(self, dynamics):
        self.dynamics = dynamics
        for name in ("vector_field", "jacobian", "time_derivative", "observe"):
            setattr(self, name, jax.jit(getattr(dynamics, name)))

    def __getattr__(self, name):
        return getattr(self.dynamics, name)


@pytest.fixture(params=CASES, scope="module")
def built(request):
    case = CASES[request.param]()
    dynamics = compile_icrn(case.icrn)
    state, params = dynamics.initialise(case.values, case.params)
    return case, Compiled(dynamics), dynamics.pack_state(state), dynamics.pack_params(params)


def test_vector_field_is_the_sum_over_tuples(built):
    case, dynamics, y, params = built
    state = {name: np.asarray(x) for name, x in dynamics.unpack_state(y).items()}
    expected = Oracle(case.icrn, case.params).rate(TIME, state)
    found = dynamics.unpack_state(dynamics.vector_field(TIME, y, params))
    assert found.keys() == expected.keys()
    for name, rate in expected.items():
        np.testing.assert_allclose(found[name], rate, rtol=1e-12, atol=1e-12, err_msg=name)


def test_jacobian_is_the_derivative_of_the_vector_field(built):
    _, dynamics, y, params = built
    expected = jax.jit(jax.jacfwd(lambda y: dynamics.vector_field(TIME, y, params)))(y)
    np.testing.assert_allclose(dynamics.jacobian(TIME, y, params), expected, rtol=1e-11, atol=1e-12)


def test_jacobian_is_the_reverse_derivative_too(built):
    _, dynamics, y, params = built
    expected = jax.jit(jax.jacrev(lambda y: dynamics.vector_field(TIME, y, params)))(y)
    np.testing.assert_allclose(dynamics.jacobian(TIME, y, params), expected, rtol=1e-11, atol=1e-12)


def test_time_derivative_is_a_finite_difference(built):
    _, dynamics, y, params = built
    step = 1e-5
    ahead, behind = (dynamics.vector_field(TIME + s, y, params) for s in (step, -step))
    found = dynamics.time_derivative(TIME, y, params)
    np.testing.assert_allclose(found, (ahead - behind) / (2 * step), rtol=1e-7, atol=1e-8)


def test_derivative_by_params_is_finite_and_right(built):
    _, dynamics, y, params = built
    weights = jnp.cos(jnp.arange(dynamics.n_state, dtype=float))

    @jax.jit
    def total(params):
        return weights @ dynamics.vector_field(TIME, y, params)

    gradient = jax.jit(jax.grad(total))(params)
    direction = jnp.sin(1.0 + jnp.arange(dynamics.n_params, dtype=float)) * (params != 0)
    step = 1e-6
    expected = (total(params + step * direction) - total(params - step * direction)) / (2 * step)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient @ direction, expected, rtol=1e-6, atol=1e-7)


def test_fluxes_are_observed_in_the_order_of_the_tuples(built):
    case, dynamics, y, params = built
    seen = Oracle(case.icrn, case.params)
    state = {name: np.asarray(x) for name, x in dynamics.unpack_state(y).items()}
    tensors = seen.seen(TIME, state)
    observed = dynamics.observe(TIME, y, params)
    for reaction in case.icrn.reactions:
        expected = [seen._law(reaction, tuple(at), tensors, TIME) for at in reaction.domain.tuples()]
        np.testing.assert_allclose(
            observed.fluxes[reaction.name], np.reshape(expected, -1), rtol=1e-12, atol=1e-14
        )
    for base in (*case.icrn.species, *case.icrn.assigned):
        found = {**observed.species, **observed.assigned}[base.name]
        np.testing.assert_allclose(found, tensors[base.name], rtol=1e-13)


def test_amounts_are_concentrations_times_sizes():
    case = CASES["compartments"]()
    dynamics = compile_icrn(case.icrn)
    state, params = dynamics.initialise(case.values, case.params)
    y, p = dynamics.pack_state(state), dynamics.pack_params(params)
    observed = dynamics.observe(0.0, y, p)
    for name, size in [
        ("Y", state["grown"]),
        ("Z", observed.assigned["swollen"]),
        ("C", observed.assigned["swollen"]),
        ("Q", observed.assigned["swollen"]),
        ("X", params["size"][np.array([0, 1, 1, 0])]),
    ]:
        np.testing.assert_allclose(observed.amounts[name], observed.concentrations[name] * size, rtol=1e-14)
    np.testing.assert_allclose(observed.concentrations["Y"], case.values["Y"], rtol=1e-14)
    np.testing.assert_allclose(observed.amounts["C"], case.values["C"], rtol=1e-14)
    np.testing.assert_allclose(observed.amounts["Q"], case.values["Q"], rtol=1e-14)


def test_relation_equals_dense():
    values, params = draw(dimerization(17))
    fields = []
    for relation in (False, True):
        dynamics = compile_icrn(dimerization(17, relation))
        assert bool(dynamics.plan.dense) != relation
        fields.append(dynamics.vector_field(0.0, dynamics.pack_state(values), dynamics.pack_params(params)))
    np.testing.assert_allclose(*fields, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (5,), (3, 40), (40, 3), (2, 35, 3), (3, 2, 4, 2)])
def test_axis_sum_is_the_sum(shape):
    tensor = np.random.default_rng(0).random(shape)
    for n_axes in range(len(shape) + 1):
        for axes in combinations(range(len(shape)), n_axes):
            np.testing.assert_allclose(
                axis_sum(jnp.asarray(tensor), axes), tensor.sum(axis=axes, keepdims=True), rtol=1e-13
            )


def count_equations(function, *args):
    """Number of equations of a function's jaxpr, inner jaxprs included."""

    def count(jaxpr):
        total = 0
        for equation in jaxpr.eqns:
            inner = [
                x for v in equation.params.values() for x in (v if isinstance(v, (tuple, list)) else (v,))
            ]
            found = [getattr(x, "jaxpr", x) for x in inner if hasattr(x, "eqns") or hasattr(x, "jaxpr")]
            total += 1 + sum(count(jaxpr) for jaxpr in found)
        return total

    return count(jax.make_jaxpr(function)(*args).jaxpr)


@pytest.mark.parametrize("relation", [False, True])
@pytest.mark.parametrize("what", ["vector_field", "jacobian"])
def test_compiled_size_does_not_depend_on_the_number_of_reactions(relation, what):
    counts = []
    for n in (17, 54):  # 2 n² reactions: ten times as many
        dynamics = compile_icrn(dimerization(n, relation))
        y, p = jnp.ones(dynamics.n_state), jnp.ones(dynamics.n_params)
        counts.append(count_equations(lambda d, y, p: getattr(d, what)(0.0, y, p), dynamics, y, p))
    assert counts[0] == counts[1] < 300


def test_compiling_twice_gives_the_same_plan():
    first, second = (compile_icrn(CASES["compartments"]().icrn) for _ in range(2))
    assert first.plan == second.plan
    assert hash(first.plan) == hash(second.plan)
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_laws_that_differ_in_slot_numbers_are_one_group():
    dynamics = compile_icrn(CASES["relation_with_repeats"]().icrn)
    assert [group.size for group in dynamics.plan.flat] == [6, 6]


def test_printing_says_how_large_it_is():
    dynamics = compile_icrn(dimerization(17))
    assert "n_state=306" in repr(dynamics)
    assert "2 dense domains" in repr(dynamics)


def test_a_quantity_that_no_rate_reads_stays_out_of_the_jacobian():
    """``ratio = B/A`` is 0/0 with infinite slopes at the start; the decay of A and B is not."""
    species = (BaseSpecies("A"), BaseSpecies("B"))
    decay = RateLaw(("times", ("slot", 0), ("slot", 1)))
    ratio = RateLaw(("divide", ("slot", 0), ("slot", 1)))
    reactions = tuple(
        IndexedReaction(
            f"R{x}", IndexDomain(), (Term(Reference(x)),), (), decay, (Reference("k"), Reference(x))
        )
        for x in "AB"
    )
    watched = IndexedAssignment("W", IndexDomain(), Reference("q"), ratio, (Reference("B"), Reference("A")))
    dynamics = compile_icrn(
        ICRN(species, (RateConstant("k"),), (AssignedQuantity("q"),), reactions, (watched,))
    )
    zero = jnp.zeros(2)
    np.testing.assert_array_equal(dynamics.jacobian(0.0, zero, jnp.ones(1)), -np.eye(2))
    seen = dynamics.observe(0.0, jnp.array([2.0, 1.0]), jnp.ones(1)).assigned["q"]
    np.testing.assert_allclose(seen, 0.5, rtol=1e-15)
