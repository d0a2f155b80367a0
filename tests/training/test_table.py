"""Tidy tables of time series: what is read, what is refused, and what the likelihood is."""

import math

import jax
import numpy as np
import pytest

from converters.fold import fold_network
from converters.time_course import run_time_course
from converters.training.binding import bind
from converters.training.choice import choose
from converters.training.conditions import read_conditions
from converters.training.observables import read_observables
from converters.training.table import read_table
from icrn_core.likelihood import losses
from icrn_core.multistart import Start, draw_starts, fit
from icrn_core.objective import Accuracy
from icrn_io import read_model
from icrn_io.errors import ModelIOError
from icrn_io.expression import infix, symbol

SMALL = """
model small
  compartment c = 2; species A in c, B in c; substanceOnly species C in c; A = 4; B = 0.5; C = 0
  total := A + B; k4 = 2*k1; zero = 0; sink = -1
  J1: A -> B; c*(k1*A - k2*B)
  J2: B -> C; c*k3*B
  J3: C -> ; k4*C/10 + J2/20; flow := J1 - J2
  k1 = 0.7; k2 = 0.3; k3 = 0.1
end"""
PAIRS = [(i, j) for i in "123" for j in "123"]
INDEXED = "M_1 = 1.2; M_2 = 1.4; M_3 = 1.6\n" + "".join(
    f"J_{i}_{j}: M_{i} + M_{j} -> D_{i}_{j}; kf_{i}_{j}*M_{i}*M_{j} - kr_{i}_{j}*D_{i}_{j}\n"
    f"kf_{i}_{j} = 0.{i}{j}; kr_{i}_{j} = 0.0{j}{i}; D_{i}_{j} = 0\n"
    for i, j in PAIRS
)

WIDE = """\ufeff# measured on a Monday
time;condition;replicate;A;A_sd;J1;B

0;low;1;4.1;0.2;2.5;0.6
1;low;1;2.6;0.1;NA;
1;low;1;2.5;;1;0.9
2;low;2;1.9;0.1;0.5;nan
0.5;high;;6.5;0.3;1.5;1.1
inf;high;;0.02;0.01;;
"""
LONG = """time,observable,value,sd,condition,replicate
0,A,4.1,0.2,low,1
0,J1,2.5,,low,1
0,B,0.6,,low,1
1,A,2.6,0.1,low,1
1,A,2.5,,low,1
1,J1,1,NA,low,1
1,B,0.9,,low,1
2,A,1.9,0.1,low,2
2,J1,0.5,,low,2
0.5,A,6.5,0.3,high,
0.5,J1,1.5,,high,
0.5,B,1.1,,high,
inf,A,0.02,0.01,high,
"""
CONDITIONS = {"low": {}, "high": {"A": 8.0, "k3": 0.4}}


@pytest.fixture(scope="module")
def small():
    return read_model(SMALL)


@pytest.fixture(scope="module")
def indexed():
    return fold_network(read_model(INDEXED))


@pytest.fixture
def table(tmp_path, small):
    """Read a text as a table, for the small model unless another is given."""

    def read(text, model=small, **options):
        path = tmp_path / "data.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, model, **{"fit": ["k1"], **options})

    return read


def test_wide_and_long_form_say_the_same(table):
    wide, long = (table(text, conditions=CONDITIONS, fit=["k?"]) for text in (WIDE, LONG))
    assert wide.measurements == long.measurements
    assert len(wide.measurements) == 13
    assert wide.parameters == long.parameters
    assert wide.experiments == long.experiments
    assert wide.observables == long.observables
    assert wide.name == "data"


def test_missing_values_conditions_and_replicates(table):
    problem = table(WIDE, conditions=CONDITIONS)
    assert [m.value for m in problem.measurements if m.observable == "B"] == [0.6, 0.9, 1.1]
    assert {m.replicate for m in problem.measurements if m.experiment == "low"} == {"1", "2"}
    assert [e.id for e in problem.experiments] == ["low", "high"]
    assert {n: infix(x) for n, x in problem.experiments[1].phases[0].changes.items()} == {
        "A": "8",
        "k3": "0.4",
    }
    assert problem.measurements[-1].time == math.inf


