"""Connected components of a graph."""

from __future__ import annotations

import numpy as np

_FEW_EDGES = 64  # a graph of so few is quicker taken apart edge by edge


def components(edges: np.ndarray, n_nodes: int) -> np.ndarray:
    """Return the number of each node's component, shape (n_nodes,).

    It is that of the component's first node: equal for nodes that are connected, and larger for
    components that begin later.

    Parameters
    ----------
    edges : int array, shape (n_edges, 2)
        Pairs of nodes.
    n_nodes : int
        Nodes are ``range(n_nodes)``.
    """
    if len(edges) > _FEW_EDGES:
        return _components_of_many(edges, n_nodes)
    parent: dict[int, int] = {}
    for a, b in edges.tolist():
        while a in parent:
            a = parent[a]
        while b in parent:
            b = parent[b]
        if a != b:
            parent[max(a, b)] = min(a, b)
    component = np.arange(n_nodes)
    for node in sorted(parent):
        component[node] = component[parent[node]]
    return component


def _components_of_many(edges: np.ndarray, n_nodes: int) -> np.ndarray:
    """Return `components`, by hooking trees to those that begin earlier until no edge joins two."""
    root = np.arange(n_nodes)
    a, b = edges.T
    while True:
        a, b = root[a], root[b]
        joins = a != b
        if not joins.any():
            return root
        a, b = a[joins], b[joins]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while True:
            higher = root[root]
            if (higher == root).all():
                break
            root = higher
