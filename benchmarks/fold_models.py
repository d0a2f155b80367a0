"""How far real models fold: groups, exceptions and bits of every model with enough reactions.

``python benchmarks/fold_models.py`` reads and folds the models of the shared data (or the
files and folders given), and writes ``results/fold_models.md``: the distribution by size of
model, the models that shrink most with what was found in them, and one line for every model.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np

from converters import Folding, fold_network
from converters.folding import GroupReport
from converters.show import abbreviated, reaction_lines
from icrn_io import ModelIOError, read_model

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("ICRN_DATA", ROOT.parent / "shared" / "data"))
PATTERNS = ("biomodels/*.xml", "petab-benchmarks/*/model*.xml", "rule-based/*.xml")
CLASSES = (10, 100, 300, 1000)  # models with at least so many reactions
SHOWN = 6  # indexed reactions, and index sets, of each of the best
MODEL_COLUMNS = (
    "model",
    "reactions",
    "held",
    "indexed",
    "strict",
    "bits flat",
    "bits folded",
    "ratio",
    "seconds",
)


@dataclass(frozen=True)
class Row:
    """Figures of one model, and the fold of those that are shown.

    ``reactions`` are those that fold; ``held`` ones, without a rate law for example, do not.
    ``groups`` are its indexed reactions and ``strict`` the same with each exception to a
    regular domain counted as one more; indexed rules are in the bits only.
    """

    model: str
    reactions: int
    held: int
    groups: int
    strict: int
    flat_bits: float
    folded_bits: float
    seconds: float
    is_complete: bool
    folding: Folding

    @property
    def ratio(self) -> float:
        """Bits of the flat network over bits of the folded one."""
        return self.flat_bits / self.folded_bits


def model_name(path: Path) -> str:
    """Return a short name of a file: of a PEtab problem that of its folder."""
    return path.parent.name if path.stem.startswith("model") else path.stem


def files_of(given: Iterable[Path]) -> list[Path]:
    """Return the models of files and folders; of the shared data where none are given."""
    found: list[Path] = []
    for path in given:
        found += sorted(path.rglob("*.xml")) if path.is_dir() else [path]
    return found or [path for pattern in PATTERNS for path in sorted(DATA.glob(pattern))]


def fold_row(path: Path, at_least: int, seconds: float) -> Row | None:
    """Read and fold one model; None where it has too few reactions."""
    network = read_model(path)
    if len(network.reactions) < at_least:
        return None
    start = perf_counter()
    folding = fold_network(network, seconds=seconds)
    spent = perf_counter() - start
    report = folding.report
    groups = reaction_groups(folding)
    folded = sum(group.n_reactions for group in groups)
    if folded < at_least:
        return None
    return Row(
        model_name(path),
        folded,
        len(network.reactions) - folded,
        len(groups),
        sum(1 + group.exceptions for group in groups),
        report.flat_bits,
        report.folded_bits,
        spent,
        report.is_complete,
        folding,
    )


def reaction_groups(folding: Folding) -> list[GroupReport]:
    """Return the reports of the indexed reactions, without those of rules."""
    roles = folding.identity.roles
    return [group for group in folding.report.groups if roles[group.name] == "reaction"]


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Return a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def distribution(rows: list[Row]) -> list[str]:
    """Quartiles of the three figures by class of size."""
    lines = []
    for least in CLASSES:
        members = [row for row in rows if row.reactions >= least]
        if members:
            figures = {
                "reactions per indexed reaction": [row.reactions / max(row.groups, 1) for row in members],
                "the same, strict": [row.reactions / max(row.strict, 1) for row in members],
                "bits flat / folded": [row.ratio for row in members],
                "seconds": [row.seconds for row in members],
            }
            for name, found in figures.items():
                quartiles = [f"{q:.3g}" for q in np.percentile(found, [0, 25, 50, 75, 100])]
                lines.append([f"≥ {least}", len(members), name, *quartiles])
    return table(("reactions", "models", "figure", "least", "25 %", "median", "75 %", "most"), lines)


def best_of(rows: list[Row], number: int) -> list[str]:
    """Return the models that shrink most, with their index sets and patterns in words."""
    lines: list[str] = []
    for row in sorted(rows, key=lambda row: -row.ratio)[:number]:
        held = f", {row.held:,} held" if row.held else ""
        found = f"{row.reactions:,} reactions in {row.groups:,} (strict {row.strict:,}){held}"
        lines += ["", f"### {row.model}: {row.ratio:.1f}×", "", f"{found}.", ""]
        lines += patterns(row.folding)
    return lines


def patterns(folding: Folding) -> list[str]:
    """Return the largest indexed reactions with the patterns of their domains, and their index sets."""
    texts = {name: (text, rate) for name, text, rate, _ in reaction_lines(folding)}
    largest = sorted(reaction_groups(folding), key=lambda group: -group.n_reactions)[:SHOWN]
    by_name = {reaction.name: reaction for reaction in folding.icrn.reactions}
    lines, sets = [], {}
    for group in largest:
        text, rate = texts[group.name]
        where = group.pattern or group.form
        more = f", {group.exceptions} exceptions" if group.exceptions else ""
        lines.append(f"- {group.n_reactions}: `{short(text)}` at `{short(rate)}`; {where}{more}")
        for symbol in by_name[group.name].domain.symbols:
            sets[symbol.index_set.name] = symbol.index_set
    named = [f"{name} ({len(s)}): {short(abbreviated(s))}" for name, s in list(sets.items())[:SHOWN]]
    return [*lines, "", "Index sets: " + "; ".join(named) + "."] if named else lines


def short(text: str, length: int = 120) -> str:
    """Return a text without the middle of it where it is long."""
    half = (length - 3) // 2
    return text if len(text) <= length else f"{text[:half]} … {text[-half:]}"


def page(rows: list[Row], refused: list[tuple[str, str]], options: argparse.Namespace) -> str:
    """Return the whole page."""
    rows = sorted(rows, key=lambda row: (-row.reactions, row.model))
    cut = sum(not row.is_complete for row in rows)
    lines = [
        "# How far real models fold",
        "",
        f"Written by `benchmarks/fold_models.py` on {datetime.now(UTC):%Y-%m-%d} ({platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}): {len(rows)} models with at least "
        f"{options.at_least} reactions, {options.seconds:g} s for the search of each, used up by {cut}. "
        "Every fold was enumerated again and compared equal. How a bit is counted: `docs/folding.md`. "
        "Strict: indexed reactions, each exception to a regular domain counted as one more.",
        "",
        "## Distribution",
        "",
        *distribution(rows),
        "",
        f"## The {options.best} that shrink most",
        *best_of(rows, options.best),
        "",
        "## All models",
        "",
        *table(
            (
                "model",
                "reactions",
                "held",
                "indexed",
                "strict",
                "bits flat",
                "bits folded",
                "ratio",
                "seconds",
            ),
            (
                (
                    row.model,
                    row.reactions,
                    row.held,
                    row.groups,
                    row.strict,
                    f"{row.flat_bits:,.0f}",
                    f"{row.folded_bits:,.0f}",
                    f"{row.ratio:.2f}",
                    f"{row.seconds:.2f}" + ("" if row.is_complete else " (time used up)"),
                )
                for row in rows
            ),
        ),
    ]
    if refused:
        lines += ["", "## Not read", "", *table(("model", "why"), refused)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fold every model, report on stderr, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path, help="files or folders; default: the shared data")
    parser.add_argument("--at-least", type=int, default=10, help="reactions")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for the search of one model")
    parser.add_argument("--best", type=int, default=15, help="how many models are shown in detail")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results") / "fold_models.md")
    options = parser.parse_args()
    files = files_of(options.models)
    if not files:
        parser.error(f"no models: give files, or set ICRN_DATA (looked in {DATA})")
    rows: list[Row] = []
    refused: list[tuple[str, str]] = []
    for number, path in enumerate(files, start=1):
        try:
            row = fold_row(path, options.at_least, options.seconds)
        except ModelIOError as error:
            refused.append((model_name(path), str(error).replace("|", "\\|").replace("\n", " ")))
            continue
        if row is not None:
            rows.append(row)
            print(
                f"{number:4}/{len(files)} {row.model:28} {row.reactions:6} reactions in {row.groups:5} "
                f"(strict {row.strict:5}), bits {row.ratio:6.2f}, {row.seconds:7.2f} s",
                file=sys.stderr,
                flush=True,
            )
    options.out.write_text(page(rows, refused, options), encoding="utf-8")


if __name__ == "__main__":
    main()
