"""Who comes in and may do what: every route by every role, sessions, tokens of pages, roles at some stations."""

from __future__ import annotations

import csv
import html
import io
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any, cast
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute

from dashboards.console import admission
from dashboards.console.admission import SignInNeeded, Visitor, acts_of, local_page, while_signed_in
from dashboards.console.app import create_app
from dashboards.console.context import AdmissionRules, Console
from dashboards.console.hub import Hub
from dashboards.console.watcher import NothingSeenYet
from quantrac.database import audit
from quantrac.database.pool import Connection, open_pool
from quantrac.desks import accounts, tokens
from quantrac.desks.roles import MATRIX, DeskAct, Role, RoleGrant
from tests.fixtures.console import LIMITS, RunningConsole, session_of, with_session
from tests.fixtures.timing import eventually

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
PASSWORD = "mười hai con tôm"
PLACES = {
    "station": "st-my-thanh", "name": "do", "camera": "gate", "alarm_id": "1", "number": "1", "login": "nobody",
    "at": "1", "rule": "do-low", "contact_id": "1", "view_id": "1", "file": "stations/st-my-thanh.yaml",
    "proposal": "5f0c1a9e", "place": "stations/st-my-thanh", "year": "2025", "version": "1",
    "language": "vi", "part": "pdf", "token": "x", "secret": "x", "word": "x", "path": "Things",
}  # fmt: skip

ALARM_HERE = """
insert into alarm (rule, level, station, severity, state, raised_at, texts)
values ('do-low', 'act', 'st-my-thanh', 'low', 'unacknowledged', now(),
        '{"title": {"vi": "Oxy thấp", "en": "Low oxygen"}}') returning alarm_id
"""


class Blind:
    """A watcher that has seen nothing."""

    zone = ZoneInfo("UTC")

    def see(self) -> None:
        raise NothingSeenYet

    def attend(self) -> None:
        """Nobody is told."""


@asynccontextmanager
async def served(
    database: str,
    rules: AdmissionRules | Role | None,
    watcher: Blind | None = None,
    clock: Callable[[], datetime] = lambda: NOW,
    **more: Any,
) -> AsyncIterator[tuple[httpx.AsyncClient, list[APIRoute]]]:
    """Yield a client of a console without a server, and the routes.

    `rules`: or what whoever has not signed in may be. `more` parts of the console than it must have.
    """
    admits = rules if isinstance(rules, AdmissionRules) else AdmissionRules(rules, LIMITS)
    with open_pool(database, "test admission") as pool:
        console = Console(pool, Hub(), cast(Any, watcher or Blind()), clock, admits, **more)
        app = create_app(console, frozenset({"console"}))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://console") as http:
            yield http, [route for route in app.routes if isinstance(route, APIRoute) and acts_of(route)]


async def asked(http: httpx.AsyncClient, route: APIRoute, secret: str | None) -> int:
    """Return the status with which a session's request to a route is answered; of the stream only the head is asked."""
    method = "POST" if "POST" in (route.methods or ()) else "HEAD"
    body = {"reason": "vì sao"} if method == "POST" else None
    headers = {} if secret is None else with_session(secret)
    return (await http.request(method, route.path_format.format(**PLACES), json=body, headers=headers)).status_code


@pytest.mark.usefixtures("configured")
async def test_every_route_lets_in_the_roles_of_the_matrix_and_nobody_else(database: str, conn: Connection) -> None:
    sessions = {role: [session_of(conn, role, NOW, RoleGrant(role)) for _ in range(2)] for role in Role}
    async with served(database, None) as (http, routes):
        assert len(routes) >= 27
        for route, role in itertools.product(routes, Role):
            (act,) = acts_of(route)
            secret = sessions[role][1 if route.path == "/api/sign-out" else 0]
            status = await asked(http, route, secret)
            assert (status not in (401, 403)) == (role in MATRIX[act].roles), (route.path, role, status)
        elsewhere = session_of(conn, "elsewhere", NOW, RoleGrant(Role.ADMINISTRATOR, frozenset({"st-tran-de"})))
        of_a_station = [route for route in routes if route.param_convertors.keys() & {"station", "alarm_id"}]
        assert of_a_station
        for route in of_a_station:
            assert await asked(http, route, elsewhere) == 403, route.path
        for route in routes:
            expected = 401 if route.path.startswith(("/api/", "/sensorthings/")) else 303
            assert await asked(http, route, None) == await asked(http, route, "guessed") == expected, route.path
    async with served(database, Role.VIEWER) as (http, routes):
        for route in routes:
            (act,) = acts_of(route)
            is_shut = route.path.startswith("/api/") and Role.VIEWER not in MATRIX[act].roles
            assert (await asked(http, route, None) == 401) == (is_shut or "POST" in (route.methods or ())), route.path


