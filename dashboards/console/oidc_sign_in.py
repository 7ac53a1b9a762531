"""Coming in by an OpenID Connect provider: the way there, the way back, and what is said where it fails."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import address_of, admit, is_encrypted, local_page
from dashboards.console.context import Console
from dashboards.console.provider import Flow, Provider, ProviderAway
from dashboards.console.sign_in import end_earlier_session, sign_in_context
from dashboards.console.texts import Language
from quantrac.desks import identities
from quantrac.desks.sessions import SignInRefused, TooManyAttempts, begin_attempt, network_of, take_back
from quantrac.observe.logs import logger
from quantrac.telemetry.words import Words

log = logger(__name__)

COOKIE: Final = "quantrac-oidc"
LASTS_S: Final = 600
"""How long somebody may take at the provider."""
FORGED: Final = Words(
    "lần đăng nhập này không bắt đầu từ trình duyệt này, hoặc đã quá 10 phút (state); hãy đăng nhập lại",
    "this sign-in did not begin in this browser, or more than 10 minutes ago (state); sign in again",
)
DENIED: Final = Words("nhà cung cấp không cho đăng nhập", "the provider did not let you sign in")
Long = Annotated[str, Query(max_length=2000)]


def _language(found: str) -> Language:
    return "en" if found == "en" else "vi"


def add_oidc_sign_in(app: FastAPI, console: Console, templates: Jinja2Templates, provider: Provider) -> None:
    """Add the way to the provider and back to the application."""

    def failed(request: Request, lang: Language, next_page: str, refusal: SignInRefused) -> Response:
        log.warning("provider_sign_in_refused", why=refusal.words.en)
        context = sign_in_context(lang, "sign in", next_page)
        context["problem"] = refusal.words.in_language(lang)
        status = 503 if isinstance(refusal, ProviderAway) else 429 if isinstance(refusal, TooManyAttempts) else 403
        return templates.TemplateResponse(request, "sign_in.html", context, status)

    @app.get("/oidc/start")
    def start(request: Request, lang: Language = "vi", next: Long = "/", moved: bool = False) -> Response:  # noqa: A002
        """Lead to the provider. What comes back must belong to the secret that this browser keeps meanwhile."""
        secret, next_page = secrets.token_urlsafe(32), local_page(next)
        if request.headers.get("host") != urlsplit(provider.settings.console).netloc and not moved:
            # Whoever came by another name, such as the address, comes back by this one, where his cookie must be.
            there = urlencode({"lang": lang, "next": next_page, "moved": "true"})
            return RedirectResponse(f"{provider.settings.console}/oidc/start?{there}", 303)
        try:
            answer: Response = RedirectResponse(provider.way_in(Flow(secret)), 303)
        except SignInRefused as refusal:
            return failed(request, lang, next_page, refusal)
        answer.set_cookie(
            COOKIE, f"{secret}.{lang}.{quote(next_page)}", LASTS_S, path="/oidc/", secure=is_encrypted(request),
            httponly=True, samesite="lax",
        )  # fmt: skip
        return answer

    @app.get("/oidc/return")
    def come_back(request: Request, state: Long = "", code: Long = "", error: Long = "", iss: Long = "") -> Response:
        """Open a session for whoever comes back from the provider with a code, and lead to what was asked for."""
        secret, language, wished = (*request.cookies.get(COOKIE, "").split(".", 2), "", "", "")[:3]
        lang, next_page = _language(language), local_page(unquote(wished))
        flow = Flow(secret)
        try:
            if not secret or not hmac.compare_digest(flow.state.encode(), state.encode()):
                raise SignInRefused(FORGED)
            if error or not code or iss not in ("", provider.settings.issuer):
                raise SignInRefused(DENIED)
            session = open_session(console, provider, code, flow, address_of(request))
        except SignInRefused as refusal:
            answer = failed(request, lang, next_page, refusal)
        else:
            end_earlier_session(request, console)
            answer = RedirectResponse(next_page, 303)
            admit(answer, request, session, console.rules.limits)
        answer.delete_cookie(COOKIE, path="/oidc/", secure=is_encrypted(request), httponly=True, samesite="lax")
        return answer


def open_session(console: Console, provider: Provider, code: str, flow: Flow, address: str) -> str:
    """Return the secret of a session for a code. A code that the provider refuses counts, apart from passwords.

    A network may fail `sessions.MOST_OF_ADDRESS` times: whoever invents codes does not keep the provider busy.
    """
    now = console.clock()
    with console.pool.connection() as conn:
        attempt = begin_attempt(conn, flow.state, f"provider {network_of(address)}", now)
    try:
        who = provider.identity(code, flow, now)
    except ProviderAway:
        with console.pool.connection() as conn:
            take_back(conn, attempt)
        raise
    with console.pool.connection() as conn:
        take_back(conn, attempt)
        return identities.sign_in(conn, who, provider.settings.roles, address, console.rules.limits, now)
