"""Species patterns of rule-based models: `egf(r!1).egfr(Y1068~pY,l!1)`.

BioNetGen and PySB write what a species is made of into its name: molecules, their components,
the states of these and the bonds between them. `parse_pattern` reads such a name, `canonical`
numbers its molecules so that the result does not depend on how the name was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

_WORD = r"[A-Za-z_]\w*"
_PREFIX = re.compile(rf"(?P<fixed1>\$)?(?:@(?P<compartment>{_WORD})::?)?(?P<fixed2>\$)?", re.ASCII)
_MOLECULE = re.compile(rf"(?P<kind>{_WORD})\((?P<sites>[^()]*)\)(?:@(?P<compartment>{_WORD}))?", re.ASCII)
_SITE = re.compile(rf"(?P<name>{_WORD})(?:~(?P<state>\w+))?(?P<bonds>(?:!\w+)*)", re.ASCII)

End = tuple[int, int]  # number of a molecule, and of a site in it


class PatternError(ValueError):
    """A text is not a species pattern."""


@dataclass(frozen=True)
class Site:
    """A component of a molecule: its name, its state ("" without one) and the labels of its bonds."""

    name: str
    state: str = ""
    bonds: tuple[str, ...] = ()

    def __str__(self) -> str:
        state = f"~{self.state}" if self.state else ""
        return self.name + state + "".join(f"!{bond}" for bond in self.bonds)


@dataclass(frozen=True)
class Molecule:
    """A molecule: its type, its components, and its compartment ("" where none is written)."""

    kind: str
    sites: tuple[Site, ...] = ()
    compartment: str = ""

    def __str__(self) -> str:
        where = f"@{self.compartment}" if self.compartment else ""
        return f"{self.kind}({','.join(map(str, self.sites))}){where}"


@dataclass(frozen=True)
class Pattern:
    """A species: molecules held together by bonds.

    Attributes
    ----------
    molecules : tuple of Molecule
        At least one.
    compartment : str
        What ``@compartment:`` before the molecules says, "" without it.
    is_fixed : bool
        Whether a ``$`` says that reactions do not change its amount.
    """

    molecules: tuple[Molecule, ...]
    compartment: str = ""
    is_fixed: bool = False

    def __str__(self) -> str:
        where = f"@{self.compartment}::" if self.compartment else ""
        return "$" * self.is_fixed + where + ".".join(map(str, self.molecules))

    @cached_property
    def ends(self) -> dict[str, tuple[End, ...]]:
        """Label of each bond → its ends."""
        found: dict[str, tuple[End, ...]] = {}
        for number, molecule in enumerate(self.molecules):
            for position, site in enumerate(molecule.sites):
                for bond in site.bonds:
                    found[bond] = (*found.get(bond, ()), (number, position))
        return found

    def partner(self, bond: str, end: End) -> End:
        """Return the other end of a bond."""
        first, second = self.ends[bond]
        return second if end == first else first

    def partners(self, molecule: int, position: int) -> list[End]:
        """Return what the bonds of a site lead to, in order of its bonds."""
        end = molecule, position
        return [self.partner(bond, end) for bond in self.molecules[molecule].sites[position].bonds]


def parse_pattern(text: str) -> Pattern:
    """Return the species pattern that a name is.

    Every molecule has its parentheses, every bond two ends, and the bonds hold all molecules
    together; wildcards (``!+``, ``!?``, ``~?``) describe no single species and are refused.

    Raises
    ------
    PatternError
        The text is not such a pattern.
    """
    head = _PREFIX.match(text)
    assert head is not None  # every group of it is optional
    if head["fixed1"] and head["fixed2"]:
        raise PatternError(f"'{text}' begins with '$' twice")
    molecules = tuple(_molecules(text, head.end()))
    compartment = head["compartment"] or ""
    pattern = Pattern(molecules, compartment, bool(head["fixed1"] or head["fixed2"]))
    _check_bonds(pattern)
    return pattern


def _molecules(text: str, start: int) -> Iterator[Molecule]:
    while True:
        found = _MOLECULE.match(text, start)
        if found is None:
            raise PatternError(f"'{text}': expected a molecule with its parentheses at character {start + 1}")
        sites = tuple(map(_site, found["sites"].split(","))) if found["sites"] else ()
        yield Molecule(found["kind"], sites, found["compartment"] or "")
        if found.end() == len(text):
            return
        if text[found.end()] != ".":
            raise PatternError(f"'{text}': expected '.' or the end at character {found.end() + 1}")
        start = found.end() + 1


def _site(text: str) -> Site:
    found = _SITE.fullmatch(text)
    if found is None:
        raise PatternError(f"'{text}' is not a component of a molecule")
    return Site(found["name"], found["state"] or "", tuple(found["bonds"].split("!")[1:]))


def _check_bonds(pattern: Pattern) -> None:
    for bond, ends in pattern.ends.items():
        if len(ends) != 2 or ends[0] == ends[1]:
            raise PatternError(f"'{pattern}': expected two sites with bond {bond}, found {len(set(ends))}")
    reached, queue = {0}, [0]
    while queue:
        m = queue.pop()
        new = {other for s in range(len(pattern.molecules[m].sites)) for other, _ in pattern.partners(m, s)}
        queue += new - reached
        reached |= new
    if len(reached) < len(pattern.molecules):
        raise PatternError(f"'{pattern}' has molecules that no bond holds")


def canonical(pattern: Pattern) -> Pattern:
    """Return the pattern with molecules, components and bonds in a canonical order.

    Molecules are told apart by colour refinement; of those it cannot tell apart the first is
    set apart and refinement goes on. In a tree such molecules are images of each other, so
    that the result does not depend on how the pattern was written; among ring-shaped
    complexes there may be exceptions.
    """
    rank = _ranks(pattern)
    number: dict[str, int] = {}
    molecules = []
    for m in sorted(range(len(rank)), key=rank.__getitem__):
        sites = []
        for position in _site_order(pattern, m, rank, number):
            site = pattern.molecules[m].sites[position]
            far = {bond: pattern.partner(bond, (m, position)) for bond in site.bonds}
            for bond in sorted(site.bonds, key=lambda b: (_end_key(pattern, far[b], rank), number.get(b, 0))):
                number.setdefault(bond, len(number) + 1)
            labels = map(str, sorted(number[bond] for bond in site.bonds))
            sites.append(replace(site, bonds=tuple(labels)))
        molecules.append(replace(pattern.molecules[m], sites=tuple(sites)))
    return replace(pattern, molecules=tuple(molecules))


def _end_key(pattern: Pattern, end: End, rank: list[int]) -> tuple[int, str, str]:
    site = pattern.molecules[end[0]].sites[end[1]]
    return rank[end[0]], site.name, site.state


def _site_key(pattern: Pattern, m: int, position: int, rank: list[int]) -> tuple:
    site = pattern.molecules[m].sites[position]
    ends = sorted(_end_key(pattern, end, rank) for end in pattern.partners(m, position))
    return site.name, site.state, ends


def _site_order(pattern: Pattern, m: int, rank: list[int], number: dict[str, int]) -> list[int]:
    """Sites in canonical order; of two bound to one molecule, first that whose bond is numbered first."""
    sites = pattern.molecules[m].sites

    def key(position: int) -> tuple:
        numbers = sorted(number.get(bond, 0) for bond in sites[position].bonds)
        return _site_key(pattern, m, position, rank), numbers

    return sorted(range(len(sites)), key=key)


def _ranks(pattern: Pattern) -> list[int]:
    """Return a canonical number for each molecule, all different."""
    own = [(m.kind, m.compartment, sorted((s.name, s.state) for s in m.sites)) for m in pattern.molecules]
    rank = _refined(pattern, _dense_ranks(own))
    while len(set(rank)) < len(rank):
        tied = next(k for k in sorted(set(rank)) if rank.count(k) > 1)
        first = rank.index(tied)
        apart = [2 * k + 1 for k in rank]
        apart[first] -= 1
        rank = _refined(pattern, _dense_ranks(apart))
    return rank


def _refined(pattern: Pattern, rank: list[int]) -> list[int]:
    """Return the ranks refined by the bonds until the bonds tell no more molecules apart."""
    while len(set(rank)) < len(rank):
        seen = [
            (
                rank[m],
                sorted(_site_key(pattern, m, s, rank) for s, site in enumerate(mol.sites) if site.bonds),
            )
            for m, mol in enumerate(pattern.molecules)
        ]
        new = _dense_ranks(seen)
        if len(set(new)) == len(set(rank)):
            return rank
        rank = new
    return rank


def _dense_ranks(keys: list) -> list[int]:
    order = sorted(range(len(keys)), key=keys.__getitem__)
    rank, found = -1, [0] * len(keys)
    for before, k in zip([None, *order], order, strict=False):
        rank += before is None or keys[before] != keys[k]
        found[k] = rank
    return found
