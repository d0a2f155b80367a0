"""Networks with events, switches and delays of which the solution is known in closed form."""

from __future__ import annotations

from icrn_core import (
    ICRN,
    AssignedQuantity,
    BaseSpecies,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    RateConstant,
    RateLaw,
    Reference,
    Term,
)
from icrn_core.icrn import Delay, Event

_ONE = IndexDomain()
TIME = ("time",)


def entry(name: str) -> Reference:
    """Return the reference to a base without indices."""
    return Reference(name, ())


def _law(template, names: list[str]):
    """Return a template in which names stand for slots, over slots collected in ``names``."""
    if isinstance(template, str):
        if template not in names:
            names.append(template)
        return ("slot", names.index(template))
    if isinstance(template, tuple) and template != TIME:
        return (template[0], *(_law(part, names) for part in template[1:]))
    return template


def network(
    rates: dict[str, object],
    constants: tuple[str, ...] = (),
    assigned: dict[str, object] | None = None,
    events: tuple[Event, ...] = (),
    delays: tuple[Delay, ...] = (),
) -> ICRN:
    """Return the network ``dx/dt = rates[x]`` with assigned quantities; names are strings in templates."""
    reactions, assignments = [], []
    for name, template in rates.items():
        slots: list[str] = []
        law = RateLaw(_law(template, slots))
        products = (Term(entry(name)),)
        reactions.append(IndexedReaction(f"d_{name}", _ONE, (), products, law, tuple(map(entry, slots))))
    for name, template in (assigned or {}).items():
        slots = []
        law = RateLaw(_law(template, slots))
        assignments.append(IndexedAssignment(f"is_{name}", _ONE, entry(name), law, tuple(map(entry, slots))))
    return ICRN(
        tuple(map(BaseSpecies, rates)),
        tuple(map(RateConstant, constants)),
        tuple(map(AssignedQuantity, assigned or {})),
        tuple(reactions),
        tuple(assignments),
        events=events,
        delays=delays,
    )


def event(
    trigger: str, delay: str = "", priority: str = "", flags=(True, True, True), **assignments: str
) -> Event:
    """Return an event; ``flags`` are its initial value, whether it persists and uses trigger values."""
    return Event(
        trigger,
        entry(trigger),
        tuple((entry(variable), entry(value)) for variable, value in assignments.items()),
        entry(delay) if delay else None,
        entry(priority) if priority else None,
        *flags,
    )


def truth(condition: tuple) -> tuple:
    """Return the template that is 1 while a condition holds, else 0."""
    return ("piecewise", 1.0, condition, 0.0)


def refilled() -> ICRN:
    """x' = -k x; where x falls below ``low`` it gains ``dose``, and n counts."""
    return network(
        {"x": ("minus", ("times", "k", "x")), "n": 0.0},
        ("k", "low", "dose"),
        {"falls": truth(("lt", "x", "low")), "full": ("plus", "x", "dose"), "next": ("plus", "n", 1.0)},
        (event("falls", x="full", n="next"),),
    )


def switched() -> ICRN:
    """x' = 1, and z' = k from where x has reached ``top``."""
    return network({"x": 1.0, "z": ("piecewise", 0.0, ("lt", "x", "top"), "k")}, ("top", "k"))


def delayed() -> ICRN:
    """x' = -r y with y(t) = x(t - lag)."""
    return network(
        {"x": ("minus", ("times", "r", "y")), "y": 0.0},
        ("r", "lag"),
        {"argument": "x"},
        delays=(Delay(entry("y"), entry("argument"), entry("lag")),),
    )
