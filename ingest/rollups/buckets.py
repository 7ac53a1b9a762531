"""The hours and days that changes touch, and the readings to read for them: spans low < t <= high."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import microseconds, moment
from ingest.spans import Span, merged
from quantrac.database.feed import Cause, Change
from quantrac.telemetry.local_time import HOUR, INSTANT, Calendar
from quantrac.telemetry.slots import bucket_start

STRETCH: Final = timedelta(days=7)
"""Hours are made in stretches of at most a chunk of readings, so that a statement looks into few of them."""
HOUR_US: Final = HOUR // INSTANT

Hour = tuple[int, datetime]
"""A channel's hour: channel_id, beginning."""
Times = npt.NDArray[np.int64]
"""Microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class GrowingHours:
    """Hours to which readings were added and nothing else happened, by channel and beginning."""

    channel_id: npt.NDArray[np.int32]
    hour_us: Times
    """When the hour begins."""
    first_us: Times
    """First and last time of what was added."""
    last_us: Times

    def __len__(self) -> int:
        return len(self.channel_id)

    def pick(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> GrowingHours:
        """Return some of the hours."""
        return GrowingHours(*(getattr(self, each.name)[chosen] for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Touched:
    """The hours that changes touch."""

    growing: GrowingHours
    whole: list[Span]
    """Hours of which more changed, or several at once, merged."""
    until: dict[int, datetime]
    """Last time that changed of the channels of `whole`."""
    added: frozenset[int]
    """Channels of `whole` to which readings were added."""


def touched(changes: Iterable[Change], calendar: Calendar) -> Touched:
    """Return the hours that hold what changed."""
    some = [change for change in changes if change.channels]
    counts = [len(change.channels) for change in some]
    ids = np.fromiter(chain.from_iterable(change.channels for change in some), np.int32, sum(counts))
    from_us, to_us = (
        np.repeat(np.array([microseconds(time) for time in times], np.int64), counts)
        for times in ([change.from_t for change in some], [change.to_t for change in some])
    )
    low, high = _hour_start(from_us, calendar), _hour_start(to_us, calendar) + HOUR_US
    added = np.repeat(np.array([change.cause is Cause.READING for change in some], np.bool_), counts)
    whole = np.isin(ids, ids[~added | (high - low > HOUR_US)])
    spans = np.unique(np.stack([ids[whole], low[whole], high[whole]], axis=1), axis=0).tolist()
    until: dict[int, int] = {}
    for channel_id, time_us in zip(ids[whole].tolist(), to_us[whole].tolist(), strict=True):
        until[channel_id] = max(time_us, until.get(channel_id, time_us))
    return Touched(
        _growing(ids[~whole], low[~whole], from_us[~whole], to_us[~whole]),
        merged(Span(channel_id, moment(first), moment(last)) for channel_id, first, last in spans),
        {channel_id: moment(time_us) for channel_id, time_us in until.items()},
        frozenset(ids[whole & added].tolist()),
    )


def _hour_start(time_us: Times, calendar: Calendar) -> Times:
    """Return the beginnings of the hours that hold these instants, as `Calendar.hour_start` does."""
    shift = calendar.shift // INSTANT
    return (time_us - shift - 1) // HOUR_US * HOUR_US + shift


def _growing(channel_id: npt.NDArray[np.int32], hour_us: Times, from_us: Times, to_us: Times) -> GrowingHours:
    order = np.lexsort((hour_us, channel_id))
    channel_id, hour_us = channel_id[order], hour_us[order]
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (np.diff(channel_id) != 0) | (np.diff(hour_us) != 0)
    first = np.flatnonzero(begins)
    if not len(first):
        return GrowingHours(channel_id, hour_us, from_us, to_us)
    return GrowingHours(
        channel_id[first],
        hour_us[first],
        np.minimum.reduceat(from_us[order], first),
        np.maximum.reduceat(to_us[order], first),
    )


def newest_asked(found: Touched, calendar: Calendar) -> list[Hour]:
    """Return the hours of which `anew` must know how far they reach."""
    return sorted({(span.channel_id, calendar.hour_start(found.until[span.channel_id])) for span in found.whole})


def anew(found: Touched, newest: Mapping[Hour, datetime], calendar: Calendar) -> list[Span]:
    """Return the spans of readings to read for hours that are recomputed as a whole.

    Readings whose change is still to come are left to it: else it would find them in the hour, and the whole hour would
    have to be read again each time.

    Args:
        found: what changed.
        newest: how far the hours of `newest_asked` reach; without those that are not there.
        calendar: of the network.
    """
    spans = []
    for span in found.whole:
        last = found.until[span.channel_id]
        stands = newest.get((span.channel_id, calendar.hour_start(last)))
        spans.append(span if stands is None else span._replace(high=min(span.high, max(last, stands))))
    return spans


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
