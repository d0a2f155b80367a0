"""COMBINE archives: a model with the simulation that shows it, for other tools to run.

The archive holds the SBML document, a SED-ML Level 1 Version 4 file with one uniform time
course of all species, and the manifest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from converters.archive_zip import pack

if TYPE_CHECKING:
    from icrn_io.network import Network

_COMBINE = "http://identifiers.org/combine.specifications/"
_CVODE = "KISAO:0000019"
_RELATIVE_TOLERANCE, _ABSOLUTE_TOLERANCE = "KISAO:0000209", "KISAO:0000211"


def archive_bytes(
    network: Network, end: float = 100.0, points: int = 101, fresh: bool = False, annotation: str = ""
) -> bytes:
    """Return a network as a COMBINE archive; equal networks give equal bytes.

    Parameters
    ----------
    network : Network
        What to write; its SBML is the patched source document unless ``fresh``.
    end : float
        End of the simulated time, which starts at 0.
    points : int
        Number of output times.
    fresh : bool
        Write new SBML.
    annotation : str
        What new SBML carries as annotation of its model.
    """
    from icrn_io import format_model

    sbml = format_model(network, fresh=fresh, annotation=annotation)
    members = {
        "manifest.xml": _manifest(),
        "model.xml": sbml if isinstance(sbml, bytes) else sbml.encode("utf-8"),
        "simulation.sedml": _sedml(network, end, points),
    }
    return pack(
        {name: text if isinstance(text, bytes) else text.encode("utf-8") for name, text in members.items()}
    )


def _manifest() -> str:
    rows = (
        (".", f"{_COMBINE}omex", "false"),
        ("./manifest.xml", f"{_COMBINE}omex-manifest", "false"),
        ("./model.xml", f"{_COMBINE}sbml", "false"),
        ("./simulation.sedml", f"{_COMBINE}sed-ml", "true"),
    )
    entries = "\n".join(f'  <content location="{a}" format="{b}" master="{c}"/>' for a, b, c in rows)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<omexManifest xmlns="{_COMBINE}omex-manifest">\n{entries}\n</omexManifest>\n'
    )


def _sedml(network: Network, end: float, points: int) -> str:
    ids = [species.id for species in network.species]
    generators = [_generator("time", 'symbol="urn:sedml:symbol:time"')]
    generators += [_generator(name, f"target={quoteattr(_xpath(name))}") for name in ids]
    columns = "\n".join(
        f'        <dataSet id="column_{name}" label="{name}" dataReference="data_{name}"/>'
        for name in ["time", *ids]
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<sedML xmlns="http://sed-ml.org/sed-ml/level1/version4" xmlns:sbml="http://www.sbml.org/sbml/level3/version2/core"
       level="1" version="4">
  <listOfModels>
    <model id="model" language="urn:sedml:language:sbml" source="model.xml"/>
  </listOfModels>
  <listOfSimulations>
    <uniformTimeCourse id="simulation" initialTime="0" outputStartTime="0" outputEndTime="{end!r}"
                       numberOfSteps="{points - 1}">
      <algorithm kisaoID="{_CVODE}">
        <listOfAlgorithmParameters>
          <algorithmParameter kisaoID="{_RELATIVE_TOLERANCE}" value="1e-8"/>
          <algorithmParameter kisaoID="{_ABSOLUTE_TOLERANCE}" value="1e-12"/>
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


def _xpath(name: str) -> str:
    # By local names, so that it holds for the namespace of any SBML level.
    steps = "/".join(f"*[local-name()='{step}']" for step in ("sbml", "model", "listOfSpecies", "species"))
    return f"/{steps}[@id='{name}']"


def _generator(name: str, source: str) -> str:
    return f"""    <dataGenerator id="data_{name}">
      <listOfVariables>
        <variable id="of_{name}" {source} taskReference="task"/>
      </listOfVariables>
      <math xmlns="http://www.w3.org/1998/Math/MathML"><ci>of_{name}</ci></math>
    </dataGenerator>"""
