"""Where the time went: named spans of wall and CPU time, and what the disk cache of JAX did.

Outside of a `profiled` block nothing is measured, and a span costs one look at a variable::

    with profiled() as profile:
        run_time_course("model.xml", times)
    print(profile.table())
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter, process_time

_EVENTS = {
    "/jax/compilation_cache/cache_hits": "from the disk cache",
    "/jax/compilation_cache/cache_misses": "compiled and kept on disk",
}
_REST = "other"
_OFF = nullcontext()


@dataclass
class Row:
    """Seconds spent under one name, without what other names took inside of it."""

    wall: float = 0.0
    cpu: float = 0.0
    notes: dict[str, int] = field(default_factory=dict)


class Profile:
    """What a `profiled` block measured.

    Attributes
    ----------
    rows : dict of str to Row
        By name of the span, in the order in which they first began.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._open: list[Row] = []
        self._mark = (0.0, 0.0)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Count the time of a block under a name, and not under that of the block around it."""
        self._book()
        self._open.append(self.rows.setdefault(name, Row()))
        try:
            yield
        finally:
            self._book()
            self._open.pop()

    def _book(self) -> None:
        """Book the time since the last mark to the innermost open span."""
        now = perf_counter(), process_time()
        if self._open:
            self._open[-1].wall += now[0] - self._mark[0]
            self._open[-1].cpu += now[1] - self._mark[1]
        self._mark = now

    def note(self, text: str) -> None:
        """Count a remark on the innermost open span."""
        notes = self._open[-1].notes
        notes[text] = notes.get(text, 0) + 1

    def table(self) -> str:
        """Return the rows as text: seconds of wall and of CPU time, and remarks."""
        rows = {name: row for name, row in self.rows.items() if name != _REST}
        rows[_REST] = self.rows.get(_REST, Row())
        lines = [f"{'':8}{'wall s':>9}{'CPU s':>9}"]
        for name, row in rows.items():
            remarks = ", ".join(f"{count} {text}" for text, count in row.notes.items())
            lines.append(f"{name:8}{row.wall:9.3f}{row.cpu:9.3f}  {remarks}".rstrip())
        wall, cpu = sum(row.wall for row in rows.values()), sum(row.cpu for row in rows.values())
        return "\n".join([*lines, f"{'total':8}{wall:9.3f}{cpu:9.3f}"])


_active: ContextVar[Profile | None] = ContextVar("profile", default=None)


@contextmanager
def profiled() -> Iterator[Profile]:
    """Measure the spans of a block; what is in none of them is booked as ``other``.

    Yields
    ------
    Profile
        Complete when the block has ended.
    """
    profile = Profile()
    token = _active.set(profile)
    try:
        with profile.span(_REST):
            yield profile
    finally:
        _active.reset(token)


def span(name: str) -> AbstractContextManager[None]:
    """Return a context that counts as a named span where something measures, else does nothing."""
    profile = _active.get()
    return _OFF if profile is None else profile.span(name)


def compile_span() -> AbstractContextManager[None]:
    """Return the span ``compile``, whose remarks say which programs the disk cache had; loads JAX."""
    if _active.get() is not None:
        _listen()
    return span("compile")


@cache
def _listen() -> None:
    # Once for the process: there is no documented way to stop listening.
    from jax import monitoring

    monitoring.register_event_listener(_heard)


def _heard(event: str, **_: object) -> None:
    profile = _active.get()
    if profile is not None and event in _EVENTS:
        profile.note(_EVENTS[event])
