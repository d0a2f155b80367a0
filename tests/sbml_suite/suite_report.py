"""Counts of a run of the suite, by tier, construct and tag: as tables, and as JSON that is kept."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from suite_cases import TIERS, SuiteCase
from suite_outcomes import STATUSES, Outcome

# Constructs by the tags that mark them: a case has one if it has one of its tags.
CONSTRUCTS: Mapping[str, tuple[str, ...]] = {
    "amounts, concentrations, boundary and constant species": (
        "HasOnlySubstanceUnits",
        "BoundaryCondition",
        "ConstantSpecies",
    ),
    "compartments of any size, also changing": ("NonUnityCompartment", "NonConstantCompartment"),
    "compartments without dimensions": ("0D-Compartment",),
    "conversion factors": ("ConversionFactors",),
    "rate rules": ("RateRule",),
    "assignment rules": ("AssignmentRule",),
    "initial assignments": ("InitialAssignment",),
    "function definitions": ("FunctionDefinition",),
    "local parameters": ("LocalParameters",),
    "stoichiometries set by formulas": ("StoichiometryMath", "AssignedConstantStoichiometry"),
    "stoichiometries that vary": ("AssignedVariableStoichiometry",),
    "species references in formulas": ("SpeciesReferenceInMath",),
    "events without delay": ("EventNoDelay",),
    "events with delay": ("EventWithDelay",),
    "event priorities": ("EventPriority",),
    "events of equal priority in random order": ("RandomEventExecution",),
    "triggers that must persist": ("EventIsNotPersistent",),
    "events at the initial time": ("EventT0Firing",),
    "algebraic rules": ("AlgebraicRule",),
    "fast reactions": ("FastReaction",),
    "`delay`": ("CSymbolDelay",),
    "`rateOf`": ("CSymbolRateOf",),
    "time and Avogadro's constant in formulas": ("CSymbolTime", "CSymbolAvogadro"),
    "mathematics of Level 3 Version 2, and uncommon operators": ("L3v2MathML", "UncommonMathML"),
    "elements without math": ("NoMathML",),
    "submodels (package `comp`)": ("comp",),
}
_PACKAGES = {
    "icrn": ("icrn-sbml", "jax", "python-libsbml"),
    "tellurium": ("libroadrunner", "python-libsbml"),
    "copasi": ("python-copasi", "python-libsbml"),
}


def table(cases: Sequence[SuiteCase], found: Mapping[str, Outcome]) -> str:
    """Return the counts by tier and by tag, and the refused cases by reason, as Markdown."""
    parts = [
        rows("tier", counted(cases, found, _tiers())),
        rows("tag", counted(cases, found, _tags(cases))),
    ]
    reasons: dict[str, list[str]] = {}
    for number in sorted(found):
        if found[number].status == "refused":
            reasons.setdefault(found[number].reason, []).append(number)
    if reasons:
        lines = ["| refused | cases |", "|---|---|"]
        lines += [f"| {reason} | {', '.join(numbers)} |" for reason, numbers in sorted(reasons.items())]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def rows(head: str, counts: Mapping[str, Mapping[str, int]]) -> str:
    """Return a table with a line for each group."""
    lines = [f"| {head} | cases | {' | '.join(STATUSES)} | % passed |", "|---" * 7 + "|"]
    for name, count in counts.items():
        cells = " | ".join(str(count[status]) for status in STATUSES)
        lines.append(f"| {name} | {count['cases']} | {cells} | {share(count)} |")
    return "\n".join(lines)


def share(count: Mapping[str, int]) -> str:
    """Return the percentage that passed; only all of them are 100 %."""
    percent = 100 * count["passed"] / count["cases"]
    return f"{percent if count['passed'] == count['cases'] else min(percent, 99.9):.1f}"


def _tiers() -> dict[str, Callable[[SuiteCase], bool]]:
    return {tier: lambda case, tier=tier: case.tier == tier for tier in TIERS} | {"all": lambda case: True}


def _tags(cases: Iterable[SuiteCase]) -> dict[str, Callable[[SuiteCase], bool]]:
    tags = sorted({tag for case in cases for tag in case.tags})
    return {tag: lambda case, tag=tag: tag in case.tags for tag in tags}


def _constructs() -> dict[str, Callable[[SuiteCase], bool]]:
    return {name: lambda case, tags=tags: not case.tags.isdisjoint(tags) for name, tags in CONSTRUCTS.items()}


def counted(
    cases: Iterable[SuiteCase],
    found: Mapping[str, Outcome],
    groups: Mapping[str, Callable[[SuiteCase], bool]],
) -> dict[str, dict[str, int]]:
    """Return for each group that has cases how many there are, and how many ended in which way."""
    result = {}
    for name, belongs in groups.items():
        members = [found[case.number] for case in cases if belongs(case)]
        if members:
            ends = Counter(outcome.status for outcome in members)
            result[name] = {"cases": len(members), **{status: ends[status] for status in STATUSES}}
    return result


def document(
    cases: Sequence[SuiteCase], found: Mapping[str, Outcome], engine: str, settings: Mapping[str, object]
) -> dict:
    """Return what is kept of a run."""
    constructs = counted(cases, found, _constructs())
    for name, belongs in _constructs().items():
        outcomes = [found[case.number] for case in cases if belongs(case)]
        refused = Counter(outcome.reason for outcome in outcomes if outcome.status == "refused")
        if refused:
            constructs[name]["reasons"] = dict(sorted(refused.items()))
    return {
        "engine": engine,
        "about": {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {"python": platform.python_version()} | _versions(_PACKAGES[engine]),
            "settings": dict(settings),
            "cpu seconds": round(sum(outcome.seconds for outcome in found.values()), 1),
        },
        "tiers": counted(cases, found, _tiers()),
        "constructs": constructs,
        "tags": counted(cases, found, _tags(cases)),
        "passed": [number for number in sorted(found) if found[number].status == "passed"],
        "others": {
            number: [found[number].status, found[number].reason]
            for number in sorted(found)
            if found[number].status != "passed"
        },
    }


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        with suppress(PackageNotFoundError):  # run from a checkout, the toolkit itself is not
            found[name] = version(name)
    return found


def as_json(value: Mapping) -> str:
    """Return JSON with one line for each entry of an entry."""

    def short(item: object) -> str:
        return json.dumps(item, ensure_ascii=False)

    lines = []
    for key, entry in value.items():
        if isinstance(entry, Mapping):
            inner = ",\n".join(f"  {short(name)}: {short(item)}" for name, item in entry.items())
            lines.append(f" {short(key)}: {{\n{inner}\n }}" if entry else f" {short(key)}: {{}}")
        else:
            lines.append(f" {short(key)}: {short(entry)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
