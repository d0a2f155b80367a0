"""``icrn-import``: fold a model file into an indexed network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from converters.cli.app import (
    MODEL_HELP,
    ProfileOption,
    VersionOption,
    make_app,
    print_folding,
    progress,
    read,
    run,
    say,
)
from converters.profiling import span

if TYPE_CHECKING:
    from converters.folding import Folding

_SUFFIXES = (".gz", ".xml", ".sbml", ".ant", ".iant", ".txt", ".omex")


def import_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)],
    output: Annotated[
        str | None, typer.Option("-o", metavar="FILE.icrn", help="Where to write; STEM.icrn here by default.")
    ] = None,
    hints_file: Annotated[
        str | None,
        typer.Option("--hints", metavar="FILE.toml", help="Bases and index sets that are known."),
    ] = None,
    fold_seconds: Annotated[
        float,
        typer.Option("--fold-seconds", metavar="S", min=0.0, help="Time for the search of index structure."),
    ] = 60.0,
    flat: Annotated[
        bool, typer.Option("--flat", help="Group reactions by rate law only, without index structure.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    report_file: Annotated[
        str | None, typer.Option("--report", metavar="FILE.html", help="Write what is printed as HTML too.")
    ] = None,
    profile: ProfileOption = False,
    version: VersionOption = False,
) -> None:
    """Read a model, find its index structure, and write it as an .icrn file.

    Prints the network in index notation: index sets with their sizes, what folded and by how
    much, what is left and why, what would fold more, and the check that nothing was lost.

    A hints file says which ids form a base, in TOML: a table "bases" with lines such as
    D = "D_{p}_{q}", where p and q are indices, and a table "index_sets" with lines such as
    I = ["EGF", "HRG"] for indices like {p:I}.
    """
    with span("import"):
        from converters.archive import save_folding
        from converters.files import check_targets
        from converters.fold import fold_network
        from converters.folding_report import folding_json, folding_text, html_page
        from converters.hints import load_hints
        from converters.models import as_network, is_archive, is_authored
        from converters.refusal import refuse_bad_values
        from icrn_io.errors import ModelIOError
        from icrn_io.files import write_atomically

    if is_archive(model):
        raise ModelIOError(f"'{model}' is folded already: icrn-show {model} prints it")
    target = output or default_output(model)
    if not is_archive(target):
        raise ModelIOError(f"-o '{target}': the name of a folded network ends in .icrn")
    if flat and hints_file is not None:
        raise typer.BadParameter("--flat looks for no index structure: choose one of --flat and --hints")
    if is_authored(model) and (flat or hints_file is not None):
        raise ModelIOError(f"'{model}' is written with its indices: --flat and --hints do not apply to it")
    check_targets(model, target, report_file)
    hints = load_hints(hints_file) if hints_file is not None else None
    with progress("Reading the model"):
        subject = read(model)
    if is_authored(model):
        folding = subject
    else:
        network = as_network(subject)
        with (
            progress(f"Folding {len(network.species)} species and {len(network.reactions)} reactions"),
            span("fold"),
        ):
            folding = fold_network(network, hints, fold_seconds, flat_only=flat)
    refuse_bad_values(folding)
    with span("write"):
        save_folding(folding, target)
        if report_file is not None:
            write_atomically(report_file, html_page(folding))
            say(f"wrote {report_file}")
    if as_json:
        typer.echo(json.dumps(folding_json(folding), indent=2))
    else:
        print_folding(folding_text(folding))
    if folding.report is not None and not folding.report.is_complete:
        say(f"note: the search was cut short after {fold_seconds:g} s: --fold-seconds allows more time")
    warn_unsupported(folding)
    say(f"wrote {target}")


def default_output(model: str) -> str:
    """Return STEM.icrn, in the current directory, for the name of a model."""
    if model == "-":
        return "model.icrn"
    name = Path(model).name
    while name.lower().endswith(_SUFFIXES) and "." in name.lstrip("."):
        name = name[: name.rindex(".")]
    return f"{name}.icrn"


def warn_unsupported(folding: Folding) -> None:
    """Tell on standard error that the network is held but cannot be simulated."""
    if not folding.unsupported:
        return
    from converters.lowering.plain import not_simulated

    held = not_simulated(folding)
    if held:
        first = held[0]
        say(
            f"note: held exactly, but cannot be simulated: {first.feature} '{first.element_id}'"
            + (f" and {len(held) - 1} more" if len(held) > 1 else "")
        )


app = make_app(import_model, "icrn-import model.xml --hints bases.toml -o model.icrn")


def main() -> None:
    """Run ``icrn-import``."""
    run(app, "icrn-import")


if __name__ == "__main__":
    main()
