"""The notation in which an ICRN is authored: symbols, bases, formulas of them, and conditions.

Everything here is inert: ``X[i] + W[i, j]`` is a tree that `icrn_core.authoring` reads as a complex
or as part of a rate.
"""

from __future__ import annotations

import keyword
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from icrn_core.errors import IcrnError

Kind = Literal["species", "constant"]
_SIGNS = {"plus": "+", "minus": "-", "times": "*", "divide": "/", "power": "^"}
# Words of the text form, beside those of Python's expressions.
_WORDS = ("constant", "end", "fast", "index", "model", "species", "symmetric")
# How tightly operators bind, and a sign.
_BINDING = {"plus": 1, "minus": 1, "times": 2, "divide": 2, "power": 4}
_UNARY = 3


def label_text(label: str) -> str:
    """Return a label as an index: in quotes, which tell it from a symbol, unless it is a number."""
    return label if label.isdigit() and str(int(label)) == label else f'"{label}"'


def number_text(value: float) -> str:
    """Return the shortest text that is read as the same number."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


class Operand:
    """What formulas are made of by operators."""

    def __add__(self, other) -> Formula:
        return apply("plus", self, other)

    def __radd__(self, other) -> Formula:
        return apply("plus", other, self)

    def __sub__(self, other) -> Formula:
        return apply("minus", self, other)

    def __rsub__(self, other) -> Formula:
        return apply("minus", other, self)

    def __mul__(self, other) -> Formula:
        return apply("times", self, other)

    def __rmul__(self, other) -> Formula:
        return apply("times", other, self)

    def __truediv__(self, other) -> Formula:
        return apply("divide", self, other)

    def __rtruediv__(self, other) -> Formula:
        return apply("divide", other, self)

    def __pow__(self, other) -> Formula:
        return apply("power", self, other)

    def __neg__(self) -> Formula:
        return apply("minus", self)

    def __rshift__(self, other) -> Change:
        return Change(as_formula(self), _side(other))

    def __rrshift__(self, other) -> Change:
        return Change(_side(other), as_formula(self))


@dataclass(frozen=True, eq=False)
class Formula(Operand):
    """A tree of operators over entries of bases and numbers.

    Attributes
    ----------
    op : str
        A MathML operator name (`icrn_core.functions`), ``"entry"`` or ``"number"``.
    args : tuple of Formula
        Operands.
    value : Entry, float or None
        Of a leaf.
    """

    op: str
    args: tuple[Formula, ...] = ()
    value: Entry | float | None = None

    def __str__(self) -> str:
        return self._text(0)

    def _text(self, binding: int) -> str:
        """Return the formula; in parentheses where it binds less than what stands around it."""
        if self.op == "entry":
            return str(self.value)
        if self.op == "number":
            text = number_text(self.value)
            return f"({text})" if self.value < 0 and binding else text
        if self.op not in _SIGNS:
            return f"{self.op}({', '.join(map(str, self.args))})"
        own = _BINDING[self.op]
        if len(self.args) == 1:
            own, text = _UNARY, f"-{self.args[0]._text(_UNARY)}"
        else:
            # Chains are read from the left, powers from the right.
            first, *rest = self.args
            ends = (own + 1, own) if self.op == "power" else (own, own + 1)
            text = f" {_SIGNS[self.op]} ".join([first._text(ends[0]), *(arg._text(ends[1]) for arg in rest)])
        return f"({text})" if own < binding else text

    def entries(self) -> Iterator[Entry]:
        """Yield every entry of the tree, from left to right, repeats included."""
        if self.op == "entry":
            yield self.value
        for arg in self.args:
            yield from arg.entries()


class Entry(NamedTuple):
    """``X[i, "lacI"]``: a base and, for each axis, an index symbol or a label."""

    base: Base
    indices: tuple[Index | str, ...]

    def __str__(self) -> str:
        texts = [label_text(i) if isinstance(i, str) else str(i) for i in self.indices]
        return f"{self.base}[{', '.join(texts)}]" if texts else str(self.base)


class Base(Operand):
    """A named family of species or constants; indexed it is an entry.

    Two that were declared alike are one.

    Attributes
    ----------
    name : str
        The name.
    kind : {"species", "constant"}
        What it is a family of.
    axes : tuple of Index or None
        What its axes range over, None where its uses tell it.
    is_symmetric : bool
        ``D[p, q]`` and ``D[q, p]`` are one species.
    """

    def __init__(self, name: str, kind: Kind, axes: tuple[Index, ...] | None, is_symmetric: bool) -> None:
        check_name(name)
        self.name = name
        self.kind = kind
        self.axes = axes
        self.is_symmetric = is_symmetric

    @property
    def _key(self) -> tuple:
        # Index symbols by identity: to compare two makes a condition.
        axes = None if self.axes is None else tuple(map(id, self.axes))
        return self.name, self.kind, axes, self.is_symmetric

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Base) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __getitem__(self, indices) -> Formula:
        indices = indices if isinstance(indices, tuple) else (indices,)
        for index in indices:
            if not isinstance(index, (Index, str, int, np.integer)):
                raise IcrnError(
                    f"'{self.name}[...]': an index is an index symbol or a label, not {type(index).__name__}"
                )
        literal = tuple(i if isinstance(i, Index) else str(i) for i in indices)
        return Formula("entry", (), Entry(self, literal))

    def __iter__(self):
        raise TypeError(f"base '{self.name}' has no order: index it with a symbol")

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class _Positions:
    """Something computed from the positions of index symbols.

    Attributes
    ----------
    symbols : tuple of Index
        What it reads.
    value : callable
        Integer arrays by symbol → array.
    text : str
        How it is written.
    """

    symbols: tuple[Index, ...]
    value: Callable[[Mapping[Index, np.ndarray]], np.ndarray]
    text: str

    def __str__(self) -> str:
        return self.text


def _joined(kind: type, do: Callable, sign: str, *parts: _Positions | int) -> _Positions:
    symbols = tuple(dict.fromkeys(s for part in parts if isinstance(part, _Positions) for s in part.symbols))

    def value(at: Mapping[Index, np.ndarray]) -> np.ndarray:
        return do(*(part.value(at) if isinstance(part, _Positions) else part for part in parts))

    texts = [f"({part})" if " " in str(part) else str(part) for part in parts]
    return kind(symbols, value, f" {sign} ".join(texts))


class Condition(_Positions):
    """What index tuples of a reaction must fulfil: ``j < k``, ``(i != j) & (j != k)``."""

    def __and__(self, other: Condition) -> Condition:
        return _joined(Condition, np.logical_and, "and", self, other)

    def __or__(self, other: Condition) -> Condition:
        return _joined(Condition, np.logical_or, "or", self, other)

    def __invert__(self) -> Condition:
        return Condition(self.symbols, lambda at: ~self.value(at), f"not ({self.text})")

    def __bool__(self) -> bool:
        raise IcrnError(
            "a condition of index symbols has no truth value: join conditions by & and |, "
            "as in (i < j) & (j < k)"
        )


class IndexFormula(_Positions):
    """Arithmetic of positions, ``(j + 1) % 6``, ``abs(i - j)``; comparisons give a `Condition`."""

    def _with(self, other, do: Callable, sign: str, kind: type) -> _Positions:
        if not isinstance(other, (int, np.integer, IndexFormula)):
            raise IcrnError(f"an index is compared with an index or an integer, not with {other!r}")
        return _joined(kind, do, sign, self, other)

    def __add__(self, other):
        return self._with(other, operator.add, "+", IndexFormula)

    __radd__ = __add__

    def __rsub__(self, other):
        return -1 * self + other

    def __sub__(self, other):
        return self._with(other, operator.sub, "-", IndexFormula)

    def __mul__(self, other):
        return self._with(other, operator.mul, "*", IndexFormula)

    __rmul__ = __mul__

    def __mod__(self, other):
        return self._with(other, operator.mod, "%", IndexFormula)

    def __abs__(self):
        return IndexFormula(self.symbols, lambda at: abs(self.value(at)), f"abs({self.text})")

    def __lt__(self, other):
        return self._with(other, operator.lt, "<", Condition)

    def __le__(self, other):
        return self._with(other, operator.le, "<=", Condition)

    def __gt__(self, other):
        return self._with(other, operator.gt, ">", Condition)

    def __ge__(self, other):
        return self._with(other, operator.ge, ">=", Condition)

    def __eq__(self, other):
        return self._with(other, operator.eq, "==", Condition)

    def __ne__(self, other):
        return self._with(other, operator.ne, "!=", Condition)

    __hash__ = object.__hash__


class Index(IndexFormula):
    """An index symbol: a name and the labels it ranges over, which its uses may still have to tell.

    In conditions it stands for its position, counted from 0; compared with a text, for its label.
    """

    def __init__(self, name: str, labels: tuple[str, ...] | None, set_name: str = "") -> None:
        check_name(name)
        super().__init__((self,), lambda at: at[self], name)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "set_name", set_name)

    def _with(self, other, do: Callable, sign: str, kind: type):
        if not isinstance(other, str):
            return super()._with(other, do, sign, kind)
        if kind is not Condition or sign not in ("==", "!="):
            raise IcrnError(
                f"index symbol '{self.name}' is compared with the label '{other}' by == and != only"
            )
        return Condition(
            (self,), lambda at: do(at[self], self.position(other)), f"{self.name} {sign} '{other}'"
        )

    def position(self, label: str) -> int:
        """Return where a label stands.

        Raises
        ------
        IcrnError
            The symbol does not range over it.
        """
        if label not in (self.labels or ()):
            raise IcrnError(
                f"index symbol '{self.name}' has no label '{label}': it ranges over {shown(self.labels)}"
            )
        return self.labels.index(label)

    def __repr__(self) -> str:
        return self.name


def tuple_condition(symbols: tuple[Index, ...], rows: np.ndarray) -> Condition:
    """Return the condition that symbols stand at one of some positions, ``(n_tuples, n_symbols)``."""

    def value(at: Mapping[Index, np.ndarray]) -> np.ndarray:
        found, wanted = np.zeros((), np.int64), np.zeros(len(rows), np.int64)
        for symbol, column in zip(symbols, rows.T, strict=True):
            length = at[symbol].size
            if len(column) and not 0 <= column.min() <= column.max() < length:
                raise IcrnError(
                    f"index symbol '{symbol}' has positions 0 to {length - 1}, found {column.max()}"
                )
            found, wanted = found * length + at[symbol], wanted * length + column
        return np.isin(found, wanted)

    names = ", ".join(map(str, symbols))
    tuples = ", ".join(str(tuple(row)) if len(row) > 1 else str(row[0]) for row in rows.tolist())
    return Condition(
        symbols, value, f"({names}) in {{{tuples}}}" if len(symbols) > 1 else f"{names} in {{{tuples}}}"
    )


@dataclass(frozen=True, eq=False)
class Change:
    """Reactants and products, ``X[i] + W[i, j] >> P[i, j]``."""

    left: Formula | None
    right: Formula | None

    def __str__(self) -> str:
        return " >> ".join("0" if side is None else str(side) for side in (self.left, self.right))


def index_symbols(names: str, *ranges: int | Iterable[str]) -> Index | tuple[Index, ...]:
    """Return index symbols.

    Parameters
    ----------
    names : str
        Names, separated by blanks or commas: ``"i j"``.
    *ranges : int or iterable of str
        For each name a number of labels, which are then ``0 .. n-1``, or the labels; one range
        is that of all names. Left out, the bases that the symbols index tell it.

    Raises
    ------
    IcrnError
        Another number of ranges than of names, no labels, or a label twice.

    Examples
    --------
    >>> i, j = index_symbols("i j", 3, 100)
    >>> gene, other = index_symbols("gene other", ["lacI", "tetR", "cI"])
    """
    words = _words(names)
    if len(ranges) not in (0, 1, len(words)):
        raise IcrnError(
            f"index symbols '{names}': expected {len(words)} ranges, or one for all, found {len(ranges)}"
        )
    ranges = ranges if len(ranges) == len(words) else (ranges or (None,)) * len(words)
    symbols = tuple(Index(word, _labels(word, given)) for word, given in zip(words, ranges, strict=True))
    return symbols if len(symbols) > 1 else symbols[0]


def _labels(name: str, given: int | Iterable[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, (int, np.integer)):
        given = range(int(given))
    labels = tuple(map(str, [given] if isinstance(given, str) else given))
    twice = (
        next((label for label in labels if labels.count(label) > 1), None)
        if len(set(labels)) < len(labels)
        else None
    )
    if twice is not None:
        raise IcrnError(f"index symbol '{name}' has the label '{twice}' more than once")
    if not labels:
        raise IcrnError(f"index symbol '{name}' has no range: expected at least one label")
    for label in labels:
        if not label.isidentifier() and not label.isdigit():
            raise IcrnError(
                f"index symbol '{name}': the label '{label}' is neither a name nor a whole number"
            )
    return labels


def base_species(names: str, *axes: Index, symmetric: bool = False) -> Base | tuple[Base, ...]:
    """Return base species.

    Parameters
    ----------
    names : str
        Names, separated by blanks or commas.
    *axes : Index
        What their axes range over; left out, their uses tell it.
    symmetric : bool
        ``D[p, q]`` and ``D[q, p]`` are one species (Lee, Buse and Winfree 2025, appendix A).

    Raises
    ------
    IcrnError
        Not a name, or symmetric over axes that are not two equal ones.
    """
    if symmetric and axes and (len(axes) != 2 or axes[0].labels != axes[1].labels):
        raise IcrnError(f"'{names}': a symmetric species has two indices over the same labels")
    return _bases(names, "species", axes, symmetric)


def rate_constants(names: str, *axes: Index) -> Base | tuple[Base, ...]:
    """Return base rate constants; arguments as for `base_species`."""
    return _bases(names, "constant", axes, False)


def _bases(names: str, kind: Kind, axes: tuple[Index, ...], symmetric: bool) -> Base | tuple[Base, ...]:
    bases = tuple(Base(word, kind, axes or None, symmetric) for word in _words(names))
    return bases if len(bases) > 1 else bases[0]


def _words(names: str) -> list[str]:
    words = names.replace(",", " ").split()
    if not words:
        raise IcrnError("no name is given")
    return words


def check_name(name: str) -> None:
    """Refuse what is no name, and the words of the notation."""
    if not (name.isidentifier() and name.isascii()):
        raise IcrnError(f"'{name}' is no name: expected letters, digits and underscores, a digit not first")
    if name in _WORDS or keyword.iskeyword(name):
        raise IcrnError(f"'{name}' is a word of the notation: call it otherwise")


def shown(labels: Sequence[str] | None) -> str:
    """Return labels for a message, many of them shortened."""
    if labels is None:
        return "nothing that is known"
    return (
        ", ".join(labels) if len(labels) <= 6 else f"{', '.join(labels[:4])}, …, {labels[-1]} ({len(labels)})"
    )


def as_formula(value) -> Formula:
    """Return a number or a formula as a formula.

    Raises
    ------
    IcrnError
        It is neither.
    """
    if isinstance(value, Formula):
        return value
    if isinstance(value, Base):
        return Formula("entry", (), Entry(value, ()))
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return Formula("number", (), float(value))
    raise IcrnError(
        f"expected a number, a species, a constant or a formula of them, found {type(value).__name__}"
    )


def apply(op: str, *args) -> Formula:
    """Return an operator of the table (`icrn_core.functions`, MathML names) applied to formulas."""
    return Formula(op, tuple(map(as_formula, args)))


def relu(x) -> Formula:
    """max(x, 0), of which dual-rail rates are made."""
    return apply("max", x, 0.0)


def exp(x) -> Formula:
    """e^x."""
    return apply("exp", x)


def _side(value) -> Formula | None:
    if value is None or (isinstance(value, (int, float)) and value == 0):
        return None
    return as_formula(value)
