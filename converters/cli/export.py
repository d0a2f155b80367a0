"""``icrn-export``: write a folded network back as a model file, or as a compiled simulation."""

from __future__ import annotations

from typing import Annotated

import typer

from converters.cli.app import VersionOption, make_app, parse_settings, progress, read_archive, run, say


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
    points: Annotated[int, typer.Option(min=1, help="Most output times of a compiled simulation.")] = 1024,
    version: VersionOption = False,
) -> None:
    """Enumerate a folded network and write it under its original ids.

    By default the original document is patched: ids, annotations, notes, units and layout
    stay, and only values that differ are replaced. New SBML carries the index structure as an
    annotation, which icrn-import finds again.

    A compiled simulation runs where there is only JAX: icrn_core.load_simulation reads it.
    """
    from converters.annotation import fold_annotation
    from converters.enumerate import enumerate_network
    from converters.export import check_suffix, is_simulation, write_network, write_simulation
    from converters.files import check_targets
    from converters.models import as_folding, with_overrides
    from converters.overrides import apply_overrides

    overrides = parse_settings(settings or [])
    check_suffix(output)
    check_targets(archive, output)
    if is_simulation(output):
        with progress("Compiling"):
            folding = as_folding(with_overrides(read_archive(archive), overrides))
            write_simulation(folding, output, points)
        say(f"wrote {output}: {len(folding.skeleton.species)} species, up to {points} times")
        return
    with progress("Enumerating"):
        folding = read_archive(archive)
        network = apply_overrides(enumerate_network(folding), overrides)
    with progress("Writing"):
        write_network(network, output, fresh=fresh, annotation=fold_annotation(folding))
    say(f"wrote {output}: {len(network.species)} species, {len(network.reactions)} reactions")


app = make_app(export, "icrn-export model.icrn -o model.xml")


def main() -> None:
    """Run ``icrn-export``."""
    run(app, "icrn-export")


if __name__ == "__main__":
    main()
