"""libRoadRunner, Tellurium's simulator, as an engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from converters.engines.document import check_solver, fixed_values, one_line, sbml_text
from converters.errors import EngineError
from converters.overrides import references
from converters.time_course import EngineSettings, TimeCourse, grid_from_zero
from icrn_io.network import Network

_NAME = "tellurium"


def run(network: Network, times: np.ndarray, settings: EngineSettings) -> TimeCourse:
    """Integrate a network with libRoadRunner's CVODE (BDF).

    Raises
    ------
    EngineError
        libRoadRunner cannot load the model or fails while it integrates.
    """
    import roadrunner

    check_solver(_NAME, settings.solver, ("cvode",))
    grid, positions = grid_from_zero(times)
    with _quiet(roadrunner), _one_error():
        # It would make every id of the model an attribute of its class, methods of the same name lost.
        roadrunner.Config.setValue(roadrunner.Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES, True)
        # No reset after this: it would put events that are due at once into the queue twice.
        simulator = roadrunner.RoadRunner(_flat_text(network))
        _configure(simulator, settings)
        columns = _select(simulator, network)
        table = _integrate(simulator, grid)[positions]
    return _course(network, times, {name: table[:, k] for k, name in enumerate(columns)})


def _flat_text(network: Network) -> str:
    # libRoadRunner flattens submodels of files; of a text it takes the outer model and says nothing.
    source = network.source
    if source is None or not re.search(rb"<(?:\w+:)?listOfSubmodels\b", source.sbml):
        return sbml_text(network)
    from icrn_io import format_model

    return format_model(network, fresh=True).decode("utf-8")


@contextmanager
def _quiet(roadrunner) -> Iterator[None]:
    # It logs every failure to the console as well as raising it.
    level = roadrunner.Logger.getLevel()
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    try:
        yield
    finally:
        roadrunner.Logger.setLevel(level)


@contextmanager
def _one_error() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise EngineError(_NAME, one_line(error)) from None


def _configure(simulator, settings: EngineSettings) -> None:
    integrator = simulator.integrator
    integrator.relative_tolerance = settings.rtol
    integrator.absolute_tolerance = settings.atol
    integrator.maximum_num_steps = settings.max_steps
    integrator.stiff = True


def _select(simulator, network: Network) -> list[str]:
    # The amount of a species is selected by its id, its concentration by [id].
    columns = []
    for species in network.species:
        columns += [species.id, f"[{species.id}]"]
    columns += [compartment.id for compartment in network.compartments]
    columns += [parameter.id for parameter in network.parameters if parameter.local_to is None]
    columns += [reaction.id for reaction in network.reactions]
    columns += [r.id for reaction in network.reactions for r in references(reaction) if r.id]
    known = [name for name in columns if _selectable(simulator, name)]
    simulator.timeCourseSelections = ["time", *known]
    return known


def _selectable(simulator, name: str) -> bool:
    # Species references can be selected only where the model changes them.
    try:
        simulator.getValue(name)
    except RuntimeError:
        return False
    return True


def _integrate(simulator, grid: np.ndarray) -> np.ndarray:
    if len(grid) == 1:
        return np.array(simulator.getSelectedValues(), dtype=np.float64)[None, 1:]
    return np.array(simulator.simulate(times=grid.tolist()), dtype=np.float64)[:, 1:]


def _course(network: Network, times: np.ndarray, columns: dict[str, np.ndarray]) -> TimeCourse:
    ids = [species.id for species in network.species]
    missing = [name for name in ids if name not in columns or f"[{name}]" not in columns]
    if missing:
        raise EngineError(_NAME, f"does not report species '{missing[0]}'")
    others = columns.keys() - set(ids)
    values = {name: column for name, column in columns.items() if name in others and name[0] != "["}
    return TimeCourse(
        times=times,
        amounts={name: columns[name] for name in ids},
        concentrations={name: columns[f"[{name}]"] for name in ids},
        values={**fixed_values(network, len(times)), **values},
        engine=_NAME,
    )
