"""What stands in the way of simulating a folding, as one error."""

from __future__ import annotations

from converters.folding import INFINITE_VALUE, MISSING_VALUE, Folding
from icrn_io.errors import ModelIOError, UnsupportedFeatureError

_SHOWN = 5


def refuse_bad_values(folding: Folding) -> None:
    """Raise where something that the dynamics need has no finite value.

    Raises
    ------
    ModelIOError
        All such elements are named, the first few of many.
    """
    for feature, kind in ((MISSING_VALUE, "value"), (INFINITE_VALUE, "finite value")):
        ids = [f"'{u.element_id}'" for u in folding.unsupported if u.feature == feature]
        if ids:
            raise ModelIOError(f"no {kind} is given for {_listed(ids)}, which the model needs: give each one")


def refuse_unsupported(folding: Folding) -> None:
    """Raise for what the model needs and the dynamics cannot do.

    Raises
    ------
    ModelIOError
        Elements without a finite value, as `refuse_bad_values`.
    UnsupportedFeatureError
        The first construct that is held only; the message names the others.
    """
    refuse_bad_values(folding)
    if not folding.unsupported:
        return
    first, *others = folding.unsupported
    also = _listed([f"{other.feature} '{other.element_id}'" for other in others])
    parts = [part for part in (first.detail, f"also {also}" if also else "") if part]
    raise UnsupportedFeatureError(first.feature, first.element_id, "; ".join(parts))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
