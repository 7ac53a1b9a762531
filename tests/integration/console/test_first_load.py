"""The bytes of a first load in a large network: page, scripts, styles and the first event of the stream, with heads.

What scripts ask for beside them (small lines, readings of charts) is measured in Chromium by `./dev bench pages`.
"""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any

import httpx
import pytest
from fastapi.responses import HTMLResponse

from benchmarks.large_network import CHANNELS, MORE_CHANNELS, MORE_STATIONS, STATIONS
from dashboards.console.completeness_page import AT_ONCE
from dashboards.console.guard import HEADERS
from dashboards.console.hub import Hub
from dashboards.console.network_events import tell
from dashboards.console.packed_events import packed
from dashboards.console.snapshot import NetworkNow, read_snapshot
from quantrac.database.pool import Connection
from quantrac.desks.roles import Role
from quantrac.telemetry.parameters import CATALOGUE
from tests.integration.console.test_admission import NOW, PLACES, served
from tests.integration.console.test_http_surface import Seen

MOST = 142_000
"""Bytes: 150 kB are promised, and the overview's scripts ask for 8 more."""
SERVERS_OWN = len(f"HTTP/1.1 200 OK\r\ndate: {NOW:%a, %d %b %Y %H:%M:%S} GMT\r\n\r\n") + sum(
    len(name) + len(value) + len(": \r\n") for name, value in HEADERS
)
"""Bytes of an answer's head that the server adds to those of the application."""
LATEST = """
insert into latest (channel_id, time, value, state, tests, received_at)
select channel_id, %(now)s::timestamptz - channel_id %% 60 * interval '1 second',
       round(random()::numeric * 9, 2)::float8, 0, 0, %(now)s
from channel where not derived on conflict do nothing
"""
ALARMS = """
insert into alarm (rule, level, station, channel_id, severity, state, raised_at, value, "limit", texts)
select 'do-low', 'act', station, channel_id, 'low', 'unacknowledged',
       %(now)s::timestamptz - channel_id * interval '1 minute', 2.5, 3.0,
       '{"title": {"vi": "Oxy hòa tan thấp", "en": "Low dissolved oxygen"}}'
from channel where channel_id %% 10 = 3
"""


@pytest.mark.usefixtures("configured")
async def test_the_first_load_of_every_page_is_small_with_200_stations_of_30_channels(
    database: str, conn: Connection
) -> None:
    own = [parameter for parameter in CATALOGUE.values() if parameter.kind.value != "vector"][:CHANNELS]
    values = {
        "now": NOW, "stations": STATIONS, "ids": [parameter.id for parameter in own],
        "units": [parameter.unit for parameter in own], "kinds": [parameter.kind.value for parameter in own],
    }  # fmt: skip
    for statement in ("select setseed(0.5)", MORE_STATIONS, MORE_CHANNELS, LATEST, ALARMS):
        conn.execute(statement, values)
    seen = read_snapshot(conn, NOW)
    assert len(seen.channels) > STATIONS * CHANNELS
    stream = await first_events(seen)
    found: dict[str, int] = {}
    watcher: Any = Seen(seen)
    async with served(database, Role.ADMINISTRATOR, watcher) as (http, routes):
        loaded: dict[str, int] = {}
        for route in routes:
            if route.response_class is not HTMLResponse or "GET" not in (route.methods or ()):
                continue
            page = await http.get(route.path_format.format(**PLACES), headers={"Accept-Encoding": "gzip"})
            if page.status_code != 200:
                continue
            files = set(re.findall(r'(?:href|src|data-land)="(/(?:static|vendor)[^"]+)"', html.unescape(page.text)))
            for file in files - loaded.keys():
                loaded[file] = bytes_of(await http.get(file, headers={"Accept-Encoding": "gzip"}))
            shows_values = 'class="value"' in page.text or 'id="described"' in page.text
            found[route.path] = bytes_of(page) + sum(loaded[file] for file in files) + len(stream[shows_values])
        first = (await http.get("/completeness?month=2026-10")).text
        assert first.count('<th scope="row">') == AT_ONCE
        (address,) = re.findall('data-below="([^"]*)"', first)
        below = (await http.get(html.unescape(address))).text
        assert below.count('<th scope="row">') == len(seen.stations) - AT_ONCE
    assert found.keys() >= {"/", "/wall", "/stations/{station}", "/workbench", "/compare", "/alarms", "/completeness"}
    assert {path: size for path, size in found.items() if size > MOST} == {}


async def first_events(seen: NetworkNow) -> dict[bool, bytes]:
    """Return the first event on the wire, for pages with values of channels and for pages without."""
    hub = Hub()
    hub.bind(asyncio.get_running_loop())
    tell(hub, None, seen)
    await asyncio.sleep(0)
    return {values: packed(await anext(hub.listen(values=values))) for values in (True, False)}


def bytes_of(answer: httpx.Response) -> int:
    """Return the bytes of an answer on the wire."""
    assert answer.status_code == 200, answer.url
    own = sum(len(name) + len(value) + len(": \r\n") for name, value in answer.headers.raw)
    return SERVERS_OWN + own + answer.num_bytes_downloaded
