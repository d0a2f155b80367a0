"""Frozen dataclasses to strict JSON and back, driven by their type annotations.

An object is written with the fields that differ from their defaults. What is shared or long
goes into tables beside the tree and is written as its number there: formulas (one row per
distinct node, operands first, so that no formula is too deep), index sets, and arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from math import copysign, inf, isfinite, isnan, nan
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from icrn_core.icrn import IndexSet
from icrn_io.expression import Expression
from icrn_io.network import SourceDocument

MAX_TEMPLATE_NODES = 1_000_000

_NAMES = {"NaN": nan, "Infinity": inf, "-Infinity": -inf}
_LEAVES = ("number", "symbol", "slot")
_SEPARATE = (SourceDocument,)  # kept as members of their own


class SchemaError(ValueError):
    """A JSON tree does not say what its place wants; the message says where."""


@lru_cache
def _fields(cls: type) -> tuple[tuple[str, Any, Any], ...]:
    hints = get_type_hints(cls)
    described = []
    for field in fields(cls):
        if not field.init or any(kind in _SEPARATE for kind in get_args(hints[field.name])):
            continue
        default = field.default if field.default_factory is MISSING else field.default_factory()
        described.append((field.name, hints[field.name], default))
    return tuple(described)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _is_template(kind: Any) -> bool:
    return kind is tuple or (_is_union(kind) and tuple in get_args(kind))


def write_float(value: float) -> float | str:
    """Return a float64 as JSON has it: the number, or the name of one that is not finite."""
    if isfinite(value):
        return float(value)
    return "NaN" if isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def read_float(json: Any, where: str) -> float:
    """Return the float64 that `write_float` wrote."""
    if isinstance(json, float) and isfinite(json):
        return json
    if isinstance(json, int) and not isinstance(json, bool) and abs(json) <= 2**53:
        return float(json)
    if isinstance(json, str) and json in _NAMES:
        return _NAMES[json]
    raise SchemaError(f"{where}: expected a number, found {_shown(json)}")


def _shown(json: Any) -> str:
    text = repr(json) if not isinstance(json, (list, dict)) else f"a {type(json).__name__} of {len(json)}"
    return text if len(text) < 60 else text[:57] + "..."


class Writer:
    """Turns values into JSON trees, collecting the tables they refer to.

    Attributes
    ----------
    nodes : list of list
        ``[operator, operand number, ...]``; leaves are ``["number", x]``, ``["symbol", id]``
        and ``["slot", k]``.
    index_sets : list of dict
        Name and labels.
    arrays : list of ndarray
        In order of use.
    """

    def __init__(self) -> None:
        self.nodes: list[list] = []
        self.index_sets: list[dict] = []
        self.arrays: list[np.ndarray] = []
        self._node_numbers: dict[tuple, int] = {}
        self._set_numbers: dict[IndexSet, int] = {}

    def write(self, value: Any, kind: Any) -> Any:
        """Return the JSON tree of a value of a type."""
        if value is None:
            return None
        if isinstance(value, np.ndarray):
            self.arrays.append(value)
            return len(self.arrays) - 1
        if isinstance(value, Expression):
            return self._write_expression(value)
        if isinstance(value, IndexSet):
            return self._write_index_set(value)
        if _is_template(kind):
            return self._write_template(value)
        if is_dataclass(value):
            return self._write_object(value, tagged=_is_union(kind) and _n_dataclasses(kind) > 1)
        if isinstance(value, (float, np.floating)):
            return write_float(float(value))
        if isinstance(value, (np.integer, np.bool_)):
            return value.item()
        if isinstance(value, tuple):
            return [
                self.write(item, item_kind)
                for item, item_kind in zip(value, _item_kinds(kind, len(value)), strict=True)
            ]
        if isinstance(value, Mapping):
            return {key: self.write(item, get_args(kind)[1]) for key, item in value.items()}
        return value

    def _write_object(self, value: Any, tagged: bool) -> dict:
        json = {"type": type(value).__name__} if tagged else {}
        for name, kind, default in _fields(type(value)):
            item = getattr(value, name)
            if not _is_default(item, default):
                json[name] = self.write(item, kind)
        return json

    def _write_index_set(self, index_set: IndexSet) -> int:
        if index_set not in self._set_numbers:
            self._set_numbers[index_set] = len(self.index_sets)
            self.index_sets.append({"name": index_set.name, "labels": list(index_set.labels)})
        return self._set_numbers[index_set]

    def _node(self, row: tuple) -> int:
        key = (*row[:-1], repr(row[-1]))  # 0.0 and -0.0 are equal and not the same
        if key not in self._node_numbers:
            self._node_numbers[key] = len(self.nodes)
            self.nodes.append([row[0], *(write_float(x) if isinstance(x, float) else x for x in row[1:])])
        return self._node_numbers[key]

    def _write_expression(self, expression: Expression) -> int:
        numbers: dict[int, int] = {}
        for node in expression:
            leaf = node.op in ("number", "symbol")
            row = (node.op, node.payload) if leaf else (node.op, *(numbers[id(arg)] for arg in node.args))
            numbers[id(node)] = self._node(row)
        return numbers[id(expression)]

    def _write_template(self, template: tuple | float) -> int:
        numbers: dict[int, int] = {}
        stack = [(template, False)]
        while stack:
            node, is_expanded = stack.pop()
            if id(node) in numbers:
                continue
            if not isinstance(node, tuple):
                numbers[id(node)] = self._node(("number", float(node)))
            elif node[0] == "slot":
                numbers[id(node)] = self._node(("slot", int(node[1])))
            elif is_expanded:
                numbers[id(node)] = self._node((node[0], *(numbers[id(arg)] for arg in node[1:])))
            else:
                stack.append((node, True))
                stack.extend((arg, False) for arg in node[1:])
        return numbers[id(template)]


def _is_default(value: Any, default: Any) -> bool:
    if type(value) is not type(default) or isinstance(value, np.ndarray):
        return False
    if isinstance(value, float):
        return value == default and copysign(1.0, value) == copysign(1.0, default)
    return bool(value == default)


def _n_dataclasses(kind: Any) -> int:
    return sum(is_dataclass(option) for option in get_args(kind))


def _item_kinds(kind: Any, length: int) -> tuple:
    args = get_args(kind)
    return (args[0],) * length if len(args) == 2 and args[1] is Ellipsis else args


class Reader:
    """Turns the JSON trees of `Writer` back into values, trusting nothing.

    Parameters
    ----------
    nodes, index_sets : JSON
        The tables.
    array : callable
        Number of an array → the array, or `SchemaError`.
    """

    def __init__(self, nodes: Any, index_sets: Any, array) -> None:
        self._array = array
        self.index_sets = tuple(
            self._read_index_set(json, f"index set {k}")
            for k, json in enumerate(_list(index_sets, "index_sets"))
        )
        self._nodes = _list(nodes, "nodes")
        self._expressions: dict[int, Expression] = {}
        self._templates: dict[int, tuple | float] = {}
        self._sizes: dict[int, int] = {}

    def read(self, json: Any, kind: Any, where: str) -> Any:
        """Return the value of a type that a JSON tree stands for.

        Raises
        ------
        SchemaError
            It stands for none.
        """
        if kind is np.ndarray:
            return self._array(json, where)
        if kind is Expression:
            return self._read_node(json, where, self._expressions, _expression_node)
        if kind is IndexSet:
            return self.index_sets[_position(json, len(self.index_sets), where)]
        if _is_template(kind):
            return self._read_template(json, where)
        if is_dataclass(kind):
            return self._read_object(json, kind, where)
        if _is_union(kind):
            return self._read_union(json, kind, where)
        if get_origin(kind) is tuple:
            return self._read_tuple(json, kind, where)
        if get_origin(kind) is Literal:
            if json not in get_args(kind):
                raise SchemaError(f"{where}: expected one of {get_args(kind)}, found {_shown(json)}")
            return json
        if kind is float:
            return read_float(json, where)
        if get_origin(kind) is not None:
            item_kind = get_args(kind)[1]
            return {
                key: self.read(item, item_kind, f"{where}.{key}") for key, item in _dict(json, where).items()
            }
        if type(json) is not kind:
            raise SchemaError(f"{where}: expected {kind.__name__}, found {_shown(json)}")
        return json

    def _read_object(self, json: Any, kind: type, where: str) -> Any:
        rest = dict(_dict(json, where))
        arguments = {}
        for name, field_kind, default in _fields(kind):
            if name in rest:
                arguments[name] = self.read(rest.pop(name), field_kind, f"{where}.{name}")
            elif default is MISSING:
                raise SchemaError(f"{where}: {kind.__name__} lacks '{name}'")
        if rest:
            raise SchemaError(f"{where}: {kind.__name__} has no field {_shown(next(iter(rest)))}")
        return kind(**arguments)

    def _read_union(self, json: Any, kind: Any, where: str) -> Any:
        options = [option for option in get_args(kind) if option is not NoneType]
        if json is None and NoneType in get_args(kind):
            return None
        if len(options) == 1:
            return self.read(json, options[0], where)
        if all(is_dataclass(option) for option in options):
            rest = dict(_dict(json, where))
            tag = rest.pop("type", None)
            for option in options:
                if tag == option.__name__:
                    return self._read_object(rest, option, where)
        for option in options:
            if type(json) is option:
                return json
        raise SchemaError(
            f"{where}: expected {' or '.join(o.__name__ for o in options)}, found {_shown(json)}"
        )

    def _read_tuple(self, json: Any, kind: Any, where: str) -> tuple:
        items = _list(json, where)
        kinds = _item_kinds(kind, len(items))
        if len(kinds) != len(items):
            raise SchemaError(f"{where}: expected {len(kinds)} items, found {len(items)}")
        return tuple(
            self.read(item, k, f"{where}[{n}]") for n, (item, k) in enumerate(zip(items, kinds, strict=True))
        )

    def _read_index_set(self, json: Any, where: str) -> IndexSet:
        name = self.read(_dict(json, where).get("name"), str, f"{where}.name")
        return IndexSet(name, self.read(json.get("labels"), tuple[str, ...], f"{where}.labels"))

    def _read_node(self, json: Any, where: str, done: dict, build) -> Any:
        stack = [_position(json, len(self._nodes), where)]
        while stack:
            number = stack[-1]
            operator, *operands = self._row(number)
            if operator not in _LEAVES:
                operands = [_position(operand, number, f"nodes[{number}]") for operand in operands]
                missing = [operand for operand in operands if operand not in done]
                if number not in done and missing:
                    stack.extend(missing)
                    continue
                operands = [done[operand] for operand in operands]
            done[number] = build(operator, operands, f"nodes[{number}]")
            stack.pop()
        return done[json]

    def _read_template(self, json: Any, where: str) -> tuple | float:
        # Rows that share operands can be few here and exponentially many as a tree.
        number = _position(json, len(self._nodes), where)
        if self._tree_size(number) > MAX_TEMPLATE_NODES:
            raise SchemaError(f"{where}: a rate-law template of more than {MAX_TEMPLATE_NODES} nodes")
        return self._read_node(number, where, self._templates, _template_node)

    def _tree_size(self, root: int) -> int:
        stack = [root]
        while stack:
            row = self._row(stack[-1])
            operands = (
                [] if row[0] in _LEAVES else [_position(k, stack[-1], f"nodes[{stack[-1]}]") for k in row[1:]]
            )
            missing = [k for k in operands if k not in self._sizes]
            if missing:
                stack.extend(missing)
            else:
                self._sizes[stack.pop()] = 1 + sum(self._sizes[k] for k in operands)
        return self._sizes[root]

    def _row(self, number: int) -> list:
        row = _list(self._nodes[number], f"nodes[{number}]")
        if not row or type(row[0]) is not str or (row[0] in _LEAVES and len(row) != 2):
            raise SchemaError(f"nodes[{number}]: expected [operator, operands...], found {_shown(row)}")
        return row


def _expression_node(operator: str, operands: list, where: str) -> Expression:
    if operator == "number":
        return Expression("number", (), read_float(operands[0], where))
    if operator == "symbol":
        if type(operands[0]) is not str:
            raise SchemaError(f"{where}: expected an id, found {_shown(operands[0])}")
        return Expression("symbol", (), operands[0])
    if operator == "slot":
        raise SchemaError(f"{where}: a slot outside a rate-law template")
    return Expression(operator, tuple(operands))


def _template_node(operator: str, operands: list, where: str) -> tuple | float:
    if operator == "number":
        return read_float(operands[0], where)
    if operator == "slot":
        if type(operands[0]) is not int or operands[0] < 0:
            raise SchemaError(f"{where}: expected the number of a slot, found {_shown(operands[0])}")
        return ("slot", operands[0])
    if operator == "symbol":
        raise SchemaError(f"{where}: an id inside a rate-law template")
    return (operator, *operands)


def _position(json: Any, length: int, where: str) -> int:
    if type(json) is not int or not 0 <= json < length:
        raise SchemaError(f"{where}: expected a row number below {length}, found {_shown(json)}")
    return json


def _list(json: Any, where: str) -> list:
    if not isinstance(json, list):
        raise SchemaError(f"{where}: expected a list, found {_shown(json)}")
    return json


def _dict(json: Any, where: str) -> dict:
    if not isinstance(json, dict):
        raise SchemaError(f"{where}: expected an object, found {_shown(json)}")
    return json
