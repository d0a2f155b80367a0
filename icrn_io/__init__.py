"""Read and write reaction network files: SBML and Antimony to and from `Network`.

The public names are loaded on first use: what only handles networks does not load libsbml.
"""

from __future__ import annotations

from importlib import import_module

_NAMES = {
    "icrn_io.checks": ("check_network",),
    "icrn_io.errors": ("ModelIOError", "UnsupportedFeatureError"),
    "icrn_io.expression": ("Expression", "apply", "infix", "number", "symbol"),
    "icrn_io.loading": ("read_bytes", "read_model"),
    "icrn_io.network": (
        "AlgebraicRule",
        "AssignmentRule",
        "Compartment",
        "Event",
        "EventAssignment",
        "InitialAssignment",
        "ModelUnits",
        "Network",
        "Parameter",
        "RateRule",
        "Reaction",
        "SourceDocument",
        "Species",
        "SpeciesReference",
        "UnitDefinition",
        "UnsupportedFeature",
    ),
    "icrn_io.writing": ("format_model", "write_model"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'icrn_io' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
