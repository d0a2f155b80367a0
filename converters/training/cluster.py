"""Starts shared out over the workers of a Dask cluster.

A task is a few starts, run side by side as in one process. What a worker that dies had not
handed in is run again elsewhere; results are kept by the number of the start, so that nothing
counts twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from converters.training.problem import TrainingProblem
from icrn_core.multistart import FitOptions, Start, StartCode
from icrn_io.errors import ModelIOError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

# Tasks for each worker: enough that none waits long for the last, few enough to fill lanes.
_TASKS = 4
_bound: OrderedDict = OrderedDict()


def fit_on_cluster(
    problem: TrainingProblem,
    starts: list[Start],
    settings: FitOptions,
    workers: int,
    address: str,
    on_round: Callable[[list[Start]], None],
) -> None:
    """Run starts on workers; they are changed in place as results come in.

    Parameters
    ----------
    problem : TrainingProblem
        What is fitted; every worker binds and compiles it once.
    starts : list of Start
        All starts; those that have ended are left as they are.
    settings : FitOptions
        How they are fitted.
    workers : int
        Processes to start on this machine, where no address is given.
    address : str
        Of a Dask scheduler, such as ``tcp://host:8786``; "" for processes of this machine.
    on_round : callable
        Called with all starts whenever a task is done.

    Raises
    ------
    ModelIOError
        Dask is missing, the scheduler cannot be reached or has no workers, or a worker failed.
    """
    waiting = [start for start in starts if start.code is StartCode.WAITING]
    if not waiting:
        return
    with _client(workers, address) as client:
        from distributed import as_completed

        n_workers = max(len(client.scheduler_info()["workers"]), 1)
        size = max(1, -(-len(waiting) // (_TASKS * n_workers)))
        # As a task, it is made again if every worker that has it dies.
        shared = client.submit(_held, problem, pure=False)
        tasks = [
            client.submit(
                run_starts, shared, settings, [s.record() for s in waiting[k : k + size]], pure=False
            )
            for k in range(0, len(waiting), size)
        ]
        by_number = {start.number: start for start in starts}
        for task in as_completed(tasks, loop=client.loop):
            for record in _result(task):
                found = Start.from_record(record)
                vars(by_number[found.number]).update(vars(found))
            on_round(starts)


def _held(problem: TrainingProblem) -> TrainingProblem:
    return problem


def _result(task) -> list[dict]:
    from distributed.scheduler import KilledWorker

    try:
        return task.result()
    except KilledWorker as error:
        raise ModelIOError(
            f"a task was given up because the workers that had it died ({error.last_worker.address} last): "
            "they may have run out of memory; --resume goes on with what was finished"
        ) from None


@contextmanager
def _client(workers: int, address: str) -> Iterator[Client]:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ModelIOError("--workers and --cluster need Dask: pip install 'icrn-sbml[cluster]'") from None
    if address:
        try:
            client = Client(address, timeout=20, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ModelIOError(
                f"no Dask scheduler answers at '{address}' ({error}): start one with 'dask scheduler'"
            ) from None
        if not client.scheduler_info()["workers"]:
            client.close()
            raise ModelIOError(f"the scheduler at '{address}' has no workers: start some with 'dask worker'")
        with client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def run_starts(problem: TrainingProblem, settings: FitOptions, records: list[dict]) -> list[dict]:
    """Run some starts to their end, in a worker; results as records."""
    from converters.engines.programs import float64
    from converters.training.binding import bind
    from icrn_core.multistart import fit

    with float64():
        if id(problem) not in _bound:
            _bound.clear()
            _bound[id(problem)] = problem, bind(problem)
        bound = _bound[id(problem)][1]
        starts = [Start.from_record(record) for record in records]
        fit(bound.objective, bound.lower, bound.upper, starts, settings)
        return [start.record() for start in starts]
