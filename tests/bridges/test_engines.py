"""Three engines, one answer: the same time course by id, and one error where one cannot run."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

from converters.engines import icrn
from converters.engines.registry import ENGINES, find_engine
from converters.errors import EngineError
from converters.fold import fold_network
from converters.models import as_network, with_overrides
from converters.overrides import apply_overrides
from converters.time_course import run_time_course
from converters.validation import cross_validate
from icrn_io import read_model
from icrn_io.errors import ModelIOError, UnsupportedFeatureError

OTHERS = [name for name in ENGINES if name != "icrn"]
TIMES = np.array([0.5, 1.0, 1.0, 3.0])

LOCAL = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">
<model id="local"><listOfCompartments><compartment id="c" size="2.5" constant="true"/></listOfCompartments>
<listOfSpecies>
<species id="A" name="twin" compartment="c" initialConcentration="3" hasOnlySubstanceUnits="false"
 boundaryCondition="false" constant="false"/>
<species id="B" name="twin" compartment="c" initialAmount="1" hasOnlySubstanceUnits="true"
 boundaryCondition="false" constant="false"/></listOfSpecies>
<listOfParameters><parameter id="k" value="9" constant="true"/></listOfParameters>
<listOfReactions>{reactions}</listOfReactions></model></sbml>"""
REACTION = """<reaction id="{id}" reversible="false" fast="false"><listOfReactants>
<speciesReference {name} species="A" stoichiometry="2" constant="true"/></listOfReactants><listOfProducts>
<speciesReference species="B" stoichiometry="0.5" constant="true"/></listOfProducts><kineticLaw>
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>k</ci><ci>A</ci><ci>c</ci></apply></math>
<listOfLocalParameters><localParameter id="k" value="{k}"/></listOfLocalParameters></kineticLaw></reaction>"""

