"""Patching sets values in the original text and leaves every other byte alone."""

from __future__ import annotations

import difflib
import gzip
import random
from dataclasses import replace

import pytest
from io_samples import FULL, TEXTS, some_files

from icrn_io import ModelIOError, Network, format_model, read_bytes, read_model, write_model


def _patch(network: Network, **changes) -> tuple[Network, str]:
    changed = replace(network, **changes)
    data = format_model(changed)
    assert read_bytes(data) == changed
    assert format_model(read_bytes(data)) == data
    return changed, data.decode()


def _changed_lines(new: str, old: str = FULL) -> list[str]:
    lines = difflib.unified_diff(old.split("\n"), new.split("\n"), n=0)
    return [line[1:].strip() for line in lines if line.startswith("+") and not line.startswith("+++")]


def _set(elements: tuple, element_id: str, **values) -> tuple:
    return tuple(replace(e, **values) if e.id == element_id else e for e in elements)


def test_parameter() -> None:
    """A parameter's value changes, in its tag only."""
    network = read_model(FULL)
    _, text = _patch(network, parameters=_set(network.parameters, "k", value=1 / 3))
    line = '<parameter id="k" name="rate > 0" value="0.3333333333333333" units="per_s" constant="true"/>'
    assert _changed_lines(text) == [line]


def test_local_parameter() -> None:
    """A local parameter is set in its kinetic law."""
    network = read_model(FULL)
    _, text = _patch(network, parameters=_set(network.parameters, "J_q", value=-0.0))
    lines = '<listOfLocalParameters><localParameter id="q" value="-0" units="per_s"/></listOfLocalParameters>'
    assert _changed_lines(text) == [lines]


def test_species_and_compartment() -> None:
    """Amounts become concentrations, sizes change, quotes and line breaks inside a tag stay."""
    network = read_model(FULL)
    species = _set(network.species, "S1", initial_amount=None, initial_concentration=2.5)
    _, text = _patch(network, species=species, compartments=_set(network.compartments, "c", size=None))
    assert _changed_lines(text) == [
        '<compartment id="c" spatialDimensions="3" constant="true"/>',
        """<species initialConcentration="2.5"  id='S1' metaid="m1" compartment="c\"""",
    ]


def test_stoichiometry() -> None:
    """One of two references to the same species changes."""
    network = read_model(FULL)
    (reaction,) = network.reactions
    reactants = (reaction.reactants[0], replace(reaction.reactants[1], stoichiometry=2.0))
    _, text = _patch(network, reactions=(replace(reaction, reactants=reactants),))
    assert _changed_lines(text) == [
        '<speciesReference id="second" species="S1" stoichiometry="2" constant="true"/>'
    ]


@pytest.mark.parametrize("kept", [(), (0,), (1,)])
def test_initial_assignments_are_taken_out(kept: tuple[int, ...]) -> None:
    """An initial assignment goes; with the last one goes its list."""
    network = read_model(FULL)
    assignments = tuple(network.initial_assignments[i] for i in kept)
    _, text = _patch(network, initial_assignments=assignments)
    assert text.count("<initialAssignment ") == len(kept)
    assert ("listOfInitialAssignments" in text) == bool(kept)
    assert _changed_lines(text) == []


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-16", "utf-8-sig"])
def test_encoding_is_kept(encoding: str) -> None:
    """A document is patched in its own encoding."""
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = FULL.replace("UTF-8", declared).replace("kept", "gehört dazu")
    network = read_bytes(text.encode(encoding))
    data = format_model(replace(network, parameters=_set(network.parameters, "k", value=0.25)))
    assert data == text.replace('value="0.1"', 'value="0.25"').encode(encoding)


def test_level_1() -> None:
    """Level 1 has other attribute names, and no place for fractional stoichiometries."""
    old = TEXTS["level 1"]
    network = read_model(old)
    (reaction,) = network.reactions
    whole = replace(reaction, reactants=(replace(reaction.reactants[0], stoichiometry=4.0),))
    parameters = _set(network.parameters, "J_p", value=1.5)
    compartments = _set(network.compartments, "c", size=5.0)
    _, text = _patch(network, compartments=compartments, parameters=parameters, reactions=(whole,))
    expected = old.replace('volume="2"', 'volume="5"').replace('value="9"', 'value="1.5"')
    assert text == expected.replace('stoichiometry="3" denominator="2"', 'stoichiometry="4"')
    half = replace(reaction, reactants=(replace(reaction.reactants[0], stoichiometry=0.5),))
    with pytest.raises(ModelIOError, match=r"Level 1 cannot hold the stoichiometry 0\.5"):
        format_model(replace(network, reactions=(half,)))


