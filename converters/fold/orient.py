"""One order for what may stand in any order: reactants, products, factors, summands.

``M_3 + M_1 -> D_1_3`` is the same reaction as ``M_1 + M_3 -> D_1_3``. A block's columns only
show its structure once such operands stand in the order of their bases and indices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converters.fold.keys import n_distinct, row_keys

Symmetry = tuple[tuple[int, ...], ...]
_COLLAPSE = 0.75  # sorting pairs is a change of order only if this share of them stays distinct


class Oriented:
    """A table of elements whose commuting operands can be put in order, row by row.

    Attributes
    ----------
    table : int array, shape (n_rows, n_columns)
        Element codes, in their present order.
    order : int array, shape (n_rows, n_columns) or None
        Which column of the original table each cell came from; None while nothing has moved.
    """

    def __init__(self, table: np.ndarray, symmetries: Sequence[Symmetry], n_terms: int) -> None:
        self.table = table
        self.order: np.ndarray | None = None
        self.symmetries = symmetries
        self.n_terms = n_terms

    @property
    def of_terms(self) -> list[Symmetry]:
        """Sets of reactants or products that may change places."""
        return [s for s in self.symmetries if s[0][0] < self.n_terms]

    def sort(self, symmetry: Symmetry, keys: np.ndarray) -> None:
        """Put the operands of a symmetry in the order of their keys, shape (n_rows, n_operands)."""
        new = np.argsort(keys, axis=1, kind="stable")
        if (new == np.arange(keys.shape[1])).all():
            return
        table = self.table.copy()
        order = self._order_so_far().copy()
        columns = np.array(symmetry)  # (n_operands, width)
        for place, to in enumerate(columns):
            source = columns[new[:, place]]
            table[:, to] = np.take_along_axis(self.table, source, axis=1)
            order[:, to] = np.take_along_axis(self._order_so_far(), source, axis=1)
        self.table, self.order = table, order

    def _order_so_far(self) -> np.ndarray:
        if self.order is None:
            return np.broadcast_to(np.arange(self.table.shape[1]), self.table.shape)
        return self.order

    def by_class(self, class_of: np.ndarray) -> None:
        """Put all operands in the order of their classes; equal factors follow the terms."""
        for symmetry in self.symmetries:
            columns = np.array(symmetry)
            keys = [class_of[self.table[:, columns]]]
            if columns[0, 0] >= self.n_terms:
                keys.append(self._term_places(columns))
            stacked = np.concatenate(keys, axis=2).reshape(-1, sum(k.shape[2] for k in keys))
            self.sort(symmetry, row_keys(stacked).reshape(len(self.table), len(symmetry)))

    def _term_places(self, columns: np.ndarray) -> np.ndarray:
        """First term that holds the same element as each cell, shape (n_rows, *columns.shape)."""
        places = np.full((len(self.table), *columns.shape), self.n_terms)
        for term in reversed(range(self.n_terms)):
            same = self.table[:, columns] == self.table[:, term, None, None]
            places[same] = term
        return places


def follows_term(oriented: Oriented, symmetry: Symmetry) -> bool:
    """Put first, in every row, the operand that stands on the other side of the reaction too.

    ``X_i -> X_j + X_i`` is ``X_i -> X_i + X_j``. Returns whether there is one in every row.
    """
    columns = [operand[0] for operand in symmetry]
    for term in range(oriented.n_terms):
        if term not in columns:
            same = oriented.table[:, columns] == oriented.table[:, [term]]
            if same.any(axis=1).all():
                oriented.sort(symmetry, (~same).astype(np.int64))
                return True
    return False


def sorted_terms(oriented: Oriented, symmetry: Symmetry, keys: np.ndarray) -> bool:
    """Sort terms of one class by their keys unless that makes different ones equal.

    ``M_1 + M_3`` and ``M_3 + M_1`` are different where each makes a dimer of its own.
    Returns whether they now are sorted.
    """
    if n_distinct(np.sort(keys, axis=1)) <= _COLLAPSE * n_distinct(keys):
        return False
    oriented.sort(symmetry, keys)
    return True
