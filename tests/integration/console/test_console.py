"""The console over a real TimescaleDB: live within two seconds, alarms acknowledged once, closed to other sites."""

import itertools
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboards.console import hub, watcher
from dashboards.console.snapshot import NetworkNow, read_snapshot
from quantrac.database.pool import Connection
from tests.fixtures.console import CONFIGS, OPERATOR, RunningConsole
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
                shown = told(data).get("st-my-thanh/do", shown)
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
        time.sleep(1.3)  # a look would have been due by then, without readings, too
        return len(looks) == before

    monkeypatch.setattr(watcher, "read_snapshot", look)
    monkeypatch.setattr(watcher, "ATTENDED_S", 0.1)
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0.8)
    for module in (watcher, hub):
        monkeypatch.setattr(module, "FRESH_S", 1.0)
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
        assert (name, told(shown)["st-my-thanh/do"]) == ("network", 5.6)
        assert (shown["freshness"]["live"], shown["now"] >= came) == (True, True)
        assert json.loads(console.ask("GET", "/healthz")[2]) == {"listeners": 1}
        assert next(stream)[0] == "change"
    eventually(has_rested)
    assert console.ask("GET", "/")[0] == 200


def came_now(console: RunningConsole, value: float) -> float:
    """Let ingest beat and a reading come; return when it did, milliseconds since 1970."""
    console.ingest_beats()
    return console.arrive("st-my-thanh/do", value).timestamp() * 1000


def told(event: dict[str, Any]) -> dict[str, float | None]:
    """Return the values that an event of the stream tells, by channel."""
    columns = event.get("channels", {"station": [], "name": [], "value": []})
    names = map("/".join, zip(columns["station"], columns["name"], strict=True))
    return dict(zip(names, columns["value"], strict=True))


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


def test_pages_and_their_data_show_every_station_in_both_languages(
    unstarted_console: Callable[..., RunningConsole],
) -> None:
    console = unstarted_console(config=CONFIGS)  # tides come from the files
    console.start()
    for language, word in (("vi", "Cảnh báo"), ("en", "Alarms")):
        status, _, text = console.ask("GET", f"/?lang={language}")
        assert status == 200
        assert word in text
        assert text.count("data-station=") == 6
    for path in ("/", "/wall"):
        found = json.loads(console.ask("GET", path)[2].partition('id="described">')[2].partition("</script>")[0])
        assert len(found["stations"]) == 6
        (kind,) = [kind for name, kind in found["stations"]["st-my-thanh"] if name == "do"]
        assert found["kinds"][kind] == ["Oxy hòa tan", "mg/l", 2, 2, 60.0, False, None]
    status, _, text = console.ask("GET", "/stations/st-tp-soc-trang")
    assert status == 200
    assert 'data-channel="st-tp-soc-trang/pm2_5"' in text
    ammonia = console.ask("GET", "/stations/st-dai-ngai")[2].partition('data-channel="st-dai-ngai/nh3"')[2]
    assert re.match(r'\s+data-decimals="2"\s+data-resolution="4"', ammonia)
    assert console.ask("GET", "/stations/nowhere")[0] == 404
    shown_are_means_of_five_minutes(console)
    tides = json.loads(console.ask("GET", "/api/tides")[2])
    assert [one["stations"] for one in tides] == [["st-my-thanh", "st-tran-de"], ["st-dai-ngai"]]


