"""An authored network as a folding: every entry and tuple gets an id of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from converters.folding import MISSING_VALUE, Folding, Identity, blank_references
from icrn_core.authoring import AuthoredNetwork
from icrn_core.icrn import IndexDomain, IndexedReaction, IndexSet, Placement, RateConstant
from icrn_io.errors import ModelIOError
from icrn_io.network import Compartment, Network, Parameter, Reaction, Species, UnsupportedFeature

_COMPARTMENT = "vessel"


def authored_folding(authored: AuthoredNetwork) -> Folding:
    """Return an authored network as a folding, which is simulated, enumerated, saved and exported.

    An entry is called by its base and labels, ``P[3, lacI]`` becomes ``P_3_lacI``, and so is a
    reaction. Amounts are held in one compartment of size 1, so that they are concentrations too.
    Entries that no reaction reads or changes, such as ``D[q, p]`` of a symmetric species, are left out.

    Parameters
    ----------
    authored : AuthoredNetwork
        From `icrn_core.author`.

    Raises
    ------
    ModelIOError
        Two entries would get one id.
    """
    icrn = authored.icrn
    if authored.fast:
        names = ", ".join(f"'{item.name}'" for item in authored.fast)
        raise ModelIOError(
            f"the fast reactions {names} have no rate: give them a large one, network.with_fast_rate(1e4)"
        )
    used = _used(icrn.reactions, {base.name: base.shape for base in icrn.bases})
    compartment = RateConstant(_COMPARTMENT)
    species = tuple(replace(base, compartment=Placement(_COMPARTMENT)) for base in icrn.species)
    folded = replace(icrn, species=species, constants=(compartment, *icrn.constants))
    entries = {_COMPARTMENT: (_COMPARTMENT,)}
    for base in icrn.bases:
        ids = _ids(base.name, base.index_sets)
        keep = used.get(base.name, np.ones(base.size, bool))
        entries[base.name] = tuple(i if kept else "" for i, kept in zip(ids, keep.tolist(), strict=True))
    tuples = {reaction.name: _tuple_ids(reaction) for reaction in icrn.reactions}
    _refuse_twice(
        [*(i for ids in entries.values() for i in ids if i), *(i for ids in tuples.values() for i in ids)]
    )
    skeleton = Network(
        id=icrn.name or "network",
        compartments=(Compartment(_COMPARTMENT),),
        species=tuple(
            Species(i, _COMPARTMENT, has_only_substance_units=True)
            for base in icrn.species
            for i in entries[base.name]
            if i
        ),
        parameters=tuple(Parameter(i) for base in icrn.constants for i in entries[base.name] if i),
        reactions=tuple(_skeleton(reaction, i) for reaction in icrn.reactions for i in tuples[reaction.name]),
    )
    values = {_COMPARTMENT: np.array(1.0)}
    for base in icrn.bases:
        has_id = np.array([bool(i) for i in entries[base.name]]).reshape(base.shape)
        values[base.name] = np.where(has_id, authored.values[base.name], 0.0)
    identity = Identity(entries, tuples, dict.fromkeys(tuples, "reaction"))
    missing = tuple(
        UnsupportedFeature(MISSING_VALUE, element_id)
        for base in icrn.bases
        for element_id, value in zip(entries[base.name], np.ravel(values[base.name]), strict=True)
        if element_id and np.isnan(value)
    )
    return Folding(folded, values, identity, skeleton, unsupported=missing)


def read_authored(path: str | Path) -> AuthoredNetwork:
    """Return the network of a file in indexed Antimony (`icrn_core.text_reader.read_text`).

    Raises
    ------
    ModelIOError
        The file cannot be read, or is not in this language; the message names the line.
    """
    from icrn_core.errors import IcrnError
    from icrn_core.text_reader import read_text

    try:
        return read_text(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelIOError(f"'{path}' cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except IcrnError as error:
        raise ModelIOError(f"'{path}': {error}") from None


def _used(reactions: Iterable[IndexedReaction], shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return for each base that stands in a reaction which of its entries do."""
    from converters.enumerate import flat_positions

    used: dict[str, np.ndarray] = {}
    for reaction in reactions:
        references = {*reaction.slots, *(term.species for term in (*reaction.reactants, *reaction.products))}
        for reference in references:
            shape = shapes[reference.base]
            keep = used.setdefault(reference.base, np.zeros(int(np.prod(shape)), bool))
            keep[flat_positions(reference, reaction.domain, shape)] = True
    return used


def _skeleton(reaction: IndexedReaction, reaction_id: str) -> Reaction:
    reactants, products = (blank_references(len(side)) for side in (reaction.reactants, reaction.products))
    return Reaction(reaction_id, reactants, products)


def _ids(name: str, index_sets: tuple[IndexSet, ...]) -> list[str]:
    ids = [name]
    for index_set in index_sets:
        ids = [f"{i}_{label}" for i in ids for label in index_set.labels]
    return ids


def _tuple_ids(reaction: IndexedReaction) -> tuple[str, ...]:
    domain: IndexDomain = reaction.domain
    columns = [
        [symbol.index_set.labels[position] for position in column]
        for symbol, column in zip(domain.symbols, domain.tuples().T.tolist(), strict=True)
    ]
    if not domain.symbols:
        return (reaction.name,)
    return tuple("_".join((reaction.name, *labels)) for labels in zip(*columns, strict=True))


def _refuse_twice(ids: list[str]) -> None:
    seen: set[str] = set()
    for element_id in ids:
        if element_id in seen:
            raise ModelIOError(
                f"two entries of the network would be called '{element_id}': "
                "give a base or a reaction another name"
            )
        seen.add(element_id)
