"""The orders in which the items of a block are written, in terms of the block's columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from converters.fold.axes import Block
from converters.fold.facts import Group, Script
from converters.fold.templates import Prefix

Leaf = tuple[str, int | float]  # ("element", column of the block), ("number", column), ("literal", value)


@dataclass(frozen=True)
class Form:
    """One way in which items are written.

    Attributes
    ----------
    reactants, products : tuple of int
        The block's column of each participant, in written order.
    template : Prefix
        The law as written.
    leaves : tuple of Leaf
        What its slots hold.
    """

    reactants: tuple[int, ...]
    products: tuple[int, ...]
    template: Prefix
    leaves: tuple[Leaf, ...]


def written_forms(block: Block) -> tuple[list[Form], np.ndarray]:
    """Return the forms of a block's items, the commonest first, and the number of each item's."""
    group, script = block.group, block.group.script[block.rows]
    moved = [] if block.order is None else [block.order]
    table = np.concatenate([script[:, None], *moved], axis=1)
    kinds, inverse, counts = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    forms = [_form(group, group.scripts[row[0]], row[1:]) for row in kinds[order].tolist()]
    return forms, number[inverse.reshape(-1)]


def _form(group: Group, script: Script, order: list[int]) -> Form:
    """Return a form; ``order[c]`` is the group's column that the block's column c comes from."""
    place = {column: c for c, column in enumerate(order)}
    n_reactants = len(group.reactant_stoichiometry)

    def leaf(slot: int) -> Leaf:
        kind, value = group.slots[slot]
        return (kind, place.get(value, value)) if kind == "element" else (kind, value)

    return Form(
        tuple(place.get(k, k) for k in script.reactants),
        tuple(place.get(n_reactants + k, n_reactants + k) for k in script.products),
        script.template,
        tuple(leaf(slot) for slot in script.slots),
    )
