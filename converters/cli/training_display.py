"""What ``icrn-train`` shows on standard error while it works."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from icrn_core.multistart import Start, StartCode

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Seconds between lines where standard error is no terminal.
_LINES = 30.0


class Display:
    """A progress bar with loss, best, rate and time left; lines every half minute without a terminal.

    The length of a fit is not known: the bar counts descents, of which each start makes one and
    one more for every hop.

    Parameters
    ----------
    hops : int
        Hops of each start.
    """

    def __init__(self, hops: int) -> None:
        self._hops = hops
        self._began = self._last = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._n_before = -1

    def __enter__(self) -> Display:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total} descents"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bar.__enter__()
            self._task = self._bar.add_task("compiling", total=None)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(*error)

    def __call__(self, starts: Sequence[Start]) -> None:
        """Show where all starts have come to."""
        n_rounds = sum(len(start.history) for start in starts)
        if self._n_before < 0:
            self._n_before, self._began = n_rounds, time.monotonic()
        now = time.monotonic()
        text = self._text(starts, (n_rounds - self._n_before) / max(now - self._began, 1e-9))
        each = self._hops + 2 if self._hops else 1
        done = sum(each if s.code is not StartCode.WAITING else s.n_hops for s in starts)
        total = len(starts) * each
        if self._bar is not None:
            self._bar.update(self._task, description=text, completed=done, total=total)
        elif now - self._last > _LINES:
            self._last = now
            left = (now - self._began) * (total - done) / done if done else float("nan")
            rest = f", about {left:.0f} s left" if done else ""
            print(f"{text}, {done}/{total} descents{rest}", file=sys.stderr)  # noqa: T201

    def _text(self, starts: Sequence[Start], rate: float) -> str:
        best = min(min(start.loss, start.best_loss) for start in starts)
        active = [start.loss for start in starts if start.code is StartCode.WAITING and start.history]
        now = f"loss {active[0]:.6g}, " if active else ""
        return f"{now}best {best:.6g}, {rate:.1f} iterations/s"
