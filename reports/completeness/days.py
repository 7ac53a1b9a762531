"""Completeness of days: which share of the expected readings came and counts, by station; the cause of each gap.

Figures are those of `v_daily`. The gaps of a station's day come from its readings, their causes from its events and
from what the centre recorded of itself (`quantrac.telemetry.gaps`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.gaps import EventNote, ExplainedGap, GapCause, OutOfService, ReadingGap, explain
from quantrac.telemetry.local_time import INSTANT, Calendar
from quantrac.telemetry.parameters import HOUSEKEEPING
from reports.spans import BadSpan

LONGEST: Final = timedelta(days=400)
EVENTS_FROM: Final = timedelta(days=1)
"""Mains may have failed so long before a gap."""


def share_of(readings: int, expected: int) -> float | None:
    """Return which share of the expected readings some are, at most 1; None where none is expected. Pure.

    Of those that came the received share (tỉ lệ nhận dữ liệu), of those that count the valid share (tỉ lệ dữ liệu hợp
    lệ): of a channel, of a station, of a day, a month or a year.
    """
    return min(1.0, readings / expected) if expected else None


@dataclass(frozen=True, slots=True)
class StationDay:
    """A local day of a station: readings of all its measured channels but those of the station itself."""

    station: str
    day: date
    expected: int
    """Of channels that had a reading that day, or are expected to."""
    received: int
    counted: int
    """Received and neither failed nor missing. Of no channel and day more than expected, nor of `received`."""

    @property
    def share(self) -> float | None:
        """Return the valid share."""
        return share_of(self.counted, self.expected)


@dataclass(frozen=True, slots=True)
class ChannelDay:
    """A local day of a channel."""

    channel: str
    expected: int
    received: int
    counted: int


@dataclass(frozen=True, slots=True)
class ChannelPeriod:
    """A channel over some days."""

    station: str
    channel: str
    period: date
    """Its first day."""
    expected: int
    received: int
    counted: int


OWN: Final = 'select min("time") as first, max("time") as last from daily where channel_id = c.channel_id'
"""Days with readings of a channel. It counts from the first one on, after the last one while it is active; one that
never sent anything counts since its station is in service. Channels that come and go leave past days as they were."""
MEASURED: Final = """
measured as materialized (
  select c.channel_id, c.channel, c.station, c.active and s.active as active, s.in_service, c.interval_s,
         exists (select from channel_interval i where i.channel_id = c.channel_id) as varied
  from channel c join station s using (station)
  where not c.derived and c.parameter <> all(%(housekeeping)s)
    and (%(stations)s::text[] is null or c.station = any(%(stations)s)))
"""
SUMS: Final = """
count(*) as days, sum(v.expected) as expected, sum(least(v.received, v.expected)) as received,
sum(least(v.count, v.expected)) as counted
"""
EXPECTED: Final = """
sum(case when c.varied then expected_readings(c.channel_id, d.low, d.high)
    else round(extract(epoch from d.high - d.low) / c.interval_s)::int4 end) as expected
"""
"""A channel whose interval never changed needs no function to say what is expected of it."""
SILENT_DAYS: Final = f"""
lacking c cross join lateral ({OWN}) own
join days d on d.low between own.first and own.last
  or c.active and c.in_service < d.high and (own.first is null or d.low > own.last)
where not exists (
  select from daily v
  where v.channel_id = c.channel_id and v.time = d.low and v.time >= %(low)s and v.time < %(high)s)
"""  # a constant
"""Days on which a channel counts and sent nothing."""
DAYS: Final = f"""
with {MEASURED},
days as (
  select * from unnest(%(days)s::date[], %(lows)s::timestamptz[], %(highs)s::timestamptz[]) as d(day, low, high)),
sent as materialized (
  select m.station, v.time as low, {SUMS}
  from daily v join measured m using (channel_id)
  where v.time >= %(low)s and v.time < %(high)s and v.time = any(%(lows)s)
  group by m.station, v.time),
whole as materialized (
  select station
  from (select station, sum(days) as days from sent group by station) k
  join (select station, count(*) as channels from measured group by station) m using (station)
  where k.days = m.channels * cardinality(%(days)s::date[])),
lacking as materialized (
  select m.* from measured m
  where m.station not in (select station from whole) and cardinality(%(days)s::date[]) > (
    select count(*) from daily v
    where v.channel_id = m.channel_id and v.time >= %(low)s and v.time < %(high)s and v.time = any(%(lows)s))),
silent as (
  select c.station, d.low, {EXPECTED} from {SILENT_DAYS} group by c.station, d.low)
