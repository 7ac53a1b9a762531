"""A station's equipment and its charts over a real database: what its page says, and commands with their outcome."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import httpx
import pytest

from dashboards.console import context
from dashboards.console.app import create_app
from dashboards.console.context import AdmissionRules, Console
from dashboards.console.equipment import read_equipment, read_picture
from dashboards.console.hub import Hub
from dashboards.console.series import read_series
from dashboards.console.station_page import ChartSpan, read_marks
from dashboards.console.watcher import NothingSeenYet
from dashboards.console.workbench import read_stretch
from quantrac.database.pool import Connect, Connection, open_pool
from quantrac.desks.acts import ReviewedReadings
from tests.fixtures.console import CONFIGS, LIMITS, RunningConsole, session_of, with_session
from tests.fixtures.timing import eventually

pytestmark = pytest.mark.usefixtures("configured")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
STATION, MINUTE, DAY = "st-my-thanh", timedelta(minutes=1), timedelta(days=1)
TEN_MINUTES_A_POINT = 2000 * 10 * MINUTE
"""As many readings as a chart is made of at most."""
READING = "insert into reading select channel_id, %s, %s, %s, %s, %s from channel where channel = 'st-my-thanh/do'"
HOUR = """
insert into hourly (channel_id, time, value, mean, min, max, count, received, expected)
select channel_id, %s, %s, %s, %s, %s, %s, %s, 60 from channel where channel = 'st-my-thanh/do'
"""
EVENT = """
insert into station_event (time, station, device, kind, detail, epoch, seq, index, received_at)
values (%s, 'st-my-thanh', 'sonde', 'calibration', '<i>span</i> 8.2', 'e', 1, 0, %s)
"""
IMAGE = "insert into image values ('st-my-thanh', 'gate', %s, sha256('x'), 'door', 'c', 1, %s, 'x')"
CAMERA = """update station set config_reported = 'other', config = jsonb_set(config, '{cameras}', '{"gate": {}}')
where station = 'st-my-thanh'"""


def test_each_kind_of_bad_reading_keeps_its_name_and_no_value_overflows(conn: Connection) -> None:
    """States by their numbers: 1 suspect, 4 maintenance, 5 calibration, 7 no answer; test 2: outside the span."""
    given: list[tuple[float | None, int, int]] = [
        (5.0, 0, 0), (1e300, 1, 0), (1e300, 0, 2), (7.0, 4, 0), (8.0, 5, 0), (None, 7, 1), (6.0, 0, 0),
    ]  # fmt: skip
    for ago, (value, state, tests) in enumerate(reversed(given)):
        time = NOW - ago * MINUTE
        conn.execute(READING, [time, value, state, tests, time])
    conn.execute("set role quantrac_console")
    found = read_series(conn, "st-my-thanh/do", NOW - timedelta(hours=1), NOW)
    assert found is not None
    n = None
    assert found["mean"] == [5.0, n, n, n, n, n, 6.0]
    assert (found["suspect"][1], found["fail"][2], found["aside"]) == (1e300, 1e300, [n, n, n, 7.0, 8.0, n, n])
    ends = [NOW.timestamp() - 60 * ago for ago in range(7)][::-1]
    assert found["spells"] == [
        (ends[2], ends[3], "maint"), (ends[3], ends[4], "cal"), (ends[4], ends[5], "missing"),
    ]  # fmt: skip
    whole = read_series(conn, "st-my-thanh/do", NOW - TEN_MINUTES_A_POINT, NOW)
    assert whole is not None
    assert (whole["width_s"], whole["mean"], whole["low"], whole["high"]) == (600, [5.5], [5.0], [6.0])
    assert read_series(conn, "st-my-thanh/nothing", NOW - DAY, NOW) is None


def test_long_charts_are_made_of_hours_and_days_of_the_network_s_zone(conn: Connection) -> None:
    """Midnight in Vietnam is 17:00 UTC: a point of six hours begins there, and stands in its middle."""
    midnight = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
    for hour, (value, count, received) in enumerate([(4.0, 60, 60), (5.0, 30, 60), (1e300, 60, 60), (None, 0, 0)]):
        conn.execute(HOUR, [midnight + hour * timedelta(hours=1), *[value] * 4, count, received])
    month = read_series(conn, "st-my-thanh/do", NOW - 30 * DAY, NOW)
    assert month is not None
    assert (month["resolution"], month["width_s"], month["mean"]) == ("hourly", 3600, [4.0, 5.0, 1e300, None])
    begin = midnight.timestamp()
    assert month["t"][0] == begin + 1800
    assert month["spells"] == [(begin + 3600, begin + 7200, "partial"), (begin + 10800, begin + 14400, "missing")]
    year = read_series(conn, "st-my-thanh/do", NOW - 366 * DAY, NOW)
    assert year is not None
    assert (year["resolution"], year["width_s"], year["t"]) == ("hourly", 21600, [begin + 10800])
    assert (year["low"], year["high"], year["mean"]) == ([4.0], [1e300], [pytest.approx(0.4e300)])
    years = read_series(conn, "st-my-thanh/do", NOW - 5 * 366 * DAY, NOW)
    assert years is not None
    assert (years["resolution"], years["t"]) == ("daily", [])


def test_directions_and_rain_are_put_together_as_their_kind_says(conn: Connection) -> None:
    """The mean of 350 and 20 degrees is 5, not 185; rain is added; a switch is what it was last."""
    for channel, kind, values, expected in (
        ("water_temp", "vector", (350.0, 20.0), 5.0), ("ph", "sum", (1.5, 2.0), 3.5), ("ec", "last", (1.0, 0.0), 0.0),
    ):  # fmt: skip
        conn.execute("update channel set kind = %s where channel = %s", [kind, f"st-my-thanh/{channel}"])
        for minute, value in enumerate(values):
            time = NOW - (1 - minute) * MINUTE
            conn.execute(READING.replace("'st-my-thanh/do'", "%s"), [time, value, 0, 0, time, f"st-my-thanh/{channel}"])
        found = read_series(conn, f"st-my-thanh/{channel}", NOW - TEN_MINUTES_A_POINT, NOW)
        assert found is not None
        assert found["mean"] == [pytest.approx(expected)]
        stretch = ReviewedReadings(f"st-my-thanh/{channel}", NOW - TEN_MINUTES_A_POINT, NOW)
        bench = read_stretch(conn, stretch, "vi")
        assert bench is not None
        assert bench["mean"] == bench["raw"] == [pytest.approx(expected)]
        assert kind == "last" or bench["low"] == bench["high"] == bench["mean"]


def test_the_workbench_adds_the_hours_of_a_year_of_rain(conn: Connection) -> None:
    conn.execute("update channel set kind = 'sum' where channel = 'st-my-thanh/do'")
    width_s = 7 * 3600
    end = NOW.timestamp() // width_s * width_s
    for ago, value in ((3, 1.5), (2, 2.0)):
        conn.execute(HOUR, [datetime.fromtimestamp(end - ago * 3600, UTC), *[value] * 4, 60, 60])
    found = read_stretch(conn, ReviewedReadings("st-my-thanh/do", NOW - 400 * DAY, NOW), "vi")
    assert found is not None
    assert (found["hourly"], found["width_s"], found["t"]) == (True, width_s, [end])
    assert found["mean"] == found["low"] == found["high"] == [3.5]


def test_a_stations_marks_are_its_events_and_alarms_of_that_time(conn: Connection) -> None:
    conn.execute(EVENT, [NOW - MINUTE, NOW])
    conn.execute(
        "insert into alarm (rule, level, station, channel_id, severity, state, raised_at, texts)"
        " select 'do-low', 'act', station, channel_id, 'high', 'unacknowledged', %s, '{\"title\": {\"vi\": \"Oxy\"}}'"
        " from channel where channel = 'st-my-thanh/do'",
        [NOW - 2 * MINUTE],
    )
    conn.execute("set role quantrac_console")
    found = read_marks(conn, STATION, ChartSpan(NOW - DAY, NOW))
    assert found["events"] == [[(NOW - MINUTE).timestamp(), "calibration", "sonde", "<i>span</i> 8.2"]]
    ((raised, cleared, channel, severity, title, _),) = found["alarms"]
    assert (raised, cleared, channel) == ((NOW - 2 * MINUTE).timestamp(), None, "st-my-thanh/do")
    assert (severity, title) == ("high", {"vi": "Oxy"})
    assert read_marks(conn, STATION, ChartSpan(NOW - DAY, NOW - 5 * MINUTE))["events"] == []
    assert read_marks(conn, "st-tran-de", ChartSpan(NOW - DAY, NOW)) == {
        "events": [], "alarms": [], "samples": [], "too_long": False,
    }  # fmt: skip


def test_the_equipment_of_a_station_is_what_its_files_and_the_views_say(
    conn: Connection, unstarted_console: Callable[..., RunningConsole]
) -> None:
    console = unstarted_console(config=CONFIGS)
    console.start()
    now = datetime.now(UTC)
    taken = now.replace(microsecond=5000)
    conn.execute(CAMERA)
    conn.execute(EVENT, [now, now])
    conn.execute(IMAGE, [taken, now])
    conn.execute(HOUR, [now.replace(minute=0, second=0, microsecond=0) - 2 * timedelta(hours=1), *[5.0] * 4, 45, 54])
    found = read_equipment(conn, STATION, now)
    assert found is not None
    (sonde,) = [one for one in found.devices if one.name == "sonde"]
    assert sonde.rate == pytest.approx((0.75, 0.15, 0.1))
    assert sonde.line.startswith("sondes: modbus-rtu, usb-FTDI_FT232R")
    assert [one.rate for one in found.devices if one.name == "gauge"] == [None]
    assert found.cameras == {"gate": [(taken, "door", 1)]}
    assert (found.reported, found.applied != "other") == ("other", True)
    assert read_equipment(conn, "st-nowhere", now) is None
    for lang, words in (("vi", "trạm đang chạy cấu hình khác"), ("en", "the station runs another one")):
        status, _, text = console.ask("GET", f"/stations/{STATION}/equipment?lang={lang}")
        assert (status, words in text, "&lt;i&gt;span&lt;/i&gt; 8.2" in text, "75,0 %" in text) == (
            200, True, True, lang == "vi",
        )  # fmt: skip
    assert console.ask("GET", "/stations/st-nowhere/equipment")[0] == 404
    for by, is_shown in ((console.sign_in(), True), (None, False)):
        page = console.ask("GET", f"/stations/{STATION}/equipment", by=by)[2].partition("<main")[2]
        assert ("Chưa có lệnh nào." in page.partition("</main")[0]) is is_shown, (
            "who gave which command is not every reader's to know"
        )
    early = "/api/channels/st-my-thanh/do/series?from=0001-01-01T00:00:00%2B14:00&to=2026-11-24T00:00:00Z"
    assert console.ask("GET", early)[0] == 422
    at = round(taken.timestamp() * 1000)
    status, headers, text = console.ask("GET", f"/api/stations/{STATION}/images/gate/{at}")
    assert (status, text, headers["content-type"], headers["cache-control"]) == (200, "x", "image/jpeg", "no-store")
    assert console.ask("GET", f"/api/stations/st-tran-de/images/gate/{at}")[0] == 404
    assert read_picture(conn, STATION, "gate", taken - MINUTE) is None
    assert console.ask("GET", f"/api/stations/{STATION}/marks?hours=800")[2].endswith('"too_long":true}')
    status, _, text = console.ask("POST", f"/api/stations/{STATION}/command", {"do": "read", "reason": "xem"})
    assert (status, "QUANTRAC_COMMAND_KEYS" in text) == (409, True)
    eventually(lambda: '"limit": 3.0, "severity": "high"' in console.ask("GET", f"/stations/{STATION}")[2])
    for path in ("/compare?left=st-my-thanh/do&right=nowhere/x&lang=en", "/compare"):
        assert console.ask("GET", path)[0] == 200


class Silent:
    """A watcher that has seen nothing: a station's answer is told all the same."""

    zone = ZoneInfo("Asia/Ho_Chi_Minh")

    def see(self) -> NoReturn:
        raise NothingSeenYet("the console cannot reach the database")


