"""The usual way to compile a model: one JAX expression per reaction. A baseline, not a product."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping

import jax.numpy as jnp

from icrn_io.expression import Expression
from icrn_io.network import AssignmentRule, Network


def _piecewise(*parts):
    *pairs, otherwise = parts
    value = otherwise
    for k in range(len(pairs) - 2, -1, -2):
        value = jnp.where(pairs[k + 1], pairs[k], value)
    return value


OPERATORS: dict[str, Callable] = {
    "plus": lambda *a: functools.reduce(operator.add, a),
    "times": lambda *a: functools.reduce(operator.mul, a),
    "minus": lambda a, *b: a - b[0] if b else -a,
    "divide": operator.truediv,
    "power": operator.pow,
    "exp": jnp.exp,
    "ln": jnp.log,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "abs": jnp.abs,
    "pi": lambda: math.pi,
    "lt": operator.lt,
    "leq": operator.le,
    "gt": operator.gt,
    "geq": operator.ge,
    "and": lambda *a: functools.reduce(jnp.logical_and, a),
    "piecewise": _piecewise,
}


def evaluate(expression: Expression, values: Mapping[str, object], t) -> object:
    """Return the value of a tree; each distinct node is evaluated once.

    Raises
    ------
    KeyError
        An operator that this baseline does not have.
    """
    done: dict[int, object] = {}
    for node in expression:
        if node.op == "number":
            done[id(node)] = node.payload
        elif node.op == "symbol":
            done[id(node)] = values[node.payload]
        elif node.op == "time":
            done[id(node)] = t
        else:
            done[id(node)] = OPERATORS[node.op](*(done[id(a)] for a in node.args))
    return done[id(expression)]


def param_values(network: Network) -> list[float]:
    """Values of the parameters and then the compartments in file order; NaN where a rule gives them."""
    values = [*(p.value for p in network.parameters), *(c.size for c in network.compartments)]
    return [math.nan if value is None else value for value in values]


def scalar_rates(network: Network, state_ids: list[str]) -> Callable:
    """Return ``f(t, y, params)`` with one expression per reaction.

    ``y`` holds the amounts of ``state_ids`` (compartments of size 1, so also concentrations),
    ``params`` the parameters and then the compartments in file order.

    Raises
    ------
    ValueError
        The model has something that this baseline does not do.
    """
    if any(c.size != 1.0 for c in network.compartments) or network.events or network.initial_assignments:
        raise ValueError(
            "the scalar baseline wants compartments of size 1, no events, no initial assignments"
        )
    if not all(isinstance(rule, AssignmentRule) for rule in network.rules):
        raise ValueError("the scalar baseline knows assignment rules only")
    param_ids = [q.id for q in (*network.parameters, *network.compartments)]
    position = {species: k for k, species in enumerate(state_ids)}
    fixed = {s.id for s in network.species if s.is_boundary or s.is_constant}

    def field(t, y, params):
        values = {species: y[k] for species, k in position.items()}
        values |= {name: params[k] for k, name in enumerate(param_ids)}
        for rule in network.rules:
            values[rule.variable] = evaluate(rule.math, values, t)
        rates = [0.0] * len(state_ids)
        for reaction in network.reactions:
            flux = evaluate(reaction.kinetic_law, values, t)
            for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
                for reference in side:
                    if reference.species in position and reference.species not in fixed:
                        k = position[reference.species]
                        rates[k] = rates[k] + sign * reference.stoichiometry * flux
        return jnp.stack([jnp.asarray(rate, y.dtype) for rate in rates])

    return field
