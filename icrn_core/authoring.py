"""Author an ICRN in the notation of the paper (Lee, Buse and Winfree, DNA 31, 2025).

>>> i, j = index_symbols("i j", 3, 100)
>>> X, W, P = base_species("X W P")
>>> a = rate_constants("a")
>>> network = author(reaction(X[i] + W[i, j] >> X[i] + P[i, j], a[i, j]), values={"a": 36.0})
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.icrn import (
    ICRN,
    BaseSpecies,
    IndexedReaction,
    IndexSymbol,
    RateConstant,
    RateLaw,
    Reference,
    Term,
)
from icrn_core.index_tuples import IndexTuples
from icrn_core.notation import (
    Base,
    Change,
    Condition,
    Entry,
    Formula,
    Index,
    Kind,
    apply,
    as_formula,
    check_name,
)
from icrn_core.ranges import Ranges
from icrn_core.symmetric import read_in_order, refuse_exchanged, symmetric_pairs, upper_values


@dataclass(frozen=True, eq=False)
class Reaction:
    """An indexed reaction as it was authored, see `reaction`; one without rate and law is fast."""

    change: Change
    rate: Formula | np.ndarray | None
    law: Formula | None
    where: Condition | np.ndarray | None
    name: str

    @property
    def is_fast(self) -> bool:
        """Whether it goes on at once until a reactant is used up."""
        return self.rate is None and self.law is None


def reaction(change: Change, rate=None, *, law=None, where=None, name: str = "") -> Reaction:
    """Return an indexed reaction, one reaction for each tuple of the labels of its index symbols.

    Its flux is that of mass action, ``rate · Π reactant ^ stoichiometry``, or ``law``.

    Parameters
    ----------
    change : Change
        Reactants and products, ``X[i] + W[i, j] >> X[i] + P[i, j]``; ``>> 0`` makes nothing.
        Symbols that stand on one side only, or in the rate alone, multiply the reactions too.
    rate : number, formula of constants, or array
        The constant of mass action. An array has an axis for each index symbol of the reaction,
        in the order in which they appear.
    law : formula
        The whole flux, in place of ``rate``: ``k * X[i] / (K + X[i])``.
    where : Condition or bool array, optional
        Which index tuples react: ``j < k``.
    name : str
        For messages, and for ids of enumerated reactions; "R1" and so on if left out.

    Raises
    ------
    IcrnError
        Neither a rate nor a law or both, a negative rate, or sides that are no sums of species.
    """
    title = f"reaction '{name}'" if name else "a reaction"
    if not isinstance(change, Change):
        raise IcrnError(f"{title}: expected 'reactants >> products', found {type(change).__name__}")
    if (rate is None) == (law is None):
        raise IcrnError(f"{title} ({change}): give its rate constant, or its whole law as law=...")
    if law is not None:
        return Reaction(change, None, as_formula(law), where, name)
    if isinstance(rate, (np.ndarray, list, tuple)):
        given = np.asarray(rate, dtype=np.float64)
        if not (given >= 0).all():
            raise IcrnError(f"{title} ({change}): rates are numbers from 0 up, found {given.min()}")
        return Reaction(change, given, None, where, name)
    rate = as_formula(rate)
    if rate.op == "number" and not rate.value >= 0:
        raise IcrnError(f"{title} ({change}): a rate is a number from 0 up, found {rate.value}")
    species = next((e for e in rate.entries() if e.base.kind == "species"), None)
    if species is not None:
        raise IcrnError(
            f"{title} ({change}): its rate reads the species '{species}': the constant of mass action is "
            "a formula of constants, a whole law is given as law=..."
        )
    return Reaction(change, rate, None, where, name)


def fast(change: Change, *, where=None, name: str = "") -> Reaction:
    """Return a fast indexed reaction, which goes on at once until one of its reactants is used up.

    It is no part of the ICRN: steppers of fixed length let it happen after every step
    (`icrn_core.limiting_reagents`), or it gets a large finite rate (`AuthoredNetwork.with_fast_rate`).

    Parameters
    ----------
    change, where, name
        As of `reaction`.

    Raises
    ------
    IcrnError
        There are no reactants and products.
    """
    if not isinstance(change, Change):
        raise IcrnError(f"a fast reaction: expected 'reactants >> products', found {type(change).__name__}")
    return Reaction(change, None, None, where, name)


@dataclass(frozen=True, eq=False)
class AuthoredNetwork:
    """An ICRN with the values of its tensors.

    Attributes
    ----------
    icrn : ICRN
        The indexed structure.
    values : mapping of str to float64 array
        Base name → initial amounts of a base species, values of rate constants, in the shape of
        the base; NaN where a constant has no value yet.
    reactions : tuple of Reaction
        As they were authored, each with a name and with a formula as its rate or law.
    also : tuple of Base
        Bases that stand in no reaction.
    fast : tuple of IndexedReaction
        The fast reactions, which the ICRN does not hold.
    exchanged : tuple of (str, str, (int, int))
        Of reactions that happen once for each unordered pair: their title, a constant that they read
        for one order of the pair, and its axes of the two.
    """

    icrn: ICRN
    values: Mapping[str, np.ndarray]
    reactions: tuple[Reaction, ...]
    also: tuple[Base, ...] = ()
    fast: tuple[IndexedReaction, ...] = ()
    exchanged: tuple[tuple[str, str, tuple[int, int]], ...] = ()

    def __str__(self) -> str:
        from icrn_core.text_writer import text_of

        return text_of(self)

    def _repr_latex_(self) -> str:
        """Return what a notebook shows."""
        from icrn_core.latex import latex_of

        return latex_of(self)

    def __repr__(self) -> str:
        return (
            f"AuthoredNetwork('{self.icrn.name}': {len(self.icrn.species)} base species, "
            f"{len(self.icrn.constants)} rate constants, {len(self.icrn.reactions)} indexed reactions)"
        )

    def with_values(self, **values) -> AuthoredNetwork:
        """Return the network with other values, as `author` takes them.

        Raises
        ------
        IcrnError
            There is no such base, a shape does not fit, or a rate constant is negative or differs
            for the two orders of a pair that it stands for.
        """
        found = _values(self.icrn, values, symmetric_of(self.reactions, self.also))
        return replace(self, values={**self.values, **found}).checked()

    def checked(self) -> AuthoredNetwork:
        """Return the network if its rate constants can be such, see `with_values`."""
        for authored in self.reactions:
            _refuse_negative_rate(authored, self.values)
        for what, name, axes in self.exchanged:
            refuse_exchanged(what, name, axes, self.values[name])
        return self

    def with_fast_rate(self, rate: float) -> AuthoredNetwork:
        """Return the network with every fast reaction as one of mass action with this rate constant.

        The larger the rate, the nearer to a fast reaction, and the stiffer the network.

        Raises
        ------
        IcrnError
            The rate is no number from 0 up.
        """
        slow = [
            reaction(r.change, rate, where=r.where, name=r.name) if r.is_fast else r for r in self.reactions
        ]
        return author(*slow, values=self.values, name=self.icrn.name, also=self.also)

    @property
    def indexed(self) -> dict[str, IndexedReaction]:
        """The indexed reactions by name, fast ones too."""
        return {item.name: item for item in (*self.icrn.reactions, *self.fast)}

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Initial values by base species."""
        return {base.name: self.values[base.name] for base in self.icrn.species}

    @property
    def params(self) -> dict[str, np.ndarray]:
        """Values by rate constant."""
        return {base.name: self.values[base.name] for base in self.icrn.constants}


