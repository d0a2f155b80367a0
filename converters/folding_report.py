"""A `Folding` for people: text for the terminal, JSON for programs, a page of HTML."""

from __future__ import annotations

from collections import Counter

from converters import html
from converters.folding import Folding, FoldReport
from converters.show import assignment_lines, describe, examples, index_set_lines, reaction_lines


def folding_text(folding: Folding) -> str:
    """Return the folded network in index notation with what folded, by how much and why."""
    return "\n".join([describe(folding), *_report_lines(folding)])


def _report_lines(folding: Folding) -> list[str]:
    report = folding.report
    if report is None:
        return []
    rows = group_rows(folding)
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
    groups = [
        f"  {name:<{widths[0]}}  {number:>{widths[2]}} {form:<{widths[1]}}  {why} ({ids})"
        for name, form, number, why, ids in rows
    ]
    return ["", "what folded, and why", *groups, "", *_summary_lines(report)]


def _summary_lines(report: FoldReport) -> list[str]:
    forms = Counter(group.form for group in report.groups)
    counts = ", ".join(f"{count} {form}" for form, count in forms.items())
    shorter = report.flat_bits / report.folded_bits if report.folded_bits else 1.0
    gain = f", {shorter:.1f} times shorter" if shorter >= 1.05 else ""
    return [
        f"domains: {counts or 'none'}",
        f"description: {report.flat_bits:,.0f} bits flat, {report.folded_bits:,.0f} bits folded{gain}; "
        f"found in {report.fold_seconds:.2f} s",
        f"exact: enumerated again and compared equal in {report.check_seconds:.2f} s",
    ]


def group_rows(folding: Folding) -> list[tuple[str, str, str, str, str]]:
    """Return (name, form, reactions, why, examples) of every indexed reaction and rule."""
    groups = folding.report.groups if folding.report else ()
    return [(g.name, g.form, str(g.n_reactions), g.why, examples(folding, g)) for g in groups]


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
        tree["report"] = {
            "groups": [
                {"name": g.name, "n_reactions": g.n_reactions, "form": g.form, "why": g.why}
                for g in report.groups
            ],
            "flat_bits": report.flat_bits,
            "folded_bits": report.folded_bits,
            "fold_seconds": report.fold_seconds,
            "check_seconds": report.check_seconds,
        }
    return tree


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
        html.table(("name", "reaction", "rate", "domain"), reaction_lines(folding)),
    ]
    rules = assignment_lines(folding)
    if rules:
        sections += [html.heading("Rules"), html.table(("name", "target", "formula", "domain"), rules)]
    sections += [
        html.heading("What folded, and why"),
        html.table(("name", "form", "number", "why", "examples"), group_rows(folding)),
        *(html.paragraph(line) for line in (_summary_lines(folding.report) if folding.report else [])),
    ]
    return html.page(f"{name}: folded network", sections)
