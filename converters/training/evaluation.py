"""Values of formulas, outside the objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from converters.engines.programs import float64
from converters.fold.templates import nested_template, prefix_template
from icrn_core.law import Law, canonical_law
from icrn_io.expression import Expression


def evaluate(expression: Expression, values: Mapping[str, float]) -> float:
    """Return the value of a formula over ids with given values."""
    if expression.op == "number":
        return float(expression.payload)
    if expression.op == "symbol":
        return float(values[expression.payload])
    return float(evaluate_all([(expression, values.__getitem__, 0.0)])[0])


def evaluate_all(rows: Sequence[tuple[Expression, Callable[[str], float], float]]) -> np.ndarray:
    """Return the values of many formulas, those of one law at once.

    Parameters
    ----------
    rows : sequence of (Expression, callable, float)
        Formula, value of each of its ids, and time.

    Returns
    -------
    (n_rows,) float
    """
    groups: dict[Law, list[tuple[int, list[float], float]]] = {}
    for row, (expression, find, time) in enumerate(rows):
        prefix, slots = prefix_template(expression)
        law, order = canonical_law(nested_template(prefix, [("slot", k) for k in range(len(slots))]))
        used = [find(slots[k]) if isinstance(slots[k], str) else float(slots[k]) for k in order]
        groups.setdefault(law, []).append((row, used, time))
    found = np.full(len(rows), np.nan)
    with float64():
        for law, members in groups.items():
            slots = [
                jnp.asarray(column, dtype=float) for column in zip(*(m[1] for m in members), strict=True)
            ]
            times = jnp.asarray([m[2] for m in members], dtype=float)
            found[[m[0] for m in members]] = np.asarray(law(slots, times))
    return found