def test_noise_that_is_not_given_is_fitted(table):
    parameters = {p.id: p for p in table(WIDE, conditions=CONDITIONS).parameters}
    assert parameters.keys() == {"k1", "sd_A", "sd_B", "sd_J1"}
    assert parameters["sd_J1"].scale == "log10"
    spread = 2.5 - 0.5
    bounds = parameters["sd_J1"].lower, parameters["sd_J1"].value, parameters["sd_J1"].upper
    np.testing.assert_allclose(bounds, np.array([1e-3, 0.1, 10]) * spread)
    changed = table(WIDE, conditions=CONDITIONS, fit=["k1", "sd_J1:0.01..0.1"])
    assert {p.id: p.upper for p in changed.parameters}["sd_J1"] == 0.1
    relative = table("time,A\n0,4\n1,2\n", noise="relative").measurements
    assert [infix(m.given[0]) for m in relative] == ["sd_A*4", "sd_A*2"]
    one = table("time,A\n0,0\n", fit=["k1"]).parameters[-1]  # no spread, no magnitude
    assert (one.lower, one.value, one.upper) == (1e-3, 0.1, 10)


@pytest.mark.parametrize("engine", ["icrn", "tellurium"])
def test_the_likelihood_is_that_of_simulated_time_courses(table, small, engine):
    given = {"low": {"k3": "zero + 0.05"}, "high": {"A": "2*A0", "B": 1.5, "c": 3, "k3": "k2 + q"}}
    text = (
        "time,condition,A,A_sd,J1,scaled,C,total,flow,J3\n"
        "0,low,4.1,0.2,2.5,0.6,0.1,4.4,2,1\n1,low,2.6,0.1,2.1,1.7,0.3,3.3,1,\n1,low,2.2,0.3,,1.5,,,,\n"
        "3,low,1.3,0.1,0.1,2,0.5,3,0.4,0.3\n0,high,9,0.2,,2,0,11,9,0.1\n2,high,4,0.2,1.3,7,0.9,8,1,2\n"
    )
    problem = table(
        text,
        conditions=given,
        observables=read_observables(["scaled = s*(B + C/c)"]),
        fit=["k1:lin", "k2", "B", "A0:1..10:5", "s:0.1..10", "q:log:1e-3..1"],
    )
    values = {"k1": 0.9, "k2": 0.2, "B": 0.8, "A0": 4.5, "s": 1.5, "q": 0.03}
    values |= {"sd_J1": 0.4, "sd_scaled": 0.5, "sd_C": 0.2, "sd_total": 0.7, "sd_flow": 0.3, "sd_J3": 0.2}
    runs = {
        "low": {"k1": 0.9, "k2": 0.2, "k3": 0.05, "B": 0.8},
        "high": {"k1": 0.9, "k2": 0.2, "k3": 0.23, "B": 1.5, "A": 9.0, "c": 3.0},
    }
    oracle = 0.0
    for experiment, overrides in runs.items():
        own = [m for m in problem.measurements if m.experiment == experiment]
        times = sorted({m.time for m in own})
        course = run_time_course(small, times, engine, 1e-10, 1e-13, overrides=overrides)
        at = {time: k for k, time in enumerate(times)}
        c, s = overrides.get("c", 2.0), values["s"]
        series = {
            "A": course.concentrations["A"],
            "J1": course.values["J1"],
            "C": course.amounts["C"],
            **{name: course.values[name] for name in ("total", "flow", "J3")},
            "scaled": s * (course.concentrations["B"] + course.amounts["C"] / c),
        }
        for m in own:
            sigma = m.given[0].payload
            sigma = values.get(sigma, sigma)
            residual = (m.value - series[m.observable][at[m.time]]) / sigma
            oracle += 0.5 * residual**2 + np.log(sigma) + 0.5 * np.log(2 * np.pi)
    found = _loss(problem, values)
    np.testing.assert_allclose(found, oracle, rtol=1e-6)


