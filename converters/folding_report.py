"""A `Folding` for people: text for the terminal, JSON for programs, a page of HTML."""

from __future__ import annotations

from dataclasses import asdict

from converters import html
from converters.folding import Folding, FoldReport, GroupReport
from converters.near_misses import find_near_misses
from converters.remainder import REASONS, remainders
from converters.show import (
    abbreviated_ids,
    assignment_lines,
    describe,
    examples,
    index_set_lines,
    reaction_lines,
)
from converters.text_table import aligned, paragraph

_HEADER = ("name", "number", "form", "index tuples", "density", "how found", "ids")
_WIDTHS = (8, 8, 26, 34, 8, 20, 40)
_MAX_SINGLE = 10
_MAX_PATTERN = 66


def folding_text(folding: Folding) -> str:
    """Return the folded network in index notation with what folded, by how much and why."""
    return "\n".join([describe(folding), *_report_lines(folding)])


def _report_lines(folding: Folding) -> list[str]:
    report = folding.report
    if report is None:
        return []
    lines: list[str] = []
    rows = group_rows(folding)
    if rows:
        lines += ["", "what folded, and how", *aligned(rows, _WIDTHS)]
    for title, texts in (
        ("what is left", left_lines(folding)),
        ("what would fold more", [miss.text for miss in find_near_misses(folding)]),
        ("hints", report.hints),
        ("how much", summary_lines(report)),
    ):
        if texts:
            lines += ["", title, *(line for text in texts for line in paragraph(text))]
    return [*lines, "", *proof_lines(report)]


def group_rows(folding: Folding) -> list[tuple[str, ...]]:
    """Return a row of cells for every indexed reaction and rule that stands for more than one."""
    groups = folding.report.groups if folding.report else ()
    return [
        (g.name, str(g.n_reactions), g.form, _pattern(g), _share(g), g.how, examples(folding, g))
        for g in groups
        if g.n_reactions > 1
    ]


def _pattern(group: GroupReport) -> str:
    """Return the pattern of an indexed reaction, or how long a list it is where that is long too."""
    if group.pattern and len(group.pattern) <= _MAX_PATTERN:
        return group.pattern
    return f"a list, {group.exceptions} of {group.n_reactions} by no rule"


def _share(group: GroupReport) -> str:
    if group.form == "dense":
        return "full"
    percent = 100 * group.density
    return f"{percent:.0f} %" if percent >= 1 else "< 1 %"


def left_lines(folding: Folding) -> list[str]:
    """Return what did not fold, and why: single reactions, and elements that are only listed."""
    single = [g for g in folding.report.groups if g.n_reactions == 1] if folding.report else []
    lines = []
    for noun in ("reaction", "rule"):
        names = [
            g.name for g in single if (folding.identity.roles[g.name] == "reaction") == (noun == "reaction")
        ]
        if names:
            ids = abbreviated_ids([folding.identity.tuples[name][0] for name in names], _MAX_SINGLE)
            own = "its" if len(names) == 1 else "their"
            lines.append(f"{_plural(len(names), noun)} of a form of {own} own: {ids}")
    for rest in remainders(folding):
        parts = [f"{len(ids)} {REASONS[key]} ({abbreviated_ids(ids)})" for key, ids in rest.ids.items()]
        lines.append(f"{rest.name} lists {_plural(rest.n_elements, 'element')}: {'; '.join(parts)}")
    return lines


def summary_lines(report: FoldReport) -> list[str]:
    """Return the three figures of compression, each with what it counts."""
    n_items = sum(group.n_reactions for group in report.groups)
    n_groups = len(report.groups)
    return [
        f"groups: {n_items:,} reactions and rules in {n_groups:,}, {_times(n_items, n_groups)} each",
        f"strict, each exception to a regular domain counted as one more: {report.n_strict:,}, "
        f"{_times(n_items, report.n_strict)} each",
        f"bits: {report.flat_bits:,.0f} flat, {report.folded_bits:,.0f} folded, "
        f"{_times(report.flat_bits, report.folded_bits)} times shorter",
    ]