SPAN = "from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z"
CASES: list[tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any], list[str] | str]] = [
        (
            {"do": "read", "device": "sonde"}, {"do": "read", "device": "sonde"},
            {"ok": True, "readings": [
                {"device": "sonde", "channel": "do", "value": 5.1, "unit": "mg/L", "state": "ok", "why": ""}, "strange",
                {"device": "sonde", "channel": "ph", "value": True, "state": "ok"},
            ]},
            ["Đã làm xong", "sonde/do: 5,100 mg/L", "sonde/ph: –"],
        ),
        (
            {"do": "maint", "hours": 2, "state": "cal"},
            {"do": "maint", "device": None, "for_ms": 7_200_000, "state": "cal", "why": "xem"},
            {"ok": True, "maintenance": {"": {"state": "cal", "until": 1_795_489_200_000}, "io": {"until": "x"}}},
            ["Đã làm xong", "cả trạm: Hiệu chuẩn, đến 10:00 24/11/2026", "io: None, đến ?"],
        ),
        ({"do": "maint", "off": True}, {"do": "maint", "device": None, "off": True}, {"ok": True}, ["Đã làm xong"]),
        (
            {"do": "again", "since": "2026-11-24T02:00:00Z", "until": "2026-11-24T03:00:00Z"},
            {"do": "again", "from": 1_795_485_600_000, "to": 1_795_489_200_000}, {"ok": True, "messages": 60},
            ["Đã làm xong", "Số bản tin gửi lại: 60"],
        ),
        (
            {"do": "picture", "camera": "gate"}, {"do": "picture", "camera": "gate"}, {"ok": True, "bytes": 81_000},
            ["Đã làm xong", "Ảnh đã chụp: 81 kB"],
        ),
        (
            {"do": "picture", "camera": "gate"}, {"do": "picture", "camera": "gate"},
            {"ok": True, "bytes": 10**400, "recorded": False},
            [
                "Đã làm xong", "Trạm đã làm, nhưng chưa ghi được kết quả vào nhật ký: "
                "bảng điều khiển không kết nối được cơ sở dữ liệu",
            ],
        ),
        (
            {"do": "act", "device": "sonde", "action": "wipe"},
            {"do": "act", "device": "sonde", "action": "wipe", "value": None}, {"ok": False, "error": "busy"},
            "trạm st-my-thanh từ chối: busy",
        ),
        ({"do": "again"}, None, {}, "gửi lại số liệu từ lúc nào đến lúc nào?"),
]  # fmt: skip
"""What is wished for, the order, what the station answers, what the person reads."""


