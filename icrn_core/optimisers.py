"""The optimisers of a descent by name; optax is loaded when one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from icrn_core.coordinates import Coordinate
from icrn_core.errors import IcrnError

_OPTIMISERS = ("adam", "adamw", "sgd", "lbfgs")
_LEARNING_RATE = 1e-2


def _optax() -> ModuleType:
    try:
        import optax
    except ImportError:
        raise IcrnError("minimise needs the package optax: pip install 'icrn-sbml[train]'") from None
    return optax


def transformation(optimiser: Any, learning_rate: float | Callable | None) -> Any:
    """Return the optax transformation, one that takes the arguments of a line search too.

    Parameters
    ----------
    optimiser, learning_rate
        As of `icrn_core.minimise`.

    Raises
    ------
    IcrnError
        There is no such optimiser, the learning rate is none or not its own, optax is missing.
    """
    optax = _optax()
    is_named = isinstance(optimiser, str)
    if is_named and optimiser not in _OPTIMISERS:
        raise IcrnError(f"no optimiser is called '{optimiser}' (there are: {', '.join(_OPTIMISERS)})")
    if not is_named and not isinstance(optimiser, optax.GradientTransformation):
        raise IcrnError(f"optimiser is a name or an optax.GradientTransformation, not {optimiser!r}")
    if learning_rate is not None:
        if optimiser == "lbfgs":
            raise IcrnError("lbfgs finds its steps by a search along the line and takes no learning_rate")
        if not is_named:
            raise IcrnError(
                "learning_rate belongs to a named optimiser; the transformation given has its own"
            )
        is_number = isinstance(learning_rate, float | int | np.number | np.ndarray)
        if not callable(learning_rate) and not (is_number and 0 < learning_rate < np.inf):
            raise IcrnError(f"learning_rate is a positive number or an optax schedule, not {learning_rate!r}")
    if not is_named:
        return optax.with_extra_args_support(optimiser)
    if optimiser == "lbfgs":
        return optax.lbfgs()
    rate = _LEARNING_RATE if learning_rate is None else learning_rate
    return optax.with_extra_args_support(getattr(optax, optimiser)(rate))


def check_lbfgs(parts: list[Coordinate], batch_size: int | None) -> None:
    """Raise `IcrnError` if minibatches or bounds are asked of L-BFGS."""
    if batch_size is not None:
        raise IcrnError("lbfgs needs the same loss in every step: leave out batch_size, or take adam")
    bounded = [part.name for part in parts if part.is_bounded]
    if bounded:
        raise IcrnError(
            f"lbfgs keeps no bounds, and '{bounded[0]}' has some: "
            "take adam, or the scale 'log' without bounds"
        )
