"""The folding that is simulated: of the lowered network where the model needs lowering."""

from __future__ import annotations

from contextlib import suppress

from converters.enumerate import enumerate_network
from converters.folding import Folding
from converters.lowering.hybrid import with_hybrid
from converters.refusal import refuse_bad_values
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.network import UnsupportedFeature


def plain_folding(folding: Folding) -> Folding:
    """Return a folding whose dynamics are those of the model, in terms that can be simulated.

    Parameters
    ----------
    folding : Folding
        The exact fold of a model.

    Returns
    -------
    Folding
        The folding itself where everything in it can be simulated, else the fold of its
        lowered network (`converters.lowering.lower`), whose own ``unsupported`` is what is left.

    Raises
    ------
    UnsupportedFeatureError
        A construct of the model cannot be lowered.
    """
    if not folding.unsupported:
        return folding
    from converters.fold import fold_network
    from converters.lowering import lower

    network = enumerate_network(folding)
    lowered = lower(network)
    if lowered.network is network:
        return folding
    return with_hybrid(fold_network(lowered.network), lowered.events, lowered.delays)


def not_simulated(folding: Folding) -> tuple[UnsupportedFeature, ...]:
    """Return what stands in the way of simulating a folding, as far as it is known at once."""
    try:
        return plain_folding(folding).unsupported
    except UnsupportedFeatureError as error:
        return (UnsupportedFeature(error.feature, error.element_id, str(error)),)


def refuse_missing_values(folding: Folding) -> None:
    """Raise where something that the model needs, and does not compute, has no finite value.

    Raises
    ------
    ModelIOError
        All such elements are named, the first few of many.
    """
    # An engine that knows a construct may run a model that has no plain form.
    with suppress(UnsupportedFeatureError):
        folding = plain_folding(folding)
    refuse_bad_values(folding)
