"""A fit as one page of HTML: the verdict first, then data and fit, residuals, starts, parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from converters import html
from converters.training.cross_check import CrossCheck, summary_lines
from converters.training.figures import style, svg
from converters.training.figures_data import fit_figures, residual_figure
from converters.training.figures_starts import parameter_figures, starts_figure
from converters.training.predictions import curves, predictions
from converters.training.results import package_versions
from converters.training.train import Fit
from converters.training.trust import profile_sentences
from icrn_core.multistart import StartCode
from icrn_core.profiles import Profile

_CLOSE = 0.01
_ERRORS = ("standard error, on scale", "low", "high")


def html_report(
    fit: Fit,
    cross_checks: Sequence[CrossCheck] = (),
    uncertainty: object = None,
    profiles: Mapping[str, Profile] | None = None,
) -> str:
    """Return a report of a fit as one page of HTML that needs no other file.

    Parameters
    ----------
    fit : Fit
        A fit.
    cross_checks : sequence of CrossCheck
        What other simulators say.
    uncertainty : object, optional
        With arrays ``standard_errors`` on the scales of the parameters, ``linear_low`` and
        ``linear_high`` (or ``lower`` and ``upper``) as linear values, each ``(n_fitted,)``, and
        sentences as ``sentences`` or ``directions``; what it lacks is left out.
    profiles : mapping of str to Profile, optional
        Profile likelihoods by parameter.

    Returns
    -------
    str
        The page.

    Raises
    ------
    ModelIOError
        Matplotlib is not installed, or the model cannot be simulated at the fitted values.
    """
    with style():
        found = predictions(fit)
        sections = [
            *_verdict(fit, cross_checks),
            *_data(fit, found),
            *_residuals(fit, found),
            *_starts(fit),
            *_parameters(fit, uncertainty, profiles or {}),
            *_simulators(cross_checks),
            *_options(fit),
        ]
    return html.page(f"Fit of {fit.bound.problem.name or 'the model'}", sections)


def _verdict(fit: Fit, cross_checks: Sequence[CrossCheck]) -> Iterable[str]:
    problem, check = fit.bound.problem, fit.check
    if fit.is_trained:
        yield html.paragraph("trained: the loss stays the same at ten times tighter tolerances", "good")
    else:
        yield html.paragraph(
            f"unstable, not trained: the loss is {check.loss:.8g}, and {check.tight:.8g} at ten times "
            "tighter tolerances; give a smaller --rtol",
            "bad",
        )
    if fit.was_interrupted:
        yield html.paragraph("The fit was broken off: this is the best point so far.", "bad")
    for cross_check in cross_checks:
        names = " and ".join(e.engine for e in cross_check.engines if e.verdict == "agrees")
        bad = " and ".join(e.engine for e in cross_check.engines if e.verdict == "differs")
        if names:
            yield html.paragraph(f"reproduced by {names}", "good")
        if bad:
            yield html.paragraph(f"NOT reproduced by {bad}: see Other simulators", "bad")
    losses = [start.best_loss for start in fit.starts]
    n_best = sum(loss <= fit.loss + _CLOSE for loss in losses)
    with_priors = abs(fit.loss - fit.likelihood) > 1e-9
    rows = [("negative log-likelihood", f"{fit.likelihood:.8g}")]
    rows += [("with priors", f"{fit.loss:.8g}")] if with_priors else []
    rows += [
        ("starts that came within 0.01 of the best", f"{n_best} of {len(losses)}"),
        ("measurements", str(len(problem.measurements))),
        ("parameters fitted", str(len(problem.fitted))),
        ("observables, experiments", f"{len(problem.observables)}, {len(problem.experiments)}"),
        ("seed", str(fit.options.seed)),
        ("made with", ", ".join(f"{name} {number}" for name, number in package_versions().items())),
    ]
    yield html.table(("", ""), rows)


def _data(fit: Fit, found) -> Iterable[str]:
    problem = fit.bound.problem
    figures, left_out = fit_figures(problem, found, curves(fit))
    yield html.heading("Data and fit")
    for number, figure in enumerate(figures, start=1):
        part = f" ({number} of {len(figures)})" if len(figures) > 1 else ""
        yield html.figure(svg(figure), f"Measurements with bars of one σ, and the fitted model{part}")
    if left_out:
        yield html.paragraph(
            f"{left_out} more panels are left out; those with the largest residuals are shown."
        )


def _residuals(fit: Fit, found) -> Iterable[str]:
    yield html.heading("Residuals")
    yield html.figure(
        svg(residual_figure(fit.bound.problem, found)),
        "Measured minus predicted, on the scale of the noise, over σ: against time, and against the "
        "quantiles that the noise would have",
    )
    inside = float(np.mean(np.abs(found.residuals) <= 2))
    size = float(np.sqrt(np.mean(found.residuals**2)))
    yield html.paragraph(f"Root mean square {size:.3g}; {inside:.0%} lie within 2 σ.")


def _starts(fit: Fit) -> Iterable[str]:
    yield html.heading("Starts")
    yield html.figure(
        svg(starts_figure(fit)),
        "Losses where the starts ended, the best first, and on the way there "
        f"({fit.options.fit.hops} hops each)",
    )
    ends = {code: sum(start.code is code for start in fit.starts) for code in StartCode}
    yield html.paragraph("; ".join(f"{n} {code.message}" for code, n in ends.items() if n) + ".")


def _parameters(fit: Fit, uncertainty: object, profiles: Mapping[str, Profile]) -> Iterable[str]:
    columns = _uncertainty_columns(uncertainty)
    bound, theta = fit.bound, fit.theta
    rows = []
    for k, p in enumerate(bound.problem.fitted):
        side = "lower" if theta[k] <= bound.lower[k] else "upper" if theta[k] >= bound.upper[k] else ""
        own = [f"{column[k]:.4g}" if math.isfinite(column[k]) else "–" for column in columns.values()]
        values = (f"{fit.values[p.id]:.6g}", p.scale, f"{p.lower:g}", f"{p.upper:g}")
        rows.append((p.id, *values, *own, f"at {side} bound" if side else ""))
    header = ("parameter", "value", "scale", "lower bound", "upper bound", *columns, "")
    yield html.heading("Parameters")
    yield html.scrolling(html.table(header, rows))
    sentences = [*profile_sentences(bound.problem, profiles), *_sentences(uncertainty)]
    if sentences:
        yield html.items(sentences)
    for figure in parameter_figures(fit):
        yield html.figure(svg(figure), "Where the best starts lie between the bounds")


def _uncertainty_columns(uncertainty: object) -> dict[str, np.ndarray]:
    found = {}
    names = (("standard_errors",), ("linear_low", "lower"), ("linear_high", "upper"))
    for title, alternatives in zip(_ERRORS, names, strict=True):
        values = next((getattr(uncertainty, a) for a in alternatives if hasattr(uncertainty, a)), None)
        if values is not None:
            found[title] = np.asarray(values, dtype=float)
    level = getattr(uncertainty, "level", None)
    return {(f"{level:.0%} {t}" if level and t in _ERRORS[1:] else t): x for t, x in found.items()}


def _sentences(uncertainty: object) -> list[str]:
    given = getattr(uncertainty, "sentences", None) or getattr(uncertainty, "directions", ())
    return [str(getattr(sentence, "text", sentence)) for sentence in given]


def _simulators(cross_checks: Sequence[CrossCheck]) -> Iterable[str]:
    if not cross_checks:
        return
    yield html.heading("Other simulators")
    for check in cross_checks:
        for engine, line in zip(check.engines, summary_lines(check), strict=True):
            kind = {"agrees": "good", "differs": "bad"}.get(engine.verdict, "")
            yield html.paragraph(line, kind)
        rows = [
            (
                e.engine,
                d.observable,
                d.experiment,
                f"{d.time:g}",
                f"{d.relative:.2e}",
                f"{d.largest:.4g}",
                "ok" if d.relative <= check.tolerance else "differs",
            )
            for e in check.engines
            for d in sorted(e.differences, key=lambda d: -d.relative)
        ]
        header = ("engine", "observable", "worst in", "at time", "relative", "largest", "verdict")
        if rows:
            yield html.scrolling(html.table(header, rows))
        refused = [
            f"{e.engine}, experiment '{name}': {why}" for e in check.engines for name, why in e.not_run
        ]
        if refused:
            yield html.paragraph("Not run:")
            yield html.items(refused)


def _options(fit: Fit) -> Iterable[str]:
    options, accuracy = fit.options, fit.options.fit.accuracy
    rows = [
        ("starts", f"{options.n_starts}, {options.sampling}"),
        ("hops of each start", str(options.fit.hops)),
        ("most iterations of a descent", str(options.fit.max_iterations)),
        ("relative tolerance, most steps of a run", f"{accuracy.rtol:g}, {accuracy.max_steps}"),
        ("time", f"{fit.seconds:.1f} s ({fit.cpu_seconds:.1f} s CPU)"),
    ]
    yield html.heading("Options")
    yield html.table(("", ""), rows)
