"""Labels of the sites of core molecules: their state and what hangs off their bonds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property, lru_cache

from converters.fold.bngl import End, Pattern
from converters.fold.bngl_tables import Column, codes_of, fill_up, join, telling
from converters.fold.words import natural

FREE = "-"  # label of a site without state and bond

Port = tuple[str, int]  # name of a site, and which of the sites of that name
Path = tuple  # a port, then in turn the type of a molecule and the name of a site of it
Features = dict[Path, str]  # state of each site and what is bound there, along a walk from a core molecule


class SiteTable:
    """The species with one core molecule, and the labels of its sites in them.

    Parameters
    ----------
    core : str
        Type of molecule, present in every one of the patterns.
    patterns : mapping of str to Pattern
        Species id → canonical pattern.
    """

    def __init__(self, core: str, patterns: Mapping[str, Pattern]) -> None:
        self.core = core
        self.patterns = patterns
        features = {i: _core_features(pattern, core) for i, pattern in patterns.items()}
        kept = _telling_paths([row for copies in features.values() for row in copies.values()])
        self.labels = {
            i: {m: _port_labels(row, kept) for m, row in copies.items()} for i, copies in features.items()
        }
        rows = [row for copies in self.labels.values() for row in copies.values()]
        count = Counter(name for name, _ in {(port[0], text) for row in rows for port, text in row.items()})
        self.site_names = sorted(count, key=lambda name: (-count[name], name))  # most labels first

    def by_number_of_copies(self) -> dict[int, list[str]]:
        """Return the species by how many core molecules they have."""
        found: dict[int, list[str]] = {}
        for i, copies in self.labels.items():
            found.setdefault(len(copies), []).append(i)
        return found

    def rows(self, ids: list[str], by_copy: bool) -> list[tuple[str, ...]]:
        """Return the index tuples of species with equally many core molecules.

        Coordinates that follow from another one are left out; where too few tuples would exist,
        coordinates are joined. Tuples of different species can be equal.

        Parameters
        ----------
        ids : list of str
            Species.
        by_copy : bool
            One coordinate for each core molecule and not for each of its sites.
        """
        rows = [self._copies[i] for i in ids]
        columns: list[Column] = []
        for copies in zip(*rows, strict=True):
            ports = sorted({port for labels in copies for port in labels})
            found = _useful([[labels.get(port, "") or FREE for labels in copies] for port in ports])
            columns += [join(found)] if by_copy and found else found
        columns = fill_up(_useful([*columns, [self.patterns[i].compartment for i in ids]]))
        return list(zip(*columns, strict=True)) if columns else [()] * len(ids)

    @cached_property
    def _copies(self) -> dict[str, list[dict[Port, str]]]:
        return {i: self._ordered_copies(i) for i in self.labels}

    def _ordered_copies(self, i: str) -> list[dict[Port, str]]:
        """Labels of each core molecule of a species, the molecules in order of their labels.

        Where something hangs off several ports, all but the first of them name the first.
        """
        labels = self.labels[i]

        def key(m: int) -> tuple:
            texts = [
                sorted(_order_key(text) for port, text in labels[m].items() if port[0] == name)
                for name in self.site_names
            ]
            return texts, m

        order = sorted(labels, key=key)
        renumbered = [_in_order(labels[m]) for m in order]
        found = [
            {new[port]: labels[m][port] for port in new} for m, new in zip(order, renumbered, strict=True)
        ]
        for ports in _held_together(self.patterns[i], self.core):
            first, *others = sorted((k, renumbered[k][port]) for m, port in ports for k in [order.index(m)])
            for copy, port in others:
                found[copy][port] += "=" + _place_name(first, copy, len(order))
        return found


@lru_cache(maxsize=1 << 16)
def _order_key(label: str) -> tuple:
    return natural(label)


def _useful(columns: list[Column]) -> list[Column]:
    return [columns[k] for k in telling([codes_of(column) for column in columns])]


def _in_order(labels: Mapping[Port, str]) -> dict[Port, Port]:
    """Ports renumbered so that those of one name are in the order of their labels."""
    count: Counter[str] = Counter()
    found: dict[Port, Port] = {}
    for port in sorted(labels, key=lambda port: (port[0], _order_key(labels[port]), port[1])):
        found[port] = port[0], count[port[0]]
        count[port[0]] += 1
    return {port: found[port] for port in labels}


def _place_name(place: tuple[int, Port], seen_from: int, n_copies: int) -> str:
    copy, (name, number) = place
    name += f"_{number + 1}" if number else ""
    if copy == seen_from:
        return name
    return f"^{name}" if n_copies == 2 else f"{copy + 1}.{name}"


def _ports(pattern: Pattern, m: int) -> list[Port]:
    """Name of each site of a molecule, and its number among those of its name."""
    count: Counter[str] = Counter()
    found = []
    for site in pattern.molecules[m].sites:
        found.append((site.name, count[site.name]))
        count[site.name] += 1
    return found


def _held_together(pattern: Pattern, core: str) -> list[list[tuple[int, Port]]]:
    """Ports (core molecule, site) that one thing hangs off, for each thing that hangs off several.

    A bond between two core molecules counts where there are more than two to choose from.
    """
    is_core = [molecule.kind == core for molecule in pattern.molecules]
    pairs = list(pattern.ends.values())
    thing = _components(
        len(is_core), [(a, b) for (a, _), (b, _) in pairs if not is_core[a] and not is_core[b]]
    )
    found: dict[tuple[str, int], list[End]] = {}
    for number, (one, other) in enumerate(pairs):
        for end, (far, _) in ((one, other), (other, one)):
            if is_core[end[0]] and (not is_core[far] or sum(is_core) > 2):
                key = ("bond", number) if is_core[far] else ("thing", thing[far])
                found.setdefault(key, []).append(end)
    return [[(m, _ports(pattern, m)[at]) for m, at in ends] for ends in found.values() if len(ends) > 1]


def _components(n: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Return the number of the connected component that each of n things is in."""
    parent = list(range(n))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for a, b in pairs:
        parent[root(a)] = root(b)
    return [root(k) for k in range(n)]


