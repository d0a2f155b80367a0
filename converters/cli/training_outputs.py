"""What ``icrn-train`` writes and prints when a fit has ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from converters.cli.app import progress, say
from converters.profiling import span

if TYPE_CHECKING:
    from converters.training.cross_check import CrossCheck
    from converters.training.train import Fit
    from icrn_core.profiles import Profile
    from icrn_core.uncertainty import Uncertainty


def check_outputs(report_file: str | None, petab_folder: str | None) -> None:
    """Refuse, before the fit, what could not be written after it."""
    if report_file is not None:
        from converters.training.figures import style

        style()
    if petab_folder is not None:
        from converters.training.petab_export import check_folder

        check_folder(petab_folder)


def cross_checked(fit: Fit, validate: bool | None) -> CrossCheck | None:
    """Return what other simulators say; None where they are not to be asked, or not installed."""
    from converters.training.cross_check import SIMULATORS, cross_check, installed_engines

    engines = SIMULATORS if validate else installed_engines() if validate is None else ()
    if not engines:
        return None
    with progress("Running other simulators"), span("validate"):
        return cross_check(fit, engines)


def write_petab_files(fit: Fit, folder: str | None) -> None:
    """Write PEtab files, if a folder is given."""
    if folder is not None:
        from converters.training.petab_export import write_petab

        say(f"wrote {write_petab(fit, folder)}")


def write_report(
    fit: Fit,
    check: CrossCheck | None,
    errors: Uncertainty | None,
    path: str | None,
    profiled: Mapping[str, Profile],
) -> None:
    """Write the report, if a path is given."""
    if path is not None:
        from converters.training.report import html_report
        from icrn_io.files import write_atomically

        with progress("Drawing the report"), span("report"):
            page = html_report(fit, [] if check is None else [check], errors, profiled)
        write_atomically(path, page)
        say(f"wrote {path}")


def summary(
    fit: Fit,
    check: CrossCheck | None,
    errors: Uncertainty | None,
    profiled: Mapping[str, Profile] | None = None,
) -> str:
    """Return the result as text with a table of the parameters."""
    from converters.text_table import aligned
    from converters.training.trust import exact_fits

    losses = [start.best_loss for start in fit.starts]
    n_best = sum(loss <= fit.loss + 0.01 for loss in losses)
    prior = f", with priors {fit.loss:.6g}" if abs(fit.loss - fit.likelihood) > 1e-9 else ""
    n_failed = sum(start.n_failed for start in fit.starts)
    lines = [
        f"best negative log-likelihood {fit.likelihood:.6g}{prior}",
        f"reached to within .01 by {n_best} of {len(losses)} starts, in {fit.seconds:.1f} s "
        f"({fit.cpu_seconds:.1f} s CPU)",
    ]
    if n_failed:
        lines.append(f"at {n_failed} of the points tried the model could not be simulated")
    lines += [f"note: {sentence}" for sentence in exact_fits(fit)]
    if check is not None:
        from converters.training.cross_check import summary_lines

        lines += summary_lines(check)
    lines += ["", *aligned(_rows(fit, errors), (40, 16, 8, 12, 12, 28))]
    if profiled:
        from converters.training.trust import profile_sentences

        lines += ["", *profile_sentences(fit.bound.problem, profiled)]
    if errors is not None and errors.sentences:
        lines += ["", *(f"note: {sentence}" for sentence in errors.sentences)]
    return "\n".join(lines)


def _rows(fit: Fit, errors: Uncertainty | None) -> list[tuple[str, ...]]:
    header = ("parameter", "value", "scale", "lower", "upper")
    rows = [
        (p.id, f"{fit.values[p.id]:.6g}", p.scale, f"{p.lower:g}", f"{p.upper:g}")
        for p in fit.bound.problem.fitted
    ]
    if errors is None:
        return [header, *rows]
    intervals = [
        f"{low:.4g} to {high:.4g}" if np.isfinite([low, high]).all() and 0 < error < 10 else "not determined"
        for low, high, error in zip(
            errors.linear_low, errors.linear_high, errors.standard_errors, strict=True
        )
    ]
    for k in (*errors.at_lower, *errors.at_upper):
        intervals[k] = "at its bound"
    return [
        (*header, f"{errors.level:.0%} interval"),
        *((*row, interval) for row, interval in zip(rows, intervals, strict=True)),
    ]


def stem_of(source: str) -> str:
    """Return what files of a source are called by default."""
    return Path(source).name.split(".")[0]


def raise_unstable(fit: Fit) -> None:
    """Raise the error that an unstable result ends with.

    Raises
    ------
    ModelIOError
        Always.
    """
    from icrn_io.errors import ModelIOError

    raise ModelIOError(
        f"unstable, not trained: the loss is {fit.check.loss:.8g}, and {fit.check.tight:.8g} at ten times "
        "tighter tolerances; give a smaller --rtol"
    )


def raise_differs(check: CrossCheck) -> None:
    """Raise the error that a result ends with that another simulator does not reproduce.

    Raises
    ------
    ModelIOError
        Always.
    """
    from icrn_io.errors import ModelIOError

    engine = next(e for e in check.engines if e.verdict == "differs")
    worst = engine.worst
    raise ModelIOError(
        f"{engine.engine} does not reproduce the fit: negative log-likelihood {engine.likelihood:.8g}, "
        f"by the fit {engine.reference:.8g}; observable '{worst.observable}' differs by "
        f"{worst.relative:.1e} of its largest value (experiment '{worst.experiment}', time {worst.time:g})"
    )
