"""Fresh SBML says which laws are mass action, and says nothing where that is not certain."""

from __future__ import annotations

import libsbml
import pytest
from io_samples import some_files

from icrn_io import format_model, read_model
from icrn_io.mass_action import sbo_terms

HEAD = "compartment c = 2; species A in c, B in c, E in c; A = 1; B = 0; E = 1; k = 1; h = 2; "
LAWS = {
    "J: A => B; k*A": ("SBO:0000041", {"k": "SBO:0000035"}),
    "J: A => B; c*k*A": ("SBO:0000041", {"k": "SBO:0000035"}),
    "J: 2 A => B; k*A^2*c": ("SBO:0000041", {"k": "SBO:0000036"}),
    "J: A + A => B; k*A*A": ("SBO:0000041", {"k": "SBO:0000036"}),
    "J: A + 2 E => B; k*A*E^2": ("SBO:0000041", {"k": "SBO:0000009"}),
    "J: => A; k": ("SBO:0000041", {"k": "SBO:0000009"}),
    "J: A -> B; k*A": ("SBO:0000012", {"k": "SBO:0000035"}),
    "J: A -> B + E; c*(k*A - h*B*E)": ("SBO:0000042", {"k": "SBO:0000035", "h": "SBO:0000039"}),
    "J: A -> B; k*A - h*B": ("SBO:0000042", {"k": "SBO:0000035", "h": "SBO:0000038"}),
    # One constant in several roles, or elsewhere too.
    "J: A -> B; k*A - k*B": ("SBO:0000042", {"k": "SBO:0000009"}),
    "J: A => B; k*A; x := k + 1": ("SBO:0000041", {}),
    "J: A => B; k*A; L: B => ; k*B/(h + B)": ("SBO:0000041", {}),
    # Not mass action as written.
    "J: A => B; k*A*E": (None, {}),
    "J: A => B; k*A^2": (None, {}),
    "J: A => B; 2*k*A": (None, {}),
    "J: A => B; k*h*A": (None, {}),
    "J: A => B; k*A/(h + A)": (None, {}),
    "J: A => B; k*A - h*B": (None, {}),
    "J: A => B; k*A; k' = 1": (None, {}),
}


@pytest.mark.parametrize("law", LAWS)
def test_terms_of_a_law(law: str) -> None:
    laws, constants = sbo_terms(read_model(HEAD + law))
    assert (laws.get("J"), constants) == LAWS[law]


def test_fresh_documents_are_valid_in_their_terms(data_dir) -> None:
    """libsbml knows the ontology: every term stands where it may."""
    terms = 0
    for path in some_files(data_dir, 25, seed=7):
        network = read_model(path)
        if network.unsupported:
            continue
        document = libsbml.readSBMLFromString(format_model(network, fresh=True).decode())
        document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, False)
        document.checkConsistency()
        errors = [document.getError(i) for i in range(document.getNumErrors())]
        wrong = [e.getMessage() for e in errors if e.getCategory() == libsbml.LIBSBML_CAT_SBO_CONSISTENCY]
        assert wrong == [], path
        elements = document.getListOfAllElements()
        terms += sum(elements.get(i).isSetSBOTerm() for i in range(elements.getSize()))
    assert terms > 20