def shown_are_means_of_five_minutes(console: RunningConsole) -> None:
    """The small lines of a station: the last three hours, gaps kept, no housekeeping."""
    step_s = 300
    last = datetime.fromtimestamp(time.time() // step_s * step_s - step_s, UTC)
    for ago, value in ((0, 6.0), (60, 7.0), (1199, 4.0), (1200, 1e300), (4 * 3600, 99.0)):  # the last is too old
        console.arrive("st-my-thanh/do", value, last - timedelta(seconds=ago))
    console.arrive("st-my-thanh/battery_v", 12.0, last)  # housekeeping
    console.arrive("st-tran-de/do", 3.0, last)
    console.conn.execute("update channel set kind = 'vector' where channel = 'st-my-thanh/ph'")
    for ago, value in ((0, 358.0), (60, 4.0)):  # a direction goes round: its mean is 1, not 181
        console.arrive("st-my-thanh/ph", value, last - timedelta(seconds=ago))
    status, _, text = console.ask("GET", "/api/stations/st-my-thanh/trends")
    console.conn.execute("update channel set kind = 'mean' where channel = 'st-my-thanh/ph'")
    start = round(last.timestamp() - 1200) * 1000
    channels = {"st-my-thanh/do": [start, [1e300, 4.0, None, None, 6.5]], "st-my-thanh/ph": [start + 1200_000, [1.0]]}
    assert (status, json.loads(text)) == (
        200, {"step": 1000 * step_s, "channels": channels, "directions": ["st-my-thanh/ph"]}
    )  # fmt: skip


def test_pages_show_the_clock_of_the_network_s_time_zone(console: RunningConsole) -> None:
    """The page's script reads every clock in the zone of `data-zone`."""
    assert 'data-zone="Asia/Ho_Chi_Minh"' in console.ask("GET", "/")[2]
    console.conn.execute("update network set time_zone = 'Asia/Kathmandu'")
    eventually(lambda: 'data-zone="Asia/Kathmandu"' in console.ask("GET", "/?lang=en")[2])
    assert "dataset.zone" in console.ask("GET", "/static/page.js")[2]


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
        return found if found["standing"] == 301 else None  # 150 of them are acknowledged

    shown = eventually(overview)
    stations = {one["station"]: (one["condition"], one["standing"]) for one in shown["stations"]}
    assert stations["st-tran-de"] == ("critical", 1)
    assert shown["waiting"] == 151
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
    assert console.ask("POST", path, {"reason": "đã gọi"})[0] == 200
    assert console.acknowledged_by(alarm) == OPERATOR
    status, _, text = console.ask("POST", path, {}, by=console.sign_in("Somebody else"))
    assert status == 409
    assert re.fullmatch(r"alarm \d+ was acknowledged by Trần Thị Bình at \d\d:\d\d:\d\d .*", json.loads(text)["error"])
    _, _, text = console.ask("POST", path, {}, **{"Accept-Language": "vi"})
    assert json.loads(text)["error"].startswith(f"cảnh báo {alarm} đã được Trần Thị Bình xác nhận lúc ")


def test_what_operators_ask_of_an_alarm_goes_to_the_desk(console: RunningConsole) -> None:
    alarm = console.raise_alarm()
    who = {"reason": "vệ sinh đầu đo", "hours": 2}
    for action in ("comment", "shelve", "unshelve", "false"):
        assert console.ask("POST", f"/api/alarms/{alarm}/{action}", who)[0] == 200, action
    assert console.ask("POST", f"/api/alarms/{alarm}/reset", who)[0] == 409  # it is not latched
    assert console.ask("POST", f"/api/alarms/{alarm}/comment", {**who, "reason": ""})[0] == 422
    events = console.conn.execute("select event from v_alarm_event where alarm_id = %s and person is not null", [alarm])
    assert [event for (event,) in events] == ["comment", "shelved", "unshelved", "marked false"]
    (shown,) = json.loads(console.ask("GET", "/api/alarms")[2])
    said = [(one["event"], one["person"], one["words"]) for one in shown["remarks"]]
    assert said == [
        (event, "Trần Thị Bình", "vệ sinh đầu đo") for event in ("comment", "shelved", "unshelved", "marked false")
    ]


def test_a_station_is_put_out_of_service_and_back(console: RunningConsole) -> None:
    who = {"reason": "thay đầu đo", "hours": 2}
    assert console.ask("POST", "/api/stations/st-my-thanh/out-of-service", who)[0] == 200
    assert console.conn.execute("select count(*) from v_out_of_service where ended_at is null").fetchone() == (1,)
    assert console.ask("POST", "/api/stations/st-my-thanh/in-service", who)[0] == 200
    assert console.ask("POST", "/api/stations/st-my-thanh/in-service", who)[0] == 409
    assert console.ask("POST", "/api/stations/st-nowhere/out-of-service", who)[0] == 409


def test_nobody_acknowledges_from_another_sites_page(console: RunningConsole) -> None:
    alarm = console.raise_alarm()
    elsewhere = {"Origin": "https://elsewhere.example"}
    for headers in (elsewhere, {"Content-Type": "text/plain"}, {"X-CSRF-Token": "guessed"}):
        assert console.ask("POST", f"/api/alarms/{alarm}/acknowledge", {}, **headers)[0] == 403
    assert console.acknowledged_by(alarm) is None


def test_a_chart_has_the_readings_of_its_channel_its_span_and_the_width_of_its_points(console: RunningConsole) -> None:
    interval = console.conn.execute("select interval_s from v_channel where channel = 'st-my-thanh/do'").fetchone()
    assert interval is not None
    console.arrive("st-my-thanh/do", 4.0)
    time.sleep(0.01)
    console.arrive("st-my-thanh/do", 5.0)
    later = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for hours, asked in ((24, "hours=24"), (0.25, "hours=0.25"), (3, f"from={hours_before(later, 3)}&to={later}")):
        status, _, text = console.ask("GET", f"/api/channels/st-my-thanh/do/series?{asked}")
        found = json.loads(text)
        assert (status, min(found["low"]), max(found["high"])) == (200, 4.0, 5.0)
        assert found["width_s"] == max(interval[0], hours * 3600 / 2000)
    for asked in (
        f"from={later}&to={later}",
        f"from={later}",
        "from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z",
        "from=x&to=y",
    ):
        assert console.ask("GET", f"/api/channels/st-my-thanh/do/series?{asked}")[0] == 422
    assert console.ask("GET", "/api/channels/st-my-thanh/nothing/series")[0] == 404


def hours_before(time: str, hours: int) -> str:
    return (datetime.fromisoformat(time) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


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
    status, _, text = console.ask("POST", path, {})
    assert (status, json.loads(text)) == (503, {"error": "the console cannot reach the database"})
    line.restore()
    eventually(lambda: console.ask("POST", path, {})[0] == 200)
