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


class HintsError(ModelIOError):
    """Hints for folding that cannot be read, or that do not fit the network.

    Parameters
    ----------
    source : str
        The file they are from.
    key : str
        Which of them, such as ``bases.D``; "" for the whole file.
    message : str
        What was expected, what was found and what to do.
    """

    def __init__(self, source: str, key: str, message: str) -> None:
        self.source = source
        self.key = key
        self.message = message
        super().__init__(": ".join(part for part in (source, key, message) if part))


class ArchiveError(ModelIOError):
    """An ``.icrn`` file is damaged, hostile or from a newer version.

    Parameters
    ----------
    path : path
        The file.
    message : str
        What is wrong with it, to be read after its name.
    """

    def __init__(self, path, message: str) -> None:
        super().__init__(f"'{path}' {message}")
