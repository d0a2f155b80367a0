"""PEtab problems."""

from dataclasses import replace
from pathlib import Path

from converters.training.problem import TrainingProblem
from icrn_io import read_model


def read_petab(path: str) -> TrainingProblem:
    """Return the problem of a PEtab file."""
    import petab.v1 as pv1

    from converters.training.petab_v1 import read_petab_v1

    problem = pv1.Problem.from_yaml(path)
    import yaml

    sbml = yaml.safe_load(Path(path).read_text())["problems"][0]["sbml_files"][0]
    found = read_petab_v1(problem, read_model(Path(path).parent / sbml), Path(path).stem)
    return replace(found, source=str(path))
