"""`minimise`: where it ends, what it never changes, and that a stopped run goes on as if it had not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls

from icrn_core import IcrnError, compile_icrn, minimise, simulate
from icrn_core.icrn import (
    ICRN,
    BaseSpecies,
    IndexDomain,
    IndexedReaction,
    RateConstant,
    RateLaw,
    Reference,
    Term,
)

optax = pytest.importorskip("optax", reason="optax is not installed")

RNG = np.random.default_rng(5)
A, B = RNG.normal(size=(30, 4)), RNG.normal(size=30)
OPTIMUM = np.linalg.lstsq(A, B, rcond=None)[0]
SAMPLES = {"a": A, "b": B}


def squares(tensors):
    """Sum of squares of a linear model whose coefficients are two tensors."""
    x = jnp.concatenate([tensors["slope"], tensors["rest"]])
    return jnp.sum((A @ x - B) ** 2)


def squares_of_batch(tensors, batch):
    return jnp.mean((batch["a"] @ tensors["x"] - batch["b"]) ** 2)


TWO = {"slope": np.zeros(3), "rest": np.zeros(1)}
ONE = {"x": np.ones(4)}


def quadratic(tensors):
    return jnp.sum((tensors["x"] - 3.0) ** 2)


# --- where it ends -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimiser", "learning_rate", "steps", "tolerance"),
    [
        ("adam", 0.05, 1500, 1e-5),
        ("adamw", 0.05, 1500, 1e-3),
        ("sgd", 5e-3, 1500, 1e-6),
        ("lbfgs", None, 40, 1e-6),
        (optax.chain(optax.clip(10.0), optax.adam(0.05)), None, 1500, 1e-5),
        ("adam", optax.cosine_decay_schedule(0.1, 600), 600, 1e-5),
    ],
)
def test_the_optimum_of_least_squares_is_found(optimiser, learning_rate, steps, tolerance):
    found = minimise(squares, TWO, optimiser=optimiser, learning_rate=learning_rate, steps=steps)
    x = np.concatenate([found.best_values["slope"], found.best_values["rest"]])
    np.testing.assert_allclose(x, OPTIMUM, atol=tolerance)
    assert found.best_loss == pytest.approx(np.sum((A @ OPTIMUM - B) ** 2), rel=1e-4)
    assert found.best_loss == pytest.approx(float(squares(found.best_values)), rel=1e-12)
    assert found.best_loss == found.history.min()
    assert found.ended == "steps" and found.n_steps == steps and len(found.history) == steps
    assert set(TWO["slope"]) == {0.0}, "the start was changed"


@pytest.mark.parametrize("scale", ["linear", "log", "log10", "non-negative"])
def test_a_step_follows_the_gradient_by_the_coordinate_of_its_scale(scale):
    start, rate = np.array([0.5, 2.0]), 1e-3
    found = minimise(
        quadratic, {"x": start}, optimiser="sgd", learning_rate=rate, steps=1, scales={"x": scale}
    )
    slope = jax.grad(lambda x: quadratic({"x": x}))(start)
    expected = {
        "linear": start - rate * slope,
        "non-negative": start - rate * slope,
        "log": np.exp(np.log(start) - rate * start * slope),
        "log10": 10 ** (np.log10(start) - rate * np.log(10) * start * slope),
    }[scale]
    np.testing.assert_allclose(found.values["x"], expected, rtol=1e-14)
    assert np.abs(found.values["x"] - start).min() > 1e-4


def test_the_rate_constant_of_a_simulated_decay_is_recovered():
    decay = IndexedReaction(
        name="decay",
        domain=IndexDomain(()),
        reactants=(Term(Reference("X"), 1.0),),
        products=(),
        law=RateLaw(("times", ("slot", 0), ("slot", 1))),
        slots=(Reference("k"), Reference("X")),
    )
    icrn = ICRN(species=(BaseSpecies("X"),), constants=(RateConstant("k"),), reactions=(decay,))
    dynamics, times = compile_icrn(icrn), np.linspace(0.1, 2.0, 8)
    measured = np.exp(-1.7 * times)

    def misfit(tensors):
        course = simulate(dynamics, {"X": 1.0}, tensors, times, rtol=1e-8).states["X"]
        return jnp.sum((course - measured) ** 2)

    found = minimise(misfit, {"k": 0.3}, optimiser="lbfgs", scales="log", steps=25)
    assert float(found.best_values["k"]) == pytest.approx(1.7, rel=1e-6)


@pytest.mark.parametrize(
    "start", [{"a": {"b": np.ones(2)}, "c": 1.0}, [np.ones(2), 1.0], (np.ones(2), [1.0])]
)
def test_any_pytree_of_tensors_can_be_trained(start):
    def loss(tensors):
        return sum(jnp.sum((x - 2.0) ** 2) for x in jax.tree.leaves(tensors))

    found = minimise(loss, start, steps=400, learning_rate=0.05)
    assert jax.tree.structure(found.values) == jax.tree.structure(start)
    for x in jax.tree.leaves(found.best_values):
        np.testing.assert_allclose(x, 2.0, atol=1e-4)


# --- what it never leaves ----------------------------------------------------------------------


def test_non_negative_least_squares_and_exact_zeros():
    expected, _ = nnls(A, B)
    assert (expected == 0).any() and (expected > 0).any()
    lowest = []
    found = minimise(
        lambda tensors: jnp.sum((A @ tensors["x"] - B) ** 2),
        {"x": np.zeros(4)},
        learning_rate=0.02,
        steps=1500,
        scales={"x": "non-negative"},
        on_step=lambda step, loss, values: lowest.append(values["x"].min()) and None,
    )
    np.testing.assert_allclose(found.best_values["x"], expected, atol=1e-5)
    assert min(lowest) == 0.0
    np.testing.assert_array_equal(found.best_values["x"][expected == 0], 0.0)


@pytest.mark.parametrize("scale", ["linear", "log", "log10", "non-negative"])
def test_bounds_hold_in_every_step_and_are_reached(scale):
    seen = []
    lower, upper = np.array([0.1, 0.1]), 0.7
    found = minimise(
        lambda tensors: jnp.sum((tensors["x"] - jnp.array([-9.0, 9.0])) ** 2),
        {"x": np.array([0.4, 0.4])},
        learning_rate=0.3,
        steps=40,
        scales=scale,
        bounds={"x": (lower, upper)},
        on_step=lambda step, loss, values: seen.append(values["x"]) and None,
    )
    assert (np.array(seen) >= 0.1).all() and (np.array(seen) <= 0.7).all()
    np.testing.assert_allclose(found.values["x"], [0.1, 0.7], rtol=1e-15)


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd", "lbfgs"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_fixed_entries_stay_as_they_are_to_the_last_bit(optimiser, scale):
    start = np.array([[0.0, 0.1 + 0.2], [1 / 3, 5e-324]])
    may_change = np.array([[False, False], [True, False]])
    found = minimise(
        quadratic,
        {"x": start, "y": np.array(0.1 + 0.7)},
        optimiser=optimiser,
        steps=30,
        scales={"x": scale},
        mask={"x": may_change, "y": False},
    )
    for values in (found.values, found.best_values):
        np.testing.assert_array_equal(values["x"][~may_change], start[~may_change])
        assert values["y"] == 0.1 + 0.7
        assert values["x"][1, 0] != 1 / 3


# --- minibatches -------------------------------------------------------------------------------


def test_minibatches_go_through_every_sample_once_an_epoch():
    data = np.arange(12.0)
    found = minimise(
        lambda tensors, batch: jnp.sum(batch) + 0.0 * tensors["x"],
        {"x": 1.0},
        data=data,
        batch_size=3,
        steps=12,
    )
    epochs = found.history.reshape(3, 4)
    np.testing.assert_allclose(epochs.sum(axis=1), data.sum())
    assert len(np.unique(found.history)) > 4, "epochs are in the same order"


def test_minibatches_find_the_optimum_and_repeat_by_their_seed():
    def run(seed):
        schedule = optax.cosine_decay_schedule(0.1, 900)
        return minimise(
            squares_of_batch, ONE, data=SAMPLES, batch_size=7, steps=900, learning_rate=schedule, seed=seed
        )

    first, again, other = run(1), run(1), run(2)
    np.testing.assert_allclose(first.values["x"], OPTIMUM, atol=0.05)
    np.testing.assert_array_equal(first.history, again.history)
    assert (first.history != other.history).any()


def test_the_best_of_minibatches_is_the_epoch_with_the_lowest_mean():
    found = minimise(squares_of_batch, ONE, data=SAMPLES, batch_size=10, steps=30, learning_rate=0.1)
    assert found.best_loss == pytest.approx(found.history.reshape(10, 3).mean(axis=1).min(), rel=1e-12)


# --- steps that fail ---------------------------------------------------------------------------


def test_a_step_into_where_the_loss_is_not_finite_is_taken_back():
    found = minimise(
        lambda tensors: tensors["x"] - jnp.log(tensors["x"]),
        {"x": 1.2},
        learning_rate=optax.cosine_decay_schedule(3.0, 200),
        steps=200,
    )
    assert 1 <= found.n_failed < 100
    assert np.isfinite(found.history[-20:]).all()
    assert float(found.values["x"]) == pytest.approx(1.0, abs=0.05)
    assert found.best_loss == pytest.approx(1.0, abs=1e-3)


def test_a_sample_that_fails_is_skipped_and_counted():
    data = {"a": A.copy(), "b": B.copy()}
    data["a"][4] = np.nan
    schedule = optax.cosine_decay_schedule(0.1, 600)
    found = minimise(squares_of_batch, ONE, data=data, batch_size=5, steps=600, learning_rate=schedule)
    assert found.n_failed == 100 == np.isnan(found.history).sum()
    good = np.arange(30) != 4
    np.testing.assert_allclose(found.values["x"], np.linalg.lstsq(A[good], B[good])[0], atol=0.1)
    assert np.isfinite(found.best_loss)


def test_a_gradient_that_is_not_finite_fails_too():
    def loss(tensors, batch):
        return jnp.mean((tensors["x"] - 2.0) ** 2) + jnp.sum(jnp.sqrt(batch * tensors["x"]))

    found = minimise(loss, {"x": 1.0}, data=np.array([0.0, 0.5]), batch_size=1, steps=20)
    assert found.n_failed == 10
    assert np.isfinite(found.values["x"])


def test_what_is_not_finite_at_the_start_is_said():
    with pytest.raises(IcrnError, match=r"not finite at the start \(loss nan\)"):
        minimise(lambda tensors: jnp.log(tensors["x"]), {"x": -1.0})
    with pytest.raises(IcrnError, match="not finite in any of 4 steps"):
        minimise(
            lambda t, batch: t["x"] * batch.sum() * jnp.nan,
            {"x": 1.0},
            data=np.ones(4),
            batch_size=1,
            steps=4,
        )


# --- stopping and going on ---------------------------------------------------------------------

RUNS = {
    "adam by minibatches": {"data": SAMPLES, "batch_size": 7, "learning_rate": 0.03, "seed": 3},
    "adamw, non-negative": {"data": SAMPLES, "batch_size": 4, "optimiser": "adamw", "scales": "non-negative"},
    "lbfgs": {"data": SAMPLES, "optimiser": "lbfgs", "scales": "log"},
}


def same(one, other):
    np.testing.assert_allclose(one.values["x"], other.values["x"], rtol=1e-10)
    np.testing.assert_allclose(one.best_values["x"], other.best_values["x"], rtol=1e-10)
    np.testing.assert_allclose(one.history, other.history, rtol=1e-10)
    assert one.best_loss == pytest.approx(other.best_loss, rel=1e-10)
    assert (one.n_failed, one.n_steps, one.ended) == (other.n_failed, other.n_steps, other.ended)


@pytest.mark.parametrize("name", RUNS)
def test_a_resumed_run_is_the_uninterrupted_one(name, tmp_path):
    options, path = RUNS[name], tmp_path / "run.npz"
    whole = minimise(squares_of_batch, ONE, steps=40, **options)
    for steps in (13, 14, 40):
        resumed = minimise(squares_of_batch, ONE, steps=steps, checkpoint=path, resume=True, **options)
        assert resumed.n_steps == steps
    same(resumed, whole)
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"], "temporary files were left"


def test_without_resume_a_checkpoint_is_written_anew(tmp_path):
    path = tmp_path / "run.npz"
    minimise(quadratic, ONE, steps=30, checkpoint=path)
    again = minimise(quadratic, ONE, steps=3, checkpoint=path)
    assert again.n_steps == 3


@pytest.mark.parametrize("when", [1, 17])
def test_an_interrupt_ends_with_the_best_and_a_checkpoint(when, tmp_path):
    options, path = RUNS["adam by minibatches"], tmp_path / "run.npz"

    def stop(step, loss, values):
        if step == when:
            signal.raise_signal(signal.SIGINT)

    found = minimise(squares_of_batch, ONE, steps=40, checkpoint=path, on_step=stop, **options)
    assert found.ended == "interrupted" and found.n_steps == when == len(found.history)
    assert np.isfinite(found.best_loss)
    whole = minimise(squares_of_batch, ONE, steps=40, **options)
    same(minimise(squares_of_batch, ONE, steps=40, checkpoint=path, resume=True, **options), whole)


def test_a_callback_can_end_the_run():
    seen = []

    def stop(step, loss, values):
        seen.append((step, loss, float(values["x"][0])))
        return step == 5

    found = minimise(quadratic, ONE, steps=40, on_step=stop)
    assert found.ended == "stopped" and found.n_steps == 5
    assert [step for step, _, _ in seen] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal([loss for _, loss, _ in seen], found.history)
    assert seen[-1][2] == found.values["x"][0]


KILLED = """
import sys, time
import test_descent as t
from icrn_core import minimise
pause = lambda step, loss, values: time.sleep(0.02)
minimise(t.squares_of_batch, t.ONE, steps=100000, checkpoint=sys.argv[1], checkpoint_every=0, on_step=pause,
         **t.RUNS["adam by minibatches"])
