"""What anybody reads at /public: answers from the database, in pages and data, without an account and without names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from alerts import desk as alerts_desk
from dashboards.console.public_reader import PublicReader
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.database.pool import Connection, connect
from quantrac.telemetry.local_time import HOUR
from quantrac.telemetry.slots import bucket_end
from reports.public.figure_reader import be_reader
from tests.fixtures.console import CONFIGS, RunningConsole
from tests.fixtures.proxy import TcpProxy
from tests.fixtures.timing import eventually
from tests.integration.console.test_admission import served

NOW = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)
READING = """
insert into reading select channel_id, %(at)s, %(value)s, %(state)s, 0, %(at)s from channel where channel = %(channel)s
"""
NEWEST = """
insert into latest select channel_id, %(at)s, %(value)s, %(state)s, 0, %(at)s from channel where channel = %(channel)s
on conflict (channel_id) do update set time = excluded.time, value = excluded.value, state = excluded.state
"""
HEARD = """
insert into ledger (station, epoch, last_seen_at) values (%(station)s, 'test', %(at)s)
on conflict (station, epoch) do update set last_seen_at = excluded.last_seen_at
"""
DERIVED = """
insert into derived_reading select channel_id, %(at)s, %(value)s, 0, %(quality)s, %(at)s from channel
where channel = %(channel)s
"""
HOURLY = """
insert into hourly (channel_id, time, value, mean, count, received, expected)
select channel_id, %(at)s, %(value)s, %(value)s, 60, 60, 60 from channel where channel = %(channel)s
"""
REACHED = """
insert into alarm_event (alarm_id, time, event, detail, at, state, acknowledged)
values (%(alarm)s, %(at)s, %(event)s, jsonb_build_object('level', %(level)s::text, 'severity', 'high'), %(at)s,
  'unacknowledged', false)
"""
GOOD = {"salinity": 12.0, "do": 6.2, "ph": 7.8}


class Stage:
    """A database with the project's stations, and the public pages of a moment in it."""

    def __init__(self, database: str, conn: Connection, network: Network | None) -> None:
        self.conn, self.now = conn, NOW
        self.reader = PublicReader(None, lambda: network)
        self.database = database
        conn.execute("insert into consumer (consumer, position) values ('quality', 1000000)")

    def read(self, channel: str, value: float | None, at: datetime = NOW, state: int = 0) -> None:
        row = {"channel": channel, "value": value, "at": at, "state": state, "station": channel.partition("/")[0]}
        for sql in (READING, NEWEST, HEARD):
            self.conn.execute(sql, row)

    def fill(self, station: str, values: dict[str, float], at: datetime = NOW) -> None:
        for name, value in values.items():
            self.read(f"{station}/{name}", value, at)

    def look(self) -> None:
        with connect(self.database, "test public") as conn:
            be_reader(conn)
            self.reader.look(conn, self.now)

    async def ask(self, path: str, **headers: str) -> httpx.Response:
        more: dict[str, Any] = {"public": self.reader, "public_url": "https://quantrac.example.vn"}
        async with served(self.database, None, clock=lambda: self.now, **more) as (http, _):
            return await http.get(path, headers=headers)

    async def intake(self, station: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask(f"/public/stations/{station}.json")).json()
        (one,) = found["stations"][0]["intake"]
        return dict(one)


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(CONFIGS)


@pytest.fixture
def stage(database: str, configured: Connection, network: Network) -> Stage:
    return Stage(database, configured, network)


