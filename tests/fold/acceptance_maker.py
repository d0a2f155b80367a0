"""Build a flat network whose every id is made from a structured key, so that naming is a map over keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import Compartment, Network, Parameter, Reaction, Species, SpeciesReference


@dataclass(frozen=True)
class At:
    """A label: a position on a named axis, ``At("monomer", 3)``."""

    axis: str
    position: int


def axis(name: str, size: int) -> list[At]:
    """Return all labels of an axis."""
    return [At(name, position) for position in range(size)]


@dataclass(frozen=True)
class Key:
    """What an element is: base and index tuple. ``owner`` is the reaction of a local parameter."""

    kind: str  # "species", "parameter", "reaction" or "compartment"
    base: str
    index: tuple[At, ...] = ()
    owner: str = ""


Reading = tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Truth:
    """The structure that is really there: readings that are equally good.

    A reading is a number of indexed reactions (a reversible law counts once) and the sorted
    sizes of the index sets that they range over.

    Attributes
    ----------
    readings : tuple of Reading
        The author's first.
    opaque : tuple of Reading
        Further ones where ids say nothing: a cell in row r and column c is then just a cell.
    may_list : bool
        Whether a reaction may take constants from a list beside its indices: where the wiring
        is random, the constants of its edges have no index structure to find.
    """

    readings: tuple[Reading, ...]
    opaque: tuple[Reading, ...] = ()
    may_list: bool = False

    def accepted(self, naming: str) -> tuple[Reading, ...]:
        """Return the readings that are right under a naming."""
        return self.readings + (self.opaque if naming == "C" else ())


@dataclass(frozen=True)
class Generated:
    """A network with indexed ids, the key behind every id, and its ground truth.

    ``patterns`` says how a base is written with meaningful names: ``"{0}_{1}"`` for a complex.
    """

    network: Network
    keys: Mapping[str, Key]
    truth: Truth
    patterns: Mapping[str, str] = field(default_factory=dict)


def indexed_id(key: Key) -> str:
    """Return the id with numbers: ``D_1_2``; a local parameter ``k`` of ``J`` is ``J_k``."""
    if key.owner:
        return f"{key.owner}_{key.base}"
    return "_".join([key.base, *(str(at.position + 1) for at in key.index)])


class Maker:
    """Collects species, constants and reactions by key.

    Parameters
    ----------
    style : {"global", "local", "number"}
        How rate constants are written: as global parameters, as local parameters of each
        reaction, or as numbers in the laws. One key has one value in any style.
    in_law : bool
        Whether mass-action laws are multiplied by the size of the compartment.
    """

    def __init__(self, name: str, seed: int, style: str = "global", in_law: bool = True) -> None:
        self.name = name
        self.style = style
        self.in_law = in_law
        self.rng = np.random.default_rng(seed)
        self.keys: dict[str, Key] = {}
        self.elements: dict[str, dict] = {k: {} for k in ("compartment", "species", "parameter", "reaction")}
        self.values: dict[Key, float] = {}

    def value(self, key: Key) -> float:
        """Return the value of a key, drawn on first use."""
        if key not in self.values:
            self.values[key] = float(self.rng.uniform(0.1, 2))
        return self.values[key]

    def compartment(self, base: str = "cell", *index: At) -> str:
        """Return the id of a compartment, made on first use."""
        key = Key("compartment", base, index)
        return self._add(key, lambda i: Compartment(i, self.value(key)))

    def species(self, base: str, *index: At, within: str = "") -> str:
        """Return the id of a species, made on first use."""
        key = Key("species", base, index)
        place = within or self.compartment()
        return self._add(key, lambda i: Species(i, place, initial_concentration=self.value(key)))

    def constant(self, base: str, *index: At, of: str = "") -> Expression:
        """Return a rate constant as it is written in the law of reaction ``of``."""
        key = Key("parameter", base, index)
        value = self.value(key)
        if self.style == "number":
            return number(value)
        if self.style == "local":
            own = Key("parameter", base, index, owner=of)
            return symbol(self._add(own, lambda i: Parameter(i, value, local_to=(of, base))))
        return symbol(self._add(key, lambda i: Parameter(i, value)))

    def reaction(
        self,
        name: tuple,
        reactants: Sequence[str],
        products: Sequence[str],
        law: Callable[[Callable[..., Expression]], Expression],
    ) -> None:
        """Add the reaction of key ``name`` (base, labels ...); ``law(k)`` gets the maker of constants."""
        key = Key("reaction", name[0], tuple(name[1:]))
        reaction_id = indexed_id(key)
        if reaction_id in self.keys:
            raise ValueError(f"two reactions are called {reaction_id}")
        math = law(lambda base, *index: self.constant(base, *index, of=reaction_id))
        others = math.symbols() - {*reactants, *products}
        modifiers = sorted(s for s in others if s in self.elements["species"])
        self._add(
            key,
            lambda i: Reaction(
                i,
                tuple(SpeciesReference(s) for s in reactants),
                tuple(SpeciesReference(s) for s in products),
                tuple(modifiers),
                math,
            ),
        )

    def mass_action(self, name: tuple, reactants, products, forward: tuple, backward: tuple = ()) -> None:
        """Add a mass-action reaction; rate constants are given as (base, labels ...)."""
        sizes = [symbol(self.compartment())] if self.in_law else []

        def law(k) -> Expression:
            there = times(*sizes, k(*forward), *map(symbol, reactants))
            if not backward:
                return there
            return apply("minus", [there, times(*sizes, k(*backward), *map(symbol, products))])

        self.reaction(name, reactants, products, law)

    def finished(
        self,
        patterns: Mapping[str, str] | None = None,
        also: Iterable[Reading] = (),
        opaque: Iterable[Reading] = (),
        may_list: bool = False,
    ) -> Generated:
        """Return the network with its keys and truth.

        The first reading is what the keys say: an indexed reaction per base of a reaction, an
        index set per axis. ``also`` and ``opaque`` give the further ones.
        """
        parts = {k: tuple(v.values()) for k, v in self.elements.items()}
        network = Network(
            self.name,
            compartments=parts["compartment"],
            species=parts["species"],
            parameters=parts["parameter"],
            reactions=parts["reaction"],
        )
        found = Truth((self._reading(), *also), tuple(opaque), may_list)
        return Generated(network, self.keys, found, patterns or {})

    def _reading(self) -> Reading:
        reactions = {key.base for key in self.keys.values() if key.kind == "reaction"}
        labels = {at for key in self.keys.values() for at in key.index}
        return len(reactions), tuple(sorted(Counter(at.axis for at in labels).values()))

    def _add(self, key: Key, make: Callable[[str], object]) -> str:
        element_id = indexed_id(key)
        if self.keys.setdefault(element_id, key) != key:
            raise ValueError(f"{key} and {self.keys[element_id]} have the same id")
        self.elements[key.kind].setdefault(element_id, None)
        if self.elements[key.kind][element_id] is None:
            self.elements[key.kind][element_id] = make(element_id)
        return element_id


def times(*factors: Expression) -> Expression:
    """Return the product of factors, the factor itself when it is alone."""
    return factors[0] if len(factors) == 1 else apply("times", factors)


def power(base: Expression, exponent: float) -> Expression:
    """Return a power with a number as its exponent."""
    return apply("power", [base, number(exponent)])
