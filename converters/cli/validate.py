"""``icrn-validate``: compare the trajectories with those of other simulators."""

from __future__ import annotations

from typing import Annotated

import typer

from converters.cli.app import (
    ATOL_HELP,
    MODEL_HELP,
    NoCacheOption,
    ProfileOption,
    VersionOption,
    keep_programs,
    make_app,
    parse_settings,
    progress,
    read,
    run,
    say,
)
from converters.profiling import span


def validate(
    model: Annotated[str, typer.Argument(metavar="FILE.icrn|MODEL", help=MODEL_HELP)],
    against: Annotated[
        str, typer.Option(help="Engines to compare with, between commas.")
    ] = "tellurium,copasi",
    end: Annotated[float, typer.Option(help="Last output time.")] = 100.0,
    points: Annotated[int, typer.Option(min=1, help="Number of evenly spaced output times.")] = 101,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of every engine.")] = 1e-8,
    atol: Annotated[float | None, typer.Option(help=ATOL_HELP)] = None,
    tolerance: Annotated[float, typer.Option(help="Largest relative difference that passes.")] = 1e-5,
    refine: Annotated[
        bool,
        typer.Option(help="Where species differ, run again 10^4 times tighter, to tell integration error."),
    ] = True,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ID=VALUE", help="Change a value in all engines; can be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
    report_file: Annotated[
        str | None, typer.Option("--report", metavar="FILE.html", help="Write the whole report as HTML.")
    ] = None,
    no_cache: NoCacheOption = False,
    profile: ProfileOption = False,
    version: VersionOption = False,
) -> None:
    """Run a model here and in other simulators and compare every species.

    Exits with 1 when a species differs by more than the tolerance, also when refined, or an
    engine cannot run the model.
    """
    with span("import"):
        from rich.console import Console

        from converters.cli.series import time_grid
        from converters.files import check_targets
        from converters.validation import cross_validate
        from converters.validation_report import html_page, rich_table, summary_lines
        from icrn_io.files import write_atomically

    engines = [name.strip() for name in against.split(",") if name.strip()]
    if not engines:
        raise typer.BadParameter("name at least one engine", param_hint="--against")
    overrides = parse_settings(settings or [])
    grid = time_grid(None, end, points)
    check_targets(model, report_file)
    with progress("Reading the model"):
        subject = read(model)
    keep_programs(no_cache)
    with progress("Running the engines"):
        report = cross_validate(subject, grid, engines, rtol, atol, overrides, tolerance, refine)
    if report_file is not None:
        write_atomically(report_file, html_page(report))
        say(f"wrote {report_file}")
    if as_json:
        typer.echo(report.to_json())
    else:
        console = Console(width=None if Console().is_terminal else 120)
        console.print(rich_table(report))
        for line in summary_lines(report):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not report.passed:
        raise_disagreement(report)


def raise_disagreement(report) -> None:
    """Raise the error that a failed validation ends with.

    Raises
    ------
    ModelIOError
        Always; it names the first engine that could not run or differs.
    """
    from icrn_io.errors import ModelIOError

    for comparison in report.comparisons:
        if comparison.error:
            raise ModelIOError(f"not validated: {comparison.error}")
        if "differs" in comparison.verdicts(report.tolerance):
            worst = comparison.worst
            raise ModelIOError(
                f"the ICRN and {comparison.engine} differ: species '{worst.species}' by "
                f"{worst.max_relative:.2e} (relative) at time {worst.time:g}, tolerance {report.tolerance:g}"
            )


app = make_app(validate, "icrn-validate model.icrn --end 240 --against tellurium,copasi")


def main() -> None:
    """Run ``icrn-validate``."""
    run(app, "icrn-validate")


if __name__ == "__main__":
    main()
