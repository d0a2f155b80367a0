"""Whether an Antimony translation means what the network says.

antimony drops without a word what its language does not have (algebraic rules, fast reactions,
conversion factors, ...), so that what it has made is read again and compared. Names, units of
elements, constancy and the order of elements may change; ids that are words of Antimony get an
underscore, local parameters become global ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from icrn_io.errors import ModelIOError
from icrn_io.expression import Expression, apply, number, symbol
from icrn_io.network import AlgebraicRule, Network, RateRule, Reaction, Species

_FLAT = frozenset({"plus", "times", "and", "or"})


def refuse_losses(network: Network, translated: Network, name: str) -> None:
    """Raise where an Antimony translation does not do what the network does.

    Raises
    ------
    ModelIOError
        Something that changes the dynamics is lost or altered; the first such thing is named.
    """
    renamed = _renamed(network, translated)
    wanted, found = _meaning(network, renamed), _meaning(translated, {})
    absent = object()
    differing = [k for k in (*wanted, *found) if wanted.get(k, absent) != found.get(k, absent)]
    if not differing:
        return
    first = differing[0]
    what = " ".join((first[0], *(f"'{part}'" for part in first[1:] if part)))
    fate = "would be lost" if first not in found else "would change" if first in wanted else "would appear"
    raise ModelIOError(f"{name}: cannot be said in Antimony: {what} {fate}; write SBML instead (.xml)")


def _renamed(network: Network, translated: Network) -> dict[str, str]:
    """Return the new ids of the elements whose id is a word of Antimony."""
    known = {e.id for e in (*translated.compartments, *translated.species, *translated.parameters)}
    known |= {r.id for r in translated.reactions} | {e.id for e in translated.events}
    ids = [e.id for e in (*network.compartments, *network.species, *network.parameters)]
    ids += [r.id for r in network.reactions] + [e.id for e in network.events]
    taken = set(ids)
    return {i: f"{i}_" for i in ids if i not in known and f"{i}_" in known and f"{i}_" not in taken}


def _meaning(network: Network, renamed: Mapping[str, str]) -> dict[tuple[str, ...], object]:
    """Return what governs the dynamics, element by element, in a form that can be compared."""

    def named(name: str) -> str:
        return renamed.get(name, name)

    def value(name: str, written: float | None) -> float | None:
        return None if name in governed else numbers.get(name, written)

    def formula(expression: Expression | None) -> Expression | None:
        return None if expression is None else _plain(expression, renamed)

    # Antimony takes the assignment of a number for a value.
    numbers = {a.variable: a.math.payload for a in network.initial_assignments if _is_number(a.math)}
    assigned = {a.variable for a in network.initial_assignments if a.math is not None} - numbers.keys()
    set_by_rule = {
        r.variable
        for r in network.rules
        if not isinstance(r, (AlgebraicRule, RateRule)) and r.math is not None
    }
    governed = assigned | set_by_rule
    said: dict[tuple[str, ...], object] = {}
    if network.conversion_factor:
        said["conversion factor", named(network.conversion_factor)] = "of the model"
    for c in network.compartments:
        said["compartment", named(c.id)] = value(c.id, c.size)
        if c.spatial_dimensions == 0:
            said["point (0 dimensions), compartment", named(c.id)] = True
    for s in network.species:
        said["species", named(s.id)] = (
            named(s.compartment),
            s.has_only_substance_units,
            s.is_boundary or s.is_constant,
            named(s.conversion_factor),
            None if s.id in governed else _initial(s, numbers.get(s.id)),
        )
    for p in network.parameters:
        said["parameter", named(p.id)] = value(p.id, p.value)
    for r in network.reactions:
        said["reaction", named(r.id)] = _reaction(r, governed, numbers, named, formula)
        if r.is_fast:
            said["fast reaction", named(r.id)] = True
    for a in network.initial_assignments:
        if a.variable in assigned:
            said["initial assignment of", named(a.variable)] = formula(a.math)
    algebraic = 0
    for rule in network.rules:
        if rule.math is None:
            continue
        if isinstance(rule, AlgebraicRule):
            algebraic += 1
            said["algebraic rule", str(algebraic)] = formula(rule.math)
        else:
            kind = "rate rule" if isinstance(rule, RateRule) else "assignment rule"
            said[kind + " of", named(rule.variable)] = formula(rule.math)
    for position, event in enumerate(network.events):
        said["event", named(event.id) or f"_E{position}"] = (
            *map(formula, (event.trigger, event.delay, event.priority)),
            event.trigger_initial_value,
            event.trigger_persistent,
            event.use_values_from_trigger_time or event.delay is None,
            {named(a.variable): formula(a.math) for a in event.assignments if a.math is not None},
        )
    return said


def _is_number(expression: Expression | None) -> bool:
    return expression is not None and expression.op == "number"


def _initial(species: Species, assigned: float | None) -> tuple[str, float] | None:
    amount, concentration = species.initial_amount, species.initial_concentration
    if assigned is not None:
        in_amount = species.has_only_substance_units
        amount, concentration = (assigned, None) if in_amount else (None, assigned)
    if amount == 0 or concentration == 0:
        return ("none of it", 0.0)
    if amount is not None:
        return ("amount", amount)
    return None if concentration is None else ("concentration", concentration)


def _reaction(reaction: Reaction, governed, numbers, named, formula) -> tuple[object, ...]:
    def factor(ref):
        return named(ref.id) if ref.id in governed else numbers.get(ref.id, ref.stoichiometry)

    def side(references):
        return [(named(ref.species), factor(ref)) for ref in references]

    return side(reaction.reactants), side(reaction.products), formula(reaction.kinetic_law)


def _plain(expression: Expression, renamed: Mapping[str, str]) -> Expression:
    """Return a formula with sums and products flat and signs in numbers, under new names."""
    done: dict[int, Expression] = {}
    for node in expression:
        args = [done[id(arg)] for arg in node.args]
        if node.op == "symbol":
            plain = symbol(renamed.get(node.payload, node.payload))
        elif node.op in _FLAT:
            flat = [part for arg in args for part in (arg.args if arg.op == node.op else (arg,))]
            plain = flat[0] if len(flat) == 1 else apply(node.op, flat)
        elif node.op == "minus" and len(args) == 1 and args[0].op == "number":
            plain = number(-args[0].payload)
        elif node.op == "divide" and all(map(_is_number, args)) and args[1].payload:
            plain = number(args[0].payload / args[1].payload)
        else:
            plain = apply(node.op, args) if args else node
        done[id(node)] = plain
    return done[id(expression)]