def _theta(bound, values):
    scales = {"lin": float, "log": np.log, "log10": np.log10}
    return np.array([scales[p.scale](values[p.id]) for p in bound.problem.fitted])


def _loss(problem, values):
    bound = bind(problem)
    theta = _theta(bound, values)
    accuracy = Accuracy(1e-9, max_steps=100_000)
    loss = jax.jit(lambda theta: losses(bound.objective, theta, accuracy, "forward")[0])
    return float(loss(theta[:, None])[0])


def test_steady_state_and_ties_in_the_likelihood(table, small):
    """Tied rates of one value are the model with both set; the last row is the steady state."""
    problem = table("time,A,sd\n1,3,0.1\ninf,0.5,0.2\n", fit=["k1"], ties=["k1=k2"], conditions=None)
    assert [p.id for p in problem.parameters] == ["k1"]
    assert problem.experiments[0].phases[0].changes == {"k2": symbol("k1")}
    course = run_time_course(small, [1.0, 1e4], overrides={"k1": 0.4, "k2": 0.4})
    a = course.concentrations["A"]
    residuals = np.array([(3 - a[0]) / 0.1, (0.5 - a[1]) / 0.2])
    oracle = 0.5 * (residuals**2).sum() + np.log(0.1 * 0.2) + np.log(2 * np.pi)
    np.testing.assert_allclose(_loss(problem, {"k1": 0.4}), oracle, rtol=1e-6)


def test_a_fit_recovers_the_values_behind_noise_free_data(table, small):
    times = np.linspace(0.0, 6.0, 13)
    course = run_time_course(small, times, overrides={"k1": 0.9, "k3": 0.25, "A": 5.0})
    rows = zip(
        times, course.concentrations["A"], course.concentrations["B"], course.values["J2"], strict=True
    )
    text = "time,A,B,J2,sd\n" + "".join(
        f"{t!r},{a!r},{b!r},{j!r},0.01\n" for t, a, b, j in (map(float, r) for r in rows)
    )
    bound = bind(table(text, fit=["k1", "k3:1e-3..10", "A:1..100"]))
    starts = draw_starts(bound.lower, bound.upper, 3, seed=1)
    found = fit(bound.objective, bound.lower, bound.upper, [Start(k, x, x) for k, x in enumerate(starts)])
    best = min(found, key=lambda start: start.loss)
    np.testing.assert_allclose(10**best.theta, [0.9, 0.25, 5.0], rtol=1e-4)


INDEX_PATTERNS = {
    "kf[*,2]": ["kf_1_2", "kf_2_2", "kf_3_2"],
    "kf[3,*]": ["kf_3_1", "kf_3_2", "kf_3_3"],
    "kf[2,3]": ["kf_2_3"],
    "kf": [f"kf_{i}_{j}" for i, j in PAIRS],
    "kf[*,*]": [f"kf_{i}_{j}" for i, j in PAIRS],
    "M": ["M_1", "M_2", "M_3"],
    "M[[12]]": ["M_1", "M_2"],
    "kf_1_?": ["kf_1_1", "kf_1_2", "kf_1_3"],
    "kf_[12]_1": ["kf_1_1", "kf_2_1"],
    "M_2": ["M_2"],
}


@pytest.mark.parametrize("pattern", INDEX_PATTERNS)
def test_patterns_over_tensors_and_ids(indexed, pattern):
    assert [p.id for p in choose(indexed, [pattern]).parameters] == INDEX_PATTERNS[pattern]


def test_ties_over_index_symbols(indexed):
    choice = choose(indexed, ["kf"], ties=["kf[i,j]=kf[j,i]"])
    assert choice.follows == {"kf_2_1": "kf_1_2", "kf_3_1": "kf_1_3", "kf_3_2": "kf_2_3"}
    assert {p.id for p in choice.parameters} == {"kf_1_1", "kf_1_2", "kf_1_3", "kf_2_2", "kf_2_3", "kf_3_3"}
    choice = choose(indexed, ["kf:1e-2..1"], ties=["k = kf[*,1] = kf_2_2"])
    assert choice.follows == dict.fromkeys(("kf_1_1", "kf_2_1", "kf_3_1", "kf_2_2"), "k")
    assert [p.id for p in choice.parameters][-1] == "k"
    assert len(choice.parameters) == 6
    choice = choose(indexed, ["kf[1,*]"], fix=["kf_1_2"], ties=["kf_1_1=kf_1_2=kf_1_3"])
    assert choice.follows == {"kf_1_3": "kf_1_1"}
    assert [p.id for p in choice.parameters] == ["kf_1_1"]


