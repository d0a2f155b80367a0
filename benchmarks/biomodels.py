"""Read, fold and simulate a folder of SBML models, and compare each with libRoadRunner.

``python benchmarks/biomodels.py`` runs every file in a process of its own and writes
``results/biomodels.json`` and ``results/biomodels.md``. libRoadRunner reads the original file
itself, so the comparison covers reading, folding, compiling and stepping.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from biomodels_one import failure
from biomodels_table import write_tables

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("ICRN_DATA", ROOT.parent / "shared" / "data"))


def run_all(files: list[Path], options: argparse.Namespace) -> list[dict]:
    """Run every file in a process of its own, a few at a time; return the records in order."""
    done = 0

    def run(path: Path) -> dict:
        nonlocal done
        record = run_one(path, options)
        done += 1
        detail = record.get("reason") or f"{record.get('difference', float('nan')):.1e}"
        print(f"{done:4}/{len(files)} {path.name:28} {record['outcome']:17} {detail[:90]}", flush=True)
        return record

    with ThreadPoolExecutor(options.workers) as pool:
        return list(pool.map(run, files))


def run_one(path: Path, options: argparse.Namespace) -> dict:
    """Run one file; what its process wrote before it died or ran out of time still counts."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "record.json")
        command = [sys.executable, str(Path(__file__).with_name("biomodels_one.py")), str(path), str(out)]
        command += [f"--end={options.end}", f"--points={options.points}"]
        command += [f"--rtol={options.rtol}", f"--agree={options.agree}"]
        try:
            process = subprocess.run(
                command, capture_output=True, encoding="utf-8", timeout=options.timeout, cwd=ROOT
            )
            end = f"process ended with code {process.returncode}: {process.stderr.strip()[-300:]}"
        except subprocess.TimeoutExpired:
            end = f"over {options.timeout:g} s"
        record = (
            json.loads(out.read_text(encoding="utf-8"))
            if out.exists()
            else {"file": path.name, "stage": "start"}
        )
    if "outcome" not in record:
        record["outcome"] = failure(record)
        record["reason"] = f"{record['stage']}: {end}"
    return record


def agreed(last: Path) -> dict[str, dict]:
    """Return the records of the last run whose outcome is agreement, by file."""
    if not last.exists():
        return {}
    return {
        r["file"]: r
        for r in json.loads(last.read_text(encoding="utf-8"))["models"]
        if r["outcome"] == "agree"
    }


def main() -> None:
    """Parse the command line, run, write the tables; exit 1 if a result is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, default=DATA / "biomodels", help="folder of SBML files"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results") / "biomodels")
    parser.add_argument("--again", action="store_true", help="keep the last run's models that agree")
    parser.add_argument("--only", nargs="*", default=(), help="names of files, without suffix")
    parser.add_argument(
        "--end", type=float, default=100.0, help="end of the time course, in the model's unit"
    )
    parser.add_argument("--points", type=int, default=101)
    parser.add_argument("--rtol", type=float, default=1e-8)
    parser.add_argument(
        "--agree", type=float, default=1e-4, help="largest difference that counts as agreement"
    )
    parser.add_argument("--timeout", type=float, default=180.0, help="seconds a model")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    files = sorted(p for p in options.folder.glob("*.xml") if not options.only or p.stem in options.only)
    if not files:
        parser.error(f"no SBML files (*.xml) in {options.folder}")
    kept = agreed(options.out.with_suffix(".json")) if options.again else {}
    fresh = iter(run_all([path for path in files if path.name not in kept], options))
    records = [kept[path.name] if path.name in kept else next(fresh) for path in files]
    options.kept = len(kept)
    print(write_tables(records, options))
    sys.exit(any(record["outcome"] == "wrong" for record in records))


if __name__ == "__main__":
    main()
