"""What the Department owes on paper: a month's PDF and a year's archive of six stations, and 10,000 hours by the API.

Hours and days of a year stand in a private database as the roll-ups keep them; each figure is that of a command or a
request of its own. Servers are private and removed afterwards.
"""

from __future__ import annotations

import http.client
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from typing import Final

from benchmarks.public_page import wait_for_page
from benchmarks.servers import PROJECT, database, running
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.private_services.place import private_folder
from quantrac.private_services.ports import free_port

REQUESTS: Final = 20
HOURS: Final = """
insert into {table} (channel_id, time, value, mean, min, max, sd, count, received, expected)
select channel_id, t, v, v, v - 1, v + 1, 0.5, n, n, n
from (select generate_series(%(low)s::timestamptz, %(high)s::timestamptz - interval '1 minute', interval '{step}') t) o,
  channel c, lateral (select 10 + 3 * sin(extract(epoch from t) / 7116 + channel_id) as v,
                             (extract(epoch from interval '{step}') / c.interval_s)::int4 as n) x
"""


def run() -> Iterator[str]:
    """Yield what was measured, a line each."""
    year = datetime.now(UTC).year - 1
    with private_folder(PROJECT, "bench-") as folder, database(folder, volatile=True) as url:
        with connect(url, "benchmark") as conn:
            yield _fill(conn, year)
        yield from _by_commands(url, folder, year)
        yield _by_api(url, folder, year)


def _fill(conn: Connection, year: int) -> str:
    apply_network(conn, load_network(PROJECT / "station_configs"), "benchmark", datetime.now(UTC))
    conn.execute("update station set in_service = %s", [f"{year}-01-01 00:00+07"])
    counts = []
    for table, step in (("hourly", "1 hour"), ("daily", "1 day")):
        span = {"low": f"{year - 1}-11-01 00:00+07", "high": f"{year + 1}-01-01 00:00+07"}
        counts.append(conn.execute(HOURS.format(table=table, step=step).encode(), span).rowcount)
    conn.execute("insert into consumer (consumer, position) values ('quality', 0)")
    conn.execute("analyze")
    return f"reports: {counts[0]} hours and {counts[1]} days of six stations"


def _by_commands(url: str, folder: Path, year: int) -> Iterator[str]:
    month = f"{year}-10"
    seconds, _ = _timed(url, "report", "bulletin", "make", "month", "--period", month, "--person", "benchmark")
    yield f"a month's report of six stations, figures and words: {seconds:.1f} s"
    paper = folder / "month.pdf"
    seconds, _ = _timed(url, "report", "bulletin", "show", "1", "--pdf", str(paper))
    yield f"a month's PDF of six stations: {seconds:.1f} s, {paper.stat().st_size / 1e3:.0f} kB (target 10 s)"
    marked = ("--reason", "benchmark", "--unsigned", "mark", "--person", "benchmark")
    seconds, memory_mb = _timed(url, "report", "year", str(year), *marked)
    archive = folder / "year.zip"
    _timed(url, "report", "years", "--year", str(year), "--output", str(archive))
    size = archive.stat().st_size / 1e6
    yield f"a year's ZIP of six stations: {seconds:.0f} s, at most {memory_mb:.0f} MB, {size:.0f} MB (target 60 s)"


def _timed(url: str, *words: str) -> tuple[float, float]:
    """Return how many seconds a command took, and the memory of the largest one so far in MB."""
    own = {"QUANTRAC_DATABASE_URL": url, "QUANTRAC_CONFIG": str(PROJECT / "station_configs")}
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "quantrac", *words],
        check=False,
        cwd=PROJECT,
        env={**environ, **own},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def _by_api(url: str, folder: Path, year: int) -> str:
    address = f"127.0.0.1:{free_port()}"
    settings = {"database_url": url, "console_listen": address, "console_anonymous": "viewer"}
    span = f"from={year - 1}-11-01T00:00:00Z&to={year + 1}-01-01T00:00:00Z"
    path = f"/api/v1/readings?channel=st-my-thanh/do&resolution=hourly&limit=10000&{span}"
    times_ms, body = list[float](), b""
    with running(folder / "console.log", "quantrac", "console", "run", **settings):
        wait_for_page(address)
        for _ in range(REQUESTS):
            begin = time.monotonic()
            with closing(http.client.HTTPConnection(address, timeout=60)) as line:
                line.request("GET", path)
                answer = line.getresponse()
                body = answer.read()
                assert answer.status == 200, body
            times_ms.append(1000 * (time.monotonic() - begin))
    rows = body.count(b'"quality"')
    return (
        f"{rows} hourly rows by the API: median {statistics.median(times_ms):.0f} ms, worst {max(times_ms):.0f} ms"
        " (target 200 ms)"
    )
