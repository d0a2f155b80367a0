"""Reaction and diffusion: orders, closed forms, conservation, gradients, memory, refusals."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from icrn_core import Grid, IcrnError, compile_icrn, simulate, simulate_field
from icrn_core.authoring import author, reaction
from icrn_core.exponential import SCHEMES, phi
from icrn_core.icrn import RateLaw
from icrn_core.notation import base_species, index_symbols, rate_constants, relu
from icrn_core.placement import share_out
from icrn_core.transforms import _fast, _fast_inverse, _matrix, eigenvalues, to_modes, to_points

rng = np.random.default_rng(0)
KINDS = ("periodic", "no-flux", "fixed")
REST = {"U": 1.0, "V": 0.0}


def gray_scott():
    U, V = base_species("U V")
    F, k = rate_constants("F k")
    return author(
        reaction(U + 2 * V >> 3 * V, 1.0),
        reaction(V >> 0, F + k),
        reaction(0 >> U, F),
        reaction(U >> 0, F),
        values={"F": 0.037, "k": 0.06},
    )


def binding():
    i = index_symbols("i", 2)
    A, B, C = base_species("A B C")
    on, off = rate_constants("on off")
    return author(
        reaction(A[i] + B >> C[i], on[i]),
        reaction(C[i] >> A[i] + B, off),
        values={"on": [0.7, 1.3], "off": 0.4},
    )


def catalysed():
    """E is read by a rate, S by none, and no reaction changes either."""
    E, S, X = base_species("E S X")
    return author(reaction(E >> E + X, 0.5), also=(S,))


def hopfield(n, where=None):
    i, j = index_symbols("i j", n)
    P, M = base_species("P M")
    W, G, k = rate_constants("W G k")
    condition = None if where is None else where(i, j)
    return author(
        reaction(P[i] >> P[i] + P[j], relu(W[i, j]), where=condition),
        reaction(P[i] >> P[i] + M[j], relu(-W[i, j]), where=condition),
        reaction(M[i] >> M[i] + M[j], relu(G[i, j]), where=condition),
        reaction(M[i] >> M[i] + P[j], relu(-G[i, j]), where=condition),
        reaction(3 * P[i] >> 2 * P[i], k),
        reaction(3 * M[i] >> 2 * M[i], k),
        values={"W": rng.normal(size=(n, n)), "G": rng.normal(size=(n, n)), "k": 1.0},
    )


@pytest.fixture(scope="module")
def pattern():
    network = gray_scott()
    return network, compile_icrn(network.icrn)


def mode(grid, numbers):
    """The mode with the given number of half waves along each axis, and its −k²."""
    value, square = np.ones(()), 0.0
    for x, n, h, kind, m in zip(grid.axes, grid.shape, grid.spacing, grid.boundary, numbers, strict=True):
        k = (2 if kind == "periodic" else 1) * np.pi * m / (n * h)
        value = np.multiply.outer(value, np.sin(k * x) if kind == "fixed" else np.cos(k * x))
        square -= k**2
    return value, square


def smooth(grid):
    """Initial values of Gray–Scott that meet the boundaries smoothly."""
    bump = np.ones(())
    for x, n, h, kind in zip(grid.axes, grid.shape, grid.spacing, grid.boundary, strict=True):
        wave = (
            np.sin(np.pi * x / (n * h)) ** 4
            if kind == "fixed"
            else 0.5 + 0.5 * np.cos(2 * np.pi * x / (n * h))
        )
        bump = np.multiply.outer(bump, wave)
    return {"U": 1 - 0.5 * bump, "V": 0.5 * bump}


@pytest.mark.parametrize("k", [1, 2, 3])
def test_phi_functions_are_exact_and_have_their_slopes(k):
    z = -np.concatenate([np.logspace(-10, 2.5, 26), [0.999, 1.0, 1.001, 0.0]])

    def exact(z):
        value = mpmath.exp(z)
        for j in range(k):
            value = (value - 1 / mpmath.factorial(j)) / z
        return float(value)

    with mpmath.workdps(60):
        expected = [exact(mpmath.mpf(x)) for x in z[:-1]] + [1 / math.factorial(k)]
    np.testing.assert_allclose(phi(jnp.asarray(z), k), expected, rtol=2e-15)
    slopes = jax.vmap(jax.grad(lambda z: phi(z, k)))(jnp.asarray(z))
    # φ_k' = φ_k − k φ_(k+1)
    np.testing.assert_allclose(slopes, phi(jnp.asarray(z), k) - k * phi(jnp.asarray(z), k + 1), rtol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 5, 12])
@pytest.mark.parametrize("kind", ["no-flux", "fixed"])
def test_fast_transforms_are_the_products_with_matrices(kind, n):
    x = rng.normal(size=(3, n, 2))
    modes = np.einsum("kn,snj->skj", _matrix(kind, n), x)
    np.testing.assert_allclose(_fast(x, -2, kind), modes, atol=1e-13)
    np.testing.assert_allclose(_fast_inverse(modes, -2, kind), x, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_the_stencil_is_that_of_finite_differences(kind):
    grid = Grid((6, 5), (0.5, 0.7), kind)
    x = rng.normal(size=grid.shape)
    ghost = {"periodic": "wrap", "no-flux": "symmetric", "fixed": "symmetric"}[kind]
    expected = np.zeros(grid.shape)
    for axis, h in enumerate(grid.spacing):
        padded = np.pad(x, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode=ghost)
        if kind == "fixed":
            for end in (0, -1):
                padded[(end,) if axis == 0 else (slice(None), end)] *= -1
        expected += np.diff(padded, 2, axis=axis) / h**2
    found = to_points(grid, eigenvalues(grid, "stencil") * to_modes(grid, x))
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("scheme", "shape", "kinds", "numbers"),
    [
        ("etdrk4", 9, "periodic", (2,)),
        ("etdrk2", 8, "no-flux", (3,)),
        ("strang", 8, "fixed", (3,)),
        ("etdrk4", 200, "no-flux", (3,)),
        ("strang", (6, 7), ("fixed", "periodic"), (2, 1)),
        ("etdrk2", (8, 6), ("periodic", "periodic"), (1, 2)),
        ("etdrk4", (4, 6, 5), ("periodic", "no-flux", "fixed"), (1, 2, 2)),
        ("strang", (4, 5, 6), "periodic", (1, 1, 2)),
    ],
)
def test_diffusion_is_exact(scheme, shape, kinds, numbers):
    """Also of species that no reaction changes, next to others that do not diffuse."""
    network = catalysed()
    grid = Grid(shape, 0.8, kinds, {"S": 2.0} if "fixed" in kinds else None)
    wave, square = mode(grid, numbers)
    far = 2.0 if "fixed" in grid.boundary else 0.0
    solution = simulate_field(
        compile_icrn(network.icrn),
        {"E": 1.0, "S": far + wave, "X": 0.0},
        network.params,
        {"S": 0.3},
        grid,
        step=0.35,
        n_steps=2,
        scheme=scheme,
    ).check()
    np.testing.assert_allclose(
        solution.fields["S"][-1],
        far + wave * np.exp(0.3 * square * 0.7),
        atol=1e-13,
    )
    np.testing.assert_allclose(solution.fields["X"][-1], 0.35, rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_orders_by_halving_the_step(pattern, scheme, kind):
    network, dynamics = pattern
    grid = Grid(20, 1.0, kind, REST if kind == "fixed" else None)
    ends = [
        simulate_field(
            dynamics,
            smooth(grid),
            network.params,
            {"U": 2.0, "V": 1.0},
            grid,
            step=8.0 / n,
            n_steps=n,
            scheme=scheme,
        ).check()
        for n in (32, 64, 128)
    ]
    coarse, middle, fine = (np.stack([s.fields[b][-1] for b in "UV"]) for s in ends)
    order = np.log2(np.linalg.norm(coarse - middle) / np.linalg.norm(middle - fine))
    assert order == pytest.approx(SCHEMES[scheme].order, abs=0.15)


@pytest.mark.parametrize("kind", ["periodic", "no-flux"])
def test_reactions_that_conserve_conserve_to_rounding(kind):
    network = binding()
    grid = Grid((9, 8), 0.7, kind)
    values = {"A": rng.random((2, 9, 8)), "B": rng.random((9, 8)), "C": np.zeros(2)}
    for scheme in SCHEMES:
        solution = simulate_field(
            compile_icrn(network.icrn),
            values,
            network.params,
            {"A": [0.5, 0.0], "B": 0.2},
            grid,
            step=0.1,
            n_steps=20,
            scheme=scheme,
        ).check()
        A, B, C = (np.asarray(solution.fields[b]) for b in "ABC")
        totals = (A + C).sum((2, 3)), (B + C.sum(1)).sum((1, 2))
        for total in totals:
            np.testing.assert_allclose(total[-1], total[0], rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_a_uniform_field_is_a_well_mixed_run(pattern, kind):
    network, dynamics = pattern
    values = {"U": 0.6, "V": 0.3}
    diffusion = {} if kind == "fixed" else {"U": 0.2, "V": 0.1}
    solution = simulate_field(
        dynamics,
        values,
        network.params,
        diffusion,
        Grid((4, 5), 1.0, kind),
        step=0.05,
        n_steps=100,
        save_every=50,
    ).check()
    expected = simulate(dynamics, values, network.params, solution.times, rtol=1e-11, atol=1e-13).check()
    for base, field in solution.fields.items():
        assert field.shape == (3, 4, 5)
        np.testing.assert_allclose(
            field, np.broadcast_to(expected.states[base][:, None, None], (3, 4, 5)), rtol=1e-8
        )


def test_rate_constants_and_held_species_may_vary_in_space():
    network = catalysed()
    dynamics = compile_icrn(network.icrn)
    E, k = rng.random(5), rng.random(5)
    grid = Grid(5)
    values = {"E": E, "S": 0.0, "X": 0.0}
    for constant in (0.5, k):
        solution = simulate_field(dynamics, values, {"k_R1": constant}, {}, grid, step=0.5, n_steps=4)
        np.testing.assert_allclose(solution.fields["X"][-1], 2 * constant * E, rtol=1e-14)


def test_species_that_only_diffuse_are_read_as_they_are():
    network = catalysed()
    grid = Grid(8)
    wave, square = mode(grid, (1,))
    values = {"E": 1 + wave, "S": 0.0, "X": 0.0}
    arguments = (values, network.params, {"E": 0.4}, grid)
    with pytest.raises(IcrnError, match=r"'E' diffuses, .* moving=\['E'\]"):
        simulate_field(compile_icrn(network.icrn), *arguments, step=0.1, n_steps=10)
    dynamics = compile_icrn(network.icrn, moving=["E"])
    found = simulate_field(dynamics, *arguments, step=0.1, n_steps=10).check().fields["X"][-1]
    rate = 0.4 * square
    np.testing.assert_allclose(found, 0.5 * (1 + wave * np.expm1(rate) / rate), rtol=1e-8)
    with pytest.raises(IcrnError, match=r"no base species is called 'Q' .there are: S, E, X"):
        compile_icrn(network.icrn, moving=["Q"])


@pytest.mark.parametrize(
    ("scheme", "kinds"),
    [
        ("etdrk4", ("periodic", "fixed")),
        ("etdrk2", ("no-flux", "periodic")),
        ("strang", ("fixed", "no-flux")),
    ],
)
def test_gradients_are_central_differences(pattern, scheme, kinds):
    _, dynamics = pattern
    grid = Grid((5, 6), 1.0, kinds)
    given = {
        "values": smooth(grid),
        "params": {"F": 0.037, "k": 0.06, "k_R1": 1.0},
        "diffusion": {"U": 0.2, "V": 0.1},
    }

    def loss(given, checkpoint="step"):
        solution = simulate_field(
            dynamics, **given, grid=grid, step=0.5, n_steps=7, scheme=scheme, checkpoint=checkpoint
        )
        return sum(jnp.sum(field[-1] ** 3) for field in solution.fields.values())

    slopes = jax.jit(jax.grad(loss))(given)
    run = jax.jit(loss)
    for part, tensors in given.items():
        along = jax.tree.map(lambda x: rng.normal(size=np.shape(x)), tensors)
        ahead, behind = (
            run({**given, part: {name: x + s * along[name] for name, x in tensors.items()}})
            for s in (1e-5, -1e-5)
        )
        found = sum(jnp.sum(slopes[part][name] * along[name]) for name in tensors)
        np.testing.assert_allclose(found, (ahead - behind) / 2e-5, rtol=1e-6, err_msg=part)
    if scheme == "strang":
        for checkpoint in ("nested", "none"):
            again = jax.jit(jax.grad(partial(loss, checkpoint=checkpoint)))(given)
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), slopes, again)


def test_memory_of_a_gradient_grows_as_promised(pattern):
    """Per step one state is stored, or about 2 √n of them."""
    network, dynamics = pattern
    grid = Grid((32, 32))
    state = 2 * 32 * 17 * 16

    def states_of(n, checkpoint):
        def loss(params):
            solution = simulate_field(
                dynamics,
                smooth(grid),
                params,
                {"U": 0.2, "V": 0.1},
                grid,
                step=0.1,
                n_steps=n,
                scheme="etdrk2",
                checkpoint=checkpoint,
            )
            return jnp.sum(solution.fields["U"][-1])

        compiled = jax.jit(jax.grad(loss)).lower(network.params).compile()
        return compiled.memory_analysis().temp_size_in_bytes / state

    assert states_of(256, "step") - states_of(64, "step") == pytest.approx(256 - 64, rel=0.05)
    assert states_of(1024, "nested") - states_of(64, "nested") == pytest.approx(2 * (32 - 8), rel=0.1)


def test_runs_are_mapped_over_batches(pattern):
    network, dynamics = pattern
    grid = Grid((4, 6))

    def end(F, D):
        params = {**network.params, "F": F}
        solution = simulate_field(
            dynamics, smooth(grid), params, {"U": D, "V": 0.1}, grid, step=1.0, n_steps=3
        )
        return solution.fields["U"][-1]

    F, D = jnp.array([0.02, 0.05]), jnp.array([0.2, 0.4])
    np.testing.assert_allclose(
        jax.vmap(end)(F, D), jnp.stack([end(*x) for x in zip(F, D, strict=True)]), rtol=1e-13
    )
    np.testing.assert_allclose(
        jax.jvp(end, (F[0], D[0]), (1.0, 0.0))[1],
        (end(F[0] + 1e-6, D[0]) - end(F[0] - 1e-6, D[0])) / 2e-6,
        atol=1e-7,
    )


def test_float32_is_close(pattern):
    network, dynamics = pattern
    grid = Grid((6, 6))
    run = {"step": 1.0, "n_steps": 10}
    arguments = (dynamics, smooth(grid), network.params, {"U": 0.2, "V": 0.1}, grid)
    exact = simulate_field(*arguments, **run)
    found = simulate_field(*arguments, **run, dtype=np.float32).check()
    assert found.fields["U"].dtype == found.times.dtype == np.float32
    np.testing.assert_allclose(found.fields["U"], exact.fields["U"], rtol=1e-5)


def test_a_projection_follows_every_step():
    A, B = base_species("A B")
    network = author(reaction(0 >> A, 1.0), reaction(0 >> B, 0.25))

    def annihilated(state):
        least = jnp.minimum(state["A"], state["B"])
        return {base: x - least for base, x in state.items()}

    for scheme in SCHEMES:
        solution = simulate_field(
            compile_icrn(network.icrn),
            {"A": 0.0, "B": 0.0},
            network.params,
            {"A": 0.3},
            Grid((3, 3)),
            step=0.5,
            n_steps=4,
            save_every=2,
            project=annihilated,
            scheme=scheme,
        ).check()
        np.testing.assert_allclose(solution.fields["A"][:, 1, 2], [0, 0.75, 1.5], atol=1e-14)
        np.testing.assert_allclose(solution.fields["B"], 0.0, atol=1e-15)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_signed_variables_are_stepped_as_if_they_were_species(scheme):
    """dx/dt = 1 − 2 max(x, 0) + max(−x, 0) / 2 with x = A − B, from −1 through 0."""
    A, B = base_species("A B")
    network = author(reaction(0 >> A, 1.0), reaction(A >> 0, 2.0), reaction(B >> 0, 0.5))

    def annihilated(state):
        excess = state["A"] - state["B"]
        return {"A": jnp.maximum(excess, 0.0), "B": jnp.maximum(-excess, 0.0)}

    solution = simulate_field(
        compile_icrn(network.icrn),
        {"A": 0.0, "B": 1.0},
        network.params,
        {"A": 0.3, "B": 0.3},
        Grid((4,)),
        step=0.1,
        n_steps=15,
        save_every=5,
        project=annihilated,
        scheme=scheme,
    ).check()
    crossing = 2.0 * np.log(1.5)
    exact = [-1.0, 2.0 - 3.0 * np.exp(-0.25), 0.5 * (1.0 - np.exp(-2.0 * (1.0 - crossing)))]
    exact += [0.5 * (1.0 - np.exp(-2.0 * (1.5 - crossing)))]
    found = (solution.fields["A"] - solution.fields["B"])[:, 0]
    np.testing.assert_allclose(found, exact, atol={"etdrk4": 2e-4, "etdrk2": 2e-3, "strang": 2e-4}[scheme])


@pytest.mark.parametrize("where", [None, lambda i, j: i != j])
def test_weighted_sums_over_points_are_matrix_products(where):
    """One for each kind of reaction, of static weights, and nothing of the size of weights times points."""
    n, n_points = 40, 500
    network = hopfield(n, where)
    dynamics = compile_icrn(network.icrn)
    assert all(group.contracts for group in dynamics.plan.dense)
    params = dynamics.pack_params(network.params)
    prepared = dynamics.prepare(params[:, None], jnp.zeros((2 * n, 1)))
    y = jnp.asarray(rng.random((2 * n, n_points)))

    def rate(y):
        return dynamics.prepared_field(jnp.zeros(n_points), y, prepared)

    expected = jax.vmap(lambda y: dynamics.vector_field(0.0, y, params), 1, 1)(y)
    np.testing.assert_allclose(rate(y), expected, rtol=1e-12)
    used = np.ones((n, n)) if where is None else 1 - np.eye(n)
    W, G = network.values["W"] * used, network.values["G"] * used
    by_hand = np.maximum(W, 0).T @ y[:n] + np.maximum(-G, 0).T @ y[n:] - y[:n] ** 3
    np.testing.assert_allclose(rate(y)[:n], by_hand, rtol=1e-12)
    products = [e for e in jax.make_jaxpr(rate)(y).eqns if e.primitive.name == "dot_general"]
    assert sorted(e.invars[0].aval.shape for e in products) == [(n, n)] * 4
    compiled = jax.jit(rate).lower(y).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 0.2 * 8 * n * n * n_points


def test_entries_that_only_missing_tuples_read_may_be_singular():
    """A mask is not moved into a product where it would meet them."""
    i, j = index_symbols("i j", 20)
    X, Y = base_species("X Y")
    network = author(reaction(X[i] >> X[i] + Y[j], 0.1, where=i < j), reaction(X[i] >> 0, 2.0))
    dynamics = compile_icrn(network.icrn)
    assert not any(group.contracts for group in dynamics.plan.dense)
    X = np.ones(20)
    X[-1] = np.nan
    rate = dynamics.vector_field(
        0.0, dynamics.pack_state({"X": X, "Y": np.zeros(20)}), dynamics.pack_params(network.params)
    )
    np.testing.assert_allclose(dynamics.unpack_state(rate)["Y"], 0.1 * np.arange(20), rtol=1e-14)


def test_what_is_not_finite_is_noted_with_its_time(pattern):
    network, dynamics = pattern
    values = {"U": 1.0, "V": np.full(6, 40.0)}
    solution = simulate_field(dynamics, values, network.params, {"U": 0.2}, Grid(6), step=1.0, n_steps=50)
    assert 0 <= float(solution.reached) < 20
    with pytest.raises(IcrnError, match=r"not finite after t = [0-9]+: .* a step that is too long"):
        solution.check()


def test_periodic_sizes_that_are_slow_are_logged(caplog):
    with caplog.at_level(logging.WARNING, "icrn_core.grid"):
        Grid((128, 105), boundary=("periodic", "periodic"))
        Grid(101, boundary="no-flux")
        assert not caplog.records
        Grid((128, 101))
    assert "101 points is slow" in caplog.text
    assert "the next is 105" in caplog.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"grid": lambda: Grid((4, 4), boundary="open")},
            "no boundary is called 'open' .there are: periodic, no-flux",
        ),
        ({"grid": lambda: Grid((4, 4, 4, 4))}, "one to three numbers of points, found"),
        ({"grid": lambda: Grid((4, 4), (1.0, 1.0, 1.0))}, "grid of 2 axes is one value or 2, found 3"),
        ({"grid": lambda: Grid((4, 4), -1.0)}, "spacing of a grid is positive, found"),
        ({"grid": lambda: Grid((4, 4), boundary_values={"U": 1.0})}, "those of fixed boundaries"),
        (
            {"grid": lambda: Grid((4, 4), 1.0, "fixed", {"V": 1.0})},
            "boundary value is given .* 'V', which does not",
        ),
        ({"grid": lambda: Grid((4, 4), 1.0, "fixed", {"W": 1.0})}, "no base species is called 'W'"),
        ({"scheme": "euler"}, "no scheme is called 'euler' .there are: etdrk4, etdrk2, strang"),
        ({"laplacian": "exact"}, "no laplacian is called 'exact' .there are: spectral, stencil"),
        ({"checkpoint": "all"}, "no checkpoint is called 'all' .there are: step, nested, none"),
        (
            {"diffusion": {"U": -0.1}},
            r"diffusion constant of base species 'U' is -0\.1, expected a number from 0",
        ),
        ({"diffusion": {"U": np.nan}}, "diffusion constant of base species 'U' is nan"),
        ({"diffusion": {"U": [0.1, 0.1]}}, r"has shape \(2,\), expected \(\)"),
        ({"diffusion": {"W": 0.1}}, "no base species is called 'W' .there are: U, V"),
        ({"values": {"U": 1.0}}, r"no values for base species 'V': give an array of shape \(\) or \(4, 4\)"),
        (
            {"values": {"U": 1.0, "V": np.ones(4)}},
            r"'V' have shape \(4,\), expected \(\) or, with the grid, \(4, 4\)",
        ),
        ({"params": {"F": 1.0, "k": 1.0}}, "no values for rate constant 'k_R1'"),
        ({"step": 0.0}, "step is a positive number, found 0.0"),
        ({"n_steps": 0}, "n_steps is a whole number from 1 up, found 0"),
        ({"save_every": 3}, "multiple of save_every, found 4 and 3"),
        ({"dtype": np.int32}, "floating-point type, found int32"),
    ],
)
def test_what_does_not_fit_is_refused(pattern, change, says):
    network, dynamics = pattern
    given = {
        "values": {"U": 1.0, "V": 0.0},
        "params": network.params,
        "diffusion": {"U": 0.2},
        "grid": lambda: Grid((4, 4)),
        "step": 0.5,
        "n_steps": 4,
        **change,
    }
    with pytest.raises(IcrnError, match=says):
        simulate_field(dynamics, **{**given, "grid": given["grid"]()})


@pytest.mark.parametrize(
    ("compared", "says"), [(("time",), "comparisons of the time"), (("slot", 0), "comparisons of the state")]
)
def test_networks_with_switches_are_refused(compared, says):
    X = base_species("X")
    network = author(reaction(X >> 0, law=2.0 * X))
    law = RateLaw(("piecewise", ("slot", 0), ("gt", compared, 1.0), 0.0))
    icrn = replace(network.icrn, reactions=(replace(network.icrn.reactions[0], law=law),))
    with pytest.raises(IcrnError, match=says):
        simulate_field(compile_icrn(icrn), {"X": 1.0}, {}, {}, Grid(3), step=1.0, n_steps=1)


def test_fields_are_shared_out_over_devices():
    """In a process of its own, where one CPU counts as two devices."""
    code = """
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
from icrn_core import Grid, compile_icrn, simulate_field
from icrn_core.placement import share_out
from test_fields import gray_scott, smooth
assert len(jax.devices()) == 2
network = gray_scott()
dynamics, grid = compile_icrn(network.icrn), Grid((8, 6), boundary=("periodic", "no-flux"))
values, D = smooth(grid), {"U": 0.2, "V": 0.1}
run = dict(step=0.5, n_steps=4)
alone = simulate_field(dynamics, values, network.params, D, grid, **run).check()
shared = share_out(values, grid)
assert shared["U"].sharding.shard_shape(shared["U"].shape) == (4, 6)
spread = simulate_field(dynamics, shared, network.params, D, grid, **run).check()
for name, field in alone.fields.items():
    np.testing.assert_allclose(spread.fields[name], field, rtol=1e-12)
