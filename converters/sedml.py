"""A simulation in SED-ML Level 1 Version 4, as it was run or is to be run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from icrn_io.errors import ModelIOError

if TYPE_CHECKING:
    from icrn_io.network import Network

NAMESPACE = "http://sed-ml.org/sed-ml/level1/version4"
RUN_NAMESPACE = "urn:icrn-sbml:run:1"

_RELATIVE_TOLERANCE, _ABSOLUTE_TOLERANCE = "KISAO:0000209", "KISAO:0000211"
_CVODE, _LSODA = ("KISAO:0000019", "CVODE"), ("KISAO:0000088", "LSODA")
# By engine, what a tool is told to use: one that most tools have. Tellurium drops the tolerances
# of a method that it does not know.
_TOLD = {"icrn": _CVODE, "tellurium": _CVODE, "copasi": _LSODA}
# What has run, by solver.
_RAN = {
    "rodas5p": "KISAO:0000033",
    "dopri5": "KISAO:0000087",
    "dop853": "KISAO:0000436",
    "cvode": "KISAO:0000019",
    "lsoda": "KISAO:0000088",
}
_ROOT = re.compile(
    rb"<(?:\w+:)?sbml\b[^>]*?xmlns(?::\w+)?\s*=\s*[\"'](http://www\.sbml\.org/sbml/level[^\"']*)"
)
_UNIFORM = 1e-9


@dataclass(frozen=True)
class Simulation:
    """A time course with evenly spaced output, integrated from time 0.

    Attributes
    ----------
    start, end : float
        First and last output time, in the model's time unit.
    points : int
        Number of output times, at least 2.
    rtol, atol : float
        Relative and absolute tolerance, the latter in units of amount.
    engine : {"icrn", "tellurium", "copasi"}
        What ran it.
    solver : str
        Name of the engine's integrator, "" for its default.
    changes : mapping of str to float
        Values that were set for the run: they are in the model, and told beside it.
    """

    start: float = 0.0
    end: float = 100.0
    points: int = 101
    rtol: float = 1e-8
    atol: float = 1e-12
    engine: str = "icrn"
    solver: str = ""
    changes: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.points < 2 or not 0 <= self.start < self.end < float("inf"):
            raise ModelIOError(
                "SED-ML holds time courses of at least two times, from 0 or later to a finite end; "
                f"this one has {self.points} from {self.start} to {self.end}"
            )


def uniform(times: np.ndarray, **others) -> Simulation:
    """Return the simulation with these output times and other attributes of `Simulation`.

    Raises
    ------
    ModelIOError
        The times are not evenly spaced, or fewer than two.
    """
    start, end, points = float(times[0]), float(times[-1]), len(times)
    even = np.linspace(start, end, points)
    if np.abs(times - even).max() > _UNIFORM * max(abs(end), 1e-300):
        raise ModelIOError(
            "SED-ML holds evenly spaced output times only: give --end and --points, or write a CSV file"
        )
    return Simulation(start, end, points, **others)


def reported_ids(network: Network, everything: bool = False) -> list[str]:
    """Return the ids that a report has a column for: species; and parameters, compartments and reactions.

    Local parameters have no id outside their kinetic law.
    """
    ids = [species.id for species in network.species]
    if everything:
        ids += [c.id for c in network.compartments]
        ids += [p.id for p in network.parameters if p.local_to is None]
        ids += [r.id for r in network.reactions]
    return ids


def format_sedml(network: Network, sbml: bytes, simulation: Simulation, ids: list[str]) -> str:
    """Return the SED-ML text of a simulation with one report.

    Parameters
    ----------
    network : Network
        The model.
    sbml : bytes
        Its SBML, which is ``model.xml`` beside the text.
    simulation : Simulation
        What is run.
    ids : list of str
        What is reported, see `reported_ids`: of species what the id stands for in formulas.
    """
    found = _ROOT.search(sbml)
    sbml_namespace = found[1].decode() if found else "http://www.sbml.org/sbml/level3/version2/core"
    targets = _targets(network)
    generators = [_generator("time", 'symbol="urn:sedml:symbol:time"')]
    generators += [_generator(name, f"target={quoteattr(targets[name])}") for name in ids]
    columns = "\n".join(
        f'        <dataSet id="column_{name}" label="{name}" dataReference="data_{name}"/>'
        for name in ["time", *ids]
    )
    told, name = _TOLD.get(simulation.engine, _CVODE)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<sedML xmlns="{NAMESPACE}" xmlns:sbml="{sbml_namespace}" level="1" version="4">
  <listOfModels>
    <model id="model" language="urn:sedml:language:sbml" source="model.xml">{_changes(simulation)}</model>
  </listOfModels>
  <listOfSimulations>
    <uniformTimeCourse id="simulation" initialTime="0" outputStartTime="{simulation.start!r}"
                       outputEndTime="{simulation.end!r}" numberOfSteps="{simulation.points - 1}">
      {_run(simulation)}
      <algorithm kisaoID="{told}" name="{name}">
        <listOfAlgorithmParameters>
          <algorithmParameter kisaoID="{_RELATIVE_TOLERANCE}" value="{simulation.rtol!r}"/>
          <algorithmParameter kisaoID="{_ABSOLUTE_TOLERANCE}" value="{simulation.atol!r}"/>
        </listOfAlgorithmParameters>
      </algorithm>
    </uniformTimeCourse>
  </listOfSimulations>
  <listOfTasks>
    <task id="task" modelReference="model" simulationReference="simulation"/>
  </listOfTasks>
  <listOfDataGenerators>
{chr(10).join(generators)}
  </listOfDataGenerators>
  <listOfOutputs>
    <report id="report">
      <listOfDataSets>
{columns}
      </listOfDataSets>
    </report>
  </listOfOutputs>
</sedML>
"""