async def test_water_is_fit_where_all_is_measured_new_good_and_within_its_limits(stage: Stage) -> None:
    for station in ("st-my-thanh", "st-tran-de", "st-cu-lao-dung", "st-vinh-chau"):
        stage.fill(station, GOOD)
    stage.read("st-tran-de/salinity", 28.4, NOW + timedelta(minutes=1))
    stage.read("st-cu-lao-dung/do", None, NOW + timedelta(minutes=1), state=7)
    stage.read("st-vinh-chau/ph", 7.8, NOW + timedelta(minutes=1), state=4)
    yesterday = bucket_end(NOW - timedelta(days=1), HOUR) - HOUR
    for name, value in {"salinity": 10.5, "do": 6.2, "ph": 7.0}.items():
        stage.conn.execute(HOURLY, {"channel": f"st-my-thanh/{name}", "at": yesterday, "value": value})
    stage.look()
    fit = await stage.intake("st-my-thanh")
    assert (fit["answer"], fit["hindrance"], fit["reasons"], fit["yesterday"]) == ("yes", "", [], "no")
    assert fit["not_measured"] == ["Amoniac độc (NH3)"]
    salinity = fit["values"][0]
    assert (salinity["value"], salinity["yesterday"], salinity["change"]) == (12.0, 10.5, 1.5)
    assert salinity["limit"] == {"low": 7.0, "high": 25.0, "decree": "TCVN 13656:2023", "confirmed": True}
    assert salinity["stage"] == "unreviewed"
    salty = await stage.intake("st-tran-de")
    assert (salty["answer"], [one["finding"] for one in salty["reasons"]]) == ("no", ["above"])
    dead = await stage.intake("st-cu-lao-dung")
    assert (dead["answer"], [one["finding"] for one in dead["reasons"]]) == ("unknown", ["failed"])
    assert (await stage.intake("st-vinh-chau"))["answer"] == "unknown"
    assert (await stage.intake("st-dai-ngai"))["hindrance"] == "silent"
    stage.fill("st-dai-ngai", {"salinity": 6.5})
    stage.look()
    fresh = (await stage.ask("/public/stations/st-dai-ngai")).text
    assert "Chưa xét vì không có giới hạn cho loại ao này: Độ mặn 6,50 ‰." in fresh
    assert "Trạm không đo" not in fresh
    page = (await stage.ask("/public")).text
    shown = re.findall(r'class="answer (\w+)"', page)
    assert shown == ["yes", "no", "unknown", "unknown", "unknown", "unknown"]
    assert "<strong>Độ mặn</strong> 28,40 ‰: cao hơn mức cho phép (từ 7 đến 25)" in page
    whole = (await stage.ask("/public/stations/st-my-thanh")).text
    for words in ("chưa kiểm duyệt", "tăng 1,50", "Trạm không đo: Amoniac", "TCVN 13656:2023", "10:07 24/11/2026"):
        assert words in whole, words


async def test_old_data_maintenance_and_a_reader_that_reads_nothing_more_are_never_a_yes(stage: Stage) -> None:
    stage.fill("st-my-thanh", GOOD)
    stage.fill("st-tran-de", GOOD)
    stage.fill("st-cu-lao-dung", GOOD)
    until = NOW + timedelta(hours=2)
    with stage.conn.transaction():
        alerts_desk.take_out_of_service(
            stage.conn, "st-tran-de", "sonde/ph", "An", "đang rửa", datetime.now(UTC) + timedelta(hours=2),
            datetime.now(UTC), since=NOW,
        )  # fmt: skip
    stage.conn.execute(
        "insert into station_event values ('st-cu-lao-dung', 'e', 1, 0, %s, null, 'maintenance', 'on', %s)", [NOW, NOW]
    )
    stage.conn.execute(
        "insert into station_event values ('st-my-thanh', 'e', 1, 0, %s, 'sonde', 'maintenance', null, %s)", [NOW, NOW]
    )
    stage.look()
    assert (await stage.intake("st-my-thanh"))["answer"] == "yes", "an event that says nothing is none"
    for station in ("st-tran-de", "st-cu-lao-dung"):
        found = await stage.intake(station)
        assert (found["answer"], found["hindrance"]) == ("unknown", "maintenance"), station
    stage.now = NOW + timedelta(minutes=14)
    late = (await stage.ask("/public/stations/st-my-thanh")).text
    assert "Trung tâm không đọc được số liệu mới từ 10:07 24/11/2026" in late
    stage.now = NOW + timedelta(minutes=16)
    assert (await stage.intake("st-my-thanh"))["hindrance"] == "silent"
    stage.now = until
    stage.conn.execute("update ledger set last_seen_at = %s", [until])
    stage.look()
    old = await stage.intake("st-my-thanh")
    assert (old["answer"], {one["finding"] for one in old["reasons"]}) == ("unknown", {"old"})


async def test_a_value_that_the_quality_tests_have_not_seen_waits_for_them(stage: Stage) -> None:
    stage.fill("st-my-thanh", GOOD, NOW - timedelta(minutes=1))
    stage.conn.execute("delete from consumer where consumer = 'quality'")
    stage.look()
    assert {one["finding"] for one in (await stage.intake("st-my-thanh"))["reasons"]} == {"unchecked"}


