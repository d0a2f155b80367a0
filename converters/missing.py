"""Values that a model does not give: they are NaN, whatever an engine takes for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from icrn_io.network import AlgebraicRule

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from converters.time_course import TimeCourse
    from icrn_io.network import Network


def valueless(network: Network) -> frozenset[str]:
    """Return the compartments, species and parameters that have no value at any time.

    No attribute, initial assignment, rule or event gives one.
    """
    values = {c.id: c.size for c in network.compartments} | {p.id: p.value for p in network.parameters}
    for s in network.species:
        values[s.id] = s.initial_concentration if s.initial_amount is None else s.initial_amount
    given = {rule.variable for rule in network.rules if not isinstance(rule, AlgebraicRule)}
    given |= {assignment.variable for assignment in network.initial_assignments}
    given |= {a.variable for event in network.events for a in event.assignments}
    return frozenset(i for i, value in values.items() if value is None and i not in given)


def without_invented(course: TimeCourse, network: Network) -> TimeCourse:
    """Return a time course with NaN for what the model gives no value.

    libRoadRunner and COPASI take 0 or 1 for it, which is harmless where nothing reads it.
    """
    missing = valueless(network)
    if not missing:
        return course
    unsized = {s.id for s in network.species if s.compartment in missing}
    return replace(
        course,
        amounts=_masked(course.amounts, missing),
        concentrations=_masked(course.concentrations, missing | unsized),
        values=_masked(course.values, missing),
    )


def _masked(table: Mapping[str, np.ndarray], missing: Set[str]) -> dict[str, np.ndarray]:
    return {i: np.full_like(series, np.nan) if i in missing else series for i, series in table.items()}
