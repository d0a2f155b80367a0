"""Small self-contained HTML pages for reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; max-width: 62rem; margin: 2rem auto }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; font-size: .9rem }
td, th { padding: .25rem .8rem; text-align: left }
th { border-bottom: 2px solid #9fb3c8 }
td { border-bottom: 1px solid #e1e8ef; font-variant-numeric: tabular-nums }
pre { background: #f4f7fa; padding: 1rem; overflow-x: auto }
figure { margin: 1rem 0 } svg { max-width: 100%; height: auto }
figcaption { font-size: .85rem; color: #52606d }
.scroll { overflow-x: auto } .bad { color: #b3261e } .good { color: #19692c }
"""


def page(title: str, sections: Iterable[str]) -> str:
    """Return a whole page: a title and sections of HTML."""
    body = "\n".join(sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    """Return a section heading."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text; ``kind`` is "", "good" or "bad"."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def items(texts: Iterable[str]) -> str:
    """Return a list of plain text."""
    return "<ul>\n" + "\n".join(f"<li>{escape(text)}</li>" for text in texts) + "\n</ul>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of plain text."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"


def figure(svg: str, caption: str) -> str:
    """Return an SVG element with a caption of plain text, which is also its name."""
    named = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(caption)}" ', 1)
    return f"<figure>\n{named}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def scrolling(content: str) -> str:
    """Return a part of the page that scrolls by itself where it is too wide."""
    return f'<div class="scroll">{content}</div>'
