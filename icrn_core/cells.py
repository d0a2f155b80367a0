"""Cells: stretches of time within which ``floor(time/12)`` and its like are constant.

Where a step ends on every boundary of a cell no dose or light that comes back with a period is
stepped across, and within a cell what is made of them is affine in the time. Boundaries are
found one after the other: there is no end to them. Functions that turn, as ``sin(time)``, have
no boundaries, but a step is at most a part of their period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array

from icrn_core.functions import as_number
from icrn_core.law import Law

if TYPE_CHECKING:
    from icrn_core.dynamics import Dynamics, Prepared

_WHOLE, _DIVIDED, _TURNING = ("floor", "ceiling"), ("quotient", "rem"), ("sin", "cos", "tan")
_LOGIC = ("lt", "gt", "leq", "geq", "eq", "neq", "and", "or", "xor", "not", "implies")
# Of a period: the longest step along a function that turns.
_PART = 1.0 / 16.0
# Roots that are decimal numbers are taken as these, within rounding.
_DECIMALS = 1e6


@dataclass(frozen=True)
class Edge:
    """Where a function of the time in a law has its boundaries.

    ``kind`` is "whole" where the first node takes a whole value, "divided" where it takes a whole
    multiple of the second, "zero" where it is zero, "turn" for an angle. ``slots`` are positions
    in the static tape, -1 for slots that are not static.
    """

    law: Law
    kind: str
    nodes: tuple[int, ...]
    slots: tuple[int, ...]
    size: int


def edges(law: Law, is_static: list[bool]) -> list[tuple[str, tuple[int, ...]]]:
    """Return kind and nodes of the edges of a law, with which of its slots are static."""
    degrees = _degrees(law, is_static)
    found: list[tuple[str, tuple[int, ...]]] = []
    for name, *nodes in law.instructions:
        if name not in (*_WHOLE, *_DIVIDED, *_TURNING, "abs") or degrees[nodes[0]] != 1:
            continue
        if name in _DIVIDED:
            found += [("divided", (nodes[0], nodes[1]))] if degrees[nodes[1]] == 0 else []
        else:
            kind = "whole" if name in _WHOLE else "turn" if name in _TURNING else "zero"
            found.append((kind, (nodes[0],)))
    return list(dict.fromkeys(found))


def _degrees(law: Law, is_static: list[bool]) -> list[int | None]:
    """Degree in time, within a cell, of each instruction: 0, 1, or None where it is neither."""
    return law.degrees(is_static, _combined)


def _combined(name: str, given: list[int | None]) -> int | None:
    if None in given:
        return None
    if not any(given) or name in (*_LOGIC, *_WHOLE) or name == "quotient":
        return 0
    if name == "piecewise":
        return max(given[0::2])  # type: ignore[type-var]
    if name in ("plus", "minus") or (name == "times" and sum(given) == 1):  # type: ignore[arg-type]
        return 1
    return 1 if name in ("divide", "rem") and given[1] == 0 else None


def next_edge(dynamics: Dynamics, prepared: Prepared, t: Array, after: Array) -> tuple[Array, Array]:
    """Return the next boundary of a cell, and the latest end of a step that follows what turns.

    ``after`` is a time just after the present one, ``t``, from which the next is sought.
    """
    boundary, turned = jnp.full_like(t, jnp.inf), jnp.full_like(t, jnp.inf)
    for edge in dynamics.plan.edges:
        slots = [
            jnp.ones((1, t.shape[0])) if k < 0 else prepared.static[dynamics.arrays[k]] for k in edge.slots
        ]

        def value(t: Array, slots: list = slots, edge: Edge = edge) -> Array:
            steps = edge.law.steps(slots, t[None])
            found = as_number(steps[edge.nodes[0]])
            found = found / as_number(steps[edge.nodes[1]]) if edge.kind == "divided" else found
            return jnp.broadcast_to(found, (edge.size, t.shape[0]))

        x, slope = jax.jvp(value, (after,), (jnp.ones_like(after),))
        is_flat = slope == 0
        slope = jnp.where(is_flat, 1.0, slope)
        if edge.kind == "turn":
            step = jnp.where(is_flat, jnp.inf, 2 * jnp.pi * _PART / jnp.abs(slope))
            turned = jnp.minimum(turned, t + step.min(axis=0))
            continue
        target = jnp.where(slope > 0, jnp.floor(x) + 1, jnp.ceil(x) - 1) if edge.kind != "zero" else 0.0
        root = after + (jax.lax.stop_gradient(target) - x) / slope
        root = _decimal(root)
        boundary = jnp.minimum(boundary, jnp.where((root > after) & ~is_flat, root, jnp.inf).min(axis=0))
    return boundary, turned


def _decimal(t: Array) -> Array:
    """Return times that are decimal numbers within rounding as these; derivatives stay."""
    near = jnp.round(t * _DECIMALS) / _DECIMALS
    error = jnp.where(jnp.abs(near - t) <= 16 * jnp.finfo(t.dtype).eps * jnp.abs(t), near - t, 0.0)
    return t + jax.lax.stop_gradient(error)
