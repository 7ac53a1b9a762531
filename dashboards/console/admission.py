"""Admission: who sends a request, and whether they may do what the route stands for.

Every route of the application names its act (`Gate`), or is one of the few that are open. A gate knows the session by
its cookie, wants the token of the session's own pages for everything that changes something, and asks the matrix of
roles.
"""

import hmac
import re
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from dashboards.console.context import Console
from dashboards.console.strangers import network_of
from quantrac.config.config_folder import NoSuchFile, file_named
from quantrac.database import audit
from quantrac.desks import sessions, tokens
from quantrac.desks.roles import MATRIX, DeskAct, Role, RoleGrant, readable, role_for
from quantrac.desks.sessions import Owed, SessionLimits
from quantrac.desks.tokens import TokenHolder
from quantrac.telemetry.errors import QuantracError, TranslatableError

COOKIE: Final = "quantrac"
CSRF_HEADER: Final = "X-CSRF-Token"
ALARM_ID: Final = re.compile(r"[0-9]{1,18}")
"""How a request spells an alarm; by any other spelling it is of no station."""
ALARM_STATION: Final = "select station from v_alarm where alarm_id = %s"


class SignInNeeded(QuantracError):
    """Nobody is signed in, or the session is over."""


class NotAllowed(TranslatableError):
    """The signed-in person may not do this."""


class SecondFactorNeeded(QuantracError):
    """The session allows nothing until its person has given, or enrolled, a second factor."""

    def __init__(self, owes: Owed) -> None:
        super().__init__("sign in with the second factor first: open the console's page /account")
        self.owes = owes


class NotFromOurPage(QuantracError):
    """The request lacks the token that the session's own pages send."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a request."""

    login: str | None
    """None: nobody signed in; they may only read."""
    name: str
    grants: tuple[RoleGrant, ...]
    address: str
    csrf: str = ""
    """What the pages of this session send with every act."""
    role: Role | None = None
    """The role by which the act of this request is allowed."""
    token: TokenHolder | None = None
    """The program that sent a token instead of a session."""
    owes: Owed = None
    """What the session waits for; meanwhile it has no grants."""

    @property
    def acts(self) -> dict[str, list[str] | None]:
        """What they may do → at which stations; None: at all, and what belongs to none."""
        found: dict[str, list[str] | None] = {}
        for act in DeskAct:
            if grants := [grant for grant in self.grants if grant.role in MATRIX[act].roles]:
                stations = readable(grants)
                found[act.value] = None if stations is None else sorted(stations)
        return found

    def may(self, act: DeskAct, station: str | None) -> bool:
        """Whether a role of theirs allows an act at a station; None: what belongs to none."""
        return role_for(self.grants, act, station) is not None

    @property
    def account(self) -> str:
        """The key by which bounds for one account count: login or token, else the network that they come from."""
        return self.login or network_of(self.address)

    @property
    def sees_people(self) -> bool:
        """Whether they see who gets messages: names, and what files say of them; others see masked addresses alone."""
        return self.may(DeskAct.CONTACTS, None)

    @property
    def stations(self) -> frozenset[str] | None:
        """The stations that they may read; None: all."""
        return readable(self.grants) if self.token is None else self.token.stations

    def acting(self) -> AbstractContextManager[None]:
        """Say, for the block, in whose account and from where acts come."""
        way: audit.Way = "console" if self.token is None else "token"
        return audit.coming(audit.Origin(way, self.login, self.role, self.address))


@dataclass(frozen=True, eq=False)
class Gate:
    """Lets through who may do an act; a dependency of every route that is not open."""

    console: Console
    act: DeskAct
    needs_role: bool = True
    """False: whoever is signed in goes through, also an account without a role for the act."""
    anywhere: bool = False
    """True: of what belongs to no station, a role at some station is enough."""

    def __call__(self, request: Request) -> Visitor:
        """Return who sends the request. Raises SignInNeeded, SecondFactorNeeded, NotAllowed, NotFromOurPage."""
        found, station = visitor(request, self.console), _station(request, self.console)
        of_network = not request.path_params.keys() & {"station", "alarm_id"}
        of_some = self.anywhere and of_network and station is None
        if found.token is not None:  # no browser sends it by itself, so it needs no token of a page
            if not found.token.may(self.act, station, of_network=of_network):
                raise NotAllowed("the token {name} may not do this here", name=found.name)
            return found
        is_act = request.method not in ("GET", "HEAD")
        role = _role_anywhere(found, self.act) if of_some else _role(found, self.act, station, of_network)
        if found.login is None and (is_act or role is None):
            raise SignInNeeded("sign in first")
        if is_act:
            _check_csrf(request, found)
        if found.owes is not None and self.needs_role:
            raise SecondFactorNeeded(found.owes)
        if role is None and self.needs_role:
            raise NotAllowed("the account {login} has no role for this here", login=found.login)
        return replace(found, role=role)


OPEN: Final = re.compile(
    r"/healthz|/public(\.json|/.*)?|/sign-in|/oidc/(start|return)|/enter/.*|/api/(sign-in|enter)|/api/v1/openapi\.json"
    r"|/a/.*|/receipts/.*"
)
"""Paths of routes without a gate: alive, what is public, coming in, and what proves itself."""


