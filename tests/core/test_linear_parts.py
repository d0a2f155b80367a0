"""Laws of what the integrators are made of: sparse maps, elimination, laws cut in two, kernels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from icrn_core import elimination, kernel
from icrn_core.law import canonical_law, split_law
from icrn_core.plan import Arrays
from icrn_core.sparse_map import gather, sparse_map

SHAPES = [(1, 1, 0), (1, 1, 1), (5, 3, 4), (7, 20, 60), (40, 6, 300), (3, 200, 500)]


def drawn(shape, seed=0):
    """A sparse matrix with repeated places: rows, columns, values, and the dense sum."""
    n_rows, n_columns, n = shape
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, n_rows, n), rng.integers(0, n_columns, n)
    values = rng.normal(size=n)
    dense = np.zeros((n_rows, n_columns))
    np.add.at(dense, (rows, columns), values)
    return rows, columns, values, dense


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sparse_map_is_the_matrix_and_its_transpose(shape):
    rows, columns, values, dense = drawn(shape)
    arrays = Arrays()
    linear = sparse_map(rows, columns, values, *shape[:2], arrays)
    tables = tuple(map(jnp.asarray, arrays.items))
    x = jnp.asarray(np.random.default_rng(1).normal(size=(shape[1], 4)))
    y = np.random.default_rng(2).normal(size=(shape[0], 4))
    np.testing.assert_allclose(linear(tables, x), dense @ x, rtol=1e-13, atol=1e-13)
    for transposable in (False, True):
        _, pull = jax.vjp(lambda x, way=transposable: linear(tables, x, way), x)
        np.testing.assert_allclose(pull(jnp.asarray(y))[0], dense.T @ y, rtol=1e-13, atol=1e-13)


def test_reverse_mode_of_a_transposable_map_has_no_scatter():
    rows, columns, values, _ = drawn((40, 6, 300))
    arrays = Arrays()
    linear = sparse_map(rows, columns, values, 40, 6, arrays)
    tables = tuple(map(jnp.asarray, arrays.items))

    def pulled(way):
        def pull(x, y):
            return jax.vjp(lambda x: linear(tables, x, way), x)[1](y)

        return str(jax.make_jaxpr(pull)(jnp.ones((6, 2)), jnp.ones((40, 2))))

    assert "scatter" in pulled(False)
    assert "scatter" not in pulled(True)


def test_a_gather_takes_entries_in_order():
    arrays = Arrays()
    taken = gather(np.array([2, 0, 2]), 3, arrays)(tuple(map(jnp.asarray, arrays.items)), jnp.eye(3))
    np.testing.assert_array_equal(taken, np.eye(3)[[2, 0, 2]])


def arrow(n):
    """Hubs and spokes: a bad order fills it in completely."""
    rows = np.concatenate([np.zeros(n, int), np.arange(n), np.arange(n)])
    return rows, np.concatenate([np.arange(n), np.zeros(n, int), np.arange(n)])


PATTERNS = {
    "nothing": lambda: (np.zeros(0, int), np.zeros(0, int), 3),
    "one": lambda: (np.array([0]), np.array([0]), 1),
    "arrow": lambda: (*arrow(30), 30),
    "triangular": lambda: (*np.tril_indices(6, -1), 6),
    "random": lambda: (*drawn((25, 25, 80))[:2], 25),
    "full": lambda: (*np.indices((9, 9)).reshape(2, -1), 9),
}


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("name", PATTERNS)
def test_elimination_solves_the_system_and_its_transpose(name, lanes):
    rows, columns, n = PATTERNS[name]()
    rows, columns = np.unique(np.stack([rows, columns]), axis=1)
    plan, _ = elimination.plan_elimination(rows, columns, n)
    rng = np.random.default_rng(3)
    jacobian, right = rng.normal(size=(len(rows), lanes)), rng.normal(size=(n, lanes))
    shift = rng.uniform(30.0, 40.0, lanes)
    factors = elimination.factor(plan, jnp.asarray(jacobian), jnp.asarray(shift))
    for solve, turn in ((elimination.solve, False), (elimination.solve_transposed, True)):
        found = solve(plan, factors, jnp.asarray(right))
        for lane in range(lanes):
            matrix = shift[lane] * np.eye(n)
            matrix[rows, columns] -= jacobian[:, lane]
            expected = np.linalg.solve(matrix.T if turn else matrix, right[:, lane])
            np.testing.assert_allclose(found[:, lane], expected, rtol=1e-12, atol=1e-14)


def test_hubs_are_eliminated_last():
    plan, n_updates = elimination.plan_elimination(*arrow(30), 30)
    assert len(plan.source) == 3 * 30 - 2  # no fill-in
    assert n_updates == 29


def test_what_fills_in_is_left_to_a_dense_factorisation():
    full = np.indices((200, 200)).reshape(2, -1)
    scattered = drawn((300, 300, 3000))[:2]
    for rows, columns, n in ((*full, 200), (*scattered, 300)):
        assert elimination.plan_elimination(rows, columns, n)[0] is None


LAWS = [
    ("times", ("slot", 0), ("slot", 1), ("slot", 2)),
    ("plus", ("slot", 0), ("times", ("slot", 1), ("slot", 2)), 2.0, ("slot", 1)),
    ("divide", ("times", ("slot", 0), ("slot", 2)), ("plus", ("slot", 1), ("power", ("slot", 2), 2.0))),
    ("power", ("plus", ("slot", 0), ("slot", 1)), ("minus", ("slot", 0), 0.5)),
    ("times", ("exp", ("slot", 0)), ("sin", ("time",)), ("slot", 1)),
    ("piecewise", ("slot", 0), ("lt", ("slot", 1), 1.0), ("divide", ("slot", 0), ("slot", 2))),
    3.5,
]


@pytest.mark.parametrize(
    "mask", [(True, True, True), (True, False, True), (False, True, False), (False,) * 3]
)
@pytest.mark.parametrize("k", range(len(LAWS)))
def test_a_law_cut_in_two_has_the_same_value(k, mask):
    law, order = canonical_law(LAWS[k])
    static = tuple(mask[slot] for slot in order)
    split = split_law(law, static)
    slots = [jnp.asarray(np.random.default_rng(5).uniform(0.5, 2.0, 4)) for _ in order]
    t = jnp.asarray(0.7)
    given = [slots[read[0]] if own is None else own([slots[s] for s in read], t) for own, read in split.slots]
    for own, read in split.slots:
        assert own is None or all(static[s] for s in read)
    np.testing.assert_allclose(split.law(given, t), law(slots, t), rtol=1e-14)
    np.testing.assert_array_equal(len(split.slots), split.law.n_slots)


def test_static_factors_become_one():
    law, _ = canonical_law(LAWS[0])
    split = split_law(law, (True, False, True))
    assert split.law.n_slots == 2


@pytest.mark.skipif(not kernel.is_available(), reason="kernels are for CPUs and known versions of JAX")
def test_a_kernel_returns_what_the_function_does():
    def loop(x, empty, scale, unused):
        end = jax.lax.while_loop(lambda c: c.sum() < 100.0, lambda c: c * scale + 1.0, x)
        return {"end": end, "empty": empty, "twice": 2 * end}

    # Constants, empty arrays and arguments that are not used are what a kernel could trip over.
    args = (jnp.arange(4.0), jnp.zeros((0, 3)), jnp.asarray(1.5), jnp.ones(3))
    expected = loop(*args)
    for function in (
        jax.jit(lambda *args: kernel.one_kernel(loop, *args)),
        lambda *_: jax.jit(lambda: kernel.one_kernel(loop, *args))(),
    ):
        found = function(*args)
        jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_kernels_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("ICRN_KERNELS", "off")
    assert not kernel.is_available()


REDUCED = [
    ((3,), 0),
    ((5000,), 0),
    ((4097, 1), 0),
    ((100, 64), 0),
    ((300, 9, 4), 1),
    ((7, 3000), 0),
    ((23, 700), 0),
]


@pytest.mark.parametrize(("shape", "axis"), REDUCED)
def test_reductions_of_any_size_can_be_part_of_a_kernel(shape, axis):
    x = jnp.asarray(np.random.default_rng(0).normal(size=shape))
    for options, expected in (({}, x.sum(axis)), ({"combine": jnp.maximum, "by": jnp.max}, x.max(axis))):
        found = jax.jit(lambda x, o=options: kernel.one_kernel(lambda x: kernel.reduced(x, axis, **o), x))(x)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-11)
