"""``icrn-simulate``: integrate a model and write its time course as CSV."""

from __future__ import annotations

from enum import StrEnum
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


class MethodName(StrEnum):
    """How a model is run."""

    ode = "ode"
    ssa = "ssa"
    tau_leaping = "tau-leaping"


class Quantity(StrEnum):
    """What the columns of species hold."""

    symbol = "symbol"
    amount = "amount"
    concentration = "concentration"


class EngineName(StrEnum):
    """What integrates."""

    icrn = "icrn"
    tellurium = "tellurium"
    copasi = "copasi"


def simulate(
    model: Annotated[str, typer.Argument(metavar="FILE.icrn|MODEL", help=MODEL_HELP)],
    end: Annotated[float | None, typer.Option(help="Last output time.")] = None,
    start: Annotated[float, typer.Option(help="First output time; integration starts at 0 anyway.")] = 0.0,
    points: Annotated[int, typer.Option(min=1, help="Number of evenly spaced output times.")] = 101,
    times: Annotated[
        str | None, typer.Option(metavar="FILE", help="Output times from a file, instead of --end.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="ID=VALUE",
            help="Set a parameter, a compartment size or the initial value of a species (in the unit its id "
            "has in formulas); can be repeated.",
        ),
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance.")] = 1e-8,
    atol: Annotated[float | None, typer.Option(help=ATOL_HELP)] = None,
    solver: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Integrator: rodas5p (stiff), dopri5 or dop853 (explicit); chosen by size."
        ),
    ] = None,
    engine: Annotated[EngineName, typer.Option(help="What integrates.")] = EngineName.icrn,
    method: Annotated[
        MethodName,
        typer.Option(help="Integrate rates of change, or let reactions happen at random moments, once."),
    ] = MethodName.ode,
    seed: Annotated[int, typer.Option(help="Of a random run.")] = 0,
    quantity: Annotated[
        Quantity,
        typer.Option(help="What to report of species; symbol: what the id stands for in formulas."),
    ] = Quantity.symbol,
    everything: Annotated[
        bool, typer.Option("--all", help="Report parameters, compartments and fluxes too.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            metavar="FILE.csv|FILE.omex",
            help="Write here, not to stdout; a COMBINE archive (.omex) holds the model, the simulation as "
            "SED-ML and the results.",
        ),
    ] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE.png", help="Draw the species (needs matplotlib).")
    ] = None,
    no_cache: NoCacheOption = False,
    profile: ProfileOption = False,
    version: VersionOption = False,
) -> None:
    """Integrate a model and write the time course of its species as CSV.

    The header is time and the ids of the species. A column holds what the id stands for in
    formulas, a concentration unless the model says otherwise (hasOnlySubstanceUnits), or what
    --quantity asks for.
    """
    with span("import"):
        from converters.cli.series import csv_text, plot_course, read_times, species_series, time_grid
        from converters.export import is_combine
        from converters.files import check_targets
        from converters.models import as_folding, as_network, with_overrides
        from converters.omex import archive_bytes
        from converters.sedml import reported_ids, uniform
        from converters.time_course import run_time_course
        from converters.tolerance import default_atol
        from icrn_io.files import write_atomically

    overrides = parse_settings(settings or [])
    if times is not None and end is not None:
        raise typer.BadParameter("give one of --end and --times")
    is_archive = output is not None and is_combine(output)
    if is_archive and quantity is not Quantity.symbol:
        raise typer.BadParameter(
            "an archive reports what ids stand for: leave --quantity out, or write a CSV file"
        )
    if is_archive and method is not MethodName.ode:
        raise typer.BadParameter("an archive holds a simulation of rates of change: write a CSV file")
    grid = read_times(times) if times is not None else time_grid(start, end, points)
    check_targets(model, output, plot)
    with progress("Reading the model"):
        subject = read(model)
        # An archive asks for the folding too.
        subject = as_folding(subject) if is_archive else subject
        network = as_network(subject)
    if engine is EngineName.icrn:
        keep_programs(no_cache)
    with progress("Compiling and integrating"):
        course = run_time_course(
            subject,
            grid,
            engine.value,
            rtol,
            atol,
            overrides,
            solver,
            effort="quick",
            method=method.value,
            seed=seed,
        )
    columns = species_series(course, network, quantity.value)
    if plot is not None:
        with span("plot"):
            plot_course(plot, course.times, columns, network)
        say(f"wrote {plot}")
    if everything:
        columns = {**columns, **course.values}
    with span("write"):
        if is_archive:
            changed = with_overrides(subject, overrides)
            atol = default_atol(as_folding(changed)) if atol is None else atol
            run = uniform(
                grid, rtol=rtol, atol=atol, engine=engine.value, solver=solver or "", changes=overrides
            )
            columns = {name: columns[name] for name in reported_ids(network, everything) if name in columns}
            text = archive_bytes(as_network(changed), run, csv_text(course.times, columns), list(columns))
        else:
            text = csv_text(course.times, columns)
        if output is None:
            typer.echo(text, nl=False)
        else:
            write_atomically(output, text)
    if output is not None:
        say(f"wrote {output}: {len(course.times)} times, {len(columns)} columns")


app = make_app(simulate, "icrn-simulate model.icrn --end 100 --set k1=0.5 -o course.csv")


def main() -> None:
    """Run ``icrn-simulate``."""
    run(app, "icrn-simulate")


if __name__ == "__main__":
    main()