@pytest.mark.usefixtures("configured")
async def test_an_administrator_finds_acts_and_takes_them_home(database: str, conn: Connection) -> None:
    by = with_session(session_of(conn, "Lê Thị Chi", NOW, RoleGrant(Role.ADMINISTRATOR)))
    minute, formula = timedelta(minutes=1), "=cmd|'/c calc'!A0"
    with audit.coming(audit.Origin("service")):
        for n in range(120):
            audit.record(conn, NOW - n * minute, f"người {n % 2}", "replay", f"letter {n}", formula if n else None)
    with audit.coming(audit.Origin("console", "an.le", "operator", "192.0.2.9")):
        audit.record(conn, NOW - timedelta(days=2), "Lê Văn <b>An</b>", "shelved", "alarm 17", "đang vệ sinh")
    async with served(database, None) as (http, _):

        async def rows(query: str) -> list[str]:
            page = await http.get(f"/audit?{query}", headers=by)
            assert page.status_code == 200
            return re.findall(r"<tr><td>(.*?)</tr>", page.text, re.DOTALL)

        (older,) = re.findall(
            r'<a href="\?([^"]*before=[^"]*)"', (await http.get("/audit?act=replay", headers=by)).text
        )
        assert (len(await rows("act=replay")), len(await rows(html.unescape(older)))) == (100, 20)
        (found,) = await rows("person=AN.le")
        for words in ("Lê Văn &lt;b&gt;An", "cảnh báo 17", "đang vệ sinh", "trực ban", "bảng điều khiển", "192.0.2.9"):
            assert words in found, words
        assert found.startswith("10:00:00 22/11/2026<")
        for query, count in (
            ("object=ALARM+17", 1), ("way=console&act=shelved", 1), ("act=replay&way=console", 0),
            ("act=shelved&until=2026-11-22", 1), ("act=shelved&until=2026-11-21", 0), ("since=9999-12-31", 0),
            ("act=shelved&since=2026-11-22&until=9999-12-31", 1), ("act=shelved&since=2026-11-23", 0),
            ("person=ng%C6%B0%E1%BB%9Di+1", 60),
        ):  # fmt: skip
            assert len(await rows(query)) == count, query
        taken = await http.get("/audit.csv?act=replay", headers=by)
        lines = list(csv.DictReader(io.StringIO(taken.text)))
        assert (len(lines), {line["way"] for line in lines}) == (120, {"service"})
        assert (lines[-1]["object"], lines[-1]["at"]) == ("letter 0", "2026-11-24 10:00:00+07:00")
        assert {line["reason"] for line in lines} == {"", f"'{formula}"}, "no spreadsheet runs what people wrote"
        assert (await http.get("/audit?since=x", headers=by)).status_code == 422


