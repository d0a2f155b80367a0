"""Reading, writing and reading again gives the same network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from io_samples import TEXTS, some_files

from icrn_io import ModelIOError, Network, SpeciesReference, format_model, read_bytes, read_model


def _readable(path) -> Network | None:
    """Return the network of a file, or None where its external models are not in the data."""
    try:
        return read_model(path)
    except ModelIOError as error:
        assert "external model" in str(error)
        return None


def _check_laws(network: Network) -> None:
    assert format_model(network) == network.source.sbml
    if network.unsupported:
        with pytest.raises(ModelIOError, match="cannot be written afresh"):
            format_model(network, fresh=True)
        return
    fresh = format_model(network, fresh=True)
    again = read_bytes(fresh)
    lost = {p.id for p in network.parameters} - {p.id for p in again.parameters}
    assert not lost
    if not _has_hiding_locals(network):
        assert again == network
    assert format_model(again) == fresh
    assert format_model(again, fresh=True) == fresh


def _has_hiding_locals(network: Network) -> bool:
    """Whether a local parameter is called like a species of its reaction (not valid in L3V2)."""
    species = {s.id for s in network.species}
    return any(p.local_to and p.local_to[1] in species for p in network.parameters)


@pytest.mark.parametrize("name", TEXTS)
def test_small_models(name: str) -> None:
    """The laws hold for the inline models."""
    network = read_model(TEXTS[name])
    assert network.reactions
    _check_laws(network)


def test_sampled_files(data_dir) -> None:
    """The laws hold for a seeded sample of real models and test cases."""
    networks = [_readable(path) for path in some_files(data_dir, 60, seed=2)]
    assert sum(network is not None for network in networks) >= 55
    for network in filter(None, networks):
        _check_laws(network)


@pytest.mark.slow
def test_all_files(data_dir) -> None:
    """The laws hold for every file; only cases with absent external models are refused."""
    refused = 0
    for path in some_files(data_dir, 0):
        network = _readable(path)
        refused += network is None
        if network is not None:
            _check_laws(network)
    assert refused <= 5


def test_antimony_keeps_values_and_laws() -> None:
    """A model read from the Antimony that it was written to is the same model."""
    network = read_model(TEXTS["antimony"])
    again = read_model(format_model(network, "antimony", fresh=True).decode())
    assert again.parameters == network.parameters
    assert again.reactions == network.reactions
    assert again.species == network.species
    assert again.events == network.events


def test_unchanged_antimony_is_returned_as_given() -> None:
    """Antimony in, nothing changed: the same text out."""
    text = TEXTS["antimony"]
    assert format_model(read_model(text), "antimony") == text.encode()


def test_repeated_species_references_stay_apart() -> None:
    """``S1 + S1`` is two references, not one of stoichiometry two."""
    (reaction,) = read_model(TEXTS["antimony"]).reactions
    assert [ref.species for ref in reaction.reactants] == ["S1", "S1"]


def test_level_1() -> None:
    """Level 1: rules make variables, fractions make stoichiometries, local ids are lifted."""
    network = read_model(TEXTS["level 1"])
    assert {p.id: p.is_constant for p in network.parameters} == {"k": True, "z": False, "J_p": True}
    (reaction,) = network.reactions
    assert reaction.reactants == (SpeciesReference("S", 1.5),)
    assert reaction.kinetic_law.symbols() == {"z", "J_p", "S", "T"}


def test_level_2() -> None:
    """Level 2: functions are expanded, local ids hide global ones, stoichiometry formulas become rules."""
    network = read_model(TEXTS["level 2"])
    (reaction,) = network.reactions
    assert repr(reaction.kinetic_law) == "Expression('J_k + S*a')"
    assert reaction.reactants == (SpeciesReference("S", None, "J_S_stoichiometry", False),)
    assert repr(network.rules[0].math) == "Expression('a*2')"
    assert network.species[0].substance_units == "mole"


def test_lifted_ids_avoid_ids_in_use() -> None:
    """A lifted local parameter gets a number where its id is taken."""
    text = TEXTS["full"].replace('id="unset"', 'id="J_q"').replace('symbol="unset"', 'symbol="J_q"')
    network = read_model(text)
    assert network.parameters[-1].id == "J_q_1"
    assert network.parameters[-1].local_to == ("J", "q")
    assert "J_q_1" in network.reactions[0].kinetic_law.symbols()
    _check_laws(network)


def test_fast_reactions_are_written() -> None:
    """A fast reaction survives a fresh document."""
    network = read_model(TEXTS["full"])
    network = replace(network, reactions=(replace(network.reactions[0], is_fast=True),))
    assert read_bytes(format_model(network, fresh=True)) == network
