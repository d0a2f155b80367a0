"""The rate of change written plainly: tuples one by one, scalars only, NumPy for containers."""

from __future__ import annotations

import itertools
import math

import numpy as np

from icrn_core import ICRN, BaseSpecies

_OPERATORS = {
    "plus": lambda *x: sum(x),
    "times": lambda *x: math.prod(x),
    "minus": lambda *x: -x[0] if len(x) == 1 else x[0] - x[1],
    "divide": lambda a, b: a / b if b else math.copysign(math.inf, a) if a else math.nan,
    "power": lambda a, b: a**b,
    "sin": math.sin,
    "and": lambda *x: all(x),
    "geq": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "lt": lambda a, b: a < b,
}


def evaluate(node, slots, t):
    """Evaluate a template at one tuple."""
    if not isinstance(node, tuple):
        return float(node)
    name, *operands = node
    if name == "slot":
        return slots[operands[0]]
    if name == "time":
        return t
    values = [evaluate(operand, slots, t) for operand in operands]
    if name == "piecewise":
        for value, condition in zip(values[0::2], values[1::2], strict=False):
            if condition:
                return value
        return values[-1] if len(values) % 2 else math.nan
    return _OPERATORS[name](*values)


def tuples(domain):
    """Index tuples of a domain by plain loops."""
    if domain.relation is not None:
        return [tuple(row) for row in domain.relation]
    every = itertools.product(*(range(n) for n in domain.shape))
    return [at for at in every if domain.mask is None or domain.mask[at]]


class Oracle:
    """Rates of change of an ICRN by enumeration."""

    def __init__(self, icrn: ICRN, params: dict) -> None:
        self.icrn, self.params = icrn, params

    def seen(self, t, state):
        """Return what laws see: every base's tensor, assigned quantities and law units included."""
        tensors = {name: np.array(x, dtype=float) for name, x in (self.params | state).items()}
        for base in self.icrn.assigned:
            tensors[base.name] = np.full(base.shape, np.nan)
        # Sizes may be assigned from species and species seen through sizes: repeat until settled.
        for _ in range(1 + len(self.icrn.assignments)):
            for base in self.icrn.species:
                tensors[base.name] = self._in_law_unit(base, state, tensors)
            for assignment in self.icrn.assignments:
                for at in tuples(assignment.domain):
                    value = self._law(assignment, at, tensors, t)
                    tensors[assignment.target.base][self._index(assignment.target, assignment.domain, at)] = (
                        value
                    )
        return tensors

    def rate(self, t, state):
        """Return the rate of change, a tensor per base species."""
        tensors = self.seen(t, state)
        rates = {base.name: np.zeros(base.shape) for base in self.icrn.species}
        for reaction in self.icrn.reactions:
            for at in tuples(reaction.domain):
                flux = self._law(reaction, at, tensors, t)
                for sign, side in ((-1, reaction.reactants), (1, reaction.products)):
                    for term in side:
                        self._add(rates, term, reaction.domain, at, sign * term.stoichiometry * flux, tensors)
        return rates

    def _add(self, rates, term, domain, at, change, tensors):
        base = self.icrn.base(term.species.base)
        if base.is_boundary:
            return
        where = self._index(term.species, domain, at)
        if base.conversion_factor is not None:
            change *= self._placed(base.conversion_factor, base, where, tensors)
        rates[base.name][where] += change

    def _in_law_unit(self, base: BaseSpecies, state, tensors):
        held = np.array(state[base.name], dtype=float)
        if base.state_unit == base.law_unit:
            return held
        for where in np.ndindex(base.shape):
            size = self._placed(base.compartment, base, where, tensors)
            held[where] = held[where] * size if base.law_unit == "amount" else held[where] / size
        return held

    def _placed(self, placement, base, where, tensors):
        flat = int(np.ravel_multi_index(where, base.shape)) if base.shape else 0
        positions = placement.positions
        return np.ravel(tensors[placement.base])[positions[flat if len(positions) > 1 else 0]]

    def _law(self, owner, at, tensors, t):
        slots = [tensors[s.base][self._index(s, owner.domain, at)] for s in owner.slots]
        return evaluate(owner.law.template, slots, t)

    @staticmethod
    def _index(reference, domain, at):
        names = [symbol.name for symbol in domain.symbols]
        return tuple(at[names.index(k)] if isinstance(k, str) else k for k in reference.indices)
