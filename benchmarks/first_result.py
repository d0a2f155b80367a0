"""Time to the first result: a model file to CSV by a fresh process, and a second model in a warm one.

Cold: nothing on disk. Warm: the program is in the disk cache. Second: in the same process, the
same model under other ids and with other values, read, folded and run. CPU seconds of user and
system together, medians; each round runs every row once, so that a busy machine hits all alike.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter, process_time

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("ICRN_DATA", ROOT.parent / "shared" / "data"))
BOEHM = DATA / "petab-benchmarks" / "Boehm_JProteomeRes2014" / "model_Boehm_JProteomeRes2014.xml"
COMMAND = "from converters.cli.simulate import main; main()"


def command_seconds(model: Path, end: str, folder: str, *options: str) -> tuple[float, float]:
    """Return CPU and wall seconds of one run of the command."""
    words = [sys.executable, "-c", COMMAND, str(model), "--end", end, "-o", f"{folder}/course.csv", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ICRN_CACHE": f"{folder}/cache"}
    before, start = getrusage(RUSAGE_CHILDREN), perf_counter()
    subprocess.run(words, env=environment, check=True, stderr=subprocess.DEVNULL)
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, perf_counter() - start


def renamed(text: str, number: int) -> str:
    """Return an SBML text with other ids of species and parameters, and other values."""
    ids = set(re.findall(r"<(?:species|parameter)\b[^>]*?\bid=\"(\w+)\"", text))
    text = re.sub(r"\w+", lambda word: f"{word[0]}_{number}" if word[0] in ids else word[0], text)
    return re.sub(r'(<parameter\b[^>]*?\bvalue="[^"]*\d)"', rf'\g<1>{number}"', text)


def second_seconds(text: str, end: float, number: int) -> tuple[float, float]:
    """Return CPU and wall seconds for one more model of the structure, and of running it alone."""
    import numpy as np

    from converters import fold_network, run_time_course
    from icrn_io import read_model

    start = process_time()
    folding = fold_network(read_model(renamed(text, number)))
    folded = process_time()
    run_time_course(folding, np.linspace(0.0, end, 101))
    return process_time() - start, process_time() - folded


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=BOEHM)
    parser.add_argument("--end", default="240")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    text = options.model.read_text("utf-8")
    second_seconds(text, float(options.end), 0)
    rows: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        command_seconds(options.model, options.end, folder)  # the cache and the page cache are filled
        for number in range(1, options.rounds + 1):
            cold = command_seconds(options.model, options.end, folder, "--no-cache")
            rows.setdefault("cold command (CPU, wall)", []).append(cold)
            rows.setdefault("warm command (CPU, wall)", []).append(
                command_seconds(options.model, options.end, folder)
            )
            rows.setdefault("second model (CPU with read and fold, run alone)", []).append(
                second_seconds(text, float(options.end), number)
            )
    for name, pairs in rows.items():
        first, other = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name:50} {first:8.3f} {other:8.3f}")


if __name__ == "__main__":
    main()
