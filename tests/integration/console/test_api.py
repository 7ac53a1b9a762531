"""The read API: what the views have, in pages that stay right while rows come, for those who may read it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from dashboards.api import routes
from ingest.rollups import consumer as rollups
from quantrac.database.pool import Connection, open_reading_pool
from quantrac.desks import tokens
from quantrac.desks.roles import DeskAct, Role, RoleGrant
from tests.fixtures.console import session_of, with_session
from tests.integration.console.test_admission import served

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DO = "st-my-thanh/do"
MINUTES = """
insert into reading select channel_id, %(until)s::timestamptz - n * interval '1 minute', 5 + n %% 7, 0, 0, %(until)s
from channel, generate_series(%(first)s::int, %(last)s::int) n where channel = any(%(channels)s)
"""
FAILED = "insert into reading_flag values (default, %s, %s, 'spike', 4, 'quality', 'quá cao', now())"
NUMBER = "select channel_id from channel where channel = %s"


@asynccontextmanager
async def asked(database: str, anonymous: Role | None = Role.VIEWER) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a console whose API reads by a pool of its own, as in service."""
    with open_reading_pool(database, "test api", most=2, timeout_s=30, waiting=8) as readers:
        async with served(database, anonymous, readers=readers) as (http, _):
            yield http


async def every(http: httpx.AsyncClient, path: str, headers: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the items of all pages."""
    found, following = list[dict[str, Any]](), path
    while following:
        answer = await http.get(following, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert (answer.headers.get("link") is None) == (page["next"] is None)
        found, following = [*found, *page["items"]], page["next"]
    return found


def fill(conn: Connection) -> None:
    """Give oxygen 120 readings up to 03:00, one of them failed, and temperature 5."""
    values = {"until": NOW, "first": 0, "last": 119, "channels": [DO]}
    conn.execute(MINUTES, values)
    conn.execute(MINUTES, {**values, "last": 4, "channels": ["st-tran-de/do"]})
    (number,) = conn.execute(NUMBER, [DO]).fetchone() or (0,)
    conn.execute(FAILED, [number, NOW - timedelta(minutes=5)])
    conn.execute("insert into consumer (consumer, position) values ('quality', 0) on conflict do nothing")
    rollups.make_everything(conn)


@pytest.mark.usefixtures("configured")
async def test_readings_are_those_after_from_up_to_to_with_quality_and_stage(database: str, conn: Connection) -> None:
    fill(conn)
    view = conn.execute(
        """select time, value, quality, state from v_reading
           where channel = %s and time > %s and time <= %s order by time""",
        [DO, NOW - timedelta(hours=1), NOW],
    ).fetchall()
    async with asked(database) as http:
        span = "from=2026-11-24T02:00:00Z&to=2026-11-24T10:00:00%2B07:00"
        found = await every(http, f"/api/v1/readings?channel={DO}&{span}&limit=7")
        times = [datetime.fromisoformat(one["time"]) for one in found]
        assert (len(found), times[0], times[-1]) == (60, NOW - timedelta(minutes=59), NOW), "one end is in, one is out"
        assert [(t, one["value"], one["quality"], one["state"]) for t, one in zip(times, found, strict=True)] == view
        said = [one for one in found if one["tests"] != "{}"]
        assert [(one["tests"], one["quality"], one["verdict"], one["reason"]) for one in said] == [
            ("{spike}", 4, None, None)
        ]
        stages = conn.execute("select stage from v_stage where channel = %s", [DO]).fetchall()
        assert stages
        assert {(one["stage"],) for one in found} <= set(stages)
        assert [one["quality"] for one in found].count(4) == 1
        for resolution, of in (("hourly", "v_hourly"), ("daily", "v_daily")):
            columns = f"select time, value, count, valid from {of}"
            between = "where channel = %s and time > %s and time <= %s order by time"
            wanted = conn.execute(f"{columns} {between}", [DO, NOW - timedelta(days=2), NOW]).fetchall()
            span = "from=2026-11-22T03:00:00Z&to=2026-11-24T03:00:00Z"
            rows = await every(http, f"/api/v1/readings?channel={DO}&{span}&resolution={resolution}")
            times = [datetime.fromisoformat(one["time"]) for one in rows]
            assert wanted
            assert [(t, one["value"], one["count"], one["valid"]) for t, one in zip(times, rows, strict=True)] == wanted
            assert {one["quality"] for one in rows} <= {1, 3, 9}
            assert {one["stage"] for one in rows} <= {"raw", "unreviewed"}
        empty = await http.get(f"/api/v1/readings?channel={DO}&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
        assert (empty.status_code, empty.json()["items"], empty.json()["next"]) == (200, [], None)


@pytest.mark.usefixtures("configured")
async def test_pages_stay_right_while_rows_come_before_and_behind(database: str, conn: Connection) -> None:
    fill(conn)
    async with asked(database) as http:
        first = (await http.get(f"/api/v1/readings?channel={DO}&from=2026-11-24T00:00:00Z&limit=100")).json()
        late = {"until": NOW - timedelta(hours=2, seconds=30), "first": 0, "last": 9, "channels": [DO]}
        conn.execute(MINUTES, late)
        rest = await every(http, first["next"])
        times = [one["time"] for one in (*first["items"], *rest)]
        assert (len(times), len(set(times)), times) == (120, 120, sorted(times)), "late ones shift nothing"
        everything = await every(http, "/api/v1/channels?limit=17")
        names = [one["channel"] for one in everything]
        assert names == sorted({name for (name,) in conn.execute("select channel from v_channel")})
        for wrong in ("x", "e30", "WzFd", first["next"].rpartition("cursor=")[2][:-3], "9" * 900):
            answer = await http.get(f"/api/v1/readings?channel={DO}&cursor={wrong}")
            assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), wrong


@pytest.mark.usefixtures("configured")
async def test_an_unchanged_answer_is_not_sent_again_and_people_get_csv(database: str, conn: Connection) -> None:
    fill(conn)
    path = f"/api/v1/readings?channel={DO}&from=2026-11-24T01:00:00Z&to=2026-11-24T03:00:00Z"
    async with asked(database) as http:
        first = await http.get(path, headers={"Accept-Encoding": "gzip"})
        assert first.headers["content-encoding"] == "gzip"
        again = await http.get(path, headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        conn.execute("update reading set value = 9 where time = %s", [NOW])
        changed = await http.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (changed.status_code, changed.json()["items"][-1]["value"]) == (200, 9.0)
        table = await http.get(path, headers={"Accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert table.headers["content-type"] == "text/csv; charset=utf-8"
        assert [row["time"] for row in rows] == [one["time"] for one in changed.json()["items"]]
        assert [float(row["value"]) for row in rows] == [one["value"] for one in changed.json()["items"]]


@pytest.mark.usefixtures("configured")
async def test_who_may_read_what(database: str, conn: Connection) -> None:
    fill(conn)
    end = NOW + timedelta(days=1)
    one_station = frozenset({"st-tran-de"})
    secrets = {
        "all": tokens.add(conn, "all", [DeskAct.READ], None, end, "test", NOW),
        "one": tokens.add(conn, "one", [DeskAct.READ], one_station, end, "test", NOW),
        "acts": tokens.add(conn, "acts", [DeskAct.COMMENT], None, end, "test", NOW),
    }
    bearer = {name: {"Authorization": f"Bearer {secret}"} for name, secret in secrets.items()}
    by = with_session(session_of(conn, "an", NOW, RoleGrant(Role.VIEWER, one_station)))
    conn.execute(
        """insert into alarm (rule, level, station, severity, state, raised_at, cleared_at)
           select 'do-low', 'act', station, 'low', 'cleared', %(at)s, %(at)s
           from unnest('{st-my-thanh,st-tran-de,null}'::text[]) as s (station)""",
        {"at": NOW},
    )
    async with asked(database, None) as http:
        for path in ("stations", "channels", "latest", "alarms", "completeness", "flags", "files"):
            whole = {one["station"] for one in await every(http, f"/api/v1/{path}?limit=500", bearer["all"])}
            for headers in (bearer["one"], by):
                part = {one["station"] for one in await every(http, f"/api/v1/{path}?limit=500", headers)}
                assert part == whole & one_station, path
        for headers, channel, status in (
            (bearer["one"], "st-tran-de/do", 200), (bearer["one"], DO, 404), (by, DO, 404), (bearer["all"], DO, 200),
            (bearer["all"], "st-none/do", 404), (bearer["acts"], DO, 403), ({}, DO, 401),
            ({"Authorization": "Bearer qt_guessed"}, DO, 401),
        ):  # fmt: skip
            answer = await http.get(f"/api/v1/readings?channel={channel}", headers=headers)
            assert answer.status_code == status, (headers, channel, answer.text)
            if status != 200:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["status"] == status
    async with asked(database) as http:
        assert (await http.get("/api/v1/stations")).status_code == 200, "where reading without signing in is set"


@pytest.mark.usefixtures("configured")
async def test_each_collection_has_what_its_view_has(database: str, conn: Connection) -> None:
    fill(conn)
    conn.execute(
        """insert into alarm (rule, level, station, channel_id, severity, state, raised_at, value, "limit", texts)
           select 'do-low', 'act', station, channel_id, 'high', 'unacknowledged', %s, 2.1, 3.0,
                  '{"title": {"vi": "Oxy thấp", "en": "Low oxygen"}}' from channel where channel = %s""",
        [NOW, DO],
    )
    conn.execute(
        """insert into ministry_file (station, time, name, content, made_at)
           values ('st-my-thanh', %(at)s, 'a/b.txt', 'x', %(at)s)""",
        {"at": NOW},
    )
    conn.execute("insert into latest select channel_id, time, value, 0, 0, time from reading where time = %s", [NOW])
    async with asked(database) as http:
        (alarm,) = await every(http, "/api/v1/alarms?standing=true&severity=high")
        assert (alarm["title"], alarm["channel"], alarm["limit"], alarm["cleared_at"]) == ("Oxy thấp", DO, 3.0, None)
        assert await every(http, "/api/v1/alarms?standing=false") == []
        (flag,) = await every(http, "/api/v1/flags?from=2026-11-24T00:00:00Z&to=2026-11-24T03:00:00Z")
        assert (flag["channel"], flag["test"], flag["flag"], flag["by_person"]) == (DO, "spike", 4, False)
        (file,) = await every(http, "/api/v1/files?from=2026-11-24T00:00:00Z&to=2026-11-24T03:00:00Z")
        assert (file["name"], file["status"]) == ("a/b.txt", "made")
        latest = {one["channel"]: one for one in await every(http, "/api/v1/latest?limit=1")}
        assert {DO, "st-tran-de/do"} <= latest.keys()
        assert (latest[DO]["stage"] in ("raw", "unreviewed"), latest[DO]["quality"]) == (True, 1)
        stations = await every(http, "/api/v1/stations?station=st-my-thanh")
        assert [one["station"] for one in stations] == ["st-my-thanh"]
        shown = conn.execute(
            """select day, channel, expected, received, valid from v_completeness where station = 'st-my-thanh'
               and day <= %s order by 1, 2""",
            [NOW.date()],
        ).fetchall()
        rows = await every(
            http, f"/api/v1/completeness?station=st-my-thanh&last={NOW.date()}&first=2026-01-01&limit=50"
        )
        assert [
            (date.fromisoformat(one["day"]), one["channel"], one["expected"], one["received"], one["valid"])
            for one in rows
        ] == [row for row in shown if row[0] >= date(2026, 1, 1)]


@pytest.mark.usefixtures("configured")
async def test_a_mistake_is_named_and_whoever_asks_too_often_waits(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "time", SimpleNamespace(monotonic=lambda: 0.0))  # no bucket fills
    of_one = f"readings?channel={DO}"
    async with asked(database) as http:
        for path, said in (
            ("readings", "channel: Field required"), (f"{of_one}&form=2026-11-24T00:00:00Z", "form: found"),
            (f"{of_one}&from=2026-11-24T00:00:00", "from: "), (f"{of_one}&resolution=weekly", "resolution"),
            (f"{of_one}&from=2026-11-25T00:00:00Z&to=2026-11-24T00:00:00Z", "not after"),
            ("stations?limit=0", "limit: "), ("completeness?first=2026-02-01&last=2026-01-01", "first"),
            ("outlooks", "openapi.json"),
        ):  # fmt: skip
            answer = await http.get(f"/api/v1/{path}")
            assert answer.status_code in (400, 404, 422), path
            assert said in answer.json()["detail"], answer.text
            assert answer.headers["content-type"] == "application/problem+json"
        for _ in range(3):
            answer = await http.get("/api/v1/openapi.json")
            assert answer.status_code == 200, "the description costs nothing"
        statuses = [(await http.get("/api/v1/stations?limit=0")).status_code for _ in range(620)]
        assert (statuses[500], statuses[-1]) == (422, 429), "hundreds at once, and then no more"
        refused = await http.get("/api/v1/stations?limit=0")
        assert int(refused.headers["retry-after"]) >= 1


async def test_the_description_has_the_api_alone_with_an_example_of_each_answer(database: str) -> None:
    async with asked(database, None) as http:
        found = (await http.get("/api/v1/openapi.json")).json()
    assert found["openapi"].startswith("3.1")
    names = {"stations", "channels", "readings", "latest", "alarms", "completeness", "flags", "files"}
    assert found["paths"].keys() == {f"/api/v1/{name}" for name in names}
    for path, methods in found["paths"].items():
        assert methods.keys() == {"get"}
        content = methods["get"]["responses"]["200"]["content"]["application/json"]
        for example in content["examples"].values():
            items = content["schema"]["properties"]["items"]["items"]
            (item,) = example["value"]["items"]
            fields = [one["properties"].keys() for one in items.get("oneOf", [items])]
            assert item.keys() in fields, path
        assert "outlooks" in found["info"]["description"]
    json.dumps(found)
