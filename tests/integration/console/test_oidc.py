"""Signing in by an OpenID Connect provider on this machine: whose account, what is refused, what if it is away."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dashboards.console import id_token, oidc_sign_in, provider
from dashboards.console.context import AdmissionRules
from dashboards.console.provider import Flow, Provider, ProviderAway, ProviderSettings
from quantrac.database.pool import Connection
from quantrac.desks import accounts, identities, second_factor, sessions
from quantrac.desks.accounts import AccountRefused
from quantrac.desks.roles import Role, RoleGrant
from quantrac.telemetry.words import Words
from tests.fixtures.console import LIMITS
from tests.fixtures.openid_provider import CLIENT, SECRET, OpenIdProvider, new_key, unsigned
from tests.fixtures.stations import add_station
from tests.integration.console.test_admission import NOW, PASSWORD, served
from tests.integration.console.test_second_factor import SEAL

CONSOLE = "http://console"
WITH_EMAIL = {"sub": "s-1", "email": "An.Le@so.example", "email_verified": True, "name": "Lê Văn An"}


class Browser:
    """A browser that goes from the console to the provider and back."""

    def __init__(self, http: httpx.AsyncClient, at: OpenIdProvider) -> None:
        self.http, self.at = http, at

    async def way_back(self, next_page: str = "/stations/st-my-thanh?lang=en") -> str:
        """Go to the provider and sign in there; returns where it leads back to."""
        there = await self.http.get("/oidc/start", params={"lang": "en", "next": next_page})
        assert there.status_code == 303
        return self.at.signs_in(there.headers["location"])

    async def comes_in(self, next_page: str = "/stations/st-my-thanh?lang=en") -> httpx.Response:
        return await self.http.get(await self.way_back(next_page))

    async def who(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get("/api/session")).json()
        return found


@pytest.fixture
def at_home() -> Iterator[OpenIdProvider]:
    with OpenIdProvider(lambda: NOW).running() as running:
        yield running


@asynccontextmanager
async def console(database: str, at: OpenIdProvider, *, passwords: bool = True, **more: Any) -> AsyncIterator[Browser]:
    known = replace(ProviderSettings(at.issuer, CLIENT, SECRET, "Sở", CONSOLE, "groups", {}), **more)
    async with served(database, AdmissionRules(None, LIMITS, SEAL, known, passwords)) as (http, _):
        yield Browser(http, at)


@pytest.fixture
def an(conn: Connection) -> Connection:
    accounts.add(conn, "an.le", "Lê Văn An", [RoleGrant(Role.OPERATOR)], "test", NOW)
    invited = accounts.invite(conn, "an.le", "test", NOW)
    sessions.choose_password(lambda: nullcontext(conn), invited, PASSWORD, "192.0.2.1", LIMITS, NOW)
    return conn


def refusal(answer: httpx.Response, words: Words, status: int = 403) -> None:
    is_said = any(text.replace("'", "&#39;") in answer.text for text in (words.vi, words.en))
    assert (answer.status_code, is_said) == (status, True), answer.text
    assert "quantrac=" not in str(answer.headers.get_list("set-cookie"))


async def test_a_linked_person_comes_in_is_known_by_the_subject_from_then_on_and_goes_out_at_both(
    database: str, an: Connection, at_home: OpenIdProvider
) -> None:
    at_home.person = WITH_EMAIL
    async with console(database, at_home) as browser:
        page = await browser.http.get("/sign-in?lang=en&next=/audit")
        assert "/oidc/start?lang=en&amp;next=/audit" in page.text
        by_address = await browser.http.get("/oidc/start?next=/audit", headers={"Host": "192.0.2.9"})
        assert by_address.headers["location"] == f"{CONSOLE}/oidc/start?lang=vi&next=%2Faudit&moved=true"
        unknown = await browser.comes_in()
        assert unknown.status_code == 403
        assert "no account is linked to you (subject s-1, email An.Le@so.example)" in unknown.text
        identities.link(an, "an.le", at_home.issuer, "email", " an.le@SO.example", "test", NOW)
        with pytest.raises(AccountRefused, match="is linked already"):
            identities.link(an, "an.le", at_home.issuer, "email", "an.le@so.example", "test", NOW)
        at_home.person = {**WITH_EMAIL, "email_verified": False}
        assert (await browser.comes_in()).status_code == 403, "anybody may write an address that nobody verified"
        at_home.person = WITH_EMAIL

        inside = await browser.comes_in()
        assert (inside.status_code, inside.headers["location"]) == (303, "/stations/st-my-thanh?lang=en")
        found = await browser.who()
        assert (found["login"], found["owes"], "acknowledge" in found["acts"]) == ("an.le", None, True)
        out = await browser.http.post("/api/sign-out", json={}, headers={"X-CSRF-Token": found["csrf"]})
        way_out = urlsplit(out.json()["go_on"])
        assert way_out._replace(query="").geturl() == f"{at_home.issuer}/end_session"
        assert parse_qs(way_out.query)["post_logout_redirect_uri"] == [f"{CONSOLE}/sign-in"]
        assert (await browser.http.get("/api/session")).status_code == 401

        at_home.person = {"sub": "s-1", "email": "other@so.example", "email_verified": True}
        assert (await browser.comes_in("//elsewhere.example/")).headers["location"] == "/"
        assert (await browser.who())["login"] == "an.le"
        at_home.person = {**WITH_EMAIL, "sub": "s-2"}
        assert (await browser.comes_in()).status_code == 403, "whoever got the address later is somebody else"
        accounts.disable(an, "an.le", "test", None, NOW)
        at_home.person = WITH_EMAIL
        refusal(await browser.comes_in(), identities.DISABLED)
        accounts.enable(an, "an.le", "test", None, NOW)
        identities.unlink(an, "an.le", "test", None, NOW)
        assert (await browser.comes_in()).status_code == 403
    acts = an.execute(
        "select person, act, detail ->> 'subject' from v_audit where act in ('link identity', 'unlink identity') "
        "order by audit_id"
    ).fetchall()
    host = urlsplit(at_home.issuer).netloc
    assert acts == [("test", "link identity", None), (host, "link identity", "s-1"), ("test", "unlink identity", None)]


async def test_what_was_forged_replayed_or_made_for_somebody_else_opens_nothing(
    database: str, an: Connection, at_home: OpenIdProvider
) -> None:
    identities.link(an, "an.le", at_home.issuer, "subject", "s-1", "test", NOW)
    async with console(database, at_home) as browser:
        back = await browser.way_back()
        cookie = browser.http.cookies["quantrac-oidc"]
        forged = back.replace(parse_qs(urlsplit(back).query)["state"][0], "0" * 64)
        refusal(await browser.http.get(forged), oidc_sign_in.FORGED)
        refusal(await browser.http.get(back), oidc_sign_in.FORGED)  # the attempt before ended this browser's sign-in
        kept = {"Cookie": f"quantrac-oidc={cookie}"}
        assert (await browser.http.get(back, headers=kept)).status_code == 303
        browser.http.cookies.clear()
        refusal(await browser.http.get(back, headers=kept), provider.CODE)
        for query in ("", "?state=", "?error=access_denied", f"?state={'é' * 9}&code=x"):
            refusal(await browser.http.get(f"/oidc/return{query}"), oidc_sign_in.FORGED)
        back = await browser.way_back()
        refusal(await browser.http.get(f"{back}&error=access_denied"), oidc_sign_in.DENIED)
        back = await browser.way_back()
        refusal(await browser.http.get(f"{back}&iss=https://evil.example"), oidc_sign_in.DENIED)
        earlier = parse_qs(urlsplit(await browser.way_back()).query)["code"][0]
        back = await browser.way_back()
        mixed = back.replace(parse_qs(urlsplit(back).query)["code"][0], earlier)
        refusal(await browser.http.get(mixed), provider.CODE)  # of another sign-in: PKCE

        at = int(NOW.timestamp())
        for wrong, why in (
            ({"nonce": "x"}, id_token.NONCE), ({"aud": "another"}, id_token.AUDIENCE),
            ({"iss": "https://evil.example"}, id_token.ISSUER), ({"exp": at - 61}, id_token.EXPIRED),
        ):  # fmt: skip
            at_home.wrong = wrong
            refusal(await browser.comes_in(), why)
        at_home.wrong, at_home.disguise = {}, unsigned
        refusal(await browser.comes_in(), id_token.ALGORITHM)
        at_home.disguise = lambda token: token[:-8] + "AAAAAAAA"
        refusal(await browser.comes_in(), id_token.SIGNATURE)
        at_home.disguise, at_home.key = lambda token: token, new_key()
        assert (await browser.comes_in()).status_code == 303, "keys that changed are asked for again"
        at_home.asked.clear()
        found = []
        for n in range(sessions.MOST_OF_ADDRESS + 2):
            flow = Flow(f"invented {n}")
            kept = {"Cookie": f"quantrac-oidc={flow.secret}"}
            found.append(await browser.http.get(f"/oidc/return?code=x&state={flow.state}", headers=kept))
        refusal(found[-1], sessions.TOO_MANY, 429)
        assert at_home.asked.count("/realms/so/token") < sessions.MOST_OF_ADDRESS, "codes that somebody invents"
        who = {"login": "an.le", "password": PASSWORD}
        assert (await browser.http.post("/api/sign-in", json=who)).status_code == 200, "passwords go on"
        an.execute("delete from sign_in_attempt")
    for secret in ("wrong", None):
        async with console(database, at_home, client_secret=secret) as browser:
            refusal(await browser.comes_in(), provider.CLIENT)


async def test_a_group_gets_an_account_with_its_role_while_somebody_is_in_it(
    database: str, an: Connection, at_home: OpenIdProvider
) -> None:
    roles = {"ca trực": Role.OPERATOR, "quản trị": Role.ADMINISTRATOR}

    async def comes(browser: Browser, *groups: str, **more: Any) -> set[str]:
        at_home.person = {"sub": "s-9", "preferred_username": "Bình.Trần@so.example", "name": "Trần <Bình>",
                          "groups": list(groups), **more}  # fmt: skip
        answer = await browser.comes_in()
        if answer.status_code != 303:
            return {answer.text[answer.text.index('role="alert">') + 13 :].partition("<")[0]}
        return {grant.role.value for grant in accounts.account(an, "binh.tran").grants}

    async with console(database, at_home, roles=roles) as browser:
        (why,) = await comes(browser, "khách")
        assert why.startswith("no account is linked to you (subject s-9)")
        assert await comes(browser, "khách", "ca trực") == {"operator"}
        assert (await browser.who())["name"] == "Trần <Bình>"
        add_station(an, "st-a")
        at_a = RoleGrant(Role.OPERATOR, frozenset({"st-a"}))
        accounts.change_role(an, "binh.tran", at_a, "test", None, NOW)
        assert await comes(browser, "ca trực") == {"operator"}
        assert accounts.account(an, "binh.tran").grants == (at_a,), "an administrator's limit stays"
        assert await comes(browser, "quản trị", "ca trực") == {"operator", "administrator"}
        assert at_a in accounts.account(an, "binh.tran").grants
        second_factor.demand(an, Role.ADMINISTRATOR, "test", None, NOW)
        await comes(browser, "quản trị")
        assert (await browser.who())["owes"] == "enrolment"
        await comes(browser, "quản trị", amr=["pwd", "mfa"])
        assert (await browser.who())["owes"] is None, "the provider has asked for a second factor"
        assert await comes(browser) == {identities.NO_GROUP.en}
        assert accounts.account(an, "binh.tran").grants == ()
        (why,) = await comes(browser, "ca trực", sub="s-10")
        assert why.startswith("no account is linked to you"), "a login that is somebody's is not given away"
        (why,) = await comes(browser, "ca trực", sub="s-12", preferred_username="x.y", name="LÊ  Va\u0306n An")
        assert why.startswith("another account has the name LÊ"), "nobody acts under another's name"
        assert [row.login for row in accounts.accounts(an)] == ["an.le", "binh.tran"]
    async with console(database, at_home) as browser:
        assert await comes(browser, "ca trực", sub="s-11") != {"operator"}, "no setting names a role for the group"


def test_whoever_comes_while_a_slow_provider_is_asked_is_told_soon(
    at_home: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "TURN_S", 0.01)
    asked, go, says = threading.Event(), threading.Event(), at_home.get

    def get(path: str) -> tuple[int, dict[str, Any]]:
        asked.set()
        assert go.wait(60)
        return says(path)

    monkeypatch.setattr(at_home, "get", get)
    monkeypatch.setattr(provider, "PATIENCE_S", 60)
    there = Provider(ProviderSettings(at_home.issuer, CLIENT, SECRET, "Sở", CONSOLE, "groups", {}))
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(there.way_in, Flow("one"))
        assert asked.wait(60)
        with pytest.raises(ProviderAway):
            there.way_in(Flow("two"))
        go.set()
        assert first.result(60).startswith(f"{at_home.issuer}/authorization?")


async def test_while_the_provider_is_away_passwords_go_on_unless_they_are_off(
    database: str, an: Connection, at_home: OpenIdProvider
) -> None:
    who = {"login": "an.le", "password": PASSWORD}
    async with console(database, at_home, passwords=False) as browser:
        assert 'name="password"' not in (await browser.http.get("/sign-in")).text
        assert (await browser.http.post("/api/sign-in", json=who)).status_code == 403
        at_home.document = {"issuer": "https://evil.example"}
        refusal(await browser.http.get("/oidc/start?lang=en"), provider.FOREIGN)
        at_home.document = {"token_endpoint": "http://elsewhere.example/token"}
        refusal(await browser.http.get("/oidc/start?lang=en"), provider.NOT_A_PROVIDER)
        at_home.document = {}
        back = await browser.way_back()
        at_home.stop()
        refusal(await browser.http.get(back), provider.AWAY, 503)
    async with console(database, at_home) as browser:
        refusal(await browser.http.get("/oidc/start?lang=en"), provider.AWAY, 503)
        assert (await browser.http.post("/api/sign-in", json=who)).status_code == 200
