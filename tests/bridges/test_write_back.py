"""Values that were set are what another simulator starts from, and exports keep what was there."""

import re
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from converters import fold_network, load_folding
from converters.annotation import NAMESPACE, fold_annotation
from converters.cli import export, import_, simulate
from converters.overrides import apply_overrides
from icrn_io import ModelIOError, format_model, read_bytes, read_model

MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'
COMPARTMENT = '<listOfCompartments><compartment id="c" {} constant="true"/></listOfCompartments>'
LEVEL_3 = f"""<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model id="m">
<annotation><own xmlns="urn:own">kept</own></annotation>
{COMPARTMENT.format('spatialDimensions="3" size="2"')}
<listOfSpecies>
<species id="A" compartment="c" initialAmount="1" hasOnlySubstanceUnits="false" boundaryCondition="false"
 constant="false"/>
<species id="N" compartment="c" initialConcentration="1" hasOnlySubstanceUnits="true"
 boundaryCondition="false"
 constant="false"/></listOfSpecies>
<listOfParameters>
<parameter id="k" value="9" constant="true"/><parameter id="q" constant="true"/>
</listOfParameters>
<listOfInitialAssignments>
<initialAssignment symbol="A"><math {MATHML}><cn>7</cn></math></initialAssignment>
<initialAssignment symbol="N"><math {MATHML}><ci>q</ci></math></initialAssignment>
<initialAssignment symbol="k"><math {MATHML}><cn>8</cn></math></initialAssignment>
<initialAssignment symbol="q"><math {MATHML}><apply><times/><cn>2</cn><ci>k</ci></apply></math>
</initialAssignment>
</listOfInitialAssignments>
<listOfReactions><reaction id="J" reversible="false"><listOfReactants>
<speciesReference species="A" stoichiometry="1" constant="true"/></listOfReactants>
<kineticLaw><math {MATHML}><apply><times/><ci>k</ci><ci>A</ci><ci>p</ci></apply></math>
<listOfLocalParameters><localParameter id="p" value="1"/></listOfLocalParameters></kineticLaw>
</reaction></listOfReactions></model></sbml>"""
LEVEL_1 = """<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="m">
<listOfCompartments><compartment name="c" volume="2"/></listOfCompartments>
<listOfSpecies><species name="A" compartment="c" initialAmount="1"/></listOfSpecies>
<listOfParameters><parameter name="k" value="0.5"/></listOfParameters>
<listOfReactions><reaction name="R" reversible="false"><listOfReactants><speciesReference species="A"/>
</listOfReactants><kineticLaw formula="k*A"/></reaction></listOfReactions></model></sbml>
"""
LEVEL_2 = LEVEL_3.replace("level3/version2/core", "level2/version4").replace('level="3" version="2"',
    'level="2" version="4"').replace(' spatialDimensions="3"', "").replace(' constant="true"/></listOfR',
    "/></listOfR").replace("LocalParameter", "Parameter").replace("localP", "p")  # fmt: skip

STARTS = {
    "level 3": (LEVEL_3, {"A": 3.0, "q": 5.0, "k": 0.1 + 0.2, "J_p": 4.0}, {"[A]": 3.0, "N": 5.0}),
    "level 3, dependent": (LEVEL_3, {"k": 3.0}, {"[A]": 7.0, "N": 6.0, "q": 6.0}),
    "level 3, amount": (LEVEL_3, {"N": 3.0, "c": 4.0}, {"N": 3.0, "q": 16.0, "[A]": 7.0, "c": 4.0}),
    "level 2": (LEVEL_2, {"A": 3.0, "q": 5.0, "k": 0.3}, {"[A]": 3.0, "N": 5.0}),
    "level 1": (LEVEL_1, {"A": 3.0, "k": 0.7}, {"[A]": 3.0, "A": 6.0}),
}


@pytest.mark.parametrize("case", STARTS)
def test_libroadrunner_starts_from_what_was_set(case):
    roadrunner = pytest.importorskip("roadrunner", reason="libRoadRunner is not installed")
    text, values, expected = STARTS[case]
    changed = apply_overrides(read_model(text), values)
    patched = format_model(changed)
    # Level 1 has amounts only.
    assert read_bytes(patched) == changed or case == "level 1"
    assert format_model(read_bytes(patched)) == patched
    globals_only = {name: value for name, value in values.items() if name not in ("A", "N", "J_p")}
    for sbml in (patched, format_model(changed, fresh=True)):
        simulator = roadrunner.RoadRunner(sbml.decode())
        for name, value in {**expected, **globals_only}.items():
            assert simulator.getValue(name) == pytest.approx(value, rel=1e-15), name
        factor = values.get("J_p", 1.0)
        flux = simulator.getValue("k") * simulator.getValue("[A]") * factor
        assert simulator.getValue(simulator.model.getReactionIds()[0]) == pytest.approx(flux)


SUBMODEL = """<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"
 xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" comp:required="true"><model id="m">
<listOfParameters><parameter id="k" value="1" constant="true"/></listOfParameters>
<comp:listOfSubmodels><comp:submodel comp:id="S" comp:modelRef="part"/></comp:listOfSubmodels></model>
<comp:listOfModelDefinitions><comp:modelDefinition id="part">
<listOfParameters><parameter id="p" value="2" constant="true"/></listOfParameters>
</comp:modelDefinition></comp:listOfModelDefinitions></sbml>"""


