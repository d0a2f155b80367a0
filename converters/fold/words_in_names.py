"""Indices from the words of names: ``EGF_EGFR_p`` is entry (EGF, EGFR) of ``p``.

Ids of one kind with as many words are a table with a column per word. Some columns tell the
base, the others are its indices; which, is decided by the description length of the tables
that result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from converters.fold.elements import Elements, Signature
from converters.fold.keys import row_keys
from converters.fold.labelling import Draft, Labelling, covering, is_worth_axes
from converters.fold.patterns import SYMBOL_BITS, subset_bits

_DELIMITER = re.compile(r"_+")
_MOST_WORDS = 6
_HOW = "words in ids"


def by_words(elements: Elements) -> Iterator[Labelling]:
    """Yield the labelling by the words of ids, if there are ids of several words."""
    tables: dict[tuple[Signature, int], list[tuple[int, list[str]]]] = {}
    for code, element_id in enumerate(elements.ids):
        words = [word for word in _DELIMITER.split(element_id) if word]
        if len(words) <= _MOST_WORDS:
            tables.setdefault((elements.signature_of[code], len(words)), []).append((code, words))
    drafts = [
        draft
        for (signature, n_words), rows in tables.items()
        if len(rows) > 1 and n_words > 1
        for draft in _drafts(elements, signature, rows)
    ]
    if drafts:
        yield covering(elements, drafts)


def _drafts(elements: Elements, signature: Signature, rows: list) -> Iterator[Draft]:
    """Yield the bases of a table of words."""
    codes = np.array([code for code, _ in rows])
    table = np.array([elements.words.codes(words) for _, words in rows])
    columns = range(table.shape[1])
    is_number = [all(words[c].isdigit() for _, words in rows) for c in columns]
    options = [base for size in columns[1:] for base in combinations(columns, size)]
    options = [base for base in options if not all(is_number[c] for c in base)]
    if not options:
        return
    best = min(options, key=lambda base: _cost(table, list(base)))
    for members in _split(table[:, list(best)]):
        part = table[members]
        varies = [c for c in columns if c not in best and (part[:, c] != part[0, c]).any()]
        if varies and is_worth_axes(len(part), _n_cells(part[:, varies])):
            words = [elements.words.texts[w] for w in part[0, list(best)].tolist()]
            yield Draft("_".join(words) or "x", signature, codes[members], part[:, varies], how=_HOW)


def _cost(table: np.ndarray, base: list[int]) -> float:
    """Bits of the bases that some columns tell apart: a symbol for each and its indices, and its holes."""
    rest = [c for c in range(table.shape[1]) if c not in base]
    bits = 0.0
    for members in _split(table[:, base]):
        part = table[members][:, rest]
        bits += SYMBOL_BITS * (1 + len(rest)) + subset_bits(len(part), _n_cells(part))
    return bits


def _split(keys: np.ndarray) -> list[np.ndarray]:
    """Rows of each distinct key, in order of first appearance."""
    _, first, inverse = np.unique(row_keys(keys), return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    return [np.flatnonzero(inverse == number) for number in np.argsort(first)]


def _n_cells(part: np.ndarray) -> float:
    return float(np.prod([float(len(np.unique(column))) for column in part.T]))
