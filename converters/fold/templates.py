"""Rate-law templates: what is left of a law when its ids and numbers are taken out.

A law is taken apart once, as it is written, into a prefix template and its leaves. The
canonical form of a template puts the operands of commutative operators into one order, so that
``k*A*B`` and ``A*B*k`` become one template; what each law was written like is kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from icrn_io.expression import Expression

Prefix = tuple  # a template in prefix order: (op, n_args) tokens, SLOT, and literal floats
SLOT = "slot"

# Numbers here shape the law (a Hill coefficient, a degree, a base): they stay in the template.
_LITERAL_OPERANDS = {"power": (1,), "root": (0,), "log": (0,)}
COMMUTATIVE = frozenset({"plus", "times", "and", "or", "xor", "min", "max"})
NUMBER_KIND = "#"  # of slots that hold numbers, which stay where they are


def prefix_template(law: Expression) -> tuple[Prefix, tuple[str | float, ...]]:
    """Return the template of a law in prefix order, and what its slots hold.

    Each occurrence of an id or number is a slot of its own, so that ``k*M_1*M_1`` and
    ``k*M_1*M_2`` have one template.
    """
    tokens: list = []
    slots: list[str | float] = []
    stack = [law]
    while stack:
        node = stack.pop()
        op = node.op
        if op == "symbol" or op == "number":
            tokens.append(SLOT)
            slots.append(node.payload)
        elif isinstance(node, _Literal):
            tokens.append(node.value)
        else:
            args = node.args
            tokens.append((op, len(args)))
            kept = _LITERAL_OPERANDS.get(op)
            if kept is not None:
                args = [_literal(a) if k in kept else a for k, a in enumerate(args)]
            stack.extend(reversed(args))
    return tuple(tokens), tuple(slots)


@dataclass(frozen=True)
class _Literal:
    """A number that stays in the template."""

    value: float
    op: str = "literal"


def _literal(operand: Expression) -> Expression | _Literal:
    # Templates are compared as they are, and 0.0 == -0.0: slots tell them apart.
    is_kept = operand.op == "number" and str(operand.payload) != "-0.0"
    return _Literal(operand.payload) if is_kept else operand


def nested_template(prefix: Prefix, slots: Iterable) -> tuple | float:
    """Return the nested form of a prefix template, its slots replaced in order by ``slots``."""
    leaves = list(slots)
    stack: list = []
    for token in reversed(prefix):
        if token == SLOT:
            stack.append(leaves.pop())
        elif isinstance(token, tuple):
            op, n_args = token
            args = [stack.pop() for _ in range(n_args)]
            stack.append((op, *args))
        else:
            stack.append(token)
    return stack.pop()


@dataclass(frozen=True)
class Canonical:
    """A template with the operands of commutative operators in order.

    Attributes
    ----------
    prefix : Prefix
        The ordered template.
    order : tuple of int
        For each slot of ``prefix``, its number in the template as written.
    symmetries : tuple of tuple of tuple of int
        Sets of operands of one shape that may change places: for each operand its slots.
    """

    prefix: Prefix
    order: tuple[int, ...]
    symmetries: tuple[tuple[tuple[int, ...], ...], ...]


@dataclass
class _Part:
    """A subtree: what orders it, its tokens, and the written numbers of its slots."""

    text: str
    tokens: list
    leaves: list[int]


def canonical_template(prefix: Prefix, kinds: Sequence[str]) -> Canonical:
    """Return the canonical form of a template as written.

    Parameters
    ----------
    prefix : Prefix
        The template as written.
    kinds : sequence of str
        For each slot the kind of what it holds: operands are ordered by their operators and
        kinds, and change places only with operands that are equal in both.
    """
    slot = len(kinds)
    found: list[list[list[int]]] = []
    stack: list[_Part] = []
    for token in reversed(prefix):
        if token == SLOT:
            slot -= 1
            stack.append(_Part(kinds[slot], [SLOT], [slot]))
        elif isinstance(token, tuple):
            operands = [stack.pop() for _ in range(token[1])]
            if token[0] in COMMUTATIVE:
                operands.sort(key=lambda part: part.text)
                found += _interchangeable(operands)
            stack.append(_joined(token, operands))
        else:
            stack.append(_Part(repr(token), [token], []))
    whole = stack.pop()
    position = {leaf: k for k, leaf in enumerate(whole.leaves)}
    symmetries = tuple(tuple(tuple(position[k] for k in leaves) for leaves in operands) for operands in found)
    return Canonical(tuple(whole.tokens), tuple(whole.leaves), symmetries)


def _interchangeable(operands: list[_Part]) -> list[list[list[int]]]:
    runs = (list(run) for _, run in groupby(operands, key=lambda part: part.text))
    return [
        [part.leaves for part in run]
        for run in runs
        if len(run) > 1 and run[0].leaves and NUMBER_KIND not in run[0].text
    ]


def _joined(token: tuple, operands: list[_Part]) -> _Part:
    text = f"({token[0]} {' '.join(part.text for part in operands)})"
    tokens, leaves = [token], []
    for part in operands:
        tokens += part.tokens
        leaves += part.leaves
    return _Part(text, tokens, leaves)
