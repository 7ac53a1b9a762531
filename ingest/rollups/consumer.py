"""The consumer `rollups`: hours from readings and days from hours, with its position.

What a bucket holds depends on the readings alone. An hour to which only newer readings came goes on from what stands,
which is kept in memory; every other one is recomputed. Days of growing hours are owed, and made for all at once: while
the feed has more they follow within half a minute.

Which readings count: those with a value whose quality is neither fail nor missing, in other words not what was read
while a device was being calibrated, maintained, warmed up, out of range or faulty, nor what a test or a person failed.
A correction in force replaces the value. Suspect readings count, as they do in the means of the edge. Values of 1e100
and more never count, though a person may pass them: their squares overflow, and no roll-up at all would be made. All
sums run in order of time, so that the same readings give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from psycopg import sql

from ingest.books import breaches
from ingest.books.arrivals import microseconds, moment
from ingest.books.breach import breaches_of
from ingest.rollups.buckets import (
    STRETCH,
    GrowingHours,
    Hour,
    Times,
    Touched,
    affordable,
    anew,
    days,
    newest_asked,
    since,
    stretches,
    touched,
)
from ingest.rollups.hour_sums import HourSums, Mask, none
from ingest.rollups.tables import insert, judged_beside, new_readings, standing, update
from ingest.spans import Span
from quantrac.database.columns import array, packed
from quantrac.database.feed import MOST_CHANGES, Cause, Change, Consumer
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.breaches import BreachKind
from quantrac.telemetry.local_time import HOUR, INSTANT, Calendar

NAME: Final = "rollups"
CAUSES: Final = tuple(Cause)
CHANNEL_TIME_A_ROUND: Final = timedelta(days=10_000)
"""How much time of channels is made in one transaction: 100 channels of one-minute readings over 100 days."""
OWED_FOR: Final = timedelta(seconds=30)
"""So long a day may lag behind its growing hours while the feed has more: days cost as much as hours."""
ROLLUP_LOCK: Final = 0x5154_0014
NEVER_US: Final = -(2**62)


def _statement(name: str) -> sql.SQL:
    return sql.SQL(Path(__file__).with_name(name).read_text("utf-8"))


HOURLY: Final = _statement("hourly.sql")
DAILY: Final = _statement("daily.sql")
NEWEST: Final = """
select h.channel_id, h.time, h.newest from unnest(%s::int4[], %s::timestamptz[]) as w(channel_id, time)
join hourly h using (channel_id, time) where h.newest is not null and h.time between %s and %s
"""
OWE: Final = """
insert into owed_day (channel_id, time) select channel_id, %s from unnest(%s::int4[]) channel_id on conflict do nothing
"""
OWED: Final = "select channel_id, time from owed_day order by since, time, channel_id limit %s"
OWED_LONG: Final = "select exists (select from owed_day where since <= clock_timestamp() - %s)"
PAID: Final = """
delete from owed_day o using unnest(%s::int4[], %s::timestamptz[]) as p(channel_id, time)
where o.channel_id = p.channel_id and o.time = p.time
"""
FORGIVEN: Final = "delete from owed_day"
DAYS_A_ROUND: Final = 3_000
"""In the evening a day of 13,000 channels takes seconds: nothing else would be rolled up meanwhile."""
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
SURPLUS: Final = """
select c.station, (extract(epoch from now()) * 1000000)::int8, 0,
       format('%%s: %%s readings of the hour from %%s, %%s expected', c.channel, h.received,
              to_char(h.time at time zone 'UTC', 'YYYY-MM-DD HH24:MI"Z"'), h.expected)
from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[]) as w(channel_id, low, high)
join hourly h on h.channel_id = w.channel_id and h.time >= w.low and h.time < w.high
             and h.time between %(first)s and %(last)s
join channel c on c.channel_id = h.channel_id
where not c.derived and h.received > %(times)s * h.expected + %(beside)s
order by c.channel, h.time
"""
SURPLUS_STAYS: Final = """
update breach b set last_at = greatest(b.last_at, now()) from (
  select station, max(day) as day from breach
  where kind = 'surplus' and station in (select station from channel where channel_id = any(%s::int4[]))
  group by station
) newest where b.kind = 'surplus' and b.station = newest.station and b.day = newest.day
"""
"""An hour is counted once; while it goes on to grow, its breach is not over."""
SURPLUS_TIMES: Final = 3
SURPLUS_BESIDE: Final = 10
"""More readings of an hour than so many times what is expected, and so many beside, no instrument makes."""
FORGET_HOURS: Final = """
delete from hourly h
using unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[]) as w(channel_id, low, high)
where h.channel_id = w.channel_id and h.time >= w.low and h.time < w.high and h.time between %(first)s and %(last)s
"""
EMPTY_DAYS: Final = """
delete from daily d
using unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[]) as w(channel_id, low, high)
where d.channel_id = w.channel_id and d.time = w.low and d.time between %(first)s and %(last)s
  and not exists (select from hourly h where h.channel_id = d.channel_id
                  and h.time > w.low - interval '1 hour' and h.time <= w.high - interval '1 hour'
                  and h.time > %(first)s - interval '1 hour' and h.time <= %(last)s - interval '1 hour')
