"""Index notation: an ICRN as text for terminals and as LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from converters.enumerate import flat_positions
from converters.fold.directions import is_mass_action
from converters.folding import Folding, GroupReport, Identity
from converters.text_table import aligned
from icrn_core.icrn import (
    ICRN,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    IndexSet,
    Reference,
    Term,
    is_slot,
)
from icrn_io.expression import Expression, apply, infix, number, symbol
from icrn_io.network import Event

_MAX_EXAMPLES = 3
_EXAMPLES_WIDTH = 40
_MAX_LABELS = 8
_MAX_LABEL_WIDTH = 80
_MAX_TERMS = 6
_MAX_SYMBOLS = 4
_MAX_LAW = 90
_MAX_SINGLE = 12  # rows for single reactions, and for single rules


class Notation:
    """Writes the references, reactions and domains of one ICRN.

    Parameters
    ----------
    icrn : ICRN
        The network.
    identity : Identity, optional
        With it, single entries are written by their concrete ids.
    is_brief : bool
        Leave out the middle of what is very long.
    """

    def __init__(self, icrn: ICRN, identity: Identity | None = None, is_brief: bool = False) -> None:
        self.icrn = icrn
        self.is_brief = is_brief
        self.identity = identity
        self.species = {base.name for base in icrn.species}
        self.lists = {s.name for s in icrn.index_sets() if s.name in {b.name for b in icrn.bases}}

    def reference(self, reference: Reference) -> str:
        """``X[i,j]``; a single entry by its id; a symbol over a list by itself."""
        if not reference.indices:
            return reference.base
        if reference.base in self.lists and isinstance(reference.indices[0], str):
            return reference.indices[0]
        base = self.icrn.base(reference.base)
        if self.identity is not None and all(isinstance(i, int) for i in reference.indices):
            position = flat_positions(reference, IndexDomain(), base.shape)[0]
            concrete = self.identity.entries[reference.base][position]
            if concrete:
                return concrete
        labels = [
            index if isinstance(index, str) else index_set.labels[index]
            for index, index_set in zip(reference.indices, base.index_sets, strict=True)
        ]
        return f"{reference.base}[{','.join(labels)}]"

    def side(self, terms: Iterable[Term]) -> str:
        """Return reactants or products: ``2 A[i] + B``, ``∅`` where there are none."""
        totals: dict[Reference, float] = {}
        for term in terms:
            totals[term.species] = totals.get(term.species, 0.0) + term.stoichiometry
        parts = []
        for reference, stoichiometry in totals.items():
            factor = "" if stoichiometry == 1 else f"{stoichiometry:g} "
            parts.append(factor + self.reference(reference))
        if self.is_brief and len(parts) > _MAX_TERMS:
            parts = [*parts[: _MAX_TERMS - 2], "…", parts[-1]]
        return " + ".join(parts) or "∅"

    def law(self, item: IndexedReaction | IndexedAssignment) -> str:
        """Return the formula."""
        return self._infix(item.law.template, item)

    def _infix(self, template, item: IndexedReaction | IndexedAssignment) -> str:
        text = infix(_expression(template, [self.reference(r) for r in item.slots]))
        return shortened(text, _MAX_LAW) if self.is_brief else text

    def rate(self, reaction: IndexedReaction) -> str:
        """Return the rate constant of mass action; of other reactions ``v = `` and the law."""
        template = reaction.law.template
        if not is_mass_action(template, reaction.slots, reaction.reactants, self.species):
            return f"v = {self.law(reaction)}"
        constants = self._without_species(template, reaction)
        return self._infix(constants, reaction)

    def _without_species(self, template, item: IndexedReaction):
        """Return the constant factors of a mass-action law."""

        def species_only(node) -> bool:
            if is_slot(node):
                return item.slots[node[1]].base in self.species
            return isinstance(node, tuple) and node[0] == "power" and species_only(node[1])

        if species_only(template):
            return 1.0
        if isinstance(template, tuple) and template[0] == "times":
            factors = [self._without_species(f, item) for f in template[1:] if not species_only(f)]
            factors = [f for f in factors if f != 1.0]
            return ("times", *factors) if len(factors) > 1 else (factors[0] if factors else 1.0)
        if isinstance(template, tuple) and template[0] == "divide":
            return ("divide", self._without_species(template[1], item), template[2])
        return template

    def domain(self, domain: IndexDomain) -> str:
        """Return what the index symbols range over."""
        if not domain.symbols:
            return ""
        symbols = ", ".join(
            f"{s.name} ∈ {s.index_set.name}" for s in domain.symbols if s.name not in self.lists
        )
        if domain.relation is not None:
            names = [s.name for s in domain.symbols]
            if self.is_brief and len(names) > _MAX_SYMBOLS:
                return f"a relation of {domain.size} over {len(names)} symbols"
            names = ", ".join(names)
            return f"({names}) in a relation of {domain.size}"
        if domain.mask is not None:
            return f"{symbols}; {domain.size} of {domain.mask.size}"
        return symbols


def _expression(template, names: list[str]) -> Expression:
    if not isinstance(template, tuple):
        return number(template)
    if is_slot(template):
        return symbol(names[template[1]])
    return apply(template[0], [_expression(operand, names) for operand in template[1:]])


def shortened(text: str, most: int) -> str:
    """Return a text of at most about ``most`` characters, its middle left out between words."""
    if len(text) <= most:
        return text
    head, tail = text[: most * 3 // 4], text[-most // 5 :]
    return f"{head.rpartition(' ')[0] or head} … {tail.partition(' ')[2] or tail}"


def reaction_lines(folding: Folding, is_brief: bool = False) -> list[tuple[str, str, str, str]]:
    """Return (name, reaction, rate, domain) for every indexed reaction, joined ones as one."""
    notation = Notation(folding.icrn, folding.identity, is_brief)
    joined = {join.forward: join.backward for join in folding.joins}
    backward = set(joined.values())
    by_name = {r.name: r for r in folding.icrn.reactions}
    lines = []
    for reaction in folding.icrn.reactions:
        if reaction.name in backward:
            continue
        if folding.identity.roles[reaction.name] == "rate rule":
            text = f"d {notation.reference(reaction.products[0].species)}/dt"
            lines.append((reaction.name, text, notation.law(reaction), notation.domain(reaction.domain)))
            continue
        rate = notation.rate(reaction)
        arrow = "→"
        if reaction.name in joined:
            arrow = "⇌"
            rate = f"{rate}; {notation.rate(by_name[joined[reaction.name]])}"
        text = f"{notation.side(reaction.reactants)} {arrow} {notation.side(reaction.products)}"
        lines.append((reaction.name, text, rate, notation.domain(reaction.domain)))
    return lines


def assignment_lines(folding: Folding, is_brief: bool = False) -> list[tuple[str, str, str, str]]:
    """Return (name, target, formula, domain) for every indexed assignment of the model."""
    notation = Notation(folding.icrn, folding.identity, is_brief)
    items = (*folding.icrn.assignments, *folding.icrn.initial_assignments)
    return [
        (
            item.name,
            notation.reference(item.target)
            + (" at t = 0" if item in folding.icrn.initial_assignments else ""),
            notation.law(item),
            notation.domain(item.domain),
        )
        for item in items
        if folding.identity.roles[item.name] != "derived"
    ]


def index_set_lines(icrn: ICRN) -> list[tuple[str, int, str]]:
    """Return (name, size, labels) for every index set."""
    return [(s.name, len(s), abbreviated(s)) for s in icrn.index_sets()]


def abbreviated(index_set: IndexSet) -> str:
    """Labels of an index set, the middle of a long one left out."""
    labels = index_set.labels
    n_shown = len(labels) if len(labels) <= _MAX_LABELS else _MAX_LABELS - 2
    while n_shown > 1 and len(", ".join(labels[:n_shown])) > _MAX_LABEL_WIDTH:
        n_shown -= 1
    if n_shown < len(labels):
        return ", ".join((*labels[:n_shown], "…", labels[-1]))
    return ", ".join(labels)


def examples(folding: Folding, group: GroupReport) -> str:
    """Return the first concrete ids of an indexed reaction or rule."""
    ids = folding.identity.tuples[group.name]
    fits = [n for n in range(1, _MAX_EXAMPLES + 1) if len(abbreviated_ids(ids, n)) <= _EXAMPLES_WIDTH]
    return abbreviated_ids(ids, fits[-1] if fits else 1)


def abbreviated_ids(ids: Sequence[str], most: int = _MAX_EXAMPLES) -> str:
    """Return the first of some ids."""
    return ", ".join(ids[:most]) + (", …" if len(ids) > most else "")


def describe(folding: Folding) -> str:
    """Return the folded network in index notation, as plain text.

    Index sets with their sizes, indexed reactions with their rates and domains, rules, and
    what could not be indexed.
    """
    lines = [f"{folding.icrn.name or 'network'}: {_counts(folding)}"]
    sets = index_set_lines(folding.icrn)
    if sets:
        lines += ["", "index sets"] + [f"  {name} ({size}): {labels}" for name, size, labels in sets]
    lines += _table("reactions", reaction_lines(folding, is_brief=True))
    lines += _table("rules", assignment_lines(folding, is_brief=True))
    if folding.skeleton.events:
        rows = [event_row(event) for event in folding.skeleton.events]
        lines += ["", "events", *aligned(rows, (16, 48, 80))]
    rest = [u for u in folding.unsupported if u.feature != "event"]
    if rest:
        lines += ["", "held as it is, not indexed"]
        held = [f"  {u.feature} '{u.element_id}' {u.detail}".rstrip() for u in rest]
        lines += held[:_MAX_SINGLE]
        if len(held) > _MAX_SINGLE:
            lines.append(f"  and {len(held) - _MAX_SINGLE} more")
    return "\n".join(lines)


def event_row(event: Event) -> tuple[str, str, str]:
    """Return id, moment and changes of an event: ``at Drug < 0.5 after 2``, ``Drug := Drug + 1``."""

    def text(formula: Expression | None) -> str:
        return "?" if formula is None else shortened(infix(formula), _MAX_LAW)

    words = [f"at {text(event.trigger)}"]
    if event.delay is not None:
        words.append(f"after {text(event.delay)}")
    if event.priority is not None:
        words.append(f"priority {text(event.priority)}")
    if not event.trigger_persistent:
        words.append("while it lasts")
    changes = "; ".join(f"{a.variable} := {text(a.math)}" for a in event.assignments)
    return event.id or "event", ", ".join(words), changes


def _counts(folding: Folding) -> str:
    skeleton = folding.skeleton
    n_indexed = len(folding.icrn.reactions) - len(folding.joins)
    return (
        f"{len(skeleton.species)} species and {_plural(len(skeleton.reactions), 'reaction')} "
        f"in {len(folding.icrn.species)} base species and {_plural(n_indexed, 'indexed reaction')}"
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _table(title: str, rows: list[tuple[str, str, str, str]]) -> list[str]:
    if not rows:
        return []
    single = [row for row in rows if not row[3]]
    hidden = set(single[_MAX_SINGLE:])
    shown = [row for row in rows if row not in hidden]
    more = [f"  and {len(hidden)} more of one {title[:-1]} each (--json lists them)"] if hidden else []
    return ["", title, *aligned(shown, (8, 48, 40, 32)), *more]


_LATEX: Mapping[str, str] = {"→": r"\longrightarrow", "⇌": r"\rightleftharpoons", "∅": r"\varnothing"}


def latex(folding: Folding) -> str:
    """Return the indexed reactions as a LaTeX ``align*`` environment."""
    rows = []
    for _, text, rate, domain in reaction_lines(folding):
        body = " ".join(_LATEX.get(word, _latex_word(word)) for word in text.split(" "))
        note = rf" && \text{{{_latex_text(domain)}}}" if domain else ""
        rows.append(rf"  & {body} && \text{{{_latex_text(rate)}}}{note}")
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}\n"


def _latex_word(word: str) -> str:
    if word == "+" or word.replace(".", "").isdigit():
        return word
    base, _, indices = word.rstrip("]").partition("[")
    escaped = [part.replace("_", "\\_") for part in (base, indices)]
    return rf"\mathit{{{escaped[0]}}}" + (f"_{{{escaped[1]}}}" if indices else "")


def _latex_text(text: str) -> str:
    for plain, escaped in (
        ("_", r"\_"),
        ("^", r"\^{}"),
        ("∈", r"$\in$"),
        ("%", r"\%"),
        ("&", r"\&"),
        ("#", r"\#"),
    ):
        text = text.replace(plain, escaped)
    return text
