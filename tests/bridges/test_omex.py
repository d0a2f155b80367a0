"""COMBINE archives: the model comes back, and the simulation names every species."""

import io
import zipfile
from xml.etree import ElementTree

import pytest

from converters.omex import archive_bytes
from icrn_io import read_bytes, read_model

MODEL = "model m\n compartment c = 2; species A in c, B in c; A = 1; B = 0; J: A -> B; c*k*A; k = 0.3\nend"


@pytest.fixture(scope="module")
def network():
    return read_model(MODEL)


def test_the_model_comes_back_and_bytes_are_equal(network):
    data = archive_bytes(network)
    assert read_bytes(data, "m.omex") == network
    assert archive_bytes(network) == data


def test_the_simulation_reports_time_and_every_species(network):
    with zipfile.ZipFile(io.BytesIO(archive_bytes(network, end=5.0, points=11))) as archive:
        root = ElementTree.fromstring(archive.read("simulation.sedml"))
        listed = ElementTree.fromstring(archive.read("manifest.xml"))
        assert {entry.get("location") for entry in listed} == {
            ".",
            *(f"./{name}" for name in archive.namelist()),
        }
    space = {"s": "http://sed-ml.org/sed-ml/level1/version4"}
    course = root.find(".//s:uniformTimeCourse", space)
    assert (course.get("outputEndTime"), course.get("numberOfSteps")) == ("5.0", "10")
    generators = {g.get("id") for g in root.findall(".//s:dataGenerator", space)}
    columns = root.findall(".//s:dataSet", space)
    assert [c.get("label") for c in columns] == ["time", "A", "B"]
    assert {c.get("dataReference") for c in columns} == generators
