"""The console of a large network: time of every page at the server, first load in Chromium, updates, open pages.

`benchmarks/large_network.py` says what is in the database. Every station reports once a minute, one of them every two
seconds with a value that is recognised where it appears. Servers and browser are private and removed afterwards.
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from fastapi.routing import APIRoute
from playwright.sync_api import BrowserContext, Page, ViewportSize

from benchmarks.console_charts import chromium
from benchmarks.large_network import CHANNEL, LONG, STATION, fill
from benchmarks.process_use import use_of
from benchmarks.servers import PROJECT, database, running
from dashboards.console.app import create_app
from dashboards.console.context import AdmissionRules, Console
from dashboards.console.hub import Hub
from quantrac.config.loader import load_network
from quantrac.database.beat import Beat
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection, connect
from quantrac.desks import accounts, sessions
from quantrac.desks.network import apply_network
from quantrac.desks.roles import Role, RoleGrant
from quantrac.desks.sessions import SessionLimits
from quantrac.private_services.place import private_folder
from quantrac.private_services.ports import free_port

RUNS: Final = 12
"""From the tenth on PostgreSQL may take another plan."""
OPEN_PAGES, MANY_PAGES = 50, 500
WATCHED_S: Final = 40.0
"""How long updates are watched, and the use of open pages."""
TELL_EVERY_S: Final = 2.0
SETTLED_MS: Final = 1500
"""Behind a page the stream has spoken, and what its scripts ask for is there."""
SCREEN: Final[ViewportSize] = {"width": 1366, "height": 768}
LARGE_SCREEN: Final[ViewportSize] = {"width": 1920, "height": 1080}
OF_LARGE: Final = ("overview", "wall", "station", "alarms", "compare", "workbench", "completeness")
"""Pages that ask for more where more is in view."""
DAY: Final = timedelta(days=1)
STORE: Final = """
with sent as materialized (
  select channel_id, station,
         case when channel = %(told)s then %(value)s else round(random()::numeric * 9, 2)::float8 end as value
  from channel where station = any(%(stations)s) and not derived),
stored as (
  insert into reading select channel_id, %(now)s, value, 0, 0, %(now)s from sent on conflict do nothing),
newest as (
  insert into latest select channel_id, %(now)s, value, 0, 0, %(now)s from sent
  on conflict (channel_id) do update set time = excluded.time, value = excluded.value),
heard as (
  insert into ledger (station, epoch, last_seen_at) select unnest(%(stations)s), 'benchmark', %(now)s
  on conflict (station, epoch) do update set last_seen_at = excluded.last_seen_at)
