"""Rows of small integers as single keys: what makes sets of index tuples fast."""

from __future__ import annotations

import numpy as np

_LIMIT = 2**62


def row_keys(table: np.ndarray) -> np.ndarray:
    """Return one integer per row, equal where the rows are equal, in the rows' order.

    Parameters
    ----------
    table : int array, shape (n_rows, n_columns)
        Any integers.

    Returns
    -------
    int array, shape (n_rows,)
    """
    keys = np.zeros(len(table), dtype=np.int64)
    size = 1
    for column in table.T:
        low = int(column.min()) if len(column) else 0
        width = (int(column.max()) if len(column) else 0) - low + 1
        if size * width >= _LIMIT:
            keys = dense_codes(keys)
            size = int(keys.max()) + 1 if len(keys) else 1
        keys = keys * width + (column - low)
        size *= width
    return keys


def dense_codes(keys: np.ndarray) -> np.ndarray:
    """Return the rank of each key among the distinct keys."""
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def n_distinct(table: np.ndarray) -> int:
    """Return the number of distinct rows."""
    keys = np.sort(row_keys(table))
    return int(np.count_nonzero(keys[1:] != keys[:-1])) + 1 if len(keys) else 0


def first_rows(table: np.ndarray) -> np.ndarray:
    """Return the first row of each distinct row, in order of appearance."""
    return np.sort(np.unique(row_keys(table), return_index=True)[1])
