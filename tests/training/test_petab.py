"""PEtab problems: likelihoods against published values and against NumPy, gradients, bad input."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

pytest.importorskip("petab.v1", reason="the package petab is not installed")

from converters.training.binding import bind
from converters.training.petab import read_petab
from icrn_core.likelihood import curvature, losses
from icrn_core.objective import Accuracy
from icrn_io.antimony_text import antimony_to_sbml
from icrn_io.errors import ModelIOError, UnsupportedFeatureError

# Negative logarithms of the likelihood at the nominal parameters, as the collection publishes them.
PUBLISHED = {
    "Boehm_JProteomeRes2014": 138.222,
    "Bruno_JExpBot2016": -46.688,
    "Crauste_CellSystems2017": 190.965,
}
SLOWLY = {
    "Brannmark_JBC2010": 141.889,
    "Elowitz_Nature2000": -63.203,
    "Bachmann_MSB2011": -418.41,
    "Borghans_BiophysChem1997": -83.324,
    "Fujita_SciSignal2010": -53.084,
    "Schwen_PONE2014": 943.999,
    "Weber_BMC2015": 296.202,
    "Zheng_PNAS2012": -278.334,
}
# With events, as libRoadRunner simulates it; every measurement agrees within 1e-4.
EVENTS = {"Smith_BMCSystBiol2013": 888198.44}
ACCURATE = Accuracy(rtol=1e-9)
MODEL = "model decay; species A = 1, B = 0; R: A -> B; k*A; k = 0.5; scale = 1; end"
TIMES = np.array([0.5, 1.0, 2.0])
MEASURED = np.array([0.7, 0.5, 0.45])


def likelihood(path: Path, accuracy: Accuracy = ACCURATE) -> float:
    bound = bind(read_petab(path))
    return float(losses(bound.objective, jnp.asarray(bound.nominal)[:, None], accuracy)[1][0])


def published(data_dir: Path, name: str) -> Path:
    path = data_dir / "petab-benchmarks" / name / f"{name}.yaml"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


def assert_is_published(path: Path, expected: float) -> None:
    assert likelihood(path, Accuracy(rtol=1e-8)) == pytest.approx(expected, rel=1e-5, abs=5e-3)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_likelihood(data_dir, name):
    assert_is_published(published(data_dir, name), PUBLISHED[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOWLY)
def test_published_likelihood_slowly(data_dir, name):
    assert_is_published(published(data_dir, name), SLOWLY[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", EVENTS)
def test_likelihood_of_a_model_with_events(data_dir, name):
    assert_is_published(published(data_dir, name), EVENTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", EVENTS)
def test_gradient_of_a_model_with_events_is_that_of_central_differences(data_dir, name):
    bound = bind(read_petab(published(data_dir, name)))
    random = np.random.default_rng(0)
    point = np.clip(bound.nominal + 1e-3 * random.normal(size=len(bound.nominal)), bound.lower, bound.upper)
    directions = random.normal(size=(len(point), 2))

    @jax.jit
    def loss(theta):
        return losses(bound.objective, theta, ACCURATE)[0]

    gradient = jax.jit(jax.grad(lambda theta: loss(theta[:, None])[0]))(point)
    moved = np.concatenate([point[:, None] + step * directions for step in (1e-5, -1e-5)], axis=1)
    after, before = np.split(np.asarray(loss(moved)), 2)
    expected = (after - before) / 2e-5
    np.testing.assert_allclose(gradient @ directions, expected, rtol=1e-6)


@pytest.mark.slow
def test_an_observable_that_a_rule_assigns_beside_comparisons_of_the_state(tmp_path):
    model = (
        "model m; species A = 1, B = 0; R: A -> B; k*A; k = 0.5; c = 0; twice := 2*A;"
        "c' = piecewise(1, B > 0.3, 0); E: at A < 0.5: c = 0; end"
    )
    path = version_1(tmp_path, observable="twice lin normal 0.1", model=model)
    expected = log_density("lin normal", 2 * np.exp(-0.4 * TIMES), MEASURED, 0.1)
    assert likelihood(path) == pytest.approx(expected, rel=1e-6)
    assert_gradients(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PUBLISHED, *SLOWLY])
def test_gradient_near_the_published_optimum_is_that_of_central_differences(data_dir, name):
    bound = bind(read_petab(published(data_dir, name)))
    random = np.random.default_rng(0)
    point = np.clip(bound.nominal + 1e-3 * random.normal(size=len(bound.nominal)), bound.lower, bound.upper)
    directions = random.normal(size=(len(point), 4))

    @jax.jit
    def loss(theta):
        return losses(bound.objective, theta, ACCURATE)[0]

    gradient = jax.grad(lambda theta: loss(theta[:, None])[0])(point)
    after, before = (loss(point[:, None] + step * directions) for step in (1e-5, -1e-5))
    expected = (after - before) / 2e-5
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(gradient @ directions, expected, rtol=1e-4, atol=1e-4 * scale)
    found = curvature(bound.objective, jnp.asarray(point)[:, None], ACCURATE)
    np.testing.assert_allclose(found.gradient[0], gradient, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Boehm_JProteomeRes2014", "Brannmark_JBC2010", "Weber_BMC2015"])
def test_version_2_of_a_published_problem(data_dir, tmp_path, name):
    from petab.v2.petab1to2 import petab1to2

    path = published(data_dir, name)
    petab1to2(str(path), str(tmp_path))
    found = likelihood(tmp_path / path.name, Accuracy(rtol=1e-8))
    assert found == pytest.approx(likelihood(path, Accuracy(rtol=1e-8)), rel=1e-6)


def table(folder: Path, name: str, header: str, *rows: str) -> None:
    lines = ["\t".join(line.split()).replace("~", "") for line in (header, *rows)]
    (folder / name).write_text("\n".join(lines) + "\n")


def write_model(folder: Path, model: str = MODEL) -> None:
    (folder / "model.xml").write_text(antimony_to_sbml(model, "model"))


def version_1(
    folder: Path,
    observable: str = "A lin normal 0.1",
    parameters: tuple[str, ...] = ("k log10 0.01 10 0.4 1 ~ ~",),
    condition: tuple[str, ...] = ("conditionId", "c0"),
    measured: str = "~ c0",
    model: str = MODEL,
    times: tuple = tuple(TIMES),
) -> Path:
    """Write a small problem of version 1; ``~`` is an empty cell."""
    write_model(folder, model)
    formula, transformation, distribution, noise = observable.split()
    table(folder, "p.tsv", "parameterId parameterScale lowerBound upperBound nominalValue estimate "
          "objectivePriorType objectivePriorParameters", *parameters)  # fmt: skip
    table(folder, "o.tsv", "observableId observableFormula observableTransformation noiseDistribution "
          "noiseFormula", f"y {formula} {transformation} {distribution} {noise}")  # fmt: skip
    table(folder, "c.tsv", *condition)
    table(folder, "m.tsv", "observableId preequilibrationConditionId simulationConditionId time measurement",
          *(f"y {measured} {t} {m}" for t, m in zip(times, MEASURED, strict=False)))  # fmt: skip
    (folder / "problem.yaml").write_text(
        "format_version: 1\nparameter_file: p.tsv\nproblems:\n- condition_files: [c.tsv]\n"
        "  measurement_files: [m.tsv]\n  observable_files: [o.tsv]\n  sbml_files: [model.xml]\n"
    )
    return folder / "problem.yaml"


def version_2(
    folder: Path,
    noise: str = "normal",
    parameters: tuple[str, ...] = ("k 0.01 10 0.4 true ~ ~",),
    conditions: tuple[str, ...] = (),
    experiments: tuple[str, ...] = (),
    experiment: str = "~",
    model: str = MODEL,
    times: tuple = tuple(TIMES),
) -> Path:
    """Write a small problem of version 2."""
    write_model(folder, model)
    table(folder, "p.tsv", "parameterId lowerBound upperBound nominalValue estimate priorDistribution "
          "priorParameters", *parameters)  # fmt: skip
    table(folder, "o.tsv", "observableId observableFormula noiseFormula noiseDistribution noisePlaceholders",
          f"y A s {noise} s")  # fmt: skip
    table(folder, "m.tsv", "observableId experimentId time measurement noiseParameters",
          *(f"y {experiment} {t} {m} 0.1" for t, m in zip(times, MEASURED, strict=False)))  # fmt: skip
    text = (
        "format_version: 2.0.0\nparameter_files: [p.tsv]\nmodel_files:\n  m:\n    location: model.xml\n"
        "    language: sbml\nmeasurement_files: [m.tsv]\nobservable_files: [o.tsv]\n"
    )
    if experiments:
        table(folder, "c.tsv", "conditionId targetId targetValue", *conditions)
        table(folder, "e.tsv", "experimentId time conditionId", *experiments)
        text += "condition_files: [c.tsv]\nexperiment_files: [e.tsv]\n"
    (folder / "problem.yaml").write_text(text)
    return folder / "problem.yaml"


def log_density(noise: str, y: np.ndarray, m: np.ndarray, sigma: float) -> float:
    """Return −log p by SciPy."""
    scale, _, kind = noise.partition(" ")
    density = {"normal": stats.norm, "laplace": stats.laplace}[kind]
    if scale == "lin":
        return -density.logpdf(m, y, sigma).sum()
    if scale == "log":
        return -(density.logpdf(np.log(m), np.log(y), sigma) - np.log(m)).sum()
    return -(density.logpdf(np.log10(m), np.log10(y), sigma) - np.log(m * np.log(10))).sum()


def assert_gradients(path: Path, theta_of=lambda nominal: nominal) -> None:
    bound = bind(read_petab(path))
    theta = theta_of(jnp.asarray(bound.nominal))[:, None]

    def total(theta):
        return losses(bound.objective, theta, ACCURATE)[0].sum()

    reverse = jax.grad(total)(theta)[:, 0]
    found = curvature(bound.objective, theta, ACCURATE).gradient[0]
    h = 1e-4
    steps = h * jnp.eye(len(theta))
    every = losses(bound.objective, jnp.concatenate([theta + steps, theta - steps], axis=1), ACCURATE)[0]
    central = (every[: len(theta)] - every[len(theta) :]) / (2 * h)
    np.testing.assert_allclose(reverse, central, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found, central, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scale", ["lin", "log", "log10"])
@pytest.mark.parametrize("kind", ["normal", "laplace"])
def test_noise_of_version_1(tmp_path, scale, kind):
    path = version_1(tmp_path, f"A {scale} {kind} 0.1")
    expected = log_density(f"{scale} {kind}", np.exp(-0.4 * TIMES), MEASURED, 0.1)
    assert likelihood(path) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("noise", ["normal", "laplace", "log-normal", "log-laplace"])
def test_noise_of_version_2(tmp_path, noise):
    scale, kind = ("log", noise[4:]) if noise.startswith("log") else ("lin", noise)
    expected = log_density(f"{scale} {kind}", np.exp(-0.4 * TIMES), MEASURED, 0.1)
    assert likelihood(version_2(tmp_path, noise)) == pytest.approx(expected, rel=1e-6)


PRIORS = {
    "normal": lambda x: stats.norm.logpdf(x, 1, 2),
    "laplace": lambda x: stats.laplace.logpdf(x, 1, 2),
    "logNormal": lambda x: stats.norm.logpdf(np.log(x), 1, 2) - np.log(x),
    "logLaplace": lambda x: stats.laplace.logpdf(np.log(x), 1, 2) - np.log(x),
    "uniform": lambda x: -np.log(1.75),
    "parameterScaleNormal": lambda x: stats.norm.logpdf(np.log10(x), 1, 2),
    "parameterScaleLaplace": lambda x: stats.laplace.logpdf(np.log10(x), 1, 2),
}


@pytest.mark.parametrize("kind", PRIORS)
def test_prior(tmp_path, kind):
    numbers = "0.25;2" if kind == "uniform" else "1;2"
    path = version_1(tmp_path, parameters=(f"k log10 0.01 10 0.4 1 {kind} {numbers}",))
    bound = bind(read_petab(path))
    loss, alone = losses(bound.objective, jnp.asarray(bound.nominal)[:, None], ACCURATE)
    assert float((loss - alone)[0]) == pytest.approx(-PRIORS[kind](0.4), rel=1e-9)


def test_gradients_with_prior_and_transformation(tmp_path):
    parameters = ("k log10 0.01 10 0.4 1 parameterScaleNormal 0;1", "scale log 0.1 10 1.2 1 laplace 1;2",
                  "off lin -1 1 0.1 1 ~ ~", "sd log10 1e-3 10 0.2 1 ~ ~")  # fmt: skip
    assert_gradients(version_1(tmp_path, "scale*A+off log normal sd*A", parameters))


def test_log_to_a_base_and_an_id_like_a_constant(tmp_path):
    parameters = ("k log10 0.01 10 0.4 1 ~ ~", "Pi lin 0 10 2 0 ~ ~", "pi lin 0 10 3 0 ~ ~")
    path = version_1(tmp_path, "log(A*Pi+pi,2) lin normal 0.1", parameters)
    y = np.log2(2 * np.exp(-0.4 * TIMES) + 3)
    assert likelihood(path) == pytest.approx(log_density("lin normal", y, MEASURED, 0.1), rel=1e-6)


def test_condition_that_sets_a_species_with_an_initial_assignment_in_one_experiment_only(tmp_path):
    model = "model m; species A, B = 0; R: A -> B; k*A; k = 0.5; start = 2; half = start/2; A = half*2; end"
    path = version_1(tmp_path, condition=("conditionId A", "c0 ~", "c1 3"), model=model)
    table(tmp_path, "m.tsv", "observableId simulationConditionId time measurement", "y c0 1 1", "y c1 1 1")
    expected = log_density("lin normal", np.array([2.0, 3.0]) * np.exp(-0.4), np.ones(2), 0.1)
    assert likelihood(path) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_parameter_that_only_the_preequilibration_sets_is_the_model_s_again(tmp_path):
    model = "model m; species A = 1; R: -> A; v; S: A -> ; k*A; v = 3; k = 1; end"
    path = version_1(
        tmp_path, condition=("conditionId v", "before 1", "c0 ~"), measured="before c0", model=model
    )
    y = 3 / 0.4 + (1 / 0.4 - 3 / 0.4) * np.exp(-0.4 * TIMES)
    assert likelihood(path) == pytest.approx(log_density("lin normal", y, MEASURED, 0.1), rel=1e-6)
    assert_gradients(path)


@pytest.mark.slow
def test_preequilibration_that_depends_on_the_way(tmp_path):
    model = "model m; species X = 1, A = 0, C = 0; R: X -> A; k*X; S: X -> C; j*X; U: A -> ; u*A; "
    path = version_1(
        tmp_path,
        parameters=("k log10 0.01 10 0.4 1 ~ ~", "j log10 0.01 10 0.3 1 ~ ~"),
        condition=("conditionId u", "before 0", "c0 0.7"),
        measured="before c0",
        model=model + "k = 1; j = 1; u = 1; end",
    )
    y = 0.4 / 0.7 * np.exp(-0.7 * TIMES)
    assert likelihood(path) == pytest.approx(log_density("lin normal", y, MEASURED, 0.1), rel=1e-6)
    assert_gradients(path)


@pytest.mark.slow
def test_totals_pass_through_the_preequilibration(tmp_path):
    model = "model m; species A = 1, B = 0; R: A -> B; k*A - j*B; k = 1; j = 2; end"
    path = version_1(
        tmp_path,
        parameters=("k log10 0.01 10 0.4 1 ~ ~", "a0 lin 0 10 1.5 1 ~ ~"),
        condition=("conditionId A j", "before a0 2", "c0 ~ 1"),
        measured="before c0",
        model=model,
    )
    end, start = 1.5 / 1.4, 1.5 * 2 / 2.4
    y = end + (start - end) * np.exp(-1.4 * TIMES)
    assert likelihood(path) == pytest.approx(log_density("lin normal", y, MEASURED, 0.1), rel=1e-6)
    assert_gradients(path)


@pytest.mark.slow
def test_measurement_of_the_steady_state(tmp_path):
    model = "model m; species A = 1; R: -> A; 0.2; S: A -> ; k*A; k = 1; end"
    path = version_1(tmp_path, model=model, times=(1.0, "inf"))
    y = np.array([0.5 + 0.5 * np.exp(-0.4), 0.5])
    expected = log_density("lin normal", y, MEASURED[:2], 0.1)
    assert likelihood(path) == pytest.approx(expected, rel=1e-6)
    assert_gradients(path)


def test_nothing_moves(tmp_path):
    path = version_1(tmp_path, observable="A*k lin normal 0.1", measured="c0 c0",
                     model="model m; species A = 1; k = 1; end")  # fmt: skip
    expected = log_density("lin normal", np.full(3, 0.4), MEASURED, 0.1)
    assert likelihood(path) == pytest.approx(expected, rel=1e-6)


def test_oscillation_has_no_steady_state(tmp_path):
    model = "model m; species A = 1, B = 2; R: -> A; k*A; S: A -> B; A*B; T: B -> ; B; k = 1; end"
    path = version_1(tmp_path, measured="c0 c0", model=model)
    assert likelihood(path, Accuracy(rtol=1e-6, max_steps=2000)) == np.inf


@pytest.mark.slow
def test_periods_follow_each_other(tmp_path):
    conditions = ("fast k 2*k0", "more A dose^2", "k0 k k0")
    path = version_2(
        tmp_path,
        parameters=("k0 0.01 10 0.4 true ~ ~", "dose -1 5 2 true ~ ~"),
        conditions=conditions,
        experiments=("e 0 k0", "e 1.5 fast", "e 1.5 more", "f 0 k0", "f 0.8 more"),
        experiment="e",
    )
    e = [np.exp(-0.4 * 0.5), np.exp(-0.4), 4 * np.exp(-0.8 * 0.5)]
    expected = log_density("lin normal", np.array(e), MEASURED, 0.1)
    assert likelihood(path) == pytest.approx(expected, rel=1e-6)
    assert_gradients(path)
    # Another experiment that begins as this one does, and goes on at another time.
    with open(tmp_path / "m.tsv", "a") as file:
        file.write("y\tf\t1.8\t3.0\t0.1\n")
    f = 4 * np.exp(-0.4)
    both = log_density("lin normal", np.array([*e, f]), np.array([*MEASURED, 3.0]), 0.1)
    assert likelihood(path) == pytest.approx(both, rel=1e-6)


def test_preequilibration_of_version_2(tmp_path):
    model = "model m; species A = 1; R: -> A; v; S: A -> ; k*A; v = 3; k = 1; end"
    path = version_2(tmp_path, conditions=("one v 1", "two v 2"), experiment="e", model=model,
                     experiments=("e -inf one", "e 0 two"))  # fmt: skip
    y = 2 / 0.4 - 1 / 0.4 * np.exp(-0.4 * TIMES)
    assert likelihood(path) == pytest.approx(log_density("lin normal", y, MEASURED, 0.1), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("problem.yaml", "a: [", "no YAML"),
        ("problem.yaml", "- 1", "no PEtab problem"),
        ("problem.yaml", "format_version: 3", "format version"),
        ("problem.yaml", "format_version: 1\nproblems: []", "one entry"),
        ("p.tsv", "parameterId\testimate\nk\t1\n", "not a valid PEtab problem"),
        ("o.tsv", "observableId\tobservableFormula\tnoiseFormula\ny\tA+\t1\n", "not a valid PEtab problem"),
        ("m.tsv", "observableId\tsimulationConditionId\ttime\tmeasurement\nz\tc0\t1\t1\n", "PEtab problem"),
        ("model.xml", "<sbml/>", "model.xml"),
    ],
)
def test_bad_file(tmp_path, name, text, message):
    path = version_1(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(ModelIOError, match=message):
        read_petab(path)


def test_missing_files(tmp_path):
    with pytest.raises(ModelIOError, match="no such file"):
        read_petab(tmp_path / "problem.yaml")
    path = version_1(tmp_path)
    (tmp_path / "c.tsv").unlink()
    with pytest.raises(ModelIOError, match=r"'c.tsv', and there is no such file"):
        read_petab(path)


def test_fixed_parameter_without_value(tmp_path):
    path = version_1(tmp_path, parameters=("k log10 0.01 10 ~ 0 ~ ~",))
    with pytest.raises(ModelIOError, match=r"'k'|nominal"):
        read_petab(path)


def test_noise_model_in_the_measurement_table_is_refused(tmp_path):
    path = version_1(tmp_path)
    table(tmp_path, "m.tsv", "observableId simulationConditionId time measurement observableTransformation",
          "y c0 1 1 log")  # fmt: skip
    with pytest.raises(ModelIOError, match="observableTransformation"):
        read_petab(path)


def test_unsupported_of_version_2(tmp_path):
    path = version_2(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("language: sbml", "language: pysb"))
    with pytest.raises(UnsupportedFeatureError, match="pysb"):
        read_petab(path)
    path.write_text(text + "extensions:\n  sciml: {version: 0.1, required: true}\n")
    with pytest.raises(UnsupportedFeatureError, match="sciml"):
        read_petab(path)
    path.write_text(text.replace("model_files:", "model_files:\n  n: {location: model.xml, language: sbml}"))
    with pytest.raises(UnsupportedFeatureError, match="more than one model"):
        read_petab(path)


def test_target_value_that_reads_the_state_is_refused(tmp_path):
    path = version_2(tmp_path, conditions=("more A A+1",), experiments=("e 0 ~", "e 1 more"), experiment="e")
    with pytest.raises(UnsupportedFeatureError, match=r"A\+1"):
        read_petab(path)