def author(
    *reactions: Reaction,
    values: Mapping[str, object] | None = None,
    name: str = "",
    also: Iterable[Base] = (),
) -> AuthoredNetwork:
    """Return the network of some indexed reactions.

    Axes of bases and index symbols that are used together range over one index set.

    Parameters
    ----------
    *reactions : Reaction
        In order.
    values : mapping of str to number or array
        Initial amounts and rate constants by base name; a number is that of all entries.
        Species that are not given begin at 0.
    name : str
        Of the network.
    also : iterable of Base
        Bases that stand in no reaction.

    Raises
    ------
    IcrnError
        Index sets that disagree, an index symbol without a range, a base used with different
        numbers of indices, a value for what does not exist, a shape that does not fit, or a
        negative rate.
    """
    values = dict(values or {})
    for item in reactions:
        if not isinstance(item, Reaction):
            raise IcrnError(
                f"expected reactions as reaction(left >> right, rate), one after the other, found "
                f"{type(item).__name__}"
            )
    if name:
        check_name(name)
    named = [replace(r, name=r.name or f"R{number}") for number, r in enumerate(reactions, start=1)]
    twice = next((n for n, count in Counter(r.name for r in named).items() if count > 1), None)
    if twice is not None:
        raise IcrnError(f"two reactions are called '{twice}': give one another name")
    taken = {e.base.name for r in named for e in entries_of(r)} | {base.name for base in also}
    named = [_with_named_rate(authored, values, taken) for authored in named]
    return _Maker(tuple(named), tuple(also), values, name).network()


