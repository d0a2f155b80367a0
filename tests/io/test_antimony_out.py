"""SBML out as Antimony and in again: what it means stays, or is refused by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from io_samples import MATHML, TEXTS, level_3

from icrn_io import ModelIOError, Network, format_model, read_bytes, read_model

RICH = """function hill(x, K, n)
  x^n/(K^n + x^n)
end
model rich()
  compartment cell = 0.30000000000000004;
  species A in cell = 1.2345678901234567, B in cell = 0; substanceOnly species N in cell = 3; $X in cell = 2;
  k = 1e-3; K = 0.1; total := A + B; V = 1; V' = -k*V; q = 2*k;
  J1: A -> B; cell*k*hill(A, K, 2); J2: 2.5 B => N; k*B; J3: X -> A; k;
  E1: at 2 after (A < 0.5 && time > 3), persistent=false, t0=false, priority=K: A = 1 + k, V = V/2;
  unit per_second = 1/second; k has per_second; A is "the first";
end
"""


def _by_id(network: Network, name: str) -> dict[str, object]:
    return {element.id: element for element in getattr(network, name)}


def test_rules_events_functions_and_units_come_back() -> None:
    """Every digit, rule and event of a model is there after SBML and Antimony."""
    network = read_model(format_model(read_model(RICH)).decode())
    text = format_model(network, "antimony")
    again = read_bytes(text)
    for name in ("species", "compartments", "reactions", "parameters", "events", "unit_definitions"):
        assert _by_id(again, name) == _by_id(network, name), name
    for name in ("rules", "initial_assignments"):
        assert set(getattr(again, name)) == set(getattr(network, name)), name
    assert format_model(again, "antimony") == text


def test_words_of_antimony_get_an_underscore_and_keep_their_meaning() -> None:
    parameters = (
        '<parameter id="species" value="0.1" constant="true"/><parameter id="k" value="2" constant="true"/>'
    )
    network = read_model(level_3(f"<listOfParameters>{parameters}</listOfParameters>"))
    again = read_bytes(format_model(network, "antimony"))
    assert {p.id: p.value for p in again.parameters} == {"species_": 0.1, "k": 2.0}


def _fast(network: Network) -> Network:
    return replace(network, reactions=(replace(network.reactions[0], is_fast=True), *network.reactions[1:]))


def _pointlike(network: Network) -> Network:
    return replace(network, compartments=(replace(network.compartments[0], spatial_dimensions=0.0),))


def _without_trigger(network: Network) -> Network:
    return replace(network, events=(replace(network.events[0], trigger=None),))


LOST = {
    "fast reaction 'J1'": _fast,
    "compartment 'cell'": _pointlike,
    "event 'E1'": _without_trigger,
}


@pytest.mark.parametrize("what", LOST)
def test_what_antimony_cannot_say_is_refused_by_name(what: str) -> None:
    network = LOST[what](read_model(RICH))
    with pytest.raises(ModelIOError, match=rf"cannot be said in Antimony: .*{what}.*write SBML instead"):
        format_model(network, "antimony", fresh=True)


def test_a_formula_of_a_stoichiometry_is_said_by_a_rule() -> None:
    """What the translation of the original document would rename is written flat."""
    network = read_model(TEXTS["level 2"])
    again = read_bytes(format_model(network, "antimony"))
    assert again.reactions[0].reactants == network.reactions[0].reactants
    assert again.rules == network.rules


def test_missing_mathematics_says_nothing() -> None:
    """L3V2: an initial assignment without mathematics changes nothing, here or there."""
    body = (
        '<listOfParameters><parameter id="p" value="3" constant="true"/></listOfParameters>'
        '<listOfInitialAssignments><initialAssignment symbol="p"/></listOfInitialAssignments>'
    )
    again = read_bytes(format_model(read_model(level_3(body)), "antimony"))
    assert again.parameters[0].value == 3.0


def test_numbers_keep_every_digit() -> None:
    formula = f'<math xmlns="{MATHML}"><cn>0.1234567890123456789</cn></math>'
    body = (
        '<listOfParameters><parameter id="p" value="1.0000000000000002" constant="false"/></listOfParameters>'
        f'<listOfRules><rateRule variable="p">{formula}</rateRule></listOfRules>'
    )
    network = read_model(level_3(body))
    again = read_bytes(format_model(network, "antimony"))
    assert again.parameters[0].value == 1.0000000000000002
    assert again.rules == network.rules
