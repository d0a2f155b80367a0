"""The errors of representing, compiling and simulating an ICRN."""

from __future__ import annotations


class IcrnError(ValueError):
    """An ICRN, a tensor or a request does not fit; the message names the object and the values."""
