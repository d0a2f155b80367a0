"""Write an authored network as indexed Antimony, which `icrn_core.text_reader` reads back."""

from __future__ import annotations

import numpy as np

from icrn_core.authoring import AuthoredNetwork, Reaction, entries_of, symbols_of
from icrn_core.errors import IcrnError
from icrn_core.icrn import IndexSet
from icrn_core.notation import Base, Condition, Formula, number_text, tuple_condition


def text_of(network: AuthoredNetwork) -> str:
    """Return a network as text; reading it gives an equal ICRN and equal values.

    Raises
    ------
    IcrnError
        Two index symbols of one name range over different sets.
    """
    lines = [f"model {network.icrn.name}".rstrip()]
    lines += [f"  {line}" for line in (*_index_lines(network), *_declarations(network))]
    lines += [f"  {_reaction_line(authored)}" for authored in network.reactions]
    species = {base.name for base in network.icrn.species}
    for name, tensor in network.values.items():
        if not np.isnan(tensor).all() and not (name in species and not tensor.any()):
            lines.append(f"  {name} = {_value(tensor)}")
    return "\n".join([*lines, "end", ""])


def _index_lines(network: AuthoredNetwork) -> list[str]:
    sets: dict[str, IndexSet] = {}
    for authored in network.reactions:
        found = {symbol.name: symbol.index_set for symbol in network.indexed[authored.name].domain.symbols}
        _merge(sets, {symbol.name: found[symbol.name] for symbol in symbols_of(authored)})
    axes = {base.name: base.index_sets for base in network.icrn.bases}
    for base in _declared(network):
        _merge(sets, {s.name: given for s, given in zip(base.axes or (), axes[base.name], strict=False)})
    both = next((base.name for base in network.icrn.bases if base.name in sets), None)
    if both is not None:
        raise IcrnError(f"a base and an index symbol are called '{both}': as text they need two names")
    groups: dict[IndexSet, list[str]] = {}
    for name, index_set in sets.items():
        groups.setdefault(index_set, []).append(name)
    return [f"index {', '.join(names)} in {s.name} = {_labels(s.labels)}" for s, names in groups.items()]


def _merge(sets: dict[str, IndexSet], found: dict[str, IndexSet]) -> None:
    for name, index_set in found.items():
        if sets.setdefault(name, index_set) != index_set:
            raise IcrnError(
                f"index symbol '{name}' ranges over '{sets[name].name}' and over '{index_set.name}': "
                "give two symbols two names"
            )


def _labels(labels: tuple[str, ...]) -> str:
    if labels[0].isdigit():
        first = int(labels[0])
        if labels == tuple(map(str, range(first, first + len(labels)))):
            return f"{first}..{first + len(labels) - 1}"
    return f"{{{', '.join(labels)}}}"


def _declared(network: AuthoredNetwork) -> list[Base]:
    """Return the bases that are declared: those in no reaction, symmetric ones, and those of given axes."""
    met = dict.fromkeys(entry.base for authored in network.reactions for entry in entries_of(authored))
    needed = (base for base in met if base.axes is not None or base.is_symmetric)
    return [*network.also, *(base for base in needed if base not in network.also)]


def _declarations(network: AuthoredNetwork) -> list[str]:
    words = []
    for base in _declared(network):
        axes = f"[{', '.join(map(str, base.axes))}]" if base.axes else ""
        words.append(f"{'symmetric' if base.is_symmetric else base.kind} {base}{axes}")
    return words


def _reaction_line(authored: Reaction) -> str:
    sides = [_side(side) for side in (authored.change.left, authored.change.right)]
    formula = authored.rate if authored.law is None else authored.law
    rate = "fast" if formula is None else str(formula)
    return f"{authored.name}: {sides[0]}-> {sides[1]}; {rate}{_condition(authored)}".replace(" ; ", "; ")


def _side(side: Formula | None) -> str:
    if side is None:
        return ""
    if side.op == "plus":
        return "+ ".join(map(_side, side.args))
    if side.op == "times":
        return f"{number_text(side.args[0].value)} {side.args[1].value} "
    return f"{side.value} "


def _condition(authored: Reaction) -> str:
    where = authored.where
    if where is None:
        return ""
    if not isinstance(where, Condition):
        where = tuple_condition(symbols_of(authored), np.argwhere(where))
    return f" for {where}"


def _value(tensor: np.ndarray) -> str:
    if tensor.ndim == 0 or (tensor == tensor.flat[0]).all():
        return number_text(float(tensor.flat[0]))
    return repr(tensor.tolist()).replace("nan", "None")
