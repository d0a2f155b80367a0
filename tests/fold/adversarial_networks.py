"""Networks made to mislead a fold, each with what must come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from acceptance_circuits import brusselator
from acceptance_maker import Generated
from acceptance_molecular import dimerization, ligand_receptor, winner_take_all
from acceptance_naming import renamed
from near_misses import NEAR_MISSES, Outcome, near_miss, outcome
from network_registry import CELL, parameters, product, reaction, species

from icrn_io.expression import apply, symbol
from icrn_io.network import Network


@dataclass(frozen=True)
class Adversarial:
    """A network and what must come out of its fold.

    Attributes
    ----------
    network : Network
        The network.
    outcomes : tuple of Outcome
        Any of these is right; empty where only the limits below count.
    most_symbols : int
        The most index symbols that a dense domain may have: 1 or 0 where there is no product.
    most_labels : int
        The most labels that an index set of a dense domain may have.
    """

    network: Network
    outcomes: tuple[Outcome, ...] = ()
    most_symbols: int = 9
    most_labels: int = 10**9


# family: (network, base of the reaction that is changed, bases that fold into dense domains)
FAMILIES: dict[str, tuple[Callable[[], Generated], str, set[str] | None]] = {
    "dimerization": (lambda: dimerization(6), "bind", {"bind"}),
    "dimerization, shared rates": (lambda: dimerization(6, rates="scalar"), "bind", {"bind"}),
    "winner take all": (
        lambda: winner_take_all(12, 3),
        "multiply",
        {"multiply", "sum", "annihilate", "restore", "report"},
    ),
    "ligand receptor": (
        lambda: ligand_receptor(5, 4),
        "phosphorylate",
        {"bind", "phosphorylate", "internalise"},
    ),
    "brusselator": (lambda: brusselator((10,)), "turn", None),
}


def near_misses() -> dict[str, Callable[[], tuple[Generated, Outcome]]]:
    """Return every family with every near miss."""
    return {
        f"{family}, {kind}": lambda make=make, kind=kind, base=base, dense=dense: near_miss(
            make(), kind, base, dense
        )
        for family, (make, base, dense) in FAMILIES.items()
        for kind in NEAR_MISSES
    }


def pairs_network(
    name: str, monomers: list[str], dimer: Callable[[int, int], str], pairs: list[tuple[int, int]], flip=()
) -> Network:
    """Return M_p + M_q ⇌ D_pq over some pairs, monomers and dimers called as given.

    In the reactions number ``k in flip`` the law has its factors in the other order.
    """
    reactions, dimers = [], []
    for number, (p, q) in enumerate(pairs):
        d = dimer(p, q)
        dimers.append(d)
        factors = [monomers[q], monomers[p]] if number in flip else [monomers[p], monomers[q]]
        law = apply("minus", [product("cell", f"kf_{d}", *factors), product("cell", f"kr_{d}", d)])
        reactions.append(reaction(f"R_{d}", [monomers[p], monomers[q]], [d], law))
    return Network(
        name,
        compartments=(CELL,),
        species=species(*monomers, *dimers),
        parameters=parameters(*(f"{k}_{d}" for k in ("kf", "kr") for d in dimers)),
        reactions=tuple(reactions),
    )


def all_pairs(n: int) -> list[tuple[int, int]]:
    return [(p, q) for p in range(n) for q in range(n)]


def letters() -> Adversarial:
    """Letters are the indices: M_a + M_b ⇌ D_a_b."""
    names = "abcdef"
    network = pairs_network(
        "letters", [f"M_{x}" for x in names], lambda p, q: f"D_{names[p]}_{names[q]}", all_pairs(6)
    )
    return Adversarial(network, (outcome([36], [6], 36),))


def gaps() -> Adversarial:
    """The labels have gaps and are not in order."""
    labels = [7, 2, 30, 11, 5, 100]
    network = pairs_network(
        "gaps", [f"M{x}" for x in labels], lambda p, q: f"D{labels[p]}x{labels[q]}", all_pairs(6)
    )
    return Adversarial(network, (outcome([36], [6], 36),))


def permuted_labels() -> Adversarial:
    """The ids of all dimers are permuted: their numbers say nothing, the reactions do."""
    network = dimerization(6).network
    dimers = [s.id for s in network.species if s.id.startswith("D_")]
    mixed = np.random.default_rng(1).permutation(len(dimers))
    return Adversarial(
        exchanged(network, {a: dimers[b] for a, b in zip(dimers, mixed, strict=True)}),
        (outcome([36], [6], 36),),
    )


def swapped_labels(first: str, second: str) -> Adversarial:
    """The ids of two dimers are swapped: repaired, or two exceptions."""
    network = exchanged(dimerization(6).network, {first: second, second: first})
    repaired = outcome([36], [6], 36)
    return Adversarial(network, (repaired, outcome([34, 2], [6]), outcome([34, 1, 1], [6], 34)))


def exchanged(network: Network, ids: dict[str, str]) -> Network:
    """Return the network with some ids exchanged."""
    elements = (*network.compartments, *network.species, *network.parameters, *network.reactions)
    return renamed(network, {e.id: ids.get(e.id, e.id) for e in elements})


def odd_constant() -> Adversarial:
    """One reaction has a constant of its own where all others share one."""
    network = dimerization(6, rates="scalar").network
    odd = network.reactions[20]
    ids = {i: i for i in odd.kinetic_law.symbols()} | {"kf": "kf_odd"}
    only = replace(network, compartments=(), species=(), parameters=(), reactions=(odd,))
    names = {r.species: r.species for r in (*odd.reactants, *odd.products)} | ids | {odd.id: odd.id}
    (changed,) = renamed(only, names).reactions
    reactions = tuple(changed if r is odd else r for r in network.reactions)
    network = replace(network, reactions=reactions, parameters=(*network.parameters, *parameters("kf_odd")))
    return Adversarial(network, (outcome([35, 1], [6], 35), outcome([36], [6])))


def no_delimiter() -> Adversarial:
    """W112 is pixel 11 of digit 2: twelve pixels, three digits."""
    cells = [(i, j) for i in range(1, 13) for j in range(1, 4)]
    multiply = [
        reaction(f"a{i}{j}", [f"X{i}", f"W{i}{j}"], [f"X{i}", f"P{i}{j}"], product("k", f"X{i}", f"W{i}{j}"))
        for i, j in cells
    ]
    add = [reaction(f"b{i}{j}", [f"P{i}{j}"], [f"S{j}"], product(f"q{j}", f"P{i}{j}")) for i, j in cells]
    ids = [f"X{i}" for i in range(1, 13)] + [f"{b}{i}{j}" for b in "WP" for i, j in cells]
    network = Network(
        "no delimiter",
        compartments=(CELL,),
        species=species(*ids, "S1", "S2", "S3"),
        parameters=parameters("k", "q1", "q2", "q3"),
        reactions=(*multiply, *add),
    )
    return Adversarial(network, (outcome([36, 36], [3, 12], 72),))


def unrelated_domains() -> Adversarial:
    """Monomers 1 to 5 dimerise; kinases 1 to 5, which have nothing to do with them, turn over."""
    network = dimerization(5).network
    kinases = [reaction(f"J_{i}", [f"K_{i}"], [f"Q_{i}"], product(f"v_{i}", f"K_{i}")) for i in range(1, 6)]
    network = replace(
        network,
        species=(*network.species, *species(*(f"{b}_{i}" for b in "KQ" for i in range(1, 6)))),
        parameters=(*network.parameters, *parameters(*(f"v_{i}" for i in range(1, 6)))),
        reactions=(*network.reactions, *kinases),
    )
    return Adversarial(network, (outcome([25, 5], [5, 5], 30),))


def equal_labels_in_one_reaction() -> Adversarial:
    """Ligands 1 to 5 and receptors 1 to 5 in one reaction are two index sets."""
    network = ligand_receptor(5, 5).network
    return Adversarial(network, (outcome([25, 25, 25], [5, 5], 75),))


def mixed_orientation(in_law: bool) -> Adversarial:
    """Symmetric dimers called by either orientation, reactants in either order.

    ``in_law``: also the factors of the law, which makes it two laws where order is kept.
    """
    n = 7
    rng = np.random.default_rng(5)
    pairs = [(p, q) for p in range(n) for q in range(p, n)]
    pairs = [(q, p) if rng.random() < 0.5 else (p, q) for p, q in pairs]
    turned = {pair: rng.random() < 0.5 for pair in pairs}
    network = pairs_network(
        "mixed orientation",
        [f"M_{p + 1}" for p in range(n)],
        lambda p, q: f"D_{q + 1}_{p + 1}" if turned[p, q] else f"D_{p + 1}_{q + 1}",
        pairs,
        flip={k for k in range(len(pairs)) if in_law and rng.random() < 0.5},
    )
    if not in_law:
        return Adversarial(network, (outcome([28], [n], 28),))
    flipped = sum(is_flipped(r) for r in network.reactions)
    # the diagonal fits into either part
    parts = [outcome([28 - f, f], [n], 28) for f in (flipped, flipped + n)]
    return Adversarial(network, (outcome([28], [n], 28), *parts))


def is_flipped(r) -> bool:
    """Whether the law of a reversible reaction names its reactants in the other order."""
    factors = [arg.payload for arg in r.kinetic_law.args[0].args]
    first, second = (reference.species for reference in r.reactants)
    return first != second and factors[-1] == first


def paralogues() -> Adversarial:
    """Digits in names of proteins are no indices: ERK1, ERK2, CDK1, p53, H2O."""
    steps = [
        ("MEK1", "MEK1_P", "RAF1"),
        ("ERK1", "ERK1_P", "MEK1_P"),
        ("ERK2", "ERK2_P", "MEK1_P"),
        ("CDK1", "CDK1_CCNB1", "CCNB1"),
        ("CDK2", "CDK2_CCNE1", "CCNE1"),
        ("p53", "p53_pS15", "CHK2"),
        ("MDM2", "p53_MDM2", "p53"),
        ("AKT1", "AKT1_pT308", "PDK1"),
        ("p21", "p21_CDK2", "CDK2"),
        ("H2O2", "H2O", "GPX4"),
        ("IL6", "IL6_gp130", "gp130"),
    ]
    return steps_network("paralogues", steps, most_labels=4)


def steps_network(name: str, steps: list[tuple[str, str, str]], most_labels: int) -> Adversarial:
    """Return catalysed steps (substrate, product, catalyst), each with a constant of its own."""
    ids = dict.fromkeys(x for step in steps for x in step)
    network = Network(
        name,
        compartments=(CELL,),
        species=species(*ids),
        parameters=parameters(*(f"k{number}" for number in range(len(steps)))),
        reactions=tuple(
            reaction(f"J{number}", [a, e], [b, e], product(f"k{number}", a, e))
            for number, (a, b, e) in enumerate(steps)
        ),
    )
    return Adversarial(network, most_symbols=1, most_labels=most_labels)


def one_template(name: Callable[[int], str]) -> Adversarial:
    """Random reactions of one kind among 30 species: there is no product to find."""
    rng = np.random.default_rng(8)
    ids = [name(k) for k in range(30)]
    steps = [tuple(ids[int(k)] for k in rng.choice(30, size=3, replace=False)) for _ in range(60)]
    return steps_network("one template", steps, most_labels=60)


def two_copies() -> Adversarial:
    """Two models that do not touch: an index set of copies, or everything twice."""
    one = dimerization(5).network
    first, second = (exchanged(one, {e: f"{e}_{tag}" for e in ids_of(one)}) for tag in ("left", "right"))
    network = replace(
        first,
        compartments=first.compartments[:1],
        species=(*first.species, *(replace(s, compartment=first.compartments[0].id) for s in second.species)),
        parameters=(*first.parameters, *second.parameters),
        reactions=(*first.reactions, *second.reactions),
    )
    network = exchanged_symbol(network, second.compartments[0].id, first.compartments[0].id)
    return Adversarial(
        network, (outcome([50], [2, 5], 50), outcome([25, 25], [5, 5], 50), outcome([25, 25], [5], 50))
    )


def ids_of(network: Network) -> list[str]:
    elements = (*network.compartments, *network.species, *network.parameters, *network.reactions)
    return [e.id for e in elements]


def exchanged_symbol(network: Network, old: str, new: str) -> Network:
    """Return the network with one id in laws replaced."""
    ids = {i: i for i in ids_of(network)} | {old: new}
    return renamed(network, ids)


def minimal() -> Adversarial:
    """A cascade of which no two reactions have the same law: nothing to fold."""
    s = symbol
    laws = [
        product("k1", "A"),
        apply("divide", [product("v", "B"), apply("plus", [s("km"), s("B")])]),
        apply("divide", [product("v", "C", "C"), apply("plus", [s("km"), product("C", "C")])]),
        product("k2", "D", "E"),
        apply("exp", [apply("minus", [s("E")])]),
    ]
    network = Network(
        "minimal",
        compartments=(CELL,),
        species=species(*"ABCDEF"),
        parameters=parameters("k1", "k2", "km", "v"),
        reactions=tuple(
            reaction(f"J{k}", [a], [b], law)
            for k, (a, b, law) in enumerate(zip("ABCDE", "BCDEF", laws, strict=True))
        ),
    )
    return Adversarial(network, (outcome([1] * 5, [], 0),))


ADVERSARIAL: dict[str, Callable[[], Adversarial]] = {
    "letters as indices": letters,
    "labels with gaps": gaps,
    "no delimiter": no_delimiter,
    "permuted labels": permuted_labels,
    "two swapped labels": lambda: swapped_labels("D_1_2", "D_3_4"),
    "two transposed labels": lambda: swapped_labels("D_2_5", "D_5_2"),
    "one odd constant": odd_constant,
    "same labels in unrelated domains": unrelated_domains,
    "same labels in one reaction": equal_labels_in_one_reaction,
    "mixed orientation": lambda: mixed_orientation(in_law=False),
    "mixed orientation, factors too": lambda: mixed_orientation(in_law=True),
    "paralogues": paralogues,
    "random reactions, one list": lambda: one_template(lambda k: f"S_{k + 1}"),
    "random reactions, misleading grid": lambda: one_template(lambda k: f"S_{k // 6 + 1}_{k % 6 + 1}"),
    "random reactions, opaque": lambda: one_template(lambda k: f"s{k * 7 % 30 + 1}"),
    "two disjoint copies": two_copies,
    "already minimal": minimal,
}
