"""Small models that the tests of reading and writing share."""

from __future__ import annotations

import random

CORE = "http://www.sbml.org/sbml/level3/version2/core"
MATHML = "http://www.w3.org/1998/Math/MathML"


def level_3(body: str, attributes: str = "") -> str:
    """Return an SBML L3V2 document around the content of a model."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<sbml xmlns="{CORE}" level="3" version="2"{attributes}>\n<model id="m">{body}</model>\n</sbml>\n'
    )


def formula_model(formula: str, more: str = "") -> str:
    """Return a document with parameters a, b and x, where x is assigned a MathML formula."""
    return level_3(
        f"""{more}<listOfParameters>
        <parameter id="a" value="2" constant="true"/><parameter id="b" value="3" constant="true"/>
        <parameter id="x" constant="false"/></listOfParameters>
        <listOfRules><assignmentRule variable="x"><math xmlns="{MATHML}">{formula}</math></assignmentRule>
        </listOfRules>"""
    )


FULL = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- kept -->
<sbml xmlns="{CORE}" level="3" version="2">
 <model id="full" name="A &amp; B" substanceUnits="mole" timeUnits="second" extentUnits="mole">
  <notes><p xmlns="http://www.w3.org/1999/xhtml">value="1" stays &lt;here&gt;</p></notes>
  <annotation><own:data xmlns:own="urn:own"><own:parameter id="k" value="1"/></own:data></annotation>
  <listOfUnitDefinitions><unitDefinition id="per_s"><listOfUnits>
   <unit kind="second" exponent="-1" scale="0" multiplier="1"/></listOfUnits></unitDefinition>
  </listOfUnitDefinitions>
  <listOfCompartments>
   <compartment id="c" spatialDimensions="3" size="2" constant="true"/>
  </listOfCompartments>
  <listOfSpecies>
   <species  id='S1' metaid="m1" compartment="c" initialAmount = '4'
     hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"
     ><annotation><x xmlns="urn:x">&#955;</x></annotation></species>
   <species id="S2" compartment="c" initialConcentration="0" hasOnlySubstanceUnits="false"
     boundaryCondition="false" constant="false"/>
  </listOfSpecies>
  <listOfParameters>
   <parameter id="k" name="rate > 0" value="0.1" units="per_s" constant="true"/>
   <parameter id="unset" constant="true"/>
   <parameter id="y" constant="true"/>
  </listOfParameters>
  <listOfInitialAssignments>
   <initialAssignment symbol="unset"><math xmlns="{MATHML}"><cn>1</cn></math></initialAssignment>
   <initialAssignment symbol="y"><math xmlns="{MATHML}"><ci>k</ci></math></initialAssignment>
  </listOfInitialAssignments>
  <listOfReactions>
   <reaction id="J" reversible="false">
    <listOfReactants>
     <speciesReference species="S1" stoichiometry="1" constant="true"/>
     <speciesReference id="second" species="S1" stoichiometry="1.5" constant="true"/>
    </listOfReactants>
    <listOfProducts><speciesReference species="S2" stoichiometry="1" constant="true"/></listOfProducts>
    <kineticLaw>
     <math xmlns="{MATHML}"><apply><times/><ci>c</ci><ci>k</ci><ci>q</ci><ci>S1</ci></apply></math>
     <listOfLocalParameters><localParameter id="q" value="7" units="per_s"/></listOfLocalParameters>
    </kineticLaw>
   </reaction>
  </listOfReactions>
 </model>
</sbml>
"""

LEVEL_1 = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="old">
<listOfCompartments><compartment name="c" volume="2"/></listOfCompartments>
<listOfSpecies><species name="S" compartment="c" initialAmount="3" boundaryCondition="false"/>
<species name="T" compartment="c" initialAmount="0"/></listOfSpecies>
<listOfParameters><parameter name="k" value="0.5"/><parameter name="z" value="1"/></listOfParameters>
<listOfRules><parameterRule name="z" formula="2 * k"/></listOfRules>
<listOfReactions><reaction name="J" reversible="false">
<listOfReactants><speciesReference species="S" stoichiometry="3" denominator="2"/></listOfReactants>
<listOfProducts><speciesReference species="T"/></listOfProducts>
<kineticLaw formula="z * p * S^2 * sqrt(T)">
<listOfParameters><parameter name="p" value="9"/></listOfParameters></kineticLaw>
</reaction></listOfReactions></model></sbml>
"""

LEVEL_2 = f"""<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"><model id="two">
<listOfFunctionDefinitions><functionDefinition id="f"><math xmlns="{MATHML}"><lambda>
<bvar><ci>a</ci></bvar><bvar><ci>b</ci></bvar><apply><plus/><ci>a</ci><ci>b</ci></apply></lambda></math>
</functionDefinition></listOfFunctionDefinitions>
<listOfCompartments><compartment id="c" size="1"/></listOfCompartments>
<listOfSpecies><species id="S" compartment="c" initialConcentration="3" substanceUnits="substance"/>
</listOfSpecies>
<listOfParameters><parameter id="a" value="5"/><parameter id="k" value="2"/></listOfParameters>
<listOfReactions><reaction id="J">
<listOfReactants><speciesReference species="S"><stoichiometryMath><math xmlns="{MATHML}">
<apply><times/><ci>a</ci><cn>2</cn></apply></math></stoichiometryMath></speciesReference></listOfReactants>
<kineticLaw><math xmlns="{MATHML}">
<apply><ci>f</ci><ci>k</ci><apply><times/><ci>S</ci><ci>a</ci></apply></apply></math>
<listOfParameters><parameter id="k" value="8"/></listOfParameters></kineticLaw>
</reaction></listOfReactions></model></sbml>
"""

ANTIMONY = """model small()
  compartment c = 2;
  species S1 in c = 3, S2 in c = 0;
  k = 0.30000000000000004
  J: S1 + S1 -> S2; c*k*S1^2
  at time > 5: S1 = 1
end
"""

TEXTS = {"full": FULL, "level 1": LEVEL_1, "level 2": LEVEL_2, "antimony": ANTIMONY}


def some_files(data_dir, n: int, seed: int = 0) -> list:
    """Return n model files of the data folder, drawn with a seed; all of them for n = 0."""
    files = sorted(data_dir.glob("biomodels/*.xml")) + sorted(data_dir.glob("sbml-test-suite/*/*.xml"))
    files += sorted(data_dir.glob("petab-benchmarks/*/*.xml")) + sorted(data_dir.glob("rule-based/*.xml"))
    return random.Random(seed).sample(files, n) if n else files
