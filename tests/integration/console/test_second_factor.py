"""The second factor over the pages' own requests: enrolling, proving, replay, guessing, recovery, demand, reset."""

from __future__ import annotations

import base64
import itertools
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any, cast

import httpx
import psycopg
import pyotp
import pytest
from fastapi.routing import APIRoute
from typer.testing import CliRunner

from dashboards.console.admission import Gate
from dashboards.console.context import AdmissionRules
from quantrac.cli.commands import users
from quantrac.database.pool import Connect, Connection
from quantrac.database.pool import connect as connect_to
from quantrac.desks import accounts, second_factor, sessions
from quantrac.desks.roles import Role, RoleGrant
from quantrac.desks.second_factor import CodeRefused, FactorRefused, FactorRequest
from quantrac.desks.totp import Seal
from quantrac.telemetry.errors import QuantracError
from tests.fixtures.console import LIMITS, session_of, with_session
from tests.fixtures.timing import eventually
from tests.integration.console.test_admission import NOW, PASSWORD, PLACES, served

API = "/api/account/second-factor"
SEAL = Seal("k" * 32)


class Browser:
    """A browser at the console, with its cookies, and the person's telephone."""

    def __init__(self, http: httpx.AsyncClient, clock: list[datetime]) -> None:
        self.http, self.clock, self.csrf = http, clock, ""
        self.secret = ""

    async def post(self, path: str, **body: str) -> httpx.Response:
        answer = await self.http.post(f"{path}?lang=en", json=body, headers={"X-CSRF-Token": self.csrf})
        if answer.is_success:
            self.csrf = answer.json().get("csrf", self.csrf)
        return answer

    async def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/api/sign-in", login="an.le", password=password)

    async def said(self, path: str, **body: str) -> tuple[int, str]:
        answer = await self.post(path, **body)
        return answer.status_code, answer.json().get("error", "")

    async def reads(self) -> int:
        return (await self.http.get("/api/alarms")).status_code

    async def owes(self) -> str | None:
        found: str | None = (await self.http.get("/api/session")).json()["owes"]
        return found

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self.clock[0], counter_offset=steps)

    async def enrol(self) -> list[str]:
        made = (await self.post(f"{API}/begin")).json()
        assert made["secret"] in made["address"]
        self.secret = made["secret"]
        codes: list[str] = (await self.post(f"{API}/confirm", code=self.code())).json()["codes"]
        return codes


@asynccontextmanager
async def console(database: str, clock: list[datetime], seal: Seal | None = SEAL) -> AsyncIterator[Browser]:
    rules = AdmissionRules(Role.VIEWER, LIMITS, seal)
    async with served(database, rules, clock=lambda: clock[0]) as (http, _):
        yield Browser(http, clock)


@pytest.fixture
def an(conn: Connection) -> Connection:
    """The database with an operator's account that has a password."""
    accounts.add(conn, "an.le", "Lê <b>An</b>", [RoleGrant(Role.OPERATOR)], "test", NOW)
    invited = accounts.invite(conn, "an.le", "test", NOW)
    sessions.choose_password(lambda: nullcontext(conn), invited, PASSWORD, "192.0.2.1", LIMITS, NOW)
    return conn


