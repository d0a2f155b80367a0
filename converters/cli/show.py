"""``icrn-show``: print a folded network."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from converters.cli.app import VersionOption, make_app, print_folding, read_archive, run, say


def show(
    archive: Annotated[str, typer.Argument(metavar="FILE.icrn", help="A folded network, from icrn-import.")],
    as_latex: Annotated[bool, typer.Option("--latex", help="Print the indexed reactions as LaTeX.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the structure as JSON.")] = False,
    graph: Annotated[
        str | None, typer.Option(metavar="FILE.svg", help="Draw base species and indexed reactions.")
    ] = None,
    version: VersionOption = False,
) -> None:
    """Print a folded network: index sets, indexed reactions, rules and what folded."""
    from converters.files import check_targets
    from converters.folding_report import folding_json, folding_text
    from converters.graph import svg
    from converters.show import latex
    from icrn_io.files import write_atomically

    if as_latex and as_json:
        raise typer.BadParameter("choose one of --latex and --json")
    if graph is not None and not graph.lower().endswith(".svg"):
        raise typer.BadParameter(f"'{graph}' does not end in .svg", param_hint="--graph")
    check_targets(archive, graph)
    folding = read_archive(archive)
    if graph is not None:
        write_atomically(graph, svg(folding))
        say(f"wrote {graph}")
    if as_latex:
        typer.echo(latex(folding), nl=False)
    elif as_json:
        typer.echo(json.dumps(folding_json(folding), indent=2))
    elif graph is None:
        print_folding(folding_text(folding))


app = make_app(show, "icrn-show model.icrn --latex")


def main() -> None:
    """Run ``icrn-show``."""
    run(app, "icrn-show")


if __name__ == "__main__":
    main()
