"""An epoch in libRoadRunner, Tellurium's simulator, from the exported SBML."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from converters import enumerate_network
from converters.authored import authored_folding
from icrn_io import write_model
from neural_crn.constructions import FAST, Construction
from neural_crn.training import injection


def roadrunner_epoch(
    construction: Construction,
    x: np.ndarray,
    y: np.ndarray,
    path: Path,
    *,
    fast: float = FAST,
    rtol: float = 1e-12,
    atol: float = 1e-14,
) -> tuple[np.ndarray, ...]:
    """Export a network as SBML, let libRoadRunner run it over samples, and return the signed weights.

    As in `training.Learner`, nothing is done between periods but adding the next sample to the
    concentrations.

    Parameters
    ----------
    construction : Construction
        The network with its initial weights.
    x, y : (n_samples, n_inputs), (n_samples,)
        Inputs and targets.
    path : Path
        The SBML file that is written and loaded.
    fast : float
        Rate constant of the fast reactions.
    rtol, atol : float
        Tolerances of CVODE.

    Returns
    -------
    tuple of array
        The weights after the last sample, in the order of ``construction.weights``.
    """
    import roadrunner

    network = construction.network.with_fast_rate(fast)
    folding = authored_folding(network)
    write_model(enumerate_network(folding), path)
    simulator = roadrunner.RoadRunner(str(path))
    simulator.integrator.relative_tolerance = rtol
    # A single number would be scaled by what is there at the time, which is next to nothing.
    simulator.integrator.absolute_tolerance = [atol] * simulator.model.getNumFloatingSpecies()
    simulator.integrator.maximum_num_steps = 1_000_000
    ids = folding.identity.entries
    added = injection(construction, x, y)
    for k in range(len(y)):
        for base, values in added.items():
            for name, value in zip(ids[base], np.ravel(values[k]), strict=True):
                if value:
                    simulator.setValue(name, simulator.getValue(name) + value)
        simulator.simulate(0.0, construction.clock.period, 2)
    found = {}
    for base in network.icrn.species:
        amounts = [simulator.getValue(name) if name else 0.0 for name in ids[base.name]]
        found[base.name] = np.reshape(amounts, base.shape)
    return tuple(np.asarray(weight.value(found)) for weight in construction.weights)
