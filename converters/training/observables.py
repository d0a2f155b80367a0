"""Observables: ids of the model, and formulas over them that the user defines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from converters.training.csv_file import did_you_mean
from converters.training.patterns import IDENTIFIER
from converters.training.problem import Observable
from converters.training.settings import read_settings
from converters.training.values import element_ids, formula_names
from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression, symbol
from icrn_io.formula import read_formula
from icrn_io.network import Network

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def read_observables(texts: Iterable[str]) -> dict[str, str]:
    """Return the observables in texts such as ``total=A+B``, by name.

    Raises
    ------
    ModelIOError
        A text has another form, or a name stands twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, sign, formula = (part.strip() for part in text.partition("="))
        if not sign or not formula or not IDENTIFIER.fullmatch(name):
            raise ModelIOError(f"observable '{text}': expected NAME=FORMULA, such as total=A+B")
        if name in found:
            raise ModelIOError(f"observable '{name}' is defined twice")
        found[name] = formula
    return found


def own_names(
    network: Network,
    fit: list[str],
    formulas: Mapping[str, str],
    conditions: Mapping[str, Mapping[str, float | str]],
) -> list[str]:
    """Return the names to fit that are not of the model, but of a formula."""
    known = {*element_ids(network), *(reaction.id for reaction in network.reactions)}
    cells = (cell for condition in conditions.values() for cell in condition.values())
    texts = [*formulas.values(), *(cell for cell in cells if isinstance(cell, str))]
    words = {word for text in texts for word in _WORD.findall(text)} - known
    patterns = (read_settings(text).pattern for text in fit)
    return list(dict.fromkeys(pattern for pattern in patterns if pattern in words))


def defined_observables(
    network: Network, given: Mapping[str, str], own: Iterable[str]
) -> dict[str, Expression]:
    """Return the formulas of observables that the user defines.

    Parameters
    ----------
    network : Network
        The model.
    given : mapping of str to str
        Name → infix formula.
    own : iterable of str
        Names of fitted parameters that are not of the model.

    Raises
    ------
    ModelIOError
        A name is taken, or a formula cannot be read or names what does not exist.
    """
    names = formula_names(network)
    for name in given:
        if name in names or not IDENTIFIER.fullmatch(name):
            reason = "is an id of the model" if name in names else "is no name (letters, digits and _)"
            raise ModelIOError(f"observable '{name}' {reason}: give it a name of its own")
    scope = {**names, **{name: symbol(name) for name in own}}
    return {name: _formula(text, scope, name) for name, text in given.items()}


def _formula(text: str, scope: Mapping[str, Expression], name: str) -> Expression:
    try:
        return read_formula(text, scope, f"observable '{name}'")
    except ModelIOError as error:
        unknown = [word for word in _WORD.findall(text) if f"names '{word}'" in str(error)]
        if not unknown:
            raise
        near = did_you_mean(unknown[0], scope)
        advice = near or "to fit a parameter of the observable alone, name it with bounds"
        raise ModelIOError(f"{error}: {advice}") from None


def why_not(network: Network, known: Mapping[str, Expression]) -> dict[str, str]:
    """Return, for ids of the model that cannot be measured, the reason."""
    constants = {
        p.id: f"'{p.id}' is a constant of the model, of which there are no time series: give it "
        "bounds, or define an observable"
        for p in network.parameters
    }
    lawless = {
        r.id: f"reaction '{r.id}' has no kinetic law, thus no flux that could be compared"
        for r in network.reactions
    }
    return {name: reason for name, reason in {**constants, **lawless}.items() if name not in known}


def plain_observable(name: str, formula: Expression) -> Observable:
    """Return an observable with normal noise, whose σ each measurement gives."""
    return Observable(name, formula, symbol(_placeholder(name)), placeholders=(_placeholder(name),))


def _placeholder(observable: str) -> str:
    return f"noiseParameter1_{observable}"
