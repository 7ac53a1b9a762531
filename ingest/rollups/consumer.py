"""The consumer `rollups`: hours from readings and days from hours, with its position.

What a bucket holds depends on the readings alone. An hour to which only newer readings came goes on from what stands;
every other one is recomputed. Days of growing hours are owed, and made for all at once: while the feed has more they
follow within half a minute.

Which readings count: those with a value whose quality is neither fail nor missing, in other words not what was read
while a device was being calibrated, maintained, warmed up, out of range or faulty, nor what a test or a person failed.
A correction in force replaces the value. Suspect readings count, as they do in the means of the edge. Values of 1e100
and more never count, though a person may pass them: their squares overflow, and no roll-up at all would be made. All
sums run in order of time, so that the same readings give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg import sql

from ingest.rollups.buckets import Hour, Touched, affordable, days, newest_asked, since, stretches, to_read, touched
from ingest.spans import Span
from quantrac.database.feed import MOST_CHANGES, Cause, Change, Consumer
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import HOUR, INSTANT, Calendar

NAME: Final = "rollups"
CAUSES: Final = tuple(Cause)
CHANNEL_TIME_A_ROUND: Final = timedelta(days=10_000)
"""How much time of channels is made in one transaction: 100 channels of one-minute readings over 100 days."""
OWED_FOR: Final = timedelta(seconds=30)
"""So long a day may lag behind its growing hours while the feed has more: days cost as much as hours."""
ROLLUP_LOCK: Final = 0x5154_0014


def _statement(name: str) -> sql.SQL:
    return sql.SQL(Path(__file__).with_name(name).read_text("utf-8"))


HOURLY: Final = _statement("hourly.sql")
DAILY: Final = _statement("daily.sql")
NEWEST: Final = """
select h.channel_id, h.time, h.newest from unnest(%s::int4[], %s::timestamptz[]) as w(channel_id, time)
join hourly h using (channel_id, time) where h.newest is not null and h.time between %s and %s
"""
OWE: Final = """
insert into owed_day (channel_id, time) select * from unnest(%s::int4[], %s::timestamptz[]) on conflict do nothing
"""
OWED: Final = "select channel_id, time from owed_day"
OWED_LONG: Final = "select exists (select from owed_day where since <= clock_timestamp() - %s)"
PAID: Final = "delete from owed_day"
OF_STATIONS: Final = "select channel_id, station from channel where station = any(%s)"
DERIVED: Final = "select channel_id from channel where derived"
DROPPED: Final = "select before from dropped where relation = 'reading'"
KEPT: Final = """
select min(range_start), max(range_end) from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading'
"""
OFF_THE_HOUR: Final = """
delete from hourly where time >= %(since)s and extract(epoch from time - %(shift)s)::bigint %% 3600 <> 0
"""
DAYS_A_STATEMENT: Final = timedelta(days=30)
LONGEST_DAY: Final = timedelta(hours=25)


def round_of(conn: Connection, feed: Consumer, most: int = MOST_CHANGES) -> list[Change]:
    """Make what changed, move the position; return the changes taken (none: nothing to do)."""
    changes = affordable(feed.take(most), CHANNEL_TIME_A_ROUND)
    with conn.transaction():
        calendar = Calendar(time_zone(conn))
        if changes:
            conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
            _make(conn, touched(_with_channels(conn, changes), calendar), calendar)
            feed.advance(changes[-1].id)
        if not changes or conn.execute(OWED_LONG, [OWED_FOR]).fetchone() == (True,):
            _pay(conn, calendar)
    return changes


def make_everything(conn: Connection) -> None:
    """Make all hours and days: what a consumer does that the feed does not know, or not since the time zone changed."""
    cut_anew(conn)
    for _ in rebuild(conn):
        pass


def refresh(conn: Connection, some: Sequence[Span], calendar: Calendar) -> int:
    """Make these hours, and the days they lie in, from what is stored now; return how many hours were written.

    Inside the caller's transaction, which holds the roll-ups' lock from here to its end: of two that make one bucket
    the later one sees all that the earlier one saw. Hours whose readings were dropped, or some of them, stay.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
    fit = since(some, _dropped_before(conn), calendar)
    written = _write_hours(conn, fit, [], calendar)
    if written:
        _write_days(conn, days(fit, calendar))
    return written


def _make(conn: Connection, found: Touched, calendar: Calendar) -> None:
    """Make the touched hours, and the days of those recomputed; the others' days are owed."""
    growing, anew = to_read(found, _newest(conn, newest_asked(found, calendar)), calendar)
    dropped = _dropped_before(conn)
    anew = since(anew, dropped, calendar)
    growing = [span for span in growing if dropped is None or span.low >= dropped]
    _write_hours(conn, anew, growing, calendar)
    _write_days(conn, days(anew, calendar))
    owed = days(growing, calendar)
    conn.execute(OWE, [[span.channel_id for span in owed], [span.low for span in owed]])


