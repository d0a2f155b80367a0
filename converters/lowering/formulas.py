"""Formulas: make simplified ones, substitute in them, and find and replace those of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from icrn_io.expression import Expression, apply, number
from icrn_io.network import Network

ZERO, ONE = number(0.0), number(1.0)


def total(terms: Iterable[Expression]) -> Expression:
    """Return the sum of some terms; zeros are left out."""
    kept = [term for term in terms if term is not ZERO]
    if all(term.op == "number" for term in kept):
        return number(math.fsum(term.payload for term in kept))
    return kept[0] if len(kept) == 1 else apply("plus", kept)


def product(factors: Iterable[Expression]) -> Expression:
    """Return the product of some factors; ones are left out, and a zero takes all."""
    kept = [factor for factor in factors if factor is not ONE]
    if any(factor.op == "number" and factor.payload == 0 for factor in kept):
        return ZERO
    if all(factor.op == "number" for factor in kept):
        return number(math.prod(factor.payload for factor in kept))
    return kept[0] if len(kept) == 1 else apply("times", kept)


def negative(term: Expression) -> Expression:
    """Return minus the term."""
    if term.op == "number":
        return ZERO if term.payload == 0 else number(-term.payload)
    if term.op == "minus" and len(term.args) == 1:
        return term.args[0]
    return apply("minus", [term])


def quotient(above: Expression, below: Expression) -> Expression:
    """Return the quotient; of ones and zeros only what is left."""
    if above is ZERO or below is ONE:
        return above
    if above.op == below.op == "number" and below.payload != 0:
        return number(above.payload / below.payload)
    return apply("divide", [above, below])


def substitute(formula: Expression, values: Mapping[str, Expression]) -> Expression:
    """Return the formula with formulas in the place of some symbols."""
    return rewrite(formula, lambda n: values.get(n.payload, n) if n.op == "symbol" else n)


def rewrite(formula: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Return the formula with every node changed, operands before the operators that use them."""
    done: dict[Expression, Expression] = {}
    for node in formula:
        args = tuple(done[arg] for arg in node.args)
        done[node] = change(node if args == node.args else Expression(node.op, args, node.payload))
    return done[formula]


def map_formulas(network: Network, change: Callable[[Expression], Expression]) -> Network:
    """Return the network with every formula changed."""

    def math_of(element):
        return element if element.math is None else replace(element, math=change(element.math))

    def maybe(formula: Expression | None) -> Expression | None:
        return None if formula is None else change(formula)

    return replace(
        network,
        initial_assignments=tuple(map(math_of, network.initial_assignments)),
        rules=tuple(map(math_of, network.rules)),
        reactions=tuple(
            r.with_terms(r.reactants, r.products, maybe(r.kinetic_law)) for r in network.reactions
        ),
        events=tuple(
            replace(
                event,
                trigger=maybe(event.trigger),
                delay=maybe(event.delay),
                priority=maybe(event.priority),
                assignments=tuple(map(math_of, event.assignments)),
            )
            for event in network.events
        ),
    )


class NewIds:
    """Gives ids that a network does not have yet."""

    def __init__(self, network: Network) -> None:
        elements = (*network.compartments, *network.species, *network.parameters, *network.reactions)
        self._taken = {element.id for element in elements}
        self._taken |= {ref.id for r in network.reactions for ref in (*r.reactants, *r.products)}
        self._taken |= {event.id for event in network.events}

    def new(self, wanted: str) -> str:
        """Claim the wanted id, numbered where it is taken."""
        found, count = wanted, 0
        while found in self._taken:
            count += 1
            found = f"{wanted}_{count}"
        self._taken.add(found)
        return found
