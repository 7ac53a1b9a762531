"""The local clock at many instants at once, for rules limited to hours or months and for normals by month. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2070, 1, 1, tzinfo=UTC)
"""Outside, the offset is that of the nearer end."""
DAY: Final = timedelta(days=1)
MINUTE: Final = timedelta(minutes=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MS: Final = timedelta(milliseconds=1)

Times = NDArray[np.int64]


def local_ms(t_ms: Times, zone: ZoneInfo) -> Times:
    """Return what the clocks of a zone show at instants (ms since 1970 UTC), as ms since 1970 of the local clock."""
    begins, offsets = _changes(zone)
    return t_ms + (offsets[np.searchsorted(begins, t_ms, side="right")] if len(begins) else offsets[0])


@lru_cache(maxsize=8)
def _changes(zone: ZoneInfo) -> tuple[Times, Times]:
    """Return when clocks are set, and their offsets from UTC: the first before all changes, then after each of them."""
    begins: list[int] = []
    offsets = [_offset(FIRST, zone)]
    day = FIRST
    while day < LAST:
        if _offset(day + DAY, zone) != offsets[-1]:
            at = next(day + n * MINUTE for n in range(1, 1441) if _offset(day + n * MINUTE, zone) != offsets[-1])
            begins.append((at - EPOCH) // MS)
            offsets.append(_offset(day + DAY, zone))
        day += DAY
    return np.array(begins, dtype=np.int64), np.array([offset // MS for offset in offsets], dtype=np.int64)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