async def test_the_air_has_the_words_and_colours_of_the_decree(stage: Stage) -> None:
    end = NOW.replace(minute=0)
    stage.conn.execute(HEARD, {"station": "st-tp-soc-trang", "at": NOW})
    stage.conn.execute(DERIVED, {"channel": "st-tp-soc-trang/aqi_hour", "at": end, "value": 132, "quality": 1})
    stage.look()
    air = (await stage.ask("/public/stations/st-tp-soc-trang.json")).json()["stations"][0]["air"]
    assert (air["index"], air["class_number"], air["words"]) == (132, 3, "Kém")
    assert "nhạy cảm" in air["advice"]
    assert 'class="answer aqi-3"' in (await stage.ask("/public/communes/phuong-phu-loi")).text
    stage.now = NOW + timedelta(hours=2)
    old = (await stage.ask("/public/stations/st-tp-soc-trang.json")).json()["stations"][0]["air"]
    assert (old["index"], old["finding"]) == (None, "old")


async def test_pages_are_small_cached_and_whole_without_script_cookie_or_name(stage: Stage) -> None:
    stage.fill("st-my-thanh", GOOD)
    stage.conn.execute("insert into contact (name, email, groups) values ('Chị Lan', 'lan@example.org', '{farmers}')")
    stage.look()
    async with served(
        stage.database, None, clock=lambda: NOW, public=stage.reader, public_url="https://quantrac.example.vn"
    ) as (http, _):
        for path in ("", "/stations/st-my-thanh", "/communes/xa-tran-de", "/cooperatives/my-thanh", "/poster"):
            for lang in ("vi", "en"):
                page = await http.get(f"/public{path}?lang={lang}", headers={"Accept-Encoding": "gzip"})
                assert page.status_code == 200, path
                assert page.headers["content-encoding"] == "gzip"
                assert page.headers["cache-control"] == "public, max-age=10"
                assert f'<html lang="{lang}">' in page.text
                sheets = re.findall(r'href="(/static[^"]+)"', page.text)
                sizes = [len((await http.get(sheet)).content) for sheet in sheets]
                assert len(page.content) + sum(sizes) < 100_000
                assert not re.search(r"<script| on\w+=| style=|lan@example|Chị Lan", page.text)
                assert "set-cookie" not in page.headers
                again = await http.get(f"/public{path}?lang={lang}", headers={"If-None-Match": page.headers["etag"]})
                assert (again.status_code, again.content) == (304, b"")
        plain = await http.get("/public", headers={"Accept-Encoding": "identity"})
        assert plain.headers["content-encoding"] == "identity"
        poster = (await http.get("/public/stations/st-my-thanh/poster")).text
        assert "https://quantrac.example.vn/public/stations/st-my-thanh" in poster
        for path in ("/stations/st-nowhere", "/stations/st-my-thanh/secret", "/people", "/communes/xa-khac"):
            assert (await http.get(f"/public{path}")).status_code == 404, path
        for path in ("/", "/alarms", "/stations/st-my-thanh", "/api/network", "/publications"):
            assert (await http.get(path)).status_code in (303, 401, 404), path


