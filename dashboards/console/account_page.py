"""The page of one's own account: who one is here, and the second factor: giving, enrolling, renewing, ending it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import segno
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, StringConstraints

from dashboards.console.admission import Gate, Visitor, admit, cookie_of, local_page, sign_in_page
from dashboards.console.context import Console
from dashboards.console.sign_in import refused
from dashboards.console.texts import Language, texts
from quantrac.database.pool import Connect
from quantrac.database.time_zone import time_zone
from quantrac.desks import second_factor, sessions
from quantrac.desks.roles import DeskAct
from quantrac.desks.second_factor import FactorRequest
from quantrac.desks.sessions import SignInRefused
from quantrac.telemetry.errors import QuantracError

API: Final = "/api/account/second-factor"


class NoAccountPage(QuantracError):
    """A program has a token, and neither an account nor a second factor."""


class TypedCode(BaseModel):
    """A code of the authenticator, or a recovery code."""

    code: Annotated[str, StringConstraints(min_length=6, max_length=40)]


def add_account_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its requests to the application. A session reaches them while it owes a second factor."""
    gate = Gate(console, DeskAct.READ, needs_role=False)

    @app.get("/account", response_class=HTMLResponse)
    def show_account(
        request: Request,
        lang: Language = "vi",
        next: str = "/",  # noqa: A002
        by: Visitor = Depends(gate),
    ) -> Response:
        """One's account, roles and second factor; first of all the field for a code that the session owes."""
        if by.login is None:
            return RedirectResponse(sign_in_page(request), 303)
        _check_is_person(by)
        with console.pool.connection() as conn:
            state, zone = second_factor.state(conn, by.login), time_zone(conn)
        other = "en" if lang == "vi" else "vi"
        context = {
            "lang": lang, "other": other, "t": texts(lang), "by": by, "next": local_page(next), "state": state,
            "zone": zone, "has_key": console.rules.seal is not None,
        }  # fmt: skip
        return templates.TemplateResponse(request, "account.html", context)

    _add_requests(app, console, gate)


def _add_requests(app: FastAPI, console: Console, gate: Gate) -> None:
    seal = console.rules.seal

    @app.post(f"{API}/begin")
    def begin(request: Request, lang: Language = "vi", by: Visitor = Depends(gate)) -> Response:
        """Make a secret, as a QR code and as text; nothing counts before `confirm`."""

        def act(connect: Connect, who: FactorRequest) -> dict[str, Any]:
            secret, address = second_factor.begin(connect, who, seal)
            return {"secret": secret, "address": address, "picture": qr_code(address)}

        return _answered(console, request, by, lang, act)

    @app.post(f"{API}/confirm")
    def confirm(request: Request, body: TypedCode, lang: Language = "vi", by: Visitor = Depends(gate)) -> Response:
        """Turn it on by a first code; answers the recovery codes, once."""

        def act(connect: Connect, who: FactorRequest) -> dict[str, Any]:
            codes, session = second_factor.confirm(connect, who, body.code, seal)
            return {"codes": codes, "session": session}

        return _answered(console, request, by, lang, act)

    @app.post(f"{API}/prove")
    def prove(request: Request, body: TypedCode, lang: Language = "vi", by: Visitor = Depends(gate)) -> Response:
        """Give the code that the session owes."""

        def act(connect: Connect, who: FactorRequest) -> dict[str, Any]:
            return {"session": second_factor.prove(connect, who, body.code, seal)}

        return _answered(console, request, by, lang, act)

    @app.post(f"{API}/recovery-codes")
    def renew_codes(request: Request, body: TypedCode, lang: Language = "vi", by: Visitor = Depends(gate)) -> Response:
        """Make new recovery codes, for a code."""

        def act(connect: Connect, who: FactorRequest) -> dict[str, Any]:
            return {"codes": second_factor.renew_codes(connect, who, body.code, seal)}

        return _answered(console, request, by, lang, act)

    @app.post(f"{API}/remove")
    def remove(request: Request, body: TypedCode, lang: Language = "vi", by: Visitor = Depends(gate)) -> Response:
        """Turn it off, for a code."""

        def act(connect: Connect, who: FactorRequest) -> dict[str, Any]:
            second_factor.remove(connect, who, body.code, seal)
            return {}

        return _answered(console, request, by, lang, act)


def _answered(
    console: Console,
    request: Request,
    by: Visitor,
    lang: Language,
    act: Callable[[Connect, FactorRequest], dict[str, Any]],
) -> Response:
    """Answer with what the act returns; `session`, where it is in it, is the secret of the session from now on."""
    _check_is_person(by)
    known = request.cookies.get(cookie_of(request), "")
    try:
        found = act(console.pool.connection, FactorRequest(known, by.address, console.rules.limits, console.clock()))
    except SignInRefused as refusal:
        return refused(refusal, by.address, lang)
    secret = found.pop("session", None)
    answer = JSONResponse({**found, "csrf": sessions.csrf_of(secret or known)})
    if secret is not None:
        admit(answer, request, secret, console.rules.limits)
    return answer


def qr_code(address: str) -> str:
    """Return an address as a QR code: the `data:` address of an SVG, dark on light in every scheme. Pure."""
    return segno.make(address, error="m", micro=False).svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def _check_is_person(by: Visitor) -> None:
    if by.token is not None:
        raise NoAccountPage("a program has no account page")
