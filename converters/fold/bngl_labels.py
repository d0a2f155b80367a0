"""Bases and coordinates of species from their patterns (`converters.fold.bngl`).

A species of a rule-based model is a few large molecules with others hanging off them. One type
of molecule is the *core* of a species; the number of its copies gives the base, and each of
their sites a coordinate: its state and everything that hangs off its bond. A rule acts on one
or two sites and leaves the other coordinates free, so that its reactions are a product.

Copies stand in the order of their labels: of the two orientations of a symmetric dimer always
that with ``a <= b`` is written. A label begins with what is next to the core, so that ``pY``
comes before ``pY!Grb2`` and that before ``pY!Grb2.SH3!Sos``: the way that rules take, and so
they seldom turn a complex around.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from converters.fold.bngl import Pattern, PatternError, parse_pattern
from converters.fold.bngl_canonical import canonical
from converters.fold.bngl_sites import SiteTable

MIN_MEMBERS = 6  # in a coarser labelling the species of smaller bases have no label

Labels = dict[str, tuple[str, tuple[str, ...]]]  # species id → base and index tuple


def pattern_labels(names: Mapping[str, str]) -> Labels:
    """Return the base and the index tuple of each species whose name is a pattern.

    Parameters
    ----------
    names : mapping of str to str
        Species id → name. Names that are no pattern are left out.

    Returns
    -------
    dict
        Species id → (base, index tuple). No two species have the same ones, and they do not
        depend on the order in which molecules, sites and bonds were written.
    """
    return _by_sites(_site_tables(read_patterns(names)), by_copy=False)


def pattern_candidates(names: Mapping[str, str]) -> list[Labels]:
    """Return the labellings that are worth a try, the finest first.

    A coordinate per site; the same without small bases; a coordinate per core molecule; a
    base per composition, with its species as one coordinate. There are none where no name is a pattern.
    """
    patterns = read_patterns(names)
    tables = _site_tables(patterns)
    by_sites = _by_sites(tables, by_copy=False)
    coarser = [_by_sites(tables, by_copy=True), _by_composition(patterns)]
    found = [by_sites, *map(_large, [by_sites, *coarser])]
    return [labels for k, labels in enumerate(found) if labels and labels not in found[:k]]


def read_patterns(names: Mapping[str, str]) -> dict[str, Pattern]:
    """Return the canonical patterns of the names that are patterns."""
    found = {}
    for species_id, name in names.items():
        try:
            found[species_id] = canonical(parse_pattern(name))
        except PatternError:
            continue  # names in most models are words
    return found


def core_molecules(patterns: Mapping[str, Pattern]) -> dict[str, list[str]]:
    """Return the species by their core molecule.

    It is the type that is in most species (of several the one with most sites), and so on
    among the species that do not have it.
    """
    kinds = {i: {molecule.kind for molecule in pattern.molecules} for i, pattern in patterns.items()}
    n_sites = {m.kind: len(m.sites) for pattern in patterns.values() for m in pattern.molecules}
    cores: dict[str, list[str]] = {}
    while kinds:
        count = Counter(kind for present in kinds.values() for kind in present)
        core = min(count, key=lambda kind: (-count[kind], -n_sites[kind], kind))
        cores[core] = [i for i, present in kinds.items() if core in present]
        for i in cores[core]:
            del kinds[i]
    return cores


def _site_tables(patterns: Mapping[str, Pattern]) -> list[SiteTable]:
    cores = core_molecules(patterns).items()
    return [SiteTable(core, {i: patterns[i] for i in ids}) for core, ids in cores]


def _by_sites(tables: Iterable[SiteTable], by_copy: bool) -> Labels:
    found: Labels = {}
    taken: set[str] = set()
    for table in tables:
        for n_copies, members in table.by_number_of_copies().items():
            base = _unused(_times(table.core, n_copies), taken)
            taken.add(base)
            rows = table.rows(members, by_copy)
            if len(set(rows)) < len(members):  # ring-shaped complexes, or one pattern in two compartments
                rows = [(i,) for i in members]
            found |= {i: (base, row) for i, row in zip(members, rows, strict=True)}
    return found


def _by_composition(patterns: Mapping[str, Pattern]) -> Labels:
    groups: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for i, pattern in patterns.items():
        count = Counter(molecule.kind for molecule in pattern.molecules)
        groups.setdefault(tuple(sorted(count.items())), []).append(i)
    found: Labels = {}
    taken: set[str] = set()
    for kinds, ids in groups.items():
        base = _unused("_".join(_times(kind, n) for kind, n in kinds), taken)
        taken.add(base)
        found |= {i: (base, (i,)) for i in ids}
    return found


def _large(labels: Labels) -> Labels:
    size = Counter(base for base, _ in labels.values())
    return {i: label for i, label in labels.items() if size[label[0]] >= MIN_MEMBERS}


def _times(kind: str, n: int) -> str:
    return kind if n == 1 else f"{kind}_{n}"


def _unused(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name
