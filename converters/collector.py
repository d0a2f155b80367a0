"""Python's cyclic garbage collector, paused while millions of objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collection() -> Iterator[None]:
    """Pause the collection of cyclic garbage; also a decorator.

    Each time the number of objects has grown by a quarter the collector walks all of them, in
    vain where a network is being made or taken apart: that can take as long as the work itself.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
