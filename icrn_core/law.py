"""Rate-law templates as straight-line programs: canonical, hashable, evaluated in JAX.

A template tree becomes a tuple of instructions, each a leaf (``("slot", k)``, ``("number", v)``,
``("time",)``) or ``(operator, *positions of earlier instructions)``. Equal subtrees are one
instruction, and slots are numbered by first use, so two templates that differ only in the
numbering of their slots become the same `Law` and can be evaluated as one array operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
from jax import Array, lax

from icrn_core.errors import IcrnError
from icrn_core.functions import apply_operator, as_number, operator, piecewise

_LEAVES = ("slot", "number", "time")
_LARGEST_INTEGER_POWER = 32


@dataclass(frozen=True)
class Law:
    """A canonical template.

    Attributes
    ----------
    instructions : tuple
        Straight-line program; the last one is the value.
    n_slots : int
        Number of distinct slots it reads.
    """

    instructions: tuple[tuple, ...]
    n_slots: int

    @cached_property
    def reads_time(self) -> bool:
        """Whether the value depends on the time explicitly."""
        return ("time",) in self.instructions

    @cached_property
    def has_branches(self) -> bool:
        """Whether some operand may be computed and not used."""
        return any(instruction[0] == "piecewise" for instruction in self.instructions)

    @cached_property
    def factors(self) -> tuple[int, ...] | None:
        """Slots, with multiplicity, of which the value is the product; None for other laws."""
        return _factors(self.instructions)

    def degrees(
        self, is_static: list[bool], combined: Callable[[str, list[int | None]], int | None]
    ) -> list[int | None]:
        """Return the degree in time of every instruction: 0, 1, or None where it is neither.

        Parameters
        ----------
        is_static : list of bool
            Which slots do not change with the time.
        combined : callable
            Of an operator and the degrees of its operands: the degree of what it gives.
        """
        found: list[int | None] = []
        for name, *operands in self.instructions:
            if name == "slot":
                found.append(0 if is_static[operands[0]] else None)
            elif name in ("number", "time"):
                found.append(int(name == "time"))
            else:
                found.append(combined(name, [found[k] for k in operands]))
        return found

    def __call__(self, slots: list[Array], t: Array) -> Array:
        """Evaluate elementwise; slots broadcast against each other."""
        return as_number(self.steps(slots, t)[-1])

    def steps(self, slots: list[Array], t: Array) -> list[Array]:
        """Return the value of every instruction."""
        values: list[Array] = []
        for instruction in self.instructions:
            values.append(self._evaluate(instruction, values, slots, t))
        return values

    def _evaluate(self, instruction: tuple, values: list[Array], slots: list[Array], t: Array) -> Array:
        name, *operands = instruction
        if name == "slot":
            return slots[operands[0]]
        if name == "number":
            return jnp.asarray(operands[0])
        if name == "time":
            return jnp.asarray(t)
        if name == "power":
            exponent = self.instructions[operands[1]]
            if exponent[0] == "number" and _is_small_integer(exponent[1]):
                return lax.integer_pow(as_number(values[operands[0]]), int(exponent[1]))
        given = [values[k] for k in operands]
        if name == "piecewise":
            return piecewise(given)
        return apply_operator(name, given, guard=self.has_branches)


def canonical_law(template: tuple | float) -> tuple[Law, tuple[int, ...]]:
    """Return the canonical law of a template, and for each of its slots the template's slot.

    Raises
    ------
    IcrnError
        An operator that is not in the table, or with a number of operands it does not take.
    """
    program: dict[tuple, int] = {}
    order: dict[int, int] = {}
    position: dict[int, int] = {}
    stack: list[tuple[object, bool]] = [(template, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in position and isinstance(node, tuple):
            continue
        if isinstance(node, tuple) and node[0] not in _LEAVES and not ready:
            stack.append((node, True))
            stack.extend((operand, False) for operand in reversed(node[1:]))
            continue
        instruction = _instruction(node, position, order, program)
        position[id(node)] = program.setdefault(instruction, len(program))
    return _as_law(program, position[id(template)], len(order)), tuple(order)


@dataclass(frozen=True)
class SplitLaw:
    """A law cut into what static slots determine and the rest.

    Attributes
    ----------
    law : Law
        The rest, over slots of its own.
    slots : tuple of (Law or None, tuple of int)
        For each slot of ``law``: a static law and the slots of the original law it reads, or
        None and the one slot that it stands for.
    """

    law: Law
    slots: tuple[tuple[Law | None, tuple[int, ...]], ...]


def split_law(law: Law, is_static: tuple[bool, ...]) -> SplitLaw:
    """Cut a law into static parts, to be evaluated once per solve, and the rest.

    Static operands of a sum or product are gathered into one. A law with branches stays whole:
    what its unused branch would divide by must not be evaluated outside the guard.
    """
    if law.has_branches:
        return SplitLaw(law, tuple((None, (k,)) for k in range(law.n_slots)))
    trees: list[tuple] = []
    static: list[bool] = []
    parts: dict[tuple, int] = {}

    def part(tree: tuple, is_fixed: bool) -> tuple:
        """Return a static operand as a slot of the rest, numbers as they are."""
        if not is_fixed or tree[0] == "number":
            return tree
        return ("slot", parts.setdefault(canonical_law(tree), len(parts) + law.n_slots))

    for name, *operands in law.instructions:
        if name in _LEAVES:
            trees.append((name, *operands))
            static.append(name == "number" or (name == "slot" and is_static[operands[0]]))
            continue
        is_fixed = all(static[k] for k in operands)
        given = [trees[k] for k in operands] if is_fixed else _gathered(name, operands, trees, static, part)
        trees.append((name, *given))
        static.append(is_fixed)
    rest, order = canonical_law(part(trees[-1], static[-1]))
    found = [*((None, (k,)) for k in range(law.n_slots)), *((own, read) for own, read in parts)]
    return SplitLaw(rest, tuple(found[k] for k in order))


def _gathered(name: str, operands: list[int], trees: list[tuple], static: list[bool], part) -> list[tuple]:
    """Return the operands of an instruction that is not static, its static ones as slots."""
    fixed = [k for k in operands if static[k]]
    if name not in ("plus", "times") or len(fixed) < 2:
        return [part(trees[k], static[k]) for k in operands]
    merged = (name, *(trees[k] for k in fixed))
    return [part(merged, True), *(trees[k] for k in operands if not static[k])]


def _as_law(program: dict[tuple, int], last: int, n_slots: int) -> Law:
    instructions = tuple(program)
    # Folding the sign of a number leaves its positive twin behind, unused.
    used: set[int] = set()
    stack = [last]
    while stack:
        k = stack.pop()
        if k not in used:
            used.add(k)
            if instructions[k][0] not in _LEAVES:
                stack.extend(instructions[k][1:])
    renumbered = {old: new for new, old in enumerate(sorted(used))}
    kept = tuple(
        entry if entry[0] in _LEAVES else (entry[0], *(renumbered[j] for j in entry[1:]))
        for entry in (instructions[old] for old in sorted(used))
    )
    return Law(kept, n_slots)


def _instruction(node: object, position: dict[int, int], order: dict[int, int], program: dict) -> tuple:
    if not isinstance(node, tuple):
        return _number(float(node))  # type: ignore[arg-type]
    if node[0] == "slot":
        return ("slot", order.setdefault(node[1], len(order)))
    if node[0] == "number":
        return _number(float(node[1]))
    if node[0] == "time":
        return ("time",)
    operands = tuple(position[id(operand)] for operand in node[1:])
    if node[0] == "piecewise":
        if not operands:
            raise IcrnError("'piecewise' needs at least one value")
        return (node[0], *operands)
    operator(node[0], len(operands))
    if node[0] == "minus" and len(operands) == 1:
        inner = tuple(program)[operands[0]]
        if inner[0] == "number":
            return _number(-inner[1])
    return (node[0], *operands)


def _number(value: float) -> tuple:
    # NaN differs from itself, and two zeros are equal: neither may stand in a hashed key.
    if math.isnan(value):
        return ("notanumber",)
    if value == 0 and math.copysign(1.0, value) < 0:
        return ("number", 0.0)
    return ("number", value)


def _is_small_integer(value: float) -> bool:
    return value == int(value) and abs(value) <= _LARGEST_INTEGER_POWER if math.isfinite(value) else False


def _factors(instructions: tuple[tuple, ...]) -> tuple[int, ...] | None:
    products: list[tuple[int, ...] | None] = []
    for name, *operands in instructions:
        if name == "slot":
            products.append((operands[0],))
        elif name == "times" and all(products[k] is not None for k in operands):
            products.append(tuple(slot for k in operands for slot in products[k]))  # type: ignore[union-attr]
        elif (
            name == "power"
            and products[operands[0]] is not None
            and instructions[operands[1]] == ("number", 2.0)
        ):
            products.append(products[operands[0]] * 2)  # type: ignore[operator]
        else:
            products.append(None)
    return products[-1]
