"""Charts of the console over five years, in Chromium: from the choice of a range to the drawn line; pages, too.

One station has five years of hours and days in twelve channels and two weeks of minutes in one; the network a thousand
past alarms a day for a year. Servers and browser are private and removed afterwards.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from benchmarks.servers import PROJECT, database, running
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.private_services.place import private_folder
from quantrac.private_services.ports import free_port

STATION: Final = "st-my-thanh"
CHANNEL: Final = f"{STATION}/do"
RUNS: Final = 7
YEAR_H, FIVE_YEARS_H = 366 * 24, 5 * 366 * 24

HOURS: Final = """
insert into {table} (channel_id, time, value, mean, min, max, count, received, expected)
select c.channel_id, t, v.mean, v.mean, v.mean - 0.4, v.mean + 0.5, {count}, {count}, {count}
from channel c, generate_series(%(first)s::timestamptz, %(last)s::timestamptz - interval '{step}', interval '{step}') t,
  lateral (select 5 + 2 * sin(extract(epoch from t) / 7116 + c.channel_id) + 3 * sin(extract(epoch from t) / 5e6)
             + random() as mean) v
where c.station = %(station)s
"""
MINUTES: Final = """
insert into reading
select c.channel_id, t,
       case when n %% 997 < 20 then null else 5 + 2 * sin(extract(epoch from t) / 7116) + random() end,
       case when n %% 997 < 20 then 7 when n %% 1440 between 400 and 460 then 4
            when n %% 4320 between 900 and 930 then 5
            when n %% 331 = 0 then 1 else 0 end,
       case when n %% 997 < 20 then 1 else 0 end, t
from channel c, generate_series(0, 14 * 1440) n,
  lateral (select %(last)s::timestamptz - n * interval '1 minute' as t) at
where c.channel = %(channel)s and n not between 700 and 790
"""
ALARMS: Final = """
insert into alarm (rule, level, station, channel_id, severity, state, raised_at, cleared_at, texts)
select 'rule-' || n, 'act', c.station, c.channel_id, 'high', 'cleared', t, t + interval '10 minutes',
       '{"title": {"vi": "Oxy thấp", "en": "Low oxygen"}}'
from generate_series(1, 365000) n, channel c,
  lateral (select %(last)s::timestamptz - n * interval '86 seconds' as t) at
where c.channel_id = 1 + n %% 80
"""


def fill(conn: Connection, last: datetime) -> None:
    """Give the station its years and the network its alarms."""
    apply_network(conn, load_network(PROJECT / "station_configs"), "benchmark", last)
    day = last.replace(hour=17, minute=0, second=0, microsecond=0) - timedelta(days=1)
    values = {"station": STATION, "channel": CHANNEL, "first": day - timedelta(days=5 * 366), "last": day}
    conn.execute(HOURS.format(table="hourly", step="1 hour", count=60), values)
    conn.execute(HOURS.format(table="daily", step="1 day", count=1440), values)
    conn.execute(MINUTES, {**values, "last": last.replace(second=0, microsecond=0)})
    conn.execute(ALARMS, {"last": last})
    conn.execute("vacuum analyze")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    path = shutil.which("chromium")
    assert path is not None, "chromium is not installed: ./dev setup"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def filled_console() -> Iterator[str]:
    """Serve the console over a filled database until the end of the block; yields its address."""
    address = f"127.0.0.1:{free_port()}"
    with private_folder(PROJECT, "bench-") as folder, database(folder, volatile=True) as url:
        with connect(url, "benchmark") as conn:
            fill(conn, datetime.now(UTC))
        settings = {"database_url": url, "console_listen": address, "console_anonymous": "viewer"}
        with running(folder / "console.log", "quantrac", "console", "run", **settings):
            _wait_for(address)
            yield f"http://{address}"


def run() -> Iterator[str]:
    """Yield how long ranges take to be drawn, and pages and series to be answered."""
    with filled_console() as url:
        for name, path in (
            ("overview", "/"), ("station", f"/stations/{STATION}"), ("equipment", f"/stations/{STATION}/equipment"),
            ("compare", f"/compare?left={CHANNEL}"), ("marks of 31 days", f"/api/stations/{STATION}/marks?hours=744"),
            ("13 days of minutes", f"/api/channels/{CHANNEL}/series?hours=312"),
            ("a year", f"/api/channels/{CHANNEL}/series?hours={YEAR_H}"),
            ("five years", f"/api/channels/{CHANNEL}/series?hours={FIVE_YEARS_H}"),
        ):  # fmt: skip
            times = [_asked(url, path) for _ in range(RUNS)]
            yield f"server, {name}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms"
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.goto(f"{url}/compare?left={CHANNEL}")
            page.wait_for_selector("#compared canvas")
            for name, hours in (("a day", 24), ("a year", YEAR_H), ("five years", FIVE_YEARS_H)):
                times = [page.evaluate(DRAWN, hours) for _ in range(RUNS)]
                yield f"browser, {name}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms"


DRAWN: Final = """async (hours) => {
  const folder = document.querySelector("script[src*='/compare.js']").src.replace("compare.js", "");
  const [compared, { show }] = await Promise.all([import(folder + "compare.js"), import(folder + "spans.js")]);
  const before = compared.plot, begun = performance.now();
  show({ hours });
  while (compared.plot === before) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""
"""From the choice of a range to the next picture with its line."""


def _asked(url: str, path: str) -> float:
    """Return the milliseconds until an answer is whole."""
    with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)) as line:
        begun = time.perf_counter()
        line.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200, path
        return 1000 * (time.perf_counter() - begun)


def _wait_for(address: str) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError, AssertionError):
            _asked(f"http://{address}", "/")
            return
        time.sleep(0.1)
    raise TimeoutError(address)
