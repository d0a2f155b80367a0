"""COPASI as an engine, through the bindings that basico is built on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from converters.engines.document import check_solver, fixed_values, one_line, sbml_text
from converters.errors import EngineError
from converters.overrides import references
from converters.time_course import EngineSettings, TimeCourse, grid_from_zero
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.network import Network

_NAME = "copasi"
_MAX_MESSAGE = 300

# Import messages that COPASI gives as warnings, but that mean it ignored a construct.
_IGNORED = {3: "algebraic rule", 29: "fast reaction", 36: "delay", 64: "variable stoichiometry"}


def run(network: Network, times: np.ndarray, settings: EngineSettings) -> TimeCourse:
    """Integrate a network with COPASI's LSODA.

    Raises
    ------
    UnsupportedFeatureError
        COPASI would ignore a construct of the model.
    EngineError
        COPASI cannot load the model or fails while it integrates.
    """
    check_solver(_NAME, settings.solver, ("lsoda",))
    grid, positions = grid_from_zero(times)
    with _data_model(sbml_text(network), network) as data_model:
        model = data_model.getModel()
        model.forceCompile()  # else conversion factors given by parameters are those before the import
        quantities = _quantities(model)
        task = _configured_task(data_model, settings, grid)
        table = _integrate(data_model, task, list(quantities.values()), len(grid))[positions]
    return _course(network, times, {key: table[:, k] for k, key in enumerate(quantities)})


@contextmanager
def _data_model(sbml: str, network: Network) -> Iterator[object]:
    import COPASI

    COPASI.CCopasiMessage.clearDeque()
    data_model = COPASI.CRootContainer.addDatamodel()
    try:
        loaded = data_model.importSBMLFromString(sbml)
        messages = _messages()
        for code, feature in _IGNORED.items():
            # COPASI says 64 of constant fractions too, which it takes.
            is_meant = feature != "variable stoichiometry" or _has_variable_stoichiometry(network)
            if is_meant and re.search(rf"\bSBML \({code}\)", messages):
                detail = "COPASI would ignore it, so it cannot run this model"
                raise UnsupportedFeatureError(feature, network.id or "model", detail)
        if not loaded or data_model.getModel() is None:
            raise EngineError(_NAME, f"cannot load the model: {_shortened(messages)}")
        yield data_model
    finally:
        COPASI.CRootContainer.removeDatamodel(data_model)


def _has_variable_stoichiometry(network: Network) -> bool:
    named = [ref for reaction in network.reactions for ref in references(reaction)]
    items = (
        *network.initial_assignments,
        *network.rules,
        *(a for e in network.events for a in e.assignments),
    )
    changed = {getattr(item, "variable", "") for item in items}
    return any(ref.stoichiometry is None or (ref.id and ref.id in changed) for ref in named)


def _messages() -> str:
    import COPASI

    text = one_line(COPASI.CCopasiMessage.getAllMessageText())
    text = text.replace("CCopasiTask (5): No output file defined for report of task 'Time-Course'.", "")
    parts = [part.strip() for part in re.split(r">\w+ [\dT:-]+<", text)]
    return "; ".join(part for part in parts if part)


def _shortened(messages: str) -> str:
    if not messages:
        return "it gives no reason"
    return messages if len(messages) <= _MAX_MESSAGE else messages[:_MAX_MESSAGE] + "…"


def _quantities(model) -> dict[tuple[str, str], object]:
    # Entities are told apart by their SBML ids: COPASI's names repeat and get renamed.
    found: dict[tuple[str, str], object] = {}
    for species in model.getMetabolites():
        found["concentration", species.getSBMLId()] = species.getConcentrationReference()
    for entity in (*model.getCompartments(), *model.getModelValues()):
        found["value", entity.getSBMLId()] = entity.getValueReference()
    for reaction in model.getReactions():
        found["value", reaction.getSBMLId()] = reaction.getFluxReference()
    return {key: quantity for key, quantity in found.items() if key[1]}


def _configured_task(data_model, settings: EngineSettings, grid: np.ndarray):
    import COPASI

    task = data_model.getTask("Time-Course")
    if not task.setMethodType(COPASI.CTaskEnum.Method_deterministic):
        raise EngineError(_NAME, "refuses its deterministic (LSODA) method for this model")
    problem = task.getProblem()
    problem.setAutomaticStepSize(False)
    problem.setOutputEvent(False)
    problem.setTimeSeriesRequested(False)
    problem.setOutputStartTime(0.0)
    problem.setDuration(float(grid[-1]))
    problem.setValues(" ".join(map(repr, grid.tolist())))
    problem.setUseValues(True)
    method = task.getMethod()
    _set_parameter(method, "Relative Tolerance", settings.rtol)
    _set_parameter(method, "Absolute Tolerance", settings.atol)
    _set_parameter(method, "Max Internal Steps", settings.max_steps)
    return task


def _set_parameter(method, name: str, value: float) -> None:
    # An unknown name or value is passed over in silence, so read it back.
    parameter = method.getParameter(name)
    if parameter is not None:
        set_value, get_value = (
            (parameter.setIntValue, parameter.getIntValue)
            if isinstance(value, int)
            else (parameter.setDblValue, parameter.getDblValue)
        )
        set_value(value)
        if get_value() == value:
            return
    raise EngineError(_NAME, f"does not take {value} as its '{name}'")


def _integrate(data_model, task, quantities: list, n_times: int) -> np.ndarray:
    import COPASI

    handler = COPASI.CDataHandler()
    for quantity in quantities:
        handler.addDuringName(COPASI.CRegisteredCommonName(quantity.getCN().getString(), data_model))
    data_model.addInterface(handler)
    COPASI.CCopasiMessage.clearDeque()
    try:
        if not task.initializeRaw(COPASI.CCopasiTask.OUTPUT_UI) or not task.processRaw(True):
            raise EngineError(_NAME, f"cannot integrate the model: {_shortened(_messages())}")
        task.restore(True)
        rows = [list(handler.getNthRow(k)) for k in range(handler.getNumRowsDuring())]
    finally:
        data_model.removeInterface(handler)
    if n_times == 1:
        rows = rows[:1]  # a run of no duration reports its only time twice
    if len(rows) != n_times:
        raise EngineError(_NAME, f"reported {len(rows)} of {n_times} output times: {_shortened(_messages())}")
    return np.array(rows, dtype=np.float64).reshape(n_times, len(quantities))


def _course(network: Network, times: np.ndarray, columns: dict[tuple[str, str], np.ndarray]) -> TimeCourse:
    concentrations, amounts = {}, {}
    for species in network.species:
        if ("concentration", species.id) not in columns:
            raise EngineError(_NAME, f"does not report species '{species.id}'")
        concentrations[species.id] = columns["concentration", species.id]
        amounts[species.id] = concentrations[species.id] * columns["value", species.compartment]
    values = {element_id: column for (kind, element_id), column in columns.items() if kind == "value"}
    return TimeCourse(
        times=times,
        amounts=amounts,
        concentrations=concentrations,
        values={**fixed_values(network, len(times)), **values},
        engine=_NAME,
    )