def _core_features(pattern: Pattern, core: str) -> dict[int, Features]:
    """Features of each core molecule, by the number of the molecule."""
    found: dict[int, Features] = {}
    for m, molecule in enumerate(pattern.molecules):
        if molecule.kind == core:
            found[m] = {(("@", 0),): molecule.compartment} if molecule.compartment else {}
            for position, port in enumerate(_ports(pattern, m)):
                _Walk(pattern, core, found[m]).site(m, position, (port,))
    return found


class _Walk:
    """A walk from a site of a core molecule over what hangs off it; it stops at core molecules."""

    def __init__(self, pattern: Pattern, core: str, features: Features) -> None:
        self.pattern = pattern
        self.core = core
        self.features = features
        self.seen: set[int] = set()

    def site(self, m: int, position: int, path: Path, came_by: str = "") -> None:
        """Note the state and the bonds of a site, and go on beyond the bonds."""
        site = self.pattern.molecules[m].sites[position]
        ahead = []
        text = site.state
        for bond in site.bonds:
            far, at = self.pattern.partner(bond, (m, position))
            molecule = self.pattern.molecules[far]
            if bond == came_by:
                continue
            if molecule.kind == self.core:
                if len(path) == 1:  # elsewhere the ports tell what is held together
                    text += ("!" if far == m else "!^") + molecule.sites[at].name
            elif far in self.seen:
                text += f"!={molecule.kind}:{molecule.sites[at].name}"
            else:
                text += f"!{molecule.kind}"
                self.seen.add(far)
                ahead.append((far, at, bond))
        self.features[path] = text
        for far, at, bond in ahead:
            self.molecule(far, at, bond, (*path, self.pattern.molecules[far].kind))

    def molecule(self, m: int, entry: int, came_by: str, path: Path) -> None:
        """Note by which site a molecule is bound, and go on over its sites."""
        molecule = self.pattern.molecules[m]
        self.features[*path, ":"] = molecule.sites[entry].name
        if molecule.compartment:
            self.features[*path, "@"] = molecule.compartment
        self.site(m, entry, (*path, ""), came_by)
        count: Counter[str] = Counter()
        for position, site in enumerate(molecule.sites):
            if position != entry:
                name = site.name + "'" * count[site.name]
                count[site.name] += 1
                self.site(m, position, (*path, name))


def _telling_paths(rows: list[Features]) -> set[Path]:
    """Paths, without numbers of ports, whose features say something that no other feature says."""
    paths = sorted({path for row in rows for path in row}, key=lambda path: (len(path), path))
    columns = [codes_of(row.get(path) for row in rows) for path in paths]
    return {_unnumbered(paths[k]) for k in telling(columns)}


def _unnumbered(path: Path) -> Path:
    return (path[0][0], *path[1:])


def _port_labels(features: Features, kept: set[Path]) -> dict[Port, str]:
    """Label of each port: its state and bond, then in turn the sites beyond, a dot for each step."""
    found: dict[Port, str] = {}
    for path, text in features.items():
        label = found.setdefault(path[0], "")
        if not text or _unnumbered(path) not in kept:
            continue
        if len(path) == 1:
            found[path[0]] = text.removeprefix("!")
        elif path[-1] in (":", "@"):
            found[path[0]] = label + path[-1] + text
        else:
            mark = "" if text.startswith("!") else "~"
            found[path[0]] = label + "." * (len(path) // 2) + path[-1] + mark + text
    return found
