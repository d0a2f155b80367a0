"""The disk cache: compiled programs are kept between processes, by JAX's own means.

A library user switches it on with `use_cache`; the commands do so by themselves. It holds
machine code: keep it in a folder that only you can write to.
"""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

VARIABLE = "ICRN_CACHE"
"""Environment variable: the folder of the cache, or ``off``."""

MAX_BYTES = 512 << 20
"""Most that the cache holds, unless another size is asked for."""

_OFF = ("off", "no", "none", "0", "false")
_LEAST_SECONDS = 0.05  # what compiles faster is not worth a file
_KEPT_SHARE = 0.75  # to which the cache is cut down once it is full


def use_cache(path: str | os.PathLike[str] | None = None, max_bytes: int = MAX_BYTES) -> Path | None:
    """Keep what JAX compiles in this process on disk, and look there before compiling.

    This sets JAX's ``jax_compilation_cache_dir`` and its thresholds, for all that the process
    compiles from here on.

    Parameters
    ----------
    path : path, optional
        The folder; by default that of `default_folder`. It is made, readable by its owner
        alone, if it is not there.
    max_bytes : int
        If the folder holds more, the entries that were not used for longest are removed now.

    Returns
    -------
    Path or None
        The folder in it for processors such as this one: programs do not run on others. None,
        and nothing is done, if no path is given and ``$ICRN_CACHE`` is ``off``.

    Raises
    ------
    OSError
        The folder cannot be made or written to; JAX's settings are as they were.
    """
    if path is None and os.environ.get(VARIABLE, "").lower() in _OFF:
        return None
    folder = Path(path) if path is not None else default_folder()
    own = folder / f"programs-{_processor()}"
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(own, os.W_OK | os.X_OK):
        raise PermissionError(13, "the folder cannot be written to", str(own))
    _prune(folder, max_bytes)
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    jax.config.update("jax_compilation_cache_dir", str(own))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # JAX looks at its settings once, at the first program it compiles.
    compilation_cache.reset_cache()
    return own


def default_folder() -> Path:
    """Return where the cache is by convention: ``$ICRN_CACHE``, or ``icrn`` in the user's cache folder.

    That is ``$XDG_CACHE_HOME`` or ``~/.cache``; ``~/Library/Caches`` on macOS;
    ``%LOCALAPPDATA%`` on Windows.

    Raises
    ------
    FileNotFoundError
        The user has no home folder.
    """
    given = os.environ.get(VARIABLE, "")
    try:
        if given and given.lower() not in _OFF:
            return Path(given).expanduser()
        home = Path.home()
    except RuntimeError as error:
        raise FileNotFoundError(2, str(error)) from None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "icrn" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "icrn"
    # A relative path has no meaning there (XDG Base Directory Specification).
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else home / ".cache") / "icrn"


def _processor() -> str:
    """Return a name for the kind of processor and what it can do."""
    words = [platform.machine(), platform.processor()]
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        words += next(([line] for line in lines if line.startswith(("flags", "Features"))), [])
    digest = blake2b(" ".join(words).encode(), digest_size=4).hexdigest()
    return f"{platform.machine() or 'machine'}-{digest}"


def _prune(folder: Path, max_bytes: int) -> None:
    """Remove the entries that were not used for longest, where there is more than is allowed."""
    entries = []
    for path in folder.glob("programs-*/jit_*-cache"):
        with suppress(OSError):  # another process removed it
            status = path.stat()
            entries.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    total = sum(size for _, size, _ in entries)
    if total <= max_bytes:
        return
    for _, size, path in sorted(entries, key=lambda entry: entry[0]):
        with suppress(OSError):
            path.unlink()
        total -= size
        if total <= _KEPT_SHARE * max_bytes:
            return
