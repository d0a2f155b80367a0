"""Write the generated models of this folder; the same bytes on every run.

``python models/generate.py`` writes into this folder, ``--out DIR`` elsewhere, to compare.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from circuits import gene_network, phosphorelay, seesaw_cascade
from networks import dimerization, hopfield, winner_take_all
from sbml_writing import ModelWriter, digest

GENERATED: dict[str, Callable[[], ModelWriter]] = {
    "winner_take_all.xml": winner_take_all,
    "dimerization.xml": dimerization,
    "hopfield.xml": hopfield,
    "gene_network.xml": gene_network,
    "phosphorelay.xml": phosphorelay,
    "seesaw_cascade.xml": seesaw_cascade,
}


def main() -> None:
    """Write every generated model and print its size and fingerprint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="write into DIR")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in GENERATED.items():
        content = build().to_bytes()
        (folder / name).write_bytes(content)
        print(f"{name:24} {len(content):9,} bytes  {digest(content)}")


if __name__ == "__main__":
    main()
