"""The consumer `rollups`: recomputes whole hours from readings and days from hours, with its position.

What a bucket holds depends on the readings alone.

Which readings count: those with a value whose quality is neither fail nor missing, in other words not what was read
while a device was being calibrated, maintained, warmed up, out of range or faulty, nor what a test or a person failed.
A correction in force replaces the value. Suspect readings count, as they do in the means of the edge. Values of 1e100
and more never count, though a person may pass them: their squares overflow, and no roll-up at all would be made. All
sums run in order of time, so that the same readings give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg import sql

from ingest.rollups.buckets import affordable, days, hours, since, stretches
from ingest.spans import Span
from quantrac.database.feed import MOST_CHANGES, Cause, Change, Consumer
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import HOUR, INSTANT, Calendar

NAME: Final = "rollups"
CAUSES: Final = (Cause.READING, Cause.FLAG, Cause.CORRECTION)
CHANNEL_TIME_A_ROUND: Final = timedelta(days=10_000)
"""How much time of channels is made in one transaction: 100 channels of one-minute readings over 100 days."""
ROLLUP_LOCK: Final = 0x5154_0014


def _statement(name: str) -> sql.SQL:
    return sql.SQL(Path(__file__).with_name(name).read_text("utf-8"))


HOURLY: Final = _statement("hourly.sql")
HOURLY_DERIVED: Final = _statement("hourly_derived.sql")
DAILY: Final = _statement("daily.sql")
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
    """Recompute what changed, move the position; return the changes taken (none: nothing to do)."""
    changes = affordable(feed.take(most), CHANNEL_TIME_A_ROUND)
    if changes:
        with conn.transaction():
            calendar = Calendar(time_zone(conn))
            refresh(conn, hours(changes, calendar), calendar)
            feed.advance(changes[-1].id)
    return changes


def make_everything(conn: Connection) -> None:
    """Make all hours and days: what a consumer does that the feed does not know, or not since the time zone changed."""
    cut_anew(conn)
    for _ in rebuild(conn):
        pass


def refresh(conn: Connection, touched: Sequence[Span], calendar: Calendar) -> int:
    """Make these hours, and the days they lie in, from what is stored now; return how many hours were written.

    Inside the caller's transaction, which holds the roll-ups' lock from here to its end: of two that make one bucket
    the later one sees all that the earlier one saw. Hours whose readings were dropped, or some of them, stay.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
    fit = since(touched, _dropped_before(conn), calendar)
    derived = {channel_id for (channel_id,) in conn.execute(DERIVED)}
    raw = [each for each in fit if each.channel_id not in derived]
    made = [each for each in fit if each.channel_id in derived]
    written = sum(_write(conn, HOURLY, some, calendar) for some in stretches(raw, calendar))
    written += sum(_write(conn, HOURLY_DERIVED, some, calendar) for some in stretches(made, calendar))
    if written:
        _write(conn, DAILY, days(fit, calendar), calendar)
    return written


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
        while begin <= last:
            until = calendar.day_end(min(begin + DAYS_A_STATEMENT, last + HOUR))
            every = days([Span(channel_id, begin, until) for channel_id in _channels(conn)], calendar)
            _write(conn, DAILY, every, calendar)
            begin = until


def _channels(conn: Connection) -> list[int]:
    return [channel_id for (channel_id,) in conn.execute("select channel_id from channel order by channel_id")]


def _dropped_before(conn: Connection) -> datetime | None:
    row = conn.execute(DROPPED).fetchone()
    return row[0] if row else None


def _write(conn: Connection, statement: sql.SQL, some: Sequence[Span], calendar: Calendar) -> int:
    if not some:
        return 0
    parameters = {
        "channel_id": [each.channel_id for each in some],
        "low": [each.low for each in some],
        "high": [each.high for each in some],
        "first": min(each.low for each in some),
        "last": max(each.high for each in some),
        "shift": calendar.shift,
    }
    return conn.execute(statement, parameters).rowcount