def _with_named_rate(authored: Reaction, values: dict[str, object], taken: set[str]) -> Reaction:
    """Return the reaction with a rate that is a number or an array as a rate constant of its own."""
    rate = authored.rate
    is_number = isinstance(rate, Formula) and rate.op == "number"
    if not is_number and not isinstance(rate, np.ndarray):
        return authored
    name = f"k_{authored.name}"
    if name in taken:
        raise IcrnError(f"reaction '{authored.name}': its rate would be called '{name}', which is taken")
    taken.add(name)
    base = Base(name, "constant", None, False)
    symbols = symbols_of(authored)
    if is_number or not symbols:
        values[name] = rate.value if is_number else rate
        return replace(authored, rate=as_formula(base))
    values[name] = rate
    return replace(authored, rate=base[symbols])


class _Maker:
    def __init__(
        self, reactions: tuple[Reaction, ...], also: tuple[Base, ...], values: dict[str, object], name: str
    ) -> None:
        self.reactions = reactions
        self.also = also
        self.values = values
        self.name = name
        self.bases: dict[str, Base] = {}
        self.exchanged: list[tuple[str, str, tuple[int, int]]] = []
        for base in also:
            self._meet(base)
        self.ranges = Ranges()
        for authored in reactions:
            for entry in entries_of(authored):
                self._meet(entry.base)
                self.ranges.use(entry, f"reaction '{authored.name}'")
            for symbol in symbols_of(authored):
                self.ranges.meet(symbol)
        self.ranges.settle(self.bases.values(), {k: np.shape(v) for k, v in values.items()})

    def _meet(self, base: Base) -> None:
        if self.bases.setdefault(base.name, base) != base:
            raise IcrnError(
                f"two bases are called '{base.name}', which are of different kinds, symmetries or axes: give "
                "one another name"
            )

    def _of(self, kind: Kind) -> list[Base]:
        return [base for base in self.bases.values() if base.kind == kind]

    def network(self) -> AuthoredNetwork:
        indexed = {authored: self._reaction(authored) for authored in self.reactions}
        reactions = tuple(item for authored, item in indexed.items() if not authored.is_fast)
        species = tuple(BaseSpecies(base.name, self.ranges.of_base(base)) for base in self._of("species"))
        constants = tuple(RateConstant(base.name, self.ranges.of_base(base)) for base in self._of("constant"))
        icrn = ICRN(species, constants, reactions=reactions, name=self.name)
        values = {base.name: np.zeros(base.shape) for base in species}
        values |= {base.name: np.full(base.shape, np.nan) for base in constants}
        values |= _values(icrn, self.values, symmetric_of(self.reactions, self.also))
        quick = tuple(item for authored, item in indexed.items() if authored.is_fast)
        return AuthoredNetwork(
            icrn, values, self.reactions, self.also, quick, tuple(self.exchanged)
        ).checked()

    def _reaction(self, authored: Reaction) -> IndexedReaction:
        where = f"reaction '{authored.name}'"
        indices = symbols_of(authored)
        symbols = tuple(IndexSymbol(index.name, self.ranges.of(index)) for index in indices)
        left, right = (_terms(side, where) for side in (authored.change.left, authored.change.right))
        tuples = IndexTuples(where, symbols, indices, authored.where)
        for pair in sorted(symmetric_pairs(left, right), key=lambda pair: [s.name for s in pair]):
            if tuples.order(*pair) and not authored.is_fast:
                formula = authored.rate if authored.law is None else authored.law
                self.exchanged += read_in_order(where, formula, *pair)
        slots: dict[Reference, int] = {}

        def reference(entry: Entry) -> Reference:
            found = self.ranges.reference(entry)
            return tuples.sorted(found) if entry.base.is_symmetric else found

        def template(formula: Formula) -> tuple | float:
            if formula.op == "number":
                return formula.value
            if formula.op == "entry":
                return ("slot", slots.setdefault(reference(formula.value), len(slots)))
            return (formula.op, *map(template, formula.args))

        if authored.is_fast:
            law = 0.0
        elif authored.law is not None:
            law = template(authored.law)
        else:
            law = template(_mass_action(authored.rate, left))
        sides = (tuple(Term(reference(entry), count) for entry, count in side) for side in (left, right))
        reactants, products = sides
        return IndexedReaction(
            authored.name, tuples.domain(), reactants, products, RateLaw(law), tuple(slots)
        )