MODELS = {
    "two compartments": """
        compartment c = 2, d = 0.3; species A in c, B in d; A = 3; B = 0;
        J: A -> B; c*k1*A - d*k2*B; k1 = 0.7; k2 = 0.2""",
    "boundary and constant": """
        compartment c = 4; species $S in c, A in c; const species E in c; S = 5; A = 1; E = 2;
        J1: S -> A; c*k*S*E; J2: A -> ; c*h*A; k = 0.1; h = 0.9""",
    "amounts": """
        compartment c = 3; substanceOnly species A in c, B in c; species C in c; A = 10; B = 2; C = 1;
        J1: A + B -> C; k*A*B; J2: C -> A + B; h*C*c; k = 0.05; h = 0.4""",
    "rules": """
        compartment c = 2; species A in c, $T in c; A = 4; T := 2*A + p; p := A/(1 + A);
        q = 1; q' = -0.5*q + T/10; J: A -> ; c*k*A*q; k = 0.3""",
    "initial assignment": """
        compartment c = 2; species A in c, B in c; A = 2*k; k = 1.5; B = A + 1; J: A -> B; c*k*A/(2 + A)""",
    "growing compartment": """
        compartment c = 1; c' = 0.2; species A in c; A = 4; J: -> A; c*k; k = 0.5""",
    "reversible, shared": """
        species M_1, M_2, D_1_2, D_1_1; M_1 = 1; M_2 = 2; D_1_2 = 0; D_1_1 = 0;
        J1: M_1 + M_2 -> D_1_2; kf_1_2*M_1*M_2 - kb_1_2*D_1_2; kf_1_2 = 1.5; kb_1_2 = 0.3
        J2: 2 M_1 -> D_1_1; kf_1_1*M_1*M_1 - kb_1_1*D_1_1; kf_1_1 = 0.5; kb_1_1 = 0.1""",
    "time and piecewise": """
        species A; A = 1; J: A -> ; A*(k*sin(time)^2 + piecewise(1, time > 0.75, 0.2)); k = 0.4""",
    "local parameters": LOCAL.format(
        reactions=REACTION.format(id="J", k="0.2", name='id="two"')
        + REACTION.format(id="K", k="0.4", name="")
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def networks():
    return {name: read_model(text) for name, text in MODELS.items()}


class Ours(dict):
    """Time courses by the ICRN, run when first asked for; the keys are a model and overrides."""

    def __init__(self, networks):
        super().__init__()
        self.networks = networks

    def __missing__(self, key):
        name, overrides = key
        self[key] = run_time_course(self.networks[name], TIMES, rtol=1e-10, overrides=dict(overrides))
        return self[key]


@pytest.fixture(scope="module")
def ours(networks):
    return Ours(networks)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("case", MODELS)
def test_engines_agree_on_every_id(case, engine, networks, ours):
    network, a = networks[case], ours[case, ()]
    b = run_time_course(network, TIMES, engine=engine, rtol=1e-10)
    ids = [species.id for species in network.species]
    assert list(a.amounts) == list(b.amounts) == ids
    for name in ids:
        np.testing.assert_allclose(a.amounts[name], b.amounts[name], rtol=1e-6, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(
            a.concentrations[name], b.concentrations[name], rtol=1e-6, atol=1e-9, err_msg=name
        )
    named = [e.id for e in (*network.compartments, *network.parameters, *network.reactions)]
    assert set(named) <= b.values.keys()
    # What nothing reads need not be in the compiled network; all the rest must be.
    for name in a.values.keys() & b.values.keys():
        np.testing.assert_allclose(a.values[name], b.values[name], rtol=1e-6, atol=1e-9, err_msg=name)
    assert set(named) <= a.values.keys()
    assert np.array_equal(a.times, TIMES)
    assert np.array_equal(a.amounts[ids[0]][1:2], a.amounts[ids[0]][2:3])


def test_the_case_with_local_parameters_keeps_them_apart(ours):
    course = ours["local parameters", ()]
    ratio = course.values["K"] / course.values["J"]
    np.testing.assert_allclose(ratio, 2.0, rtol=1e-12)
    assert course.values["two"].tolist() == [2.0] * len(TIMES)
    assert course.values["J_k"].tolist() == [0.2] * len(TIMES)


def test_a_closed_form(networks):
    # dA/dt = -2 (0.2 + 0.4) A as a concentration, whatever the compartment size.
    course = run_time_course(networks["local parameters"], [0.0, 2.0])
    np.testing.assert_allclose(course.concentrations["A"], 3 * np.exp(-1.2 * np.array([0.0, 2.0])), rtol=1e-7)
    np.testing.assert_allclose(course.amounts["A"], 2.5 * course.concentrations["A"], rtol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("times", [[0.0], [0.0, 0.0, 1.0], [2.0], 0.25])
def test_times_start_anywhere_and_integration_at_zero(engine, times, networks):
    course = run_time_course(networks["two compartments"], times, engine=engine)
    expected = np.atleast_1d(times)
    assert np.array_equal(course.times, expected)
    # Two states linked by J: the exact solution relaxes to its rest at rate k1 + k2.
    total, rate = 6.0, 0.9
    rest = total * 0.2 / 0.9
    np.testing.assert_allclose(course.amounts["A"], rest + (6 - rest) * np.exp(-rate * expected), rtol=1e-6)


@pytest.mark.parametrize(
    "times", [[], [[0.0, 1.0]], [np.nan], [0.0, np.inf], [-1.0, 1.0], [1.0, 0.5], ["soon"]]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_bad_times_are_one_error(times, engine, networks):
    with pytest.raises(ModelIOError, match="output time"):
        run_time_course(networks["two compartments"], times, engine=engine)


@pytest.mark.parametrize("option", [{"rtol": 0.0}, {"rtol": np.nan}, {"atol": -1.0}, {"atol": np.inf}])
def test_bad_tolerances_are_one_error(option, networks):
    with pytest.raises(ModelIOError, match=next(iter(option))):
        run_time_course(networks["two compartments"], [1.0], **option)


OVERRIDES = {
    "a concentration": ("two compartments", {"A": 1.25}),
    "an amount": ("amounts", {"A": 4.0}),
    "a parameter and a size": ("two compartments", {"k1": 0.1, "c": 5.0}),
    "beats its initial assignment": ("initial assignment", {"A": 0.5}),
    "is seen by other initial assignments": ("initial assignment", {"k": 0.25}),
    "starts a rate rule": ("rules", {"q": 3.0}),
    "a local parameter": ("local parameters", {"J_k": 1.0}),
    "a stoichiometry": ("local parameters", {"two": 3.0}),
    "a boundary species": ("boundary and constant", {"S": 1.0, "E": 0.5}),
}


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("case", OVERRIDES)
def test_overrides_mean_the_same_in_every_engine(case, engine, networks, ours):
    name, overrides = OVERRIDES[case]
    network = networks[name]
    a = ours[name, tuple(overrides.items())]
    b = run_time_course(network, TIMES, engine=engine, rtol=1e-10, overrides=overrides)
    first = network.species[0].id
    assert not np.allclose(a.amounts[first], ours[name, ()].amounts[first], rtol=1e-3)
    for species in network.species:
        np.testing.assert_allclose(a.amounts[species.id], b.amounts[species.id], rtol=1e-6, atol=1e-9)


def test_an_override_of_a_species_is_in_the_unit_of_its_id(networks):
    concentration = run_time_course(networks["two compartments"], [0.0], overrides={"A": 1.25})
    assert concentration.concentrations["A"] == [1.25]
    assert concentration.amounts["A"] == [2.5]
    amount = run_time_course(networks["amounts"], [0.0], overrides={"A": 6.0})
    assert amount.amounts["A"] == [6.0]
    assert amount.concentrations["A"] == [2.0]


@pytest.mark.parametrize("case", OVERRIDES)
def test_overrides_of_a_folding_are_those_of_its_network(case, networks):
    name, overrides = OVERRIDES[case]
    network = networks[name]
    folding = with_overrides(fold_network(network), overrides)
    assert as_network(folding) == apply_overrides(network, overrides)


def test_other_values_of_a_folding_need_no_new_structure(networks):
    folding = fold_network(networks["reversible, shared"])
    changed = with_overrides(folding, {"kf_1_2": 0.1, "M_1": 2.0})
    assert changed.icrn is folding.icrn
    assert changed != folding


BAD_OVERRIDES = {
    "unknown id": (
        "two compartments",
        {"kl": 1.0},
        "no species, parameter or compartment 'kl': did you mean 'k",
    ),
    "nothing like it": ("two compartments", {"zzzzzz": 1.0}, "use an id of the model file"),
    "assigned": ("rules", {"p": 1.0}, "assignment rule"),
    "a reaction": ("rules", {"J": 1.0}, "is a reaction"),
    "not a number": ("rules", {"k": "fast"}, "must be a number"),
    "not finite": ("rules", {"k": np.nan}, "must be finite"),
}


@pytest.mark.parametrize("case", BAD_OVERRIDES)
@pytest.mark.parametrize("engine", ENGINES)
def test_bad_overrides_are_one_error(case, engine, networks):
    name, overrides, message = BAD_OVERRIDES[case]
    with pytest.raises(ModelIOError, match=message):
        run_time_course(networks[name], [1.0], engine=engine, overrides=overrides)


def test_an_unknown_engine_lists_those_there_are():
    with pytest.raises(ModelIOError, match=r"did you mean 'copasi'.*icrn, tellurium, copasi"):
        find_engine("Copasi")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unknown_solver_is_one_error(engine, networks):
    with pytest.raises(ValueError, match=r"solver.*'euler'"):
        run_time_course(networks["amounts"], [1.0], engine=engine, solver="euler")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_simulator_says_what_to_install(engine, networks, monkeypatch):
    missing = ENGINES[engine].needs

    def fail(name):
        if name == missing:
            raise ImportError(f"No module named '{name}'")
        return importlib.import_module(name)

    monkeypatch.setattr("converters.engines.registry.import_module", fail)
    with pytest.raises(EngineError, match="pip install"):
        run_time_course(networks["amounts"], [1.0], engine=engine)


EVENT = "species A; A = 1; J: A -> ; k*A; k = 1; E1: at A < 0.5: A = 1; E2: at time > 2: k = 3"
ALGEBRAIC = LOCAL.format(reactions=REACTION.format(id="J", k="1", name="")).replace(
    "<listOfReactions>",
    '<listOfRules><algebraicRule><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/><ci>B</ci>'
    "<apply><times/><cn>2</cn><ci>k</ci></apply></apply></math></algebraicRule></listOfRules><listOfReactions>",
)
FAST = LOCAL.format(reactions=REACTION.format(id="J", k="1", name="").replace('fast="false"', 'fast="true"'))


@pytest.mark.parametrize("engine", OTHERS)
def test_engines_agree_on_events(engine):
    a, b = (run_time_course(read_model(EVENT), [0.5, 1.0, 2.5, 4.0], engine=e) for e in ("icrn", engine))
    np.testing.assert_allclose(a.amounts["A"], b.amounts["A"], rtol=1e-5)
    np.testing.assert_allclose(a.values["k"], [1.0, 1.0, 3.0, 3.0], rtol=1e-12)


@pytest.mark.parametrize(("text", "feature"), [(ALGEBRAIC, "algebraic rule"), (FAST, "fast reaction")])
def test_copasi_refuses_what_it_would_ignore(text, feature):
    with pytest.raises(UnsupportedFeatureError, match=feature):
        run_time_course(read_model(text), [1.0], engine="copasi")
    run_time_course(read_model(MODELS["local parameters"]), [1.0], engine="copasi")


SUBMODEL = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"
 xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" comp:required="true">
<model id="outer"><comp:listOfSubmodels><comp:submodel comp:id="A" comp:modelRef="inner"/>
</comp:listOfSubmodels></model><comp:listOfModelDefinitions><comp:modelDefinition id="inner">
<listOfParameters><parameter id="p" value="3" constant="false"/></listOfParameters><listOfRules>
<rateRule variable="p"><math xmlns="http://www.w3.org/1998/Math/MathML"><cn>2</cn></math></rateRule>
</listOfRules></comp:modelDefinition></comp:listOfModelDefinitions></sbml>"""
TWICE = "p = 1.5; E: at 2.5 after p > 1, t0=false, fromTrigger=false: p = p^2; q = 1; q' = 0"
PLAIN = LOCAL.format(reactions=REACTION.format(id="J", k="0.3", name=""))
TIMELY = PLAIN.replace('id="k" value="9"', 'id="time" value="9"', 1)
RULED = PLAIN.replace(
    'constant="true"/></listOfParameters>', 'constant="false"/></listOfParameters>'
).replace(
    "<listOfReactions>",
    '<listOfRules><algebraicRule><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/><ci>k</ci>'
    "<cn>{}</cn></apply></math></algebraicRule></listOfRules><listOfReactions>",
    1,
)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("text", "name", "end"), [(SUBMODEL, "A__p", 7.0), (TWICE, "p", 2.25), (TIMELY, "time", 9.0)]
)
def test_every_engine_runs_what_it_can(engine, text, name, end):
    course = run_time_course(read_model(text), [0.0, 4.0 if text is TWICE else 2.0], engine=engine)
    np.testing.assert_allclose(course.values[name][-1], end, rtol=1e-6)


def test_copasi_runs_algebraic_rules_that_hold_by_themselves():
    course = run_time_course(read_model(RULED.format(9)), [1.0], engine="copasi")
    assert course.values["k"].tolist() == [9.0]
    with pytest.raises(UnsupportedFeatureError, match="algebraic rule"):
        run_time_course(read_model(RULED.format(8)), [1.0], engine="copasi")


@pytest.mark.parametrize(("formula", "is_run"), [("2*k", True), ("1 + time", False), ("A", False)])
def test_copasi_runs_stoichiometries_by_constant_formulas(formula, is_run):
    text = f"species A; A = 1; n := {formula}; k = 1; J: -> n A; 1"
    network = read_model(text)
    if is_run:
        a, b = (run_time_course(network, [1.0], engine=name) for name in ("icrn", "copasi"))
        np.testing.assert_allclose(b.amounts["A"], a.amounts["A"], rtol=1e-6)
    else:
        with pytest.raises(UnsupportedFeatureError, match="variable stoichiometry"):
            run_time_course(network, [1.0], engine="copasi")


def test_tellurium_failing_is_one_line():
    with pytest.raises(EngineError, match=r"^tellurium: ") as caught:
        run_time_course(read_model(ALGEBRAIC), [1.0], engine="tellurium")
    assert "\n" not in str(caught.value)


BLOW_UP = "species A; A = 1; J: -> A; A^2"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_solution_that_ends_is_one_error(engine):
    with pytest.raises(ValueError, match=engine) as caught:
        run_time_course(read_model(BLOW_UP), [0.5, 1.1, 1.2, 2.0], engine=engine)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("few_steps", "solvers"), [(10_000, ["dopri5"]), (1, ["dopri5", "auto"])])
def test_costly_systems_are_tried_explicitly_first(few_steps, solvers, networks, ours, monkeypatch):
    used = []

    def watched(dynamics, method, *arguments):
        used.append(method.solver)
        return integrate(dynamics, method, *arguments)

    integrate = icrn.integrate
    monkeypatch.setattr(icrn, "integrate", watched)
    monkeypatch.setattr(icrn, "_LARGE", 0)
    monkeypatch.setattr(icrn, "_COSTLY", 0)
    monkeypatch.setattr(icrn, "_FEW_STEPS", few_steps)
    course = run_time_course(networks["rules"], TIMES, rtol=1e-10)
    assert used == solvers
    for name, series in ours["rules", ()].amounts.items():
        np.testing.assert_allclose(course.amounts[name], series, rtol=1e-6)


def test_copasi_models_are_removed_whatever_happens(networks):
    run_time_course(networks["amounts"], [1.0], engine="copasi")
    import COPASI

    def count():
        return COPASI.CRootContainer.getDatamodelList().size()

    before = count()
    run_time_course(networks["amounts"], [1.0], engine="copasi")
    for text in (FAST, BLOW_UP):
        with pytest.raises(ModelIOError):
            run_time_course(read_model(text), [0.5, 1.1, 1.2, 2.0], engine="copasi")
    assert count() == before


def in_a_fresh_process(script: str, **environment: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment}
    python = [sys.executable, "-c", script]
    return subprocess.run(python, env=environment, capture_output=True, encoding="utf-8", check=True).stdout


@pytest.mark.parametrize("engine", OTHERS)
def test_simulators_leave_the_default_encoding_alone(engine):
    script = (
        "import locale; before = locale.getpreferredencoding(False);"
        "from converters.time_course import run_time_course; from icrn_io import read_model;"
        f"run_time_course(read_model('species A; A = 1; J: A -> ; A'), [1.0], engine={engine!r});"
        "print(before == locale.getpreferredencoding(False))"
    )
    assert in_a_fresh_process(script, LC_ALL="C.UTF-8") == "True\n"


def test_the_library_leaves_the_configuration_of_jax_alone():
    script = (
        "import jax; from converters.time_course import run_time_course; from icrn_io import read_model;"
        "c = run_time_course(read_model('species A; A = 1; J: A -> ; A'), [1.0]);"
        "print(jax.config.jax_enable_x64, c.amounts['A'].dtype, c.amounts['A'][0])"
    )
    result = in_a_fresh_process(script, JAX_ENABLE_X64="0")
    flag, dtype, value = result.split()
    assert (flag, dtype) == ("False", "float64")
    np.testing.assert_allclose(float(value), np.exp(-1), rtol=1e-7)


def test_models_in_moles_and_femtolitres_have_error_control():
    """Amounts of 1e-21: Lotka and Volterra's equations, by all engines at the usual tolerances."""
    model = """
        compartment c = 1e-15; species X in c = 1e-6, Y in c = 1.5e-6
        J1: X -> 2 X; 1*X*c; J2: X + Y -> 2 Y; 1e6*X*Y*c; J3: Y -> ; 1*Y*c
    """
    network = read_model(model)
    expected = [1.4982186e-6, 1.0509793e-6]
    for engine in ("icrn", "tellurium", "copasi"):
        course = run_time_course(network, [5.0, 10.0], engine=engine)
        np.testing.assert_allclose(course.concentrations["X"], expected, rtol=1e-5, err_msg=engine)
    report = cross_validate(network, [5.0, 10.0], engines=("tellurium",))
    assert report.passed
    assert report.floor < 1e-20
