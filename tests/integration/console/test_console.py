"""The console over a real TimescaleDB: live within two seconds, alarms acknowledged once, closed to other sites."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboards.console import service
from quantrac.config.loading import load_network
from quantrac.config.settings import Settings
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network

CONFIGS = Path(__file__).parents[3] / "station_configs"


@dataclass
class Running:
    """A console and a connection to the database that it shows."""

    address: str
    conn: Connection

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
        line = http.client.HTTPConnection(self.address, timeout=10)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        line.request(method, path, None if body is None else json.dumps(body), headers)
        answer = line.getresponse()
        text = answer.read().decode()
        line.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text

    @contextmanager
    def stream(self) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        line = http.client.HTTPConnection(self.address, timeout=10)
        line.request("GET", "/api/stream")
        yield events(line.getresponse())
        line.close()

    def arrive(self, channel: str, value: float) -> datetime:
        now = datetime.now(UTC)
        with self.conn.transaction():
            row = self.conn.execute("select channel_id, station from channel where channel = %s", [channel]).fetchone()
            assert row is not None
            for table in ("reading", "latest"):
                sql = f"insert into {table} values (%s, %s, %s, 0, 0, %s)"
                sql += " on conflict (channel_id) do update set time = excluded.time, value = excluded.value" * (
                    table == "latest"
                )
                self.conn.execute(sql, [row[0], now, value, now])
            append_changes(self.conn, [NewChange(row[1], row[0], now, now, 1, "reading")])
        return now


def events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    while line := answer.readline().decode().rstrip("\n"):
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])
            answer.readline()


@pytest.fixture
def console(database: str, free_port: Callable[[], int]) -> Iterator[Running]:
    address = f"127.0.0.1:{free_port()}"
    with connect(database, "test") as conn:
        apply_network(conn, load_network(CONFIGS), "test", datetime.now(UTC))
        stop = threading.Event()
        settings = Settings(database_url=database, console_listen=address)
        thread = threading.Thread(target=service.run, args=(settings, stop))
        thread.start()
        running = Running(address, conn)
        wait_until_up(running)
        yield running
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def wait_until_up(running: Running) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if running.ask("GET", "/api/network")[0] == 200:
                return
        except OSError:
            time.sleep(0.02)
    pytest.fail("the console did not come up")


def test_a_reading_is_on_the_stream_within_two_seconds(console: Running) -> None:
    with console.stream() as stream:
        assert next(stream)[0] == "network"
        console.arrive("st-my-thanh/do", 4.21)
        began = time.monotonic()
        value = None
        while value is None:
            _, data = next(stream)
            value = next((c["value"] for c in data.get("channels", ()) if c["channel"] == "st-my-thanh/do"), None)
            assert time.monotonic() - began < 2
        assert value == 4.21


def test_the_stream_speaks_at_least_every_two_seconds_and_a_half_when_nothing_happens(console: Running) -> None:
    with console.stream() as stream:
        times = []
        for _, data in stream:
            times.append(data["now"])
            if len(times) == 4:
                break
    assert max(b - a for a, b in itertools.pairwise(times)) < 2500


def test_pages_show_every_station_in_both_languages(console: Running) -> None:
    for language, word in (("vi", "Cảnh báo"), ("en", "Alarms")):
        status, _, text = console.ask("GET", f"/?lang={language}")
        assert status == 200
        assert word in text
        assert text.count("data-station=") == 6
    status, _, text = console.ask("GET", "/stations/st-tp-soc-trang")
    assert status == 200
    assert 'data-channel="st-tp-soc-trang/pm2_5"' in text
    assert console.ask("GET", "/stations/nowhere")[0] == 404


def test_every_answer_carries_a_strict_content_security_policy(console: Running) -> None:
    paths = ("/", "/static/console.js", "/vendor/leaflet/leaflet.js", "/vendor/uplot/uplot.iife.min.js", "/api/network")
    for path in paths:
        status, headers, _ = console.ask("GET", path)
        assert status == 200, path
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def raise_alarm(console: Running) -> int:
    row = console.conn.execute(
        """insert into alarm (rule, level, station, channel_id, severity, state, raised_at)
           select 'do-low', 'act', station, channel_id, 'high', 'active', now() from channel
           where channel = 'st-cu-lao-dung/do' returning alarm_id"""
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_an_alarm_is_acknowledged_by_a_person_once(console: Running) -> None:
    alarm = raise_alarm(console)
    path = f"/api/alarms/{alarm}/acknowledge"
    assert console.ask("POST", path, {"person": "Trần Thị Bình", "reason": "đã gọi"})[0] == 200
    row = console.conn.execute("select acknowledged_by from v_alarm where alarm_id = %s", [alarm]).fetchone()
    assert row == ("Trần Thị Bình",)
    status, _, text = console.ask("POST", path, {"person": "Somebody else"})
    assert status == 409
    assert "Trần Thị Bình" in json.loads(text)["error"]


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://elsewhere.example"}, {"Content-Type": "text/plain"}],
)
def test_another_sites_page_cannot_acknowledge(console: Running, headers: dict[str, str]) -> None:
    alarm = raise_alarm(console)
    assert console.ask("POST", f"/api/alarms/{alarm}/acknowledge", {"person": "x"}, **headers)[0] == 403
    row = console.conn.execute("select acknowledged_at from v_alarm where alarm_id = %s", [alarm]).fetchone()
    assert row == (None,)


def test_nobody_acknowledges_without_a_name(console: Running) -> None:
    assert console.ask("POST", f"/api/alarms/{raise_alarm(console)}/acknowledge", {"person": ""})[0] == 422


def test_a_chart_has_the_readings_of_its_channel(console: Running) -> None:
    console.arrive("st-my-thanh/do", 4.0)
    time.sleep(0.01)
    console.arrive("st-my-thanh/do", 5.0)
    status, _, text = console.ask("GET", "/api/channels/st-my-thanh/do/series")
    found = json.loads(text)
    assert status == 200
    assert (min(found["low"]), max(found["high"])) == (4.0, 5.0)
    assert console.ask("GET", "/api/channels/st-my-thanh/nothing/series")[0] == 404
