"""Folding: find the index structure of a flat network and prove it exact."""

from converters.fold.search import fold_network

__all__ = ["fold_network"]
