"""Antimony text to and from SBML, through the antimony library and its global state."""

from __future__ import annotations

import re
import threading

import antimony

from icrn_io.errors import ModelIOError

# The library keeps every model it has loaded in global variables.
_lock = threading.Lock()


def antimony_to_sbml(text: str, name: str) -> str:
    """Return the SBML L3 translation of the last (main) model of an Antimony text.

    Raises
    ------
    ModelIOError
        A syntax error, with line and column as antimony reports them.
    """
    with _lock:
        _forget()
        try:
            if antimony.loadAntimonyString(text) == -1:
                raise ModelIOError(f"{name}: not valid Antimony: {_last_error()}")
            sbml = antimony.getSBMLString(antimony.getMainModuleName())
            if not sbml:
                raise ModelIOError(f"{name}: the Antimony has no SBML translation: {_last_error()}")
            return sbml
        finally:
            _forget()


def sbml_to_antimony(sbml: str, name: str) -> str:
    """Return the Antimony translation of an SBML text.

    Raises
    ------
    ModelIOError
        antimony cannot load the SBML.
    """
    with _lock:
        _forget()
        try:
            if antimony.loadSBMLString(sbml) == -1:
                raise ModelIOError(f"{name}: the SBML has no Antimony translation: {_last_error()}")
            return antimony.getAntimonyString(antimony.getMainModuleName())
        finally:
            _forget()


def _forget() -> None:
    """Free what the library holds: without this it leaks every model."""
    antimony.clearPreviousLoads()
    antimony.freeAll()


def _last_error() -> str:
    message = " ".join((antimony.getLastError() or "no reason given").split())
    return re.sub(r"^Error in model string,\s*", "", message)