STRUCTURAL = {
    "reactions": lambda n: replace(n, reactions=(replace(n.reactions[0], is_reversible=True),)),
    "species": lambda n: replace(n, species=n.species[:1]),
    "parameters": lambda n: replace(n, parameters=(replace(n.parameters[0], id="kk"), *n.parameters[1:])),
    "name": lambda n: replace(n, name="other"),
    "initial assignments": lambda n: replace(n, initial_assignments=n.initial_assignments[::-1]),
    "compartments": lambda n: replace(n, compartments=(replace(n.compartments[0], units="litre"),)),
}


@pytest.mark.parametrize("what", STRUCTURAL)
def test_structural_changes_are_refused(what: str) -> None:
    """Anything but values is refused by name, and `fresh` is offered."""
    with pytest.raises(ModelIOError, match=rf"the {what} differ.*fresh=True"):
        format_model(STRUCTURAL[what](read_model(FULL)))


def test_stoichiometry_formula_is_not_overwritten() -> None:
    """A value given by a Level 2 stoichiometry formula cannot be set beside it."""
    formula = "<apply><times/><ci>a</ci><cn>2</cn></apply>"
    network = read_model(TEXTS["level 2"].replace(formula, "<cn>2</cn>"))
    (reaction,) = network.reactions
    assert reaction.reactants[0].stoichiometry == 2.0
    changed = replace(reaction, reactants=(replace(reaction.reactants[0], stoichiometry=3.0),))
    with pytest.raises(ModelIOError, match="cannot be set in the original document"):
        format_model(replace(network, reactions=(changed,)))


def test_real_models(data_dir) -> None:
    """On real models every value can be set, and only tags with values change."""
    rng = random.Random(5)
    files = [path for path in some_files(data_dir, 0) if "sbml-test-suite" not in str(path)]
    for path in rng.sample(files, 20):
        network = read_model(path)
        parameters = tuple(
            replace(p, value=None if p.value is None else rng.random()) for p in network.parameters
        )
        species = tuple(
            replace(s, initial_amount=None if s.initial_amount is None else rng.random())
            for s in network.species
        )
        _, text = _patch(network, parameters=parameters, species=species)
        for line in _changed_lines(text, path.read_text(encoding="utf-8")):
            assert "value" in line or "initialAmount" in line


def test_files(tmp_path) -> None:
    """The suffix picks the format; compressed files are equal for equal networks; bad paths are told."""
    network = read_model(TEXTS["antimony"])
    for name in ("m.xml", "m.sbml", "m.ant", "m.txt", "m.xml.gz"):
        write_model(network, tmp_path / name)
        assert read_model(tmp_path / name) == network
    assert gzip.decompress((tmp_path / "m.xml.gz").read_bytes()) == (tmp_path / "m.xml").read_bytes()
    write_model(network, tmp_path / "n.xml.gz")
    assert (tmp_path / "n.xml.gz").read_bytes() == (tmp_path / "m.xml.gz").read_bytes()
    with pytest.raises(ModelIOError, match=r"suffix '.json' names no format"):
        write_model(network, tmp_path / "m.json")
    with pytest.raises(ModelIOError, match="cannot write"):
        write_model(network, tmp_path / "absent" / "m.xml")


def test_a_refused_export_leaves_the_old_file(tmp_path) -> None:
    """What cannot be written leaves no trace."""
    path = tmp_path / "m.xml"
    path.write_text("old")
    with pytest.raises(ModelIOError):
        write_model(replace(read_model(FULL), name="other"), path)
    assert [p.name for p in tmp_path.iterdir()] == ["m.xml"]
    assert path.read_text(encoding="utf-8") == "old"


LEVEL_1 = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="m">
<listOfCompartments><compartment name="c" volume="2"/></listOfCompartments>
<listOfSpecies><species name="A" compartment="c" initialAmount="1"/>
<species name="E" compartment="c" initialAmount="4"/></listOfSpecies>
<listOfParameters><parameter name="k" value="0.5"/></listOfParameters>
<listOfReactions><reaction name="R" reversible="false"><listOfReactants><speciesReference species="A"/>
</listOfReactants><kineticLaw formula="k*A*E"/></reaction></listOfReactions></model></sbml>
"""


def test_level_1_holds_a_concentration_as_the_amount_it_is() -> None:
    network = read_model(LEVEL_1)
    a, e = network.species
    changed = replace(network, species=(replace(a, initial_amount=None, initial_concentration=3.0), e))
    patched = format_model(changed).decode()
    assert patched == LEVEL_1.replace(
        'name="A" compartment="c" initialAmount="1"', 'name="A" compartment="c" initialAmount="6"'
    )


def test_species_that_a_level_1_law_reads_are_modifiers() -> None:
    network = read_model(LEVEL_1)
    assert network.reactions[0].modifiers == ("E",)
    fresh = read_model(format_model(network, fresh=True).decode())
    assert fresh.reactions == network.reactions