async def test_a_person_enrols_and_from_then_on_the_password_alone_opens_nothing(database: str, an: Connection) -> None:
    clock = [NOW]
    async with console(database, clock) as browser:
        await browser.sign_in()
        assert (await browser.owes(), await browser.reads()) == (None, 200)
        assert await browser.said(f"{API}/confirm", code="123456") == (409, "no QR code was made; begin again")
        assert await browser.said(f"{API}/remove", code="123456") == (409, "the second factor is not on")
        await browser.post(f"{API}/begin")
        assert (await browser.said(f"{API}/confirm", code="000000"))[0] == 403
        before = browser.http.cookies["quantrac"]
        codes = await browser.enrol()
        assert len(codes) == 10
        assert (await browser.owes(), await browser.reads()) == (None, 200)
        assert browser.http.cookies["quantrac"] != before
        assert await browser.said(f"{API}/begin") == (409, "the second factor is on; turn it off first")
        assert (await browser.http.get("/api/alarms", headers=with_session(before))).status_code == 200, "a stranger's"
        page = (await browser.http.get("/account?lang=en")).text
        assert "Recovery codes left: 10" in page
        assert "Lê &lt;b&gt;An" in page

        await browser.sign_in()
        assert (await browser.owes(), await browser.reads()) == ("code", 403), "less than a stranger, who may read"
        led = await browser.http.get("/stations/st-my-thanh?lang=en")
        assert led.headers["location"] == "/account?lang=en&next=%2Fstations%2Fst-my-thanh%3Flang%3Den"
        assert 'data-act="prove"' in (await browser.http.get(led.headers["location"])).text
        assert await browser.said(f"{API}/prove", code=browser.code()) == (
            403, "this code was used already; wait for the next one",
        )  # fmt: skip
        assert await browser.said(f"{API}/prove", code=browser.code(2)) == (403, "the code is wrong")
        assert (await browser.post("/api/alarms/1/comment", reason="x")).headers["x-session"] == "owes code"
        half = browser.http.cookies["quantrac"]
        assert (await browser.said(f"{API}/prove", code=browser.code(1)))[0] == 200
        assert (await browser.owes(), await browser.reads(), browser.http.cookies["quantrac"] == half) == (
            None, 200, False,
        )  # fmt: skip
        clock[0] += timedelta(seconds=30)
        await browser.sign_in()
        assert (await browser.said(f"{API}/prove", code=browser.code()))[1].startswith("this code was used")
        assert (await browser.said(f"{API}/prove", code=codes[3].upper().replace("-", " ")))[0] == 200
        await browser.sign_in()
        assert await browser.said(f"{API}/prove", code=codes[3]) == (403, "the code is wrong")
        clock[0] += timedelta(seconds=60)
        assert (await browser.said(f"{API}/prove", code=browser.code()))[0] == 200
        clock[0] += timedelta(seconds=30)
        renewed = (await browser.post(f"{API}/recovery-codes", code=codes[4])).json()["codes"]
        assert not set(renewed) & set(codes)
        assert (await browser.said(f"{API}/remove", code=codes[5]))[0] == 403
        assert (await browser.said(f"{API}/remove", code=renewed[0]))[0] == 200
        known = an.execute("select failed from sign_in_attempt where address = '127.0.0.1'").fetchall()
        assert known == [(False,)], "the network from which the person came in stays known"
        await browser.sign_in()
        assert await browser.owes() is None
    kept = " ".join(
        str(row) for table in ("account_totp", "account_recovery_code", "audit")
        for row in an.execute(f"select t::text from {table} t")
    )  # fmt: skip
    assert not any(word in kept for word in (browser.secret, base64.b32decode(browser.secret).hex(), codes[0]))
    acts = [act for (act,) in an.execute("select act from v_audit where account = 'an.le' order by audit_id")]
    assert [act for act in acts if act not in ("sign in", "sign out", "choose password")] == [
        "turn on second factor", "prove second factor", "prove second factor", "prove second factor",
        "renew recovery codes", "turn off second factor",
    ]  # fmt: skip


async def test_whoever_has_the_password_gets_five_guesses_of_the_code_however_often_he_signs_in(
    database: str, an: Connection
) -> None:
    clock = [NOW]
    async with console(database, clock) as browser:
        await browser.sign_in()
        (recovery, *_) = await browser.enrol()
        found = []
        for _ in range(4):
            found.append((await browser.sign_in()).status_code)
            found.append((await browser.said(f"{API}/prove", code="000000"))[0])
        assert found == [200, 403, 200, 403, 200, 429, 429, 429]
        clock[0] += sessions.ATTEMPTS_COUNT_FOR + timedelta(seconds=1)
        await browser.sign_in()
        assert (await browser.said(f"{API}/prove", code=recovery))[0] == 200
    failed = an.execute("select count(*) from sign_in_attempt where failed").fetchone()
    assert failed == (0,), "whoever proves himself is forgiven"


