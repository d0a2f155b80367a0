"""The errors of reading and writing model files."""

from __future__ import annotations


class ModelIOError(ValueError):
    """A model file cannot be read or written; the message says what to do about it."""


class UnsupportedFeatureError(ModelIOError):
    """A construct of the model that this toolkit does not (yet) handle.

    Parameters
    ----------
    feature : str
        The construct in SBML's words, for example ``"event"`` or ``"algebraic rule"``.
    element_id : str
        Id of the element that uses it, or its variable where it has no id.
    detail : str, optional
        What to do about it.
    """

    def __init__(self, feature: str, element_id: str, detail: str = "") -> None:
        self.feature = feature
        self.element_id = element_id
        message = f"{feature} '{element_id}' is not supported"
        super().__init__(f"{message}: {detail}" if detail else f"{message}.")
