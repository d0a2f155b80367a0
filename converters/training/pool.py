"""The pool: every number that a run or a formula of the data can name, by position.

Parameters that are fitted come first, then fixed numbers, then formulas of these. While the pool
is built the last two are known by handles, which `Pool.resolve` turns into positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from converters.fold.templates import nested_template, prefix_template
from icrn_core.law import Law, canonical_law
from icrn_core.objective import Formulas
from icrn_io.expression import Expression

_NUMBER, _DERIVED = 1 << 40, 1 << 41

# One formula: its law, and for each slot whether it is a symbol of the model, and where it stands.
Bound = tuple[Law, tuple[bool, ...], tuple[int, ...]]


class Pool:
    """Numbers by handle.

    Parameters
    ----------
    fitted : sequence of str
        Ids of the parameters that are fitted.
    fixed : mapping of str to float
        Values of the other parameters of the problem.
    """

    def __init__(self, fitted: Sequence[str], fixed: Mapping[str, float]) -> None:
        self._fitted = {name: k for k, name in enumerate(fitted)}
        self._fixed = fixed
        self._numbers: list[np.ndarray] = []
        self._n_numbers = 0
        self._single: dict[float, int] = {}
        self._derived: dict[Bound, int] = {}
        self._bound: list[Bound] = []

    def numbers(self, values: np.ndarray) -> np.ndarray:
        """Add numbers and return their handles."""
        first = self._n_numbers
        self._numbers.append(np.asarray(values, dtype=float))
        self._n_numbers += len(values)
        return _NUMBER + np.arange(first, self._n_numbers)

    def number(self, value: float) -> int:
        """Return the handle of a number."""
        if value not in self._single:
            self._single[value] = int(self.numbers(np.array([value]))[0])
        return self._single[value]

    def __contains__(self, name: str) -> bool:
        return name in self._fitted or name in self._fixed

    def parameter(self, name: str) -> int:
        """Return the handle of a parameter of the problem."""
        return self._fitted[name] if name in self._fitted else self.number(self._fixed[name])

    def expression(self, expression: Expression) -> int:
        """Return the handle of a formula over parameters of the problem."""
        return self.formula(expression, self.parameter)

    def formula(self, expression: Expression, place: Callable[[str], int]) -> int:
        """Return the handle of a formula whose ids have the handles that ``place`` gives, none derived."""
        if expression.op == "symbol":
            return place(expression.payload)
        if expression.op == "number":
            return self.number(expression.payload)
        bound = bind_formula(expression, lambda name: (False, place(name)), self)
        if bound not in self._derived:
            self._derived[bound] = _DERIVED + len(self._bound)
            self._bound.append(bound)
        return self._derived[bound]

    def resolve(self, handles: np.ndarray) -> np.ndarray:
        """Return positions in the pool of handles; to be called when nothing is added any more."""
        handles = np.asarray(handles, dtype=np.int64)
        n = len(self._fitted)
        derived = n + self._n_numbers + handles - _DERIVED
        return np.select([handles >= _DERIVED, handles >= _NUMBER], [derived, n + handles - _NUMBER], handles)

    @property
    def fixed_numbers(self) -> np.ndarray:
        """The fixed numbers, in the order of their positions."""
        return np.concatenate([np.zeros(0), *self._numbers])

    @property
    def derived(self) -> tuple[Formulas, ...]:
        """The formulas, in the order of their positions."""
        return grouped(self._bound, self)

    @property
    def n_derived(self) -> int:
        """Number of formulas."""
        return len(self._bound)


def bind_formula(expression: Expression, place: Callable[[str], tuple[bool, int]], pool: Pool) -> Bound:
    """Return a formula with every id placed; ``place`` says whether it is a symbol, and where."""
    prefix, slots = prefix_template(expression)
    law, order = canonical_law(nested_template(prefix, [("slot", k) for k in range(len(slots))]))
    placed = [
        place(slots[k]) if isinstance(slots[k], str) else (False, pool.number(float(slots[k]))) for k in order
    ]
    return law, tuple(kind for kind, _ in placed), tuple(at for _, at in placed)


def grouped(bound: Sequence[Bound], pool: Pool) -> tuple[Formulas, ...]:
    """Return formulas, one a row, by their laws."""
    groups: dict[tuple, list[int]] = {}
    for row, (law, kinds, _) in enumerate(bound):
        groups.setdefault((law, kinds), []).append(row)
    return tuple(
        Formulas(law, kinds, _columns(kinds, [bound[row][2] for row in rows], pool), np.array(rows))
        for (law, kinds), rows in groups.items()
    )


def _columns(kinds: tuple[bool, ...], placed: list[tuple[int, ...]], pool: Pool) -> tuple[np.ndarray, ...]:
    columns = np.array(placed, dtype=np.int64).reshape(len(placed), len(kinds)).T
    return tuple(
        column if is_symbol else pool.resolve(column)
        for is_symbol, column in zip(kinds, columns, strict=True)
    )
