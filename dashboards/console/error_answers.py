"""What is answered where something was refused or failed: a page that says so, or the reason for a script."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from psycopg.errors import QueryCanceled

from alerts.people.contacts import UnknownContact
from dashboards.api.answers import AskedTooOften, BadQuery, NotHere, is_for_programs, problem
from dashboards.api.cursors import BadCursor
from dashboards.console.admission import (
    NotAllowed,
    NotFromOurPage,
    SecondFactorNeeded,
    SignInNeeded,
    account_page,
    sign_in_page,
)
from dashboards.console.check_turn import ChecksBusy
from dashboards.console.context import Console, LongReadsBusy
from dashboards.console.equipment_page import NoStretch
from dashboards.console.exports_page import TooMuchForAPage
from dashboards.console.refusals import NotFound, language_of, misunderstanding, refusal
from dashboards.console.station_page import BadRange
from dashboards.console.texts import Language, texts
from dashboards.console.trial_page import BadTrial
from dashboards.console.watcher import NothingSeenYet
from dashboards.sensorthings.options import NotOffered
from quantrac.config.config_folder import NoSuchFile
from quantrac.config.rule_edits import BadEdit
from quantrac.database.pool import one_line
from quantrac.desks.acts import BadReview
from quantrac.desks.config_files import BadChange
from quantrac.desks.entries import BadEntry
from quantrac.desks.saved_views import BadView, NoSuchView
from quantrac.desks.shift import NoSuchShift
from quantrac.desks.stages import BadStage
from quantrac.desks.trace import NothingToTrace
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from reports.desk import NoMinistryFiles, TooManyDays
from reports.disclosure.year import NotDisclosed
from reports.exports.selection import BadSelection, UnknownName
from reports.spans import BadSpan

log = logger(__name__)

STATUS: Final[dict[type[Exception], int]] = {
    NothingSeenYet: 503,
    SignInNeeded: 401,
    NotAllowed: 403,
    SecondFactorNeeded: 403,
    NotFromOurPage: 403,
    NotFound: 404,
    NotHere: 404,
    BadCursor: 400,
    BadQuery: 400,
    NotOffered: 501,
    AskedTooOften: 429,
    UnknownContact: 404,
    BadRange: 422,
    BadReview: 422,
    BadEntry: 422,
    BadSpan: 422,
    BadSelection: 422,
    NotDisclosed: 404,
    UnknownName: 422,
    TooMuchForAPage: 422,
    BadStage: 422,
    NothingToTrace: 404,
    NoSuchShift: 404,
    NoSuchView: 404,
    BadView: 422,
    NoStretch: 422,
    BadTrial: 422,
    BadEdit: 422,
    LongReadsBusy: 429,
    ChecksBusy: 429,
    NoSuchFile: 404,
    BadChange: 422,
    NoMinistryFiles: 422,
    TooManyDays: 422,
}
"""Of refusals; any other is a conflict with what is so already."""
SAID: Final[dict[type[Exception], str]] = {
    NotAllowed: "not_allowed", LongReadsBusy: "long_reads_busy", NothingSeenYet: "not_ready",
}  # fmt: skip
"""Of refusals of pages: a text that says more than the refusal."""


class TookTooLong(QuantracError):
    """The database ended a statement at its time limit."""


def add_error_answers(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Answer what the routes raise."""
    app.exception_handler(QuantracError)(partial(_refused, console, templates))
    app.exception_handler(RequestValidationError)(partial(_not_understood, templates))
    app.exception_handler(404)(partial(_no_such_place, templates))
    away = NothingSeenYet("the console cannot reach the database")
    app.exception_handler(psycopg.OperationalError)(_failed(templates, "not_ready", away))
    too_long = TookTooLong("this took too long and was stopped: ask for less, or try again")
    app.exception_handler(QueryCanceled)(_failed(templates, "took_too_long", too_long))


def message(templates: Jinja2Templates, request: Request, lang: Language, text: str, status: int) -> Response:
    """Return a page that says one thing; what passes by itself is asked for again by itself."""
    return _page(templates, request, lang, texts(lang)[text], status)


def _page(templates: Jinja2Templates, request: Request, lang: Language, words: str, status: int) -> Response:
    context = {"lang": lang, "t": texts(lang), "text": words, "again": status in (429, 503)}
    return templates.TemplateResponse(request, "message.html", context, status)


def _is_data(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _refused(console: Console, templates: Jinja2Templates, request: Request, error: QuantracError) -> Response:
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 409)
    if is_for_programs(request.url.path):
        return problem(request, status, str(error), _wait_of(error))
    if not _is_data(request):
        return _refused_page(console, templates, request, error, status)
    language = language_of(request.headers.get("accept-language"))
    headers = {"X-Session": "other"} if isinstance(error, NotFromOurPage) else None
    if isinstance(error, SecondFactorNeeded):
        headers = {"X-Session": f"owes {error.owes}"}
    return JSONResponse({"error": refusal(error, language, console.watcher.zone)}, status, headers)


def _refused_page(
    console: Console, templates: Jinja2Templates, request: Request, error: QuantracError, status: int
) -> Response:
    if isinstance(error, SignInNeeded):
        return RedirectResponse(sign_in_page(request), 303)
    if isinstance(error, SecondFactorNeeded):
        return RedirectResponse(account_page(request), 303)
    lang, text = _language_asked(request), SAID.get(type(error))
    words = refusal(error, lang, console.watcher.zone) if text is None else texts(lang)[text]
    return _page(templates, request, lang, words, status)


def _wait_of(error: QuantracError) -> dict[str, str]:
    if isinstance(error, AskedTooOften):
        return {"Retry-After": str(math.ceil(error.wait_s))}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, SignInNeeded) else {}


async def _not_understood(templates: Jinja2Templates, request: Request, error: RequestValidationError) -> Response:
    if is_for_programs(request.url.path):
        return problem(request, 422, misunderstanding(error.errors(), "en"))
    if not _is_data(request):
        lang = _language_asked(request)
        return _page(templates, request, lang, misunderstanding(error.errors(), lang), 422)
    language = language_of(request.headers.get("accept-language"))
    return JSONResponse({"error": misunderstanding(error.errors(), language)}, 422)


async def _no_such_place(templates: Jinja2Templates, request: Request, _: Exception) -> Response:
    if is_for_programs(request.url.path):
        return problem(request, 404, "there is nothing of this name: see /api/v1/openapi.json")
    if not _is_data(request):
        return message(templates, request, _language_asked(request), "no_such_place", 404)
    language = language_of(request.headers.get("accept-language"))
    return JSONResponse({"error": texts(language)["no_such_place"]}, 404)


def _failed(
    templates: Jinja2Templates, text: str, why: QuantracError
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return what answers when the database fails; it needs no thread, all of which may wait for the database."""

    async def answer(request: Request, error: Exception) -> Response:
        log.warning("database_failed", work="page", why=one_line(error))
        status = 504 if isinstance(why, TookTooLong) else 503
        if is_for_programs(request.url.path):
            return problem(request, status, str(why), {"Retry-After": "5"})
        if not _is_data(request):
            return message(templates, request, _language_asked(request), text, status)
        language = language_of(request.headers.get("accept-language"))
        return JSONResponse({"error": refusal(why, language, ZoneInfo("UTC"))}, status)

    return answer


def _language_asked(request: Request) -> Language:
    return "en" if request.query_params.get("lang") == "en" else "vi"
