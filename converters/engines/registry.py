"""The engines by name."""

from __future__ import annotations

import locale
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Literal

from converters.errors import EngineError
from converters.profiling import span
from icrn_io.errors import ModelIOError


@dataclass(frozen=True)
class Engine:
    """A simulator.

    Attributes
    ----------
    name : str
        What users call it.
    module : str
        Where its ``run(subject, times, settings) -> TimeCourse`` is.
    wants : {"folding", "network"}
        What ``subject`` is.
    needs, install : str
        The package it imports, and what to install to have it.
    """

    name: str
    module: str
    wants: Literal["folding", "network"]
    needs: str
    install: str

    def run(self, subject, times, settings):
        """Run the engine on a `Folding` or `Network`; return its `TimeCourse`."""
        try:
            with span("import"):
                _import_keeping_locale(self.needs)
        except ImportError as error:
            hint = f"cannot be used here ({error}); try: pip install {self.install}"
            raise EngineError(self.name, hint) from None
        with span("import"):
            module = import_module(self.module)
        return module.run(subject, times, settings)


def _import_keeping_locale(name: str) -> None:
    # Importing COPASI sets the locale of the process to "C", and with it Python's default encoding.
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        import_module(name)
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("icrn", "converters.engines.icrn", "folding", "jax", "icrn-sbml"),
        Engine("tellurium", "converters.engines.tellurium", "network", "roadrunner", "'icrn-sbml[validate]'"),
        Engine("copasi", "converters.engines.copasi", "network", "COPASI", "'icrn-sbml[validate]'"),
    )
}


def find_engine(name: str) -> Engine:
    """Return the engine of that name.

    Raises
    ------
    ModelIOError
        There is none; the message lists those there are.
    """
    if name in ENGINES:
        return ENGINES[name]
    near = get_close_matches(str(name), ENGINES, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise ModelIOError(f"no engine is called '{name}': {hint}there are {', '.join(ENGINES)}")