def test_values_of_submodels_are_refused_by_name_with_a_way_out():
    network = read_model(SUBMODEL)
    own = apply_overrides(network, {"k": 5.0})
    assert format_model(own).decode() == SUBMODEL.replace('value="1" const', 'value="5" const')
    inner = apply_overrides(network, {"S__p": 5.0})
    with pytest.raises(ModelIOError, match=r"parameter 'S__p' cannot be set .*--fresh"):
        format_model(inner)
    assert read_bytes(format_model(inner, fresh=True)) == inner


def call(app, *arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def test_a_fresh_export_folds_as_before(tmp_path, models_dir, monkeypatch):
    """The annotation is read, and the fold is the one it was written for."""
    monkeypatch.chdir(tmp_path)
    call(import_.app, str(models_dir / "phosphorelay.xml"), "-o", "a.icrn")
    call(export.app, "a.icrn", "-o", "b.xml", "--fresh")
    assert NAMESPACE in Path("b.xml").read_text(encoding="utf-8")
    told = call(import_.app, "b.xml", "-o", "b.icrn")
    assert "annotation: " in told
    before, after = load_folding("a.icrn"), load_folding("b.icrn")
    assert (before.icrn, before.identity, before.skeleton) == (after.icrn, after.identity, after.skeleton)
    call(export.app, "b.icrn", "-o", "c.xml")
    assert Path("b.xml").read_bytes() == Path("c.xml").read_bytes()


@pytest.mark.parametrize(
    "name", ["dimerization.xml", "gray_scott.ant", "winner_take_all.xml", "repressilator.ant"]
)
def test_models_fold_by_their_annotation(name, models_dir):
    folding = fold_network(read_model(models_dir / name))
    network = folding.skeleton
    fresh = format_model(read_model(models_dir / name), fresh=True, annotation=fold_annotation(folding))
    again = fold_network(read_bytes(fresh))
    assert again.icrn == folding.icrn
    assert again.identity == folding.identity
    assert len(again.skeleton.reactions) == len(network.reactions)


def test_the_second_export_has_the_same_bytes(tmp_path, models_dir, monkeypatch):
    """Patched, fresh and Antimony: what is exported, imported and exported again is the same file."""
    monkeypatch.chdir(tmp_path)
    call(import_.app, str(models_dir / "repressilator.ant"), "-o", "a.icrn")
    ids = [p.id for p in read_model(models_dir / "repressilator.ant").parameters if p.value is not None]
    for first, second, options in (
        ("b.xml", "c.xml", []),
        ("f.xml", "g.xml", ["--fresh"]),
        ("b.ant", "c.ant", []),
    ):
        call(export.app, "a.icrn", "-o", first, "--set", f"{ids[0]}=0.123456789", *options)
        call(import_.app, first, "-o", "again.icrn")
        call(export.app, "again.icrn", "-o", second)
        assert Path(first).read_bytes() == Path(second).read_bytes()


def test_archives_of_commands(tmp_path, monkeypatch):
    """icrn-simulate puts in what it ran, with the results; icrn-export what is to be run."""
    monkeypatch.chdir(tmp_path)
    Path("m.xml").write_text(LEVEL_3)
    arguments = ("m.xml", "--end", "2", "--points", "5", "--set", "k=0.5", "--rtol", "1e-7", "--all")
    call(simulate.app, *arguments, "-o", "m.omex")
    call(simulate.app, *arguments, "-o", "again.omex")
    assert Path("m.omex").read_bytes() == Path("again.omex").read_bytes()
    call(simulate.app, *arguments, "-o", "m.csv")
    with zipfile.ZipFile("m.omex") as archive:
        table = archive.read("results.csv").decode()
        sedml = archive.read("simulation.sedml").decode()
        assert b'id="k" value="0.5"' in archive.read("model.xml")
    assert {line.split(",")[1] for line in table.splitlines()} == {
        line.split(",")[1] for line in Path("m.csv").read_text().splitlines()
    }
    assert table.splitlines()[0] == "time,A,N,c,k,q,J"
    assert re.search(r'outputEndTime="2.0"\s+numberOfSteps="4"', sedml)
    assert 'value="1e-07"' in sedml
    assert "k = 0.5" in sedml
    call(import_.app, "m.omex", "-o", "m.icrn")
    call(export.app, "m.icrn", "-o", "n.omex", "--start", "1", "--end", "3", "--points", "3")
    with zipfile.ZipFile("n.omex") as archive:
        sedml = archive.read("simulation.sedml").decode()
        assert archive.namelist() == ["manifest.xml", "model.xml", "simulation.sedml"]
    assert re.search(r'outputStartTime="1.0"\s+outputEndTime="3.0"\s+numberOfSteps="2"', sedml)


@pytest.mark.parametrize("arguments", [
    (simulate.app, "m.xml", "--end", "1", "--quantity", "amount", "-o", "m.omex"),
    (export.app, "m.icrn", "--end", "1", "-o", "m.xml"),
])  # fmt: skip
def test_options_that_do_not_fit_are_wrong_usage(arguments):
    app, *options = arguments
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