def entries_of(authored: Reaction) -> list[Entry]:
    """Return every entry that a reaction names, in the order of reading."""
    parts = (authored.change.left, authored.change.right, authored.rate, authored.law)
    return [entry for part in parts if isinstance(part, Formula) for entry in part.entries()]


def symbols_of(authored: Reaction) -> tuple[Index, ...]:
    """Return the index symbols of a reaction in the order in which they appear."""
    found = [index for entry in entries_of(authored) for index in entry.indices if isinstance(index, Index)]
    if isinstance(authored.where, Condition):
        found += authored.where.symbols
    symbols = tuple(dict.fromkeys(found))
    names = [symbol.name for symbol in symbols]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise IcrnError(f"reaction '{authored.name}': two index symbols are called '{twice}'")
    return symbols


def _terms(side: Formula | None, where: str) -> list[tuple[Entry, float]]:
    """Return species and stoichiometries of one side of a reaction, one for each mention."""
    if side is None:
        return []
    if side.op == "plus":
        return [term for arg in side.args for term in _terms(arg, where)]
    count = 1.0
    if side.op == "times" and side.args[0].op == "number":
        count, side = side.args[0].value, side.args[1]
    if side.op != "entry" or side.value.base.kind != "species" or not count > 0:
        raise IcrnError(f"{where}: expected a sum of species such as 2 * A[i] + B on each side of >>")
    return [(side.value, count)]


def _mass_action(rate: Formula, reactants: list[tuple[Entry, float]]) -> Formula:
    counts: dict[Entry, float] = {}
    for entry, count in reactants:
        counts[entry] = counts.get(entry, 0.0) + count
    factors = [Formula("entry", (), entry) for entry in counts]
    powers = [f if n == 1 else apply("power", f, n) for f, n in zip(factors, counts.values(), strict=True)]
    return apply("times", rate, *powers) if powers else rate


def symmetric_of(reactions: Iterable[Reaction], also: Iterable[Base]) -> frozenset[str]:
    """Return the names of the symmetric base species."""
    bases = [entry.base for authored in reactions for entry in entries_of(authored)]
    return frozenset(base.name for base in (*bases, *also) if base.is_symmetric)


def _values(icrn: ICRN, values: Mapping[str, object], symmetric: frozenset[str]) -> dict[str, np.ndarray]:
    bases = {base.name: base for base in icrn.bases}
    found = {}
    for name, given in values.items():
        if name not in bases:
            near = get_close_matches(name, bases, 1)
            hint = f": did you mean '{near[0]}'?" if near else f" (there are: {', '.join(bases)})"
            raise IcrnError(f"a value is given for '{name}', but no base is called so{hint}")
        try:
            tensor, shape = np.asarray(given, dtype=np.float64), bases[name].shape
        except (TypeError, ValueError):
            raise IcrnError(
                f"the value of '{name}' is no number, nor an array of numbers: {given!r}"
            ) from None
        if tensor.shape not in ((), shape):
            raise IcrnError(
                f"the value of '{name}' has the shape {tensor.shape}, expected {shape} or one number"
            )
        if np.isinf(tensor).any() or (np.isnan(tensor).any() and isinstance(bases[name], BaseSpecies)):
            raise IcrnError(f"the value of '{name}' is not finite: {tensor[~np.isfinite(tensor)].flat[0]}")
        found[name] = np.array(np.broadcast_to(tensor, shape))
        if name in symmetric:
            found[name] = upper_values(name, found[name], is_one=tensor.ndim == 0)
    return found


def _refuse_negative_rate(authored: Reaction, values: Mapping[str, np.ndarray]) -> None:
    if authored.rate is None or authored.rate.op != "entry":
        return
    name = authored.rate.value.base.name
    if (values[name] < 0).any():
        raise IcrnError(
            f"the rate constant '{name}' is negative: {np.nanmin(values[name])}, expected 0 or more"
        )
