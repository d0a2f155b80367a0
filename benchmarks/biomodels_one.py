"""One model: read, fold, simulate, compare with libRoadRunner; used by `biomodels.py`.

The record is written after every stage, so that a run that is cut off says where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

FLOOR = 1e5  # in units of the absolute tolerance: differences below 10 atol never count


class Record(dict):
    """What is known of a model so far; `stage` times a step and saves it."""

    def __init__(self, path: Path, out: Path) -> None:
        super().__init__(file=path.name, seconds={})
        self.out = out

    def save(self) -> None:
        """Write the record as JSON."""
        self.out.write_text(json.dumps(self))

    @contextmanager
    def stage(self, name: str):
        """Time a stage."""
        self["stage"] = name
        self.save()
        start = time.perf_counter()
        yield
        self["seconds"][name] = round(time.perf_counter() - start, 3)

    def end(self, outcome: str, reason: str = "") -> None:
        """Save the outcome."""
        self["outcome"] = outcome
        if reason:
            self["reason"] = reason
        self.save()


def failure(record: dict) -> str:
    """Return what a run that was cut off counts as; a disagreement that cannot be checked is wrong."""
    if "first_difference" in record:
        return "wrong"
    return "reference failed" if record["stage"] == "reference" else "failed"


def absolute_tolerance(network) -> float:
    """Return 1e-6 of the median positive initial amount, at most 1e-12.

    Amounts in mole may be 1e-18 and less, where a fixed tolerance would mean nothing.
    """
    sizes = {c.id: c.size or 1.0 for c in network.compartments}
    amounts = [
        s.initial_amount
        if s.initial_amount is not None
        else (s.initial_concentration or 0.0) * sizes[s.compartment]
        for s in network.species
    ]
    positive = [a for a in amounts if a and a > 0]
    return float(np.clip(1e-6 * np.median(positive), 1e-30, 1e-12)) if positive else 1e-12


def variables(network) -> tuple[list[str], list[str]]:
    """Ids of all species, and of the parameters and compartments that rules give."""
    species = [s.id for s in network.species]
    ruled = {getattr(rule, "variable", None) for rule in network.rules}
    others = [q.id for q in (*network.parameters, *network.compartments) if q.id in ruled]
    return species, others


def reference(path: Path, ids: list[str], times: np.ndarray, rtol: float, atol: float, fine: bool = False):
    """Run libRoadRunner on the file; return amounts and values, shape (n_times, n_ids)."""
    import roadrunner

    roadrunner.Logger.disableLogging()
    roadrunner.Config.setValue(roadrunner.Config.LLVM_BACKEND, roadrunner.Config.LLJIT)
    runner = roadrunner.RoadRunner(str(path))
    runner.setIntegrator("cvode")
    integrator = runner.getIntegrator()
    integrator.setValue("relative_tolerance", rtol)
    integrator.setValue("absolute_tolerance", atol)
    integrator.setValue("maximum_num_steps", 200_000)
    if fine:
        integrator.setValue("maximum_time_step", float(times[-1] - times[0]) / 2000)
    runner.timeCourseSelections = ["time", *ids]
    result = np.array(runner.simulate(float(times[0]), float(times[-1]), len(times)))
    return result[:, 1:]


def relative_differences(found: np.ndarray, expected: np.ndarray, atol: float) -> np.ndarray:
    """Per column ``max |a - b| / (max |b| + floor)``; equal infinities and NaN agree."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(found - expected)
    gap = np.where((found == expected) | (np.isnan(found) & np.isnan(expected)), 0.0, gap)
    gap = np.where(np.isnan(gap), np.inf, gap)
    size = np.max(np.where(np.isfinite(expected), np.abs(expected), 0.0), axis=0, initial=0.0)
    return np.max(gap, axis=0, initial=0.0) / (size + FLOOR * atol)


def pointwise_difference(found: np.ndarray, expected: np.ndarray, atol: float) -> float:
    """Return the largest ``|a - b| / (|b| + floor)`` over times and columns."""
    with np.errstate(invalid="ignore"):
        ratio = np.abs(found - expected) / (np.abs(expected) + FLOOR * atol)
    return float(np.nanmax(ratio, initial=0.0))


