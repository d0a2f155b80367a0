"""Folding, data binding, simulator bridges and commands: the bridge between files and dynamics.

The public names are loaded on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module

_HOME = {
    "Fit": "converters.training.train",
    "TrainingOptions": "converters.training.train",
    "TrainingProblem": "converters.training.problem",
    "bind": "converters.training.binding",
    "cross_check": "converters.training.cross_check",
    "fitted_model": "converters.training.results",
    "html_report": "converters.training.report",
    "read_petab": "converters.training.petab",
    "read_table": "converters.training.table",
    "train": "converters.training.train",
    "uncertainty": "converters.training.trust",
    "write_petab": "converters.training.petab_export",
    "Folding": "converters.folding",
    "Hints": "converters.hints",
    "TimeCourse": "converters.time_course",
    "cross_validate": "converters.validation",
    "describe": "converters.show",
    "enumerate_network": "converters.enumerate",
    "fold_network": "converters.fold",
    "load_folding": "converters.archive",
    "load_hints": "converters.hints",
    "plain_folding": "converters.lowering.plain",
    "profiled": "converters.profiling",
    "run_stochastic": "converters.stochastic",
    "run_time_course": "converters.time_course",
    "save_folding": "converters.archive",
    "use_cache": "converters.cache",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'converters' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