def test_a_folded_model_binds_as_the_flat_one(table, indexed):
    text = "time,M_1,D_1_2,sd\n0.5,1,0.1,0.1\n1,0.8,0.2,0.1\n"
    problems = [
        table(text, model=m, fit=["kf[*,2]", "M_1:0.1..9"], ties=["kf[i,j]=kf[j,i]"])
        for m in (indexed, read_model(INDEXED))
    ]
    values = {p.id: 0.3 for p in problems[0].parameters}
    np.testing.assert_allclose(*(_loss(problem, values) for problem in problems), rtol=1e-9)


DEFAULTS = {
    "k1": ("log10", 0.7e-3, 0.7, 700.0),
    "k1:lin": ("lin", 0.7e-3, 0.7, 700.0),
    "zero": ("lin", 0.0, 0.0, 1.0),
    "sink": ("lin", -10.0, -1.0, 10.0),
    "k1:log10:1e-3..10": ("log10", 1e-3, 0.7, 10.0),
    "k1:-1..10:2": ("lin", -1.0, 2.0, 10.0),
    "k1=0.5..10:2": ("log10", 0.5, 2.0, 10.0),
    "A": ("log10", 4e-3, 4.0, 4e3),
    "k4:1..4": ("log10", 1.0, 2.0, 4.0),  # an initial assignment gives it in the model
}


@pytest.mark.parametrize("text", DEFAULTS)
def test_scale_bounds_and_start_value(small, text):
    (p,) = choose(small, [text]).parameters
    assert (p.scale, *np.round([p.lower, p.value, p.upper], 9)) == DEFAULTS[text]


def test_the_last_pattern_holds_and_fixed_ones_go(small):
    choice = choose(small, ["k[123]", "k4:1..3", "k1:lin:0..5"], fix=["k4", "k3"])
    assert {p.id: p.scale for p in choice.parameters} == {"k1": "lin", "k2": "log10"}


BAD_CHOICES = {
    "nothing is like it": ({"fit": ["k9"]}, "did you mean 'k"),
    "no label": ({"fit": ["kf[*,5]"]}, "no label of index set"),
    "wrong number of indices": ({"fit": ["kf[1]"]}, "has 1 indices, and 'kf' has 2"),
    "a rule gives it": ({"fit": ["total"]}, "assignment rule"),
    "a reaction": ({"fit": ["J1"]}, "is a reaction"),
    "start outside": ({"fit": ["k1:1..2:5"]}, "start value, 5, lies outside the bounds 1..2"),
    "value outside": ({"fit": ["k1:1..2"]}, "value in the model, 0.7, lies outside"),
    "bounds the wrong way": ({"fit": ["k1:2..1"]}, "is not below"),
    "infinite bounds": ({"fit": ["k1:0..inf"]}, "must be finite"),
    "logarithm of zero": ({"fit": ["k1:log:0..1"]}, "give positive bounds"),
    "no scale": ({"fit": ["k1:ln"]}, "is no scale (lin, log, log10)"),
    "twice": ({"fit": ["k1:lin:log"]}, "the scale is given twice"),
    "no value": ({"fit": ["k4"]}, "give bounds, such as k4:log10"),
    "nothing to fit": ({"fit": []}, "nothing is fitted"),
    "all fixed": ({"fit": ["k1"], "fix": ["k*"]}, "nothing is fitted"),
    "fixed in vain": ({"fit": ["k1"], "fix": ["k2"]}, "nothing that it stands for is fitted"),
    "tie of one": ({"fit": ["k1"], "ties": ["k1"]}, "two ids or more"),
    "all assigned": ({"fit": ["k4*"]}, "initial assignment gives 'k4'"),
    "tie of none": ({"fit": ["k1"], "ties": ["k2=k3"]}, "none of these is fitted"),
    "tie to nothing": ({"fit": ["k1"], "ties": ["k1=x9"]}, "no id or base"),
    "tie over other symbols": ({"fit": ["kf"], "ties": ["kf[i,j]=kf[i,1]"]}, "same index symbols"),
}


