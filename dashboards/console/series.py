"""Reads a channel's last hours for its chart: at most one point a minute, gaps kept as gaps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from quantrac.database.pool import Connection

POINTS: Final = 1440
"""A day in minutes: more points than a chart has pixels."""

CHANNEL: Final = "select interval_s from v_channel where channel = %s"
SERIES: Final = """
select extract(epoch from bucket_end(time, %(width)s))::float8 as t,
       avg(value order by time) filter (where quality <= 2), min(value) filter (where quality <= 2),
       max(value) filter (where quality <= 2), avg(value order by time) filter (where quality between 3 and 8)
from v_reading where channel = %(channel)s and time > %(since)s
group by t order by t
"""

RANGES: Final = (24.0, 3.0, 0.25)
"""Hours that a station's charts may show."""
REACHES: Final = """
select exists (
  select from v_channel c cross join lateral (
    select from v_reading r where r.channel = c.channel and r.time > %(day)s and r.time <= %(ago)s limit 1) seen
  where c.station = %(station)s and not c.derived)
"""


def opening_hours(conn: Connection, station: str, now: datetime) -> float:
    """Return the range with which a station's charts open: a day, as soon as its readings reach back an hour.

    On a fresh system the shortest range that holds most of what there is: half an hour is mostly in the last quarter.
    """
    for hours, ago in zip(RANGES, (timedelta(hours=1), timedelta(minutes=30)), strict=False):
        row = conn.execute(REACHES, {"station": station, "day": now - timedelta(days=1), "ago": now - ago}).fetchone()
        if row == (True,):
            return hours
    return RANGES[-1]


def read_series(conn: Connection, channel: str, hours: float, now: datetime) -> dict[str, Any] | None:
    """Return columns `t` (seconds), `mean`, `low`, `high` of the good readings and `doubtful` (mean of the others).

    With them `hours` as asked and `width_s`, the seconds that a point stands for.
    Where no reading came for three widths a row of nulls keeps the gap open. None for a channel that does not exist.
    """
    found = conn.execute(CHANNEL, [channel]).fetchone()
    if found is None:
        return None
    span = timedelta(hours=hours)
    width = max(timedelta(seconds=found[0]), span / POINTS)
    rows = conn.execute(SERIES, {"channel": channel, "width": width, "since": now - span}).fetchall()
    return {**columns(rows, width.total_seconds()), "hours": hours}


def columns(rows: list[tuple[Any, ...]], width_s: float) -> dict[str, Any]:
    """Turn rows into columns, with a row of nulls in every gap."""
    open_gaps: list[tuple[Any, ...]] = []
    for row in rows:
        if open_gaps and row[0] - open_gaps[-1][0] > 3 * width_s:
            open_gaps.append((open_gaps[-1][0] + width_s, None, None, None, None))
        open_gaps.append(row)
    names = ("t", "mean", "low", "high", "doubtful")
    return {name: [row[i] for row in open_gaps] for i, name in enumerate(names)} | {"width_s": width_s}