"""


def test_a_run_that_is_killed_goes_on(tmp_path):
    path, options = tmp_path / "run.npz", RUNS["adam by minibatches"]
    folder = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(folder.parents[1])])}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], env=environment)
    try:
        limit = time.monotonic() + 100
        while not path.exists() and time.monotonic() < limit:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
    finally:
        process.kill()
        process.wait()
    done = minimise(squares_of_batch, ONE, steps=1, checkpoint=path, resume=True, **options).n_steps
    assert done > 1
    whole = minimise(squares_of_batch, ONE, steps=done + 20, **options)
    same(minimise(squares_of_batch, ONE, steps=done + 20, checkpoint=path, resume=True, **options), whole)


OTHER = {
    "data": {"data": {"a": A + 1e-9, "b": B}},
    "seed": {"seed": 4},
    "batch_size": {"batch_size": 5},
    "optimiser": {"optimiser": "sgd"},
    "learning_rate": {"learning_rate": 0.1},
    "scales": {"scales": "log"},
    "bounds": {"bounds": {"x": (0.0, 5.0)}},
    "mask": {"mask": {"x": np.array([True, True, True, False])}},
}


@pytest.mark.parametrize("name", OTHER)
def test_a_checkpoint_of_another_problem_is_refused(name, tmp_path):
    path, options = tmp_path / "run.npz", RUNS["adam by minibatches"]
    minimise(squares_of_batch, ONE, steps=3, checkpoint=path, **options)
    with pytest.raises(IcrnError, match=f"of another problem: its {name} "):
        minimise(squares_of_batch, ONE, steps=9, checkpoint=path, resume=True, **{**options, **OTHER[name]})


@pytest.mark.parametrize("start", [{"x": np.full(4, 1.1)}, {"x": np.ones(5)}, {"z": np.ones(4)}])
def test_a_checkpoint_of_another_start_is_refused(start, tmp_path):
    path = tmp_path / "run.npz"
    minimise(quadratic, ONE, steps=3, checkpoint=path)
    with pytest.raises(IcrnError, match="of another problem: its start "):
        minimise(lambda t: jnp.sum(jax.tree.leaves(t)[0] ** 2), start, steps=9, checkpoint=path, resume=True)


def test_files_that_are_no_checkpoint_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(IcrnError, match="no checkpoint of a descent"):
        minimise(quadratic, ONE, checkpoint=path, resume=True)
    np.savez(path, problem=np.array({"a": 1}, dtype=object))  # a pickle
    with pytest.raises(IcrnError, match="no checkpoint of a descent"):
        minimise(quadratic, ONE, checkpoint=path, resume=True)
    minimise(quadratic, ONE, steps=2, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(IcrnError, match="no checkpoint of a descent"):
        minimise(quadratic, ONE, checkpoint=path, resume=True)


# --- what is refused ---------------------------------------------------------------------------

BAD = {
    "no tensors": ({"start": {}}, "start holds no tensor"),
    "text": ({"start": {"x": "three"}}, "'x' .* no array of numbers"),
    "complex": ({"start": {"x": 1j * np.ones(4)}}, "'x' .* complex"),
    "nan": ({"start": {"x": np.array([1.0, np.nan])}}, "'x' is not finite"),
    "steps": ({"steps": -1}, "steps is a whole number, 0 or more, not -1"),
    "optimiser": ({"optimiser": "adamm"}, "no optimiser is called 'adamm'"),
    "optimiser type": ({"optimiser": 3}, "optimiser is a name .* not 3"),
    "learning rate": ({"learning_rate": -1.0}, "learning_rate is a positive number"),
    "learning rate of lbfgs": ({"optimiser": "lbfgs", "learning_rate": 0.1}, "lbfgs .* no learning_rate"),
    "learning rate twice": (
        {"optimiser": optax.sgd(0.1), "learning_rate": 0.1},
        "learning_rate .* the transformation",
    ),
    "lbfgs and batches": (
        {"optimiser": "lbfgs", "data": np.ones(4), "batch_size": 2},
        "lbfgs .* leave out batch_size",
    ),
    "lbfgs and bounds": ({"optimiser": "lbfgs", "scales": "non-negative"}, "lbfgs keeps no bounds.*'x'"),
    "scale": ({"scales": {"x": "ln"}}, "scale of 'x' .* not 'ln'"),
    "scale of nothing": ({"scales": {"y": "log"}}, "scales names 'y'.*there are: 'x'"),
    "bounds of nothing": ({"bounds": {"y": (0, 1)}}, "bounds names 'y'"),
    "mask of nothing": ({"mask": {"y": True}}, "mask names 'y'"),
    "log of 0": ({"start": {"x": np.array([1.0, 0.0])}, "scales": "log"}, "'x' .* positive .* scale 'log'"),
    "negative": ({"start": {"x": -np.ones(2)}, "scales": "non-negative"}, "'x' .* outside its bounds"),
    "outside": ({"bounds": {"x": (2.0, 3.0)}}, "'x' .* outside its bounds"),
    "bounds crossed": ({"bounds": {"x": (3.0, -3.0)}}, "bounds of 'x'.* above"),
    "bounds shape": ({"bounds": {"x": (np.zeros(3), 9.0)}}, r"bounds of 'x' .* shape \(4,\)"),
    "bounds no pair": ({"bounds": {"x": 3.0}}, "bounds of 'x' are a pair"),
    "mask shape": ({"mask": {"x": np.ones(3, bool)}}, r"mask of 'x' .* shape \(4,\)"),
    "mask type": ({"mask": {"x": np.ones(4)}}, "mask of 'x' .* bool"),
    "nothing to train": ({"mask": {"x": False}}, "every entry is fixed"),
    "batches of nothing": ({"batch_size": 2}, "batch_size needs data"),
    "batch size": ({"data": np.ones(4), "batch_size": 5}, "batch_size is a whole number from 1 to 4"),
    "samples differ": (
        {"data": {"a": np.ones(4), "b": np.ones(3)}},
        "different numbers of samples: 4 .*, 3 ",
    ),
    "no samples": ({"data": np.ones((0, 2))}, "data has no samples"),
    "data scalar": ({"data": {"a": 1.0}}, "no axis of samples"),
    "resume": ({"resume": True}, "resume needs checkpoint"),
    "every": ({"checkpoint": "x.npz", "checkpoint_every": -1}, "checkpoint_every .* not -1"),
    "no folder": ({"checkpoint": "no/such/folder/x.npz"}, "folder .* does not exist"),
    "seed": ({"seed": -2}, "seed is a whole number"),
    "vector loss": ({"loss": lambda t, *_: t["x"]}, r"loss returns a scalar, not an array of shape \(4,\)"),
    "no loss": ({"loss": lambda t, *_: None}, "loss returns a scalar, not None"),
    "integer loss": ({"loss": lambda t, *_: jnp.sum(t["x"] > 0)}, "loss returns a float, not int64"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused(name):
    options, message = BAD[name]
    options = {"loss": lambda t, *_: jnp.sum(t["x"] ** 2), "start": ONE, "steps": 2, **options}
    with pytest.raises(IcrnError, match=message):
        minimise(options.pop("loss"), options.pop("start"), **options)


def test_without_optax_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optax", None)
    with pytest.raises(IcrnError, match=r"pip install 'icrn-sbml\[train\]'"):
        minimise(quadratic, ONE, steps=1)
