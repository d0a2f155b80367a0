"""Reversible mass-action laws: one law, two directions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from icrn_core.icrn import Reference, Term, is_slot

Template = tuple | float


def split_directions(template: Template) -> tuple[Template, Template] | None:
    """Return the forward and backward law of ``a - b`` or ``c*(a - b)``, None for other forms."""
    if not isinstance(template, tuple):
        return None
    if template[0] == "minus" and len(template) == 3:
        return template[1], template[2]
    if template[0] != "times":
        return None
    found = [k for k, factor in enumerate(template) if k and is_difference(factor)]
    if len(found) != 1:
        return None
    k = found[0]
    forward, backward = template[k][1:]
    return (*template[:k], forward, *template[k + 1 :]), (*template[:k], backward, *template[k + 1 :])


def map_slots(template: Template, change: Callable[[int], int]) -> Template:
    """Return the template with its slots renumbered."""
    if not isinstance(template, tuple):
        return template
    if is_slot(template):
        return ("slot", change(template[1]))
    return (template[0], *(map_slots(operand, change) for operand in template[1:]))


def is_difference(template: Template) -> bool:
    """Whether a template is ``a - b``."""
    return isinstance(template, tuple) and template[0] == "minus" and len(template) == 3


def is_mass_action(
    template: Template, slots: Sequence[Reference], terms: Sequence[Term], species: set[str]
) -> bool:
    """Whether a law is constants times its reactants, each to the power of its stoichiometry.

    Parameters
    ----------
    template : tuple or float
        The law.
    slots : sequence of Reference
        What its slots hold.
    terms : sequence of Term
        Its reactants.
    species : set of str
        Names of the base species.
    """
    orders: Counter[Reference] = Counter()
    if not _count_orders(template, 1.0, slots, species, orders):
        return False
    wanted: Counter[Reference] = Counter()
    for term in terms:
        wanted[term.species] += term.stoichiometry  # type: ignore[assignment]
    return orders == wanted


def _count_orders(template: Template, power: float, slots, species: set[str], orders: Counter) -> bool:
    if not isinstance(template, tuple):
        return True
    if is_slot(template):
        reference = slots[template[1]]
        if reference.base in species:
            orders[reference] += power  # type: ignore[assignment]
        return reference.base not in species or power > 0
    if template[0] == "times":
        return all(_count_orders(factor, power, slots, species, orders) for factor in template[1:])
    if template[0] == "divide":
        above, below = template[1:]
        return _count_orders(above, power, slots, species, orders) and _count_orders(
            below, -power, slots, species, orders
        )
    if template[0] == "power" and isinstance(template[2], float):
        return _count_orders(template[1], power * template[2], slots, species, orders)
    return False
