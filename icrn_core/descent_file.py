"""Checkpoints of a descent: an .npz of plain arrays, written whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import numpy as np

from icrn_core.errors import IcrnError

_FORMAT = "icrn descent 1"


def digest(*arrays: Any) -> str:
    """Return a hash of arrays: types, shapes and every bit."""
    found = sha256()
    for array in map(np.asarray, arrays):
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def write_checkpoint(path: Path, problem: Mapping[str, str], state: Any) -> None:
    """Write the state of a descent under a temporary name beside the file, then rename it into place.

    Parameters
    ----------
    path : Path
        The file.
    problem : mapping of str to str
        What the descent depends on; compared when it is read.
    state : pytree of arrays
        What it goes on from.

    Raises
    ------
    IcrnError
        The file cannot be written.
    """
    leaves = {f"leaf_{k}": np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(state))}
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, problem=np.array(json.dumps({"format": _FORMAT, **problem})), **leaves)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise IcrnError(f"cannot write the checkpoint '{path}': {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def read_checkpoint(path: Path, problem: Mapping[str, str], like: Any) -> Any:
    """Return the state in a checkpoint.

    Parameters
    ----------
    path : Path
        The file.
    problem : mapping of str to str
        That of the present descent.
    like : pytree of arrays
        A state of the present descent, for its structure.

    Raises
    ------
    IcrnError
        The file is no checkpoint, or one of another problem.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = json.loads(str(file["problem"]))
            leaves = [file[f"leaf_{k}"] for k in range(len(file.files) - 1)]
        if stored.pop("format") != _FORMAT:
            raise ValueError("of another format")
    except (OSError, EOFError, KeyError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise IcrnError(
            f"'{path}' is no checkpoint of a descent ({error}): delete it, or name another file"
        ) from None
    for key in problem:
        if stored.get(key) != problem[key]:
            raise IcrnError(
                f"'{path}' is a checkpoint of another problem: its {key} differs from what is given; "
                "name another file, or leave out resume to start anew"
            )
    return jax.tree.unflatten(jax.tree.structure(like), leaves)
