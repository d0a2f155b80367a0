"""Names for bases from what the ids of their members have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from os.path import commonprefix

_MOST_READ = 1000  # ids looked at: more do not make a better name


def common_stem(ids: Sequence[str]) -> str:
    """Return what ids have in common at their start or end, else their commonest word."""
    ids = ids[:_MOST_READ]
    prefix = commonprefix(ids).rstrip("0123456789_")  # noqa: RUF071 - names, not paths
    suffix = commonprefix([i[::-1] for i in ids])[::-1].lstrip("0123456789_")  # noqa: RUF071 - names, not paths
    shared = max(prefix, suffix, key=len)
    if shared:
        return shared
    words = Counter(word for i in ids for word in set(re.findall(r"[A-Za-z]+", i)))
    commonest = words.most_common(1)
    return commonest[0][0] if commonest and commonest[0][1] > len(ids) / 2 else "x"
