"""Scale, bounds and start value of a fitted parameter, as ``k1:log10:1e-3..10:0.1`` says them.

Where nothing is said, a positive value v is fitted on a logarithmic scale (log10) from v/1000
to 1000 v. Zero and negative values have no logarithm: they are fitted on a linear scale, zero
from 0 to 1, a negative v from 10 v to -10 v. Bounds that are given without a scale mean log10
where both are positive, else lin. A start value that is not given is the value of the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from converters.training.patterns import split_outside
from converters.training.problem import FitParameter
from icrn_core.scales import SCALES
from icrn_io.errors import ModelIOError

_FORM = "PATTERN[:SCALE][:LOWER..UPPER][:START], such as k1:log10:1e-3..10"


@dataclass(frozen=True)
class Settings:
    """What is said of some parameters; None where nothing is said.

    Attributes
    ----------
    text : str
        As given, for messages.
    pattern : str
        Which parameters.
    scale : str or None
        One of ``lin``, ``log``, ``log10``.
    bounds : (float, float) or None
        Lower and upper bound.
    start : float or None
        Start value.
    """

    text: str
    pattern: str
    scale: str | None = None
    bounds: tuple[float, float] | None = None
    start: float | None = None


def read_settings(text: str) -> Settings:
    """Return the settings in a text such as ``k1:log10:1e-3..10:0.1``; ``=`` may stand for ``:``.

    Raises
    ------
    ModelIOError
        It has another form, or the bounds do not fit the scale.
    """
    pattern, *fields = split_outside(text, ":=")
    found: dict[str, object] = {}
    for field in fields:
        kind, value = _field(field, text)
        if kind in found:
            raise ModelIOError(f"fit '{text}': the {kind} is given twice; expected {_FORM}")
        found[kind] = value
    if not pattern:
        raise ModelIOError(f"fit '{text}': names nothing; expected {_FORM}")
    return Settings(text, pattern, **found)


def _field(field: str, text: str) -> tuple[str, object]:
    if field in SCALES:
        return "scale", field
    lower, dots, upper = field.partition("..")
    try:
        if not dots:
            return "start", float(field)
        return "bounds", (float(lower), float(upper))
    except ValueError:
        raise ModelIOError(
            f"fit '{text}': '{field}' is no scale ({', '.join(SCALES)}), bounds or start value; "
            f"expected {_FORM}"
        ) from None


def fit_parameter(name: str, value: float | None, settings: Settings) -> FitParameter:
    """Return the parameter that settings and the value of the model make.

    Parameters
    ----------
    name : str
        Its id.
    value : float or None
        What the model has, None if it says nothing.
    settings : Settings
        What the user says.

    Raises
    ------
    ModelIOError
        Bounds are missing, or contradict the scale or the start value.
    """
    what = f"fit '{settings.text}': '{name}'"
    start = value if settings.start is None else settings.start
    if start is None and settings.bounds is None:
        raise ModelIOError(f"{what} has no value in the model: give bounds, such as {name}:log10:1e-3..10")
    lower, upper = settings.bounds or _default_bounds(start)
    scale = settings.scale or ("log10" if lower > 0 else "lin")
    _check_bounds(what, lower, upper, scale)
    if start is None:
        start = 0.5 * (lower + upper) if scale == "lin" else math.sqrt(lower) * math.sqrt(upper)
    if not lower <= start <= upper:
        origin = "its value in the model" if settings.start is None else "the start value"
        raise ModelIOError(
            f"{what}: {origin}, {start:g}, lies outside the bounds {lower:g}..{upper:g}: "
            "give other bounds or a start value between them"
        )
    return FitParameter(name, float(start), True, scale, lower, upper)


def _default_bounds(value: float) -> tuple[float, float]:
    if value > 0:
        return value / 1000, value * 1000
    return (10 * value, -10 * value) if value < 0 else (0.0, 1.0)


def _check_bounds(what: str, lower: float, upper: float, scale: str) -> None:
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ModelIOError(f"{what}: the bounds {lower:g}..{upper:g} must be finite numbers")
    if not lower < upper:
        raise ModelIOError(f"{what}: the lower bound {lower:g} is not below the upper bound {upper:g}")
    if scale != "lin" and lower <= 0:
        raise ModelIOError(
            f"{what}: on the scale {scale} bounds are positive, found {lower:g}..{upper:g}: "
            "give positive bounds, or the scale lin"
        )
