"""``icrn-export``: write a folded network back as an ordinary model file."""

from __future__ import annotations

from typing import Annotated

import typer

from converters.cli.app import VersionOption, make_app, parse_settings, progress, read_archive, run, say


def export(
    archive: Annotated[str, typer.Argument(metavar="FILE.icrn", help="A folded network, from icrn-import.")],
    output: Annotated[
        str, typer.Option("-o", metavar="FILE.xml|FILE.ant", help="SBML (.xml, .sbml) or Antimony (.ant).")
    ],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Write new SBML L3V2, instead of patching the original document.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="ID=VALUE", help="Change a value on the way; can be repeated."),
    ] = None,
    version: VersionOption = False,
) -> None:
    """Enumerate a folded network and write it under its original ids.

    By default the original document is patched: ids, annotations, notes, units and layout
    stay, and only values that differ are replaced. New SBML carries the index structure as an
    annotation, which icrn-import finds again.
    """
    from converters.annotation import fold_annotation
    from converters.enumerate import enumerate_network
    from converters.export import check_suffix, write_network
    from converters.files import check_targets
    from converters.overrides import apply_overrides

    overrides = parse_settings(settings or [])
    check_suffix(output)
    check_targets(archive, output)
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
