"""Represent, compile, simulate and train indexed chemical reaction networks (ICRN)."""

from __future__ import annotations

from importlib import import_module

from icrn_core.errors import IcrnError
from icrn_core.icrn import (
    ICRN,
    AssignedQuantity,
    BaseSpecies,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    IndexSet,
    IndexSymbol,
    Placement,
    RateConstant,
    RateLaw,
    Reference,
    Term,
)

# Loaded on first use: they import JAX, which the data model does not need.
_LAZY = {
    "Accuracy": "icrn_core.objective",
    "AuthoredNetwork": "icrn_core.authoring",
    "StochasticCode": "icrn_core.stochastic",
    "StochasticRuns": "icrn_core.stochastic",
    "author": "icrn_core.authoring",
    "base_species": "icrn_core.notation",
    "compile_stochastic": "icrn_core.stochastic",
    "fast": "icrn_core.authoring",
    "index_symbols": "icrn_core.notation",
    "limiting_reagents": "icrn_core.limiting",
    "rate_constants": "icrn_core.notation",
    "reaction": "icrn_core.authoring",
    "read_text": "icrn_core.text_reader",
    "relu": "icrn_core.notation",
    "simulate_fixed": "icrn_core.fixed_step",
    "simulate_stochastic": "icrn_core.stochastic",
    "FitOptions": "icrn_core.multistart",
    "Objective": "icrn_core.objective",
    "Start": "icrn_core.multistart",
    "Uncertainty": "icrn_core.uncertainty",
    "draw_starts": "icrn_core.multistart",
    "fisher": "icrn_core.uncertainty",
    "fit": "icrn_core.multistart",
    "losses": "icrn_core.likelihood",
    "profile": "icrn_core.profiles",
    "Descent": "icrn_core.descent",
    "Dynamics": "icrn_core.dynamics",
    "FieldSolution": "icrn_core.field_solution",
    "Grid": "icrn_core.grid",
    "simulate_field": "icrn_core.fields",
    "ExportedSimulation": "icrn_core.export",
    "Observation": "icrn_core.dynamics",
    "Solution": "icrn_core.solution",
    "ResultCode": "icrn_core.solution",
    "compile_icrn": "icrn_core.compile",
    "export_simulation": "icrn_core.export",
    "load_simulation": "icrn_core.export",
    "minimise": "icrn_core.descent",
    "conservation_laws": "icrn_core.conservation",
    "simulate": "icrn_core.simulation",
    "simulate_batch": "icrn_core.ensemble",
    "steady_state": "icrn_core.steady",
    "SteadyCode": "icrn_core.steady",
    "SteadyState": "icrn_core.steady",
}

__all__ = [
    "ICRN",
    "Accuracy",
    "AssignedQuantity",
    "AuthoredNetwork",
    "BaseSpecies",
    "Descent",
    "Dynamics",
    "ExportedSimulation",
    "FieldSolution",
    "FitOptions",
    "Grid",
    "IcrnError",
    "IndexDomain",
    "IndexSet",
    "IndexSymbol",
    "IndexedAssignment",
    "IndexedReaction",
    "Objective",
    "Observation",
    "Placement",
    "RateConstant",
    "RateLaw",
    "Reference",
    "ResultCode",
    "Solution",
    "Start",
    "SteadyCode",
    "SteadyState",
    "StochasticCode",
    "StochasticRuns",
    "Term",
    "Uncertainty",
    "author",
    "base_species",
    "compile_icrn",
    "compile_stochastic",
    "conservation_laws",
    "draw_starts",
    "export_simulation",
    "fast",
    "fisher",
    "fit",
    "index_symbols",
    "limiting_reagents",
    "load_simulation",
    "losses",
    "minimise",
    "profile",
    "rate_constants",
    "reaction",
    "read_text",
    "relu",
    "simulate",
    "simulate_batch",
<<<<<<< HEAD
    "simulate_field",
=======
    "simulate_fixed",
    "simulate_stochastic",
>>>>>>> main
    "steady_state",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'icrn_core' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return __all__
