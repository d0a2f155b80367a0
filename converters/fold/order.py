"""The order in which assignments can be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from converters.fold.elements import Elements
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression


def evaluation_levels(laws: Mapping[str, Expression], elements: Elements, what: str) -> dict[str, int]:
    """Return the level of each variable: one more than the highest level its law reads.

    Raises
    ------
    ModelIOError
        The laws depend on each other in a circle; the message names it.
    """
    reads = {variable: elements.read_by(law) & laws.keys() for variable, law in laws.items()}
    levels: dict[str, int] = {}
    try:
        for variable in TopologicalSorter(reads).static_order():
            levels[variable] = 1 + max((levels[name] for name in reads[variable]), default=-1)
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise ModelIOError(f"{what} depend on each other in a circle: {circle}") from None
    return levels
