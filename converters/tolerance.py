"""Absolute tolerances that suit a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from converters.folding import Folding

USUAL_ATOL = 1e-12


def default_atol(folding: Folding) -> float:
    """Return 1e-12, times the largest initial amount where that is below one.

    A tolerance above the whole state would leave a run without error control: models in moles and
    cubic micrometres count in amounts of 1e-21. Where all amounts are zero at first, the largest
    compartment size is taken for them.

    Parameters
    ----------
    folding : Folding
        Of the model; values that are not known are left out.

    Returns
    -------
    float
        In the unit of the state, amount.
    """
    amounts, sizes = [], []
    for base in folding.icrn.species:
        if base.is_boundary:
            continue
        tensor = np.abs(np.ravel(np.asarray(folding.values[base.name], dtype=np.float64)))
        if base.compartment is None:
            amounts.append(tensor)
            continue
        owner = folding.values.get(base.compartment.base)
        if owner is None:
            size = np.array([1.0])
        else:
            size = np.ravel(np.asarray(owner, dtype=np.float64))[list(base.compartment.positions)]
        sizes.append(np.abs(size))
        amounts.append(tensor * size if base.initial_unit == "concentration" else tensor)
    for given in (amounts, sizes):
        known = np.concatenate([np.zeros(0), *given])
        known = known[np.isfinite(known) & (known > 0)]
        if known.size:
            return USUAL_ATOL * min(1.0, float(known.max()))
    return USUAL_ATOL
