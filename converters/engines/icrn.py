"""The package's own engine: the folded network compiled to JAX."""

from __future__ import annotations

import weakref

import jax
import numpy as np

from converters.engines.document import fixed_values
from converters.enumerate import enumerate_network
from converters.errors import EngineError
from converters.folding import Folding
from converters.overrides import references
from converters.quantities import symbol_quantities
from converters.refusal import refuse_unsupported
from converters.time_course import EngineSettings, TimeCourse
from icrn_core import Dynamics, Observation, ResultCode, Solution, compile_icrn, simulate
from icrn_core.errors import IcrnError

_NAME = "icrn"

_LARGE = 150
_FEW_STEPS = 10_000

_compiled: dict[int, Dynamics] = {}


def run(folding: Folding, times: np.ndarray, settings: EngineSettings) -> TimeCourse:
    """Compile a folding, integrate it and map every entry back to its original id.

    Raises
    ------
    UnsupportedFeatureError
        The model has constructs that are held but cannot be simulated; all are named.
    EngineError
        The integration failed.
    """
    refuse_unsupported(folding)
    tables = _observe(folding, times, settings)
    columns = {name: np.array(series, dtype=np.float64) for name, series in _columns(folding, tables)}
    return _course(folding, times, columns)


def _observe(folding: Folding, times: np.ndarray, settings: EngineSettings) -> dict[str, dict]:
    """Return observed tensors by base name, and fluxes by reaction name, time first."""
    species = {base.name for base in folding.icrn.species}
    constants = {base.name for base in folding.icrn.constants}
    values = {name: tensor for name, tensor in folding.values.items() if name in species}
    params = {name: tensor for name, tensor in folding.values.items() if name in constants}
    with _float64():
        dynamics = _dynamics(folding)
        solution = _solve(dynamics, values, params, times, settings)
        seen, settled = jax.device_get((_observe_all(dynamics, times, solution), solution.params))
    constant = {
        name: np.broadcast_to(tensor, (len(times), *tensor.shape)) for name, tensor in settled.items()
    }
    return {"bases": {**constant, **seen.species, **seen.assigned}, "fluxes": seen.fluxes}


def _solve(
    dynamics: Dynamics, values: dict, params: dict, times: np.ndarray, settings: EngineSettings
) -> Solution:
    """Integrate; a large system explicitly first, where no solver is asked for.

    Factorising its dense Jacobian costs a thousand explicit steps, and most large networks
    are not stiff: those that are use up the few steps and are integrated by the stiff solver.
    """
    options = {"rtol": settings.rtol, "atol": settings.atol}
    if settings.solver is None and dynamics.n_moving > _LARGE:
        few = min(_FEW_STEPS, settings.max_steps)
        solution = simulate(dynamics, values, params, times, solver="dopri5", max_steps=few, **options)
        if int(solution.result) == ResultCode.SUCCESS:
            return solution
    if settings.solver is not None:
        options["solver"] = settings.solver
    solution = simulate(dynamics, values, params, times, max_steps=settings.max_steps, **options)
    try:
        return solution.check()
    except IcrnError as error:
        raise EngineError(_NAME, str(error)) from None


@jax.jit
def _observe_all(dynamics: Dynamics, times: jax.Array, solution: Solution) -> Observation:
    params = dynamics.pack_params(solution.params)

    def at(time: jax.Array, state: dict) -> Observation:
        return dynamics.observe(time, dynamics.pack_state(state), params)

    return jax.vmap(at)(times, solution.states)


def _dynamics(folding: Folding) -> Dynamics:
    # Compiled code is kept by JAX per `Dynamics`: the same structure with other values runs at once.
    key = id(folding.icrn)
    if key not in _compiled:
        _compiled[key] = compile_icrn(folding.icrn)
        weakref.finalize(folding.icrn, _compiled.pop, key, None)
    return _compiled[key]


def _float64():
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64(True)


def _columns(folding: Folding, tables: dict[str, dict]):
    """Yield (id, series) for every id: entries of bases, then fluxes, forward minus backward."""
    identity = folding.identity
    for base, ids in identity.entries.items():
        if base in tables["bases"]:
            table = np.asarray(tables["bases"][base]).reshape(-1, len(ids))
            for position, element_id in enumerate(ids):
                if element_id:
                    yield element_id, table[:, position]
    backward = {join.forward: join.backward for join in folding.joins}
    for name, fluxes in tables["fluxes"].items():
        if identity.roles[name] != "reaction":
            continue
        net = fluxes - tables["fluxes"][backward[name]] if name in backward else fluxes
        for position, reaction_id in enumerate(identity.tuples[name]):
            yield reaction_id, net[:, position]


def _course(folding: Folding, times: np.ndarray, columns: dict[str, np.ndarray]) -> TimeCourse:
    network = folding.skeleton
    quantities = symbol_quantities(network)
    amounts, concentrations = {}, {}
    for species in network.species:
        series = columns[species.id]
        size = columns.get(species.compartment, np.full(len(times), np.nan))
        is_amount = quantities[species.id] == "amount"
        amounts[species.id] = series if is_amount else series * size
        concentrations[species.id] = series / size if is_amount else series
    values = {name: series for name, series in columns.items() if name not in quantities}
    if any(reference.id for reaction in network.reactions for reference in references(reaction)):
        values = {**fixed_values(enumerate_network(folding), len(times)), **values}
    return TimeCourse(times, amounts, concentrations, values, _NAME)
