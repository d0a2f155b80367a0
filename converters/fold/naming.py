"""Names for bases, index sets and index symbols: short, unique, and like the paper's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from itertools import count

from converters.fold.domains import Plan
from icrn_core.icrn import IndexSet

_LETTERS = "ijklmnpqruvwxyzabcdefgh"


def unique_name(wanted: str, taken: set[str]) -> str:
    """Return ``wanted`` as an identifier that is not taken, and take it."""
    stem = re.sub(r"_+", "_", re.sub(r"\W", "_", wanted)).strip("_") or "x"
    if stem[0].isdigit():
        stem = f"_{stem}"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name


def base_names(plan: Plan) -> list[str]:
    """Return a name for each draft of a plan; hinted ones have the first choice."""
    taken: set[str] = set(plan.axes.names.values())
    ids = plan.labelling.elements.ids
    drafts = plan.labelling.drafts
    names = {k: unique_name(d.stem, taken) for k, d in enumerate(drafts) if d.is_fixed}
    for number, draft in enumerate(drafts):
        if number not in names:
            stem = _list_stem(draft.stem, ids) if draft.is_list and draft.n_axes else draft.stem
            names[number] = unique_name(stem, taken)
    return [names[number] for number in range(len(drafts))]


def _list_stem(stem: str, ids: Iterable[str]) -> str:
    """Return a name for a list whose numbered symbols (``species1``) are no ids of the model."""
    numbered = re.compile(re.escape(stem) + r"\d+")
    return f"{stem}_entry" if any(numbered.fullmatch(i) for i in ids) else stem


def index_sets(plan: Plan, names: list[str]) -> list[IndexSet]:
    """Return the index sets of a plan; those of lists carry the name of their list."""
    listed = {
        plan.axes.class_of[number, 0]: names[number]
        for number, draft in enumerate(plan.labelling.drafts)
        if draft.is_list and draft.n_axes
    }
    listed |= plan.axes.names
    letters = _letters(plan, listed, {*names, *plan.labelling.elements.ids, *plan.axes.names.values()})
    words = plan.labelling.elements.words.texts
    return [
        IndexSet(listed.get(k) or letters[k].upper(), tuple(words[c] for c in codes.tolist()))
        for k, codes in enumerate(plan.axes.labels)
    ]


def _letters(plan: Plan, listed: dict[int, str], taken: set[str]) -> dict[int, str]:
    """Return a letter (or letter and number) for each index set, in order of use by domains.

    Letters that, small or capital, are the name of a base or an id of the model are left out.
    """
    used = [s.class_number for domain in plan.domains for s in domain.symbols]
    order = dict.fromkeys([*used, *range(len(plan.axes.labels))])
    rounds = (letter + (str(k) if k else "") for k in count() for letter in _LETTERS)
    free = (letter for letter in rounds if not taken & {letter, letter.upper()})
    return {k: next(free) for k in order if k not in listed}


def symbol_names(
    sets: Iterable[IndexSet], all_sets: list[IndexSet], listed: set[str], ids: Set[str]
) -> list[str]:
    """Return a name for each symbol of a domain from the index sets they range over.

    The first symbol over index set ``I`` is ``i``; further ones take letters that stand for
    no index set and no id of the model. Symbols over lists are numbered: ``species1``.
    """
    taken = {s.name.lower() for s in all_sets} | ids
    seen: dict[str, int] = {}
    names: list[str] = []
    free = (letter for letter in _LETTERS if letter not in taken and letter not in names)
    for index_set in sets:
        use = seen[index_set.name] = seen.get(index_set.name, 0) + 1
        if index_set.name in listed:
            names.append(f"{index_set.name}{use}")
        elif use == 1 and (own := _own_symbol(index_set.name, taken | set(names), ids)):
            names.append(own)
        else:
            names.append(next(free, f"{index_set.name.lower()}{use}"))
    return names


def _own_symbol(name: str, taken: Set[str], ids: Set[str]) -> str:
    """Return the symbol of an index set: its name in small letters, the first of a long name if free."""
    letter = name[0].lower()
    if len(name) > 2 and letter.isalpha() and letter not in taken and letter.upper() not in ids:
        return letter
    return "" if name.lower() in ids else name.lower()
