"""The simulators by the name they have on the command line; classes are imported on demand."""

from __future__ import annotations

from importlib import import_module

OURS = "ours"

PEERS: dict[str, tuple[str, str]] = {
    OURS: ("peer_ours", "Ours"),
    "libroadrunner": ("peer_cvode", "LibRoadRunner"),
    "bngsim": ("peer_cvode", "Bngsim"),
    "copasi": ("peer_cvode", "Copasi"),
    "amici": ("peer_cvode", "Amici"),
    "kvaerno5": ("peer_jax", "Kvaerno5"),
    "sbmltoodejax": ("peer_jax", "SbmlToOdeJax"),
    "scipy_bdf": ("peer_jax", "ScipyBDF"),
    "scipy_lsoda": ("peer_jax", "ScipyLSODA"),
    "scipy_radau": ("peer_jax", "ScipyRadau"),
}

# Of interest for the choice of a method; they are left out of cold starts and ratios.
COUNTED_ONLY = ("scipy_bdf", "scipy_lsoda", "scipy_radau")


def peer_class(name: str) -> type:
    """Return the class of a simulator."""
    module, attribute = PEERS[name]
    return getattr(import_module(module), attribute)