def test_what_an_earlier_request_changed_is_seen_by_one_that_waited_for_it(database: str, an: Connection) -> None:
    def here() -> FactorRequest:
        secret = sessions.sign_in(lambda: nullcontext(an), "an.le", PASSWORD, "192.0.2.1", LIMITS, NOW)
        return FactorRequest(secret, "192.0.2.1", LIMITS, NOW)

    def refusal(late: Callable[[Connect], object], turn: int, first: Callable[[], object]) -> str:
        """Return why `late` is refused, whose connection number `turn` waits for what `first` does meanwhile."""
        arrived, go, turns = threading.Event(), threading.Event(), itertools.count(1)
        waits = "select exists (select from pg_locks where pid = %s and not granted)"
        with connect_to(database, "test late") as other, ThreadPoolExecutor(1) as thread:

            @contextmanager
            def connect() -> Iterator[Connection]:
                if next(turns) == turn:
                    arrived.set()
                    assert go.wait(60)
                yield other

            refused = thread.submit(late, connect)
            assert arrived.wait(60)
            with an.transaction():
                first()
                go.set()
                eventually(lambda: (an.execute(waits, [other.info.backend_pid]).fetchone() or (False,))[0], 60)
            with pytest.raises(CodeRefused) as found:
                refused.result(60)
        return str(found.value)

    one, two = here(), here()
    shown, _ = second_factor.begin(lambda: nullcontext(an), one, SEAL)
    code = pyotp.TOTP(shown).at(NOW)
    begun: list[str] = []

    def begin_anew() -> None:
        begun.append(second_factor.begin(lambda: nullcontext(an), two, SEAL)[0])

    assert refusal(lambda late: second_factor.confirm(late, one, code, SEAL), 1, begin_anew) == "the code is wrong"
    code = pyotp.TOTP(begun[0]).at(NOW)
    second_factor.confirm(lambda: nullcontext(an), two, code, SEAL)
    one, two, code = here(), here(), pyotp.TOTP(begun[0]).at(NOW, counter_offset=1)
    why = refusal(
        lambda late: second_factor.prove(late, one, code, SEAL), 2,
        lambda: second_factor.prove(lambda: nullcontext(an), two, code, SEAL),
    )  # fmt: skip
    assert why == "this code was used already; wait for the next one"


async def every_gate_is_shut(browser: Browser) -> None:
    """Ask every route but those of one's own account and session."""
    tried = 0
    for route in cast(Any, browser.http)._transport.app.routes:
        if isinstance(route, APIRoute) and any(one.call.needs_role for one in gates_of(route)):
            method = "POST" if "POST" in (route.methods or ()) else "HEAD"
            body, headers = ({"reason": "x"}, {"X-CSRF-Token": browser.csrf}) if method == "POST" else (None, {})
            found = await browser.http.request(method, route.path_format.format(**PLACES), json=body, headers=headers)
            of_programs = route.path.startswith(("/api/", "/sensorthings/"))
            assert found.status_code == (403 if of_programs else 303), route.path
            tried += 1
    assert tried >= 17


def gates_of(route: APIRoute) -> list[Any]:
    return [one for one in route.dependant.dependencies if isinstance(one.call, Gate)]


async def test_a_role_demands_it_at_once_and_an_administrator_resets_it_from_the_page(
    database: str, an: Connection
) -> None:
    chief = session_of(an, "Lê Thị Chi", NOW, RoleGrant(Role.ADMINISTRATOR))
    clock = [NOW]
    async with console(database, clock) as browser:
        await browser.sign_in()
        second_factor.demand(an, Role.OPERATOR, "test", "quy chế", NOW)
        with pytest.raises(FactorRefused, match="demands a second factor already"):
            second_factor.demand(an, Role.OPERATOR, "test", None, NOW)
        assert (await browser.owes(), await browser.reads()) == ("enrolment", 403), "also who is inside already"
        await every_gate_is_shut(browser)
        assert "Your role demands a second factor (operator)" in (await browser.http.get("/account?lang=en")).text
        assert (await browser.said(f"{API}/prove", code="123456"))[0] == 409
        (recovery, *_) = await browser.enrol()
        assert (await browser.owes(), await browser.reads()) == (None, 200)
        await browser.post(f"{API}/remove", code=recovery)
        assert await browser.owes() == "enrolment", "turned off is no way round"
        await browser.enrol()

        by = with_session(chief)
        page = (await browser.http.get("/accounts", headers=by)).text
        (row_of,) = re.findall(r'<tr data-login="an.le".*?</tr>', page, re.DOTALL)
        assert (page.count('data-deed="second-factor/reset"'), "second-factor/reset" in row_of) == (1, True)
        path = "/api/accounts/{}/second-factor/reset"
        browser.http.cookies.clear()
        for login, status in (("an.le", 200), ("an.le", 409), ("nobody", 409)):
            found = await browser.http.post(path.format(login), json={"reason": "mất điện thoại"}, headers=by)
            assert found.status_code == status, found.text
        row = "select person, role, object, reason, way from v_audit where act = 'reset second factor'"
        assert an.execute(row).fetchall() == [
            ("Lê Thị Chi", "administrator", "account an.le", "mất điện thoại", "console")
        ]
        assert (await browser.http.get("/api/session", headers=by)).json()["owes"] is None
        await browser.sign_in()
        assert await browser.owes() == "enrolment"
        second_factor.demand(an, Role.OPERATOR, "test", None, NOW, is_ended=True)
        assert await browser.owes() is None