async def test_commands_go_to_the_desk_and_their_outcome_comes_back_in_words(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Mapping[str, Any], str, str]] = []
    answers = [answer for _, order, answer, _ in CASES if order is not None]

    def command(
        connect: Connect, station: str, order: Mapping[str, Any], *, person: str, reason: str
    ) -> Mapping[str, Any]:
        asked.append((station, order, person, reason))
        assert connect == pool.connection, "a connection for a block, none for the wait"
        return answers[len(asked) - 1]

    with open_pool(database, "test command") as pool:
        rules = AdmissionRules(None, LIMITS)
        console = Console(pool, Hub(), Silent(), lambda: NOW, rules, None, command)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(create_app(console, frozenset({"console"})))
        with pool.connection() as conn:
            headers = with_session(session_of(conn, "Trần Thị Bình", NOW)) | {"Accept-Language": "vi"}
        async with httpx.AsyncClient(transport=transport, base_url="http://console", headers=headers) as http:
            for wish, order, _, said in CASES:
                found = await http.post(f"/api/stations/{STATION}/command", json={**wish, "reason": "xem"})
                status = 200 if isinstance(said, list) else 422 if order is None else 409
                assert (found.status_code, list(json.loads(found.text).values())) == (status, [said])
            early = {
                "do": "again",
                "since": "0001-01-01T00:00:00+14:00",
                "until": "2026-11-24T03:00:00Z",
                "reason": "xem",
            }
            found = await http.post(f"/api/stations/{STATION}/command", json=early)
            assert (found.status_code, "since: ít nhất" in found.text) == (422, True)
            days = "/api/completeness?first=2026-11-01&last=2026-11-01"
            monkeypatch.setattr(context, "PATIENCE_S", 0.01)
            with console.long_reads, console.long_reads:
                stretch, findings = f"channels/{STATION}/do/stretch?{SPAN}", f"stations/{STATION}/findings?{SPAN}"
                for path in (days, f"/api/{stretch}", f"/api/{findings}"):
                    found = await http.get(path)
                    assert (found.status_code, "hãy thử lại" in found.text) == (429, True)
            assert (await http.get(days)).status_code == 200
    orders = [order for _, order, _, _ in CASES if order is not None]
    assert asked == [(STATION, order, "Trần Thị Bình", "xem") for order in orders]
