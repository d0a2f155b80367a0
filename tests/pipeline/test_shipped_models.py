"""Every shipped model through the whole path: fold, save, change, export, check, export again."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import libsbml
import numpy as np
import pytest

from converters import cross_validate, enumerate_network, fold_network, load_folding, save_folding
from icrn_io import format_model, read_model

MODELS = sorted(p for p in (Path(__file__).parents[2] / "models").iterdir() if p.suffix in (".xml", ".ant"))
TIMES = np.linspace(0.0, 5.0, 11)
ids = [path.stem for path in MODELS]


@pytest.fixture(params=MODELS, ids=ids, scope="module")
def folding(request, tmp_path_factory):
    """The model's folding, saved and loaded again."""
    path = tmp_path_factory.mktemp("models") / "model.icrn"
    save_folding(fold_network(read_model(request.param)), path)
    return load_folding(path)


def with_trained_value(folding):
    """Return the folding with one rate constant changed, as training would, and that constant's id."""
    parameter = folding.skeleton.parameters[0].id
    base, position = folding.identity.positions[parameter]
    tensor = np.array(folding.values[base])
    tensor.flat[position] *= 1.1
    return replace(folding, values={**folding.values, base: tensor}), parameter


def document_of(data: bytes):
    document = libsbml.readSBMLFromString(data.decode())
    document.checkConsistency()
    return document


def errors(document) -> list[str]:
    found = [document.getError(k) for k in range(document.getNumErrors())]
    return [e.getMessage() for e in found if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR]


def carried(document) -> dict[str, tuple]:
    """Return by element: id, name, units, notes and annotation of everything that has them."""
    found = {}
    # Counted: where Tellurium has loaded libsedml, the list is one of its, whose iteration has no end.
    listed = document.getListOfAllElements()
    for element in [document.getModel(), *(listed.get(k) for k in range(listed.getSize()))]:
        units = [
            getattr(element, get)() for get in ("getUnits", "getSubstanceUnits") if hasattr(element, get)
        ]
        key = (element.getElementName(), element.getId())
        texts = (element.getNotesString(), element.getAnnotationString(), element.getMetaId())
        found.setdefault(key, []).append((element.getName(), *units, *texts))
    return found


@pytest.mark.parametrize("fresh", [False, True], ids=["patched", "fresh"])
def test_export_is_valid_and_stable(folding, fresh):
    trained, _ = with_trained_value(folding)
    network = enumerate_network(trained)
    exported = format_model(network, fresh=fresh)
    assert errors(document_of(exported)) == []
    again = read_model(exported.decode())
    assert replace(again, source=None) == replace(network, source=None)
    assert format_model(enumerate_network(fold_network(again)), fresh=fresh) == exported


def test_patched_export_carries_everything(folding):
    """Ids, names, units, notes and annotations stay; one number is all that differs."""
    trained, parameter = with_trained_value(folding)
    original = folding.skeleton.source.sbml
    exported = format_model(enumerate_network(trained))
    assert carried(document_of(exported)) == carried(document_of(original))
    changed = [(a, b) for a, b in zip(original.split(b"\n"), exported.split(b"\n"), strict=True) if a != b]
    assert len(changed) == 1
    assert re.search(rf'id="{parameter}"', changed[0][1].decode())


def test_unchanged_export_is_the_original(folding):
    assert format_model(enumerate_network(folding)) == folding.skeleton.source.sbml


def test_the_simulators_agree(folding):
    report = cross_validate(folding, TIMES, engines=("tellurium", "copasi"), tolerance=1e-5)
    assert report.passed, str(report)
