"""One way of writing each species pattern, whatever the order it was written in."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from converters.fold.bngl import Molecule, Pattern, Site

# A bonded site: its name and state, its position in the molecule, and for each of its bonds the
# molecule at the other end with the name and state of the site there.
_Bonded = tuple[str, str, int, list[tuple[int, str, str]]]


def canonical(pattern: Pattern) -> Pattern:
    """Return the pattern with molecules, components and bonds in a canonical order.

    Molecules are told apart by colour refinement; of those it cannot tell apart the first is
    set apart and refinement goes on. In a tree such molecules are images of each other, so
    that the result does not depend on how the pattern was written; among ring-shaped
    complexes there may be exceptions.
    """
    bonded = [_bonded_sites(pattern, m) for m in range(len(pattern.molecules))]
    rank = _ranks(pattern, bonded)
    number: dict[str, int] = {}
    molecules = []
    for m in sorted(range(len(rank)), key=rank.__getitem__):
        order = _site_order(pattern.molecules[m], bonded[m], rank, number)
        far = {position: ends for _, _, position, ends in bonded[m]}
        sites = []
        for position in order:
            site = pattern.molecules[m].sites[position]
            if site.bonds:
                site = Site(site.name, site.state, _renumbered(site.bonds, far[position], rank, number))
            sites.append(site)
        molecules.append(Molecule(pattern.molecules[m].kind, tuple(sites), pattern.molecules[m].compartment))
    return replace(pattern, molecules=tuple(molecules))


def _bonded_sites(pattern: Pattern, m: int) -> list[_Bonded]:
    found: list[_Bonded] = []
    for position, site in enumerate(pattern.molecules[m].sites):
        if site.bonds:
            ends = []
            for bond in site.bonds:
                far, at = pattern.partner(bond, (m, position))
                there = pattern.molecules[far].sites[at]
                ends.append((far, there.name, there.state))
            found.append((site.name, site.state, position, ends))
    return found


def _renumbered(
    bonds: tuple[str, ...], ends: list, rank: list[int], number: dict[str, int]
) -> tuple[str, ...]:
    """Return new labels of the bonds of a site, those not met before numbered in order of their far ends."""
    if len(bonds) > 1:
        pairs = sorted(
            zip(ends, bonds, strict=True), key=lambda pair: (_ranked(pair[0], rank), number.get(pair[1], 0))
        )
        bonds = tuple(bond for _, bond in pairs)
    for bond in bonds:
        number.setdefault(bond, len(number) + 1)
    return tuple(map(str, sorted(number[bond] for bond in bonds)))


def _ranked(end: tuple[int, str, str], rank: list[int]) -> tuple[int, str, str]:
    return rank[end[0]], end[1], end[2]


def _site_order(
    molecule: Molecule, bonded: list[_Bonded], rank: list[int], number: dict[str, int]
) -> list[int]:
    """Positions in order of name, state, and what is bound; in the end of the numbers of the bonds."""
    sites = molecule.sites
    order = sorted(range(len(sites)), key=lambda position: sites[position].name)
    if all(sites[a].name != sites[b].name for a, b in pairwise(order)):
        return order
    far = {position: sorted(_ranked(end, rank) for end in ends) for _, _, position, ends in bonded}

    def key(position: int) -> tuple:
        site = sites[position]
        return site.name, site.state, far.get(position, []), sorted(number.get(b, 0) for b in site.bonds)

    return sorted(order, key=key)


@lru_cache(maxsize=1 << 16)
def _states(sites: tuple[Site, ...]) -> list[tuple[str, str]]:
    return sorted((site.name, site.state) for site in sites)


def _ranks(pattern: Pattern, bonded: list[list[_Bonded]]) -> list[int]:
    """Return a canonical number for each molecule, all different."""
    own = [(m.kind, m.compartment, _states(m.sites)) for m in pattern.molecules]
    rank = _refined(_dense_ranks(own), bonded)
    while len(set(rank)) < len(rank):
        tied = min(k for k in rank if rank.count(k) > 1)
        apart = [2 * k + 1 for k in rank]
        apart[rank.index(tied)] -= 1
        rank = _refined(_dense_ranks(apart), bonded)
    return rank


def _refined(rank: list[int], bonded: list[list[_Bonded]]) -> list[int]:
    """Return the ranks refined by the bonds until the bonds tell no more molecules apart."""
    n_ranks = len(set(rank))
    while n_ranks < len(rank):
        seen = [
            (
                rank[m],
                sorted(
                    (name, state, sorted(_ranked(e, rank) for e in ends)) for name, state, _, ends in sites
                ),
            )
            for m, sites in enumerate(bonded)
        ]
        new = _dense_ranks(seen)
        if max(new) + 1 == n_ranks:
            return rank
        rank, n_ranks = new, max(new) + 1
    return rank


def _dense_ranks(keys: list) -> list[int]:
    """Return for each key the number of different smaller keys."""
    order = sorted(range(len(keys)), key=keys.__getitem__)
    found = [0] * len(keys)
    for before, k in pairwise(order):
        found[k] = found[before] + (keys[before] != keys[k])
    return found
