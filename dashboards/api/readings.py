"""Reads readings of one channel, hours or days: after < time <= until, each with its quality and stage."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from dashboards.api.answers import NotHere
from dashboards.api.cursors import key_of
from dashboards.api.items import BucketReading, Item, RawReading
from dashboards.api.listings import DAY_OF, Page, page_of
from quantrac.database.pool import Connection

Resolution = Literal["raw", "hourly", "daily"]

CHANNEL: Final = "select station, parameter, unit, interval_s from v_channel where channel = %s"
_STAGES: Final = """
with stages as materialized (
  select "time", stage from v_stage
  where channel = %(channel)s and "time" > %(low)s::timestamptz - interval '2 days' and "time" <= %(high)s)
"""
EDGE: Final = "select reading_time_at(%(channel)s, %(low)s, %(high)s, %(limit)s, false)"
"""Time of the last reading of a page: what comes after it need not be read."""
RAW: Final = f"""
{_STAGES}
select v.time, v.value, v.quality, coalesce(g.stage, 'raw'), v.raw_value, v.state,
       coalesce(w.tests, '{{}}')::text, w.score, w.words, w.words_en, w.verdict, w.reason
from judged_readings(%(channel)s, %(low)s, %(high)s) v cross join (select time_zone from network) n
left join reading_words(%(channel)s, %(low)s, %(high)s, null) w on w."time" = v.time
left join stages g on g."time" = {DAY_OF.format("v.time")}
order by v.time limit %(limit)s
"""  # noqa: S608  # fragments of ours
_BUCKETS: Final = """
{stages}
select v.time, v.value, case when v.value is null then 9 when v.valid then 1 else 3 end, coalesce(g.stage, 'raw'),
       {end}, v.mean, v.min, v.max, v.sd, v.count, v.expected, v.completeness, v.valid
from {view} v cross join (select time_zone from network) n
left join stages g on g."time" = {day}
where v.channel = %(channel)s and v.time > %(low)s and v.time <= %(high)s
order by v.time limit %(limit)s
"""
_DAY: Final = "date_trunc('day', v.time at time zone n.time_zone)"
BUCKETS: Final = {
    "hourly": _BUCKETS.format(
        stages=_STAGES, view="v_hourly", end="v.time + interval '1 hour'", day=f"{_DAY} at time zone n.time_zone"
    ),
    "daily": _BUCKETS.format(
        stages=_STAGES, view="v_daily", end=f"({_DAY} + interval '1 day') at time zone n.time_zone", day="v.time"
    ),
}
ITEM: Final[dict[Resolution, Item]] = {"raw": RawReading, "hourly": BucketReading, "daily": BucketReading}


class AskedReadings(NamedTuple):
    """What is asked for: after < time <= until of one channel."""

    channel: str
    after: datetime
    until: datetime
    resolution: Resolution


class ChannelFacts(NamedTuple):
    """What holds for all readings of an answer."""

    station: str
    parameter: str
    unit: str
    interval_s: float


def channel_of(conn: Connection, channel: str, stations: frozenset[str] | None) -> ChannelFacts:
    """Return what holds for a channel. Raises NotHere for one that is not there or not for whoever asks."""
    row = conn.execute(CHANNEL, [channel]).fetchone()
    if row is None or (stations is not None and row[0] not in stations):
        raise NotHere(f"channel: found {channel}, expected one of /api/v1/channels")
    return ChannelFacts(*row)


def read_readings(conn: Connection, asked: AskedReadings, limit: int, cursor: str | None) -> Page:
    """Return a page of readings, the oldest first. Raises BadCursor."""
    low = asked.after if cursor is None else max(asked.after, _behind(cursor))
    values: dict[str, Any] = {"channel": asked.channel, "low": low, "high": asked.until, "limit": limit + 1}
    item = ITEM[asked.resolution]
    if asked.resolution == "raw":
        (edge,) = conn.execute(EDGE, values).fetchone() or (None,)
        rows = conn.execute(RAW, values if edge is None else {**values, "high": edge})
    else:
        rows = conn.execute(BUCKETS[asked.resolution], values)
    return page_of([item(*row) for row in rows], limit, ("time",))


def _behind(cursor: str) -> datetime:
    (time,) = key_of(cursor, (datetime,))
    assert isinstance(time, datetime)
    return time
