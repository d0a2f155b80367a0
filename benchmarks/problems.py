"""The problems that `solve.py` times, each written as one SBML file that every simulator reads.

A problem of the PEtab benchmark collection is its model with the parameter table's nominal values
and one experimental condition written in. Initial assignments are evaluated once and written as
numbers, and events of which none fires before the end are left out, so that all simulators
integrate literally the same equations from the same numbers, whatever they support.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from problem import TOLERANCES, Problem
from problem_sbml import Values, brusselator, describe, dimerization, write_values

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("ICRN_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Petab:
    """A problem of the PEtab benchmark collection: its folder, condition and end time."""

    folder: str
    condition: str
    end: float
    without_events: bool = False  # set only where no event fires before the end
    tolerances: tuple[tuple[float, float], ...] = TOLERANCES

    def write(self, path: Path) -> float:
        """Write the SBML file with all values in it and return the end time."""
        home = DATA / "petab-benchmarks" / self.folder
        values = nominal_values(home)
        condition = condition_values(home, self.condition, values)
        write_values(home / f"model_{self.folder}.xml", path, {**values, **condition}, self.without_events)
        return self.end


@dataclass(frozen=True)
class Generated:
    """A problem made by a generator of SBML text."""

    make: Callable[..., str]
    size: int
    end: float
    tolerances: tuple[tuple[float, float], ...] = TOLERANCES
    options: dict = field(default_factory=dict)

    def write(self, path: Path) -> float:
        """Write the SBML file and return the end time."""
        path.write_text(self.make(self.size, **self.options), encoding="utf-8")
        return self.end


# The reference figures of the lattices are those at rtol 1e-8.
_WITH_1E8 = ((1e-6, 1e-9), (1e-8, 1e-10), (1e-9, 1e-12))

PROBLEMS: dict[str, Petab | Generated] = {
    "boehm": Petab("Boehm_JProteomeRes2014", "model1_data1", 240.0),
    "fujita": Petab("Fujita_SciSignal2010", "condition_step_01_0", 3600.0),
    "elowitz": Petab("Elowitz_Nature2000", "model1_data1", 600.0),
    "bachmann": Petab("Bachmann_MSB2011", "model1_data1", 240.0),
    # Insulin is taken away at t = 240, which is the end.
    "smith": Petab("Smith_BMCSystBiol2013", "figure3B__60_0__5_0", 240.0, without_events=True),
    # EGF is switched on at t = 1800.
    "chen": Petab("Chen_MSB2009", "model1_data1", 9000.0),
    "dimerization_20": Generated(dimerization, 20, 1.0),
    "dimerization_60": Generated(dimerization, 60, 1.0),
    "dimerization_200": Generated(dimerization, 200, 1.0),
    "brusselator_100": Generated(brusselator, 100, 10.0, _WITH_1E8),
    "brusselator_700": Generated(brusselator, 700, 10.0, _WITH_1E8),
}


def build(name: str, folder: Path) -> Problem:
    """Write a problem's SBML file and description into a folder."""
    source = PROBLEMS[name]
    path = folder / f"{name}.xml"
    end = source.write(path)
    sizes, constants = describe(path)
    problem = Problem(
        name,
        end,
        str(path),
        tuple(sizes),
        tuple(sizes.values()),
        tuple(constants),
        tuple(constants.values()),
        tolerances=source.tolerances,
    )
    problem.save()
    return problem


def _table(home: Path, stem: str) -> list[dict[str, str]]:
    with next(home.glob(f"{stem}*.tsv")).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def nominal_values(home: Path) -> Values:
    """Return the nominal values of a PEtab problem by parameter id, on linear scale."""
    return {row["parameterId"]: float(row["nominalValue"]) for row in _table(home, "parameters")}


def condition_values(home: Path, condition: str, nominal: Values) -> Values:
    """Return what an experimental condition sets; a cell is a number, a parameter id or empty."""
    rows = {row.pop("conditionId"): row for row in _table(home, "experimentalCondition")}
    row = {k: v for k, v in rows[condition].items() if k != "conditionName" and v not in (None, "")}
    return {k: nominal[v] if v in nominal else float(v) for k, v in row.items()}
