"""``icrn-train``: fit parameters to measured time series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from converters.cli.app import (
    NoCacheOption,
    ProfileOption,
    VersionOption,
    keep_programs,
    make_app,
    progress,
    run,
    say,
)
from converters.profiling import span

if TYPE_CHECKING:
    from converters.training.cross_check import CrossCheck
    from converters.training.train import Fit


def train(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM.yaml|FILE.icrn|MODEL", help="A PEtab problem, or a model with --data."
        ),
    ],
    starts: Annotated[int, typer.Option(min=1, help="Number of starts.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="For everything that is drawn.")] = 0,
    sampling: Annotated[
        str, typer.Option(metavar="NAME", help="latin-hypercube, sobol or uniform: how starts are spread.")
    ] = "latin-hypercube",
    hops: Annotated[
        int,
        typer.Option(
            min=0, help="How often a start that has converged goes on with one parameter drawn anew."
        ),
    ] = 3,
    max_iterations: Annotated[int, typer.Option(min=1, help="Most iterations of one descent.")] = 500,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the runs.")] = 1e-6,
    max_steps: Annotated[int, typer.Option(min=1, help="Most steps of one run.")] = 10_000,
    workers: Annotated[
        int, typer.Option(min=0, metavar="N", help="Share the starts out over N processes of this machine.")
    ] = 0,
    cluster: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Share them out over the workers of a Dask scheduler.")
    ] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of a fit that was broken off.")
    ] = False,
    interval: Annotated[float, typer.Option(min=0.0, help="Seconds between checkpoints.")] = 10.0,
    output: Annotated[
        str | None,
        typer.Option("-o", metavar="FILE.icrn", help="The fitted model; by default STEM_fitted.icrn here."),
    ] = None,
    report_file: Annotated[
        str | None, typer.Option("--report", metavar="FILE.html", help="Write figures and tables as HTML.")
    ] = None,
    petab_folder: Annotated[
        str | None,
        typer.Option("--petab", metavar="FOLDER", help="Write PEtab files with the fitted values."),
    ] = None,
    validate: Annotated[
        bool | None,
        typer.Option(
            "--validate/--no-validate",
            help="Run the result in Tellurium and COPASI too; by default in those that are installed.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print fit.json, not a table.")] = False,
    no_cache: NoCacheOption = False,
    profile: ProfileOption = False,
    version: VersionOption = False,
) -> None:
    """Fit parameters of a model to measurements, from many starts side by side.

    Writes the fitted model (FILE.icrn) and beside it FILE.fit.json with values, losses and
    the history of every start. A fit that is broken off leaves FILE.checkpoint.json, from which
    --resume goes on. Exits with 1 when the result changes at ten times tighter tolerances, or
    when another simulator does not reproduce it.
    """
    with span("import"):
        from converters.archive import save_folding
        from converters.cli.training_display import Display
        from converters.files import check_targets
        from converters.training.petab import read_petab
        from converters.training.results import fit_json, fitted_model
        from converters.training.train import TrainingOptions
        from converters.training.train import train as fit_problem
        from icrn_core.fit import FitOptions
        from icrn_core.objective import Accuracy
        from icrn_io.files import write_atomically

    target = output or f"{_stem(source)}_fitted.icrn"
    record, checkpoint = (str(Path(target).with_suffix(end)) for end in (".fit.json", ".checkpoint.json"))
    check_targets(source, target, record, checkpoint, report_file)
    _check_outputs(report_file, petab_folder)
    with progress("Reading the problem"), span("read"):
        problem = read_petab(source)
    keep_programs(no_cache)
    options = TrainingOptions(
        n_starts=starts,
        seed=seed,
        sampling=sampling,
        fit=FitOptions(Accuracy(rtol=rtol, max_steps=max_steps), max_iterations, hops=hops),
        checkpoint=checkpoint,
        interval=interval,
        resume=resume,
        workers=workers,
        cluster=cluster,
    )
    with Display(hops) as display:
        fit = fit_problem(problem, options, display)
    with span("write"):
        save_folding(fitted_model(fit), target)
        write_atomically(record, fit_json(fit))
    say(f"wrote {target} and {record}")
    check = None if fit.was_interrupted else _cross_check(fit, validate)
    if check is not None:
        write_atomically(record, fit_json(fit, check))
    _write_more(fit, check, report_file, petab_folder)
    typer.echo(fit_json(fit, check) if as_json else _summary(fit, check))
    if fit.was_interrupted:
        say(f"interrupted: this is the best so far; --resume goes on from {checkpoint}")
        raise KeyboardInterrupt
    Path(checkpoint).unlink(missing_ok=True)
    if not fit.is_trained:
        raise_unstable(fit)
    if check is not None and check.differs:
        raise_differs(check)


def _stem(source: str) -> str:
    return Path(source).name.split(".")[0]


def _check_outputs(report_file: str | None, petab_folder: str | None) -> None:
    """Refuse, before the fit, what could not be written after it."""
    if report_file is not None:
        from converters.training.figures import style

        style()
    if petab_folder is not None:
        from converters.training.petab_export import check_folder

        check_folder(petab_folder)


def _cross_check(fit: Fit, validate: bool | None) -> CrossCheck | None:
    """Return what other simulators say; None where they are not to be asked, or not installed."""
    from converters.training.cross_check import SIMULATORS, cross_check, installed_engines

    engines = SIMULATORS if validate else installed_engines() if validate is None else ()
    if not engines:
        return None
    with progress("Running other simulators"), span("validate"):
        return cross_check(fit, engines)


def _write_more(
    fit: Fit, check: CrossCheck | None, report_file: str | None, petab_folder: str | None
) -> None:
    from icrn_io.files import write_atomically

    if petab_folder is not None:
        from converters.training.petab_export import write_petab

        say(f"wrote {write_petab(fit, petab_folder)}")
    if report_file is not None:
        from converters.training.report import html_report

        with progress("Drawing the report"), span("report"):
            page = html_report(fit, [] if check is None else [check])
        write_atomically(report_file, page)
        say(f"wrote {report_file}")


def _summary(fit: Fit, check: CrossCheck | None) -> str:
    """Return the result as a table of text."""
    from converters.text_table import aligned

    losses = [start.best_loss for start in fit.starts]
    n_best = sum(loss <= fit.loss + 0.01 for loss in losses)
    lines = [
        f"best negative log-likelihood {fit.likelihood:.6g}"
        + (f", with priors {fit.loss:.6g}" if abs(fit.loss - fit.likelihood) > 1e-9 else ""),
        f"reached to within .01 by {n_best} of {len(losses)} starts, in {fit.seconds:.1f} s "
        f"({fit.cpu_seconds:.1f} s CPU)",
    ]
    if check is not None:
        from converters.training.cross_check import summary_lines

        lines += summary_lines(check)
    rows = [("parameter", "value", "scale", "lower", "upper")]
    rows += [
        (p.id, f"{fit.values[p.id]:.6g}", p.scale, f"{p.lower:g}", f"{p.upper:g}")
        for p in fit.bound.problem.fitted
    ]
    return "\n".join([*lines, "", *aligned(rows, (40, 16, 8, 12, 12))])


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


app = make_app(train, "icrn-train problem.yaml --starts 20 -o fitted.icrn")


def main() -> None:
    """Run ``icrn-train``."""
    run(app, "icrn-train")


if __name__ == "__main__":
    main()
