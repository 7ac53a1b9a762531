"""Coming in and going out: the sign-in page, one-time links, and what their scripts ask."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from pydantic import AfterValidator, BaseModel, StringConstraints

from dashboards.console.admission import (
    Gate,
    Visitor,
    address_of,
    admit,
    cookie_of,
    is_encrypted,
    local_page,
    visitor,
)
from dashboards.console.context import Console
from dashboards.console.provider import Provider
from dashboards.console.texts import Language, texts
from quantrac.desks import sessions
from quantrac.desks.passwords import HashersBusy, PasswordRefused
from quantrac.desks.roles import DeskAct
from quantrac.desks.second_factor import WrongMoment
from quantrac.desks.sessions import SignInRefused, TooManyAttempts
from quantrac.observe.logs import logger

log = logger(__name__)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("found a character that cannot be printed")
    return text


Short = Annotated[str, StringConstraints(max_length=200)]


class Credentials(BaseModel):
    """The body of signing in."""

    login: Annotated[Short, AfterValidator(_printable)]
    password: Short


class LinkAnswer(BaseModel):
    """The body of using a link: its secret and, where it invites, the password that was chosen."""

    secret: Short
    password: Short = ""


def add_sign_in(app: FastAPI, console: Console, templates: Jinja2Templates, provider: Provider | None) -> None:
    """Add the pages and requests to the application. Of them only `session` and `sign-out` need a session."""
    _add_pages(app, console, templates)
    _add_entrances(app, console)
    _add_session(app, console, provider)


def _add_pages(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    def page(request: Request, lang: Language, **more: Any) -> Response:
        return templates.TemplateResponse(request, "sign_in.html", {**sign_in_context(lang), **more})

    @app.get("/sign-in", response_class=HTMLResponse)
    def show_sign_in(request: Request, lang: Language = "vi", next: str = "/") -> Response:  # noqa: A002
        """Ask for login and password; whoever is signed in, with a role, goes on."""
        found = visitor(request, console)
        if found.login is not None and (found.grants or found.owes):
            return RedirectResponse(local_page(next), 303)
        return page(request, lang, purpose="sign in", next=local_page(next))

    @app.get("/enter/{secret}", response_class=HTMLResponse)
    def show_link(request: Request, secret: str, lang: Language = "vi") -> Response:
        """Show what a link is for; opening it changes nothing, for mail scanners open every link."""
        with console.pool.connection() as conn:
            purpose = sessions.purpose_of(conn, secret, console.clock())
        answer = page(request, lang, purpose=f"link {purpose}", secret=secret, next="/")
        answer.status_code = 200 if purpose else 410
        return answer


def sign_in_context(lang: Language, purpose: str = "sign in", next_page: str = "/") -> dict[str, Any]:
    """Return what the template of the sign-in page needs."""
    other = "en" if lang == "vi" else "vi"
    return {"lang": lang, "other": other, "t": texts(lang), "purpose": purpose, "next": next_page}


def _add_entrances(app: FastAPI, console: Console) -> None:
    limits = console.rules.limits

    def admitted(request: Request, secret: str) -> Response:
        """Answer with the new session; the one that the browser had before ends."""
        end_earlier_session(request, console)
        answer = JSONResponse({"csrf": sessions.csrf_of(secret)})
        admit(answer, request, secret, limits)
        return answer

    @app.post("/api/sign-in")
    def sign_in(request: Request, body: Credentials, lang: Language = "vi") -> Response:
        """Open a session for a login and its password."""
        address = address_of(request)
        if not console.rules.passwords:
            return JSONResponse({"error": texts(lang)["no_passwords"]}, 403)
        try:
            now = console.clock()
            secret = sessions.sign_in(console.pool.connection, body.login, body.password, address, limits, now)
        except SignInRefused as refusal:
            return refused(refusal, address, lang)
        except HashersBusy:
            return _busy(lang)
        return admitted(request, secret)

    @app.post("/api/enter")
    def enter(request: Request, body: LinkAnswer, lang: Language = "vi") -> Response:
        """Open a session by a link, and set the password where it invites."""
        address, now = address_of(request), console.clock()
        try:
            secret = sessions.enter(console.pool.connection, body.secret, body.password, address, limits, now)
        except HashersBusy:
            return _busy(lang)
        except (SignInRefused, PasswordRefused) as refusal:
            status = 410 if isinstance(refusal, SignInRefused) else 422
            return JSONResponse({"error": refusal.words.in_language(lang)}, status)
        return admitted(request, secret)


def end_earlier_session(request: Request, console: Console) -> None:
    """End the session that the browser has: a new one takes its place."""
    if before := request.cookies.get(cookie_of(request)):
        with console.pool.connection() as conn:
            sessions.sign_out(conn, before, address_of(request), console.clock())


def refused(refusal: SignInRefused, address: str, lang: Language) -> Response:
    """Return the answer to a password or code that lets nobody in."""
    error = {"error": refusal.words.in_language(lang)}
    if not isinstance(refusal, TooManyAttempts):
        return JSONResponse(error, 409 if isinstance(refusal, WrongMoment) else 403)
    log.warning("sign_in_refused", network=sessions.network_of(address))
    return JSONResponse(error, 429, {"Retry-After": str(round(sessions.ATTEMPTS_COUNT_FOR.total_seconds()))})


def _busy(lang: Language) -> Response:
    return JSONResponse({"error": texts(lang)["sign_in_busy"]}, 503, {"Retry-After": "5"})


def _add_session(app: FastAPI, console: Console, provider: Provider | None) -> None:
    @app.get("/api/session")
    def session(by: Visitor = Depends(Gate(console, DeskAct.READ, needs_role=False))) -> dict[str, Any]:
        """Tell a page who it is for, what it must send with an act, and which acts may be done at which stations."""
        acts = by.acts if by.login else {}
        return {"login": by.login, "name": by.name, "csrf": by.csrf, "acts": acts, "owes": by.owes}

    @app.post("/api/sign-out")
    def sign_out(request: Request, by: Visitor = Depends(Gate(console, DeskAct.READ, needs_role=False))) -> Response:
        """End the session, also that of an account without a role; `go_on`: where to end that of the provider, too."""
        with console.pool.connection() as conn:
            secret = request.cookies.get(cookie_of(request), "")
            issuer = sessions.sign_out(conn, secret, by.address, console.clock())
        way_out = provider.way_out() if provider is not None and issuer == provider.settings.issuer else None
        answer = JSONResponse({"signed_out": by.login, "go_on": way_out})
        answer.delete_cookie(cookie_of(request), path="/", secure=is_encrypted(request), httponly=True, samesite="lax")
        return answer
