"""A `Report` of `cross_validate` for people: a table for the terminal, a page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from converters import html

if TYPE_CHECKING:
    from rich.table import Table

    from converters.validation import Comparison, Report

_HEADER = ("engine", "species", "relative", "absolute", "at time", "largest", "verdict")
_STYLES = {"ok": None, "refined": "yellow", "differs": "red"}


def worst_rows(report: Report, limit: int | None) -> list[tuple[str, ...]]:
    """Return the species of each engine that differ most, worst first, as text."""
    rows = []
    for comparison in report.comparisons:
        judged = zip(comparison.differences, comparison.verdicts(report.tolerance), strict=True)
        ordered = sorted(judged, key=lambda pair: -pair[0].max_relative)
        for d, verdict in ordered[:limit]:
            numbers = (f"{d.max_relative:.2e}", f"{d.max_absolute:.2e}", f"{d.time:g}", f"{d.largest:.4g}")
            rows.append((comparison.engine, d.species, *numbers, verdict))
    return rows


def summary_lines(report: Report) -> list[str]:
    """Return one sentence per engine, and what the figures mean."""
    lines = [_sentence(report, comparison) for comparison in report.comparisons]
    return [
        *lines,
        f"{len(report.times)} times in [{report.times[0]:g}, {report.times[-1]:g}], rtol {report.rtol:g}, "
        f"atol {report.atol:g}; the ICRN took {report.seconds:.2f} s with compilation.",
        f"Relative: max|icrn - engine| / max(max|engine|, {report.floor:g}) over the times, where "
        f"{report.floor:g} = 10 atol / tolerance.",
    ]


def _sentence(report: Report, comparison: Comparison) -> str:
    if comparison.error:
        return f"{comparison.engine}: not compared: {comparison.error}"
    worst = comparison.worst
    if worst is None:
        return f"{comparison.engine}: the model has no species to compare"
    verdicts = comparison.verdicts(report.tolerance)
    n_bad = len(verdicts) - verdicts.count("ok")
    verdict = f"{n_bad} of {len(verdicts)} species differ" if n_bad else f"all {len(verdicts)} species agree"
    n_zero = sum(d.largest == 0 and d.max_absolute == 0 for d in comparison.differences)
    n_small = sum(d.largest < report.floor for d in comparison.differences) - n_zero
    small = f"; {n_zero} are 0 throughout in both" if n_zero else ""
    small += f"; {n_small} stay below the floor, where a smaller atol judges them" if n_small else ""
    return (
        f"{comparison.engine}: {verdict} (worst {worst.species}, {worst.max_relative:.2e}; tolerance "
        f"{report.tolerance:g}){_refined(comparison, verdicts)}; {comparison.seconds:.2f} s{small}"
    )


def _refined(comparison: Comparison, verdicts: tuple[str, ...]) -> str:
    if not comparison.refined:
        return ""
    largest = max(d.max_relative for d in comparison.refined)
    count = verdicts.count("differs")
    outcome = f"{count} still do" if count else "none does"
    meaning = "" if count else ": integration error, not another model"
    return f"; {outcome} when both run at rtol {comparison.refined_rtol:g} (worst {largest:.2e}){meaning}"


def rich_table(report: Report, limit: int | None = 10) -> Table:
    """Return the species that differ most as a rich table.

    Parameters
    ----------
    limit : int or None
        Most species per engine; None for all.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{escape(report.model) or 'model'}: largest differences from the ICRN")
    for name in _HEADER:
        is_number = name in _HEADER[2:-1]
        table.add_column(name, justify="right" if is_number else "left", no_wrap=name != "species")
    for row in worst_rows(report, limit):
        table.add_row(*map(escape, row), style=_STYLES[row[-1]])
    return table


def html_page(report: Report) -> str:
    """Return the whole report, every species, as a page of HTML."""
    sections = [
        html.paragraph("agrees" if report.passed else "does not agree", "good" if report.passed else "bad")
    ]
    sections += [html.paragraph(line) for line in summary_lines(report)]
    sections.append(html.table(_HEADER, worst_rows(report, None)))
    return html.page(f"Cross-validation of {report.model or 'the model'}", sections)