"""
DAYS_A_STATEMENT: Final = timedelta(days=30)
LONGEST_DAY: Final = timedelta(hours=25)


class RollupRounds:
    """The rounds of a consumer.

    The hours that grow are kept as they were written. Whatever else changes one of them is told by the feed, or shows
    in its newest reading.
    """

    def __init__(self) -> None:
        self._conn: Connection | None = None
        """The connection by which `_hours` and `_owed` were written."""
        self._hours = none()
        """The last hour of each channel, by channel."""
        self._owed: dict[datetime, npt.NDArray[np.int32]] = {}
        """Channels whose day is owed, by the day's beginning."""

    def round_of(self, conn: Connection, feed: Consumer, most: int = MOST_CHANGES) -> list[Change]:
        """Make what changed, move the position; return the changes taken (none: nothing to do)."""
        changes = affordable(feed.take(most), CHANNEL_TIME_A_ROUND)
        if conn is not self._conn:
            self._hours, self._owed = none(), {}
        self._conn = None  # until the transaction is committed
        with conn.transaction():
            calendar = Calendar(time_zone(conn))
            if changes:
                conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
                withdrawn = _spans_withdrawn(conn, changes, calendar)
                for some in withdrawn:  # recomputed of all that is left, or gone
                    conn.execute(FORGET_HOURS, _spans(some))
                self._make(conn, touched(_with_channels(conn, changes), calendar), calendar)
                for some in withdrawn:
                    conn.execute(EMPTY_DAYS, _spans(days(some, calendar)))
                feed.advance(changes[-1].id)
            if not changes or conn.execute(OWED_LONG, [OWED_FOR]).fetchone() == (True,):
                self._pay(conn, calendar)
        self._conn = conn
        return changes

    def _make(self, conn: Connection, found: Touched, calendar: Calendar) -> None:
        """Make the touched hours, and the days of those recomputed; the others' days are owed."""
        growing, hours, kept = self._standing(conn, found.growing)
        late = hours.newest_us >= growing.first_us
        late[judged_beside(conn, hours, growing.last_us)] = True
        dropped = _dropped_before(conn)
        spans = anew(found, _newest(conn, newest_asked(found, calendar)), calendar)
        spans += _until(growing.pick(late), hours.pick(late).newest_us)
        spans = since(sorted(spans), dropped, calendar)
        _write_hours(conn, spans, calendar)
        _write_days(conn, days(spans, calendar))
        came = found.added.union(growing.channel_id[late].tolist())
        go_on = ~late & (hours.newest_us >= (NEVER_US if dropped is None else microseconds(dropped)))
        growing, hours, kept = growing.pick(go_on), hours.pick(go_on), kept[go_on]
        self._hours = self._hours.without(np.array([span.channel_id for span in spans], np.int32))
        if len(hours) and not self._grow(conn, growing, hours, kept):
            self._hours = none()
            self._make(conn, found, calendar)
        else:
            _note_surplus(conn, [span for span in spans if span.channel_id in came])
            self._owe(conn, growing, calendar)

    def _standing(self, conn: Connection, growing: GrowingHours) -> tuple[GrowingHours, HourSums, Mask]:
        """Return hours in another order, as they stand, and whether that was known already."""
        where, is_known = self._hours.find(growing.channel_id, growing.hour_us)
        known, other = np.flatnonzero(is_known), np.flatnonzero(~is_known)
        hours = self._hours.pick(where[known])
        if len(other):
            places, loaded = standing(conn, growing.pick(other))
            other, hours = other[places], hours + loaded
        return growing.pick(np.concatenate([known, other])), hours, np.arange(len(hours)) < len(known)

    def _grow(self, conn: Connection, growing: GrowingHours, hours: HourSums, kept: Mask) -> bool:
        """Add new readings to growing hours; return False if a kept hour differs from its row by now."""
        grown = hours.grown(new_readings(conn, hours, growing.last_us))
        if update(conn, grown.pick(kept), hours.newest_us[kept]) < np.count_nonzero(kept):
            return False
        insert(conn, grown.pick(~kept))
        most = SURPLUS_TIMES * grown.expected + SURPLUS_BESIDE
        over, was_over = (grown.derived == 0) & (grown.received > most), hours.received > most
        crossed, stays = over & ~was_over, over & was_over
        _note_surplus(conn, _until(growing.pick(crossed), grown.newest_us[crossed]))
        if stays.any():
            conn.execute(SURPLUS_STAYS, [packed(grown.channel_id[stays], "int4")])
        self._hours = (self._hours.without(grown.channel_id) + grown).last_of_each()
        return True

    def _owe(self, conn: Connection, growing: GrowingHours, calendar: Calendar) -> None:
        for hour_us in np.unique(growing.hour_us).tolist():
            day = calendar.day_start(moment(hour_us) + HOUR)
            owed = self._owed.get(day, np.zeros(0, np.int32))
            new = np.setdiff1d(growing.channel_id[growing.hour_us == hour_us], owed)
            if len(new):
                conn.execute(OWE, [day, packed(new, "int4")])
                self._owed[day] = np.concatenate([owed, new])

    def _pay(self, conn: Connection, calendar: Calendar) -> None:
        """Make days that are owed, the oldest first."""
        owed = conn.execute(OWED, [DAYS_A_ROUND]).fetchall()
        if not owed:
            return
        conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
        starts = {time: calendar.day_start(time + INSTANT) for _, time in owed}
        ends = {time: calendar.day_end(time + INSTANT) for time in starts}
        _write_days(conn, sorted({Span(channel_id, starts[time], ends[time]) for channel_id, time in owed}))
        conn.execute(PAID, [array(column) for column in zip(*owed, strict=True)])
        for day in starts.keys() & self._owed.keys():
            paid = np.array([channel_id for channel_id, time in owed if time == day], np.int32)
            self._owed[day] = np.setdiff1d(self._owed[day], paid)


