"""Cases of the SBML semantic test suite: settings, expected results and the rule to pass."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

# Tags of the third tier, and of events that wait, compete or draw lots.
_SPECIAL = ("AlgebraicRule", "CSymbolDelay", "FastReaction", "comp", "fbc")
_TIMED_EVENTS = ("EventWithDelay", "EventPriority", "RandomEventExecution")
_EVENTS = ("EventNoDelay", *_TIMED_EVENTS)
TIERS = ("plain", "events", "events with delay or priority", *_SPECIAL[:4], "mixed")


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
        return next(self.folder.glob(f"{self.number}-sbml-*.xml"))

    @cached_property
    def settings(self) -> dict[str, str]:
        """Settings by name."""
        text = (self.folder / f"{self.number}-settings.txt").read_text(encoding="utf-8")
        pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
        return {name.strip(): value.strip() for name, _, value in pairs}

    @cached_property
    def _description(self) -> str:
        return (self.folder / f"{self.number}-model.m").read_text(encoding="utf-8", errors="replace")

    @cached_property
    def tags(self) -> frozenset[str]:
        """Component and test tags."""
        lines = re.findall(
            r"^(?:componentTags|testTags|packagesPresent):(.*)$", self._description, re.MULTILINE
        )
        return frozenset(tag.strip() for line in lines for tag in line.split(",") if tag.strip())

    @property
    def is_time_course(self) -> bool:
        """Whether the case asks for a time course, and not for a flux balance."""
        return "fbc" not in self.tags and bool(self.settings.get("steps"))

    @property
    def tier(self) -> str:
        """Which of `TIERS` the case belongs to."""
        special = [tag for tag in _SPECIAL if tag in self.tags]
        if special:
            return special[0] if len(special) == 1 else "mixed"
        if any(tag in self.tags for tag in _TIMED_EVENTS):
            return "events with delay or priority"
        return "events" if "EventNoDelay" in self.tags else "plain"

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

    @property
    def integration(self) -> dict[str, float]:
        """Tolerances to integrate with: far below those of the case."""
        return {
            "rtol": min(1e-8, 1e-3 * self.tolerances["relative"]),
            "atol": min(1e-12, 1e-4 * self.tolerances["absolute"]),
        }

    def expected(self) -> dict[str, np.ndarray]:
        """Expected series by variable."""
        with (self.folder / f"{self.number}-results.csv").open(newline="") as file:
            header, *rows = [row for row in csv.reader(file) if row]
        table = np.array([[float(cell) for cell in row] for row in rows])
        return {name.strip(): table[:, k] for k, name in enumerate(header) if k}

    def found(self, course) -> dict[str, np.ndarray | None]:
        """The same variables of a `converters.TimeCourse`, in the unit asked for; None where it has none."""
        amounts = set(self.names("amount"))
        return {
            name: (course.amounts if name in amounts else course.concentrations)[name]
            if name in course.amounts
            else course.values.get(name)
            for name in self.expected()
        }

    def wrong(self, course) -> list[str]:
        """Variables of a time course that do not pass."""
        found = self.found(course)
        return [
            name
            for name, series in self.expected().items()
            if found[name] is None or not passes(found[name], series, **self.tolerances)
        ]


def passes(found: np.ndarray, expected: np.ndarray, *, absolute: float, relative: float) -> bool:
    """Whether every value is within ``absolute + relative * |expected|``; NaN and INF equal themselves."""
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        near = np.abs(found - expected) <= absolute + relative * np.abs(expected)
    return bool((same | (near & np.isfinite(expected))).all())


def time_courses(folder: Path) -> list[SuiteCase]:
    """Return the cases that ask for time courses, in order."""
    cases = (SuiteCase(path) for path in sorted(folder.iterdir()) if path.is_dir() and path.name.isdigit())
    return [case for case in cases if case.is_time_course]
