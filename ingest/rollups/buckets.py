"""The hours and days that a change touches: spans of whole buckets (low < t <= high), merged, cut into weeks. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from ingest.spans import Span, merged
from quantrac.database.feed import Change
from quantrac.telemetry.local_time import HOUR, INSTANT, Calendar
from quantrac.telemetry.slots import bucket_start

STRETCH: Final = timedelta(days=7)
"""Hours are made in stretches of at most a chunk of readings, so that a statement looks into few of them."""


def hours(changes: Iterable[Change], calendar: Calendar) -> list[Span]:
    """Return the hours that hold what changed, by channel and time, merged."""
    touched = (
        Span(channel_id, calendar.hour_start(change.from_t), calendar.hour_end(change.to_t))
        for change in changes
        for channel_id in change.channels
    )
    return merged(touched)


def days(of_hours: Iterable[Span], calendar: Calendar) -> list[Span]:
    """Return each local day in which one of these hours ends, once a channel."""
    found: set[Span] = set()
    for each in of_hours:
        start = calendar.day_start(each.low + HOUR)
        while start < each.high:
            end = calendar.day_end(start + INSTANT)
            found.add(Span(each.channel_id, start, end))
            start = end
    return sorted(found)


def stretches(found: Iterable[Span], calendar: Calendar, width: timedelta = STRETCH) -> list[list[Span]]:
    """Cut ranges of hours at the hours that end multiples of `width`; return those of one stretch, oldest first."""
    by_stretch: defaultdict[datetime, list[Span]] = defaultdict(list)
    for each in found:
        low = each.low
        while low < each.high:
            start = bucket_start(low + INSTANT, width)
            high = min(each.high, calendar.hour_end(start + width))
            by_stretch[start].append(Span(each.channel_id, low, high))
            low = high
    return [by_stretch[start] for start in sorted(by_stretch)]


def since(found: Iterable[Span], before: datetime | None, calendar: Calendar) -> list[Span]:
    """Return the hours that begin at `before` or later; all where it is None."""
    if before is None:
        return list(found)
    first = calendar.hour_end(before)
    return [each._replace(low=max(each.low, first)) for each in found if each.high > first]


def affordable(changes: list[Change], most: timedelta) -> list[Change]:
    """Return the first changes that together span at most `most` channel time, and always the first one."""
    span, kept = timedelta(0), 0
    for change in changes:
        span += (change.to_t - change.from_t + HOUR) * len(change.channels)
        if kept and span > most:
            break
        kept += 1
    return changes[:kept]
