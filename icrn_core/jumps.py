"""Breakpoints: times at which a comparison of the time with params switches.

A stepper that does not know of ``piecewise(k, time < t_on, 0)`` can step across a narrow pulse
and never see it. Comparisons of two expressions that are affine in the time, with coefficients
that depend on params only, are found in the templates and their roots computed vectorised.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jax import Array

from icrn_core.functions import apply_operator, as_number, piecewise
from icrn_core.law import Law

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics

_COMPARISONS = ("lt", "gt", "leq", "geq", "eq", "neq")


def comparisons(law: Law, is_static: list[bool]) -> list[tuple[int, int]]:
    """Return the pairs of instructions that are compared, affine in time and not constant.

    Parameters
    ----------
    law : Law
        The template.
    is_static : list of bool
        For each slot, whether it depends on params only.
    """
    degrees = _degrees(law, is_static)
    found = []
    for name, *operands in law.instructions:
        if name in _COMPARISONS:
            for left, right in pairwise(operands):
                pair = degrees[left], degrees[right]
                if None not in pair and 1 in pair:
                    found.append((left, right))
    return list(dict.fromkeys(found))


def is_located(left: tuple[Law, list[bool]], right: tuple[Law, list[bool]]) -> bool:
    """Whether the times at which two laws, with which slots of each are static, change order are known.

    So it is where both are affine in the time, or do not depend on it.
    """
    return None not in (_degrees(*left)[-1], _degrees(*right)[-1])


def _degrees(law: Law, is_static: list[bool]) -> list[int | None]:
    """Degree in time of each instruction: 0, 1, or None where it is neither."""
    return law.degrees(is_static, _combined)


def _combined(name: str, given: list[int | None]) -> int | None:
    if None in given:
        return None
    if not any(given):
        return 0
    if name in ("plus", "minus") or (name == "times" and sum(given) == 1):  # type: ignore[arg-type]
        return 1
    return 1 if name == "divide" and given[1] == 0 else None


def breakpoints(dynamics: Dynamics, static: Array) -> Array:
    """Return the sorted roots in time of every comparison; infinity where there is none.

    ``static`` is the static tape, ``(n_static, n_lanes)``; so is the result, by lane.
    """
    found = []
    for jump in dynamics.plan.jumps:
        slots = [None if k < 0 else static[dynamics.arrays[k]] for k in jump.slots]
        slope, value = _difference(jump.law, jump.node, slots)
        root = jnp.where(slope == 0, jnp.inf, -value / jnp.where(slope == 0, 1.0, slope))
        root = jnp.where(jnp.isnan(root), jnp.inf, root)
        found.append(jnp.broadcast_to(root, (jump.size, static.shape[1])))
    if not found:
        return jnp.zeros((0, static.shape[1]), static.dtype)
    return jnp.sort(jnp.concatenate(found), axis=0)


def _difference(law: Law, node: tuple[int, int], slots: list) -> tuple[Array, Array]:
    """Return slope and value at time 0 of left minus right."""
    degrees = _degrees(law, [slot is not None for slot in slots])
    pairs: list[tuple[Array, Array] | None] = []
    zero = jnp.zeros(())
    for (name, *operands), degree in zip(law.instructions, degrees, strict=True):
        if degree is None:
            pairs.append(None)
        elif name == "slot":
            pairs.append((zero, slots[operands[0]]))
        elif name == "number":
            pairs.append((zero, jnp.asarray(operands[0])))
        elif name == "time":
            pairs.append((jnp.ones(()), zero))
        else:
            pairs.append(_affine(name, [pairs[k] for k in operands]))
    (a, b), (c, d) = pairs[node[0]], pairs[node[1]]  # type: ignore[misc]
    return a - c, b - d


def _affine(name: str, given: list) -> tuple[Array, Array]:
    zero = jnp.zeros(())
    if name == "piecewise":
        return zero, piecewise([b for _, b in given])
    if name == "plus":
        return sum((a for a, _ in given), zero), sum((as_number(b) for _, b in given), zero)
    if name == "minus":
        values = apply_operator(name, [b for _, b in given], guard=False)
        return apply_operator(name, [a for a, _ in given], guard=False), values
    if name == "times":
        slope, value = zero, jnp.ones(())
        for a, b in given:
            slope, value = slope * b + value * a, value * as_number(b)
        return slope, value
    value = apply_operator(name, [b for _, b in given], guard=False)
    return (given[0][0] / given[1][1] if name == "divide" else zero), value
