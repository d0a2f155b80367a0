"""Networks of known structure with one thing wrong: the fold plus an exception must come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from acceptance_maker import Generated, Key
from acceptance_naming import rewriter
from acceptance_structure import structure_of

from converters import Folding
from icrn_io.expression import apply, symbol
from icrn_io.network import Network, Parameter, Reaction


@dataclass(frozen=True)
class Outcome:
    """What comes out of a fold.

    Attributes
    ----------
    counts : tuple of int
        Sorted numbers of reactions of the network that each indexed reaction stands for.
    sizes : tuple of int
        Sorted sizes of the index sets they range over, mere lists left out.
    n_dense : int or None
        Reactions in dense domains (full products or masked ones); None where it is free.
    """

    counts: tuple[int, ...]
    sizes: tuple[int, ...]
    n_dense: int | None = None

    def is_met_by(self, other: Outcome) -> bool:
        """Whether an observed outcome is this one."""
        same = (self.counts, self.sizes) == (other.counts, other.sizes)
        return same and self.n_dense in (None, other.n_dense)


def outcome(counts: list[int], sizes: list[int], n_dense: int | None = None) -> Outcome:
    """Return an outcome, counts and sizes in any order."""
    return Outcome(tuple(sorted(counts)), tuple(sorted(sizes)), n_dense)


def outcome_of(folding: Folding) -> Outcome:
    """Return what came out of a fold."""
    roles = folding.identity.roles
    domains = [r.domain for r in folding.icrn.reactions if roles[r.name] == "reaction"]
    n_dense = sum(d.size for d in domains if d.symbols and d.is_dense)
    return outcome([d.size for d in domains], list(structure_of(folding).sizes), n_dense)


def odd_law(g: Generated, reaction: Reaction) -> Generated:
    """The reaction has another law than its kind: it saturates."""
    km = Parameter("km_odd", 0.7)
    saturation = apply("plus", [symbol(km.id), symbol(reaction.reactants[0].species)])
    changed = replace(reaction, kinetic_law=apply("divide", [reaction.kinetic_law, saturation]))
    network = replace(g.network, parameters=(*g.network.parameters, km))
    keys = {**g.keys, km.id: Key("parameter", km.id)}
    return replace(g, network=put(network, reaction, changed), keys=keys)


def odd_stoichiometry(g: Generated, reaction: Reaction) -> Generated:
    """The reaction makes two of its product."""
    first, *rest = reaction.products
    changed = replace(reaction, products=(replace(first, stoichiometry=2.0), *rest))
    return replace(g, network=put(g.network, reaction, changed))


def rewired(g: Generated, reaction: Reaction) -> Generated:
    """The reaction makes what another of its kind makes."""
    kind = g.keys[reaction.id].base
    others = [r for r in g.network.reactions if g.keys[r.id].base == kind and r.products != reaction.products]
    products = others[-1].products
    ids = {i: i for i in reaction.kinetic_law.symbols()}
    ids |= {old.species: new.species for old, new in zip(reaction.products, products, strict=True)}
    ids |= {r.species: r.species for r in reaction.reactants}
    changed = replace(reaction, products=products, kinetic_law=rewriter(ids)(reaction.kinetic_law))
    return replace(g, network=put(g.network, reaction, changed))


def without_reaction(g: Generated, reaction: Reaction) -> Generated:
    """The reaction is missing; its species and constants are there."""
    network = put(g.network, reaction, None)
    return replace(g, network=network, keys={i: k for i, k in g.keys.items() if i != reaction.id})


def without_entry(g: Generated, reaction: Reaction) -> Generated:
    """The reaction is missing, and so is everything that only it uses."""
    g = without_reaction(g, reaction)
    used = {i for r in g.network.reactions for i in ids_in(r)}
    gone = ids_in(reaction) - used
    network = replace(
        g.network,
        species=tuple(s for s in g.network.species if s.id not in gone),
        parameters=tuple(p for p in g.network.parameters if p.id not in gone),
    )
    return replace(g, network=network, keys={i: k for i, k in g.keys.items() if i not in gone})


def duplicated(g: Generated, reaction: Reaction) -> Generated:
    """The reaction stands there twice."""
    again = replace(reaction, id="again")
    network = replace(g.network, reactions=(*g.network.reactions, again))
    return replace(g, network=network, keys={**g.keys, again.id: Key("reaction", again.id)})


def ids_in(reaction: Reaction) -> set[str]:
    """Return the ids that a reaction mentions."""
    references = {r.species for r in (*reaction.reactants, *reaction.products)}
    return references | reaction.kinetic_law.symbols()


def put(network: Network, old: Reaction, new: Reaction | None) -> Network:
    """Return the network with a reaction replaced, or taken out."""
    changed = [new if r is old else r for r in network.reactions]
    return replace(network, reactions=tuple(r for r in changed if r is not None))


# name: (what is done to one reaction, reactions of its kind that are left, exceptions)
NEAR_MISSES: dict[str, tuple[Callable[[Generated, Reaction], Generated], int, int]] = {
    "odd law": (odd_law, -1, 1),
    "odd stoichiometry": (odd_stoichiometry, -1, 1),
    "rewired": (rewired, -1, 1),
    "missing reaction": (without_reaction, -1, 0),
    "missing entry": (without_entry, -1, 0),
    "duplicated reaction": (duplicated, 0, 1),
}


def near_miss(g: Generated, kind: str, base: str, dense: set[str] | None) -> tuple[Generated, Outcome]:
    """Do something to one reaction of base ``base``; return the network and what must come out.

    Parameters
    ----------
    kind : str
        Key of `NEAR_MISSES`.
    base : str
        Base of the reaction: the middle one of its kind is taken.
    dense : set of str or None
        Bases of reactions that fold into dense domains; None where it is free.
    """
    change, left, exceptions = NEAR_MISSES[kind]
    of_base = [r for r in g.network.reactions if g.keys[r.id].base == base]
    counts = Counter(g.keys[r.id].base for r in g.network.reactions)
    counts[base] += left
    n_dense = None if dense is None else sum(counts[b] for b in dense)
    (_, sizes), *_ = g.truth.readings
    expected = outcome([*counts.values(), *[1] * exceptions], list(sizes), n_dense)
    return change(g, of_base[len(of_base) // 2 + 1]), expected
