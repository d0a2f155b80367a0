"""Write a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex

from icrn_io.errors import ModelIOError


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    A crash or a full disk leaves what was there before. What is no regular file (a pipe, a
    device) is written directly.

    Raises
    ------
    ModelIOError
        The file cannot be written.
    """
    target = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(data)
            return
        _replace(target, data)
    except OSError as error:
        raise ModelIOError(f"cannot write '{target}': {error.strerror or error}") from None


def _replace(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{target.name[:100]}.{token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
