"""Cases of the SBML semantic test suite: settings, expected results and the rule to pass."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

# What this version holds but does not simulate; such cases are refused by name.
HELD_TAGS = frozenset(
    [
        "AlgebraicRule",
        "AssignedConstantStoichiometry",
        "AssignedVariableStoichiometry",
        "CSymbolDelay",
        "CSymbolRateOf",
        "EventIsNotPersistent",
        "EventIsPersistent",
        "EventNoDelay",
        "EventPriority",
        "EventT0Firing",
        "EventUsesAssignmentTimeValues",
        "EventUsesTriggerTimeValues",
        "EventWithDelay",
        "FastReaction",
    ]
)


@dataclass(frozen=True)
class SuiteCase:
    """One case: a folder ``NNNNN`` with a model, settings and expected results."""

    folder: Path

    @property
    def number(self) -> str:
        """The five digits of the case."""
        return self.folder.name

    @property
    def model(self) -> Path:
        """The SBML file."""
        return next(self.folder.glob("*-sbml-*.xml"))

    @cached_property
    def settings(self) -> dict[str, str]:
        """Settings by name."""
        text = (self.folder / f"{self.number}-settings.txt").read_text(encoding="utf-8")
        pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
        return {name.strip(): value.strip() for name, _, value in pairs}

    @cached_property
    def tags(self) -> frozenset[str]:
        """Component and test tags."""
        text = (self.folder / f"{self.number}-model.m").read_text(encoding="utf-8", errors="replace")
        lines = re.findall(r"^(?:componentTags|testTags|packagesPresent):(.*)$", text, re.MULTILINE)
        return frozenset(tag.strip() for line in lines for tag in line.split(",") if tag.strip())

    def names(self, setting: str) -> list[str]:
        """The ids a setting lists."""
        return [name.strip() for name in self.settings.get(setting, "").split(",") if name.strip()]

    @property
    def times(self) -> np.ndarray:
        """Output times, shape ``(steps + 1,)``."""
        start, duration = float(self.settings["start"]), float(self.settings["duration"])
        return np.linspace(start, start + duration, int(self.settings["steps"]) + 1)

    @property
    def tolerances(self) -> dict[str, float]:
        """The case's own ``absolute`` and ``relative`` tolerance."""
        return {name: float(self.settings[name]) for name in ("absolute", "relative")}

    def expected(self) -> dict[str, np.ndarray]:
        """Expected series by variable."""
        with next(self.folder.glob("*-results.csv")).open(newline="") as file:
            header, *rows = [row for row in csv.reader(file) if row]
        table = np.array([[float(cell) for cell in row] for row in rows])
        return {name.strip(): table[:, k] for k, name in enumerate(header) if k}

    def found(self, course) -> dict[str, np.ndarray]:
        """The same variables of a `converters.TimeCourse`, in the unit the case asks for."""
        amounts = set(self.names("amount"))
        series = {}
        for name in self.names("variables"):
            if name in course.amounts:
                series[name] = (course.amounts if name in amounts else course.concentrations)[name]
            else:
                series[name] = course.values[name]
        return series


def passes(found: np.ndarray, expected: np.ndarray, *, absolute: float, relative: float) -> bool:
    """Whether every value is within ``absolute + relative * |expected|``; NaN and INF equal themselves."""
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        near = np.abs(found - expected) <= absolute + relative * np.abs(expected)
    return bool((same | (near & np.isfinite(expected))).all())


def simulated_cases(folder: Path) -> list[SuiteCase]:
    """Return the time-course cases without constructs that are held."""
    cases = (SuiteCase(path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [case for case in cases if not case.tags & HELD_TAGS and case.settings.get("steps")]
