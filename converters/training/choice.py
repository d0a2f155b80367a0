"""What is fitted: patterns with settings, exceptions, and ids that share a parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from converters.folding import Folding
from converters.models import as_network
from converters.training.csv_file import did_you_mean
from converters.training.patterns import Patterns
from converters.training.problem import FitParameter
from converters.training.settings import Settings, fit_parameter, read_settings
from converters.training.ties import Tie, read_ties
from converters.training.values import written_values
from icrn_io.errors import ModelIOError
from icrn_io.network import Network


@dataclass(frozen=True)
class Choice:
    """What is fitted.

    Attributes
    ----------
    parameters : tuple of FitParameter
        In the order of the patterns, then of the file or tensor; those of ties follow.
    follows : mapping of str to str
        Id of the model → the parameter with another name that it follows.
    """

    parameters: tuple[FitParameter, ...]
    follows: Mapping[str, str] = field(default_factory=dict)


def choose(
    model: Network | Folding,
    fit: Iterable[str],
    fix: Iterable[str] = (),
    ties: Iterable[str] = (),
    own: Mapping[str, FitParameter | None] | None = None,
) -> Choice:
    """Return what patterns say should be fitted.

    Parameters
    ----------
    model : Network or Folding
        The model; a network is folded where a pattern names a base.
    fit : iterable of str
        Each ``PATTERN[:SCALE][:LOWER..UPPER][:START]``. The pattern is an id (of a species: its
        initial value in the unit of its id), a base of the folded model, entries of one
        (``kf[*,2]``), or a shell pattern over ids. Where several speak of one id, the last holds.
        See `converters.training.settings` for what holds where nothing is said.
    fix : iterable of str
        Patterns of what is not fitted all the same.
    ties : iterable of str
        Ids that share a parameter, see `converters.training.ties.read_ties`; fitted if one of
        them is.
    own : mapping of str to FitParameter or None, optional
        Names beside those of the model that may be fitted; those with a parameter are fitted
        whether patterns name them or not.

    Raises
    ------
    ModelIOError
        A pattern stands for nothing, settings contradict each other, or nothing is fitted.
    """
    own = own or {}
    network = as_network(model)
    patterns = Patterns(model, network, own)
    tied = read_ties(_texts(ties, "tie"), patterns)
    patterns.own.update(tie.name for tie in tied)
    chosen: dict[str, Settings] = {}
    for settings in map(read_settings, _texts(fit, "fit")):
        chosen.update(dict.fromkeys(patterns.find(settings.pattern, f"fit '{settings.text}'"), settings))
    fixed = _fixed(_texts(fix, "fix"), patterns, chosen, tied)
    chosen = {name: settings for name, settings in chosen.items() if name not in fixed}
    values = written_values(network)
    values |= {name: parameter.value for name, parameter in own.items() if parameter is not None}
    follows = _led(tied, chosen, values, fixed)
    parameters = {name: _parameter(name, values.get(name), s, own) for name, s in chosen.items()}
    if not parameters:
        raise ModelIOError("nothing is fitted: name parameters or species to fit, such as k1 or 'k*'")
    rest = {name: parameter for name, parameter in own.items() if parameter is not None}
    return Choice(
        tuple({**parameters, **{n: p for n, p in rest.items() if n not in parameters}}.values()), follows
    )


def _texts(given: Iterable[str], what: str) -> list[str]:
    texts = [given] if isinstance(given, str) else list(given)
    for text in texts:
        if not isinstance(text, str):
            raise ModelIOError(f"{what}: a pattern is a text such as 'k*', not {text!r}")
    return texts


def _fixed(
    fix: list[str], patterns: Patterns, chosen: Mapping[str, Settings], tied: Iterable[Tie]
) -> set[str]:
    """Return what is not fitted; each pattern must take something away."""
    fixed: set[str] = set()
    candidates = {*chosen, *(name for tie in tied for name in tie.members)}
    for text in fix:
        found = set(patterns.find(text, f"fix '{text}'"))
        if not found & candidates:
            near = did_you_mean(text, candidates)
            raise ModelIOError(f"fix '{text}': nothing that it stands for is fitted{near and ': ' + near}")
        fixed |= found
    return fixed


def _led(
    tied: Iterable[Tie], chosen: dict[str, Settings], values: dict[str, float | None], fixed: set[str]
) -> dict[str, str]:
    """Put the parameter of each tie in the place of what follows it; return who follows whom."""
    follows: dict[str, str] = {}
    spoken: dict[str, bool] = {}
    for tie in tied:
        members = [name for name in tie.members if name not in fixed]
        speaking = [name for name in dict.fromkeys((tie.name, *members)) if name in chosen]
        for text in tie.texts:
            spoken[text] = spoken.get(text, False) or bool(speaking)
        if len(members) < 2 or not speaking:
            continue
        lead = tie.name if tie.name not in fixed else members[0]
        if values.get(lead) is None:
            values[lead] = next((values[n] for n in members if values.get(n) is not None), None)
        settings = chosen[speaking[0]]
        for name in speaking:
            del chosen[name]
        chosen[lead] = settings
        follows.update({name: lead for name in members if name != lead})
    for text, is_fitted in spoken.items():
        if not is_fitted:
            raise ModelIOError(f"tie '{text}': none of these is fitted: name one of them to fit too")
    return follows


def _parameter(
    name: str, value: float | None, settings: Settings, own: Mapping[str, FitParameter | None]
) -> FitParameter:
    known = own.get(name)
    if known is None:
        return fit_parameter(name, value, settings)
    scale, bounds = settings.scale or known.scale, settings.bounds or (known.lower, known.upper)
    start = value if value is not None and bounds[0] <= value <= bounds[1] else None
    return fit_parameter(
        name, start, Settings(settings.text, settings.pattern, scale, bounds, settings.start)
    )