def _changes(simulation: Simulation) -> str:
    if not simulation.changes:
        return ""
    # A change of SED-ML would leave initial assignments in force: the values are in the model.
    set_to = ", ".join(f"{name} = {value!r}" for name, value in simulation.changes.items())
    text = escape(f"Values set in model.xml for this run: {set_to}")
    return f'\n      <notes><p xmlns="http://www.w3.org/1999/xhtml">{text}</p></notes>\n    '


def _run(simulation: Simulation) -> str:
    solver, kisao = simulation.solver, _RAN.get(simulation.solver)
    told = f' solver="{solver}"' if solver else ""
    told += f' kisao="{kisao}"' if kisao else ""
    run = f'<run xmlns="{RUN_NAMESPACE}" engine="{simulation.engine}"{told}/>'
    return f"<annotation>{run}</annotation>"


def _targets(network: Network) -> dict[str, str]:
    """Return the XPath of each element; Level 1 has names for ids."""
    from converters.quantities import symbol_quantities

    found = {c.id: _xpath("listOfCompartments", "compartment", c.id) for c in network.compartments}
    found |= {p.id: _xpath("listOfParameters", "parameter", p.id) for p in network.parameters}
    found |= {r.id: _xpath("listOfReactions", "reaction", r.id) for r in network.reactions}
    for name, quantity in symbol_quantities(network).items():
        # Tellurium takes any path that says "species" for a concentration, and others for amounts.
        is_amount = quantity == "amount"
        found[name] = _any(name) if is_amount else _xpath("listOfSpecies", "species", name)
    return found


def _xpath(listed: str, kind: str, name: str) -> str:
    return f"/sbml:sbml/sbml:model/sbml:{listed}/sbml:{kind}[@id='{name}' or @name='{name}']"


def _any(name: str) -> str:
    return f"/sbml:sbml/sbml:model/descendant::*[@id='{name}']"


def _generator(name: str, source: str) -> str:
    return f"""    <dataGenerator id="data_{name}">
      <listOfVariables>
        <variable id="of_{name}" {source} taskReference="task"/>
      </listOfVariables>
      <math xmlns="http://www.w3.org/1998/Math/MathML"><ci>of_{name}</ci></math>
    </dataGenerator>"""
