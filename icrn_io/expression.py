"""Hash-consed expression trees for the mathematics of a model.

Every tree is built from three constructors, `number`, `symbol` and `apply`. Equal trees are
one object, so that equality is identity, hashing is free and shared subtrees cost nothing.
Operators carry their MathML 2 names (``plus``, ``times``, ``power``, ``piecewise``, ...);
the csymbols of SBML are operators too (``time``, ``avogadro``, ``delay``, ``rateOf``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import copysign
from weakref import ref


class _Entry(ref):
    """A weak reference that knows its key: it leaves the table when its node dies."""

    __slots__ = ("key",)


_interned: dict[tuple, _Entry] = {}


def _forget(entry: _Entry, interned: dict[tuple, _Entry] = _interned) -> None:
    if interned.get(entry.key) is entry:
        del interned[entry.key]


class Expression:
    """One node of an expression tree; equal trees are the same object.

    Attributes
    ----------
    op : str
        ``"number"``, ``"symbol"`` or a MathML operator name.
    args : tuple of Expression
        Operands; empty for leaves. ``piecewise`` holds value, condition, value, condition,
        ..., and last the ``otherwise`` value where there is one (an odd count).
    payload : float or str or None
        The value of a number, the id of a symbol, else None.
    """

    __slots__ = ("__weakref__", "args", "op", "payload")

    op: str
    args: tuple[Expression, ...]
    payload: float | str | None

    def __new__(cls, op: str, args: tuple[Expression, ...] = (), payload=None) -> Expression:
        """Return the one node with these contents."""
        tag = payload
        if payload != payload or payload == 0:  # NaN differs from itself, and two zeros are equal
            tag = (str(payload), copysign(1.0, payload))
        key = (op, tag, *map(id, args))
        entry = _interned.get(key)
        node = None if entry is None else entry()
        if node is None:
            node = object.__new__(cls)
            _set_op(node, op)
            _set_args(node, args)
            _set_payload(node, payload)
            entry = _Entry(node, _forget)
            entry.key = key
            _interned[key] = entry
        return node

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Expression is immutable: cannot set '{name}'")

    def __reduce__(self):
        return Expression, (self.op, self.args, self.payload)

    def __repr__(self) -> str:
        return f"Expression({infix(self)!r})"

    def __iter__(self) -> Iterator[Expression]:
        """Each distinct node once, operands before the operators that use them."""
        seen: set[int] = set()
        stack: list[tuple[Expression, bool]] = [(self, False)]
        while stack:
            node, expanded = stack.pop()
            if expanded:
                yield node
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((arg, False) for arg in reversed(node.args))

    def symbols(self) -> frozenset[str]:
        """Ids that occur in the tree."""
        return frozenset([node.payload for node in nodes([self]) if node.op == "symbol"])

    def operators(self) -> frozenset[str]:
        """Operator names that occur in the tree, leaves excluded."""
        return frozenset([node.op for node in nodes([self]) if node.op not in ("number", "symbol")])


# What `__setattr__` refuses, and faster than `object.__setattr__`.
_set_op = Expression.op.__set__
_set_args = Expression.args.__set__
_set_payload = Expression.payload.__set__


def nodes(expressions: Iterable[Expression]) -> set[Expression]:
    """Return the distinct nodes of some trees; what the trees share is walked once."""
    stack = list(expressions)
    seen = set(stack)
    while stack:
        for arg in stack.pop().args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return seen


def number(value: float) -> Expression:
    """Return the leaf for a float64 value; NaN and the sign of zero are kept."""
    return Expression("number", (), float(value))


def symbol(name: str) -> Expression:
    """Return the leaf for an id of the model."""
    return Expression("symbol", (), name)


def apply(op: str, args: Iterable[Expression] = ()) -> Expression:
    """Return the node of a MathML operator (or csymbol) over its operands."""
    return Expression(op, tuple(args))


_RELATIONS = {"eq": " == ", "neq": " != ", "lt": " < ", "leq": " <= ", "gt": " > ", "geq": " >= "}
_INFIX = {"or": (" or ", -3), "and": (" and ", -2), **{op: (sign, -1) for op, sign in _RELATIONS.items()}}
_INFIX |= {"plus": (" + ", 1), "minus": (" - ", 1), "times": ("*", 2), "divide": ("/", 2), "power": ("^", 4)}
_NEGATION = 3
_ATOM = 5


def infix(expression: Expression) -> str:
    """Return the tree as a formula for people, with the parentheses it needs and no more."""
    done: dict[int, tuple[str, int]] = {}
    for node in expression:
        done[id(node)] = _infix_node(node, [done[id(arg)] for arg in node.args])
    return done[id(expression)][0]


def _infix_node(node: Expression, args: list[tuple[str, int]]) -> tuple[str, int]:
    if node.op == "symbol":
        return str(node.payload), _ATOM
    if node.op == "number":
        text = repr(node.payload)
        text = text.removesuffix(".0")
        return text, (_NEGATION if text.startswith("-") else _ATOM)
    if node.op == "minus" and len(args) == 1:
        return "-" + _wrap(args[0], _NEGATION), _NEGATION
    if node.op in _INFIX and len(args) > 1:
        sign, level = _INFIX[node.op]
        strict_left = node.op == "power" or node.op in _RELATIONS
        strict_right = node.op in ("minus", "divide", *_RELATIONS)
        parts = [_wrap(args[0], level + strict_left)]
        parts += [_wrap(arg, level + strict_right) for arg in args[1:]]
        return sign.join(parts), level
    return f"{node.op}({', '.join(text for text, _ in args)})" if args else node.op, _ATOM


def _wrap(part: tuple[str, int], level: int) -> str:
    text, own = part
    return text if own >= level else f"({text})"
