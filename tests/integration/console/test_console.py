"""The console over a real TimescaleDB: live within two seconds, alarms acknowledged once, closed to other sites."""

import itertools
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboards.console import watcher
from dashboards.console.hub import FRESH_S
from dashboards.console.snapshot import NetworkNow, read_snapshot
from quantrac.database.pool import Connection
from tests.fixtures.console import RunningConsole
from tests.fixtures.proxy import TcpProxy
from tests.fixtures.timing import eventually, quickest


@pytest.mark.timed
def test_a_reading_is_on_the_stream_within_two_seconds_and_without_news_it_speaks_every_two_and_a_half(
    console: RunningConsole,
) -> None:
    values = itertools.count(5)
    with console.stream() as stream:

        def arrival() -> float:
            value = next(values)
            console.arrive("st-my-thanh/do", value)
            began = time.monotonic()
            shown = None
            while shown != value:
                _, data = next(stream)
                shown = next((c["value"] for c in data.get("channels", ()) if c["channel"] == "st-my-thanh/do"), shown)
            return time.monotonic() - began

        def pause() -> float:
            first, second = next(stream)[1]["now"], next(stream)[1]["now"]
            return float(second - first) / 1000

        assert next(stream)[0] == "network"
        assert quickest(arrival, 2) < 2
        assert quickest(pause, 2.5) < 2.5


