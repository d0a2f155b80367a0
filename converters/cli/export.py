"""``icrn-export``: write a folded network back as a model file, or as a compiled simulation."""

from __future__ import annotations

from typing import Annotated

import typer

from converters.cli.app import (
    ATOL_HELP,
    VersionOption,
    make_app,
    parse_settings,
    progress,
    read_archive,
    run,
    say,
)


def export(
    archive: Annotated[str, typer.Argument(metavar="FILE.icrn", help="A folded network, from icrn-import.")],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            metavar="FILE.xml|FILE.ant",
            help="SBML (.xml, .sbml), Antimony (.ant), a COMBINE archive (.omex), or a compiled simulation "
            "(.jaxexport).",
        ),
    ],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Write new SBML L3V2, instead of patching the original document.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ID=VALUE", help="Change a value on the way; can be repeated."),
    ] = None,
    end: Annotated[
        float | None, typer.Option(help="Last output time of the simulation in an archive; default 100.")
    ] = None,
    start: Annotated[float | None, typer.Option(help="Its first output time; default 0.")] = None,
    points: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of its output times, default 101; or most output times of a compiled simulation, "
            "default 1024.",
        ),
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the simulation in an archive.")] = 1e-8,
    atol: Annotated[float | None, typer.Option(help=ATOL_HELP)] = None,
    version: VersionOption = False,
) -> None:
    """Enumerate a folded network and write it under its original ids.

    By default the original document is patched: ids, annotations, notes, units and layout
    stay, and only values that differ are replaced. New SBML carries the index structure as an
    annotation, which icrn-import finds again.

    A COMBINE archive holds the SBML and, in SED-ML, a time course that other tools run;
    icrn-simulate -o FILE.omex also puts the results in.

    A compiled simulation runs where there is only JAX: icrn_core.load_simulation reads it.
    """
    from converters.annotation import fold_annotation
    from converters.enumerate import enumerate_network
    from converters.export import check_suffix, is_combine, is_simulation, write_network, write_simulation
    from converters.files import check_targets
    from converters.models import as_folding, with_overrides
    from converters.overrides import apply_overrides
    from converters.sedml import Simulation
    from converters.tolerance import default_atol

    overrides = parse_settings(settings or [])
    check_suffix(output)
    if not is_combine(output) and not (start is None and end is None):
        raise typer.BadParameter(f"--start and --end are for COMBINE archives (.omex), not for '{output}'")
    check_targets(archive, output)
    if is_simulation(output):
        with progress("Compiling"):
            folding = as_folding(with_overrides(read_archive(archive), overrides))
            write_simulation(folding, output, points or 1024)
        say(f"wrote {output}: {len(folding.skeleton.species)} species, up to {points or 1024} times")
        return
    with progress("Enumerating"):
        folding = read_archive(archive)
        network = apply_overrides(enumerate_network(folding), overrides)
    with progress("Writing"):
        simulation = None
        if is_combine(output):
            atol = default_atol(folding) if atol is None else atol
            simulation = Simulation(
                start or 0.0, 100.0 if end is None else end, points or 101, rtol, atol, changes=overrides
            )
        annotation = fold_annotation(folding) if fresh else ""
        write_network(network, output, fresh=fresh, annotation=annotation, simulation=simulation)
    say(f"wrote {output}: {len(network.species)} species, {len(network.reactions)} reactions")


app = make_app(export, "icrn-export model.icrn -o model.xml")


def main() -> None:
    """Run ``icrn-export``."""
    run(app, "icrn-export")


if __name__ == "__main__":
    main()
