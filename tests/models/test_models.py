"""Every file of `models/` is valid, complete in units, of its stated size, and says what its paper says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import antimony
import libsbml
import numpy as np
import pytest
from model_registry import CASES, ModelCase

MODELS = Path(__file__).parents[2] / "models"
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)


def sbml_text(case: ModelCase) -> str:
    path = MODELS / case.file
    if path.suffix == ".xml":
        return path.read_text("utf-8")
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyFile(str(path)) != -1, antimony.getLastError()
    return antimony.getSBMLString(antimony.getMainModuleName())


@pytest.fixture(scope="module")
def documents() -> dict[str, libsbml.SBMLDocument]:
    return {case.file: libsbml.readSBMLFromString(sbml_text(case)) for case in CASES}


def test_every_file_has_a_case() -> None:
    files = {path.name for suffix in ("*.xml", "*.ant") for path in MODELS.glob(suffix)}
    assert files == {case.file for case in CASES}


def test_every_file_has_a_line_in_the_readme() -> None:
    text = (MODELS / "README.md").read_text("utf-8")
    for case in CASES:
        line = next(line for line in text.splitlines() if line.startswith(f"| `{case.file}`"))
        assert f"{case.n_species} / {case.n_reactions}" in line
        assert case.doi in line


@each_case
def test_consistency_check_is_silent(case: ModelCase, documents) -> None:
    document = documents[case.file]
    document.checkConsistency()
    assert [document.getError(k).getMessage() for k in range(document.getNumErrors())] == []


@each_case
def test_size(case: ModelCase, documents) -> None:
    model = documents[case.file].getModel()
    assert (model.getNumSpecies(), model.getNumReactions()) == (case.n_species, case.n_reactions)


@each_case
def test_everything_has_units(case: ModelCase, documents) -> None:
    model = documents[case.file].getModel()
    for unit in (
        model.getSubstanceUnits(),
        model.getTimeUnits(),
        model.getVolumeUnits(),
        model.getExtentUnits(),
    ):
        assert unit
    quantities = [*model.getListOfParameters(), *model.getListOfCompartments()]
    assert [q.getId() for q in quantities if not q.isSetUnits()] == []


@each_case
def test_describes_itself(case: ModelCase, documents) -> None:
    model = documents[case.file].getModel()
    terms = [model.getCVTerm(k) for k in range(model.getNumCVTerms())]
    described_by = [
        term.getResourceURI(k)
        for term in terms
        if term.getModelQualifierType() == libsbml.BQM_IS_DESCRIBED_BY
        for k in range(term.getNumResources())
    ]
    assert model.isSetNotes()
    assert not case.doi or f"https://identifiers.org/doi/{case.doi}" in described_by
    assert terms


def ask_roadrunner(sbml: str, states: list, end: float | None = None) -> dict:
    """Return what `roadrunner_child` answers."""
    pytest.importorskip("roadrunner")
    child = Path(__file__).with_name("roadrunner_child.py")
    request = json.dumps({"sbml": sbml, "states": states, "end": end})
    done = subprocess.run(
        [sys.executable, child], input=request, capture_output=True, encoding="utf-8", check=True
    )
    return json.loads(done.stdout)


@each_case
def test_rates_of_change_are_those_of_the_paper(case: ModelCase, documents) -> None:
    model = documents[case.file].getModel()
    species = list(model.getListOfSpecies())
    by_amount = species[0].getHasOnlySubstanceUnits()
    elsewhere = np.random.default_rng(7).uniform(0.1, 3.0, len(species))
    answer = ask_roadrunner(sbml_text(case), [None, list(elsewhere)])
    (size,) = (1.0,) if by_amount else answer["sizes"]
    for state, rates in zip(answer["states"], answer["rates"], strict=True):
        x = dict(zip(answer["ids"], np.array(state) / size, strict=True))
        expected = case.oracle(x, answer["parameters"])
        assert set(expected) == set(answer["ids"]) == {s.getId() for s in species}
        want = np.array([expected[name] for name in answer["ids"]])
        np.testing.assert_allclose(np.array(rates) / size, want, rtol=1e-11, atol=1e-12 * np.abs(want).max())


def test_generated_files_are_reproduced_byte_for_byte(tmp_path) -> None:
    subprocess.run(
        [sys.executable, MODELS / "generate.py", "--out", tmp_path], check=True, capture_output=True
    )
    for case in CASES:
        if case.generated:
            assert (tmp_path / case.file).read_bytes() == (MODELS / case.file).read_bytes()
    assert len(list(tmp_path.iterdir())) == sum(case.generated for case in CASES)


@pytest.mark.parametrize("digit", [7, 8, 9])
def test_the_winner_is_the_digit_that_is_shown(digit: int, monkeypatch) -> None:
    monkeypatch.syspath_prepend(MODELS)
    from networks import DIGITS, brightest, smoothed

    shown = brightest(smoothed(digit), 20)
    match = {d: sum(smoothed(d)[pixel] for pixel in shown) / sum(smoothed(d)) for d in DIGITS}
    assert max(match, key=match.get) == digit


def final_state(file: str, end: float) -> dict[str, float]:
    answer = ask_roadrunner((MODELS / file).read_text("utf-8"), [None], end)
    (amounts,), (size,) = answer["states"], answer["sizes"]
    return {name: amount / size for name, amount in zip(answer["ids"], amounts, strict=True)}


def test_winner_take_all_reports_the_nine_it_is_shown() -> None:
    state = final_state("winner_take_all.xml", 10.0)
    assert state["F_3"] > 50.0
    assert max(state["F_1"], state["F_2"]) < 5.0


def test_hopfield_recovers_the_stored_pattern() -> None:
    state = final_state("hopfield.xml", 10.0)
    signs = "".join("+" if state[f"xp_{i}"] > state[f"xm_{i}"] else "-" for i in range(1, 17))
    notes = libsbml.readSBML(str(MODELS / "hopfield.xml")).getModel().getNotesString()
    assert signs == notes.split("Stored patterns: ")[1].split(",")[0]
