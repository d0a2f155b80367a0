"""A parameter estimation problem: parameters, experiments, observables and measurements.

PEtab files and tidy tables of time series are both read into this form. Formulas are over ids
of the model and of parameters; a placeholder of an observable stands for what each measurement
gives for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from converters.folding import Folding
from icrn_io.expression import Expression
from icrn_io.network import Network


@dataclass(frozen=True)
class ParameterPrior:
    """A prior, see `icrn_core.noise.PRIORS`; ``on_scale``: of the scaled parameter."""

    kind: str
    parameters: tuple[float, ...]
    on_scale: bool = False


@dataclass(frozen=True)
class FitParameter:
    """A parameter of the problem, of the model or of observables alone.

    Attributes
    ----------
    id : str
        Of a parameter, species or compartment of the model, or a name of its own.
    value : float
        Nominal value: what a parameter that is not fitted has, NaN where unknown.
    is_fitted : bool
        Whether it is fitted.
    scale : {"lin", "log", "log10"}
        Scale on which it is fitted.
    lower, upper : float
        Bounds, not scaled.
    prior : ParameterPrior or None
        Part of what is minimised.
    start : ParameterPrior or None
        Distribution of start values, uniform on the scale between the bounds if None.
    """

    id: str
    value: float
    is_fitted: bool = True
    scale: str = "lin"
    lower: float = float("-inf")
    upper: float = float("inf")
    prior: ParameterPrior | None = None
    start: ParameterPrior | None = None


@dataclass(frozen=True)
class Phase:
    """A part of an experiment with its own conditions.

    Attributes
    ----------
    start : float
        Time at which it begins; ``-inf`` for a pre-equilibration, which lasts until nothing changes.
    changes : mapping of str to Expression
        Id → value from the start of the phase on: formulas over parameters of the problem.
    """

    start: float
    changes: Mapping[str, Expression] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """Phases that follow each other; ``id`` is what reports call it."""

    id: str
    phases: tuple[Phase, ...] = (Phase(0.0),)


@dataclass(frozen=True)
class Observable:
    """What is measured.

    Attributes
    ----------
    id : str
        Its name.
    formula, noise : Expression
        Observable and noise parameter σ.
    transformation : {"lin", "log", "log10"}
        Scale of the noise.
    distribution : {"normal", "laplace"}
        Distribution of the noise.
    placeholders : tuple of str
        Ids in the formulas for which each measurement gives its own value.
    name, unit : str
        For reports.
    """

    id: str
    formula: Expression
    noise: Expression
    transformation: str = "lin"
    distribution: str = "normal"
    placeholders: tuple[str, ...] = ()
    name: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Measurement:
    """One measured value.

    Attributes
    ----------
    observable, experiment : str
        Their ids.
    time : float
        In the model's unit, ``inf`` for the steady state.
    value : float
        What was measured.
    given : tuple of Expression
        What the placeholders of the observable stand for, a number or a parameter each.
    replicate : str
        Which repeat of the experiment, for reports.
    """

    observable: str
    experiment: str
    time: float
    value: float
    given: tuple[Expression, ...] = ()
    replicate: str = ""


@dataclass(frozen=True)
class TrainingProblem:
    """Everything a fit needs.

    Attributes
    ----------
    model : Network or Folding
        The model.
    parameters : tuple of FitParameter
        Those that are fitted, and fixed ones.
    experiments, observables, measurements : tuple
        The data.
    name : str
        What reports call it.
    source : str
        The PEtab file that it was read from, "" for none.
    """

    model: Network | Folding
    parameters: tuple[FitParameter, ...]
    experiments: tuple[Experiment, ...]
    observables: tuple[Observable, ...]
    measurements: tuple[Measurement, ...]
    name: str = ""
    source: str = ""

    @property
    def fitted(self) -> tuple[FitParameter, ...]:
        """The parameters that are fitted."""
        return tuple(parameter for parameter in self.parameters if parameter.is_fitted)
