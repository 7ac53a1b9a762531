"""The hours and days that changes touch, and the readings to read for them: spans low < t <= high. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingest.spans import Span, merged
from quantrac.database.feed import Cause, Change
from quantrac.telemetry.local_time import HOUR, INSTANT, Calendar
from quantrac.telemetry.slots import bucket_start

STRETCH: Final = timedelta(days=7)
"""Hours are made in stretches of at most a chunk of readings, so that a statement looks into few of them."""


Hour = tuple[int, datetime]
"""A channel's hour: channel_id, beginning."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What changes say of hours."""

    growing: dict[Hour, tuple[datetime, datetime]]
    """Hours to which readings were added and nothing else happened, with the first and last time of these."""
    whole: list[Span]
    """Hours of which more changed, or several at once, merged."""
    until: dict[int, datetime]
    """Last time that changed, by channel."""


def touched(changes: Iterable[Change], calendar: Calendar) -> Touched:
    """Return the hours that hold what changed."""
    growing: dict[Hour, tuple[datetime, datetime]] = {}
    whole: list[Span] = []
    until: dict[int, datetime] = {}
    for change in changes:
        low, high = calendar.hour_start(change.from_t), calendar.hour_end(change.to_t)
        grows = change.cause is Cause.READING and high - low == HOUR
        for channel_id in change.channels:
            until[channel_id] = max(change.to_t, until.get(channel_id, change.to_t))
            if grows:
                first, last = growing.get((channel_id, low), (change.from_t, change.to_t))
                growing[channel_id, low] = min(first, change.from_t), max(last, change.to_t)
            else:
                whole.append(Span(channel_id, low, high))
    mixed = {span.channel_id for span in whole}
    whole += [Span(channel_id, low, low + HOUR) for channel_id, low in growing if channel_id in mixed]
    return Touched({key: ends for key, ends in growing.items() if key[0] not in mixed}, merged(whole), until)


def newest_asked(found: Touched, calendar: Calendar) -> list[Hour]:
    """Return the hours of which `to_read` must know how far they reach."""
    return [
        *found.growing,
        *{(span.channel_id, calendar.hour_start(found.until[span.channel_id])) for span in found.whole},
    ]


def to_read(found: Touched, newest: Mapping[Hour, datetime], calendar: Calendar) -> tuple[list[Span], list[Span]]:
    """Return the readings to read: of hours that go on from what stands, and of hours that are recomputed.

    An hour goes on where all that was added is newer than all that is in it. Readings whose change is still to come are
    left to it: else it would find them in the hour, and the whole hour would have to be read again each time.

    Args:
        found: what changed.
        newest: how far the hours of `newest_asked` reach; without those that are not there.
        calendar: of the network.
    """
    growing, anew = [], []
    for (channel_id, low), (first, last) in found.growing.items():
        stands = newest.get((channel_id, low))
        if stands is not None and stands < first:
            growing.append(Span(channel_id, stands, last))
        else:
            anew.append(Span(channel_id, low, last if stands is None else max(last, stands)))
    for span in found.whole:
        last = found.until[span.channel_id]
        stands = newest.get((span.channel_id, calendar.hour_start(last)))
        anew.append(span if stands is None else span._replace(high=min(span.high, max(last, stands))))
    return sorted(growing), sorted(anew)


def days(of_hours: Iterable[Span], calendar: Calendar) -> list[Span]:
    """Return each local day in which an hour ends that holds a time low < t <= high of these, once a channel."""
    found: set[Span] = set()
    for each in of_hours:
        start, until = calendar.day_start(calendar.hour_end(each.low + INSTANT)), calendar.hour_end(each.high)
        while start < until:
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


def affordable(changes: list[Change], most: timedelta, beside: timedelta = HOUR) -> list[Change]:
    """Return the first changes that together span at most `most` channel time, and always the first one.

    Each costs `beside` more than its own span for each channel: what is recomputed around it.
    """
    span, kept = timedelta(0), 0
    for change in changes:
        span += (change.to_t - change.from_t + beside) * len(change.channels)
        if kept and span > most:
            break
        kept += 1
    return changes[:kept]
