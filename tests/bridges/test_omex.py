"""COMBINE archives: the model comes back, and Tellurium runs the simulation to the same numbers."""

import csv
import io
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from xml.etree import ElementTree

import numpy as np
import pytest

from converters import run_time_course
from converters.cli.series import csv_text, species_series
from converters.models import as_network, with_overrides
from converters.omex import archive_bytes
from converters.sedml import RUN_NAMESPACE, Simulation, reported_ids, uniform
from icrn_io import ModelIOError, read_bytes, read_model

MODEL = """model m
  compartment c = 2; species A in c, B in c; substanceOnly species N in c
  A = 1; B = 0; N = 3; k = 0.3; q = 2*k
  J: A -> B; c*k*A; L: N -> B; q*N
end"""
LEVEL_1 = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="m">
<listOfCompartments><compartment name="c" volume="2"/></listOfCompartments>
<listOfSpecies><species name="A" compartment="c" initialAmount="1"/>
<species name="B" compartment="c" initialAmount="4"/></listOfSpecies>
<listOfParameters><parameter name="k" value="0.5"/></listOfParameters>
<listOfReactions><reaction name="R" reversible="false"><listOfReactants><speciesReference species="A"/>
</listOfReactants><listOfProducts><speciesReference species="B"/></listOfProducts>
<kineticLaw formula="k*A"/></reaction></listOfReactions></model></sbml>
"""
SPACE = {"s": "http://sed-ml.org/sed-ml/level1/version4"}
RUN_IN_TELLURIUM = """
import json, sys, warnings
warnings.simplefilter("error", category=UserWarning)
warnings.filterwarnings("ignore", message="Tellurium does not support LSODA")
from tellurium.sedml.tesedml import executeCombineArchive
(found,) = executeCombineArchive(sys.argv[1], workingDir=sys.argv[2]).values()
columns = {name: series[:, 0].tolist() for name, series in found["dataGenerators"].items()}
json.dump(columns, open(sys.argv[3], "w"))
"""


@pytest.fixture(scope="module")
def network():
    return read_model(MODEL)


def member(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


def test_the_model_comes_back_and_bytes_are_equal(network):
    data = archive_bytes(network)
    assert read_bytes(data, "m.omex") == network
    assert archive_bytes(network) == data


def test_the_simulation_is_the_one_that_was_run(network):
    run = Simulation(1.0, 5.0, 9, rtol=1e-9, atol=1e-13, solver="rodas5p", changes={"k": 0.7})
    data = archive_bytes(network, run, results="time,A\n")
    listed = ElementTree.fromstring(member(data, "manifest.xml"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {e.get("location") for e in listed} == {".", *(f"./{name}" for name in archive.namelist())}
    assert [e.get("location") for e in listed if e.get("master") == "true"] == ["./simulation.sedml"]
    assert {e.get("location"): e.get("format") for e in listed}["./results.csv"].endswith("text/csv")
    root = ElementTree.fromstring(member(data, "simulation.sedml"))
    course = root.find(".//s:uniformTimeCourse", SPACE)
    times = ("initialTime", "outputStartTime", "outputEndTime", "numberOfSteps")
    assert [float(course.get(name)) for name in times] == [0, 1, 5, 8]
    tolerances = {
        p.get("kisaoID"): float(p.get("value")) for p in root.findall(".//s:algorithmParameter", SPACE)
    }
    assert tolerances == {"KISAO:0000209": 1e-9, "KISAO:0000211": 1e-13}
    ran = root.find(f".//{{{RUN_NAMESPACE}}}run")
    assert (ran.get("engine"), ran.get("kisao")) == ("icrn", "KISAO:0000033")
    assert "k = 0.7" in "".join(root.find(".//s:model", SPACE).itertext())
    columns = root.findall(".//s:dataSet", SPACE)
    assert [c.get("label") for c in columns] == ["time", "A", "B", "N"]


@pytest.mark.parametrize("bad", [(0, 5, 1), (5, 5, 3), (-1, 5, 3), (0, float("inf"), 3)])
def test_what_is_no_uniform_time_course_is_refused(bad):
    with pytest.raises(ModelIOError, match="time courses of at least two times"):
        Simulation(*bad)
    with pytest.raises(ModelIOError, match="evenly spaced"):
        uniform(np.array([0.0, 1.0, 3.0]))


CASES = {
    "as it is": (MODEL, {}, "icrn"),
    "changed value": (MODEL, {"k": 0.9}, "icrn"),
    # q is given by an initial assignment, which must give way.
    "changed value with an initial assignment": (MODEL, {"q": 0.4, "A": 5.0, "N": 1.5}, "icrn"),
    "level 1": (LEVEL_1, {"k": 0.8, "A": 3.0}, "icrn"),
    "copasi": (MODEL, {"k": 0.9}, "copasi"),
}


def skip_without_tellurium():
    """Skip where libsedml is missing, without loading it: it takes over classes of libsbml."""
    if find_spec("libsedml") is None:
        pytest.skip("Tellurium is not installed")


@pytest.mark.parametrize("case", CASES)
def test_tellurium_runs_the_archive_to_the_same_trajectories(case, tmp_path):
    skip_without_tellurium()
    text, changes, engine = CASES[case]
    subject, times = read_model(text), np.linspace(1.0, 6.0, 26)
    course = run_time_course(subject, times, engine, rtol=1e-9, overrides=changes)
    changed = as_network(with_overrides(subject, changes))
    columns = {**species_series(course, subject, "symbol"), **course.values}
    ids = [name for name in reported_ids(subject, everything=True) if name in columns]
    results = csv_text(times, {name: columns[name] for name in ids})
    run = uniform(times, rtol=1e-9, engine=engine, changes=changes)
    (tmp_path / "m.omex").write_bytes(archive_bytes(changed, run, results, ids))
    found = tellurium_results(tmp_path)
    header, *rows = csv.reader(
        io.StringIO(member((tmp_path / "m.omex").read_bytes(), "results.csv").decode())
    )
    table = np.array(rows, dtype=float)
    assert header == ["time", *ids]
    for k, name in enumerate(header):
        np.testing.assert_allclose(found[f"data_{name}"], table[:, k], rtol=1e-6, atol=1e-9, err_msg=name)


def tellurium_results(folder) -> dict[str, list[float]]:
    """Run m.omex of a folder in a process of its own: Tellurium changes what is loaded beside it."""
    import json

    (folder / "unpacked").mkdir()
    script = [sys.executable, "-c", RUN_IN_TELLURIUM, "m.omex", "unpacked", "found.json"]
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(script, cwd=folder, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "found.json").read_text())


def test_reading_works_beside_tellurium():
    """libsedml, which Tellurium loads, takes over the classes of libsbml's syntax trees."""
    skip_without_tellurium()
    script = f"""
import icrn_io
from icrn_io.expression import symbol
from icrn_io.formula import read_formula

def read():
    return icrn_io.read_model({MODEL!r}), read_formula("log(pi + 2, 2) + log10(a)", names, "here")

names = {{"pi": symbol("pi"), "a": symbol("a")}}
before = read()
import libsedml
assert read() == before
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