@pytest.mark.usefixtures("configured")
async def test_a_program_does_what_its_token_covers_until_its_end(database: str, conn: Connection) -> None:
    here, day = frozenset({"st-my-thanh"}), timedelta(days=1)
    acts = [DeskAct.READ, DeskAct.OUT_OF_SERVICE]
    secret = tokens.add(conn, "cổng tỉnh", acts, here, NOW + day, "an", NOW)
    over, revoked = (tokens.add(conn, n, [DeskAct.READ], None, NOW + day, "an", NOW - day) for n in ("a", "b"))
    tokens.revoke(conn, "b", "an", "lộ", NOW)
    conn.execute("update api_token set expires_at = %s where name = 'a'", [NOW])
    for scopes, end in (([], day), ([DeskAct.ACCOUNTS], day), (acts, 401 * day), (acts, -day)):
        with pytest.raises(accounts.AccountRefused):
            tokens.add(conn, "c", scopes, None, NOW + end, "an", NOW)
    with pytest.raises(accounts.AccountRefused, match="found the station st-x"):
        tokens.add(conn, "c", acts, frozenset({"st-x"}), NOW + day, "an", NOW)
    assert conn.execute(ALARM_HERE).fetchone() == (int(PLACES["alarm_id"]),)
    async with served(database, Role.VIEWER) as (http, routes):
        bearer = {"Authorization": f"Bearer {secret}"}
        for route in routes:
            method = "POST" if "POST" in (route.methods or ()) else "HEAD"
            body = {"reason": "vì sao"} if method == "POST" else None
            found = await http.request(method, route.path_format.format(**PLACES), json=body, headers=bearer)
            (act,) = acts_of(route)
            assert (found.status_code not in (401, 403)) == (act in acts), route.path
        wish = {"reason": "thay đầu đo"}
        away = await http.post("/api/stations/st-tran-de/out-of-service", json=wish, headers=bearer)
        assert (away.status_code, away.json()["error"]) == (403, "the token cổng tỉnh may not do this here")
        away = await http.get("/api/alarms/17.0/pictures/gate", headers=bearer)
        assert away.status_code == 403, "by no spelling is an alarm the network"
        for bad in (over, revoked, "guessed", ""):
            refused = await http.get("/api/alarms", headers={"Authorization": f"Bearer {bad}"})
            assert refused.status_code == 401, "not even what may be read without signing in"
    done = "select person, account, role, way from v_audit where act = 'out of service'"
    assert conn.execute(done).fetchall() == [("cổng tỉnh", "cổng tỉnh", None, "token")]
    (row,) = (row for row in tokens.tokens(conn) if row.name == "cổng tỉnh")
    assert (row.used_at, secret in str(conn.execute("select * from api_token").fetchall())) == (NOW, False)


@pytest.mark.usefixtures("configured")
async def test_a_role_at_some_stations_reads_and_acts_there_only(console: RunningConsole) -> None:
    mine, other = console.raise_alarm(), "st-my-thanh"
    console.raise_alarms()
    console.refuse_files()
    here = frozenset({"st-cu-lao-dung"})
    by = console.sign_in("Lê Văn An", RoleGrant(Role.OPERATOR, here))
    away = console.conn.execute("select alarm_id from v_alarm where station = %s limit 1", [other]).fetchone()
    centre = console.conn.execute("select alarm_id from v_alarm where station is null").fetchone()
    assert away is not None
    assert centre is not None
    for spelling in ("{}", "{}.0", "%2B{}", "0{}", "1_{}", " {}", "{}e0", "９{}"):
        for method, path in (("GET", "pictures/gate"), ("POST", "comment")):
            asked = f"/api/alarms/{quote(spelling.format(away[0]), safe='%')}/{path}"
            assert console.ask(method, asked, {"reason": "x"}, by=by)[0] == 403, asked
    assert console.ask("GET", f"/api/alarms/{centre[0]}/pictures/gate", by=by)[0] == 403, "it belongs to no station"
    assert console.ask("GET", f"/api/alarms/{mine}/pictures/gate", by=by)[0] == 404
    for number, expected in ((mine, 200), (away[0], 403), (centre[0], 403), (10**9, 403)):
        assert console.ask("POST", f"/api/alarms/{number}/acknowledge", {}, by=by)[0] == expected
    for station, expected in (("st-cu-lao-dung", 200), (other, 403), ("st-nowhere", 403)):
        assert console.ask("GET", f"/stations/{station}", by=by)[0] == expected
        wish = {"reason": "thay đầu đo"}
        assert console.ask("POST", f"/api/stations/{station}/out-of-service", wish, by=by)[0] == expected

    def network() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(console.ask("GET", "/api/network", by=by)[2])
        return found

    eventually(lambda: network()["standing"])  # what is seen is at most three seconds old
    seen = network()
    assert {row["station"] for kind in ("stations", "channels", "alarms", "aside") for row in seen[kind]} == here
    assert (seen["standing"], seen["refused"]) == (1, None)
    assert [alarm["alarm_id"] for alarm in json.loads(console.ask("GET", "/api/alarms", by=by)[2])] == [mine]
    assert json.loads(console.ask("GET", f"/api/alarms?station={other}", by=by)[2]) == []
    assert other not in console.ask("GET", "/", by=by)[2]
    with console.stream(by) as part, console.stream() as whole:
        assert {row["station"] for row in next(part)[1]["stations"]} == here
        assert len(next(whole)[1]["stations"]) == 6
        console.arrive("st-cu-lao-dung/do", 6.5)
        news: list[str] = []
        while "st-cu-lao-dung" not in news:
            news += next(part)[1].get("channels", {"station": []})["station"]
        assert set(news) == here


