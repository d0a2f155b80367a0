"""Near misses stay honest: the fold plus an exception, never a wrong fold and never none."""

from __future__ import annotations

from functools import cache

import pytest
from acceptance_naming import NAMINGS, rename
from adversarial_networks import ADVERSARIAL, near_misses
from near_misses import outcome_of

from converters import enumerate_network, fold_network

NEAR = near_misses()


@cache
def folded(name: str, naming: str):
    """Network, its fold, and what was expected of it."""
    if name in ADVERSARIAL:
        case = ADVERSARIAL[name]()
        return case.network, fold_network(case.network), case
    generated, expected = NEAR[name]()
    network = rename(generated, naming, list(NEAR).index(name))
    return network, fold_network(network), expected


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("name", NEAR)
def test_near_miss_is_exact(name, naming):
    network, folding, _ = folded(name, naming)
    assert enumerate_network(folding) == network


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("name", NEAR)
def test_near_miss_is_the_fold_and_an_exception(name, naming):
    _, folding, expected = folded(name, naming)
    found = outcome_of(folding)
    assert expected.is_met_by(found), f"{found}, expected {expected}"


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_is_exact(name):
    network, folding, _ = folded(name, "A")
    assert enumerate_network(folding) == network


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_ends_as_described(name):
    _, folding, case = folded(name, "A")
    found = outcome_of(folding)
    assert not case.outcomes or any(o.is_met_by(found) for o in case.outcomes), found


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_no_structure_is_invented(name):
    """No dense domain has more symbols, or longer index sets, than are there."""
    _, folding, case = folded(name, "A")
    for reaction in folding.icrn.reactions:
        if reaction.domain.is_dense:
            assert len(reaction.domain.symbols) <= case.most_symbols, reaction
            assert all(n <= case.most_labels for n in reaction.domain.shape), reaction
