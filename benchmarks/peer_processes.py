"""Processes of `peer_worker.py`, and cold starts, under a time limit."""

from __future__ import annotations

import json
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

from peer_registry import OURS
from problem import Problem

HERE = Path(__file__).resolve().parent


class CellError(Exception):
    """A request brought no figure; the message is what its cell says."""


class Process:
    """One simulator with one problem in a process of its own.

    Parameters
    ----------
    peer : str
        Key of `peer_registry.PEERS`.
    problem : path
        What `Problem.save` wrote.
    limit : float
        Seconds a request may take; the process is ended after that, and the next request is made
        to a new one that loads the problem first.
    """

    def __init__(self, peer: str, problem: Path, limit: float) -> None:
        self.peer, self.problem, self.limit = peer, problem, limit
        self.cache = tempfile.TemporaryDirectory()
        self._start()

    def _start(self) -> None:
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (until close)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "peer_worker.py"), self.peer, str(self.problem)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            encoding="utf-8",
            env=environment(self.cache.name),
        )

    def ask(self, do: str, **request) -> dict:
        """Send a request and return the answer.

        Raises
        ------
        CellError
            The simulator is not installed or failed, its process died, or time is up.
        """
        if self.process.poll() is not None and do != "load":
            self._stop()
            self._start()
            self.ask("load")
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise CellError(self._last_words()) from None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(self.limit):
                self._end()
                raise CellError(f"over {self.limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise CellError(self._last_words())
        answer = json.loads(line)
        if "failed" in answer:
            raise CellError(answer["failed"])
        return answer

    def _last_words(self) -> str:
        code = self._end()
        self.log.seek(0)
        words = self.log.read().split()
        return f"process ended with code {code}: {' '.join(words)[-200:]}"

    def _end(self) -> int:
        self.process.kill()
        return self.process.wait()

    def close(self) -> None:
        """End the process and drop its cache."""
        self._stop()
        self.cache.cleanup()

    def _stop(self) -> None:
        self._end()
        with suppress(BrokenPipeError):  # what a process that died did not read
            self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def start_all(
    stack: ExitStack, peers: Iterable[str], problem: Path, limit: float
) -> tuple[dict[str, Process], dict[str, str]]:
    """Start simulators and let each load a problem; return those that could, and why others could not."""
    loaded, left_out = {}, {}
    for peer in peers:
        process = stack.enter_context(Process(peer, problem, limit))
        try:
            process.ask("load")
            loaded[peer] = process
        except CellError as failure:
            left_out[peer] = str(failure)
    return loaded, left_out


def environment(cache: str) -> dict[str, str]:
    """Return this process' environment with caches of compiled code in a folder, and all cores for JAX."""
    own = {"XDG_CACHE_HOME": cache, "ICRN_CACHE": str(Path(cache, "icrn"))}
    return {**os.environ, **own, "JAX_NUM_CPU_DEVICES": str(os.cpu_count())}


def cold_words(peer: str, problem: Path, out: Path) -> list[str]:
    """Return what Python runs to take a simulator from nothing to a CSV; ours is the command."""
    if peer != OURS:
        return [str(HERE / "peer_cold.py"), peer, str(problem), str(out)]
    given = Problem.load(problem)
    options = {"--end": given.end, "--points": given.n_points, "--rtol": 1e-6, "--atol": 1e-9, "-o": out}
    words = [str(word) for option in options.items() for word in option]
    return ["-P", "-c", "from converters.cli.simulate import main; main()", given.path, *words]


def cold_start(peer: str, problem: Path, cache: str, limit: float) -> dict[str, float]:
    """Run a simulator from nothing to a CSV in a fresh process; return wall and CPU seconds.

    Raises
    ------
    CellError
        It is not installed, failed, or time is up.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "course.csv")
        command = [sys.executable, *cold_words(peer, problem, out)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        try:
            done = subprocess.run(
                command, capture_output=True, encoding="utf-8", timeout=limit, env=environment(cache)
            )
        except subprocess.TimeoutExpired:
            raise CellError(f"over {limit:g} s") from None
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode or not out.exists():
            raise CellError(" ".join(done.stderr.split())[-200:] or f"exit code {done.returncode}")
    return {
        "wall": wall,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }
