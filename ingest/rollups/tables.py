"""The SQL of hours that grow: the sums that stand, the readings that are new, and the sums that stand then."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

import numpy as np

from ingest.books.arrivals import moment
from ingest.rollups.buckets import STRETCH, GrowingHours
from ingest.rollups.hour_sums import KINDS, VECTOR, Floats, HourSums, NewReadings, Places, Times
from ingest.stored_readings import read_windows
from quantrac.database.columns import PackedArray, packed, read_columns
from quantrac.database.pool import Connection
from quantrac.telemetry.local_time import INSTANT

TYPES: Final = {
    "channel_id": "int4", "hour_us": "timestamptz", "kind": "int2", "derived": "int2", "newest_us": "timestamptz",
    "last": "float8", "min": "float8", "max": "float8", "total": "float8", "east": "float8", "north": "float8",
    "count": "int4", "received": "int4", "expected": "int4",
    "pivot": "float8", "offsets": "float8", "squares": "float8",
}  # fmt: skip
"""Of the fields of `HourSums`."""
STANDING: Final = """
select w.nr::int4 - 1 as place, w.channel_id, w.time as hour_us,
       (array_position(%(kinds)s::text[], c.kind) - 1)::int2 as kind, c.derived::int4::int2 as derived,
       coalesce(h.newest, w.time) as newest_us, coalesce(h.value, 'NaN') as last, coalesce(h.min, 'NaN') as min,
       coalesce(h.max, 'NaN') as max, coalesce(h.total, 'NaN') as total,
       coalesce(h.east, 'NaN') as east, coalesce(h.north, 'NaN') as north, coalesce(h.count, 0) as count,
       coalesce(h.received, 0) as received,
       coalesce(h.expected, expected_readings(w.channel_id, w.time, w.time + interval '1 hour')) as expected,
       coalesce(h.pivot, 'NaN') as pivot, coalesce(h.offsets, 'NaN') as offsets, coalesce(h.squares, 'NaN') as squares
from unnest(%(channel_id)s::int4[], %(hour)s::timestamptz[]) with ordinality as w(channel_id, time, nr)
join channel c using (channel_id)
left join hourly h on h.channel_id = w.channel_id and h.time = w.time and h.newest is not null
                  and h.time between %(first)s and %(last)s
order by w.nr
"""
BESIDE: Final = """
with w as materialized (
  select * from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[])
                with ordinality as w(channel_id, low, high, nr)
)
select w.nr::int4 - 1 as place
from w join reading_flag f on f.channel_id = w.channel_id and f.time > w.low and f.time <= w.high
union all
select w.nr::int4 - 1
from w join correction k on k.channel_id = w.channel_id and k.time > w.low and k.time <= w.high
where k.approved_at is not null and k.revoked_at is null
"""
NEW: Final = (
    "case when quality_of(r.state, r.tests) <= 3 and abs(r.value) < 1e100 then r.value else 'NaN' end as value",
    "reading",
)
NEW_DERIVED: Final = (
    "case when r.quality <= 3 and abs(r.value) < 1e100 then r.value else 'NaN' end as value",
    "derived_reading",
)
PARTS: Final = """
select sind(v) as east, cosd(v) as north from unnest(%(value)s::float8[]) with ordinality as w(v, nr) order by nr
"""
DIRECTIONS: Final = """
select coalesce(
  case when sqrt(east * east + north * north) > 1e-9 * count  -- else they cancel out: no direction is left
  then atan2d(east, north) + case when atan2d(east, north) < 0 then 360 else 0 end end, 'NaN') as value
from unnest(%(east)s::float8[], %(north)s::float8[], %(count)s::int4[]) with ordinality as w(east, north, count, nr)
order by nr
"""
WRITTEN: Final = {
    "channel_id": "int4", "time": "timestamptz", "value": "float8", "mean": "float8", "min": "float8", "max": "float8",
    "sd": "float8", "total": "float8", "east": "float8", "north": "float8", "count": "int4", "received": "int4",
    "expected": "int4", "newest": "timestamptz", "pivot": "float8", "offsets": "float8", "squares": "float8",
}  # fmt: skip
"""Columns of `hourly`."""
_ARRAYS: Final = ", ".join(f"%({name})s::{word}[]" for name, word in WRITTEN.items())
_AFTER_KEY: Final = [name for name in WRITTEN if name not in {"channel_id", "time"}]
UPDATE: Final = f"""
update hourly h set {", ".join(f"{name} = w.{name}" for name in _AFTER_KEY if name != "expected")}
from unnest({_ARRAYS}, %(stood)s::timestamptz[]) as w({", ".join(WRITTEN)}, stood)
where h.channel_id = w.channel_id and h.time = w.time and h.newest = w.stood and h.time between %(first)s and %(last)s
"""  # noqa: S608  # our own columns
INSERT: Final = f"""
insert into hourly ({", ".join(WRITTEN)}) select * from unnest({_ARRAYS})
on conflict (channel_id, time) do update set {", ".join(f"{name} = excluded.{name}" for name in _AFTER_KEY)}
"""  # noqa: S608


def standing(conn: Connection, growing: GrowingHours) -> tuple[Places, HourSums]:
    """Return hours as they stand; one that is not there holds nothing.

    Returns the places of the hours in `growing` (those of channels that there are), and the hours.
    """
    parameters = {
        "channel_id": packed(growing.channel_id, "int4"),
        "hour": packed(growing.hour_us, "timestamptz"),
        "kinds": list(KINDS),
        **_ends(growing.hour_us, growing.hour_us),
    }
    found = read_columns(conn, STANDING, parameters, {"place": "int4"} | TYPES)
    return found.pop("place").astype(np.intp), HourSums(**found)


def judged_beside(conn: Connection, hours: HourSums, last_us: Times) -> Places:
    """Return the places of hours with findings, verdicts or corrections on readings newer than all in them."""
    parameters = {
        "channel_id": packed(hours.channel_id, "int4"),
        "low": packed(hours.newest_us, "timestamptz"),
        "high": packed(last_us, "timestamptz"),
    }
    return read_columns(conn, BESIDE, parameters, {"place": "int4"})["place"].astype(np.intp)


def new_readings(conn: Connection, hours: HourSums, last_us: Times) -> NewReadings:
    """Return the readings newer than all in the hours, up to a time of each; none has anything beside it."""
    stretch = hours.hour_us // (STRETCH // INSTANT)  # a chunk holds one
    pieces = [
        _some_new(conn, table, hours, last_us, np.flatnonzero((stretch == each) & (hours.derived == derived)))
        for derived, table in ((0, NEW), (1, NEW_DERIVED))
        for each in np.unique(stretch[hours.derived == derived])
    ]
    place, time_us, value = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.argsort(place, kind="stable")
    place, time_us, value = place[order], time_us[order], value[order]
    east, north = np.full((2, len(value)), np.nan)
    vectors = np.flatnonzero((hours.kind[place] == VECTOR) & ~np.isnan(value))
    if len(vectors):
        parts = read_columns(
            conn, PARTS, {"value": packed(value[vectors], "float8")}, {"east": "float8", "north": "float8"}
        )
        east[vectors], north[vectors] = parts["east"], parts["north"]
    return NewReadings(place, time_us, value, east, north)


def _some_new(
    conn: Connection, table: tuple[str, str], hours: HourSums, last_us: Times, own: Places
) -> tuple[Places, Times, Floats]:
    windows = hours.channel_id[own], hours.newest_us[own] + 1, last_us[own]
    found = read_windows(conn, table, windows, {"value": "float8"})
    return own[found["place"]], found["time_us"], found["value"]


def update(conn: Connection, hours: HourSums, stood_us: Times) -> int:
    """Update the hours whose newest reading is still the known one; return how many that were."""
    if not len(hours):
        return 0
    parameters = {"stood": packed(stood_us, "timestamptz"), **_ends(hours.hour_us, hours.hour_us)}
    return conn.execute(UPDATE, _columns(conn, hours) | parameters, prepare=False).rowcount


def insert(conn: Connection, hours: HourSums) -> None:
    """Write hours, in the place of what stands."""
    if len(hours):
        conn.execute(INSERT, _columns(conn, hours.pick(np.lexsort((hours.hour_us, hours.channel_id)))), prepare=False)


def _columns(conn: Connection, hours: HourSums) -> dict[str, PackedArray]:
    value, mean = hours.value, hours.mean
    vectors = np.flatnonzero(hours.kind == VECTOR)
    if len(vectors):
        parameters = {name: packed(getattr(hours, name)[vectors], TYPES[name]) for name in ("east", "north", "count")}
        value[vectors] = mean[vectors] = read_columns(conn, DIRECTIONS, parameters, {"value": "float8"})["value"]
    columns = {each.name: getattr(hours, each.name) for each in fields(hours)}
    columns |= {"time": hours.hour_us, "newest": hours.newest_us, "value": value, "mean": mean, "sd": hours.sd}
    return {
        name: packed(columns[name], word, np.isnan(columns[name]) if word == "float8" else None)
        for name, word in WRITTEN.items()
    }


def _ends(low: Times, high: Times) -> dict[str, object]:
    return {"first": moment(int(low.min())), "last": moment(int(high.max()))}