select channel_id, station from sent
"""


class Reports:
    """Stations that report in a thread: all within a minute, and one every two seconds what `told` remembers."""

    def __init__(self, url: str, channel: str) -> None:
        self.told: dict[float, float] = {}
        """Value of the channel → when it was committed, milliseconds since 1970."""
        self._url, self._channel = url, channel
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Reports:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with connect(self._url, "benchmark stations") as conn:
            stations = [station for (station,) in conn.execute("select station from station order by station")]
            own = self._channel.partition("/")[0]
            beat = Beat(conn, "ingest", "benchmark", datetime.now(UTC))
            sent = 0
            while not self._stop.is_set():
                begun, value = time.monotonic(), 1000.0 + len(self.told)
                beat.beat(datetime.now(UTC), connected=True)
                share = max(1, round(len(stations) * TELL_EVERY_S / 60))
                self._store(conn, sorted({own, *(stations[(sent + n) % len(stations)] for n in range(share))}), value)
                self.told[value] = time.time() * 1000
                sent += share
                self._stop.wait(max(0.0, begun + TELL_EVERY_S - time.monotonic()))

    def _store(self, conn: Connection, stations: list[str], value: float) -> None:
        now = datetime.now(UTC)
        with conn.transaction():
            rows = conn.execute(STORE, {"stations": stations, "now": now, "told": self._channel, "value": value})
            append_changes(conn, [NewChange(station, number, now, now, 1, "reading") for number, station in rows])


class ServedConsole:
    """A console over a database, with the session of an administrator."""

    def __init__(self, address: str, database_url: str, process: subprocess.Popen[bytes]) -> None:
        self.address, self.url, self.database, self.process = address, f"http://{address}", database_url, process
        now = datetime.now(UTC)
        with connect(database_url, "benchmark") as conn:
            made = accounts.add(conn, "bench", "Bench", [RoleGrant(Role.ADMINISTRATOR)], "benchmark", now)
            link = accounts.make_link(conn, made.account_id, "sign in", now + DAY)
            self.session = sessions.sign_in_by_link(conn, link, "127.0.0.1", SessionLimits(DAY, DAY), now)

    def asked_ms(self, path: str) -> tuple[float, int]:
        """Return the milliseconds until an answer is whole, and its bytes."""
        with contextlib.closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=120)) as line:
            begun = time.perf_counter()
            line.request("GET", path, headers={"Accept-Encoding": "gzip", "Cookie": f"quantrac={self.session}"})
            answer = line.getresponse()
            length = len(answer.read())
            assert answer.status == 200, (path, answer.status)
            return 1000 * (time.perf_counter() - begun), length


@contextlib.contextmanager
def served(folder: Path, database_url: str) -> Iterator[ServedConsole]:
    """Serve the console until the end of the block."""
    address = f"127.0.0.1:{free_port()}"
    settings = {"database_url": database_url, "console_listen": address, "console_anonymous": "viewer"}
    with running(folder / "console.log", "quantrac", "console", "run", **settings) as process:
        console = ServedConsole(address, database_url, process)
        for _ in range(600):
            with contextlib.suppress(OSError, AssertionError):
                console.asked_ms("/api/network")  # 503 until it has looked for the first time
                break
            time.sleep(0.1)
        yield console


def pages(alarm: int) -> dict[str, str]:
    """Return the pages of the console with addresses that have much to show."""
    month = (datetime.now(UTC) - DAY).strftime("%Y-%m")
    day = (datetime.now(UTC) - 2 * DAY).date()
    name = CHANNEL.partition("/")[2]
    at = quote((datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="minutes"))
    return {
        "overview": "/", "wall": "/wall", "station": f"/stations/{STATION}", "alarms": "/alarms",
        "past alarms": "/alarms?state=past", "an alarm": f"/alarms/{alarm}", "compare": f"/compare?left={CHANNEL}",
        "workbench": f"/workbench?channel={quote(CHANNEL)}", "stages": f"/stages?station={STATION}&month={month}",
        "completeness": f"/completeness?month={month}", "gaps": f"/stations/{STATION}/gaps?day={day}",
        "exports": f"/exports?station={STATION}", "disclosures": "/disclosures",
        "files for the ministry": f"/ministry?station={STATION}&day={day}",
        "completeness of a station's month": f"/stations/{STATION}/completeness?month={month}",
        "equipment": f"/stations/{STATION}/equipment", "trace": f"/stations/{STATION}/trace/{name}?at={at}",
        "audit": "/audit", "accounts": "/accounts", "account": "/account",
        "field book": f"/field-book?station={STATION}", "samples": f"/samples?station={STATION}",
        "VN_AQI of a year": f"/aqi?year={month[:4]}",
        "limits": f"/limits?decree=qcvn-08-2023&station=st-my-thanh&month={month}",
        "bulletins": "/bulletins", "jobs": "/jobs", "shift of 31 days": "/shift", "shifts": "/shifts",
        "a shift": "/shifts/900", "people": "/people", "a person": "/people/77", "a new person": "/people/new",
        "roster": "/people/roster", "who is told": "/people/told?rule=do-low/act&station=st-my-thanh",
        "rules": "/rules", "a rule": "/rules/do-low", "configuration": "/configuration",
        "a file": "/configuration/stations/st-my-thanh.yaml",
        "public page": "/public", "public page of a station": "/public/stations/st-my-thanh",
    }  # fmt: skip


def requests(now: datetime) -> dict[str, str]:
    """Return what pages ask for beside themselves, and rare searches."""
    name = CHANNEL.partition("/")[2]

    def stretch(days: int) -> str:
        return f"from={quote((now - days * DAY).isoformat())}&to={quote(now.isoformat())}"

    at = quote((now - timedelta(hours=1)).isoformat(timespec="minutes"))
    days = f"first={(now - 31 * DAY).date()}&last={(now - DAY).date()}"
    year = f"first={(now - 400 * DAY).date()}&last={(now - DAY).date()}"
    return {
        "everything, for the stream": "/api/network", "alarms as data": "/api/alarms",
        "trends of a station": f"/api/stations/{STATION}/trends", "tides": "/api/tides", "session": "/api/session",
        "public page as data": "/public.json",
        "health": "/healthz", "alarms: false ones": "/alarms?state=false",
        "alarms: past and critical": "/alarms?state=past&severity=critical",
        "alarms: words": "/alarms?state=past&text=oxy", "alarms: words of nothing": "/alarms?state=past&text=khong+co",
        "alarms: a parameter that has none": "/alarms?state=past&parameter=wind_speed",
        "alarms: no match in ten months": f"/alarms?state=false&severity=low&until={(now - 60 * DAY).date()}",
        "search": "/api/search?text=tram+7", "search: one letter": "/api/search?text=t",
        "search: words of nothing": "/api/search?text=khong+co+gi",
        "people: words": "/people?text=nuoi+7", "people: last message failed": "/people?state=failed",
        "audit: words of nothing": "/audit?person=khong+co", "audit as CSV, 100,000 acts": "/audit.csv",
        "completeness of all, 31 days": f"/api/completeness?{days}",
        "completeness of one, 400 days": f"/api/completeness?station={STATION}&{year}",
        "gaps as data": f"/api/stations/{STATION}/gaps?day={(now - 2 * DAY).date()}",
        "stages of one, 400 days": f"/api/stations/{STATION}/stages?{year}",
        "API: 10,000 hourly rows": f"/api/v1/readings?channel={CHANNEL}&resolution=hourly&limit=10000&{stretch(417)}",
        "API: stations": "/api/v1/stations", "API: channels": "/api/v1/channels", "API: latest": "/api/v1/latest",
        "API: alarms": "/api/v1/alarms", "API: flags": "/api/v1/flags", "API: files": "/api/v1/files",
        "API: completeness of one, a month": f"/api/v1/completeness?station={STATION}",
        "SensorThings: its root": "/sensorthings/v1.1",
        "SensorThings: newest 1,000 of one": "/sensorthings/v1.1/Datastreams('{}')/Observations?{}".format(
            CHANNEL.replace("/", ":"), "$top=1000&$orderby=phenomenonTime%20desc"
        ),
        "API: its description": "/api/v1/openapi.json",
        "workbench, a month of minutes": f"/api/channels/{LONG}/{name}/workbench?{stretch(31)}",
        "workbench, 400 days": f"/api/channels/{LONG}/{name}/workbench?{stretch(400)}",
        "what is selected, a month": f"/api/channels/{LONG}/{name}/stretch?{stretch(31)}",
        "what is selected, 400 days": f"/api/channels/{LONG}/{name}/stretch?{stretch(400)}",
        "findings of a station, a month": f"/api/stations/{LONG}/findings?{stretch(31)}",
        "findings of a channel, 400 days": f"/api/stations/{LONG}/findings?name={name}&{stretch(400)}",
        "series, 13 days of minutes": f"/api/channels/{LONG}/{name}/series?hours=312",
        "series, a year": f"/api/channels/{LONG}/{name}/series?hours=8784",
        "events and alarms of a chart, 31 days": f"/api/stations/{STATION}/marks?hours=744",
        "trace as data": f"/api/channels/{STATION}/{name}/trace?at={at}", "shift as data": "/api/shift",
        "certificates that end": "/api/certificates/expiring", "a file as data": "/api/files/stations/st-my-thanh.yaml",
        "what applying six stations would do": "/api/configuration",
        "whether a station is being sent to": f"/api/stations/{STATION}/push",
    }  # fmt: skip


NOT_ASKED: Final = {
    "/api/stream": "lasts; measured as updates", "/enter/{secret}": "a link that is used once",
    "/bulletins/{number}": "one bulletin, of which there is none",
    "/bulletins/{number}/{language}.{part}": "prints: seconds of work for one file",
    "/sign-in": "whoever has signed in is led on",
    "/compare/views/{view_id}": "leads to /compare",
    "/stations/{station}/completeness.csv": "a report: it asks for the gaps of each day of a month, in seconds",
    "/api/stations/{station}/proposals": "works out a season on a person's wish: seconds",
    "/disclosures/{year}/{version}": "the bytes of an archive",
    "/stations/{station}/export": "a file: it takes as long as it is large",
    "/api/files/{file:path}/changes/{number}": "one change of a file, of which there is none",
    "/api/alarms/{alarm_id}/pictures/{camera}": "bytes of one picture",
    "/api/stations/{station}/images/{camera}/{at}": "bytes of one picture",
}  # fmt: skip
"""Routes of GET that no address above leads to, and why. Those of signed links, of receipts and of a provider are only
there with settings of their own: one alarm, one row, an address elsewhere."""


def check_all_asked() -> None:
    """Raise AssertionError for a route of GET that is neither asked nor among NOT_ASKED, and for one in both."""
    nobody: Any = None
    now = datetime.now(UTC)
    rules = AdmissionRules(None, SessionLimits(DAY, DAY))
    app = create_app(Console(nobody, Hub(), nobody, lambda: now, rules), frozenset())
    reading = [route for route in app.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())]
    paths = [urlsplit(address).path for address in (pages(1) | requests(now)).values()]
    led = {next(route.path for route in reading if route.path_regex.match(path)) for path in paths}
    odd = led ^ {*NOT_ASKED} ^ {route.path for route in reading}
    assert not odd, f"routes of GET, asked by `requests` or in NOT_ASKED with the reason: {sorted(odd)}"


def run() -> Iterator[str]:
    """Yield what was measured, a line each."""
    check_all_asked()
    with private_folder(PROJECT, "bench-") as folder, database(folder, volatile=True) as url:
        with connect(url, "benchmark") as conn:
            fill(conn, datetime.now(UTC))
            (alarm,) = conn.execute("select max(alarm_id) from alarm where rule <> 'standing'").fetchone() or (1,)
        with served(folder, url) as console, Reports(url, CHANNEL) as reports:
            yield from _server_times(console, pages(alarm) | requests(datetime.now(UTC)))
            yield from _first_loads(console, pages(alarm))
            large = {name: path for name, path in pages(alarm).items() if name in OF_LARGE}
            yield from _first_loads(console, large, LARGE_SCREEN)
            yield from _updates(console, reports, CHANNEL, OPEN_PAGES - 1)
    with private_folder(PROJECT, "bench-") as folder, database(folder, volatile=True) as url:
        with connect(url, "benchmark") as conn:
            apply_network(conn, load_network(PROJECT / "station_configs"), "benchmark", datetime.now(UTC))
        with served(folder, url) as console, Reports(url, "st-my-thanh/do") as reports:
            of_six = {"overview of 6 stations": "/", "station of 6": "/stations/st-my-thanh"}
            yield from _first_loads(console, of_six)
            yield from _first_loads(console, of_six, LARGE_SCREEN)
            yield from _updates(console, reports, "st-my-thanh/do", MANY_PAGES)


def _server_times(console: ServedConsole, asked: dict[str, str]) -> Iterator[str]:
    for name, path in asked.items():
        found = [console.asked_ms(path) for _ in range(RUNS)]
        times = [ms for ms, _ in found]
        yield (f"server, {name}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms,"
               f" {found[0][1] / 1000:.0f} kB")  # fmt: skip


PAINTED: Final = """() => new Promise((done) => new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (one.name === "first-contentful-paint") done(one.startTime);
}).observe({ type: "paint", buffered: true }))"""


def _first_loads(console: ServedConsole, asked: dict[str, str], screen: ViewportSize = SCREEN) -> Iterator[str]:
    with chromium() as browser:
        for name, path in asked.items():
            painted, loaded = [], 0
            for watched_ms in (SETTLED_MS, 0, 0):
                with contextlib.closing(browser.new_context(viewport=screen)) as fresh:
                    paint, found = _first_load(console, fresh, path, watched_ms)
                    painted.append(paint)
                    loaded = max(loaded, found)
            yield (f"first load at {screen['width']}x{screen['height']}, {name}: {loaded / 1000:.0f} kB,"
                   f" painted after {statistics.median(painted):.0f} ms")  # fmt: skip


def _first_load(console: ServedConsole, fresh: BrowserContext, path: str, watched_ms: int) -> tuple[float, int]:
    """Return the milliseconds to the first paint, and the bytes on the wire within so long behind the page.

    The stream's first event is among them, and what the page's scripts ask for.
    """
    fresh.add_cookies([{"name": "quantrac", "value": console.session, "url": console.url}])
    page = fresh.new_page()
    wire, bytes_of = fresh.new_cdp_session(page), dict[str, float]()
    wire.send("Network.enable")

    def count(event: dict[str, float | str]) -> None:
        key = str(event["requestId"])
        bytes_of[key] = bytes_of.get(key, 0.0) + float(event["encodedDataLength"])

    def end(event: dict[str, float | str]) -> None:
        bytes_of[str(event["requestId"])] = float(event["encodedDataLength"])

    wire.on("Network.dataReceived", count)
    wire.on("Network.loadingFinished", end)
    page.goto(f"{console.url}{path}", wait_until="load")
    paint = float(page.evaluate(PAINTED))
    page.wait_for_timeout(watched_ms)
    return paint, round(sum(bytes_of.values()))


SHOWN: Final = """([channel]) => {
  const place = document.querySelector(`[data-channel="${channel}"] .value`);
  window.shown = {};
  new MutationObserver(() => (window.shown[place.textContent] ??= Date.now())).observe(
    place, { childList: true, characterData: true, subtree: true });
}"""


def _updates(console: ServedConsole, reports: Reports, channel: str, open_pages: int) -> Iterator[str]:
    """Yield when values are heard by one of many open streams and shown in a page; what the console uses meanwhile."""
    command = [sys.executable, "-m", "benchmarks.open_pages", console.address, str(open_pages), channel]
    with chromium() as browser, subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as streams:
        page = browser.new_page(viewport=SCREEN)
        try:
            assert streams.stdout is not None
            heard: dict[float, float] = {}
            while (line := streams.stdout.readline().split()) != ["open"]:
                assert line, "no stream answers"
            alone = threading.Thread(target=_hear, args=(streams, heard), daemon=True)
            alone.start()
            _look(page, console, channel)
            page.evaluate(SHOWN, [channel])
            begun, before = time.monotonic(), use_of(console.process.pid)
            since = max(reports.told)
            page.wait_for_timeout(1000 * WATCHED_S)
            after, took_s = use_of(console.process.pid), time.monotonic() - begun
            shown = {_number(text): at for text, at in page.evaluate("window.shown").items()}
        finally:
            streams.terminate()
    told = [(value, at) for value, at in reports.told.items() if value > since and value < max(reports.told) - 2]
    for name, seen in (("heard by a stream", heard), ("shown in Chromium", shown)):
        lags = sorted(seen[value] - at for value, at in told if value in seen)
        yield (f"{open_pages} open pages, {name}: median {statistics.median(lags):.0f} ms, worst {lags[-1]:.0f} ms,"
               f" {len(lags)} of {len(told)}")  # fmt: skip
    yield (f"{open_pages} open pages: {100 * (after.cpu_s - before.cpu_s) / took_s:.1f} % of a core,"
           f" {after.memory_mb:.0f} MB")  # fmt: skip


def _look(page: Page, console: ServedConsole, channel: str) -> None:
    page.goto(f"{console.url}/?lang=en")
    page.wait_for_selector(f'[data-channel="{channel}"] .value')
    page.wait_for_function("document.querySelector('#pill').classList.contains('live')")


def _hear(streams: subprocess.Popen[str], heard: dict[float, float]) -> None:
    assert streams.stdout is not None
    for line in streams.stdout:
        value, at = line.split()
        heard.setdefault(float(value), float(at))


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("\u202f", "")) if text[:1].isdigit() else -1.0
