"""Connected components of a graph."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_FEW_EDGES = 64  # a graph of so few is quicker taken apart edge by edge


def components(edges: np.ndarray, n_nodes: int) -> np.ndarray:
    """Return the number of each node's component, shape (n_nodes,).

    Equal for nodes that are connected, and larger for components that begin later.

    Parameters
    ----------
    edges : int array, shape (n_edges, 2)
        Pairs of nodes.
    n_nodes : int
        Nodes are ``range(n_nodes)``.
    """
    if len(edges) > _FEW_EDGES:
        graph = coo_array((np.ones(len(edges), dtype=bool), edges.T), shape=(n_nodes, n_nodes))
        return connected_components(graph, directed=False)[1]
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
