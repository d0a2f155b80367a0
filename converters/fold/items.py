"""Split a network into the items that can be indexed and the skeleton that stays flat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from converters.collector import paused_collection
from converters.fold.elements import Elements
from converters.fold.facts import Item
from converters.fold.order import evaluation_levels
from converters.fold.skeleton import make_skeleton
from converters.fold.templates import prefix_template
from icrn_io.expression import Expression
from icrn_io.network import (
    AlgebraicRule,
    AssignmentRule,
    Network,
    RateRule,
    Reaction,
    SpeciesReference,
    UnsupportedFeature,
)

_HELD_OPERATORS = {"delay": "delay", "rateOf": "rateOf"}


@dataclass(frozen=True)
class Inventory:
    """The items of a network by the stage they are evaluated in, and the rest.

    Attributes
    ----------
    reactions : list of Item
        Reactions and rate rules.
    assignments : list of Item
        Assignment rules, and the fluxes that rules read, with levels of evaluation.
    initial : list of Item
        Initial assignments, and the assignment rules they read, with levels of evaluation.
    skeleton : Network
        The network with everything the items say blanked out.
    unsupported : list of UnsupportedFeature
        What is held in the skeleton but cannot be simulated.
    """

    elements: Elements
    reactions: list[Item]
    assignments: list[Item]
    initial: list[Item]
    skeleton: Network
    unsupported: list[UnsupportedFeature]


@paused_collection()
def take_inventory(network: Network) -> Inventory:
    """Return the items, the skeleton and the unsupported features of a network.

    Raises
    ------
    ModelIOError
        Assignment rules or initial assignments that depend on each other in a circle.
    """
    elements = Elements(network, _read_fluxes(network))
    unsupported = list(network.unsupported)
    held = _Held(elements, unsupported)
    reactions = [r for r in network.reactions if held.can_fold_reaction(r)]
    rules = [r for r in network.rules if held.can_fold_rule(r)]
    initial = [a for a in network.initial_assignments if held.can_fold_math("initial assignment", a)]
    reactions, rules = held.readable(reactions, rules)
    unsupported += [UnsupportedFeature("event", e.id or "(no id)") for e in network.events]

    laws = {r.variable: r.math for r in rules if isinstance(r, AssignmentRule)}
    fluxes = {r.id: r.kinetic_law for r in reactions if r.id in elements.read_fluxes}
    rates = [r for r in rules if isinstance(r, RateRule)]
    return Inventory(
        elements=elements,
        reactions=[_reaction_item(r, elements) for r in reactions]
        + [_rule_item("rate rule", r) for r in rates],
        assignments=_assignment_items(laws, fluxes, elements),
        initial=_initial_items({a.variable: a.math for a in initial}, laws | fluxes, elements),
        skeleton=make_skeleton(network, elements, reactions, rules, initial),
        unsupported=unsupported,
    )


def _read_fluxes(network: Network) -> frozenset[str]:
    """Reaction ids that some formula reads."""
    laws = [r.kinetic_law for r in network.reactions]
    laws += [r.math for r in network.rules] + [a.math for a in network.initial_assignments]
    reaction_ids = {r.id for r in network.reactions}
    return frozenset(s for law in laws if law is not None for s in law.symbols() & reaction_ids)


@dataclass
class _Held:
    """Decides what can be indexed; notes down by name what cannot."""

    elements: Elements
    unsupported: list[UnsupportedFeature]

    def __post_init__(self) -> None:
        network = self.elements.network
        self.known = frozenset(self.elements.ids)
        self.set_elsewhere = {a.variable for a in network.initial_assignments}
        self.set_elsewhere |= {r.variable for r in network.rules if not isinstance(r, AlgebraicRule)}
        self.set_elsewhere |= {a.variable for e in network.events for a in e.assignments}

    def note(self, feature: str, element_id: str, detail: str = "") -> bool:
        self.unsupported.append(UnsupportedFeature(feature, element_id, detail))
        return False

    def can_fold_reaction(self, reaction: Reaction) -> bool:
        if reaction.kinetic_law is None:
            return self.note("reaction without a kinetic law", reaction.id, "give it a rate")
        if reaction.is_fast:
            return self.note("fast reaction", reaction.id)
        for reference in (*reaction.reactants, *reaction.products):
            if reference.stoichiometry is None or reference.id in self.set_elsewhere:
                return self.note("variable stoichiometry", reference.id or reaction.id)
            if not isfinite(reference.stoichiometry):
                return self.note("infinite or missing stoichiometry", reaction.id)
        return self.can_read("reaction", reaction.id, reaction.kinetic_law)

    def can_fold_rule(self, rule) -> bool:
        if isinstance(rule, AlgebraicRule):
            return self.note("algebraic rule", "(no id)")
        kind = "rate rule" if isinstance(rule, RateRule) else "assignment rule"
        return self.can_fold_math(kind, rule)

    def can_fold_math(self, kind: str, item) -> bool:
        if item.math is None:
            return self.note(f"{kind} without math", item.variable)
        if item.variable not in self.known:
            return self.note(f"{kind} of a species reference", item.variable)
        return self.can_read(kind, item.variable, item.math)

    def readable(self, reactions: list[Reaction], rules: list) -> tuple[list[Reaction], list]:
        """Return the reactions and rules without those that read what is held themselves."""
        defined = self.elements.assigned | self.elements.read_fluxes
        held = defined - {r.variable for r in rules} - {r.id for r in reactions}
        while held:
            kept = [r for r in reactions if self.can_follow(held, "reaction", r.id, r.kinetic_law)]
            followed = [r for r in rules if self.can_follow(held, "rule", r.variable, r.math)]
            held = defined & (
                {r.id for r in reactions}.difference(r.id for r in kept)
                | {r.variable for r in rules}.difference(r.variable for r in followed)
            )
            reactions, rules = kept, followed
        return reactions, rules

    def can_follow(self, held: frozenset[str], kind: str, element_id: str, law: Expression) -> bool:
        for name in sorted(law.symbols() & held):
            return self.note(f"{kind} that reads what is held", element_id, f"it reads '{name}'")
        return True

    def can_read(self, kind: str, element_id: str, law: Expression) -> bool:
        for operator in law.operators() & _HELD_OPERATORS.keys():
            return self.note(_HELD_OPERATORS[operator], element_id, f"it stands in the {kind}")
        for unknown in sorted(law.symbols() - self.known):
            return self.note("species reference in math", unknown, f"read by the {kind} '{element_id}'")
        return True


def _reaction_item(reaction: Reaction, elements: Elements) -> Item:
    template, slots = prefix_template(reaction.kinetic_law)
    return Item(
        "reaction",
        reaction.id,
        0,
        template,
        slots,
        tuple((r.species, r.stoichiometry) for r in reaction.reactants if _is_term(r, elements)),
        tuple((r.species, r.stoichiometry) for r in reaction.products if _is_term(r, elements)),
    )


def _is_term(reference: SpeciesReference, elements: Elements) -> bool:
    """Whether a reference is to a species that no rule governs: others are inert here."""
    return reference.species not in elements.assigned and reference.species not in elements.rated


def _rule_item(role, rule, level: int = 0) -> Item:
    template, slots = prefix_template(rule.math)
    return Item(role, rule.variable, level, template, slots, (), ((rule.variable, 1.0),))


def _assignment_items(laws: Mapping, fluxes: Mapping, elements: Elements) -> list[Item]:
    """Items of the assignment rules and of the fluxes that laws read, in order of evaluation."""
    levels = evaluation_levels(laws | fluxes, elements, "assignment rules")
    items = [_rule_item("assignment rule", AssignmentRule(v, m), levels[v]) for v, m in laws.items()]
    items += [_rule_item("derived", AssignmentRule(v, m), levels[v]) for v, m in fluxes.items()]
    return sorted(items, key=lambda item: item.level)


def _initial_items(initial: Mapping, continuous: Mapping, elements: Elements) -> list[Item]:
    """Items of the initial assignments and of what they read, in order of evaluation."""
    needed: dict[str, Expression] = dict(initial)
    queue = list(initial.values())
    while queue:
        for name in sorted(elements.read_by(queue.pop())):
            if name in continuous and name not in needed:
                needed[name] = continuous[name]
                queue.append(continuous[name])
    levels = evaluation_levels(needed, elements, "initial assignments")
    roles = {name: "initial assignment" if name in initial else "derived" for name in needed}
    items = [_rule_item(roles[v], AssignmentRule(v, m), levels[v]) for v, m in needed.items()]
    return sorted(items, key=lambda item: item.level)