def _spans_withdrawn(conn: Connection, changes: Sequence[Change], calendar: Calendar) -> list[list[Span]]:
    """Return the hours from which readings were taken back, by stretches: some may hold no reading any more."""
    spans = [
        Span(channel_id, calendar.hour_start(change.from_t), calendar.hour_end(change.to_t))
        for change in changes if change.cause is Cause.WITHDRAWN
        for channel_id in change.channels
    ]  # fmt: skip
    return stretches(since(spans, _dropped_before(conn), calendar), calendar) if spans else []


def make_everything(conn: Connection, tell: Callable[[float, int], None] = lambda _share, _rows: None) -> None:
    """Make all hours and days: for a consumer that is new or given up, or after the time zone changed."""
    cut_anew(conn)
    first, last = conn.execute(KEPT).fetchone() or (None, None)
    for week, hours in rebuild(conn):
        if first is not None and last is not None:  # else the first readings came only now
            tell(min(1.0, (week + STRETCH - first) / max(last - first, STRETCH)), hours)


def refresh(conn: Connection, some: Sequence[Span], calendar: Calendar) -> int:
    """Make these hours, and the days they lie in, from what is stored now; return how many hours were written.

    Inside the caller's transaction, which holds the roll-ups' lock from here to its end: of two that make one bucket
    the later one sees all that the earlier one saw. Hours whose readings were dropped, or some of them, stay.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", [ROLLUP_LOCK])
    fit = since(some, _dropped_before(conn), calendar)
    written = _write_hours(conn, fit, calendar)
    if written:
        _write_days(conn, days(fit, calendar))
    return written


def _until(growing: GrowingHours, newest_us: Times) -> list[Span]:
    """Return the readings of whole hours, up to the newest of those that are in them and of those added."""
    columns = growing.channel_id, growing.hour_us, np.maximum(growing.last_us, newest_us)
    return [
        Span(channel_id, moment(low), moment(high))
        for channel_id, low, high in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _with_channels(conn: Connection, changes: Sequence[Change]) -> Iterator[Change]:
    """Yield changes with their channels: another configuration may expect another number of readings of each."""
    stations = {change.station for change in changes if not change.channels}
    channels: dict[str, tuple[int, ...]] = {}
    for channel_id, station in conn.execute(OF_STATIONS, [sorted(stations)]) if stations else ():
        channels[station] = (*channels.get(station, ()), channel_id)
    for change in changes:
        yield change if change.channels else change._replace(channels=channels.get(change.station, ()))


def _newest(conn: Connection, asked: Sequence[Hour]) -> dict[Hour, datetime]:
    if not asked:
        return {}
    channels, times = zip(*asked, strict=True)
    rows = conn.execute(NEWEST, [array(channels), array(times), min(times), max(times)])
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
        conn.execute(FORGIVEN)
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


def _write_hours(conn: Connection, anew: Sequence[Span], calendar: Calendar) -> int:
    """Recompute hours from readings; return how many there are."""
    derived = {channel_id for (channel_id,) in conn.execute(DERIVED)} if anew else set()
    written = 0
    for some in stretches(anew, calendar):
        parameters = {
            **_spans(some),
            "derived": array(span.channel_id in derived for span in some),
            "shift": calendar.shift,
        }
        written += conn.execute(HOURLY, parameters).rowcount
    return written


def _write_days(conn: Connection, some: Sequence[Span]) -> None:
    if some:
        conn.execute(DAILY, _spans(some))


def _note_surplus(conn: Connection, some: Sequence[Span]) -> None:
    """Put on record which stations sent far more readings of these hours than their channels make."""
    if some:
        parameters = {**_spans(some), "times": SURPLUS_TIMES, "beside": SURPLUS_BESIDE}
        breaches.store(conn, breaches_of(BreachKind.SURPLUS, conn.execute(SURPLUS, parameters)))


def _spans(some: Sequence[Span]) -> dict[str, object]:
    return {
        "channel_id": array(span.channel_id for span in some),
        "low": array(span.low for span in some),
        "high": array(span.high for span in some),
        "first": min(span.low for span in some),
        "last": max(span.high for span in some),
    }