def proof_lines(report: FoldReport) -> list[str]:
    """Return how long the fold and its proof took, and whether the search ended by itself."""
    cut = "" if report.is_complete else " (cut short: --fold-seconds allows more time)"
    return [
        f"folded in {report.fold_seconds:.2f} s{cut}",
        f"exact: enumerated again and compared equal in {report.check_seconds:.2f} s",
    ]


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _times(above: float, below: float) -> str:
    return f"{above / below if below else 1.0:,.1f}"


def folding_json(folding: Folding) -> dict:
    """Return the index structure and the report as plain data."""
    report = folding.report
    tree: dict = {
        "name": folding.icrn.name,
        "n_species": len(folding.skeleton.species),
        "n_reactions": len(folding.skeleton.reactions),
        "index_sets": [{"name": s.name, "labels": list(s.labels)} for s in folding.icrn.index_sets()],
        "base_species": [_base(b) for b in folding.icrn.species],
        "rate_constants": [_base(b) for b in folding.icrn.constants],
        "reactions": [_named(row, "reaction", "rate") for row in reaction_lines(folding)],
        "rules": [_named(row, "target", "formula") for row in assignment_lines(folding)],
        "unsupported": [
            {"feature": u.feature, "element_id": u.element_id, "detail": u.detail}
            for u in folding.unsupported
        ],
    }
    if report is not None:
        tree["report"] = _report_json(folding, report)
    return tree


def _report_json(folding: Folding, report: FoldReport) -> dict:
    return {
        "groups": [asdict(g) | {"ids": list(folding.identity.tuples[g.name])} for g in report.groups],
        "n_groups": len(report.groups),
        "n_strict": report.n_strict,
        "flat_bits": report.flat_bits,
        "folded_bits": report.folded_bits,
        "lists": [
            {"name": r.name, "n_elements": r.n_elements, "ids": {k: list(v) for k, v in r.ids.items()}}
            for r in remainders(folding)
        ],
        "near_misses": [asdict(miss) for miss in find_near_misses(folding)],
        "hints": list(report.hints),
        "is_complete": report.is_complete,
        "fold_seconds": report.fold_seconds,
        "check_seconds": report.check_seconds,
    }


def _base(base) -> dict:
    return {"name": base.name, "index_sets": [s.name for s in base.index_sets], "shape": list(base.shape)}


def _named(row: tuple[str, str, str, str], left: str, right: str) -> dict:
    return {"name": row[0], left: row[1], right: row[2], "domain": row[3]}


def html_page(folding: Folding) -> str:
    """Return the folded network and its report as a page of HTML."""
    name = folding.icrn.name or folding.skeleton.name or "network"
    sections = [
        html.heading("Index sets"),
        html.table(
            ("name", "size", "labels"),
            [(n, str(size), labels) for n, size, labels in index_set_lines(folding.icrn)],
        ),
        html.heading("Indexed reactions"),
        html.table(("name", "reaction", "rate", "domain"), reaction_lines(folding, is_brief=True)),
    ]
    rules = assignment_lines(folding, is_brief=True)
    if rules:
        sections += [html.heading("Rules"), html.table(("name", "target", "formula", "domain"), rules)]
    report = folding.report
    if report is not None:
        sections += [html.heading("What folded, and how"), html.table(_HEADER, group_rows(folding))]
        for title, texts in (
            ("What is left", left_lines(folding)),
            ("What would fold more", [miss.text for miss in find_near_misses(folding)]),
            ("Hints", report.hints),
            ("How much", [*summary_lines(report), *proof_lines(report)]),
        ):
            if texts:
                sections += [html.heading(title), html.items(texts)]
    return html.page(f"{name}: folded network", sections)
