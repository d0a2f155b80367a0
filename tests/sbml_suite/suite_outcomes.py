"""What becomes of a case, in a process of its own that a time limit can end."""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from suite_cases import SuiteCase

_CASES_PER_PROCESS = 100  # compiled programs stay in memory

STATUSES = ("passed", "wrong", "refused", "failed")
MISSING_FILE = "external model file missing"
# Refusals that have a name only in the words of the message.
_NAMES = {
    r"its external model definition '.*' needs the file": MISSING_FILE,
    r"no value is given for": "missing value",
    r"no finite value is given for": "infinite value",
    r"Unable to support algebraic rules": "algebraic rule",
    r"Unable to support delay differential equations": "delay",
    r"Unable to support 'fast' reactions": "fast reaction",
}


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Attributes
    ----------
    number : str
        Of the case.
    status : str
        One of `STATUSES`: ``"passed"``, ``"wrong"``, ``"refused"`` (by name), or ``"failed"``:
        crash, time out or an error that is no refusal.
    reason : str
        The construct refused, the variables that are wrong, or the error.
    seconds : float
        CPU time.
    """

    number: str
    status: str
    reason: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """Return the outcome for JSON."""
        return asdict(self)


def outcome_of(case: SuiteCase, engine: str = "icrn") -> Outcome:
    """Run a case and compare it with what is expected."""
    from converters import run_time_course
    from icrn_io import ModelIOError, UnsupportedFeatureError

    start = time.process_time()
    try:
        course = run_time_course(case.model, case.times, engine=engine, effort="quick", **case.integration)
        wrong = case.wrong(course)
        status, reason = ("wrong", ", ".join(wrong)) if wrong else ("passed", "")
    except UnsupportedFeatureError as error:
        status, reason = "refused", error.feature
    except ModelIOError as error:
        status, reason = classified(" ".join(str(error).split()))
    return Outcome(case.number, status, reason, time.process_time() - start)


def classified(message: str) -> tuple[str, str]:
    """Return the status and reason of an error: refused by name where the message names a construct."""
    for pattern, name in _NAMES.items():
        if re.search(pattern, message):
            return "refused", name
    return "failed", message[:200]


def again(
    cases: Iterable[SuiteCase], found: Iterable[Outcome], run: Callable[[SuiteCase], Outcome], seconds: float
) -> Iterator[Outcome]:
    """Yield the outcomes of the cases that failed, each run once more in a process of its own.

    Other simulators keep something of the models that a process has loaded before.
    """
    failed = {outcome.number for outcome in found if outcome.status == "failed"}
    for case in cases:
        if case.number in failed:
            yield from outcomes([case], run, 1, seconds)


def outcomes(
    cases: Iterable[SuiteCase], run: Callable[[SuiteCase], Outcome], n_workers: int, seconds: float
) -> Iterator[Outcome]:
    """Yield the outcome of each case as it comes; what takes too long or crashes has failed."""
    waiting = list(cases)[::-1]
    workers: dict[Connection, _Worker] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < n_workers:
                worker = _Worker(run)
                workers[worker.pipe] = worker
                worker.give(waiting.pop())
            nearest = min(worker.since for worker in workers.values()) + seconds
            wait(list(workers), timeout=max(0.0, nearest - time.monotonic()))
            for pipe, worker in list(workers.items()):
                found = worker.poll(seconds)
                if found is None:
                    continue
                yield found
                if worker.is_spent or not waiting:
                    worker.end()
                    del workers[pipe]
                else:
                    worker.give(waiting.pop())
    finally:
        for worker in workers.values():
            worker.end()


class _Worker:
    """A process that runs one case after the other."""

    def __init__(self, run: Callable[[SuiteCase], Outcome]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, run), daemon=True)
        self.process.start()
        other.close()
        self.n_given = 0
        self.is_spent = False

    def give(self, case: SuiteCase) -> None:
        self.case, self.since = case, time.monotonic()
        self.n_given += 1
        self.pipe.send(case.folder)

    def poll(self, seconds: float) -> Outcome | None:
        """Return the outcome, None while the case is running within its time."""
        try:
            if self.pipe.poll():
                found = self.pipe.recv()
                self.is_spent = self.n_given >= _CASES_PER_PROCESS
                return found
        except EOFError:
            self.is_spent = True
            return Outcome(self.case.number, "failed", "the process crashed")
        if time.monotonic() - self.since < seconds:
            return None
        self.is_spent = True
        return Outcome(self.case.number, "failed", f"not done within {seconds:g} s", seconds)

    def end(self) -> None:
        self.process.kill()
        self.pipe.close()


def _serve(pipe: Connection, run: Callable[[SuiteCase], Outcome]) -> None:
    while True:
        folder: Path = pipe.recv()
        case = SuiteCase(folder)
        try:
            pipe.send(run(case))
        except Exception as error:  # noqa: BLE001 - a case may fail in any way
            pipe.send(Outcome(case.number, "failed", f"{type(error).__name__}: {error}"[:200]))
