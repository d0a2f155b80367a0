"""``icrn-train``: fit parameters to measured time series."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


def train(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM.yaml|FILE.icrn|MODEL", help="A PEtab problem, or a model with --data."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.csv",
            help="Measurements: time and a column for each species or observable (optional: condition, "
            "replicate, sd or ID_sd), or time, observable, value, sd.",
        ),
    ] = None,
    fit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="What is fitted: an id, 'k*' or 'W[*,2]', and after colons scale, bounds and start value "
            "(k1:log10:1e-3..10:0.5); can be repeated.",
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="What of that is not fitted after all; can be repeated."),
    ] = None,
    tie: Annotated[
        list[str] | None,
        typer.Option(metavar="A=B", help="Ids that are one parameter, such as k1=k2; can be repeated."),
    ] = None,
    observable: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FORMULA", help="What a column of the data is, such as total=A+B; can be repeated."
        ),
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.csv", help="What each condition sets: condition and a column for each id."
        ),
    ] = None,
    noise: Annotated[
        str,
        typer.Option(
            metavar="KIND", help="absolute or relative: the noise that is fitted where there is no sd."
        ),
    ] = "absolute",
    starts: Annotated[int, typer.Option(min=1, help="Number of starts.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="For everything that is drawn.")] = 0,
    sampling: Annotated[
        str, typer.Option(metavar="NAME", help="latin-hypercube, sobol or uniform: how starts are spread.")
    ] = "latin-hypercube",
    hops: Annotated[
        int,
        typer.Option(min=0, help="How often a start that has converged goes on with parameters drawn anew."),
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
    errors: Annotated[
        bool, typer.Option("--errors/--no-errors", help="Standard errors, and what the data leave open.")
    ] = True,
    profile_likelihood: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Profile likelihoods of these parameters; can be repeated."),
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
    when another simulator does not reproduce it. icrn-export writes FILE.icrn back as SBML.
    """
    with span("import"):
        from converters.archive import save_folding
        from converters.cli.training_display import Display
        from converters.cli.training_outputs import (
            check_outputs,
            cross_checked,
            raise_differs,
            raise_unstable,
            stem_of,
            summary,
            write_petab_files,
            write_report,
        )
        from converters.cli.training_source import Source, read_source
        from converters.files import check_targets
        from converters.models import is_archive
        from converters.training.results import fit_json, fitted_model
        from converters.training.train import TrainingOptions
        from converters.training.train import train as fit_problem
        from converters.training.trust import check_profiled, profiles, uncertainty
        from icrn_core.multistart import FitOptions
        from icrn_core.objective import Accuracy
        from icrn_io.errors import ModelIOError
        from icrn_io.files import write_atomically

    lists = (tuple(given or ()) for given in (fit, fix, tie, observable))
    given = Source(source, data, *lists, conditions, noise)
    target = output or f"{stem_of(source)}_fitted.icrn"
    if not is_archive(target):
        raise ModelIOError(
            f"-o '{target}': the name of a fitted model ends in .icrn; icrn-export writes SBML"
        )
    record, checkpoint = (str(Path(target).with_suffix(end)) for end in (".fit.json", ".checkpoint.json"))
    check_targets(source, target, record, checkpoint, report_file, read=given.files)
    check_outputs(report_file, petab_folder)
    with progress("Reading the problem"), span("read"):
        problem = read_source(given)
    check_profiled(problem, profile_likelihood or ())
    if resume and not Path(checkpoint).exists():
        say(f"there is no checkpoint {checkpoint}: the fit begins anew")
    keep_programs(no_cache)
    options = TrainingOptions(
        n_starts=starts,
        seed=seed,
        sampling=sampling,
        from_values=not given.is_petab,
        fit=FitOptions(Accuracy(rtol=rtol, max_steps=max_steps), max_iterations, hops=hops),
        checkpoint=checkpoint,
        interval=interval,
        resume=resume,
        workers=workers,
        cluster=cluster,
    )
    with Display(hops) as display:
        found = fit_problem(problem, options, display)
    with span("write"):
        save_folding(fitted_model(found), target)
        write_atomically(record, fit_json(found))
    say(f"wrote {target} and {record}")
    check = spread = None
    profiled = {}
    if not found.was_interrupted:
        with progress("Finding standard errors"), span("errors"):
            spread = uncertainty(found) if errors or profile_likelihood else None
            profiled = profiles(found, profile_likelihood, spread) if profile_likelihood else {}
        check = cross_checked(found, validate)
    text = fit_json(found, check, spread, profiled)
    write_atomically(record, text)
    write_report(found, check, spread, report_file, profiled)
    typer.echo(text if as_json else summary(found, check, spread, profiled))
    # Last: a problem that PEtab has no form for is refused only here.
    write_petab_files(found, petab_folder)
    if found.was_interrupted:
        say(f"interrupted: this is the best so far; --resume goes on from {checkpoint}")
        raise KeyboardInterrupt
    Path(checkpoint).unlink(missing_ok=True)
    if not found.is_trained:
        raise_unstable(found)
    if check is not None and check.differs:
        raise_differs(check)


app = make_app(train, "icrn-train model.xml --data series.csv --fit 'k*' -o fitted.icrn --report fit.html")


def main() -> None:
    """Run ``icrn-train``."""
    run(app, "icrn-train")


if __name__ == "__main__":
    main()
