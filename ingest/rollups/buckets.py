"""Which hours and days a change touches. Pure: spans of whole buckets (low < t <= high), merged, cut into weeks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from ingest.spans import Span, merged
from quantrac.database.feed import Change
from quantrac.telemetry.slots import bucket_start, local_day

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
STRETCH: Final = timedelta(days=7)
"""Hours are made in stretches of at most a chunk of readings, so that a statement looks into few of them."""


def hours(changes: Iterable[Change]) -> list[Span]:
    """Return the hours that hold what changed, by channel and time, merged."""
    touched = (
        Span(change.channel_id, bucket_start(change.from_t, HOUR), bucket_start(change.to_t, HOUR) + HOUR)
        for change in changes
        if change.channel_id is not None
    )
    return merged(touched)


def days(of_hours: Iterable[Span]) -> list[Span]:
    """Return the local days that hold these hours."""
    return merged(Span(each.channel_id, local_day(each.low + HOUR), local_day(each.high) + DAY) for each in of_hours)


def stretches(found: Iterable[Span], width: timedelta = STRETCH) -> list[list[Span]]:
    """Cut ranges at multiples of `width` and return those of one stretch together, oldest first."""
    by_stretch: defaultdict[datetime, list[Span]] = defaultdict(list)
    for each in found:
        low = each.low
        while low < each.high:
            start = bucket_start(low + timedelta(microseconds=1), width)
            high = min(each.high, start + width)
            by_stretch[start].append(Span(each.channel_id, low, high))
            low = high
    return [by_stretch[start] for start in sorted(by_stretch)]


def since(found: Iterable[Span], before: datetime | None) -> list[Span]:
    """Return the hours that begin at `before` or later; all where it is None."""
    if before is None:
        return list(found)
    first = bucket_start(before, HOUR) + HOUR
    return [each._replace(low=max(each.low, first)) for each in found if each.high > first]


def affordable(changes: list[Change], most: timedelta) -> list[Change]:
    """Return the first changes that together span at most `most` channel time, and always the first one."""
    span, kept = timedelta(0), 0
    for change in changes:
        span += change.to_t - change.from_t + HOUR
        if kept and span > most:
            break
        kept += 1
    return changes[:kept]
