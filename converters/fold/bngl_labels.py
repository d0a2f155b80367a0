"""Bases and coordinates of species from their patterns (`converters.fold.bngl`).

A species of a rule-based model is a few large molecules with others hanging off them. One type
of molecule is the *core* of each species; the number of its copies gives the base and each
of their sites a coordinate: its state and everything that hangs off its bonds. A rule acts on
one or two sites and leaves the other coordinates free, so that its reactions are a product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np

from converters.fold.bngl import Pattern, PatternError, canonical, parse_pattern

MIN_FILL = 0.25  # coordinates are joined until this share of the index tuples exists

Features = dict[tuple, str]  # path from a core molecule → state, or what is bound there
Labels = dict[str, tuple[str, tuple[str, ...]]]  # species id → base and index tuple


def pattern_labels(names: Mapping[str, str], by_copy: bool = False) -> Labels:
    """Return the base and the index tuple of each species whose name is a pattern.

    Parameters
    ----------
    names : mapping of str to str
        Species id → name. Names that are no pattern are left out.
    by_copy : bool
        One coordinate for each core molecule and not for each of its sites.

    Returns
    -------
    dict
        No two species have the same base and index tuple.
    """
    patterns = read_patterns(names)
    found: Labels = {}
    for core, ids in core_molecules({i: patterns[i] for i in patterns}).items():
        found |= _label(core, {i: patterns[i] for i in ids}, by_copy)
    return {i: found[i] for i in patterns}


def pattern_candidates(names: Mapping[str, str]) -> list[Labels]:
    """Return the labellings by patterns that are worth a try, the finest first."""
    return [pattern_labels(names), pattern_labels(names, by_copy=True)]


def read_patterns(names: Mapping[str, str]) -> dict[str, Pattern]:
    """Return the canonical patterns of the names that are patterns."""
    found = {}
    for species_id, name in names.items():
        try:
            found[species_id] = canonical(parse_pattern(name))
        except PatternError:
            continue
    return found


def core_molecules(patterns: Mapping[str, Pattern]) -> dict[str, list[str]]:
    """Return the species by their core: the type of molecule that is in most of them, and so on for the rest."""
    kinds = {i: {m.kind for m in pattern.molecules} for i, pattern in patterns.items()}
    cores: dict[str, list[str]] = {}
    while kinds:
        counts = Counter(kind for present in kinds.values() for kind in present)
        core = min(counts, key=lambda kind: (-counts[kind], kind))
        cores[core] = [i for i, present in kinds.items() if core in present]
        for i in cores[core]:
            del kinds[i]
    return cores


def _label(core: str, patterns: Mapping[str, Pattern], by_copy: bool) -> Labels:
    """Labels of the species that have one core."""
    copies = {i: _ordered_copies(core, pattern) for i, pattern in patterns.items()}
    kept = _telling([features for row in copies.values() for features in row])
    bases: dict[str, list[str]] = {}
    for i, row in copies.items():
        bases.setdefault(_base_name(core, patterns[i], len(row)), []).append(i)
    found: Labels = {}
    for base, ids in bases.items():
        rows = [[_site_labels(features, kept) for features in copies[i]] for i in ids]
        groups = _columns(rows)
        table = _joined(groups if not by_copy else [[column for g in groups for column in g]], len(ids))
        if len(set(table)) < len(ids):
            table = [(str(patterns[i]),) for i in ids]
        found |= {i: (base, labels) for i, labels in zip(ids, table, strict=True)}
    return found


def _base_name(core: str, pattern: Pattern, n_copies: int) -> str:
    where = f"_{pattern.compartment}" if pattern.compartment else ""
    return core + (f"_{n_copies}" if n_copies > 1 else "") + where + "_fixed" * pattern.is_fixed


def _ordered_copies(core: str, pattern: Pattern) -> list[Features]:
    """Features of each copy of the core molecule, in an order that names do not decide."""
    numbers = [m for m, molecule in enumerate(pattern.molecules) if molecule.kind == core]
    plain = {m: _features(pattern, m, core, dict.fromkeys(numbers, "")) for m in numbers}
    order = sorted(numbers, key=lambda m: (sorted(plain[m].items()), m))
    if len(numbers) < 3:
        return [plain[m] for m in order]
    return [_features(pattern, m, core, {n: str(k + 1) for k, n in enumerate(order)}) for m in order]


def _features(pattern: Pattern, m: int, core: str, marks: Mapping[int, str]) -> Features:
    """State and bonds of each site of a core molecule and of what hangs off it, by path."""
    found: Features = {}
    seen = {m: "self"}

    def visit(molecule: int, path: tuple, entry: int) -> None:
        kinds: Counter[str] = Counter()
        if pattern.molecules[molecule].compartment:
            found[*path, "@"] = pattern.molecules[molecule].compartment
        for position, site in enumerate(pattern.molecules[molecule].sites):
            kinds[site.name] += 1
            here = (*path, site.name if kinds[site.name] == 1 else f"{site.name}_{kinds[site.name]}")
            if position == entry:
                found[*path, ":"] = here[-1]
            ends = pattern.partners(molecule, position)
            if position == entry:
                ends = ends[1:] if len(ends) > 1 else []
            found[here] = site.state + "".join(f"!{_mark(pattern, end, marks, seen)}" for end in ends)
            for other, at in ends:
                if other not in marks and other not in seen:
                    seen[other] = f"{len(seen)}"
                    visit(other, (*here, pattern.molecules[other].kind), at)

    visit(m, (), -1)
    return found


def _mark(pattern: Pattern, end: tuple[int, int], marks: Mapping[int, str], seen: Mapping[int, str]) -> str:
    other, at = end
    molecule = pattern.molecules[other]
    if other in seen:
        return f"<{seen[other]}.{molecule.sites[at].name}"
    if other in marks:
        return f"^{marks[other]}.{molecule.sites[at].name}"
    return molecule.kind


def _telling(rows: list[Features]) -> set[tuple]:
    """Paths that say something: not always the same where they exist, nor given by another one."""
    paths = sorted({path for row in rows for path in row}, key=lambda path: (-len(path), path))
    code: dict[tuple, np.ndarray] = {}
    for path in paths:
        words: dict[str | None, int] = {None: -1}
        code[path] = np.array([words.setdefault(row.get(path), len(words)) for row in rows])
    kept = [path for path in paths if len(set(code[path].tolist()) - {-1}) > 1]
    for path in list(kept):
        if any(_gives(code[other], code[path]) for other in kept if other != path):
            kept.remove(path)
    return set(kept)


def _gives(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one column of codes determines the other wherever that exists."""
    exists = other >= 0
    one, other = one[exists], other[exists]
    if (one < 0).any():
        return False
    value = np.full(one.max() + 1, -1)
    value[one] = other
    return bool((value[one] == other).all())


