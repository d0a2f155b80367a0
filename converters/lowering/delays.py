"""The csymbol ``delay``: a variable that follows the past of another quantity."""

from __future__ import annotations

from dataclasses import dataclass, replace

from converters.lowering.formulas import ZERO, NewIds, map_formulas, rewrite
from icrn_io.checks import network_formulas
from icrn_io.errors import UnsupportedFeatureError
from icrn_io.expression import Expression, apply, symbol
from icrn_io.network import AlgebraicRule, AssignmentRule, Network, Parameter, RateRule

_BEFORE = apply("lt", [apply("time"), ZERO])


@dataclass(frozen=True)
class PlainDelay:
    """``variable(t) = argument(t - lag)``, each the id of a quantity."""

    variable: str
    argument: str
    lag: str


def without_delays(network: Network) -> tuple[Network, tuple[PlainDelay, ...]]:
    """Return the network with a variable for every ``delay(x, lag)``, and what these follow.

    Before the initial time, 0, what is integrated stands still, at the value of its initial
    assignment at that time if it has one, and rates of change are zero (SBML L3V2, section
    3.4.6); initial assignments see the value at 0.

    Raises
    ------
    UnsupportedFeatureError
        A lag that changes with time, or is negative.
    """
    if not any("delay" in formula.operators() for _, formula in network_formulas(network)):
        return network, ()
    if any(reaction.is_fast for reaction in network.reactions):
        raise UnsupportedFeatureError(
            "delay beside fast reactions", "(no id)", "their past is not that of the model"
        )
    made = _Making(network)
    given = network.initial_assignments
    network = replace(network, initial_assignments=())
    network = map_formulas(network, lambda formula: rewrite(formula, made.variable))
    at_start = tuple(
        a
        if a.math is None
        else replace(a, math=rewrite(a.math, lambda n: n.args[0] if n.op == "delay" else n))
        for a in given
    )
    return (
        replace(
            network,
            initial_assignments=at_start,
            parameters=(*network.parameters, *made.parameters),
            rules=(*network.rules, *made.rules),
        ),
        tuple(made.delays.values()),
    )


class _Making:
    """Makes a variable for each different delayed formula."""

    def __init__(self, network: Network) -> None:
        self.new_ids = NewIds(network)
        self.varying = varying(network)
        self.earlier = {
            a.variable: apply("piecewise", [a.math, _BEFORE, symbol(a.variable)])
            for a in network.initial_assignments
            if a.math is not None and "time" in a.math.operators()
        }
        self.parameters: list[Parameter] = []
        self.rules: list[AssignmentRule | RateRule] = []
        self.delays: dict[Expression, PlainDelay] = {}

    def variable(self, node: Expression) -> Expression:
        """Return the variable that stands for a delayed formula; any other node as it is."""
        if node.op != "delay":
            return node
        argument, lag = node.args
        if lag.op == "number" and lag.payload == 0:
            return argument
        if lag.op == "number" and not lag.payload > 0:
            raise UnsupportedFeatureError(
                "delay", "(no id)", f"its lag is {lag.payload}: it must not be negative"
            )
        if "time" in lag.operators() or lag.symbols() & self.varying:
            names = ", ".join(sorted(lag.symbols())) or "the time"
            raise UnsupportedFeatureError("delay with a lag that changes", names, "give it a constant lag")
        if node not in self.delays:
            name = self.new_ids.new("delayed")
            self.parameters.append(Parameter(name, 0.0, False))
            self.rules.append(RateRule(name, ZERO))
            past = rewrite(argument, self.earlier_value)
            self.delays[node] = PlainDelay(name, self.quantity("argument", past), self.quantity("lag", lag))
        return symbol(self.delays[node].variable)

    def earlier_value(self, node: Expression) -> Expression:
        """Return a node of an argument such that it is right before the initial time too."""
        if node.op == "rateOf":
            return apply("piecewise", [ZERO, _BEFORE, node])
        return self.earlier.get(node.payload, node) if node.op == "symbol" else node

    def quantity(self, wanted: str, formula: Expression) -> str:
        name = self.new_ids.new(wanted)
        if formula.op == "number":
            self.parameters.append(Parameter(name, formula.payload))
        else:
            self.parameters.append(Parameter(name, None, False))
            self.rules.append(AssignmentRule(name, formula))
        return name


def varying(network: Network) -> set[str]:
    """Return the ids of what changes during a run."""
    found = {s.id for s in network.species if not s.is_constant} | {r.id for r in network.reactions}
    found |= {rule.variable for rule in network.rules if isinstance(rule, RateRule)}
    found |= {a.variable for event in network.events for a in event.assignments}
    algebraic = [r.math for r in network.rules if isinstance(r, AlgebraicRule) and r.math is not None]
    constants = {e.id for e in (*network.compartments, *network.parameters) if e.is_constant}
    found |= frozenset().union(*(math.symbols() for math in algebraic)) - constants
    assigned = {
        r.variable: r.math for r in network.rules if isinstance(r, AssignmentRule) and r.math is not None
    }
    count = -1
    while count != len(found):
        count = len(found)
        found |= {v for v, math in assigned.items() if "time" in math.operators() or math.symbols() & found}
    return found