@pytest.mark.parametrize("case", BAD_CHOICES)
def test_bad_choices(small, indexed, case):
    options, words = BAD_CHOICES[case]
    model = indexed if any("kf" in text for text in options["fit"]) else small
    with pytest.raises(ModelIOError) as caught:
        choose(model, **options)
    assert words in str(caught.value)


GOOD = "time,A,B\n0,1,2\n1,1,2\n"
BAD_TABLES = {
    "no species": ("time,A,Bb\n0,1,2\n", "row 1, column 3 ('Bb'): 'Bb' is no species"),
    "near name": ("time,A,totl\n0,1,2\n", "did you mean 'total'?"),
    "constant": ("time,k1\n0,1\n", "'k1' is a constant of the model"),
    "no number": ("time,A,B\n0,1,2\n1,1,much\n", "row 3, column 3 ('B'): expected a number, found 'much'"),
    "decimal comma": ("time;A;B\n0;1,5;2\n", "write a decimal point"),
    "underscore": ("time,A\n0,1_0\n", "found '1_0'"),
    "infinite": ("time,A\n0,inf\n", "a measured value must be finite"),
    "sd of zero": ("time,A,A_sd\n0,1,0\n", "row 2, column 3 ('A_sd'): a standard deviation must be positive"),
    "negative sd": ("time,observable,value,sd\n0,A,1,-2\n", "found -2"),
    "sd of nothing": ("time,A,B_sd\n0,1,1\n", "expected a column 'B' beside its noise"),
    "before 0": ("time,A\n-1,2\n", "row 2, column 1 ('time'): the time -1 is before 0"),
    "no time": ("time,A\n0,1\n,2\n", "row 3, column 1 ('time'): the time is missing"),
    "not sorted": ("# x\n\ntime,A\n0,1\n2,2\n1,3\n", "row 6, column 1 ('time'): time 1 follows 2"),
    "twice the same column": ("time,A,A\n0,1,2\n", "row 1, column 3 ('A'): column 2 has the same name"),
    "twice in other letters": ("Time,TIME,A\n0,1,2\n", "row 1, column 2 ('TIME'): there is a column"),
    "no name": ("time,,A\n0,1,2\n", "row 1, column 2 (''): the column has no name"),
    "no measurement": ("time,A\n0,\n1,NA\n", "every value is missing"),
    "only time": ("time\n0\n", "no column holds measurements"),
    "empty": ("# nothing\n\n", "the file is empty"),
    "header only": ("time,A\n", "ends after its header"),
    "no header": ("0,1,2\n1,1,2\n", "expected a column 'time', found '0', '1', '2'"),
    "no column of time": ("t,A\n0,1\n", "row 1: expected a column 'time', found 't', 'A'"),
    "both forms": ("time,observable,value,A\n0,A,1,2\n", "row 1, column 4 ('A'): a table with columns"),
    "half the long form": ("time,observable,A\n0,A,1\n", "which needs 'value' too"),
    "unknown in the long form": ("time,observable,value\n0,A,1\n0,Q,1\n", "row 3, column 2 ('observable')"),
    "short row": ("time,A,B\n0,1\n", "row 2: expected 3 cells"),
    "long row": ("time,A\n0,1,2\n", "row 2: expected 2 cells, one for each column of the header, found 3"),
    "open quote": ('time,A\n0,"1\n', "the row cannot be read"),
    "binary": (b"PK\x03\x04\x00\x00time,A\n", "binary file"),
    "utf-16": ("time,A\n0,1\n".encode("utf-16"), "no UTF-8 text"),
    "undefined condition": ("time,condition,A\n0,low,1\n", "column 2 ('condition'): condition 'low' is"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables(table, case):
    text, words = BAD_TABLES[case]
    assert len(table(GOOD).measurements) == 4
    with pytest.raises(ModelIOError) as caught:
        table(text)
    assert words in str(caught.value)
    assert "data.csv" in str(caught.value)


BAD_OPTIONS = {
    "no such condition": ({"conditions": {"hi": {}, "low": {}}}, "no condition is called 'high': did you"),
    "condition sets nothing": ({"conditions": {"high": {"a": 1}}}, "condition 'high', 'a': the model has no"),
    "condition sets a rule": ({"conditions": {"high": {"total": 1}}}, "assignment rule"),
    "condition is no number": ({"conditions": {"high": {"k3": "x y"}}}, "is no formula"),
    "condition is infinite": ({"conditions": {"high": {"k3": math.inf}}}, "expected a finite number"),
    "condition names species": ({"conditions": {"high": {"k3": "2*B"}}}, "names 'B'"),
    "every condition sets it": ({"conditions": {"high": {"k1": 2}}}, "every condition gives its value"),
    "observable is taken": ({"observables": {"A": "2*B"}}, "is an id of the model"),
    "observable of nothing": ({"observables": {"x": "2*totl"}}, "did you mean 'total'"),
    "observable is no formula": ({"observables": {"x": "2*"}}, "is no formula"),
    "noise": ({"noise": "large"}, "'absolute' or 'relative'"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(table, case):
    options, words = BAD_OPTIONS[case]
    text = "time,condition,A\n0,high,1\n"
    assert table(text, conditions={"high": {}}).measurements
    with pytest.raises(ModelIOError) as caught:
        table(text, **{"conditions": {"high": {}}, **options})
    assert words in str(caught.value)


def test_missing_file(tmp_path, small):
    with pytest.raises(ModelIOError, match="there is no such file"):
        read_table(tmp_path / "none.csv", small, fit=["k1"])
    with pytest.raises(ModelIOError, match="a directory"):
        read_table(tmp_path, small, fit=["k1"])


def test_conditions_of_a_file(tmp_path):
    path = tmp_path / "conditions.csv"
    path.write_text("condition\tA\tk3\nlow\t\t\nhigh\t8\t2*k1\n")
    assert read_conditions(path) == {"low": {}, "high": {"A": 8.0, "k3": "2*k1"}}
    for text, words in (
        ("name,A\nx,1\n", "expected a column 'condition'"),
        ("condition,A\nx,1\nx,2\n", "row 3, column 1 ('condition'): condition 'x' has a row"),
        ("condition,A\n,1\n", "the condition has no name"),
    ):
        path.write_text(text)
        with pytest.raises(ModelIOError) as caught:
            read_conditions(path)
        assert words in str(caught.value)


def test_observables_in_texts():
    assert read_observables(["total2 = A + B", "d=A==B"]) == {"total2": "A + B", "d": "A==B"}
    for texts in (["A + B"], ["x="], ["1x=A"], ["x=A", "x=B"]):
        with pytest.raises(ModelIOError, match="observable"):
            read_observables(texts)


def test_a_folding_given_with_hints_is_kept(table, indexed):
    """Binding sets values in the tensors that are there; it does not fold anew."""
    problem = table("time,M_1\n1,1\n", model=indexed, fit=["kf"])
    assert bind(problem).folding.icrn is indexed.icrn


def test_a_value_that_the_model_lacks_is_set_by_every_condition(table):
    model = read_model("species A; A = 1; k = 1; J: A -> ; k*m*A;")
    text = "time,condition,A\n1,x,1\n1,y,1\n"
    problem = table(text, model=model, conditions={"x": {"m": 1}, "y": {"m": 2}}, fit=["k"])
    assert bind(problem).objective.n_runs == 2
    problem = table(text, model=model, conditions={"x": {"m": 1}, "y": {}}, fit=["k"])
    with pytest.raises(ModelIOError, match="no value for 'm', which some conditions do not set"):
        bind(problem)