def _site_labels(features: Features, kept: set[tuple]) -> dict[str, str]:
    """Label of each site of a core molecule."""
    text: dict[str, list[str]] = {}
    for path, value in features.items():
        labels = text.setdefault(path[0], [])
        if path in kept:
            labels.append("." * (len(path) > 1) + value)
    return {site: "".join(labels) for site, labels in text.items()}


def _columns(rows: list[list[dict[str, str]]]) -> list[list[tuple[str, ...]]]:
    """For each copy, its columns of labels that vary."""
    groups = []
    for copies in zip(*rows, strict=True):
        sites = list(dict.fromkeys(site for labels in copies for site in labels))
        columns = [tuple(labels.get(site, "") for labels in copies) for site in sites]
        groups.append([column for column in columns if len(set(column)) > 1])
    return groups


def _joined(groups: list[list[tuple[str, ...]]], n_rows: int) -> list[tuple[str, ...]]:
    """Join columns until the table is full enough; the pair whose product is emptiest first."""
    columns = [column for group in groups for column in group]
    while len(columns) > 1 and n_rows < MIN_FILL * _cells(columns):
        a, b = min(combinations(range(len(columns)), 2), key=lambda pair: _fill(columns, *pair))
        columns[a] = tuple("|".join(pair) for pair in zip(columns[a], columns[b], strict=True))
        del columns[b]
    return list(zip(*columns, strict=True)) if columns else [()] * n_rows


def _cells(columns: Iterable[tuple[str, ...]]) -> float:
    return float(np.prod([float(len(set(column))) for column in columns]))


def _fill(columns: list[tuple[str, ...]], a: int, b: int) -> float:
    pairs = set(zip(columns[a], columns[b], strict=True))
    return len(pairs) / (len(set(columns[a])) * len(set(columns[b])))