print("shared out", len(spread.fields["U"].sharding.device_set))
"""
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.stdout == "shared out 2\n", done.stderr


def test_devices_that_cannot_share_equally_are_refused():
    with pytest.raises(IcrnError, match="has 5 points, which 2 devices cannot share"):
        share_out({"U": np.zeros(5)}, Grid(5), jax.devices() * 2)


@pytest.mark.parametrize("shape", [(12,), (6, 8), (4, 5, 6)])
def test_pictures_and_movies(shape, tmp_path):
    pytest.importorskip("matplotlib")
    from icrn_core.pictures import save_movie, save_snapshot

    network = binding()
    solution = simulate_field(
        compile_icrn(network.icrn),
        {"A": rng.random((2, *shape)), "B": 1.0, "C": np.zeros(2)},
        network.params,
        {"B": 0.1},
        Grid(shape),
        step=0.1,
        n_steps=4,
        save_every=2,
    )
    save_snapshot(solution, tmp_path / "end.png")
    assert (tmp_path / "end.png").read_bytes().startswith(b"\x89PNG")
    save_movie(solution, tmp_path / "run.gif", bases=["A"], fps=5)
    assert (tmp_path / "run.gif").read_bytes().startswith(b"GIF")
    with pytest.raises(IcrnError, match=r"a \.gif or \.mp4 file, found 'run.avi'"):
        save_movie(solution, tmp_path / "run.avi")
    with pytest.raises(IcrnError, match="no base species is called 'Q'"):
        save_snapshot(solution, tmp_path / "end.png", bases=["Q"])
    with pytest.raises(IcrnError, match="there are 3 saved times, found at=3"):
        save_snapshot(solution, tmp_path / "end.png", at=3)
