"""Reads a stretch of a channel for its chart: readings, hours or days by its length, at most 2,000 points, gaps kept.

Each kind of bad reading keeps its own name: suspect, failed, aside (maintenance, calibration), missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone

POINTS: Final = 2000
"""Of a series at most: more than a chart has pixels."""
MOST_READ: Final = 20_000
"""Readings that a chart is made of at most; beyond them it is made of hours or days."""
LONGEST: Final = timedelta(days=5 * 366)
HOURS: Final = (1, 2, 3, 4, 6, 12)
"""That a point of hourly values may stand for: a local day has a whole number of them."""

Resolution = Literal["readings", "hourly", "daily"]

CHANNEL: Final = "select interval_s, kind from v_channel where channel = %s"
BUCKET: Final = "date_bin(%(width)s, time, '1970-01-01 00:00:00.000001+00')"
"""Readings of one bucket have one of it, as of `bucket_end`, which took longer than all else when asked of each."""
BY_KIND: Final = """case %(kind)s
         when 'vector' then degrees(atan2(avg(sind({of})), avg(cosd({of}))))
         when 'sum' then sum({of})
         when 'last' then last({of}, time) filter (where {of} is not null)
         else sum({of}) / nullif(count({of}), 0) end"""
"""The value of readings by kind. A mean is a sum by a count: `avg` squares, and a square of 1e200 is none."""
BY_KIND_OF_HOURS: Final = """case %(kind)s
         when 'vector' then degrees(atan2(sum(sind(value) * count), sum(cosd(value) * count)))
         when 'sum' then sum(value)
         when 'last' then last(value, time) filter (where value is not null)
         else sum(value * count) / nullif(sum(count) filter (where value is not null), 0) end"""
"""The same for hourly and daily values."""
SERIES: Final = f"""
select extract(epoch from bucket_end(min(time), %(width)s))::float8 as t,
       {BY_KIND.format(of="good")},
       min(good), max(good),
       max(value) filter (where quality = 3),
       max(value) filter (where quality = 4 and not is_aside),
       max(value) filter (where quality = 4 and is_aside),
       case when bool_or(is_aside and state = 'cal') then 'cal' when bool_or(is_aside) then 'maint'
            when count(value) = 0 then 'missing' end
from (
  select time, value, quality, state, case when quality <= 2 then value end as good,
         quality > 2 and state in ('cal', 'maint', 'warmup') as is_aside
  from judged_readings(%(channel)s, %(since)s, %(until)s)) judged
group by {BUCKET} order by t
"""  # noqa: S608 (fragments of ours)
_ROLLED: Final = """
select extract(epoch from {start} + %(width)s / 2)::float8 as t,
       {by_kind},
       min(min), max(max), null::float8, null::float8, null::float8,
       case when sum(received) = 0 then 'missing' when not bool_and(valid) and max(time) < %(whole)s then 'partial' end
from {view} where channel = %(channel)s and time >= %(since)s and time < %(until)s
group by t order by t
"""
ROLLED: Final = {
    "hourly": _ROLLED.format(view="v_hourly", start="date_bin(%(width)s, time, %(origin)s)", by_kind=BY_KIND_OF_HOURS),
    "daily": _ROLLED.format(view="v_daily", start="time", by_kind=BY_KIND_OF_HOURS),
}
WITHOUT_BAND: Final = ("vector", "sum")
"""Kinds of which the least and greatest reading say nothing beside the value of a longer time."""

RANGES: Final = (24.0, 3.0, 0.25)
"""Hours with which a station's charts may open."""
REACHES: Final = """
select exists (
  select from v_channel c cross join lateral (
    select from v_reading r where r.channel = c.channel and r.time > %(day)s and r.time <= %(ago)s limit 1) seen
  where c.station = %(station)s and not c.derived)
"""


class ChartPlan(NamedTuple):
    """Of what the points of a chart are made."""

    resolution: Resolution
    width: timedelta
    """What a point stands for; of readings a whole number of their intervals, so that each sum is of as many."""


def opening_hours(conn: Connection, station: str, now: datetime) -> float:
    """Return the range with which a station's charts open: a day, as soon as its readings reach back an hour.

    On a fresh system the shortest range that holds most of what there is: half an hour is mostly in the last quarter.
    """
    for hours, ago in zip(RANGES, (timedelta(hours=1), timedelta(minutes=30)), strict=False):
        row = conn.execute(REACHES, {"station": station, "day": now - timedelta(days=1), "ago": now - ago}).fetchone()
        if row == (True,):
            return hours
    return RANGES[-1]


