"""Read and write reaction network files: SBML and Antimony to and from `Network`."""

from icrn_io.checks import check_network
from icrn_io.errors import ModelIOError, UnsupportedFeatureError
from icrn_io.expression import Expression, apply, infix, number, symbol
from icrn_io.loading import read_bytes, read_model
from icrn_io.network import (
    AlgebraicRule,
    AssignmentRule,
    Compartment,
    Event,
    EventAssignment,
    InitialAssignment,
    ModelUnits,
    Network,
    Parameter,
    RateRule,
    Reaction,
    SourceDocument,
    Species,
    SpeciesReference,
    UnitDefinition,
    UnsupportedFeature,
)
from icrn_io.writing import format_model, write_model

__all__ = [
    "AlgebraicRule",
    "AssignmentRule",
    "Compartment",
    "Event",
    "EventAssignment",
    "Expression",
    "InitialAssignment",
    "ModelIOError",
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
    "UnsupportedFeatureError",
    "apply",
    "check_network",
    "format_model",
    "infix",
    "number",
    "read_bytes",
    "read_model",
    "symbol",
    "write_model",
]
