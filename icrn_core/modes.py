"""Modes: comparisons of the state as quantities that keep their value while a step is taken.

``piecewise(a, x < c, b)`` is not smooth where x passes c, and a step across it is neither
accurate nor has it the derivatives of its parts. So the comparison becomes a mode m, 1 or 0,
which the law reads in its place and which changes only between steps: where the difference
``c - x``, smooth along a step, leaves or enters the positive numbers. Comparisons that are
affine in the time with coefficients known before a solve stay: `icrn_core.jumps` knows when
they switch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from icrn_core.icrn import (
    ICRN,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    IndexSet,
    IndexSymbol,
    RateConstant,
    RateLaw,
    Reference,
)
from icrn_core.jumps import is_located
from icrn_core.law import canonical_law

_ORDERINGS = ("lt", "gt", "leq", "geq")
# With more comparisons than these all of them stay, and are left to the step control.
_MOST = 1000

Owner = IndexedReaction | IndexedAssignment


@dataclass(frozen=True)
class Mode:
    """A comparison over a domain: ``base[indices]`` is 1 where ``law(slots)`` is positive, else 0."""

    reference: Reference
    domain: IndexDomain
    law: RateLaw
    slots: tuple[Reference, ...]


def with_modes(
    icrn: ICRN, is_static: Callable[[Reference, IndexDomain], bool]
) -> tuple[ICRN, tuple[Mode, ...]]:
    """Return the network with modes in the place of comparisons, and what decides them.

    The modes are its last rate constants, though they are not constant.

    Parameters
    ----------
    icrn : ICRN
        Any network.
    is_static : callable
        Whether a reference over a domain is known before a solve.
    """
    maker = _Maker(is_static, frozenset(base.name for base in icrn.bases))
    reactions = tuple(map(maker.of, icrn.reactions))
    assignments = tuple(map(maker.of, icrn.assignments))
    if not maker.modes or sum(mode.domain.size for mode in maker.modes) > _MOST:
        return icrn, ()
    constants = (*icrn.constants, *maker.bases)
    found = replace(icrn, constants=constants, reactions=reactions, assignments=assignments)
    return found, tuple(maker.modes)


class _Maker:
    """Makes the modes of one owner of a law after the other."""

    def __init__(self, is_static: Callable[[Reference, IndexDomain], bool], taken: frozenset[str]) -> None:
        self.is_static = is_static
        self.taken = taken
        self.bases: list[RateConstant] = []
        self.modes: list[Mode] = []

    def of(self, owner: Owner) -> Owner:
        """Return the reaction or assignment with modes in its law."""
        template = owner.law.template
        if not isinstance(template, tuple) or not _has_ordering(template):
            return owner
        known = [self.is_static(slot, owner.domain) for slot in owner.slots]
        return _Rewriting(self, owner, known).owner()

    def base(self, domain: IndexDomain) -> tuple[RateConstant, IndexDomain, Reference]:
        """Return a new base, the domain with a symbol for it, and the reference to it."""
        name = f"mode{len(self.bases)}"
        while name in self.taken:
            name += "_"
        if domain.relation is not None:
            symbol = next((s for s in domain.symbols if s.name == _row(domain)), None)
            if symbol is None:
                symbol = IndexSymbol(
                    _row(domain), IndexSet(_row(domain), tuple(map(str, range(domain.size))))
                )
                rows = np.arange(domain.size, dtype=np.int64)[:, None]
                relation = np.concatenate([np.asarray(domain.relation, np.int64), rows], axis=1)
                domain = IndexDomain((*domain.symbols, symbol), relation=relation)
            symbols: tuple[IndexSymbol, ...] = (symbol,)
        else:
            symbols = domain.symbols
        base = RateConstant(name, tuple(symbol.index_set for symbol in symbols))
        self.bases.append(base)
        return base, domain, Reference(name, tuple(symbol.name for symbol in symbols))


def _row(domain: IndexDomain) -> str:
    return f"row of {domain.size}"


def _has_ordering(template: tuple) -> bool:
    stack: list[object] = [template]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple) and node[0] != "slot":
            if node[0] in _ORDERINGS:
                return True
            stack.extend(node[1:])
    return False


class _Rewriting:
    """Rewrites one law."""

    def __init__(self, maker: _Maker, owner: Owner, known: list[bool]) -> None:
        self.maker = maker
        self.original = owner
        self.domain = owner.domain
        self.slots = list(owner.slots)
        self.known = known
        self.done: dict[tuple, object] = {}

    def owner(self) -> Owner:
        template = self._rewritten(self.original.law.template)
        if len(self.slots) == len(self.original.slots):
            return self.original
        return replace(self.original, domain=self.domain, law=RateLaw(template), slots=tuple(self.slots))

    def _rewritten(self, node: object) -> object:
        if not isinstance(node, tuple) or node[0] in ("slot", "time", "number"):
            return node
        operands = [self._rewritten(operand) for operand in node[1:]]
        if node[0] not in _ORDERINGS:
            return (node[0], *operands)
        parts = []
        for (left, right), (new_left, new_right) in zip(pairwise(node[1:]), pairwise(operands), strict=True):
            if is_located(*map(self._canonical, (left, right))):
                parts.append((node[0], new_left, new_right))
            else:
                parts.append(self._mode(node[0], new_left, new_right))
        return parts[0] if len(parts) == 1 else ("and", *parts)

    def _canonical(self, template: object) -> tuple:
        law, order = canonical_law(template)  # type: ignore[arg-type]
        return law, [self.known[k] for k in order]

    def _mode(self, name: str, left: object, right: object) -> tuple:
        # a > b and a <= b switch where a - b leaves zero, the others where it reaches it.
        difference = ("minus", left, right) if name in ("gt", "leq") else ("minus", right, left)
        if difference not in self.done:
            _, self.domain, reference = self.maker.base(self.domain)
            self.slots.append(reference)
            self.known.append(False)
            self.done[difference] = ("slot", len(self.slots) - 1)
            mode = Mode(reference, self.domain, RateLaw(difference), tuple(self.slots))  # type: ignore[arg-type]
            self.maker.modes.append(mode)
        slot = self.done[difference]
        return slot if name in ("lt", "gt") else ("not", slot)  # type: ignore[return-value]
