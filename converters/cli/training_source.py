"""What ``icrn-train`` is given: a PEtab problem, or a model with a table of data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from converters.training.problem import TrainingProblem

_PETAB = (".yaml", ".yml")
# Longer texts are no names of files.
_LONGEST_NAME = 1000


@dataclass(frozen=True)
class Source:
    """The arguments of the command that say what is fitted to what."""

    model: str
    data: str | None
    fit: tuple[str, ...]
    fix: tuple[str, ...]
    ties: tuple[str, ...]
    observables: tuple[str, ...]
    conditions: str | None
    noise: str

    @property
    def is_petab(self) -> bool:
        """Whether the argument is a PEtab problem."""
        return Path(self.model).suffix.lower() in _PETAB

    @property
    def files(self) -> tuple[str | None, ...]:
        """The files beside the model that are read: tables, and the model of a PEtab problem."""
        return (self.data, self.conditions, *(_named_files(self.model) if self.is_petab else ()))


def _named_files(path: str) -> Iterator[str]:
    """Find the files that a YAML file names; what is wrong with it is told when it is read."""
    try:
        import yaml
    except ImportError:
        return
    try:
        left = [yaml.safe_load(Path(path).read_text(encoding="utf-8"))]
    except (OSError, ValueError, yaml.YAMLError):
        return
    while left:
        node = left.pop()
        if isinstance(node, dict):
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)
        elif isinstance(node, str) and len(node) < _LONGEST_NAME and (Path(path).parent / node).is_file():
            yield str(Path(path).parent / node)


def read_source(source: Source) -> TrainingProblem:
    """Return the problem.

    Raises
    ------
    typer.BadParameter
        Options that do not go together.
    ModelIOError
        A file cannot be read or does not fit.
    """
    if source.is_petab:
        given = (source.data, source.conditions, *source.fit, *source.fix, *source.ties, *source.observables)
        if any(given):
            raise typer.BadParameter(
                "a PEtab problem says itself what is fitted to what: leave out --data, --fit and the like"
            )
        from converters.training.petab import read_petab

        return read_petab(source.model)
    if source.data is None:
        raise typer.BadParameter("give the measurements with --data FILE.csv, or a PEtab problem (.yaml)")
    if not source.fit:
        raise typer.BadParameter("say what is to be fitted with --fit PATTERN, such as --fit 'k*'")
    from converters.cli.app import read
    from converters.training.conditions import read_conditions
    from converters.training.observables import read_observables
    from converters.training.table import read_table

    return read_table(
        source.data,
        read(source.model),
        fit=source.fit,
        fix=source.fix,
        ties=source.ties,
        observables=read_observables(source.observables),
        conditions=None if source.conditions is None else read_conditions(source.conditions),
        noise=source.noise,
    )