async def test_without_its_key_nobody_enrols_and_recovery_codes_still_let_in(database: str, an: Connection) -> None:
    clock = [NOW]
    async with console(database, clock) as browser:
        await browser.sign_in()
        codes = await browser.enrol()
        secret = browser.secret
    for seal in (None, Seal("x" * 32)):
        async with console(database, clock, seal) as browser:
            browser.secret = secret
            await browser.sign_in()
            refused: Any = await browser.said(f"{API}/prove", code=browser.code(1))
            assert (refused[0], "QUANTRAC_ACCOUNT_KEY is missing or was changed" in refused[1]) == (403, True)
            assert (await browser.said(f"{API}/prove", code=codes.pop()))[0] == 200
    accounts.disable(an, "an.le", "test", None, NOW)
    async with console(database, clock, None) as browser:
        browser.http.cookies.update({"quantrac": session_of(an, "Bình", NOW)})
        browser.csrf = (await browser.http.get("/api/session")).json()["csrf"]
        assert (await browser.said(f"{API}/begin"))[0] == 409
        assert "QUANTRAC_ACCOUNT_KEY is not set" in (await browser.http.get("/account?lang=en")).text


def test_the_rights_of_the_console_suffice_nobody_else_reads_and_commands_do_the_same(
    database: str, an: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("quantrac_ingest", "quantrac_alerts", "quantrac_reader"):
        an.execute(f"set role {role}")
        for table in ("account_totp", "account_recovery_code", "role_demand"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                an.execute(f"select from {table}")
        an.execute("reset role")

    def enrol() -> None:
        connect, session = lambda: nullcontext(an), session_of(an, "Chi", NOW, RoleGrant(Role.TECHNICIAN))
        who = FactorRequest(session, "192.0.2.1", LIMITS, NOW)
        secret, _ = second_factor.begin(connect, who, SEAL)
        codes, session = second_factor.confirm(connect, who, pyotp.TOTP(secret).at(NOW), SEAL)
        session = second_factor.prove(connect, FactorRequest(session, "192.0.2.1", LIMITS, NOW), codes[0], SEAL)
        second_factor.renew_codes(connect, FactorRequest(session, "192.0.2.1", LIMITS, NOW), codes[1], SEAL)

    an.execute("set role quantrac_console")
    enrol()
    (whose,) = (row.login for row in accounts.accounts(an) if row.has_second_factor)
    for variable, value in (("DATABASE_URL", database), ("LOG", "text")):
        monkeypatch.setenv(f"QUANTRAC_{variable}", value)
    monkeypatch.delenv("QUANTRAC_ACCOUNT_KEY", raising=False)

    def done(*words: str) -> object:
        line = [*words, "--person", "root"]
        run = copy_context().run(CliRunner().invoke, users.app, line)  # a command says once that all it does is one
        return run.exception if isinstance(run.exception, QuantracError) else run.output.strip()

    assert "nobody could enrol" in str(done("totp", "demand", "technician"))
    assert str(done("totp", "demand", "technician", "--undo")) == "technician demands no second factor"
    monkeypatch.setenv("QUANTRAC_ACCOUNT_KEY", "k" * 32)
    assert done("totp", "demand", "technician") == "technician: second factor demanded"
    assert done("totp", "demand", "technician", "--undo") == "technician: no second factor demanded"
    assert done("totp", "reset", whose, "--reason", "mất điện thoại") == f"{whose}: no second factor"
    assert str(done("totp", "reset", whose)) == f"{whose} has no second factor"
    assert str(done("totp", "reset", "nobody")).startswith("there is no account nobody")
    monkeypatch.setenv("QUANTRAC_ACCOUNT_KEY", "short")
    assert "QUANTRAC_ACCOUNT_KEY: found 5 characters" in str(done("totp", "demand", "technician"))
    monkeypatch.setenv("QUANTRAC_ACCOUNT_KEY", "k" * 32)
    assert "QUANTRAC_OIDC_ISSUER is not set" in str(done("link", whose, "--subject", "s-1"))
    monkeypatch.setenv("QUANTRAC_OIDC_ISSUER", "https://so.example")
    assert done("link", whose, "--subject", "s-1") == f"{whose}: linked"
    assert str(done("link", whose, "--subject", "s-1")).startswith("subject s-1 is linked already")
    assert "expected what the provider has" in str(done("link", whose, "--email", "nobody"))
    assert "expected one of --subject and --email" in str(done("link", whose))
    assert "  linked" in copy_context().run(CliRunner().invoke, users.app, ["list"]).output
    assert done("link", whose, "--undo") == f"{whose}: unlinked"
    assert str(done("link", whose, "--undo")) == f"{whose} is linked to nobody at a provider"
