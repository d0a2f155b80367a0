"""Draw a folded network as SVG: base species on the left, indexed reactions on the right."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from converters.folding import Folding
from converters.show import reaction_lines
from icrn_core.icrn import IndexedReaction

_ROW, _TOP, _CHAR, _GAP = 34, 60, 7.4, 260
_COLOURS = {"reactant": "#33658a", "product": "#b5651d", "modifier": "#8a8f98"}
_STYLE = (
    "text{font:13px ui-monospace,monospace;fill:#1c2733}"
    ".node{fill:#f4f7fa;stroke:#9fb3c8}.edge{fill:none;stroke-width:1.5;opacity:.75}"
)


def svg(folding: Folding) -> str:
    """Return the drawing: what each indexed reaction takes, gives and reads.

    Parameters
    ----------
    folding : Folding
        A folded network; the two directions of a reversible reaction are drawn as one.

    Returns
    -------
    str
        A self-contained SVG document; its size grows with base species and indexed reactions.
    """
    rows = reaction_lines(folding)
    reactions = {reaction.name: reaction for reaction in folding.icrn.reactions}
    species = {base.name: _base_label(base) for base in folding.icrn.species}
    left = _boxes(species, 20.0)
    right_labels = {name: f"{name}  {text}" for name, text, _, _ in rows}
    right = _boxes(right_labels, 20.0 + _width(species) + _GAP)
    edges = [edge for name in right for edge in _edges(reactions[name], left, right[name])]
    width = 40.0 + _width(species) + _GAP + _width(right_labels)
    height = _TOP + _ROW * max(len(left), len(right), 1) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<style>{_STYLE}</style>",
        *_legend(),
        *edges,
        *_nodes(left, species),
        *_nodes(right, right_labels),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _base_label(base) -> str:
    sets = ",".join(index_set.name for index_set in base.index_sets)
    return f"{base.name}[{sets}]" if sets else base.name


def _width(labels: dict[str, str]) -> float:
    return 24 + _CHAR * max(map(len, labels.values()), default=4)


def _boxes(labels: dict[str, str], x: float) -> dict[str, tuple[float, float, float]]:
    """Return left edge, middle height and width of each node."""
    width = _width(labels)
    return {name: (x, _TOP + _ROW * (k + 0.5), width) for k, name in enumerate(labels)}


def _nodes(boxes: dict, labels: dict[str, str]) -> Iterator[str]:
    for name, (x, y, width) in boxes.items():
        yield f'<rect class="node" x="{x:.1f}" y="{y - 13:.1f}" width="{width:.1f}" height="26" rx="6"/>'
        yield f'<text x="{x + 12:.1f}" y="{y + 4.5:.1f}">{escape(labels[name])}</text>'


def _edges(reaction: IndexedReaction, left: dict, box: tuple[float, float, float]) -> Iterator[str]:
    reactants = dict.fromkeys(term.species.base for term in reaction.reactants)
    products = dict.fromkeys(term.species.base for term in reaction.products)
    read = dict.fromkeys(slot.base for slot in reaction.slots)
    for kind, bases in (("reactant", reactants), ("product", products), ("modifier", read)):
        for base in bases:
            if base in left and not (kind == "modifier" and (base in reactants or base in products)):
                yield _curve(left[base], box, kind)


def _curve(start: tuple[float, float, float], end: tuple[float, float, float], kind: str) -> str:
    # Products leave a little lower than reactants arrive, so that a species on both sides shows two lines.
    shift = {"reactant": -5, "product": 5, "modifier": 0}[kind]
    x0, y0, x1, y1 = start[0] + start[2], start[1] + shift, end[0], end[1] + shift
    middle = (x0 + x1) / 2
    dash = ' stroke-dasharray="5 4"' if kind == "modifier" else ""
    path = f"M{x0:.1f} {y0:.1f} C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    return f'<path class="edge" d="{path}" stroke="{_COLOURS[kind]}"{dash}/>'


def _legend() -> Iterator[str]:
    for k, (kind, colour) in enumerate(_COLOURS.items()):
        dash = ' stroke-dasharray="5 4"' if kind == "modifier" else ""
        x = 20 + 140 * k
        yield f'<path class="edge" d="M{x} 28 h28" stroke="{colour}"{dash}/>'
        yield f'<text x="{x + 36}" y="32">{kind}</text>'