def columns(course, species: list[str], others: list[str]) -> np.ndarray:
    """Amounts of the species and values of the others, shape (n_times, n_ids)."""
    return np.stack([*(course.amounts[s] for s in species), *(course.values[v] for v in others)], axis=1)


def examine(path: Path, record: Record, options: argparse.Namespace) -> None:
    """Take one model through all stages."""
    import converters
    import icrn_io

    with record.stage("read"):
        network = icrn_io.read_model(path)
    record["n_species"], record["n_reactions"] = len(network.species), len(network.reactions)
    record["n_events"] = len(network.events)
    record["held"] = sorted({feature.feature for feature in network.unsupported})
    with record.stage("fold"):
        folding = converters.fold_network(network)
    with record.stage("check"):
        record["exact"] = converters.enumerate_network(folding) == network
    record["n_indexed"] = len(folding.icrn.reactions)
    species, others = variables(network)
    if not species and not others:
        record.end("refused", "nothing changes: no species and no rules")
        return
    times = np.linspace(0.0, options.end, options.points)
    atol = record["atol"] = absolute_tolerance(network)
    with record.stage("simulate"):
        try:
            course = converters.run_time_course(folding, times, engine="icrn", rtol=options.rtol, atol=atol)
        except icrn_io.UnsupportedFeatureError:
            raise
        except ValueError as error:
            with record.stage("reference"):
                expected = reference(path, [*species, *others], times, options.rtol, atol)
            record["stage"] = "simulate"
            if np.isfinite(expected[:, : len(species)]).all():
                raise
            record.end("reference failed", f"libRoadRunner's result is not finite, and: {error}"[:500])
            return
    record["simulated"] = True
    found = columns(course, species, others)
    with record.stage("reference"):
        expected = reference(path, [*species, *others], times, options.rtol, atol)
    compare(record, found, expected, [*species, *others], options)
    if record["difference"] > options.agree:
        confirm(path, record, folding, times, (species, others), options)
    record.end("agree" if record["difference"] <= options.agree else "wrong")


def compare(record: Record, found, expected, ids: list[str], options: argparse.Namespace) -> None:
    """Enter the largest differences into the record."""
    differences = relative_differences(found, expected, record["atol"])
    worst = int(np.argmax(differences))
    record["difference"] = float(differences[worst])
    record["pointwise"] = pointwise_difference(found, expected, record["atol"])
    record["worst"] = ids[worst]
    record["n_over"] = int(np.sum(differences > options.agree))


def confirm(path: Path, record: Record, folding, times, names, options: argparse.Namespace) -> None:
    """Compare once more at tolerances 100 times tighter and short steps, and keep that figure."""
    import converters

    rtol, atol = 0.01 * options.rtol, 0.01 * record["atol"]
    record["first_difference"] = record["difference"]
    species, others = names
    with record.stage("confirm reference"):
        expected = reference(path, [*species, *others], times, rtol, atol, fine=True)
    with record.stage("confirm"):
        course = converters.run_time_course(folding, times, engine="icrn", rtol=rtol, atol=atol)
    compare(record, columns(course, species, others), expected, [*species, *others], options)
    record["reason"] = f"{record['first_difference']:.1e} before tolerances were tightened"


def main() -> None:
    """Examine one model; refusals and failures are outcomes, not tracebacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("out", type=Path)
    for name in ("end", "rtol", "agree"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--points", type=int, required=True)
    options = parser.parse_args()
    record = Record(options.path, options.out)

    from icrn_io import UnsupportedFeatureError

    try:
        examine(options.path, record, options)
    except UnsupportedFeatureError as error:
        record["feature"] = error.feature
        record.end("refused", f"{record['stage']}: {error}")
    except Exception as error:  # noqa: BLE001 (whatever goes wrong with one model is its result)
        record.end(failure(record), f"{record['stage']}: {type(error).__name__}: {error}"[:500])


if __name__ == "__main__":
    main()
