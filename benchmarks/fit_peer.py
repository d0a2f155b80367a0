"""AMICI and fides on one PEtab problem, as pyPESTO drives them: ``python fit_peer.py PROBLEM.yaml STARTS``.

Prints the final losses as JSON. Needs amici, fides and pypesto, and what AMICI compiles with.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Build the model and run the starts."""
    logging.disable(logging.WARNING)
    import numpy as np
    import pypesto.optimize
    from pypesto.petab import PetabImporter

    np.random.seed(0)  # noqa: NPY002 - what pyPESTO draws from
    with tempfile.TemporaryDirectory() as folder:
        importer = PetabImporter.from_yaml(sys.argv[1], output_folder=str(Path(folder) / "model"))
        result = pypesto.optimize.minimize(
            problem=importer.create_problem(),
            optimizer=pypesto.optimize.FidesOptimizer(verbose=logging.ERROR),
            n_starts=int(sys.argv[2]),
            engine=pypesto.engine.SingleCoreEngine(),
            progress_bar=False,
        )
    print(json.dumps({"losses": sorted(float(x) for x in result.optimize_result.fval)}))


if __name__ == "__main__":
    main()
