"""COPASI as an engine, through the bindings that basico is built on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from converters.engines.document import check_solver, fixed_values, one_line, sbml_text
from converters.errors import EngineError
from converters.overrides import references
from converters.quantities import symbol_quantities
from converters.time_course import EngineSettings, TimeCourse, grid_from_zero
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression
from icrn_io.network import AlgebraicRule, AssignmentRule, Network

_NAME = "copasi"
_MAX_MESSAGE = 300

# Import messages that COPASI gives as warnings, but that mean it ignored a construct.
_IGNORED = {29: "fast reaction", 36: "delay", 64: "variable stoichiometry"}
_VARYING = frozenset({"time", "delay", "rateOf"})
# Of the tolerances: what an algebraic rule that COPASI ignores may be off where it holds by itself.
_HOLDS = 1e3


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
    course = _course(network, times, {key: table[:, k] for k, key in enumerate(quantities)})
    _check_algebraic_rules(network, course, settings)
    return course


@contextmanager
def _data_model(sbml: str, network: Network) -> Iterator[object]:
    import COPASI

    COPASI.CCopasiMessage.clearDeque()
    data_model = COPASI.CRootContainer.addDatamodel()
    try:
        loaded = _imported(data_model, sbml)
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


def _imported(data_model, sbml: str) -> bool:
    import COPASI

    try:
        return data_model.importSBMLFromString(sbml)
    except COPASI.CCopasiException:
        # Now and then, after many models in one process; what fails once can crash when tried again.
        raise EngineError(
            _NAME, f"cannot load the model in this process: {_shortened(_messages())}"
        ) from None


def _has_variable_stoichiometry(network: Network) -> bool:
    """Whether a species reference changes after the initial time; COPASI takes its value there."""
    named = {ref.id for reaction in network.reactions for ref in references(reaction)} - {""}
    assigned = [*network.rules, *(a for event in network.events for a in event.assignments)]
    rules = {i.variable: i for i in assigned if not isinstance(i, AlgebraicRule)}
    moving = {s.id for s in network.species if not s.is_constant} | {r.id for r in network.reactions}

    def varies(name: str, above: frozenset[str] = frozenset()) -> bool:
        if name not in rules or name in above:
            return name in moving
        math = rules[name].math
        if not isinstance(rules[name], AssignmentRule) or math is None or math.operators() & _VARYING:
            return True
        return any(varies(symbol, above | {name}) for symbol in math.symbols())

    return any(varies(name) for name in named)


def _check_algebraic_rules(network: Network, course: TimeCourse, settings: EngineSettings) -> None:
    """Refuse a result in which the algebraic rules, which COPASI ignores, do not hold by themselves."""
    rules = [r.math for r in network.rules if isinstance(r, AlgebraicRule) and r.math is not None]
    if not rules:
        return
    series = dict(course.values)
    for name, quantity in symbol_quantities(network).items():
        series[name] = (course.amounts if quantity == "amount" else course.concentrations)[name]
    if not all(_holds(math, series, course.times, settings) for math in rules):
        detail = "COPASI would ignore it, so it cannot run this model"
        raise UnsupportedFeatureError("algebraic rule", network.id or "model", detail)


def _holds(math: Expression, series: dict, times: np.ndarray, settings: EngineSettings) -> bool:
    from converters.training.evaluation import evaluate_all

    names = math.symbols()
    if not names <= series.keys() or math.operators() & {"delay", "rateOf"}:
        return False
    rows = [(math, {name: series[name][k] for name in names}.__getitem__, t) for k, t in enumerate(times)]
    sizes = np.sum([np.abs(series[name]) for name in names], axis=0)
    return bool((np.abs(evaluate_all(rows)) <= _HOLDS * (settings.atol + settings.rtol * sizes)).all())


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