async def test_the_public_reads_an_alarm_from_the_moment_it_was_published_until_it_is_taken_back(stage: Stage) -> None:
    texts = {
        "title": {"vi": "Oxy thấp", "en": "Low oxygen"},
        "response": {"vi": "Bật quạt nước", "en": "Aerate"},
    }  # fmt: skip
    row = stage.conn.execute(
        "insert into alarm (rule, level, station, severity, state, raised_at, texts) values"
        " ('do-low', 'act', 'st-my-thanh', 'high', 'unacknowledged', %s, %s) returning alarm_id",
        [NOW - timedelta(minutes=20), Jsonb(texts)],
    ).fetchone()
    (number,) = row or (0,)

    async def shown() -> tuple[int, str, str]:
        stage.look()
        message = await stage.ask(f"/public/alarms/{number}.cap")
        pages = [(await stage.ask(path)).text for path in ("/public/stations/st-my-thanh", "/public/alarms.rss")]
        assert ("Oxy thấp" in pages[0]) == ("Oxy thấp" in pages[1])
        text = pages[0] + pages[1] + message.text
        assert "Lan" not in text
        return message.status_code, message.text, text

    assert (await shown())[0] == 404
    alerts_desk.publish(stage.conn, number, "Lan", "nhiều hộ hỏi chị Lan", NOW)
    with pytest.raises(alerts_desk.DeskRefused, match="is public already"):
        alerts_desk.publish(stage.conn, number, "Lan", None, NOW)
    status, message, text = await shown()
    assert (status, "<msgType>Alert</msgType>" in message, "Bật quạt nước" in text) == (200, True, True)
    assert "Oxy thấp" not in (await stage.ask("/public/stations/st-vinh-chau")).text
    assert (await stage.ask(f"/public/alarms/{number + 1}.cap")).status_code == 404
    worse, later = NOW + timedelta(seconds=30), NOW + timedelta(minutes=1)
    for event, level, at in (
        ("raised", "warn", NOW - timedelta(minutes=20)), ("level", "act", worse), ("level", "lull", later),
    ):  # fmt: skip
        stage.conn.execute(REACHED, {"alarm": number, "at": at, "event": event, "level": level})
    stage.now = later
    status, message, _ = await shown()
    assert (status, "<msgType>Update</msgType>" in message) == (200, True), "it reached another level"
    assert stage.reader.figures is not None
    (shown_one,) = stage.reader.figures.alarms
    assert shown_one.changed_at == (worse,), "what was before, and a lull, is no news to the public"
    alerts_desk.unpublish(stage.conn, number, "Lan", "nhầm", later)
    with pytest.raises(alerts_desk.DeskRefused, match="is not public"):
        alerts_desk.unpublish(stage.conn, number, "Lan", None, NOW)
    status, message, _ = await shown()
    assert (status, "<msgType>Cancel</msgType>" in message) == (200, True)
    assert "Oxy thấp" not in (await stage.ask("/public/stations/st-my-thanh")).text
    stage.conn.execute(REACHED, {"alarm": number, "at": later, "event": "cleared", "level": None})
    stage.conn.execute("update alarm set state = 'cleared', cleared_at = %s where alarm_id = %s", [NOW, number])
    assert (await shown())[1] == message, "its readings came late: it is over since it was told"
    ago = [NOW - timedelta(days=9), NOW - timedelta(days=8), number]
    stage.conn.execute("update alarm set raised_at = %s, cleared_at = %s where alarm_id = %s", ago)
    assert (await shown())[0] == 200, "however late: programs have warned of it until now"
    acts = stage.conn.execute("select action, person, reason from audit where subject = %s", [f"alarm {number}"])
    assert acts.fetchall() == [
        ("made public", "Lan", "nhiều hộ hỏi chị Lan"), ("taken from the public", "Lan", "nhầm"),
    ]  # fmt: skip
    stage.conn.execute("update alarm set false_at = now(), false_by = 'An' where alarm_id = %s", [number])
    with pytest.raises(alerts_desk.DeskRefused, match="cannot be made public"):
        alerts_desk.publish(stage.conn, number, "Lan", None, NOW)


async def test_who_asks_too_often_is_told_when_to_come_again(stage: Stage) -> None:
    stage.look()
    async with served(stage.database, None, public=stage.reader, public_rate=0.01) as (http, _):
        assert (await http.get("/public")).status_code == 200
        refused = await http.get("/public")
        assert refused.status_code == 429
        assert 5000 < int(refused.headers["retry-after"]) <= 6000


async def test_a_network_that_says_nothing_of_the_public_shows_nothing(
    database: str, configured: Connection, network: Network
) -> None:
    silent = replace(network, settings=network.settings.model_copy(update={"public": None}))
    stage = Stage(database, configured, silent)
    stage.look()
    assert [(await stage.ask(path)).status_code for path in ("/public", "/public.json", "/public/poster")] == [404] * 3


def test_the_reader_cannot_write(stage: Stage, database: str) -> None:
    with connect(database, "test public") as conn:
        be_reader(conn)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            conn.execute("create table mine (n int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select name from contact")
        assert conn.execute("show statement_timeout").fetchone() == ("10s",)


def test_the_last_page_stays_with_its_age_while_the_database_is_away(
    distant_console: tuple[RunningConsole, TcpProxy], unstarted_console: Callable[..., RunningConsole]
) -> None:
    unreached, line = distant_console
    console = unstarted_console(
        config=CONFIGS, console_anonymous=None, database_url=unreached.settings.database_url,
        public_url="http://quantrac.example.vn",
    )  # fmt: skip
    console.start(first_answer=401)
    eventually(lambda: console.ask("GET", "/public")[0] == 200)
    line.cut()
    cut_at = datetime.now(UTC)
    status, headers, text = console.ask("GET", "/public/stations/st-my-thanh.json")
    page = json.loads(text)
    assert (status, headers["cache-control"]) == (200, "public, max-age=10")
    assert datetime.fromisoformat(page["read_at"]) < cut_at < datetime.fromisoformat(page["computed_at"])
    assert page["stations"][0]["intake"][0]["answer"] == "unknown"
    assert console.ask("GET", "/alarms")[0] in (303, 503)
