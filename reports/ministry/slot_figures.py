"""The figures of a station's slots, from its readings as the views show them: corrections, findings and verdicts in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from quantrac.config.stations import Station
from quantrac.database.pool import Connection
from quantrac.telemetry.ministry import SLOT
from quantrac.telemetry.slots import bucket_end, bucket_start
from quantrac.telemetry.states import State
from reports.ministry.figure import Figure, FiledReading, figure
from reports.ministry.file import FiveMinuteFile, file_of

STRETCH: Final = timedelta(days=1)
"""Readings that are held at a time."""
READINGS: Final = "select time, value, state, quality from judged_readings(%s, %s, %s) order by time"
INTERVALS: Final = "select name, interval_s from channel where station = %s"
OTHER_INTERVALS: Final = """
select c.name, i.interval_s, lower(part), upper(part)
from channel c join channel_interval i using (channel_id)
cross join unnest(i.during * tstzmultirange(tstzrange(%(low)s, %(high)s, '(]'))) part where c.station = %(station)s
"""


class OtherInterval(NamedTuple):
    """A time in which a channel reported at another interval than now."""

    interval_s: float
    low: datetime
    high: datetime


def files(conn: Connection, station: Station, low: datetime, high: datetime) -> Iterator[FiveMinuteFile]:
    """Yield the files of the slots that end at low < t <= high, oldest first; a slot without figures has none."""
    if station.ministry is None:
        return
    while low < high:
        until = min(high, bucket_start(low, SLOT) + STRETCH)
        for time, figures in _figures(conn, station, low, until):
            if (made := file_of(station.ministry, time, figures)) is not None:
                yield made
        low = until


def _figures(
    conn: Connection, station: Station, low: datetime, high: datetime
) -> Iterator[tuple[datetime, dict[str, Figure]]]:
    """Yield the slots that end in a stretch and hold a figure, by time."""
    assert station.ministry is not None
    first, last = (
        bucket_end(low + timedelta(microseconds=1), SLOT),
        bucket_start(high + timedelta(microseconds=1), SLOT),
    )
    span = {"station": station.station, "low": first - SLOT, "high": last}
    intervals: dict[str, float] = dict(conn.execute(INTERVALS, [station.station]).fetchall())
    others: defaultdict[str, list[OtherInterval]] = defaultdict(list)
    for name, *other in conn.execute(OTHER_INTERVALS, span):
        others[name].append(OtherInterval(*other))
    slots: defaultdict[datetime, dict[str, Figure]] = defaultdict(dict)
    for line in station.ministry.lines:
        for time, readings in _slots(conn, f"{station.station}/{line.channel}", first - SLOT, last).items():
            expected = expected_in(time, intervals[line.channel], others[line.channel])
            found = figure(readings, expected, station.ministry.valid_share, line.kind)
            if found is not None:
                slots[time][line.channel] = found
    yield from sorted(slots.items())


def _slots(conn: Connection, channel: str, low: datetime, high: datetime) -> Mapping[datetime, list[FiledReading]]:
    found: defaultdict[datetime, list[FiledReading]] = defaultdict(list)
    for time, value, state, quality in conn.execute(READINGS, [channel, low, high]):
        found[bucket_end(time, SLOT)].append(FiledReading(value, State.from_word(state), quality))
    return found


def expected_in(time: datetime, interval_s: float, others: list[OtherInterval]) -> float:
    """Return how many readings the slot that ends at `time` should hold; 0.5 where there is one in two slots. Pure.

    Args:
        time: end of the slot.
        interval_s: of the channel now.
        others: when it had another one.
    """
    rest, count = SLOT, 0.0
    for other in others:
        shared = max(timedelta(0), min(time, other.high) - max(time - SLOT, other.low))
        rest -= shared
        count += shared.total_seconds() / other.interval_s
    return count + rest.total_seconds() / interval_s