def plan_of(span: timedelta, interval: timedelta) -> ChartPlan:
    """Return of what a chart of a span is made, for a channel that is read at an interval. Pure."""
    if span / interval <= MOST_READ:
        return ChartPlan("readings", interval * max(1, math.ceil(span / POINTS / interval)))
    for hours in HOURS:
        if span / timedelta(hours=hours) <= POINTS:
            return ChartPlan("hourly", timedelta(hours=hours))
    return ChartPlan("daily", timedelta(days=1))


def read_series(conn: Connection, channel: str, since: datetime, until: datetime) -> dict[str, Any] | None:
    """Return the columns of `columns`, of since < time <= until. None for a channel that does not exist.

    With them `resolution` and `width_s`, the seconds that a point stands for. A point of readings stands at the end of
    what it covers, as readings do; one of hours or days in the middle.
    """
    found = conn.execute(CHANNEL, [channel]).fetchone()
    if found is None:
        return None
    interval_s, kind = found
    plan = plan_of(until - since, timedelta(seconds=interval_s))
    values = {"channel": channel, "kind": kind, "width": plan.width, "since": since, "until": until}
    if plan.resolution == "readings":
        rows = conn.execute(SERIES, values).fetchall()
    else:
        origin = _midnight(since, time_zone(conn))
        values |= {"origin": origin, "since": origin + (since - origin) // plan.width * plan.width}
        values["whole"] = until - plan.width  # what is not over yet lacks readings without any being lost
        rows = conn.execute(ROLLED[plan.resolution], values).fetchall()
    if kind == "vector":
        rows = [(t, value % 360 if value is not None else None, *rest) for t, value, *rest in rows]
    width_s = plan.width.total_seconds()
    has_band = kind not in WITHOUT_BAND or plan.width.total_seconds() <= interval_s
    drawn = columns(rows if has_band else [without_band(row) for row in rows], width_s, plan.resolution)
    return drawn | {"resolution": plan.resolution, "width_s": width_s}


def columns(rows: Sequence[Sequence[Any]], width_s: float, resolution: Resolution = "readings") -> dict[str, Any]:
    """Turn rows into columns, with a row of nulls in every gap. Pure.

    Columns `t` (seconds), `mean`, `low`, `high` of the good readings, `suspect`, `fail` and `aside` (of maintenance and
    calibration). `spells`: `[from, to, kind]` with kind `cal`, `maint`, `missing` or `partial` (a mean of less than
    what makes it valid). A gap is where nothing came for three widths of readings, or for one hour or day.
    """
    names = ("t", "mean", "low", "high", "suspect", "fail", "aside")
    open_gaps: list[Sequence[Any]] = []
    longest_s = width_s * (3 if resolution == "readings" else 1.5)
    for row in rows:
        if open_gaps and row[0] - open_gaps[-1][0] > longest_s:
            open_gaps.append((open_gaps[-1][0] + width_s, *[None] * 6, "missing"))
        open_gaps.append(row)
    before_s = width_s if resolution == "readings" else width_s / 2
    return {name: [row[i] for row in open_gaps] for i, name in enumerate(names)} | {
        "spells": list(_spells(open_gaps, before_s, width_s - before_s))
    }


def _spells(rows: Sequence[Sequence[Any]], before_s: float, after_s: float) -> Iterator[tuple[float, float, str]]:
    """Yield stretches of one kind; a point covers so much before and after its time, a missing one up to the next."""
    spell: tuple[float, float, str] | None = None
    for at, row in enumerate(rows):
        kind = row[7]
        end = row[0] + after_s
        if kind == "missing" and at + 1 < len(rows):
            end = max(end, rows[at + 1][0] - before_s)
        if spell is not None and spell[2] == kind and row[0] - before_s <= spell[1] + 2 * (before_s + after_s):
            spell = (spell[0], end, kind)
            continue
        if spell is not None:
            yield spell
        spell = None if kind is None else (row[0] - before_s, end, kind)
    if spell is not None:
        yield spell


def without_band(row: Sequence[Any]) -> Sequence[Any]:
    """Return a row whose least and greatest value are its value: the height of the chart follows from them."""
    return (row[0], row[1], row[1], row[1], *row[4:])


def _midnight(time: datetime, zone: ZoneInfo) -> datetime:
    return time.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
