"""Processes of `worker.py` under a time limit."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).resolve().parent


class CellError(Exception):
    """A request brought no figure; the message is what its cell says."""


class Process:
    """One simulator with one problem in a process of its own.

    Parameters
    ----------
    peer : str
        Key of `worker.PEERS`.
    problem : path
        What `Problem.save` wrote.
    limit : float
        Seconds a request may take; the process is ended after that.
    """

    def __init__(self, peer: str, problem: Path, limit: float) -> None:
        self.peer, self.limit = peer, limit
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (until close)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), peer, str(problem)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def ask(self, do: str, **request) -> dict:
        """Send a request and return the answer.

        Raises
        ------
        CellError
            The simulator is not installed or failed, its process died, or time is up.
        """
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise CellError(self._last_words()) from None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(self.limit):
                self.process.kill()
                self.process.wait()
                raise CellError(f"over {self.limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise CellError(self._last_words())
        answer = json.loads(line)
        for failure in ("unavailable", "error"):
            if failure in answer:
                raise CellError(answer[failure])
        return answer

    def _last_words(self) -> str:
        self.process.kill()
        code = self.process.wait()
        self.log.seek(0)
        words = self.log.read().split()
        return f"process ended with code {code}: {' '.join(words)[-200:]}"

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