def _pay(conn: Connection, calendar: Calendar) -> None:
    """Make the days that are owed."""
    owed = [Span(channel_id, start, start + LONGEST_DAY) for channel_id, start in conn.execute(OWED)]
    if owed:
        conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
        _write_days(conn, days(owed, calendar))
        conn.execute(PAID)


def _with_channels(conn: Connection, changes: Sequence[Change]) -> Iterator[Change]:
    """Yield changes with their channels: another configuration may expect another number of readings of each."""
    stations = {change.station for change in changes if not change.channels}
    channels: dict[str, tuple[int, ...]] = {}
    for channel_id, station in conn.execute(OF_STATIONS, [sorted(stations)]) if stations else ():
        channels[station] = (*channels.get(station, ()), channel_id)
    for change in changes:
        yield change if change.channels else replace(change, channels=channels.get(change.station, ()))


def _newest(conn: Connection, asked: Sequence[Hour]) -> dict[Hour, datetime]:
    if not asked:
        return {}
    channels, times = zip(*asked, strict=True)
    rows = conn.execute(NEWEST, [list(channels), list(times), min(times), max(times)])
    return {(channel_id, time): newest for channel_id, time, newest in rows}


def rebuild(
    conn: Connection, low: datetime | None = None, high: datetime | None = None
) -> Iterator[tuple[datetime, int]]:
    """Recompute every hour and day that holds readings low < t <= high, a week in a transaction, oldest first.

    Yields each week's beginning and the hours written in it. May run beside the consumer, and be stopped and repeated.
    """
    first, last = conn.execute(KEPT).fetchone() or (None, None)
    if first is None or last is None:
        return
    calendar = Calendar(time_zone(conn))
    start = calendar.hour_start(max(first, low or first) + INSTANT)
    end = calendar.hour_end(min(last, high or last))
    every = [Span(channel_id, start, end) for channel_id in _channels(conn)] if start < end else []
    for some in stretches(every, calendar):
        with conn.transaction():
            written = refresh(conn, some, calendar)
        yield some[0].low, written


def cut_anew(conn: Connection) -> None:
    """Put days of another time zone in order: delete them, and make the days of this zone from the hours that are kept.

    Hours that begin at other minutes go, too, as far as their readings are kept: `rebuild` recomputes them. Days whose
    hours were dropped stay as they are.
    """
    calendar = Calendar(time_zone(conn))
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
        first, last = conn.execute("select min(time), max(time) from hourly").fetchone() or (None, None)
        if first is None or last is None:
            return
        conn.execute(OFF_THE_HOUR, {"since": _dropped_before(conn) or "-infinity", "shift": calendar.shift})
        there = [time for (time,) in conn.execute("select distinct time from daily")]
        hours_were_dropped = any(time <= first - LONGEST_DAY for time in there)
        begin = calendar.day_end(first) if hours_were_dropped else calendar.day_start(first + HOUR)
        wrong = [time for time in there if calendar.day_end(time) != time and not (hours_were_dropped and time < begin)]
        if not wrong:
            return
        conn.execute("delete from daily where time = any(%s)", [wrong])
        conn.execute(PAID)
        while begin <= last:
            until = calendar.day_end(min(begin + DAYS_A_STATEMENT, last + HOUR))
            every = days([Span(channel_id, begin, until) for channel_id in _channels(conn)], calendar)
            _write_days(conn, every)
            begin = until


def _channels(conn: Connection) -> list[int]:
    return [channel_id for (channel_id,) in conn.execute("select channel_id from channel order by channel_id")]


def _dropped_before(conn: Connection) -> datetime | None:
    row = conn.execute(DROPPED).fetchone()
    return row[0] if row else None


def _write_hours(conn: Connection, anew: Sequence[Span], growing: Sequence[Span], calendar: Calendar) -> int:
    """Recompute hours from readings, and let others go on with readings newer than all that is in them."""
    derived = {channel_id for (channel_id,) in conn.execute(DERIVED)}
    written = 0
    for some, grown in [*((some, []) for some in stretches(anew, calendar)), (growing, growing)]:
        if some:
            parameters = {
                **_spans(some),
                "derived": [span.channel_id in derived for span in some],
                "grown_id": [span.channel_id for span in grown],
                "grown_time": [calendar.hour_start(span.high) for span in grown],
                "shift": calendar.shift,
            }
            written += conn.execute(HOURLY, parameters).rowcount
    return written


def _write_days(conn: Connection, some: Sequence[Span]) -> None:
    if some:
        conn.execute(DAILY, _spans(some))


def _spans(some: Sequence[Span]) -> dict[str, object]:
    return {
        "channel_id": [span.channel_id for span in some],
        "low": [span.low for span in some],
        "high": [span.high for span in some],
        "first": min(span.low for span in some),
        "last": max(span.high for span in some),
    }
