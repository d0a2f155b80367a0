"""Where the commands write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from icrn_io.errors import ModelIOError


def check_targets(model: str, *paths: str | None, read: Iterable[str | None] = ()) -> None:
    """Refuse, before any work is done, output files that cannot be written.

    Parameters
    ----------
    model : str
        The input, which no output may replace.
    paths : str or None
        Output files; None where one is not asked for.
    read : iterable of str or None
        More inputs, such as tables of data.

    Raises
    ------
    ModelIOError
        One is a folder, the folder it would be in is none, it is the input, or two are one file.
    """
    used = {_place(path): "an input" for path in read if path is not None}
    used[_place(model)] = "the input"
    for path in paths:
        if path is None:
            continue
        target = Path(path)
        if not path or target.is_dir():
            raise ModelIOError(f"cannot write '{path}': it is a folder")
        if not target.absolute().parent.is_dir():
            raise ModelIOError(f"cannot write '{path}': there is no folder '{target.parent}'")
        if _place(path) in used and not _is_stream(target):
            raise ModelIOError(f"cannot write '{path}': it is {used[_place(path)]}; give another name")
        used[_place(path)] = "an output already"


def _place(path: str) -> Path:
    return Path(path).resolve()


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file()
