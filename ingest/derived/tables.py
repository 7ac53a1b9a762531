"""The SQL of derived channels: rows of the inputs, the values stored already, how far the inputs have come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg import sql

from ingest.derived.values import InputRow, Value
from ingest.spans import Span
from quantrac.database.pool import Connection

INPUTS: Final = sql.SQL(Path(__file__).with_name("inputs.sql").read_text("utf-8"))
NEWEST: Final = """
select c.channel_id, coalesce(r.time, d.time) from unnest(%s::int4[]) as c(channel_id)
left join lateral (
  select r.time from reading r where r.channel_id = c.channel_id order by r.time desc limit 1) r on true
left join lateral (
  select d.time from derived_reading d where d.channel_id = c.channel_id order by d.time desc limit 1) d on true
"""
BEFORE: Final = """
select c.channel_id, c.low, coalesce(r.time, d.time) from unnest(%s::int4[], %s::timestamptz[]) as c(channel_id, low)
left join lateral (
  select r.time from reading r where r.channel_id = c.channel_id and r.time < c.low order by r.time desc limit 1
) r on true
left join lateral (
  select d.time from derived_reading d where d.channel_id = c.channel_id and d.time < c.low order by d.time desc limit 1
) d on true
"""
EXPECTED: Final = """
select label, expected_readings(%s, label - interval '1 hour', label) from unnest(%s::timestamptz[]) as label
"""
STANDING: Final = """
select time, value, state, quality, received_at from derived_reading where channel_id = %s and time between %s and %s
"""
WRITE: Final = """
insert into derived_reading (channel_id, time, value, state, quality, received_at)
select %s, * from unnest(%s::timestamptz[], %s::float8[], %s::int2[], %s::int2[], %s::timestamptz[])
on conflict (channel_id, time) do update set value = excluded.value, state = excluded.state,
  quality = excluded.quality, received_at = excluded.received_at
"""
DROPPED: Final = "select before from dropped where relation = 'reading'"
FORGET: Final = (
    "delete from derived_reading where channel_id = any(%(channels)s) and time > %(since)s",
    "delete from hourly where channel_id = any(%(channels)s) and time >= %(since)s",
    "delete from daily where channel_id = any(%(channels)s) and time >= %(since)s",
)
LOOKS_BACK: Final = timedelta(days=2)
"""No value reaches further back, through all it is made of."""


def rows_of(conn: Connection, windows: Sequence[Span]) -> list[list[InputRow]]:
    """Return the rows of each window, ascending."""
    if not windows:
        return []
    parameters = {
        "channel_id": [each.channel_id for each in windows],
        "low": [each.low for each in windows],
        "high": [each.high for each in windows],
        "first": min(each.low for each in windows),
        "last": max(each.high for each in windows),
    }
    found: list[list[InputRow]] = [[] for _ in windows]
    for number, *row in conn.execute(INPUTS, parameters):
        found[number - 1].append(InputRow(*row))
    return found


def newest(conn: Connection, channels: Iterable[int]) -> dict[int, datetime | None]:
    """Return the time of each channel's newest row; None where it has none."""
    return dict(conn.execute(NEWEST, [sorted(channels)]).fetchall())


def before(conn: Connection, spans: Sequence[Span]) -> dict[tuple[int, datetime], datetime | None]:
    """Return by (channel, beginning of a span) the time of the row before it."""
    rows = conn.execute(BEFORE, [[each.channel_id for each in spans], [each.low for each in spans]])
    return {(channel_id, low): time for channel_id, low, time in rows}


def expected(conn: Connection, channel_id: int, labels: Sequence[datetime]) -> dict[datetime, int]:
    """Return how many readings of a channel are expected in each hour."""
    return dict(conn.execute(EXPECTED, [channel_id, list(labels)]).fetchall())


def standing(conn: Connection, channel_id: int, low: datetime, high: datetime) -> dict[datetime, Value]:
    """Return the derived values that are stored between two times, both inclusive."""
    return {time: Value(*rest) for time, *rest in conn.execute(STANDING, [channel_id, low, high])}


def write(conn: Connection, channel_id: int, values: Mapping[datetime, Value]) -> None:
    """Store derived values, in the place of what stood there."""
    if values:
        times = sorted(values)
        columns = [list(column) for column in zip(*(values[time] for time in times), strict=True)]
        conn.execute(WRITE, [channel_id, times, *columns])


def kept_since(conn: Connection) -> datetime | None:
    """Return up to when values stay as they are, because their readings were dropped; None: none ever were."""
    row = conn.execute(DROPPED).fetchone()
    return row[0] + LOOKS_BACK if row else None


def forget(conn: Connection, channels: Sequence[int], since: datetime | None) -> None:
    """Delete derived values after `since`, and their hours and days, inside the caller's transaction."""
    parameters = {"channels": list(channels), "since": "-infinity" if since is None else since}
    for statement in FORGET:
        conn.execute(statement, parameters)
