"""SBML of the benchmark problems: values written into a model, and generated networks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import libsbml
import numpy as np

Values = dict[str, float]


def write_values(source: Path, target: Path, values: Values, without_events: bool) -> None:
    """Write a model with values by id set, initial assignments replaced by their results.

    Ids the model does not have (scaling factors, noise) are passed over: they belong to the
    observation and change nothing here.
    """
    document = libsbml.readSBMLFromFile(str(source))
    model = document.getModel()
    for element_id, value in values.items():
        _set(model, element_id, value)
    if without_events:
        model.getListOfEvents().clear()
    assigned = [a.getSymbol() for a in model.getListOfInitialAssignments()]
    if assigned:
        target.write_text(libsbml.writeSBMLToString(document), encoding="utf-8")
        for element_id, value in _initial_values(target, assigned).items():
            _set(model, element_id, value)
    target.write_text(libsbml.writeSBMLToString(document), encoding="utf-8")


def _set(model, element_id: str, value: float) -> None:
    element = model.getElementBySId(element_id)
    if element is None or model.getAssignmentRuleByVariable(element_id) is not None:
        return
    if isinstance(element, libsbml.Species):
        element.unsetInitialAmount()
        element.unsetInitialConcentration()
        if element.getHasOnlySubstanceUnits():
            element.setInitialAmount(value)
        else:
            element.setInitialConcentration(value)
    elif isinstance(element, libsbml.Compartment):
        element.setSize(value)
    else:
        element.setValue(value)
    model.removeInitialAssignment(element_id)


def _initial_values(path: Path, ids: Iterable[str]) -> Values:
    """Return what the initial assignments of a model give, in the unit each id has in formulas."""
    import icrn_io
    from converters import run_time_course
    from converters.quantities import symbol_quantities

    network = icrn_io.read_model(path)
    course = run_time_course(network, [0.0])
    quantities = symbol_quantities(network)
    kinds = {"amount": course.amounts, "concentration": course.concentrations}
    return {i: float(kinds[quantities[i]][i][0] if i in quantities else course.values[i][0]) for i in ids}


def describe(path: Path) -> tuple[Values, Values]:
    """Return what changes and what can be varied, in file order.

    Returns
    -------
    sizes : dict of str to float
        Species that reactions or rate rules change, each with the size of its compartment.
    constants : dict of str to float
        Positive parameters that some law or rule names and no rule gives, with their values.
    """
    document = libsbml.readSBMLFromFile(str(path))  # the model lives as long as this
    model = document.getModel()
    rules = [(rule.getVariable(), rule.isRate(), rule.getMath()) for rule in model.getListOfRules()]
    return _moving_species(model, rules), _constants_in_use(model, rules)


def _moving_species(model, rules: list[tuple]) -> Values:
    references = {
        r.getSpecies()
        for reaction in model.getListOfReactions()
        for r in (*reaction.getListOfReactants(), *reaction.getListOfProducts())
    }
    integrated = {variable for variable, is_rate, _ in rules if is_rate}
    assigned = {variable for variable, is_rate, _ in rules if not is_rate}
    changed = (references | integrated) - assigned
    sizes = {c.getId(): c.getSize() for c in model.getListOfCompartments()}
    return {
        s.getId(): sizes[s.getCompartment()]
        for s in model.getListOfSpecies()
        if s.getId() in changed and (s.getId() in integrated or not s.getBoundaryCondition())
    }


def _constants_in_use(model, rules: list[tuple]) -> Values:
    laws = [r.getKineticLaw().getMath() for r in model.getListOfReactions() if r.isSetKineticLaw()]
    named = set().union(*map(_names, [*laws, *(math for *_, math in rules)]))
    named -= {variable for variable, *_ in rules}
    return {
        p.getId(): p.getValue()
        for p in model.getListOfParameters()
        if p.getId() in named and p.getValue() > 0
    }


def _names(node) -> set[str]:
    found, stack = set(), [node]
    while stack:
        node = stack.pop()
        if node.getType() == libsbml.AST_NAME:
            found.add(node.getName())
        stack += [node.getChild(k) for k in range(node.getNumChildren())]
    return found


def dimerization(n: int, seed: int = 1) -> str:
    """Return M_p + M_q ⇌ D_pq for all ordered pairs as 2 n² reactions; all values U(0, 1)."""
    rng = np.random.default_rng(seed)
    pairs = [(p, q) for p in range(1, n + 1) for q in range(1, n + 1)]
    names = [f"M_{p}" for p in range(1, n + 1)] + [f"D_{p}_{q}" for p, q in pairs]
    constants = [f"k{way}_{p}_{q}" for way in "fr" for p, q in pairs]
    reactions = [
        (f"bind_{p}_{q}", [f"M_{p}", f"M_{q}"], [f"D_{p}_{q}"], [f"kf_{p}_{q}", f"M_{p}", f"M_{q}"])
        for p, q in pairs
    ]
    reactions += [
        (f"fall_{p}_{q}", [f"D_{p}_{q}"], [f"M_{p}", f"M_{q}"], [f"kr_{p}_{q}", f"D_{p}_{q}"])
        for p, q in pairs
    ]
    species = dict(zip(names, rng.uniform(size=len(names)).tolist(), strict=True))
    return sbml(
        species, dict(zip(constants, rng.uniform(size=len(constants)).tolist(), strict=True)), reactions
    )


def brusselator(n: int, diffusion: float = 0.02) -> str:
    """Return a line of n Brusselator cells with closed ends, a = 1, b = 3, as 8 n - 4 reactions.

    The cells divide [0, 1]; x starts at 1 + sin(2πs), y at 3 (Hairer and Wanner II, section IV.10).
    """
    places = (np.arange(n) + 0.5) / n
    starts = (1 + np.sin(2 * np.pi * places)).tolist()
    cells = range(1, n + 1)
    species = {f"X_{c}": x for c, x in zip(cells, starts, strict=True)} | {f"Y_{c}": 3.0 for c in cells}
    constants = {"a": 1.0, "b": 3.0, "g": 1.0, "d": 1.0, "DX": diffusion * n**2, "DY": diffusion * n**2}
    reactions: list[tuple[str, list[str], list[str], list[str]]] = []
    for c in cells:
        x, y = f"X_{c}", f"Y_{c}"
        reactions += [
            (f"feed_{c}", [], [x], ["a"]),
            (f"grow_{c}", [x, x, y], [x, x, x], ["g", x, x, y]),
            (f"turn_{c}", [x], [y], ["b", x]),
            (f"drain_{c}", [x], [], ["d", x]),
        ]
    for base in "XY":
        for here, there in [(c, c + 1) for c in cells[:-1]] + [(c + 1, c) for c in cells[:-1]]:
            start, goal = f"{base}_{here}", f"{base}_{there}"
            reactions.append((f"hop{base}_{here}_{there}", [start], [goal], [f"D{base}", start]))
    return sbml(species, constants, reactions)


def sbml(species: Values, constants: Values, reactions: Iterable[tuple]) -> str:
    """Return an SBML L3V1 model in one compartment of size 1.

    Parameters
    ----------
    species, constants : dict of str to float
        Initial concentrations and values by id.
    reactions : iterable of (id, reactants, products, factors)
        Ids of species, one for each unit of stoichiometry; the law is the product of the factors.
    """
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core"'
    )
    lines = [
        head + ' level="3" version="1"><model id="generated"><listOfCompartments>',
        '<compartment id="cell" spatialDimensions="3" size="1" constant="true"/></listOfCompartments>',
        "<listOfSpecies>",
        *(
            f'<species id="{i}" compartment="cell" initialConcentration="{v!r}" '
            'hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"/>'
            for i, v in species.items()
        ),
        "</listOfSpecies><listOfParameters>",
        *(f'<parameter id="{i}" value="{v!r}" constant="true"/>' for i, v in constants.items()),
        "</listOfParameters><listOfReactions>",
        *(_reaction(*reaction) for reaction in reactions),
        "</listOfReactions></model></sbml>",
    ]
    return "\n".join(lines) + "\n"


def _reaction(reaction_id: str, reactants: list[str], products: list[str], factors: list[str]) -> str:
    law = "".join(f"<ci> {factor} </ci>" for factor in factors)
    if len(factors) > 1:
        law = f"<apply><times/>{law}</apply>"
    return (
        f'<reaction id="{reaction_id}" reversible="false" fast="false">'
        + _references("Reactants", reactants)
        + _references("Products", products)
        + '<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">'
        + law
        + "</math></kineticLaw></reaction>"
    )


def _references(kind: str, names: list[str]) -> str:
    if not names:
        return ""
    counts = {name: names.count(name) for name in names}
    body = "".join(
        f'<speciesReference species="{i}" stoichiometry="{n}" constant="true"/>' for i, n in counts.items()
    )
    return f"<listOf{kind}>{body}</listOf{kind}>"
