"""A year of six stations at one minute: its size, and the time of the queries behind dashboard and console.

Generated once into a private cluster and removed afterwards: some 6 GB of disk and several minutes.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.grafana_queries import expand, queries_of
from benchmarks.servers import PROJECT, database, scalar
from dashboards.console import present_alarms, series, snapshot
from dashboards.grafana.files import rendered
from ingest.rollups.consumer import rebuild
from quantrac.cli.jobs.upkeep import order_old_hours
from quantrac.config.loader import load_network
from quantrac.database.edition import tune
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.private_services.place import private_folder
from quantrac.telemetry.parameters import HOUSEKEEPING

WEEK = timedelta(days=7)
RUNS = 20
# A tide and a day in each series; rows in order of arrival: all channels of a minute, then the next.
FILL = """
insert into reading
select c.channel_id, t,
       round((10 + 3 * sin(extract(epoch from t) / 7116 + c.channel_id) + random())::numeric, 3)::float8,
       case when random() < 0.005 then 1 else 0 end, 0, t + interval '2 seconds'
from generate_series(%(low)s::timestamptz + interval '1 minute', %(high)s, interval '1 minute') t, channel c
where c.channel_id in (
  select channel_id from channel where not derived order by parameter = any(%(housekeeping)s), channel_id limit 90)
"""
LATEST = """
insert into latest select distinct on (channel_id) channel_id, time, value, state, tests, received_at
from reading where time > %s order by channel_id, time desc
"""
SIZE = """
select (select sum(total_bytes)::float8 from chunks_detailed_size('reading')),
       (select sum(total_bytes)::float8 from chunks_detailed_size('hourly'))
"""
RAW_WEEK = (
    "select time, value from v_reading where channel = %s and time > %s and time <= %s and quality <= 2 order by time"
)


@dataclass(frozen=True)
class Year:
    """A filled database."""

    conn: Connection
    readings: int
    first: datetime
    last: datetime


@contextlib.contextmanager
def filled(say: Callable[[str], None], weeks: int = 52, *, hourly: bool = True) -> Iterator[Year]:
    """Make the cluster and fill it, with hourly and daily values if asked; everything is removed at the end."""
    with private_folder(PROJECT, "bench-") as folder, database(folder, volatile=True) as url:
        with connect(url, "benchmark") as conn:
            tune(conn)
        with connect(url, "benchmark") as conn:
            yield _fill(conn, weeks, say, hourly=hourly)


def _fill(conn: Connection, weeks: int, say: Callable[[str], None], *, hourly: bool) -> Year:
    last = datetime.now(UTC).replace(second=0, microsecond=0)
    first = last - weeks * WEEK
    apply_network(conn, load_network(PROJECT / "station_configs"), "benchmark", last)
    housekeeping = [parameter.id for parameter in HOUSEKEEPING]
    begun = time.monotonic()
    for week in range(weeks):
        low = first + week * WEEK
        conn.execute(FILL, {"low": low, "high": low + WEEK, "housekeeping": housekeeping})
    conn.execute(LATEST, [last - timedelta(hours=1)])
    conn.execute("insert into consumer (consumer) values ('quality'), ('rollups'), ('alerts')")
    conn.execute("vacuum analyze")
    channels = scalar(conn, "select count(*) from latest")
    readings = channels * weeks * 7 * 1440
    say(f"{readings / 1e6:.1f} million readings of {channels} channels in {time.monotonic() - begun:.0f} s")
    if not hourly:
        return Year(conn, readings, first, last)
    begun = time.monotonic()
    made = sum(hours for _, hours in rebuild(conn))
    took = time.monotonic() - begun
    order_old_hours(conn, last)
    say(f"rebuilt {made} hours in {took:.0f} s: {readings / took:,.0f} readings/s")
    conn.execute("vacuum analyze")
    return Year(conn, readings, first, last)


def asked(year: Year) -> Iterator[tuple[str, str, Any]]:
    """Yield name, text and parameters of every query."""
    stations = [station for (station,) in year.conn.execute("select station from v_station")]
    variables = {
        "station": stations, "parameter": ["water_temp"], "channel": ["st-my-thanh/do"], "operators": ["1"],
        "left": [f"{station}/water_temp" for station in stations], "right": ["st-my-thanh/salinity"],
    }  # fmt: skip
    texts = rendered(load_network(PROJECT / "station_configs"), "").items()
    for name, sql in (one for path, text in texts if path.endswith(".json") for one in queries_of(json.loads(text))):
        for days in (1, 365) if "$__time" in sql else (1,):
            since = year.last - timedelta(days=days)
            yield f"grafana {name}, {days} d", expand(sql, since=since, until=year.last, variables=variables), None
    yield "latest value of every channel", "select * from v_latest", None
    middle = year.first + (year.last - year.first) / 2
    yield "a week raw of one channel", RAW_WEEK, ["st-my-thanh/do", middle, middle + WEEK]
    for name, text in (("stations", snapshot.STATIONS), ("channels", snapshot.CHANNELS), ("beats", snapshot.BEATS)):
        yield f"console {name}", text, None
    page = {
        "cleared": year.last, "station": None, "within": None, "page": present_alarms.ALARMS_A_PAGE, "offset": 0,
        "remarks": present_alarms.REMARKS_SHOWN,
    }  # fmt: skip
    yield "console alarms", present_alarms.ALARMS, page
    chart = {"channel": "st-my-thanh/do", "kind": "mean", "until": year.last}
    for words, days in (("day's", 1), ("13 days'", 13)):
        span = timedelta(days=days)
        yield (
            f"console a {words} chart", series.SERIES,
            {**chart, "width": span / series.POINTS, "since": year.last - span},
        )  # fmt: skip
    since = year.last - timedelta(days=366)
    hours = {**chart, "width": timedelta(hours=6), "since": since, "origin": since, "whole": year.last}
    yield "console a year's chart", series.ROLLED["hourly"], hours


def run(say: Callable[[str], None], weeks: int = 52) -> Iterator[str]:
    """Yield the median and p95 of every query behind dashboard and console; `say` is told how the filling goes."""
    with filled(say, weeks) as year:
        reading, hourly = year.conn.execute(SIZE).fetchone() or (0, 0)
        say(f"{reading / year.readings:.0f} bytes a reading on disk; hourly values {hourly / 1e6:.0f} MB")
        for each in asked(year):
            yield measured(year.conn, *each, say)


def measured(conn: Connection, name: str, text: str, parameters: Any, say: Callable[[str], None] | None = None) -> str:
    """Run a query RUNS times as the reader's role, until all rows are here; `say` is told the plan of a slow one."""
    times, rows = [], 0
    conn.execute("set role quantrac_reader")
    for _ in range(RUNS):
        begun = time.perf_counter()
        result = conn.execute(text, parameters)
        times.append(1000 * (time.perf_counter() - begun))
        rows = result.rowcount
    times.sort()
    if say is not None and times[-2] > 100:
        for (line,) in conn.execute(f"explain (analyze, buffers) {text}", parameters):
            say(f"    {line}")
    conn.execute("reset role")
    return f"{name:60} median {times[RUNS // 2]:6.1f} ms, p95 {times[-2]:6.1f} ms, {rows} rows"