select e.station, d.day, sum(e.expected)::int8 as expected, sum(e.received)::int8 as received,
       sum(e.counted)::int8 as counted
from (select station, low, expected, received, counted from sent
      union all select station, low, expected, 0, 0 from silent) e join days d using (low)
group by e.station, d.day order by e.station, d.day
"""  # noqa: S608  # a constant
"""`sent` has the sums of each station and day; channels are looked at only of stations that are not `whole`."""
PERIODS: Final = f"""
with {MEASURED},
days as (
  select * from unnest(%(days)s::date[], %(lows)s::timestamptz[], %(highs)s::timestamptz[], %(periods)s::date[])
    as d(day, low, high, period)),
sent as materialized (
  select v.channel_id, d.period, {SUMS}
  from daily v join measured using (channel_id) join days d on d.low = v.time
  where v.time >= %(low)s and v.time < %(high)s
  group by v.channel_id, d.period),
lacking as materialized (
  select m.* from measured m left join sent k on k.channel_id = m.channel_id
  group by m.channel_id, m.channel, m.station, m.active, m.in_service, m.interval_s, m.varied
  having coalesce(sum(k.days), 0) < cardinality(%(days)s::date[])),
silent as (select c.channel_id, d.period, {EXPECTED} from {SILENT_DAYS} group by c.channel_id, d.period)
select m.station, m.channel, e.period, sum(e.expected)::int8 as expected, sum(e.received)::int8 as received,
       sum(e.counted)::int8 as counted
from (select channel_id, period, expected, received, counted from sent
      union all select channel_id, period, expected, 0, 0 from silent) e join measured m using (channel_id)
group by m.station, m.channel, e.period order by m.station, m.channel, e.period
"""  # noqa: S608
"""The same by channel and period: the days of a period are those with its first day."""
CHANNELS: Final = f"""
select c.channel, coalesce(v.expected, expected_readings(c.channel_id, %(low)s, %(high)s)) as expected,
       coalesce(least(v.received, v.expected), 0) as received, coalesce(least(v.count, v.expected), 0) as counted
from channel c join station s using (station) cross join lateral ({OWN}) own
left join daily v on v.channel_id = c.channel_id and v.time = %(low)s
where c.station = %(station)s and not c.derived and c.parameter <> all(%(housekeeping)s)
  and (%(low)s between own.first and own.last
       or c.active and s.active and s.in_service < %(high)s and (own.first is null or %(low)s > own.last))
order by c.channel
"""  # noqa: S608
GAPS: Final = f"select {columns_of(ReadingGap)} from reading_gaps(%(station)s, %(low)s, %(until)s)"  # noqa: S608  # field names
EVENTS: Final = """
select time, kind, device, coalesce(detail, '') from v_event
where station = %(station)s and time > %(events)s and time <= %(high)s + interval '1 day' order by time, seq, index
"""
DEAF: Final = "select from_t, to_t from v_ingest_health where not healthy and to_t > %(low)s and from_t < %(high)s"
SILENT: Final = """
select begin, "time" from (
  select "time", lag("time", 1, %(low)s) over (order by "time") as begin from (
    select r.time from channel c join reading r using (channel_id)
    where c.station = %(station)s and r.time > %(low)s and r.time <= %(until)s
    union select %(until)s) heard) turn
where "time" - begin > 1.5 * interval '1 second' * (
  select min(interval_s) from channel where station = %(station)s and active and not derived)
