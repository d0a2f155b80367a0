"""A patched export with changed values keeps every annotation, note, unit, layout and package."""

from __future__ import annotations

import random
from collections import Counter

import libsbml
import pytest
from round_trips import changed_values, without_values

from converters.overrides import apply_overrides
from icrn_io import ModelIOError, format_model, read_bytes, read_model

N_SAMPLED = 12


def counts(sbml: bytes) -> Counter:
    """Return how many there are of what a reader of the model may look for."""
    document = libsbml.readSBMLFromString(sbml.decode())
    elements = document.getListOfAllElements()
    found = Counter()
    for element in (elements.get(i) for i in range(elements.getSize())):
        found[element.getElementName()] += 1
        found["annotated"] += element.isSetAnnotation()
        found["CV terms"] += element.getNumCVTerms()
        found["resources"] += sum(
            element.getCVTerm(k).getNumResources() for k in range(element.getNumCVTerms())
        )
        found["notes"] += element.isSetNotes()
        found["SBO terms"] += element.isSetSBOTerm()
        found["names"] += element.isSetName()
    del found["initialAssignment"], found["listOfInitialAssignments"]
    return found


def check_metadata(path) -> Counter:
    """Change some values; everything but them must stay."""
    network = read_model(path)
    values = changed_values(network, path.stem)
    changed = apply_overrides(network, values)
    data = format_model(changed)
    assert read_bytes(data) == changed
    original = network.source.sbml
    assert data != original or not values
    assert without_values(data) == without_values(original), path
    before = counts(original)
    # Initial assignments of what was set are gone; their own notes and terms, if any, go with them.
    kept = {
        key: n for key, n in counts(data).items() if not values.keys() & assigned(network) or key in FEATURES
    }
    assert kept == {key: before[key] for key in kept}, path
    return before


FEATURES = ("annotated", "CV terms", "resources", "notes", "functionDefinition", "unitDefinition", "layout")


def assigned(network) -> set[str]:
    return {a.variable for a in network.initial_assignments}


def files_of(data_dir) -> list:
    found = sorted(data_dir.glob("biomodels/*.xml")) + sorted(data_dir.glob("petab-benchmarks/*/*.xml"))
    return found + sorted(data_dir.glob("rule-based/*.xml"))


def test_sampled_models(data_dir) -> None:
    files = [path for path in files_of(data_dir) if path.stat().st_size < 1_000_000]
    total = Counter()
    for path in random.Random(11).sample(files, N_SAMPLED):
        total += check_metadata(path)
    assert min(total[name] for name in ("annotated", "CV terms", "notes", "functionDefinition")) > 0


@pytest.mark.slow
def test_all_models(data_dir) -> None:
    total, refused = Counter(), []
    for path in files_of(data_dir):
        try:
            total += check_metadata(path)
        except ModelIOError as error:
            refused.append(f"{path.name}: {error}")
    assert not refused
    assert min(total[name] for name in FEATURES) > 0


PACKAGES = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"
      xmlns:odd="http://example.org/odd/version1" odd:required="false">
 <model id="m" odd:colour='value="3" red'>
  <odd:listOfThings><odd:parameter id="k" value="1"/></odd:listOfThings>
  <listOfParameters>
   <parameter id="k" name="a 'value = &quot;7&quot;' of k" odd:value="9" value="1" constant="true"/>
  </listOfParameters>
 </model>
</sbml>
"""


def test_unknown_packages_and_lookalikes_stay() -> None:
    """Only the value of the core's own element changes, whatever looks like it."""
    network = read_model(PACKAGES)
    assert network.parameters[0].value == 1.0
    changed = apply_overrides(network, {"k": 2.5})
    assert format_model(changed).decode() == PACKAGES.replace(' value="1" constant', ' value="2.5" constant')
