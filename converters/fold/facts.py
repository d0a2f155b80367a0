"""Facts about a network in integer columns: the first stage of folding.

Every reaction, rule and initial assignment is an *item*. Items that share a rate-law template
and stoichiometries form a *group*: a table with a row per item and a column per reactant,
product, target and slot of the law. All later stages work on these columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from converters.folding import Role
from icrn_io.expression import Expression

Prefix = tuple  # a template in prefix order: (op, n_args) tokens, SLOT, and literal floats
SLOT = "slot"

# Numbers here shape the law (a Hill coefficient, a degree, a base): they stay in the template.
_LITERAL_OPERANDS = {"power": (1,), "root": (0,), "log": (0,)}


@dataclass(frozen=True)
class Item:
    """One reaction, rule or initial assignment.

    Attributes
    ----------
    role : Role
        What it is in the flat network.
    id : str
        Id of the reaction, or variable of the rule.
    level : int
        Position in the order of evaluation (0 where order does not matter).
    template : Prefix
        Law with its ids and numbers replaced by slots.
    slots : tuple of (str or float)
        What each slot holds, in order.
    reactants, products : tuple of (str, float)
        Species and stoichiometry; a rule has its variable as only product.
    """

    role: Role
    id: str
    level: int
    template: Prefix
    slots: tuple[str | float, ...]
    reactants: tuple[tuple[str, float], ...] = ()
    products: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Group:
    """Items that share role, level, template and stoichiometries.

    Attributes
    ----------
    ids : tuple of str
        Id of each item.
    elements : int array, shape (n_items, n_columns)
        Element codes: reactants, then products, then the slots that hold ids.
    numbers : float array, shape (n_items, n_numbers)
        Values of the slots that hold numbers and differ between items.
    slots : tuple of ("element" | "number", int)
        For each slot of ``template``: in which array and column it stands.
    """

    role: Role
    level: int
    template: Prefix
    reactant_stoichiometry: tuple[float, ...]
    product_stoichiometry: tuple[float, ...]
    ids: tuple[str, ...]
    elements: np.ndarray
    numbers: np.ndarray
    slots: tuple[tuple[str, int], ...]

    @property
    def n_terms(self) -> int:
        """Number of reactant and product columns."""
        return len(self.reactant_stoichiometry) + len(self.product_stoichiometry)


def prefix_template(law: Expression) -> tuple[Prefix, tuple[str | float, ...]]:
    """Return the template of a law in prefix order, and what its slots hold.

    Each occurrence of an id or number is a slot of its own, so that ``k*M_1*M_1`` and
    ``k*M_1*M_2`` have one template.
    """
    tokens: list = []
    slots: list[str | float] = []
    stack: list[tuple[Expression, bool]] = [(law, False)]
    while stack:
        node, literal = stack.pop()
        if node.op == "symbol" or (node.op == "number" and not literal):
            tokens.append(SLOT)
            slots.append(node.payload)
        elif node.op == "number":
            tokens.append(node.payload)
        else:
            tokens.append((node.op, len(node.args)))
            kept = _LITERAL_OPERANDS.get(node.op, ())
            for position in reversed(range(len(node.args))):
                stack.append((node.args[position], position in kept))
    return tuple(tokens), tuple(slots)


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


def group_items(items: Iterable[Item], code: dict[str, int]) -> list[Group]:
    """Return the groups of the items, in order of first appearance.

    Parameters
    ----------
    items : iterable of Item
    code : dict of str to int
        Code of each element id.
    """
    buckets: dict[tuple, list[Item]] = {}
    for item in items:
        kinds = tuple(isinstance(slot, str) for slot in item.slots)
        key = (
            item.role,
            item.level,
            item.template,
            kinds,
            tuple(s for _, s in item.reactants),
            tuple(s for _, s in item.products),
        )
        buckets.setdefault(key, []).append(item)
    return [_group(key, members, code) for key, members in buckets.items()]


def _group(key: tuple, items: list[Item], code: dict[str, int]) -> Group:
    role, level, template, kinds, reactants, products = key
    id_slots = [k for k, is_id in enumerate(kinds) if is_id]
    number_slots = [k for k, is_id in enumerate(kinds) if not is_id]
    elements = np.array(
        [
            [code[s] for s, _ in item.reactants]
            + [code[s] for s, _ in item.products]
            + [code[item.slots[k]] for k in id_slots]
            for item in items
        ],
        dtype=np.int64,
    ).reshape(len(items), -1)
    numbers = np.array([[item.slots[k] for k in number_slots] for item in items], dtype=float)
    numbers = numbers.reshape(len(items), len(number_slots))
    template, numbers, number_slots = _inline_constants(template, numbers, number_slots)
    n_terms = len(reactants) + len(products)
    place = {k: ("element", n_terms + column) for column, k in enumerate(id_slots)}
    place |= {k: ("number", column) for column, k in enumerate(number_slots)}
    slots = tuple(place[k] for k in sorted(place))
    ids = tuple(item.id for item in items)
    return Group(role, level, template, reactants, products, ids, elements, numbers, slots)


def _inline_constants(template: Prefix, numbers: np.ndarray, slots: list[int]):
    """Put the numbers that all items share back into the template."""
    bits = numbers.view(np.int64) if numbers.size else numbers.astype(np.int64)
    shared = (bits == bits[:1]).all(axis=0)  # bitwise: -0.0 is not 0.0, NaN is NaN
    value = {k: float(numbers[0, column]) for column, k in enumerate(slots) if shared[column]}
    tokens, slot = [], -1
    for token in template:
        slot += token == SLOT
        tokens.append(value[slot] if token == SLOT and slot in value else token)
    varying = [k for column, k in enumerate(slots) if not shared[column]]
    return tuple(tokens), np.ascontiguousarray(numbers[:, ~shared]), varying
