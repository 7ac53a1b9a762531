"""The SQL of derived channels: rows of the inputs, the values stored already, how far the inputs have come."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan
from pathlib import Path
from typing import Any, Final

import numpy as np

from ingest.books.arrivals import microseconds, moment
from ingest.derived.values import InputRow, Value
from ingest.spans import Span
from quantrac.database.columns import PackedArray, packed, read_columns
from quantrac.database.pool import Connection
from quantrac.quality.suspicion import DOUBTING

INPUTS: Final = Path(__file__).with_name("inputs.sql").read_text("utf-8")
COLUMNS: Final = {
    "place": "int4", "time": "timestamptz", "value": "float8", "state": "int2", "quality": "int2",
    "received_at": "timestamptz", "undoubted": "int2", "waits": "int2",
}  # fmt: skip
KEY: Final = ("int4", "timestamptz")
WINDOW: Final = ("timestamptz", "timestamptz")
VALUE: Final = ("float8", "int2", "int2", "timestamptz", "int2")
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
select channel_id, label, expected_readings(channel_id, label - interval '1 hour', label)
from unnest(%s::int4[], %s::timestamptz[]) as w(channel_id, label)
"""
STANDING: Final = """
select d.channel_id, d.time, d.value, d.state, d.quality, d.received_at, d.undoubted
from unnest(%s::int4[], %s::timestamptz[]) as w(channel_id, time) join derived_reading d using (channel_id, time)
where d.time between %s and %s
"""
WRITE: Final = """
insert into derived_reading (channel_id, time, value, state, quality, received_at, undoubted)
select channel_id, time, value, state, quality, received_at, nullif(undoubted, 0)
from unnest(%s::int4[], %s::timestamptz[], %s::float8[], %s::int2[], %s::int2[], %s::timestamptz[], %s::int2[])
     as v(channel_id, time, value, state, quality, received_at, undoubted)
on conflict (channel_id, time) do update set value = excluded.value, state = excluded.state,
  quality = excluded.quality, received_at = excluded.received_at,
  undoubted = excluded.undoubted
"""
KEYS: Final = """
select d.channel_id, d.time
from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[]) as w(channel_id, low, high)
join derived_reading d on d.channel_id = w.channel_id and d.time between w.low and w.high
where d.time between %(first)s and %(last)s and d.time > coalesce(%(kept)s, '-infinity'::timestamptz)
"""
DELETE: Final = """
delete from derived_reading d using unnest(%s::int4[], %s::timestamptz[]) as w(channel_id, time)
where d.channel_id = w.channel_id and d.time = w.time and d.time between %s and %s
"""
DROPPED: Final = "select before from dropped where relation = 'reading'"
FORGET: Final = (
    "delete from derived_reading where channel_id = any(%(channels)s) and time > %(since)s",
    "delete from hourly where channel_id = any(%(channels)s) and time >= %(since)s",
    "delete from daily where channel_id = any(%(channels)s) and time >= %(since)s",
)
LOOKS_BACK: Final = timedelta(days=2)
"""No value reaches further back, through all it is made of."""

Key = tuple[int, datetime]
"""A value of a channel: channel_id, time."""


def rows_of(conn: Connection, windows: Sequence[Span]) -> list[list[InputRow]]:
    """Return the rows of each window, ascending."""
    if not windows:
        return []
    parameters = {
        **dict(zip(("channel_id", "low", "high"), _arrays(windows, ("int4", *WINDOW)), strict=True)),
        "first": min(each.low for each in windows),
        "last": max(each.high for each in windows),
        "suspecting": sorted(DOUBTING),
    }
    columns = read_columns(conn, INPUTS, parameters, COLUMNS)
    moments = {us: moment(us) for us in {*columns["time"].tolist(), *columns["received_at"].tolist()}}  # they are few
    found: list[list[InputRow]] = [[] for _ in windows]
    for place, time_us, value, state, quality, received_us, undoubted, waits in zip(
        *(columns[name].tolist() for name in COLUMNS), strict=True
    ):
        known = None if isnan(value) else value
        received_at = moments[received_us]
        found[place].append(InputRow(moments[time_us], known, state, quality, received_at, undoubted, bool(waits)))
    return found


def newest(conn: Connection, channels: Iterable[int]) -> dict[int, datetime | None]:
    """Return the time of each channel's newest row; None where it has none."""
    return dict(conn.execute(NEWEST, [sorted(channels)]).fetchall())


def before(conn: Connection, spans: Sequence[Span]) -> dict[Key, datetime | None]:
    """Return by channel and beginning of a span the time of the row before it."""
    rows = conn.execute(BEFORE, _arrays([(each.channel_id, each.low) for each in spans], KEY))
    return {(channel_id, low): time for channel_id, low, time in rows}


def expected(conn: Connection, hours: Collection[Key]) -> dict[Key, int]:
    """Return how many readings of a channel are expected in the hour with this end."""
    rows = conn.execute(EXPECTED, _arrays(hours, KEY)) if hours else ()
    return {(channel_id, label): count for channel_id, label, count in rows}


def standing(conn: Connection, keys: Collection[Key]) -> dict[Key, Value]:
    """Return those of these derived values that are stored."""
    if not keys:
        return {}
    times = [time for _, time in keys]
    rows = conn.execute(STANDING, [*_arrays(keys, KEY), min(times), max(times)])
    return {(channel_id, time): Value(*rest) for channel_id, time, *rest in rows}


def write(conn: Connection, values: Mapping[Key, Value]) -> None:
    """Store derived values, in the place of what stood there."""
    if values:
        conn.execute(WRITE, _arrays([(*key, *values[key]) for key in sorted(values)], KEY + VALUE))


def keys_in(conn: Connection, spans: Sequence[Span], kept: datetime | None) -> set[Key]:
    """Return the derived values that are stored in spans, both ends inclusive, and later than `kept`."""
    if not spans:
        return set()
    first, last = min(each.low for each in spans), max(each.high for each in spans)
    columns = dict(zip(("channel_id", "low", "high"), _arrays(spans, ("int4", *WINDOW)), strict=True))
    return set(conn.execute(KEYS, {**columns, "first": first, "last": last, "kept": kept}).fetchall())


def delete(conn: Connection, keys: Collection[Key]) -> None:
    """Delete derived values."""
    if keys:
        times = [time for _, time in keys]
        conn.execute(DELETE, [*_arrays(keys, KEY), min(times), max(times)])


def _arrays(rows: Collection[tuple[Any, ...]], words: Sequence[str]) -> list[PackedArray]:
    """Return the columns of rows, which have these types, as arrays."""
    return [_array(column, word) for column, word in zip(zip(*rows, strict=True), words, strict=True)]


def _array(column: Sequence[Any], word: str) -> PackedArray:
    if word == "timestamptz":
        return packed(np.array([microseconds(each) for each in column], np.int64), word)
    if word == "float8":
        values = np.array(column, np.float64)  # None becomes NaN
        return packed(values, word, np.isnan(values))
    return packed(np.array([each or 0 for each in column], np.int64), word)


def kept_since(conn: Connection) -> datetime | None:
    """Return up to when values stay as they are, because their readings were dropped; None: none ever were."""
    row = conn.execute(DROPPED).fetchone()
    return row[0] + LOOKS_BACK if row else None


def forget(conn: Connection, channels: Sequence[int], since: datetime | None) -> None:
    """Delete derived values after `since`, and their hours and days, inside the caller's transaction."""
    parameters = {"channels": list(channels), "since": "-infinity" if since is None else since}
    for statement in FORGET:
        conn.execute(statement, parameters)