def test_it_looks_at_nothing_while_nobody_does_and_is_right_at_once_when_somebody_comes(
    console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its looks took a fifth of the database at 200 stations, with no page open."""
    looks: list[datetime] = []

    def look(conn: Connection, now: datetime) -> NetworkNow:
        looks.append(now)
        return read_snapshot(conn, now)

    def has_rested() -> bool:
        before = len(looks)
        console.arrive("st-my-thanh/do", 4.0)
        time.sleep(FRESH_S + 0.3)  # a look would have been due by then, without readings, too
        return len(looks) == before

    monkeypatch.setattr(watcher, "read_snapshot", look)
    monkeypatch.setattr(watcher, "ATTENDED_S", 0.1)
    eventually(has_rested)
    assert json.loads(console.ask("GET", "/healthz")[2]) == {"listeners": 0}
    rested = len(looks)
    beats = "select connected from v_service where service = 'console' and beat_at > %s"
    since = datetime.now(UTC)
    assert eventually(lambda: console.conn.execute(beats, [since]).fetchall()) == [(True,)]
    assert len(looks) == rested, "it gives its sign of life"
    came = came_now(console, 5.5)
    shown = json.loads(console.ask("GET", "/api/network")[2])
    assert (oxygen(shown), shown["freshness"]["reason"], shown["now"] >= came) == (5.5, "", True)
    eventually(has_rested)
    came = came_now(console, 5.6)
    with console.stream() as stream:
        name, shown = next(stream)
        assert (name, oxygen(shown), shown["freshness"]["live"], shown["now"] >= came) == ("network", 5.6, True, True)
        assert json.loads(console.ask("GET", "/healthz")[2]) == {"listeners": 1}
        assert next(stream)[0] == "change"
    eventually(has_rested)
    assert console.ask("GET", "/")[0] == 200


def came_now(console: RunningConsole, value: float) -> float:
    """Let ingest beat and a reading come; return when it did, milliseconds since 1970."""
    console.ingest_beats()
    return console.arrive("st-my-thanh/do", value).timestamp() * 1000


def oxygen(shown: dict[str, Any]) -> float | None:
    value: float | None = next(one["value"] for one in shown["channels"] if one["channel"] == "st-my-thanh/do")
    return value


def test_after_a_rest_a_database_that_is_away_is_said_to_be_away(
    distant_console: tuple[RunningConsole, TcpProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not shown as it was when somebody last looked."""
    console, line = distant_console
    monkeypatch.setattr(watcher, "FIRST_LOOK_S", 0.5)
    monkeypatch.setattr(watcher, "FRESH_S", 0.5)
    console.start()
    line.cut()
    eventually(lambda: console.ask("GET", "/api/network")[0] == 503)
    status, _, text = console.ask("GET", "/")
    assert (status, "Chưa đọc được cơ sở dữ liệu" in text) == (503, True)
    line.restore()
    eventually(lambda: console.ask("GET", "/")[0] == 200)


def test_pages_show_every_station_in_both_languages(console: RunningConsole) -> None:
    for language, word in (("vi", "Cảnh báo"), ("en", "Alarms")):
        status, _, text = console.ask("GET", f"/?lang={language}")
        assert status == 200
        assert word in text
        assert text.count("data-station=") == 6
    status, _, text = console.ask("GET", "/stations/st-tp-soc-trang")
    assert status == 200
    assert 'data-channel="st-tp-soc-trang/pm2_5"' in text
    assert console.ask("GET", "/stations/nowhere")[0] == 404


def test_pages_show_the_clock_of_the_network_s_time_zone(console: RunningConsole) -> None:
    """The page's script reads every clock in the zone of `data-zone`."""
    assert 'data-zone="Asia/Ho_Chi_Minh"' in console.ask("GET", "/")[2]
    console.conn.execute("update network set time_zone = 'Asia/Kathmandu'")
    eventually(lambda: 'data-zone="Asia/Kathmandu"' in console.ask("GET", "/?lang=en")[2])
    _, _, script = console.ask("GET", "/static/console.js")
    assert "ZONE = document.body.dataset.zone" in script


def test_every_answer_carries_a_strict_content_security_policy(console: RunningConsole) -> None:
    paths = ("/", "/static/console.js", "/vendor/leaflet/leaflet.js", "/vendor/uplot/uplot.iife.min.js", "/api/network")
    for path in paths:
        status, headers, _ = console.ask("GET", path)
        assert status == 200, path
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_a_critical_alarm_behind_300_lesser_ones_is_first_counted_and_colours_its_station(
    console: RunningConsole,
) -> None:
    """The list knew the newest 100: of 578 standing alarms 119 stations' were invisible, and their stations green."""
    console.raise_alarms()

    def overview() -> dict[str, Any] | None:
        found: dict[str, Any] = json.loads(console.ask("GET", "/api/network")[2])
        return found if found["standing"] == 301 else None

    shown = eventually(overview)
    stations = {one["station"]: (one["condition"], one["standing"]) for one in shown["stations"]}
    assert stations["st-tran-de"] == ("critical", 1)
    assert stations["st-my-thanh"][1] == 300
    pages = [json.loads(console.ask("GET", f"/api/alarms?offset={offset}")[2]) for offset in (0, 100, 200, 300)]
    assert pages[0] == shown["alarms"]
    rules = [alarm["rule"] for page in pages for alarm in page]
    assert rules == ["old-1", *(f"new-{n}" for n in range(1, 151)), *(f"seen-{n}" for n in range(1, 151))]
    mine = json.loads(console.ask("GET", "/api/alarms?station=st-tran-de")[2])
    assert [alarm["rule"] for alarm in mine] == ["old-1"]


def test_an_alarm_is_acknowledged_by_a_person_once(console: RunningConsole) -> None:
    alarm = console.raise_alarm()
    path = f"/api/alarms/{alarm}/acknowledge"
    assert console.ask("POST", path, {"person": "Trần Thị Bình", "reason": "đã gọi"})[0] == 200
    assert console.acknowledged_by(alarm) == "Trần Thị Bình"
    status, _, text = console.ask("POST", path, {"person": "Somebody else"})
    assert status == 409
    assert "Trần Thị Bình" in json.loads(text)["error"]


def test_what_operators_ask_of_an_alarm_goes_to_the_desk(console: RunningConsole) -> None:
    alarm = console.raise_alarm()
    who = {"person": "Trần Thị Bình", "reason": "vệ sinh đầu đo", "hours": 2}
    for action in ("comment", "shelve", "unshelve", "false"):
        assert console.ask("POST", f"/api/alarms/{alarm}/{action}", who)[0] == 200, action
    assert console.ask("POST", f"/api/alarms/{alarm}/reset", who)[0] == 409  # it is not latched
    assert console.ask("POST", f"/api/alarms/{alarm}/comment", {**who, "reason": ""})[0] == 422
    events = console.conn.execute("select event from v_alarm_event where alarm_id = %s and person is not null", [alarm])
    assert [event for (event,) in events] == ["comment", "shelved", "unshelved", "marked false"]


def test_a_station_is_put_out_of_service_and_back(console: RunningConsole) -> None:
    who = {"person": "Trần Thị Bình", "reason": "thay đầu đo", "hours": 2}
    assert console.ask("POST", "/api/stations/st-my-thanh/out-of-service", who)[0] == 200
    assert console.conn.execute("select count(*) from v_out_of_service where ended_at is null").fetchone() == (1,)
    assert console.ask("POST", "/api/stations/st-my-thanh/in-service", who)[0] == 200
    assert console.ask("POST", "/api/stations/st-my-thanh/in-service", who)[0] == 409
    assert console.ask("POST", "/api/stations/st-nowhere/out-of-service", who)[0] == 409


def test_nobody_acknowledges_from_another_sites_page_or_without_a_name(console: RunningConsole) -> None:
    alarm = console.raise_alarm()
    for person, headers, refusal in (
        ("x", {"Origin": "https://elsewhere.example"}, 403),
        ("x", {"Content-Type": "text/plain"}, 403),
        ("", {}, 422),
    ):
        path = f"/api/alarms/{alarm}/acknowledge"
        assert console.ask("POST", path, {"person": person}, **headers)[0] == refusal
    assert console.acknowledged_by(alarm) is None


def test_a_chart_has_the_readings_of_its_channel_its_span_and_the_width_of_its_points(console: RunningConsole) -> None:
    interval = console.conn.execute("select interval_s from v_channel where channel = 'st-my-thanh/do'").fetchone()
    assert interval is not None
    console.arrive("st-my-thanh/do", 4.0)
    time.sleep(0.01)
    console.arrive("st-my-thanh/do", 5.0)
    for hours in (24, 0.25):
        status, _, text = console.ask("GET", f"/api/channels/st-my-thanh/do/series?hours={hours}")
        found = json.loads(text)
        assert (status, min(found["low"]), max(found["high"])) == (200, 4.0, 5.0)
        assert (found["hours"], found["width_s"]) == (hours, max(interval[0], hours * 3600 / 1440))
    assert console.ask("GET", "/api/channels/st-my-thanh/nothing/series")[0] == 404


def test_it_gives_a_sign_of_life_and_takes_it_back_when_it_stops(console: RunningConsole) -> None:
    beats = "select connected, now() - beat_at < interval '60 seconds' from v_service where service = 'console'"
    assert eventually(lambda: console.conn.execute(beats).fetchall()) == [(True, True)]
    console.stop()
    assert console.conn.execute(beats).fetchall() == []


def test_what_needs_a_database_that_is_away_is_refused_with_the_reason(
    distant_console: tuple[RunningConsole, TcpProxy],
) -> None:
    console, line = distant_console
    alarm = console.raise_alarm()
    console.start()
    line.cut()
    path = f"/api/alarms/{alarm}/acknowledge"
    status, _, text = console.ask("POST", path, {"person": "Bình"})
    assert (status, json.loads(text)) == (503, {"error": "the console cannot reach the database"})
    line.restore()
    eventually(lambda: console.ask("POST", path, {"person": "Bình"})[0] == 200)
