"""Checkpoints of a fit: one JSON file, replaced as a whole, from which the fit goes on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from converters.models import as_network
from converters.training.binding import BoundProblem
from icrn_core.multistart import FitOptions, Start
from icrn_io.errors import ModelIOError
from icrn_io.files import write_atomically

_FORMAT, _VERSION = "icrn-fit-checkpoint", 1


def fingerprint(bound: BoundProblem, options: FitOptions, initial: np.ndarray) -> str:
    """Return what a checkpoint has to agree in with the fit that goes on from it."""
    digest = hashlib.sha256()
    digest.update(repr(asdict(options)).encode())
    problem, network = bound.problem, as_network(bound.problem.model)
    digest.update(repr([(p.id, p.scale, p.prior) for p in problem.fitted]).encode())
    digest.update(repr((problem.experiments, problem.observables, problem.measurements)).encode())
    model = (network.compartments, network.species, network.parameters, network.conversion_factor)
    laws = (network.initial_assignments, network.rules, network.reactions)
    digest.update(repr((model, laws)).encode())
    objective = bound.objective
    for array in (
        bound.lower,
        bound.upper,
        initial,
        objective.numbers,
        objective.data.values,
        objective.data.offsets,
        *(stage.times for stage in objective.stages),
        *(stage.params for stage in objective.stages),
    ):
        digest.update(np.ascontiguousarray(array, dtype=float).tobytes())
    return digest.hexdigest()


def save_checkpoint(path: str, key: str, starts: list[Start]) -> None:
    """Write where every start has come to.

    Raises
    ------
    ModelIOError
        The file cannot be written.
    """
    record = {"format": _FORMAT, "version": _VERSION, "fit": key, "starts": [s.record() for s in starts]}
    write_atomically(path, json.dumps(record))


def load_checkpoint(path: str, key: str) -> list[Start]:
    """Return the starts that a checkpoint holds.

    Raises
    ------
    ModelIOError
        The file cannot be read, is none, or belongs to another fit.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelIOError(f"cannot go on from '{path}': {error.strerror or error}") from None
    except ValueError:
        raise ModelIOError(f"cannot go on from '{path}': it is no checkpoint (not JSON)") from None
    if not isinstance(record, dict) or record.get("format") != _FORMAT or record.get("version") != _VERSION:
        raise ModelIOError(f"cannot go on from '{path}': it is no checkpoint of this version")
    if record.get("fit") != key:
        raise ModelIOError(
            f"cannot go on from '{path}': it belongs to a fit of another model, other data, bounds, starts "
            "or options; leave out --resume, or give what that fit was given"
        )
    try:
        return [Start.from_record(start) for start in record["starts"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelIOError(f"cannot go on from '{path}': it is damaged ({error})") from None
