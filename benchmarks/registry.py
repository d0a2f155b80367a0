"""The simulators by the name they have on the command line; classes are imported on demand."""

from __future__ import annotations

from importlib import import_module

OURS = "ours"

PEERS: dict[str, tuple[str, str]] = {
    OURS: ("ours", "Ours"),
    "libroadrunner": ("peers_cvode", "LibRoadRunner"),
    "bngsim": ("peers_cvode", "Bngsim"),
    "copasi": ("peers_cvode", "Copasi"),
    "amici": ("peers_cvode", "Amici"),
    "kvaerno5": ("peers_jax", "Kvaerno5"),
    "sbmltoodejax": ("peers_jax", "SbmlToOdeJax"),
    "scipy_bdf": ("peers_jax", "ScipyBDF"),
    "scipy_lsoda": ("peers_jax", "ScipyLSODA"),
    "scipy_radau": ("peers_jax", "ScipyRadau"),
}

# Of interest for the choice of a method; they are left out of cold starts and ratios.
COUNTED_ONLY = ("scipy_bdf", "scipy_lsoda", "scipy_radau")


def peer_class(name: str) -> type:
    """Return the class of a simulator."""
    module, attribute = PEERS[name]
    return getattr(import_module(module), attribute)
