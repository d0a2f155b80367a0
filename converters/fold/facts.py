"""Facts about a network in integer columns: the first stage of folding.

Every reaction, rule and initial assignment is an *item*. Items that share a canonical rate-law
template and stoichiometries form a *group*: a table with a row per item and a column per
reactant, product, target and slot of the law. All later stages work on these columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from converters.fold.elements import Elements
from converters.fold.templates import NUMBER_KIND, SLOT, Prefix, canonical_template
from converters.folding import Role

_MAX_STRAYS = 0.1  # share of elements that may stand in another's place by an oversight


@dataclass(frozen=True, slots=True)
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
        Law as written, with its ids and numbers replaced by slots.
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
class Script:
    """How items are written: the order of what may stand in any order.

    Attributes
    ----------
    reactants, products : tuple of int
        For each participant as written, its column among the group's reactants or products.
    template : Prefix
        The law as written.
    slots : tuple of int
        For each slot as written, its slot in the group's template.
    """

    reactants: tuple[int, ...]
    products: tuple[int, ...]
    template: Prefix
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Items that share role, level, canonical template and stoichiometries.

    Attributes
    ----------
    ids : object array, shape (n_items,)
        Id of each item.
    elements : int array, shape (n_items, n_columns)
        Element codes: reactants, then products, then the slots that hold ids.
    numbers : float array, shape (n_items, n_numbers)
        Values of the slots that hold numbers and differ between items.
    slots : tuple of ("element" | "number", int) or ("literal", float)
        For each slot of ``template``: in which array and column it stands, or the number that
        all items share.
    symmetries : tuple of tuple of tuple of int
        Sets of operands (each a tuple of columns) that may change places: reactants of equal
        stoichiometry, products, factors and summands of the law.
    scripts : tuple of Script
        The ways in which the items are written.
    script : int array, shape (n_items,)
        Which of them each item is written in.
    """

    role: Role
    level: int
    template: Prefix
    reactant_stoichiometry: tuple[float, ...]
    product_stoichiometry: tuple[float, ...]
    ids: np.ndarray
    elements: np.ndarray
    numbers: np.ndarray
    slots: tuple[tuple[str, int | float], ...]
    symmetries: tuple[tuple[tuple[int, ...], ...], ...]
    scripts: tuple[Script, ...]
    script: np.ndarray

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.ids)

    @property
    def n_terms(self) -> int:
        """Number of reactant and product columns."""
        return len(self.reactant_stoichiometry) + len(self.product_stoichiometry)

    @cached_property
    def unordered(self) -> list[list[int]]:
        """Sets of commuting columns that have elements in common.

        The order in which others are written tells them apart, as in ``L_i + R_j``.
        """
        sets: list[list[int]] = []
        for symmetry in self.symmetries:
            if len(symmetry[0]) > 1 or len(self.ids) == 1:
                continue
            joined: list[tuple[list[int], np.ndarray]] = []
            for (column,) in symmetry:
                columns, held = [column], np.unique(self.elements[:, column])
                for other in [entry for entry in joined if _overlap(entry[1], held)]:
                    joined.remove(other)
                    columns, held = sorted(other[0] + columns), np.union1d(other[1], held)
                joined.append((columns, held))
            sets += [columns for columns, _ in joined if len(columns) > 1]
        return sets


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    return len(np.intersect1d(a, b, assume_unique=True)) > _MAX_STRAYS * min(len(a), len(b))


def group_items(items: Iterable[Item], elements: Elements) -> list[Group]:
    """Return the groups of the items, in order of first appearance."""
    written: dict[tuple, list[tuple[int, Item]]] = {}
    for place, item in enumerate(items):
        stoichiometries = (tuple([s for _, s in item.reactants]), tuple([s for _, s in item.products]))
        is_id = tuple([isinstance(slot, str) for slot in item.slots])
        key = (item.role, item.level, item.template, is_id, *stoichiometries)
        written.setdefault(key, []).append((place, item))
    canonical: dict[tuple, list[_Part]] = {}
    for key, members in written.items():
        for part in _parts(key, members, elements):
            canonical.setdefault(part.key, []).append(part)
    return [_merged(parts) for parts in canonical.values()]


@dataclass(frozen=True)
class _Part:
    """Items of one group that are written alike, their columns in canonical order."""

    key: tuple
    symmetries: tuple
    script: Script
    places: np.ndarray
    ids: np.ndarray
    elements: np.ndarray
    numbers: np.ndarray


