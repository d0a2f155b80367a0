"""What becomes of a case that is imported, exported and imported again."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass, field, replace

import numpy as np
from suite_cases import SuiteCase
from suite_outcomes import Outcome

EXPORTS = ("patched", "changed", "fresh", "antimony")
_REFUSED = "refused: "
_N_CHANGED = 5


@dataclass(frozen=True)
class RoundTrip(Outcome):
    """How a case ended: ``"imported"``, ``"refused"`` or ``"failed"``.

    Attributes
    ----------
    exports : dict of str to str
        For each of `EXPORTS`: ``"equal"`` (reads back as it should, no simulator compared),
        ``"same results"``, ``"refused: ..."`` or what is wrong.
    """

    exports: dict[str, str] = field(default_factory=dict)

    @property
    def wrong(self) -> dict[str, str]:
        """The exports that went wrong, with what is."""
        return {name: said for name, said in self.exports.items() if not _is_right(said)}


def _is_right(said: str) -> bool:
    return said in ("equal", "same results") or said.startswith(_REFUSED)


def round_trip_of(case: SuiteCase, simulator: str | None = "tellurium") -> RoundTrip:
    """Import a case, fold it, and export it in every way.

    ``patched`` is the file byte for byte; ``changed``, with some values set anew, differs from
    it in those only, and runs from them; ``fresh`` reads back as an equal network, also a second
    time; ``antimony`` reads back as a network that does the same. Where the simulator gives the
    expected results for the file, it gives them for every export.
    """
    from converters import enumerate_network, fold_network
    from icrn_io import ModelIOError, read_model

    start = time.process_time()
    try:
        network = read_model(case.model)
    except ModelIOError as error:
        return RoundTrip(case.number, "refused", _line(error), time.process_time() - start)
    folding = fold_network(network)
    enumerated = enumerate_network(folding)
    trip = _Trip(case, enumerated, folding, simulator)
    found = {}
    for name in EXPORTS:
        try:
            found[name] = getattr(trip, name)()
        except ModelIOError as error:
            found[name] = _REFUSED + _line(error)
        except Exception as error:  # noqa: BLE001 - any error of a case is its outcome
            found[name] = f"{type(error).__name__}: {_line(error)}"
    return RoundTrip(case.number, "imported", "", time.process_time() - start, found)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


class _Trip:
    """One network on its ways out and back."""

    def __init__(self, case, network, folding, simulator) -> None:
        self.case, self.network, self.folding, self.simulator = case, network, folding, simulator
        self.runs = simulator is not None and case.is_time_course and self._passes(network)

    def patched(self) -> str:
        """The file itself."""
        from icrn_io import format_model

        if format_model(self.network) != self.case.model.read_bytes():
            return "other bytes than the file's"
        return "same results" if self.runs else "equal"

    def changed(self) -> str:
        """The file with some values set anew."""
        from converters.overrides import apply_overrides
        from icrn_io import ModelIOError, format_model, read_bytes

        # Other flux bounds could contradict each other.
        values = {} if self.network.unsupported else changed_values(self.network, self.case.number)
        changed = apply_overrides(self.network, values)
        try:
            data = format_model(changed)
        except ModelIOError as error:
            if "--fresh" not in str(error):
                return f"refused without a way out: {_line(error)}"
            return self._flattened(changed, _REFUSED + _line(error))
        again = read_bytes(data)
        if again != changed:
            return "reads back as another network"
        if format_model(again) != data:
            return "a second export has other bytes"
        if without_values(data) != without_values(self.case.model.read_bytes()):
            return "more than values changed"
        if not self.runs:
            return "equal"
        return self._same_from(values, again, changed) or "same results"

    def _flattened(self, changed, refusal: str) -> str:
        """What cannot be patched can be written afresh."""
        from icrn_io import format_model, read_bytes

        return refusal if read_bytes(format_model(changed, fresh=True)) == changed else "fresh differs"

    def _same_from(self, values, patched, changed) -> str:
        """What is wrong with a simulation of the patched file beside one of a fresh copy."""
        from converters.errors import EngineError
        from icrn_io import format_model, read_bytes

        try:
            ours = self._run(patched)
            theirs = self._run(read_bytes(format_model(changed, fresh=True)))
        except EngineError:
            return ""  # other values can be more than the simulator bears
        initial = {**ours.values, **_in_formulas(ours, changed)}
        # Events may change a value at once, and by lot.
        starts = self.case.times[0] == 0 and not changed.events
        for name, value in values.items():
            if starts and name in initial and not np.isclose(initial[name][0], value, rtol=1e-9):
                return f"'{name}' starts at {initial[name][0]} and not at {value}"
        if "RandomEventExecution" in self.case.tags:
            return ""
        # libRoadRunner does not report species references of Level 2 as they change.
        ids = {r.id for r in changed.reactions} | {e.id for e in (*changed.compartments, *changed.parameters)}
        expected = theirs.amounts | {name: theirs.values[name] for name in ids & theirs.values.keys()}
        for name, series in expected.items():
            own = ours.amounts.get(name, ours.values.get(name))
            if own is None or not np.allclose(own, series, rtol=1e-4, atol=1e-6, equal_nan=True):
                return f"'{name}' of the changed file is not that of its fresh copy"
        return ""

    def fresh(self) -> str:
        """A new document, with the index structure in it."""
        from converters.annotation import fold_annotation
        from icrn_io import format_model, read_bytes

        annotation = fold_annotation(self.folding)
        data = format_model(self.network, fresh=True, annotation=annotation)
        again = read_bytes(data)
        if again != self.network:
            return "reads back as another network"
        if format_model(again) != data or format_model(again, fresh=True, annotation=annotation) != data:
            return "a second export has other bytes"
        return self._results(again)

    def antimony(self) -> str:
        """Antimony, where it can say the model."""
        from icrn_io import format_model, read_bytes

        data = format_model(self.network, "antimony")
        again = read_bytes(data)
        if format_model(again, "antimony") != data:
            return "a second export has other bytes"
        return self._results(again)

    def _results(self, again) -> str:
        if self.case.is_time_course and self.simulator and self._passes(again):
            return "same results"
        return "other results" if self.runs else "equal"

    def _run(self, network):
        from converters import run_time_course

        _leave_methods_alone()

        return run_time_course(network, self.case.times, engine=self.simulator, **self.case.integration)

    def _passes(self, network) -> bool:
        from icrn_io import ModelIOError

        try:
            return not self.case.wrong(_under_ids(self._run(network), self.case))
        except ModelIOError:
            return False


def _leave_methods_alone() -> None:
    # libRoadRunner makes every id an attribute of its class: an id "reset" hides the method for good.
    try:
        from roadrunner import Config
    except ImportError:
        return
    Config.setValue(Config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES, True)


def _in_formulas(course, network) -> dict[str, np.ndarray]:
    from converters.quantities import symbol_quantities

    return {
        name: (course.amounts if kind == "amount" else course.concentrations)[name]
        for name, kind in symbol_quantities(network).items()
    }


def _under_ids(course, case: SuiteCase):
    """Return a course with the words of Antimony, which get an underscore as ids, as they were."""
    wanted = case.expected()
    known = {*course.amounts, *course.values}

    def restored(series):
        names = ((name, name.removesuffix("_")) for name in series)
        return {
            plain if plain in wanted and plain not in known else name: series[name] for name, plain in names
        }

    return replace(
        course,
        amounts=restored(course.amounts),
        concentrations=restored(course.concentrations),
        values=restored(course.values),
    )


def changed_values(network, seed: str) -> dict[str, float]:
    """Return other values for some elements, drawn with a seed; first those with initial assignments."""
    from icrn_io import AssignmentRule

    rng = random.Random(seed)
    ruled = {rule.variable for rule in network.rules if isinstance(rule, AssignmentRule)}
    assigned = [a.variable for a in network.initial_assignments if a.variable not in ruled]
    ids = [e.id for e in (*network.compartments, *network.species, *network.parameters) if e.id not in ruled]
    known = set(ids)
    drawn = [name for name in assigned if name in known] + rng.sample(ids, min(_N_CHANGED, len(ids)))
    return {name: round(rng.uniform(0.2, 2.0), 6) for name in drawn[:_N_CHANGED]}


def without_values(sbml: bytes) -> bytes:
    """Return a document without the values that can be set in it, and without initial assignments."""
    names = rb"value|initialAmount|initialConcentration|size|volume|stoichiometry|denominator"
    bare = re.sub(rb"\s+(?:" + names + rb")\s*=\s*(\"[^\"]*\"|'[^']*')", b"", sbml)
    assigned = rb"<initialAssignment\b[^>]*/>|<initialAssignment\b.*?</initialAssignment>"
    # With the last one goes the list, with comments in it.
    emptied = rb"<listOfInitialAssignments>(?:\s|<!--.*?-->)*</listOfInitialAssignments>"
    for pattern in (assigned, emptied):
        bare = re.sub(rb"\s*(?:" + pattern + rb")", b"", bare, flags=re.DOTALL)
    return bare
