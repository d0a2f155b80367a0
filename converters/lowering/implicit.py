"""Algebraic rules without a closed solution: a rate rule that keeps them true, and Newton's start."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from converters.lowering.derivative import TIME, derivative
from converters.lowering.formulas import ZERO, NewIds, negative, product, quotient, substitute, total
from converters.lowering.rates import RatesOfChange
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import (
    AssignmentRule,
    InitialAssignment,
    Network,
    Parameter,
    RateRule,
)

_ITERATIONS = 40
_CONVERGED = 1e-10


def with_implicit(network: Network, formula: Expression, unknown: str) -> Network:
    """Return the network with a rate rule for a variable that ``0 = g(z, x, t)`` determines.

    The total derivative of g vanishes, so that

        dz/dt = -(∂g/∂t + sum_x ∂g/∂x dx/dt) / (∂g/∂z)

    It starts at the solution that Newton's iteration z ← z - g / (∂g/∂z) finds from the value that
    the model gives, written as a chain of initial assignments; where these do not converge the
    start is NaN, and the run fails.

    Parameters
    ----------
    network : Network
        Where everything that ``formula`` reads is known, but for the unknown.
    formula : Expression
        g.
    unknown : str
        z.

    Raises
    ------
    UnsupportedFeatureError
        With the reason in its detail: g is not smooth, or z has no value.
    """
    laws = {r.variable: r.math for r in network.rules if isinstance(r, AssignmentRule)}
    laws |= {r.id: r.kinetic_law for r in network.reactions if r.kinetic_law is not None}
    g = _written_out(formula, laws)
    variables = {name: derivative(g, symbol(name)) for name in sorted(g.symbols())}
    by_time = derivative(g, TIME)
    if by_time is None or None in variables.values() or "delay" in g.operators():
        raise _refused(unknown, "a rule without a closed solution must be differentiable")
    slope = variables.pop(unknown)
    if slope is ZERO:
        raise _refused(unknown, "it cancels in the rule that should determine it")
    rates = RatesOfChange(network)
    try:
        parts = [product([part, rates.of(symbol(name))]) for name, part in variables.items()]
    except UnsupportedFeatureError as error:
        raise _refused(unknown, f"the rate of change of what it reads is not known: {error}") from None
    rate = negative(quotient(total([by_time, *parts]), slope))
    return _started(network, RateRule(unknown, rate), g, slope)


def _refused(unknown: str, why: str) -> UnsupportedFeatureError:
    return UnsupportedFeatureError("algebraic rule", unknown, why)


def _written_out(formula: Expression, laws: dict[str, Expression]) -> Expression:
    while formula.symbols() & laws.keys():
        formula = substitute(formula, laws)
    return formula


def _started(network: Network, rule: RateRule, g: Expression, slope: Expression) -> Network:
    """Return the network with the rule, and initial assignments that solve for its start."""
    unknown, new_ids = rule.variable, NewIds(network)
    given = {a.variable: a.math for a in network.initial_assignments}
    first = given.get(unknown, _value(network, unknown))
    if first is None:
        raise _refused(unknown, "a rule without a closed solution needs a value from which to find it")
    names = [new_ids.new(f"{unknown}_newton_{k}") for k in range(_ITERATIONS + 1)]
    assignments = [InitialAssignment(names[0], first)]
    step = apply("minus", [symbol(unknown), quotient(g, slope)])
    for before, after in pairwise(names):
        assignments.append(InitialAssignment(after, substitute(step, {unknown: symbol(before)})))
    before, last = symbol(names[-2]), symbol(names[-1])
    change = apply("abs", [apply("minus", [last, before])])
    allowed = product([number(_CONVERGED), apply("plus", [number(1.0), apply("abs", [last])])])
    is_done = apply("leq", [change, allowed])
    assignments.append(InitialAssignment(unknown, apply("piecewise", [last, is_done])))
    return replace(
        network,
        parameters=(*network.parameters, *(Parameter(name, None, False) for name in names)),
        rules=(*network.rules, rule),
        initial_assignments=(
            *(a for a in network.initial_assignments if a.variable != unknown),
            *assignments,
        ),
    )


def _value(network: Network, name: str) -> Expression | None:
    """Return the value that the model gives a variable, in the unit of formulas."""
    values = {c.id: c.size for c in network.compartments} | {p.id: p.value for p in network.parameters}
    if name in values:
        return None if values[name] is None else number(values[name])
    species = next(s for s in network.species if s.id == name)
    is_amount = RatesOfChange(network).quantities[name] == "amount"
    size = symbol(species.compartment)
    if species.initial_amount is not None:
        value = number(species.initial_amount)
        return value if is_amount else quotient(value, size)
    if species.initial_concentration is None:
        return None
    value = number(species.initial_concentration)
    return product([value, size]) if is_amount else value
