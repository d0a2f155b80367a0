"""What a simulator is told about a benchmark problem."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

N_POINTS = 101
TOLERANCES = ((1e-6, 1e-9), (1e-9, 1e-12))


@dataclass(frozen=True)
class Problem:
    """One initial value problem, ``n_points`` output times from 0 to ``end``.

    Attributes
    ----------
    name : str
        What it is called in tables and on the command line.
    end : float
        End time, in the model's unit.
    path : str
        The SBML file.
    species : tuple of str
        Ids of the species that are compared, as amounts.
    sizes : tuple of float
        Size of each species' compartment: amount = concentration * size.
    parameters : tuple of str
        Ids of the constants that parameter sets vary.
    nominal : tuple of float
        Their values in the file.
    tolerances : tuple of (float, float)
        Pairs of relative and absolute tolerance.
    """

    name: str
    end: float
    path: str
    species: tuple[str, ...]
    sizes: tuple[float, ...]
    parameters: tuple[str, ...]
    nominal: tuple[float, ...]
    n_points: int = N_POINTS
    tolerances: tuple[tuple[float, float], ...] = TOLERANCES

    def save(self) -> Path:
        """Write the description beside the SBML file and return its path."""
        path = Path(self.path).with_suffix(".json")
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: Path) -> Problem:
        """Read what `save` wrote."""
        record = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in record.items()})
