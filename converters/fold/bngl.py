"""Species patterns of rule-based models: `egf(r!1).egfr(Y1068~pY,l!1)`.

BioNetGen and PySB write what a species is made of into its name: molecules, their components,
the states of these and the bonds between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

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
        parts = found["sites"].split(",") if found["sites"] else []
        sites = tuple(map(_site, parts))
        if None in sites:
            wrong = parts[sites.index(None)]
            raise PatternError(f"'{text}': '{wrong}' is not a component, as in 'Y1068~pY!1'")
        yield Molecule(found["kind"], sites, found["compartment"] or "")
        if found.end() == len(text):
            return
        if text[found.end()] != ".":
            raise PatternError(f"'{text}': expected '.' or the end at character {found.end() + 1}")
        start = found.end() + 1


@lru_cache(maxsize=1 << 16)
def _site(text: str) -> Site | None:
    found = _SITE.fullmatch(text)
    if found is None:
        return None
    return Site(found["name"], found["state"] or "", tuple(found["bonds"].split("!")[1:]))


def _check_bonds(pattern: Pattern) -> None:
    for bond, ends in pattern.ends.items():
        if len(ends) != 2 or ends[0] == ends[1]:
            raise PatternError(f"'{pattern}': expected two sites with bond {bond}, found {len(set(ends))}")
    beside: list[set[int]] = [set() for _ in pattern.molecules]
    for (one, _), (other, _) in pattern.ends.values():
        beside[one].add(other)
        beside[other].add(one)
    reached, queue = {0}, [0]
    while queue:
        new = beside[queue.pop()] - reached
        queue += new
        reached |= new
    if len(reached) < len(pattern.molecules):
        raise PatternError(f"'{pattern}' has molecules that no bond holds")
