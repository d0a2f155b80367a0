"""The errors of the bridges."""

from __future__ import annotations

from icrn_io.errors import ModelIOError


class EngineError(ModelIOError):
    """A simulator refused a model or failed while it ran.

    Parameters
    ----------
    engine : str
        Name of the engine.
    message : str
        What it said, in one line.
    """

    def __init__(self, engine: str, message: str) -> None:
        self.engine = engine
        super().__init__(f"{engine}: {message}")
