"""Checks of an ICRN when it is made: everything fits together before anything is traced.

Every check raises `IcrnError` at the first fault, naming the object, what was expected and what
was found. Relations of 10^5 tuples are checked with a few NumPy operations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from icrn_core.errors import IcrnError
from icrn_core.icrn import (
    ICRN,
    BaseSpecies,
    Event,
    IndexDomain,
    IndexedAssignment,
    IndexedReaction,
    IndexSet,
    Placement,
    RateConstant,
    RateLaw,
    Reference,
    walk,
)

_UNITS = ("amount", "concentration")


def check_icrn(icrn: ICRN) -> None:
    """Check that references, index sets, domains, laws and units of an ICRN fit together.

    Raises
    ------
    IcrnError
        At the first fault.
    """
    _check_index_sets(icrn)
    for base in icrn.species:
        _check_species(icrn, base)
    _check_names("reaction", [r.name for r in icrn.reactions])
    _check_names("assignment", [a.name for a in icrn.assignments])
    _check_names("initial assignment", [a.name for a in icrn.initial_assignments])
    for reaction in icrn.reactions:
        _check_reaction(icrn, reaction)
    for assignment in (*icrn.assignments, *icrn.initial_assignments):
        _check_assignment(icrn, assignment)
    _check_order(icrn)
    for event in icrn.events:
        _check_event(icrn, event)
    for delay in icrn.delays:
        where = f"the delay '{delay.variable.base}'"
        _check_variable(icrn, where, delay.variable)
        _check_all(icrn, where, (delay.argument, delay.lag), {})


def _check_event(icrn: ICRN, event: Event) -> None:
    where = f"event '{event.name}'"
    read = (event.trigger, event.delay, event.priority, *(value for _, value in event.assignments))
    _check_all(icrn, where, (reference for reference in read if reference is not None), {})
    for variable, _ in event.assignments:
        _check_variable(icrn, where, variable)
    variables = [variable for variable, _ in event.assignments]
    if len(set(variables)) < len(variables):
        raise IcrnError(f"{where} gives one entry two values")


def _check_variable(icrn: ICRN, where: str, variable: Reference) -> None:
    if not isinstance(icrn.base(variable.base), BaseSpecies):
        raise IcrnError(f"{where} changes '{variable.base}', which is no base species")
    _check_reference(icrn, where, variable, {})


def _check_index_sets(icrn: ICRN) -> None:
    for index_set in icrn.index_sets():
        if len(set(index_set.labels)) != len(index_set.labels):
            twice = next(label for label, n in Counter(index_set.labels).items() if n > 1)
            raise IcrnError(f"index set '{index_set.name}' has the label '{twice}' more than once")


def _check_names(kind: str, names: list[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise IcrnError(f"two {kind}s are called '{twice[0]}': give one another name")


def _check_species(icrn: ICRN, base: BaseSpecies) -> None:
    where = f"base species '{base.name}'"
    units = {"state": base.state_unit, "law": base.law_unit, "initial": base.initial_unit}
    for role, unit in units.items():
        if unit not in _UNITS:
            raise IcrnError(f"{where}: {role}_unit is 'amount' or 'concentration', not '{unit}'")
    if base.compartment is None and len(set(units.values())) > 1:
        given = ", ".join(f"{role}_unit = {unit}" for role, unit in units.items())
        raise IcrnError(f"{where} mixes units ({given}) and needs a compartment to convert between them")
    if base.compartment is not None:
        _check_placement(icrn, base, base.compartment, "compartment")
    if base.conversion_factor is not None:
        _check_placement(icrn, base, base.conversion_factor, "conversion factor")


def _check_placement(icrn: ICRN, base: BaseSpecies, placement: Placement, role: str) -> None:
    where = f"the {role} of base species '{base.name}'"
    if placement.base == base.name:
        raise IcrnError(f"{where} is the base species itself")
    owner = icrn.base(placement.base)
    if isinstance(owner, BaseSpecies) and owner.state_unit != owner.law_unit:
        raise IcrnError(f"{where} is '{owner.name}', which itself needs a compartment")
    at = np.asarray(placement.positions, dtype=np.int64)
    if len(at) not in (1, base.size):
        raise IcrnError(f"{where} has {len(at)} positions: expected 1, or {base.size} (one per entry)")
    if at.size and (at.min() < 0 or at.max() >= owner.size):
        raise IcrnError(
            f"{where} points at position {at.max()} of '{owner.name}', which has {owner.size} entries"
        )


def _check_domain(where: str, domain: IndexDomain) -> dict[str, IndexSet]:
    symbols: dict[str, IndexSet] = {}
    for symbol in domain.symbols:
        if symbol.name in symbols:
            raise IcrnError(f"{where}: index symbol '{symbol.name}' stands twice in the domain")
        symbols[symbol.name] = symbol.index_set
    if domain.mask is not None:
        _check_mask(where, domain)
    if domain.relation is not None:
        _check_relation(where, domain)
    return symbols


def _check_mask(where: str, domain: IndexDomain) -> None:
    if domain.relation is not None:
        raise IcrnError(f"{where}: a domain has a mask or a relation, not both")
    mask = np.asarray(domain.mask)
    if mask.dtype != bool or mask.shape != domain.shape:
        raise IcrnError(
            f"{where}: the mask must be bool of shape {domain.shape} (the lengths of the index sets), "
            f"not {mask.dtype} of shape {mask.shape}"
        )


def _check_relation(where: str, domain: IndexDomain) -> None:
    relation = np.asarray(domain.relation)
    n = len(domain.symbols)
    if relation.dtype.kind not in "iu" or relation.ndim != 2 or relation.shape[1] != n:
        raise IcrnError(
            f"{where}: the relation must be integers of shape (n_tuples, {n}), "
            f"not {relation.dtype} of shape {relation.shape}"
        )
    if not relation.size:
        return
    lowest, highest = relation.min(axis=0), relation.max(axis=0)
    for axis, symbol in enumerate(domain.symbols):
        if lowest[axis] < 0 or highest[axis] >= len(symbol.index_set):
            wrong = lowest[axis] if lowest[axis] < 0 else highest[axis]
            raise IcrnError(
                f"{where}: the relation holds position {wrong} for index symbol '{symbol.name}', whose index "
                f"set '{symbol.index_set.name}' has {len(symbol.index_set)} labels"
            )


def _check_reference(icrn: ICRN, where: str, reference: Reference, symbols: dict[str, IndexSet]) -> None:
    base = icrn.base(reference.base)
    if len(reference.indices) != len(base.index_sets):
        raise IcrnError(
            f"{where}: '{base.name}' has {len(base.index_sets)} indices, the reference {reference.indices} "
            f"gives {len(reference.indices)}"
        )
    for index, expected in zip(reference.indices, base.index_sets, strict=True):
        if not isinstance(index, str):
            if not 0 <= index < len(expected):
                raise IcrnError(
                    f"{where}: position {index} of '{base.name}' is outside index set '{expected.name}' "
                    f"with {len(expected)} labels"
                )
            continue
        found = symbols.get(index)
        if found is None:
            known = ", ".join(symbols) or "none"
            raise IcrnError(
                f"{where}: index symbol '{index}' of '{base.name}' is not in the domain (there: {known})"
            )
        if found is not expected and found != expected:
            raise IcrnError(
                f"{where}: index symbol '{index}' ranges over index set '{found.name}' "
                f"({len(found)} labels), but '{base.name}' has index set '{expected.name}' "
                f"({len(expected)} labels) there"
            )


def _check_law(where: str, law: RateLaw, n_slots: int) -> None:
    for node in walk(law.template):
        if isinstance(node, tuple):
            if not node or not isinstance(node[0], str):
                raise IcrnError(f"{where}: a template node is (operator, *operands), not {node!r}")
            if node[0] == "slot" and not (len(node) == 2 and 0 <= node[1] < n_slots):
                raise IcrnError(f"{where}: the law reads slot {node[1:]}, but there are {n_slots} slots")
        elif not isinstance(node, (int, float, np.integer, np.floating)) or isinstance(node, bool):
            raise IcrnError(f"{where}: a template leaf is a number or ('slot', k), not {node!r}")


def _check_all(icrn: ICRN, where: str, references: Iterable[Reference], symbols: dict[str, IndexSet]) -> None:
    for reference in references:
        _check_reference(icrn, where, reference, symbols)


def _check_reaction(icrn: ICRN, reaction: IndexedReaction) -> None:
    where = f"reaction '{reaction.name}'"
    symbols = _check_domain(where, reaction.domain)
    for term in (*reaction.reactants, *reaction.products):
        if not isinstance(icrn.base(term.species.base), BaseSpecies):
            raise IcrnError(f"{where}: '{term.species.base}' is a reactant or product but no base species")
        if not np.isfinite(term.stoichiometry):
            raise IcrnError(f"{where}: the stoichiometry of '{term.species.base}' is {term.stoichiometry}")
        _check_reference(icrn, where, term.species, symbols)
    _check_all(icrn, where, (*reaction.slots, *reaction.modifiers), symbols)
    _check_law(where, reaction.law, len(reaction.slots))


def _check_assignment(icrn: ICRN, assignment: IndexedAssignment) -> None:
    where = f"assignment '{assignment.name}'"
    symbols = _check_domain(where, assignment.domain)
    _check_all(icrn, where, (assignment.target, *assignment.slots), symbols)
    _check_law(where, assignment.law, len(assignment.slots))


def _check_order(icrn: ICRN) -> None:
    """Targets are assigned once, are of the right kind, and are read only after that."""
    flags = {base.name: np.zeros(base.size, dtype=bool) for base in icrn.bases}
    for assignment in icrn.assignments:
        base = icrn.base(assignment.target.base)
        if isinstance(base, (BaseSpecies, RateConstant)):
            kind = "base species" if isinstance(base, BaseSpecies) else "rate constant"
            raise IcrnError(
                f"assignment '{assignment.name}' targets '{base.name}', a {kind}: what is assigned at all "
                "times is an assigned quantity"
            )
    _check_reads(icrn, icrn.assignments, flags)
    _check_defined(icrn, flags)
    flags = {name: np.zeros_like(flag) for name, flag in flags.items()}
    _check_reads(icrn, icrn.initial_assignments, flags)


def _check_defined(icrn: ICRN, flags: dict[str, np.ndarray]) -> None:
    """Whatever a law reads of an assigned quantity is assigned."""
    partly = {base.name for base in icrn.assigned if not flags[base.name].all()}
    for owner in (*icrn.reactions, *icrn.assignments):
        for slot in owner.slots:
            if slot.base in partly and not flags[slot.base][_positions(icrn, slot, owner.domain)].all():
                raise IcrnError(f"'{owner.name}' reads entries of '{slot.base}' that no assignment defines")


def _check_reads(
    icrn: ICRN, assignments: tuple[IndexedAssignment, ...], flags: dict[str, np.ndarray]
) -> None:
    later = {name: np.zeros(len(flag), dtype=np.int64) for name, flag in flags.items()}
    targets = [_positions(icrn, a.target, a.domain) for a in assignments]
    for assignment, at in zip(assignments, targets, strict=True):
        np.add.at(later[assignment.target.base], at, 1)
        if at.size and later[assignment.target.base].max() > 1:
            raise IcrnError(
                f"assignment '{assignment.name}' gives '{assignment.target.base}' an entry a second value"
            )
    for assignment, at in zip(assignments, targets, strict=True):
        for slot in assignment.slots:
            if slot.base not in flags or not later[slot.base].any():
                continue
            if later[slot.base][_positions(icrn, slot, assignment.domain)].any():
                raise IcrnError(
                    f"assignment '{assignment.name}' reads '{slot.base}' before (or while) it is assigned: "
                    "put assignments in an order in which they can be evaluated"
                )
        later[assignment.target.base][at] -= 1
        flags[assignment.target.base][at] = True


def _positions(icrn: ICRN, reference: Reference, domain: IndexDomain) -> np.ndarray:
    """Flat positions of a reference in its base, one per tuple."""
    shape = icrn.base(reference.base).shape
    if not shape:
        return np.zeros(domain.size, dtype=np.int64)
    tuples = domain.tuples()
    axes = {symbol.name: axis for axis, symbol in enumerate(domain.symbols)}
    columns = [
        tuples[:, axes[k]] if isinstance(k, str) else np.full(len(tuples), k) for k in reference.indices
    ]
    return np.ravel_multi_index(columns, shape) if len(tuples) else np.zeros(0, dtype=np.int64)
