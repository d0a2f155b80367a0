"""The package's own engine: the folded network compiled to JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from converters.engines.document import fixed_values
from converters.engines.programs import Method, Run, integrate, shared_dynamics
from converters.enumerate import enumerate_network
from converters.errors import EngineError
from converters.folding import Folding
from converters.lowering.plain import plain_folding
from converters.overrides import references
from converters.profiling import span
from converters.quantities import symbol_quantities
from converters.refusal import refuse_unsupported
from converters.time_course import EngineSettings, TimeCourse
from icrn_core import ICRN, ResultCode
from icrn_core.errors import IcrnError

_NAME = "icrn"

_LARGE = 150
_FEW_STEPS = 10_000
# Updates of one elimination per flux from which an implicit step costs dozens of explicit ones.
_COSTLY = 100


def run(folding: Folding, times: np.ndarray, settings: EngineSettings) -> TimeCourse:
    """Integrate a folding and map every entry back to its original id.

    Raises
    ------
    UnsupportedFeatureError
        The model has constructs that are held but cannot be simulated; all are named.
    EngineError
        The integration failed.
    """
    plain = plain_folding(folding)
    refuse_unsupported(plain)
    found = _integrate(plain, times, settings)
    with span("observe"):
        columns = {name: np.array(series, dtype=np.float64) for name, series in _columns(plain, found)}
        return _course(folding, times, columns)


def _integrate(folding: Folding, times: np.ndarray, settings: EngineSettings) -> Run:
    """Integrate; explicitly first where implicit steps are costly and no solver is asked for.

    A run that turns out to be stiff ends early and is integrated by the stiff solver. Where the
    derivatives of the rates overflow explicit steps, which need none, are tried.
    """
    icrn = folding.icrn
    dynamics = shared_dynamics(icrn)
    is_large = dynamics.n_moving > _LARGE
    is_quick = settings.effort == "quick" and not is_large
    given = joined(icrn.species, folding.values), joined(icrn.constants, folding.values), times
    tolerances = settings.rtol, settings.atol
    n_fluxes = sum(reaction.domain.size for reaction in icrn.reactions)
    if settings.solver is None and dynamics.plan.factor_cost > _COSTLY * n_fluxes and is_large:
        few = Method("dopri5", min(_FEW_STEPS, settings.max_steps), ends_if_stiff=True)
        found = integrate(dynamics, few, *given, *tolerances)
        if int(found.solution.result) == ResultCode.SUCCESS:
            return found
    method = Method(settings.solver or "auto", settings.max_steps, is_quick)
    try:
        found = integrate(dynamics, method, *given, *tolerances)
        if settings.solver is None and int(found.solution.result) == ResultCode.NON_FINITE:
            explicit = Method("dopri5", settings.max_steps, ends_if_stiff=True)
            again = integrate(dynamics, explicit, *given, *tolerances)
            found = again if int(again.solution.result) == ResultCode.SUCCESS else found
        _named(icrn, found).check()
    except IcrnError as error:
        raise EngineError(_NAME, str(error)) from None
    return found


def joined(bases: tuple, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return tensors by base as one vector, in the order of the bases."""
    parts = [np.ravel(np.asarray(tensors[base.name], dtype=np.float64)) for base in bases]
    return np.concatenate([np.zeros(0), *parts])


def _split(bases: tuple, table: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name of each base and its columns of a table, ``(n_times, size)``."""
    start = 0
    for base in bases:
        yield base.name, table[:, start : start + base.size]
        start += base.size


def _named(icrn: ICRN, found: Run):
    """Return the solution with initial states and params by the names of the network."""
    solution = found.solution
    states = dict(_split(icrn.species, solution.states["states"]))
    params = dict(_split(icrn.constants, found.params[None]))
    return replace(solution, states=states, params=params)


def _columns(folding: Folding, found: Run) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (id, series) for every id: entries of bases, then fluxes, forward minus backward."""
    icrn, identity = folding.icrn, folding.identity
    params = np.broadcast_to(found.params, (len(found.species), len(found.params)))
    tables = (icrn.constants, params), (icrn.species, found.species), (icrn.assigned, found.assigned)
    entries = {name: columns for bases, table in tables for name, columns in _split(bases, table)}
    for base, ids in identity.entries.items():
        for position, element_id in enumerate(ids if base in entries else ()):
            if element_id:
                yield element_id, entries[base][:, position]
    starts = np.cumsum([0, *(reaction.domain.size for reaction in icrn.reactions)])
    fluxes = {
        r.name: found.fluxes[:, a:b] for r, (a, b) in zip(icrn.reactions, pairwise(starts), strict=True)
    }
    backward = {join.forward: join.backward for join in folding.joins}
    for name, series in fluxes.items():
        if identity.roles[name] != "reaction":
            continue
        net = series - fluxes[backward[name]] if name in backward else series
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
    named = {ref.id for reaction in network.reactions for ref in references(reaction)} - {""}
    # Ids that lowering made are nothing of the model.
    known = {e.id for e in (*network.compartments, *network.parameters, *network.reactions)} | named
    values = {name: series for name, series in columns.items() if name in known}
    if named:
        values = {**fixed_values(enumerate_network(folding), len(times)), **values}
    return TimeCourse(times, amounts, concentrations, values, _NAME)
