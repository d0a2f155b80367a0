"""Events: their formulas become assigned quantities, and what they change becomes variable."""

from __future__ import annotations

from dataclasses import dataclass, replace

from converters.lowering.constants import constant_value
from converters.lowering.delays import varying
from converters.lowering.formulas import ONE, ZERO, NewIds, rewrite, substitute
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression, apply, number
from icrn_io.network import AlgebraicRule, AssignmentRule, Event, Network, Parameter, RateRule

_TRUTHS = frozenset(
    {"lt", "leq", "gt", "geq", "eq", "neq", "and", "or", "xor", "not", "implies", "true", "false"}
)
_STEPPING = frozenset({"floor", "ceiling", "quotient", "rem"})
# Of the time: how near to each other two of its functions are that meet.
_ROUNDING, _SMALLEST = number(2.0**-46), number(1e-300)
_HALF = number(0.5)
# Of their size: how near to each other two quantities are that meet.
_NEAR = number(2.0**-40)


@dataclass(frozen=True)
class PlainEvent:
    """An event in ids: of the quantities that its formulas became, and of what it changes.

    Attributes
    ----------
    id : str
        Of the event, for messages.
    trigger : str
        Quantity that is 1 while the trigger is true, else 0.
    assignments : tuple of (str, str)
        Variable, and quantity whose value it takes.
    delay, priority : str
        Quantities; "" without one.
    trigger_initial_value, trigger_persistent, use_values_from_trigger_time : bool
        As of `icrn_io.network.Event`.
    """

    id: str
    trigger: str
    assignments: tuple[tuple[str, str], ...]
    delay: str
    priority: str
    trigger_initial_value: bool
    trigger_persistent: bool
    use_values_from_trigger_time: bool


def without_events(network: Network) -> tuple[Network, tuple[PlainEvent, ...]]:
    """Return the network without its events, and these in terms of new quantities of it.

    Every formula of an event becomes an assignment rule of a parameter of its own; what events
    change and nothing else does gets the rate rule ``dx/dt = 0``. An event without trigger, or
    without assignments, does nothing (SBML L3V2, section 4.12).
    """
    if not network.events:
        return network, ()
    naming = _Naming(network)
    events = tuple(naming.event(event) for event in network.events if event.trigger is not None)
    events = tuple(event for event in events if event.assignments)
    rules = (*network.rules, *naming.rules, *_still(network, events))
    changed = {variable for event in events for variable, _ in event.assignments}
    return (
        replace(
            network,
            compartments=tuple(
                replace(c, is_constant=False) if c.id in changed else c for c in network.compartments
            ),
            parameters=(
                *(replace(p, is_constant=False) if p.id in changed else p for p in network.parameters),
                *naming.parameters,
            ),
            rules=rules,
            events=(),
        ),
        events,
    )


def _within(gap: Expression, room: Expression) -> Expression:
    """Return that a gap is less than the room for it, in terms that are no comparison of the state."""
    return apply("neq", [apply("max", [apply("minus", [room, gap]), ZERO]), ZERO])


def _timed(network: Network) -> dict[str, Expression]:
    """Return the formulas, in constants and the time, of the quantities that are functions of the time."""
    rules = {
        r.variable: r.math for r in network.rules if isinstance(r, AssignmentRule) and r.math is not None
    }
    found: dict[str, Expression] = {}
    count = -1
    while count != len(found):
        count = len(found)
        for variable, math in rules.items():
            formula = substitute(math, found)
            if "time" in formula.operators() and not formula.symbols() & rules.keys():
                found.setdefault(variable, formula)
    return found


def _still(network: Network, events: tuple[PlainEvent, ...]) -> list[RateRule]:
    """Return rate rules for the compartments and parameters that only events change."""
    ruled = {rule.variable for rule in network.rules if not isinstance(rule, AlgebraicRule)}
    plain = {element.id for element in (*network.compartments, *network.parameters)}
    changed = dict.fromkeys(variable for event in events for variable, _ in event.assignments)
    return [RateRule(variable, ZERO) for variable in changed if variable in plain - ruled]


class _Naming:
    """Makes the quantities of events."""

    def __init__(self, network: Network) -> None:
        self.new_ids = NewIds(network)
        self.timed = _timed(network)
        # What changes during a run, and what does so between events.
        self.changing = varying(network)
        self.moving = varying(replace(network, events=()))
        self.parameters: list[Parameter] = []
        self.rules: list[AssignmentRule] = []

    def event(self, event: Event) -> PlainEvent:
        name = event.id or "event"
        delay = None if event.delay is None else constant_value(event.delay)
        if delay is not None and delay < 0:
            raise UnsupportedFeatureError("event with a negative delay", event.id, "delays are 0 or more")
        trigger = rewrite(event.trigger, self.met)
        is_truth = trigger.op in _TRUTHS
        condition = trigger if is_truth else apply("neq", [trigger, ZERO])
        truth = apply("piecewise", [ONE, condition, ZERO])
        if trigger.symbols() & self.moving and (trigger.operators() & _STEPPING or not is_truth):
            # What jumps and is no comparison has to be one to be found within a step.
            truth = apply("piecewise", [ONE, apply("gt", [truth, _HALF]), ZERO])
        return PlainEvent(
            event.id,
            self.quantity(f"{name}_trigger", truth),
            tuple(
                (a.variable, self.quantity(f"{name}_{a.variable}", a.math))
                for a in event.assignments
                if a.math is not None
            ),
            self.quantity(f"{name}_delay", event.delay),
            self.quantity(f"{name}_priority", event.priority),
            event.trigger_initial_value,
            event.trigger_persistent,
            event.use_values_from_trigger_time,
        )

    def met(self, node: Expression) -> Expression:
        """Return an equality with a function of the time as one within rounding, any other node as it is."""
        if node.op not in ("eq", "neq") or len(node.args) != 2:
            return node
        left, right = (substitute(side, self.timed) for side in node.args)
        operators, symbols = left.operators() | right.operators(), left.symbols() | right.symbols()
        gap = apply("abs", [apply("minus", [left, right])])
        if symbols & (self.changing if "time" in operators else self.moving):
            # They meet where one begins to exceed the other, which is a moment that is found.
            size = apply("plus", [apply("abs", [left]), apply("abs", [right])])
            passes = apply("and", [apply("gt", [left, right]), apply("lt", [left, right])])
            meets = apply("or", [_within(gap, apply("times", [_NEAR, size])), passes])
        elif "time" in operators and operators & _STEPPING:
            room = apply("plus", [apply("times", [_ROUNDING, apply("abs", [apply("time")])]), _SMALLEST])
            meets = _within(gap, room)
        else:
            return apply(node.op, [left, right]) if "time" in operators else node
        return meets if node.op == "eq" else apply("not", [meets])

    def quantity(self, wanted: str, formula: Expression | None) -> str:
        if formula is None:
            return ""
        name = self.new_ids.new(wanted)
        self.parameters.append(Parameter(name, None, False))
        self.rules.append(AssignmentRule(name, formula))
        return name