"""
OUT_OF_SERVICE: Final = """
select since, coalesce(ended_at, until), device is null, channels from v_out_of_service
where station = %(station)s and since < %(until)s and coalesce(ended_at, until) > %(low)s
"""
KEPT_CAUSES: Final = """
select channel, cause, sum(readings::int8)::int8 from v_completeness
cross join jsonb_each_text(coalesce(causes, jsonb_build_object('unknown', expected - valid))) e(cause, readings)
where station = %(station)s and day between %(first)s and %(last)s group by channel, cause
"""
STATION: Final = "select from station where station = %s"


def station_days(
    conn: Connection, first: date, last: date, now: datetime, stations: frozenset[str] | None = None
) -> list[StationDay]:
    """Return the completeness of days, both inclusive, by station and day; days that are not over are left out.

    `stations` None: all. Raises BadSpan.
    """
    asked = _days_of(conn, first, last, now, stations)
    return rows_of(conn, StationDay, DAYS, asked) if asked["days"] else []


def channel_periods(
    conn: Connection, first: date, last: date, now: datetime, period: Callable[[date], date],
    stations: frozenset[str] | None = None,
) -> list[ChannelPeriod]:  # fmt: skip
    """Return the completeness of days, both inclusive, by channel and period; days that are not over are left out.

    `period` gives the first day of the period of a day. Raises BadSpan.
    """
    asked = _days_of(conn, first, last, now, stations)
    asked["periods"] = [period(day) for day in asked["days"]]
    return rows_of(conn, ChannelPeriod, PERIODS, asked) if asked["days"] else []


def _days_of(
    conn: Connection, first: date, last: date, now: datetime, stations: frozenset[str] | None
) -> dict[str, Any]:
    """Return the days that are over, as the statements take them. Raises BadSpan."""
    if not timedelta(0) <= last - first <= LONGEST:
        raise BadSpan("expected a first day not after the last one, at most 400 days")
    calendar = Calendar(time_zone(conn))
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    spans = [(day, *_span(calendar, day)) for day in every]
    over = [(day, low, high) for day, low, high in spans if high <= now]
    return {
        "days": [day for day, _, _ in over], "lows": [low for _, low, _ in over], "highs": [high for *_, high in over],
        "low": over[0][1] if over else None, "high": over[-1][2] if over else None,
        "housekeeping": _HOUSEKEEPING, "stations": None if stations is None else sorted(stations),
    }  # fmt: skip


def channel_days(conn: Connection, station: str, day: date) -> list[ChannelDay]:
    """Return the completeness of each measured channel of a station on a day. Raises BadSpan."""
    return rows_of(conn, ChannelDay, CHANNELS, _day_of(conn, station, day))


def gaps(conn: Connection, station: str, day: date, now: datetime) -> list[ExplainedGap]:
    """Return the gaps of a station's measured channels on a local day, up to now, with their causes.

    Of the channels that count that day: those of the station itself (housekeeping) only say whether it was heard.
    Raises BadSpan.
    """
    asked = _day_of(conn, station, day)
    return _gaps(conn, {**asked, "until": min(asked["high"], now)})


def gaps_between(conn: Connection, station: str, low: datetime, high: datetime) -> list[ExplainedGap]:
    """Return the gaps of a station's measured channels with their causes, low < t <= high, which is over."""
    asked = {"station": station, "low": low, "high": high, "until": high, "housekeeping": _HOUSEKEEPING}
    return _gaps(conn, asked)


def _gaps(conn: Connection, asked: dict[str, Any]) -> list[ExplainedGap]:
    asked = {**asked, "events": asked["low"] - EVENTS_FROM}
    if asked["until"] <= asked["low"]:
        return []
    found = rows_of(conn, ReadingGap, GAPS, asked)
    events = [EventNote(*row) for row in conn.execute(EVENTS, asked)]
    deaf = [(begin, end) for begin, end in conn.execute(DEAF, asked)]
    silent = [(begin, end) for begin, end in conn.execute(SILENT, asked)]
    out = [
        OutOfService(begin, end, None if is_whole else frozenset(f"{asked['station']}/{name}" for name in names))
        for begin, end, is_whole, names in conn.execute(OUT_OF_SERVICE, asked)
    ]
    counted = {one.channel for one in rows_of(conn, ChannelDay, CHANNELS, asked)}
    return explain([gap for gap in found if gap.channel in counted], events, silent, deaf, out)


def kept_causes(conn: Connection, station: str, first: date, last: date) -> dict[str, dict[GapCause, int]]:
    """Return for each channel of a station how many readings lack on days, both inclusive, by cause.

    As the job `causes` has kept them; what it has not explained yet is unknown.
    """
    found: dict[str, dict[GapCause, int]] = {}
    for channel, cause, readings in conn.execute(KEPT_CAUSES, {"station": station, "first": first, "last": last}):
        found.setdefault(channel, {})[GapCause(cause)] = readings
    return {channel: {cause: by[cause] for cause in GapCause if by.get(cause)} for channel, by in found.items()}


_HOUSEKEEPING: Final = [parameter.id for parameter in HOUSEKEEPING]


def _day_of(conn: Connection, station: str, day: date) -> dict[str, Any]:
    if conn.execute(STATION, [station]).fetchone() is None:
        raise BadSpan("there is no station {station}", station=station)
    low, high = _span(Calendar(time_zone(conn)), day)
    return {"station": station, "low": low, "high": high, "housekeeping": _HOUSEKEEPING}


def _span(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    begin = calendar.midnight(day)
    return begin, calendar.day_end(begin + INSTANT)
