"""Expression trees: equal trees are one object, for as long as someone holds them."""

from __future__ import annotations

import copy
import gc
import math

import pytest

from icrn_io import expression
from icrn_io.expression import Expression, apply, nodes, number, symbol


def tree() -> Expression:
    shared = apply("plus", [symbol("a"), number(2.0)])
    return apply("times", [shared, shared, symbol("b"), apply("time")])


@pytest.mark.parametrize("make", [tree, lambda: symbol("x"), lambda: number(0.1), lambda: number(math.nan)])
def test_equal_trees_are_one_object(make):
    first = make()
    assert make() is first
    assert copy.deepcopy(first) is first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (number(0.0), number(-0.0)),
        (number(math.nan), number(0.0)),
        (symbol("nan"), number(math.nan)),
        (symbol("1.0"), number(1.0)),
        (apply("minus", [symbol("a")]), apply("minus", [symbol("a"), symbol("a")])),
        (apply("plus", [symbol("a"), symbol("b")]), apply("plus", [symbol("b"), symbol("a")])),
    ],
)
def test_different_trees_are_two(one, other):
    assert one is not other
    assert one != other


def test_what_nobody_holds_is_forgotten():
    gc.collect()
    before = len(expression._interned)
    held = tree()
    assert len(expression._interned) > before
    del held
    assert len(expression._interned) == before


def test_deep_trees_come_and_go():
    node = symbol("x")
    for _ in range(100_000):
        node = apply("sin", [node])
    assert len(nodes([node])) == 100_001
    assert node.symbols() == {"x"}
    assert node.operators() == {"sin"}
    del node
    assert apply("sin", [symbol("x")]).args[0] is symbol("x")


def test_nodes_of_several_trees_are_counted_once():
    one, other = tree(), apply("exp", [tree()])
    assert nodes([one, other]) == nodes([other]) == {other, *one}
    assert nodes([]) == set()


def test_a_node_cannot_be_changed():
    with pytest.raises(AttributeError, match="immutable"):
        symbol("a").op = "number"
