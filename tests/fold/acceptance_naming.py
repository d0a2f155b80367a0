"""Write one network with indexed ids, with meaningful names, or with opaque shuffled ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from acceptance_maker import At, Generated, Key

from icrn_io.expression import Expression, apply, symbol
from icrn_io.network import Network

NAMINGS = ("A", "B", "C")

_VOCABULARIES = {
    "monomer": """Grb Sos Ras Raf Mek Erk Shc Shp Gab Src Fyn Lck Zap Lat Vav Nck Crk Cbl Jak Stat Socs Akt
        Pdk Pten Rab Ran Rho Rac Cdc Pak Fak Pax Abl Bcr Btk Syk Lyn Hck Csk Itk Tec Bmx Plc Pkc Pka Gsk Apc
        Axin Dvl Wnt Fzd Lrp Smad Alk Tgf Bmp Max Myc Jun Fos Atf Creb Elk Ets Rel Nfkb Ikk Tab Tak Traf""",
    "ligand": "EGF TGFA HBEGF AREG EREG BTC NRG PDGF VEGF HGF IGF FGF NGF BDNF GDNF SCF EPO TPO GCSF IFN",
    "receptor": "EGFR ErbB HER KIT MET RET TRK FLT KDR TIE AXL MER TYRO ROS LTK DDR EPH INSR MUSK CSFR",
    "site": "Y12 Y1068 S473 T308 Y992 Y1148 S21 T202 Y204 S338 Y845 T654",
    "gene": "lacI tetR cI araC trpR lexA crp fnr fis ihf hns lrp argR metJ purR galS nagC deoR fruR cytR",
    "neuron": "alpha beta gamma delta epsilon zeta eta theta iota kappa mu nu xi omicron rho sigma",
    "layer": "sensor hub relay bridge carrier shuttle donor acceptor regulator output probe anchor",
    "cell": "liver lung heart kidney spleen brain skin muscle bone gut marrow retina thymus colon ovary",
    "input": "red orange yellow green blue violet amber teal olive coral",
    "gate": "north east south west up down inner outer",
    "output": "do re mi fa sol la si",
    "row": "upper middle lower base crown floor shelf ledge",
    "column": "left centre right edge rim corner flank side",
    "digit": "seven eight nine zero one two three four five six",
}
_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = [*_UNITS.split(), *(t + u for t in _TENS.split() for u in ["", *_UNITS.split()[1:10]])]
WORDS = {axis_name: words.split() for axis_name, words in _VOCABULARIES.items()}


def rename(generated: Generated, naming: str, seed: int = 0) -> Network:
    """Return the network under another naming.

    Parameters
    ----------
    generated : Generated
        The network with indexed ids and the key behind each of them.
    naming : {"A", "B", "C"}
        A: indexed ids (seed 0 as generated; others start at 0, pad with zeros, or leave out
        the first underscore). B: meaningful names, drawn from a vocabulary per axis. C:
        opaque ids at random (``s17``, ``p4``, ``r9``), and species, parameters, compartments
        and reactions in random order.
    seed : int
        Of the words, numbers and order.
    """
    network = renamed(generated.network, ids_under(generated, naming, seed))
    return shuffled(network, np.random.default_rng(seed)) if naming == "C" else network


def ids_under(generated: Generated, naming: str, seed: int = 0) -> dict[str, str]:
    """Return the id of every element under a naming, by its indexed id."""
    rng = np.random.default_rng([seed, NAMINGS.index(naming)])
    ids = {"A": _indexed, "B": _meaningful, "C": _opaque}[naming](generated, rng, seed)
    ids = _with_locals(generated, ids, naming)
    if len(set(ids.values())) != len(ids):
        raise ValueError(f"{generated.network.id}: naming {naming} gives two elements the same id")
    return ids


def _indexed(generated: Generated, rng: np.random.Generator, seed: int) -> dict[str, str]:
    start, width, delimiter = [(1, 1, "_"), (0, 1, "_"), (1, 3, "_"), (0, 2, "")][seed % 4]

    def name(key: Key) -> str:
        labels = [f"{at.position + start:0{width}d}" for at in key.index]
        return key.base + (delimiter + "_".join(labels) if labels else "")

    return {i: name(key) for i, key in generated.keys.items()}


def _meaningful(generated: Generated, rng: np.random.Generator, seed: int) -> dict[str, str]:
    words: dict[At, str] = {}
    labels = {at for key in generated.keys.values() for at in key.index}
    for axis_name in sorted({at.axis for at in labels}):
        size = 1 + max(at.position for at in labels if at.axis == axis_name)
        drawn = vocabulary(axis_name, size, rng)
        words |= {At(axis_name, position): word for position, word in enumerate(drawn)}

    def name(key: Key) -> str:
        default = "_".join([key.base, *(f"{{{k}}}" for k in range(len(key.index)))])
        pattern = generated.patterns.get(key.base, default)
        return pattern.format(*(words[at] for at in key.index))

    return {i: name(key) for i, key in generated.keys.items()}


def vocabulary(axis_name: str, size: int, rng: np.random.Generator) -> list[str]:
    """Return different words for the labels of an axis, made-up ones where the list is too short."""
    known = WORDS.get(axis_name, NUMBER_WORDS)
    words = [known[k] for k in rng.permutation(len(known))[:size]]
    while len(words) < size:
        syllables = [str(rng.choice(list("bdfgklmnprstvz")) + rng.choice(list("aeiou"))) for _ in range(3)]
        word = "".join(syllables).capitalize()
        if word not in words:
            words.append(word)
    return words


def _opaque(generated: Generated, rng: np.random.Generator, seed: int) -> dict[str, str]:
    letters = {"species": "s", "parameter": "p", "reaction": "r", "compartment": "c"}
    ids: dict[str, str] = {}
    for kind, letter in letters.items():
        members = [i for i, key in generated.keys.items() if key.kind == kind]
        ids |= {i: f"{letter}{n + 1}" for i, n in zip(members, rng.permutation(len(members)), strict=True)}
    return ids


def _with_locals(generated: Generated, ids: Mapping[str, str], naming: str) -> dict[str, str]:
    """Return the ids with those of local parameters made from reaction and local name, as the reader does."""
    found = dict(ids)
    for element_id, key in generated.keys.items():
        if key.owner:
            found[element_id] = f"{ids[key.owner]}_{_local_name(generated, key, naming)}"
    return found


def _local_name(generated: Generated, key: Key, naming: str) -> str:
    if naming != "C":
        return key.base
    bases = list(dict.fromkeys(k.base for k in generated.keys.values() if k.owner))
    return f"k{bases.index(key.base) + 1}"


def renamed(network: Network, ids: Mapping[str, str]) -> Network:
    """Return the network under other ids, everything else unchanged."""
    rewrite = rewriter(ids)

    def references(found):
        return tuple(replace(r, species=ids[r.species]) for r in found)

    def parameter(p):
        if p.local_to is None:
            return replace(p, id=ids[p.id])
        owner = ids[p.local_to[0]]
        return replace(p, id=ids[p.id], local_to=(owner, ids[p.id].removeprefix(f"{owner}_")))

    return replace(
        network,
        compartments=tuple(replace(c, id=ids[c.id]) for c in network.compartments),
        species=tuple(replace(s, id=ids[s.id], compartment=ids[s.compartment]) for s in network.species),
        parameters=tuple(parameter(p) for p in network.parameters),
        reactions=tuple(
            replace(
                r,
                id=ids[r.id],
                reactants=references(r.reactants),
                products=references(r.products),
                modifiers=tuple(ids[m] for m in r.modifiers),
                kinetic_law=rewrite(r.kinetic_law),
            )
            for r in network.reactions
        ),
    )


def rewriter(ids: Mapping[str, str]) -> Callable[[Expression], Expression]:
    """Return a function that writes a law with other ids."""
    done: dict[Expression, Expression] = {}

    def rewrite(law: Expression) -> Expression:
        for node in law:
            if node not in done:
                done[node] = (
                    symbol(ids[node.payload])
                    if node.op == "symbol"
                    else apply(node.op, [done[arg] for arg in node.args])
                    if node.args
                    else node
                )
        return done[law]

    return rewrite


def shuffled(network: Network, rng: np.random.Generator) -> Network:
    """Return the network with its lists in random order; local parameters follow their reactions."""

    def mixed(found: tuple) -> tuple:
        return tuple(found[k] for k in rng.permutation(len(found)))

    reactions = mixed(network.reactions)
    position = {r.id: number for number, r in enumerate(reactions)}
    parameters = sorted(
        mixed(network.parameters), key=lambda p: position[p.local_to[0]] if p.local_to else -1
    )
    return replace(
        network,
        compartments=mixed(network.compartments),
        species=mixed(network.species),
        parameters=tuple(parameters),
        reactions=reactions,
    )
