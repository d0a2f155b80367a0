"""A problem bound to its model: the network folded, every id placed, the objective made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

import numpy as np

from converters.engines.programs import shared_dynamics
from converters.folding import Folding
from converters.lowering.plain import plain_folding
from converters.models import as_folding, as_network, with_overrides
from converters.refusal import refuse_unsupported
from converters.training.pool import Bound, Pool, bind_formula, grouped
from converters.training.problem import Measurement, Observable, TrainingProblem
from converters.training.runs import Runs
from converters.training.values import written_values
from icrn_core.noise import NOISES, transformed
from icrn_core.objective import Objective, Prior
from icrn_core.scales import SCALES, from_linear
from icrn_core.steady_laws import with_laws
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression
from icrn_io.network import Network


@dataclass(frozen=True, eq=False)
class BoundProblem:
    """A problem with its objective.

    Attributes
    ----------
    problem : TrainingProblem
        What was bound.
    folding : Folding
        The model as it is simulated, with the nominal values of the parameters.
    objective : Objective
        What is minimised.
    lower, upper, nominal : (n_fitted,) float
        Bounds and nominal values on the scales of the parameters.
    """

    problem: TrainingProblem
    folding: Folding
    objective: Objective
    lower: np.ndarray
    upper: np.ndarray
    nominal: np.ndarray


def bind(problem: TrainingProblem) -> BoundProblem:
    """Bind a problem to its model.

    Raises
    ------
    ModelIOError
        The problem does not fit the model.
    UnsupportedFeatureError
        The model cannot be simulated.
    """
    model, defaults = _prepared_model(problem)
    folding = plain_folding(as_folding(model))
    refuse_unsupported(folding)
    places = _Places(folding)
    fixed = {p.id: p.value for p in problem.parameters if not p.is_fitted}
    pool = Pool([p.id for p in problem.fitted], fixed)
    runs = Runs(problem, folding, places, pool, defaults)
    samples, sample = runs.samples(problem.measurements)
    observables = {observable.id: observable for observable in problem.observables}
    bound = [_bound(observables[m.observable], m, places, pool, runs) for m in problem.measurements]
    parameters = problem.fitted
    scales = np.array([SCALES.index(p.scale) for p in parameters], dtype=int)
    objective = Objective(
        dynamics=shared_dynamics(folding.icrn),
        scales=scales,
        numbers=pool.fixed_numbers,
        derived=pool.derived,
        n_derived=pool.n_derived,
        stages=runs.stages(),
        run=samples[:, 0],
        moment=samples[:, 1],
        sample=sample,
        observables=grouped([formula for formula, _ in bound], pool),
        noises=grouped([noise for _, noise in bound], pool),
        data=_transformed(problem.measurements, observables),
        priors=_priors(problem),
    )
    usual = np.array([p.value if math.isfinite(p.value) and p.value else 1.0 for p in parameters])
    objective = with_laws(objective, from_linear(scales, usual))
    lower, upper, nominal = (
        from_linear(scales, np.array([getattr(p, name) for p in parameters]))
        for name in ("lower", "upper", "value")
    )
    return BoundProblem(problem, folding, objective, lower, upper, nominal)


def _prepared_model(problem: TrainingProblem) -> tuple[Network | Folding, dict[str, Expression]]:
    """Return the model with everything settable that the problem sets, and what else it would be.

    An initial assignment to something that the problem sets is dropped; where only some
    experiments set it, the others set what the model says.
    """
    network = as_network(problem.model)
    elements = {e.id for e in (*network.compartments, *network.species, *network.parameters)}
    values = {
        p.id: p.value if math.isfinite(p.value) else 1.0 for p in problem.parameters if p.id in elements
    }
    changed = [set(phase.changes) for experiment in problem.experiments for phase in experiment.phases[:1]]
    later = {
        name for experiment in problem.experiments for phase in experiment.phases for name in phase.changes
    }
    targets = dict.fromkeys(sorted(later))
    assigned = {a.variable: a.math for a in network.initial_assignments if a.math is not None}
    written = written_values(network)
    defaults = {}
    for name in targets:
        if name in values:
            continue
        if not all(name in names for names in changed) and name in assigned:
            defaults[name] = _written_out(assigned[name], assigned, {*values, *targets})
        # Where every experiment sets it, any number will do.
        if written[name] is None and name not in assigned and not all(name in names for names in changed):
            raise ModelIOError(f"the model has no value for '{name}', which some conditions do not set")
        values[name] = 1.0 if written[name] is None else written[name]
    if not values:
        return problem.model, defaults
    return with_overrides(problem.model, values), defaults


def _written_out(formula: Expression, assigned: Mapping[str, Expression], known: Set[str]) -> Expression:
    """Return a formula with initial assignments in the place of their ids, unless the problem sets these."""
    done: dict[Expression, Expression] = {}
    for node in formula:
        if node.op == "symbol" and node.payload in assigned and node.payload not in known:
            done[node] = _written_out(assigned[node.payload], assigned, known)
        else:
            done[node] = Expression(node.op, tuple(done[arg] for arg in node.args), node.payload)
    return done[formula]


class _Places:
    """Where the entries of a folding stand in the vectors of the dynamics."""

    def __init__(self, folding: Folding) -> None:
        self._positions = folding.identity.positions
        self._offsets: dict[str, tuple[str, int]] = {}
        icrn = folding.icrn
        for kind, bases in (("state", icrn.species), ("param", icrn.constants), ("assigned", icrn.assigned)):
            start = 0
            for base in bases:
                self._offsets[base.name] = (kind, start)
                start += base.size
        self.n_state = sum(base.size for base in icrn.species)
        self.n_params = sum(base.size for base in icrn.constants)

    def find(self, name: str) -> tuple[str, int] | None:
        """Return the kind of an id and its position among those of the kind; None if it has none."""
        base, position = self._positions.get(name, ("", 0))
        if base not in self._offsets:
            return None
        kind, offset = self._offsets[base]
        return kind, offset + position

    def symbol(self, name: str) -> int | None:
        """Return the position of an id among all symbols."""
        found = self.find(name)
        if found is None:
            return None
        kind, position = found
        return position + {"state": 0, "param": self.n_state, "assigned": self.n_state + self.n_params}[kind]


def _bound(
    observable: Observable, measurement: Measurement, places: _Places, pool: Pool, runs: Runs
) -> tuple[Bound, Bound]:
    """Return the formula of the observable and of its noise for one measurement."""
    given = dict(zip(observable.placeholders, measurement.given, strict=True))

    def place(name: str) -> tuple[bool, int]:
        if name in given:
            return False, pool.expression(given[name])
        at = places.symbol(name)
        if at is not None:
            return True, at
        return False, runs.unplaced(measurement, name)

    return bind_formula(observable.formula, place, pool), bind_formula(observable.noise, place, pool)


def _transformed(measurements: Iterable[Measurement], observables: dict[str, Observable]):
    own = [observables[m.observable] for m in measurements]
    return transformed(
        np.array([m.value for m in measurements], dtype=float),
        np.array([SCALES.index(o.transformation) for o in own], dtype=int),
        np.array([NOISES.index(o.distribution) for o in own], dtype=int),
    )


def _priors(problem: TrainingProblem) -> tuple[Prior, ...]:
    return tuple(
        Prior(k, p.prior.kind, *(*p.prior.parameters, 0.0)[:2], p.prior.on_scale)
        for k, p in enumerate(problem.fitted)
        if p.prior is not None
    )