def _parts(key: tuple, placed: list[tuple[int, Item]], elements: Elements) -> list[_Part]:
    """Split items that are written alike by the kinds of their elements."""
    places = np.array([place for place, _ in placed])
    items = [item for _, item in placed]
    ids = np.array([item.id for item in items], dtype=object)
    role, level, template, is_id, reactants, products = key
    code = elements.code
    id_slots = [k for k, held in enumerate(is_id) if held]
    number_slots = [k for k, held in enumerate(is_id) if not held]
    table = np.array(
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
    kinds, inverse = np.unique(elements.kinds[table], axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    parts = []
    for number, kind in enumerate(kinds):
        rows = np.flatnonzero(inverse == number)
        n_terms = len(reactants) + len(products)
        leaf_kinds = [NUMBER_KIND] * len(is_id)
        for slot, k in zip(id_slots, kind[n_terms:].tolist(), strict=True):
            leaf_kinds[slot] = f"{k:04d}"
        parts.append(
            _part(
                (role, level, reactants, products, tuple(kind[:n_terms].tolist())),
                template,
                leaf_kinds,
                (places[rows], ids[rows]),
                table[rows],
                numbers[rows],
            )
        )
    return parts


def _part(shared: tuple, template: Prefix, leaf_kinds: list[str], where, table, numbers) -> _Part:
    role, level, reactants, products, term_kinds = shared
    n_reactants = len(reactants)
    left = _term_order(reactants, term_kinds[:n_reactants])
    right = _term_order(products, term_kinds[n_reactants:])
    law = canonical_template(template, leaf_kinds)
    n_terms = n_reactants + len(products)
    column = {}  # slot as written → its column in ``table`` or ``numbers``
    n_ids = n_numbers = 0
    for slot, kind in enumerate(leaf_kinds):
        if kind == NUMBER_KIND:
            column[slot], n_numbers = n_numbers, n_numbers + 1
        else:
            column[slot], n_ids = n_terms + n_ids, n_ids + 1
    is_number = [leaf_kinds[slot] == NUMBER_KIND for slot in law.order]
    order = [*left, *(n_reactants + k for k in right)]
    order += [column[slot] for slot, held in zip(law.order, is_number, strict=True) if not held]
    number_order = [column[slot] for slot, held in zip(law.order, is_number, strict=True) if held]
    left_kinds = tuple((reactants[k], term_kinds[k]) for k in left)
    right_kinds = tuple((products[k], term_kinds[n_reactants + k]) for k in right)
    kinds = tuple(leaf_kinds[slot] for slot in law.order)
    place = np.cumsum([not held for held in is_number]) - 1 + n_terms  # columns of the slots with ids
    symmetries = [
        *_equal_runs(left_kinds, 0),
        *_equal_runs(right_kinds, n_reactants),
        *(tuple(tuple(int(place[k]) for k in slots) for slots in operands) for operands in law.symmetries),
    ]
    script = Script(_inverse(left), _inverse(right), template, _inverse(law.order))
    return _Part(
        (role, level, law.prefix, left_kinds, right_kinds, kinds),
        tuple(symmetries),
        script,
        *where,
        table[:, order],
        numbers[:, number_order],
    )


def _term_order(stoichiometry: Sequence[float], kinds: Sequence[int]) -> list[int]:
    return sorted(range(len(stoichiometry)), key=lambda k: (stoichiometry[k], kinds[k]))


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    inverse = [0] * len(order)
    for position, k in enumerate(order):
        inverse[k] = position
    return tuple(inverse)


def _equal_runs(keys: Sequence[tuple], start: int) -> list[tuple[tuple[int, ...], ...]]:
    """Return sets of single columns, numbered from ``start``, whose keys are equal."""
    places: dict[tuple, list[int]] = {}
    for position, key in enumerate(keys):
        places.setdefault(key, []).append(start + position)
    return [tuple((column,) for column in columns) for columns in places.values() if len(columns) > 1]


def _merged(parts: list[_Part]) -> Group:
    role, level, prefix, left, right, kinds = parts[0].key
    row = np.argsort(np.concatenate([part.places for part in parts]))
    numbers = np.concatenate([part.numbers for part in parts])[row]
    shared = _shared_columns(numbers)
    slots: list[tuple[str, int | float]] = []
    n_elements = len(left) + len(right)
    n_numbers = n_varying = 0
    for kind in kinds:
        if kind != NUMBER_KIND:
            slots.append(("element", n_elements))
            n_elements += 1
            continue
        if shared[n_numbers]:
            slots.append(("literal", float(numbers[0, n_numbers])))
        else:
            slots.append(("number", n_varying))
            n_varying += 1
        n_numbers += 1
    scripts = tuple(dict.fromkeys(part.script for part in parts))
    which = [np.full(len(part.ids), scripts.index(part.script)) for part in parts]
    return Group(
        role,
        level,
        _with_literals(prefix, slots),
        tuple(s for s, _ in left),
        tuple(s for s, _ in right),
        np.concatenate([part.ids for part in parts])[row],
        np.concatenate([part.elements for part in parts])[row],
        np.ascontiguousarray(numbers[:, ~shared]),
        tuple(slots),
        parts[0].symmetries,
        scripts,
        np.concatenate(which)[row],
    )


def _shared_columns(numbers: np.ndarray) -> np.ndarray:
    """Which columns hold one number throughout, compared bitwise: -0.0 is not 0.0, NaN is NaN."""
    bits = numbers.view(np.int64) if numbers.size else numbers.astype(np.int64)
    return (bits == bits[:1]).all(axis=0)


def _with_literals(prefix: Prefix, slots: Sequence[tuple]) -> Prefix:
    held = iter(slots)
    tokens = []
    for token in prefix:
        kind, value = next(held) if token == SLOT else ("", 0)
        tokens.append(value if kind == "literal" else token)
    return tuple(tokens)