def test_a_person_chooses_a_password_by_the_invitation_signs_in_acts_and_signs_out(
    unstarted_console: Callable[..., RunningConsole],
) -> None:
    console = unstarted_console(console_anonymous=None)
    console.start(first_answer=401)
    accounts.add(console.conn, "an.le", "Lê Văn An", [RoleGrant(Role.OPERATOR)], "test", datetime.now(UTC))
    secret = accounts.invite(console.conn, "an.le", "test", datetime.now(UTC))
    for _ in range(2):
        status, headers, page = console.ask("GET", f"/enter/{secret}")
        assert (status, "new-password" in page, "set-cookie" in headers) == (200, True, False)
    assert console.ask("POST", "/api/enter", {"secret": secret, "password": "ngắn"}, by="")[0] == 422
    assert console.ask("POST", "/api/enter", {"secret": secret, "password": PASSWORD}, by="")[0] == 200
    assert console.ask("POST", "/api/enter", {"secret": secret, "password": PASSWORD}, by="")[0] == 410
    assert console.ask("GET", f"/enter/{secret}?lang=en")[0] == 410
    status, headers, _ = console.ask("GET", "/stations/st-tran-de?lang=en")
    assert (status, headers["location"]) == (303, "/sign-in?lang=en&next=%2Fstations%2Fst-tran-de%3Flang%3Den")
    assert "Mật khẩu" in console.ask("GET", "/sign-in")[2]
    assert "not encrypted" in console.ask("GET", headers["location"])[2]
    wrong = console.ask("POST", "/api/sign-in", {"login": "an.le", "password": "x"}, by="")
    assert (wrong[0], json.loads(wrong[2])["error"]) == (403, "tên đăng nhập hoặc mật khẩu không đúng")
    status, headers, text = console.ask("POST", "/api/sign-in", {"login": "an.le", "password": PASSWORD}, by="")
    assert status == 200
    (cookie,) = SimpleCookie(headers["set-cookie"]).values()
    attributes = (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"], cookie["domain"])
    assert attributes == (True, "lax", "/", "", "")
    assert json.loads(text)["csrf"] == with_session(cookie.value)["X-CSRF-Token"]
    assert console.ask("GET", "/sign-in?next=//elsewhere.example", by=cookie.value)[1]["location"] == "/"
    renewed = console.ask("POST", "/api/sign-in", {"login": "an.le", "password": PASSWORD}, by=cookie.value)
    (second,) = SimpleCookie(renewed[1]["set-cookie"]).values()
    assert console.ask("GET", "/api/network", by=cookie.value)[0] == 401, "signing in again ends the session before"
    alarm = console.raise_alarm()
    assert console.ask("POST", f"/api/alarms/{alarm}/acknowledge", {}, by=second.value)[0] == 200
    assert console.ask("POST", "/api/sign-out", {}, by=second.value)[0] == 200
    assert console.ask("GET", "/api/network", by=second.value)[0] == 401
    row = "select person, account, role, way, address from v_audit where act = 'acknowledged'"
    assert console.conn.execute(row).fetchall() == [("Lê Văn An", "an.le", "operator", "console", "127.0.0.1")]
    guess = {"login": "an.le", "password": "x"}
    found = [console.ask("POST", "/api/sign-in", guess, by="") for _ in range(7)]
    assert [status for status, _, _ in found] == [403] * 5 + [429] * 2
    assert found[-1][1]["retry-after"] == "900"


def test_behind_tls_the_session_is_of_this_host_and_of_encrypted_lines_only(console: RunningConsole) -> None:
    made = accounts.add(console.conn, "chi.le", "Lê Thị Chi", [RoleGrant(Role.VIEWER)], "test", datetime.now(UTC))
    link = accounts.make_link(console.conn, made.account_id, "sign in", datetime.now(UTC) + timedelta(hours=1))
    behind = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    status, headers, _ = console.ask("POST", "/api/enter", {"secret": link}, by="", **behind)
    (name, cookie), *_ = SimpleCookie(headers["set-cookie"]).items()
    assert (status, name, cookie["secure"], cookie["path"]) == (200, "__Host-quantrac", True, "/")
    assert "not encrypted" not in console.ask("GET", "/sign-in?lang=en", **behind)[2]
    address = console.conn.execute("select address from v_audit where act = 'sign in'").fetchone()
    assert address == ("203.0.113.9",)


async def test_who_waits_for_the_look_keeps_no_connection(database: str) -> None:
    looked: list[bool] = []

    class Looking(Blind):
        def see(self) -> None:
            with pool.connection(timeout=60.0):  # the only one
                looked.append(True)
            raise NothingSeenYet

    with open_pool(database, "test admission", most=1) as pool:
        rules = AdmissionRules(Role.VIEWER, LIMITS)
        app = create_app(Console(pool, Hub(), Looking(), lambda: NOW, rules), frozenset({"console"}))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console") as http:
            assert (await http.get("/api/network")).status_code == 503
    assert looked


@pytest.mark.usefixtures("configured")
async def test_an_account_without_a_role_may_go_and_a_page_learns_its_new_token(
    database: str, conn: Connection
) -> None:
    secret = session_of(conn, "Lê Văn An", NOW)
    conn.execute("delete from account_role")
    by = with_session(secret)
    async with served(database, None) as (http, _):
        assert (await http.get("/api/alarms", headers=by)).status_code == 403
        assert (await http.get("/sign-in?next=/", headers=by)).status_code == 200, "no way round in circles"
        stale = await http.post("/api/sign-out", json={}, headers={**by, "X-CSRF-Token": "of the session before"})
        assert (stale.status_code, stale.headers.get("X-Session")) == (403, "other")
        known = (await http.get("/api/session", headers=by)).json()
        assert (known["name"], known["csrf"]) == ("Lê Văn An", by["X-CSRF-Token"])
        assert not known["acts"]
        assert known["login"].startswith("account.")
        gone = await http.post("/api/sign-out", json={}, headers=by)
        assert (gone.status_code, "X-Session" in gone.headers) == (200, False)
        assert (await http.get("/api/session", headers=by)).status_code == 401


@pytest.mark.parametrize("end", [SignInNeeded("over"), psycopg.OperationalError("away")], ids=["over", "away"])
async def test_a_stream_whose_session_cannot_be_seen_ends_without_an_error(
    monkeypatch: pytest.MonkeyPatch, end: Exception
) -> None:
    async def events() -> AsyncIterator[bytes]:
        while True:
            yield b"change"

    def asked(*_: object) -> Visitor:
        raise end

    monkeypatch.setattr(admission, "ASKED_AGAIN_S", 0.0)
    monkeypatch.setattr(admission, "visitor", asked)
    by, nothing = Visitor("a program", "a program", (), ""), cast(Any, None)
    assert [event async for event in while_signed_in(nothing, nothing, by, events())] == []


def test_the_stream_of_an_account_that_is_disabled_ends(
    console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "ASKED_AGAIN_S", 0.0)
    by = console.sign_in("Lê Văn An")
    with console.stream(by) as stream:
        next(stream)
        login = console.conn.execute("select login from account where name = 'Lê Văn An'").fetchone()
        assert login is not None
        accounts.disable(console.conn, login[0], "test", "đã nghỉ việc", datetime.now(UTC))
        assert eventually(lambda: next(stream, None) is None)


def test_the_sign_in_page_leads_nowhere_else() -> None:
    elsewhere = (
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "https://elsewhere.example",
        "javascript:x",
        "/a\nb",
        "//[",
        "",
    )
    for address in elsewhere:
        assert local_page(address) == "/", address
    for address in ("/", "/stations/st-my-thanh?lang=en", "/?next=https://elsewhere.example"):
        assert local_page(address) == address
        assert urlsplit(address).netloc == ""


def test_an_application_with_a_route_that_asks_nobody_does_not_come_up(database: str) -> None:
    with open_pool(database, "test admission") as pool:
        app = create_app(Console(pool, Hub(), Blind(), lambda: NOW, AdmissionRules(None, LIMITS)), frozenset())  # type: ignore[arg-type]

    @app.get("/api/forgotten")
    def forgotten() -> dict[str, int]:
        return {}

    with pytest.raises(AssertionError, match=r"/api/forgotten: found .*expected one act"):
        admission.check_gates(app)