def acts_of(route: APIRoute) -> list[DeskAct]:
    """Return the acts whose gates stand before a route."""
    return [gate.call.act for gate in route.dependant.dependencies if isinstance(gate.call, Gate)]


def check_gates(app: FastAPI) -> None:
    """Let no application come up in which a route has neither one gate nor a place among the open ones."""
    for route in app.routes:
        if isinstance(route, APIRoute) and len(acts_of(route)) != (0 if OPEN.fullmatch(route.path) else 1):
            raise AssertionError(f"{route.path}: found {acts_of(route)}, expected one act, or a path that is open")


def visitor(request: Request, console: Console) -> Visitor:
    """Return who sends a request, whatever they may; without a session the database is not asked."""
    address, secret, found = address_of(request), request.cookies.get(cookie_of(request), ""), None
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _program(token.strip(), console, address)
    if secret:
        with console.pool.connection() as conn:
            found = sessions.signed_in(conn, secret, console.rules.limits, console.clock())
    if found is None:
        anonymous = console.rules.anonymous
        return Visitor(None, "", () if anonymous is None else (RoleGrant(anonymous),), address)
    return Visitor(found.login, found.name, found.grants, address, sessions.csrf_of(secret), owes=found.owes)


ASKED_AGAIN_S: Final = 60.0
"""How long an open page goes on after its session has ended."""


async def while_signed_in(
    console: Console, request: Request, by: Visitor, events: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """Yield the events of a stream while its session or token holds; it ends where the database cannot say so.

    It is asked now and then, which keeps the session from idling.
    """

    def holds() -> bool:
        try:
            found = visitor(request, console)
        except (SignInNeeded, psycopg.OperationalError):
            return False
        return (found.grants, found.token) == (by.grants, by.token)

    asked_at = time.monotonic()
    async for event in events:
        if by.login is not None and time.monotonic() - asked_at > ASKED_AGAIN_S:
            asked_at = time.monotonic()
            if not await run_in_threadpool(holds):
                return
        yield event


def _program(token: str, console: Console, address: str) -> Visitor:
    """Return the program whose token it is. Raises SignInNeeded, AskedTooOften."""
    console.guesses.check(address, token, time.monotonic())
    with console.pool.connection() as conn:
        found = tokens.holder(conn, token, console.clock())
    if found is None:
        console.guesses.note(address, token, time.monotonic())
        raise SignInNeeded("the token is unknown, revoked or over")
    console.guesses.note_right(token)
    return Visitor(found.name, found.name, (), address, token=found)


def admit(response: Response, request: Request, secret: str, limits: SessionLimits) -> None:
    """Give the browser its session: no script reads it, no other site's page sends it with an act."""
    response.set_cookie(
        cookie_of(request),
        secret,
        max_age=round(limits.absolute.total_seconds()),
        path="/",
        secure=is_encrypted(request),
        httponly=True,
        samesite="lax",
    )


def cookie_of(request: Request) -> str:
    """Return the cookie's name: behind TLS one that browsers take from nobody but this host itself."""
    return f"__Host-{COOKIE}" if is_encrypted(request) else COOKIE


def is_encrypted(request: Request) -> bool:
    """Tell whether the browser came by HTTPS, as the proxy on this machine says."""
    return request.url.scheme == "https"


def address_of(request: Request) -> str:
    """Return the network address from which a request came."""
    return request.client.host if request.client is not None else ""


def sign_in_page(request: Request) -> str:
    """Return the address of the sign-in page that leads back to what was asked for."""
    return _page_before(request, "/sign-in")


def account_page(request: Request) -> str:
    """Return the address of the page where a second factor is given or enrolled, which leads back likewise."""
    return _page_before(request, "/account")


def _page_before(request: Request, page: str) -> str:
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    language = "en" if request.query_params.get("lang") == "en" else "vi"
    return f"{page}?lang={language}&next={quote(asked, safe='')}"


def local_page(address: str) -> str:
    """Return an address of this console, `/` for one that would lead elsewhere."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_ours else "/"


def _role(found: Visitor, act: DeskAct, station: str | None, of_network: bool) -> Role | None:
    """Return the role by which they may; of the whole network everybody reads what they may read."""
    if act is DeskAct.READ and of_network:
        return found.grants[0].role if found.grants else None
    return role_for(found.grants, act, station)


def _role_anywhere(found: Visitor, act: DeskAct) -> Role | None:
    """Return a role by which they may do it at some station."""
    return next((grant.role for grant in found.grants if grant.role in MATRIX[act].roles), None)


def _check_csrf(request: Request, found: Visitor) -> None:
    sent = request.headers.get(CSRF_HEADER, "")
    if not found.csrf or not hmac.compare_digest(sent.encode(), found.csrf.encode()):
        raise NotFromOurPage("the page is older than the session: open it again")


def _station(request: Request, console: Console) -> str | None:
    """Return the station that a request is about, None: of none, of one that nobody knows, or the whole network."""
    station = request.path_params.get("station")
    alarm_id = request.path_params.get("alarm_id", "")
    if station is None and ALARM_ID.fullmatch(alarm_id):
        with console.pool.connection() as conn:
            station = (conn.execute(ALARM_STATION, [int(alarm_id)]).fetchone() or (None,))[0]
    if "file" in request.path_params:
        with suppress(NoSuchFile):
            return file_named(request.path_params["file"]).station
    return None if station is None else str(station)
