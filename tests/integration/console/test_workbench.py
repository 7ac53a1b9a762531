"""The workbench over HTTP: what it draws of a stretch, the queue, acts with roles, and two persons at one stretch."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quantrac.desks import review_rows, verdicts
from quantrac.desks.acts import ReviewedReadings
from quantrac.desks.roles import Role, RoleGrant
from quantrac.telemetry.quality import Quality
from tests.fixtures.console import RunningConsole

T0 = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DO = "/api/channels/st-my-thanh/do"
FILL = """
insert into reading
select channel_id, t, case when t = %(t0)s + interval '30 minutes' then 1e300 else 6 end, 0,
       case when t = %(t0)s + interval '30 minutes' then 2 else 0 end, t
from channel, generate_series(%(t0)s + interval '1 minute', %(t0)s + interval '2 hours', interval '1 minute') t
where channel = 'st-my-thanh/do' and not t between %(t0)s + interval '80 minutes' and %(t0)s + interval '89 minutes'
"""


def between(low: float, high: float) -> str:
    since, until = (T0 + minutes * MINUTE for minutes in (low, high))
    return f"from={since:%Y-%m-%dT%H:%M:%SZ}&to={until:%Y-%m-%dT%H:%M:%SZ}"


def wish(low: float, high: float, **more: Any) -> dict[str, Any]:
    span = {"from": (T0 + low * MINUTE).isoformat(), "to": (T0 + high * MINUTE).isoformat()}
    return {**span, "reason": "so với máy cầm tay", **more}


def test_an_officer_sees_judges_corrects_and_takes_back(
    console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.conn.execute(FILL, {"t0": T0})
    officer = console.sign_in("Nguyễn Thị Hoa", RoleGrant(Role.DATA_OFFICER, frozenset({"st-my-thanh"})))

    def asked(path: str, body: Any = None, expected: int = 200, language: str = "vi") -> Any:
        method = "GET" if body is None else "POST"
        status, _, text = console.ask(method, path, body, by=officer, **{"Accept-Language": language})
        assert status == expected, text
        return json.loads(text)

    drawn = asked(f"{DO}/workbench?{between(0, 120)}")
    assert (drawn["width_s"], len(drawn["t"]), drawn["mean"].count(6.0)) == (60.0, 111, 109)
    assert drawn["mean"][80 - 1] is None, "a gap stays a gap"
    assert (drawn["fail"][29], drawn["raw"][29], drawn["raw"][28]) == (1e300, None, 6.0)
    at = (T0 + 30 * MINUTE).timestamp()
    assert drawn["lanes"] == {"range": [[at - 60, at, 1]]}
    assert drawn["remarks"] == [[at - 60, at, ["range"], None, None, None, None, None]]
    proposals = "/api/stations/st-my-thanh/proposals"
    assert asked(f"{proposals}?{between(0, 120)}") == {"proposals": []}
    assert (
        console.ask("GET", f"{proposals}?{between(0, 120)}", by=console.sign_in("Xem", RoleGrant(Role.VIEWER)))[0]
        == 403
    )
    for answer in ("accept", "reject"):
        refused = asked(f"{proposals}/5f0c1a9e/{answer}", wish(0, 120), 422)["error"]
        assert refused == "không (còn) đề xuất nào tên 5f0c1a9e: hãy xem lại danh sách đề xuất"
    found = asked(f"/api/stations/st-my-thanh/findings?{between(0, 120)}")
    assert [(one["channel"], one["readings"], one["tests"]) for one in found["findings"]] == [
        ("st-my-thanh/do", 1, ["range"])
    ]
    assert asked(f"/api/stations/st-my-thanh/findings?{between(0, 120)}&name=ph")["findings"] == []

    look = asked(f"{DO}/stretch?{between(29, 30)}")
    assert look == {"readings": 1, "version": 0, "acts": []}
    judged = asked(f"{DO}/flag", wish(29, 30, verdict="fail", seen=0))
    assert (judged["readings"], judged["flag"], judged["person"]) == (1, 4, "Nguyễn Thị Hoa")
    assert asked(f"/api/stations/st-my-thanh/findings?{between(0, 120)}")["findings"] == []
    told = asked(f"{DO}/flag", wish(20, 40, verdict="good", seen=0), 409)["error"]
    assert re.fullmatch(r"Nguyễn Thị Hoa đã duyệt .* lúc \d\d:\d\d:\d\d \d\d/\d\d/\d{4}, sau khi bạn mở xem.*", told)
    seen = asked(f"{DO}/stretch?{between(20, 40)}")
    assert (seen["version"], [one["review_id"] for one in seen["acts"]]) == (1, [judged["review_id"]])
    drift = asked(f"{DO}/correct", wish(0, 20, drift=-2.0, seen=0))
    drawn = asked(f"{DO}/workbench?{between(0, 120)}")
    assert (drawn["mean"][9], drawn["raw"][9], drawn["corrected"][9]) == (5.0, 6.0, 1)
    assert [one["kind"] for one in drawn["acts"]] == ["correction", "flag"]
    with monkeypatch.context() as patched:
        patched.setattr(review_rows, "MOST_READINGS", 0)
        assert "duyệt từng đoạn ngắn hơn" in asked(f"{DO}/unflag", wish(20, 40), 422)["error"]
    asked(f"{DO}/unflag", wish(20, 40))
    asked(f"{DO}/unflag", wish(20, 40), 422)
    back = f"/api/stations/st-my-thanh/reviews/{drift['review_id']}/withdraw"
    assert asked(back, {"reason": "nhầm đoạn"})["state"] == "withdrawn"
    asked(back, {"reason": "nhầm đoạn"}, 409)
    proposed = asked(f"{DO}/correct", wish(0, 20, factor=1.1, proposed=True))
    refused = asked(f"/api/stations/st-my-thanh/reviews/{proposed['review_id']}/approve", {}, 422)["error"]
    assert "phải do người khác chấp thuận" in refused
    for path, body, status in (
        (f"{DO}/flag", wish(40, 20, verdict="fail"), 422), (f"{DO}/flag", wish(0, 1, verdict="fine"), 422),
        (f"{DO}/correct", wish(0, 1, added=1e999), 422), (f"{DO}/correct", wish(0, 20, factor=1e308), 422),
        (f"{DO}/correct", wish(0, 1), 422), (f"{DO}/flag", {**wish(0, 1, verdict="fail"), "reason": " "}, 422),
        (f"{DO}/flag", {**wish(0, 1, verdict="fail"), "to": "9999-12-31T23:59:59Z"}, 422),
        (f"{DO}/unflag", {**wish(0, 1), "from": "2020-01-01T00:00:00Z"}, 422),
        ("/api/stations/st-my-thanh/findings?from=2026-01-01T00:00:00Z&to=2026-05-01T00:00:00Z", None, 422),
        ("/api/stations/st-my-thanh/findings?from=2026-01-01T00:00:00Z&to=2026-05-01T00:00:00Z&name=do", None, 200),
        (f"{DO}/workbench?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", None, 422),
        ("/api/channels/st-my-thanh/none/workbench?" + between(0, 9), None, 404),
        ("/api/stations/st-my-thanh/reviews/99/withdraw", {"reason": "x1"}, 422),
        ("/api/channels/st-tran-de/do/flag", wish(0, 1, verdict="fail"), 403),
    ):  # fmt: skip
        asked(path, body, status)
    long = asked(f"{DO}/workbench?from=2025-12-01T00:00:00Z&to=2026-12-01T00:00:00Z")
    assert (long["hourly"], long["t"]) == (True, []), "hours are made by `quality run`"


def test_a_page_reaches_its_readers_stations_only_and_says_where_there_are_none(console: RunningConsole) -> None:
    console.conn.execute(FILL, {"t0": T0})
    other = verdicts.flag(
        console.conn, ReviewedReadings("st-my-thanh/do", T0, T0 + 9 * MINUTE), Quality.FAIL, "lan", "x", T0
    )
    officer = console.sign_in("Nguyễn Thị Hoa", RoleGrant(Role.DATA_OFFICER, frozenset({"st-tran-de"})))
    for what in ("withdraw", "approve"):
        path = f"/api/stations/st-tran-de/reviews/{other.review_id}/{what}"
        assert console.ask("POST", path, {"reason": "vì sao"}, by=officer)[0] == 404
    status, _, page = console.ask("GET", "/workbench", by=officer)
    assert status == 200
    assert "st-my-thanh" not in page.partition('id="texts"')[0], "a page names no station that its reader may not see"
    assert console.ask("GET", "/workbench?channel=st-my-thanh/do", by=officer)[0] == 404

    console.conn.execute("update station set active = false")
    status, _, page = console.ask("GET", "/workbench?lang=en")
    assert (status, "There is no channel to review" in page) == (200, True)
